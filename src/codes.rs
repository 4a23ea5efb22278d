//! OpenSSL's numbers, as `openssl-sys` has them, and those that it lacks.

use std::ffi::c_int;

pub use openssl_sys::{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_OK};

/// The application refused what OpenSSL had accepted.
pub const X509_V_ERR_APPLICATION_VERIFICATION: c_int = 50;
/// The certificate is not for the host.
pub const X509_V_ERR_HOSTNAME_MISMATCH: c_int = 62;
