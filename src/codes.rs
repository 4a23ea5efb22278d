//! OpenSSL's numbers that `openssl-sys` lacks.

use std::ffi::c_int;

/// The certificate is not for the host.
pub const X509_V_ERR_HOSTNAME_MISMATCH: c_int = 62;
