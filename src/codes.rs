//! OpenSSL's numbers that `openssl-sys` lacks.

use std::ffi::c_int;

/// The program's own verification refused.
pub const X509_V_ERR_APPLICATION_VERIFICATION: c_int = 50;
