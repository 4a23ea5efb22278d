//! What a security callback is, told by comparison with that of a context which nobody has touched. OpenSSL keeps its own
//! one to itself.

use crate::audit::facts::Security;
use crate::handshake::security;
use crate::libssl::security::openssls_own;
use crate::libssl::sys::SecurityCallback;

/// Whose callback it is.
pub fn whose(callback: Option<SecurityCallback>) -> Security {
    match callback {
        None => Security::Level,
        Some(callback) if security::is_ours(callback) => Security::Hostlock,
        Some(callback) if openssls_own().is_some_and(|own| std::ptr::fn_addr_eq(own, callback)) => Security::Level,
        Some(_) => Security::Program,
    }
}
