//! What OpenSSL's own security callback lets through at a level (SSL_CTX_set_security_level(3)), as far as an audit needs
//! it: the callback cannot be asked without a connection. A test compares it with libssl at every level.

use std::ffi::c_int;

use openssl_sys as ffi;

use super::facts::Suite;
use crate::sys;

/// The strength in bits that a level demands.
pub fn bits(level: c_int) -> c_int {
    match level {
        ..=0 => 0,
        1 => 80,
        2 => 112,
        3 => 128,
        4 => 192,
        5.. => 256,
    }
}

/// Whether a version may be spoken at `level`.
pub fn permits_version(level: c_int, version: c_int) -> bool {
    level <= 0 || version >= ffi::TLS1_2_VERSION
}

/// Whether a suite may be used at `level`.
pub fn permits_suite(level: c_int, suite: &Suite) -> bool {
    if level <= 0 {
        return true;
    }
    let forward_secret = suite.is_tls13()
        || matches!(
            suite.key_exchange,
            sys::NID_KX_DHE | sys::NID_KX_ECDHE | sys::NID_KX_DHE_PSK | sys::NID_KX_ECDHE_PSK
        );
    suite.bits >= bits(level)
        && suite.authentication != sys::NID_AUTH_NULL
        && suite.digest != sys::NID_MD5
        && (level < 3 || forward_secret)
        && (level < 4 || suite.digest != SHA1)
}

/// `NID_sha1`: 160 bits are too few from level 4 on.
const SHA1: c_int = 64;
