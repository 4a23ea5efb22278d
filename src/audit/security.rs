//! What a security callback is, told by comparison with that of a context which nobody has touched. OpenSSL keeps its own
//! one to itself.

use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::audit::facts::Security;
use crate::handshake::security;
use crate::libssl::new_context;
use crate::libssl::queue::Quiet;
use crate::libssl::sys::{self, SecurityCallback};

/// Whose callback it is.
pub fn whose(callback: Option<SecurityCallback>) -> Security {
    match callback {
        None => Security::Level,
        Some(callback) if security::is_ours(callback) => Security::Hostlock,
        Some(callback) if openssls_own().is_some_and(|own| std::ptr::fn_addr_eq(own, callback)) => Security::Level,
        Some(_) => Security::Program,
    }
}

/// OpenSSL's own callback: that of a context which has just been made.
pub fn openssls_own() -> Option<SecurityCallback> {
    static OWN: OnceLock<Option<SecurityCallback>> = OnceLock::new();
    *OWN.get_or_init(|| {
        let _quiet = Quiet::begin();
        // SAFETY: the method is static.
        let ctx = unsafe { new_context::new_context(ffi::TLS_method()) };
        if ctx.is_null() {
            return None;
        }
        // SAFETY: the context is live and ours alone, here and below.
        let callback = unsafe { sys::SSL_CTX_get_security_callback(ctx) };
        // SAFETY: as above, freed once.
        unsafe { ffi::SSL_CTX_free(ctx) };
        callback
    })
}
