//! What OpenSSL's own security callback lets through at a level. OpenSSL's versions differ in that, so the callback itself
//! is asked, on a scratch connection at the same level; no function of a program's is.

use std::ffi::{c_int, c_void};
use std::ptr;

use openssl_sys as ffi;

use crate::audit::security;
use crate::libssl::new_context;
use crate::libssl::sys::{self, SecurityCallback};

/// A scratch connection at one level.
pub struct Level {
    ctx: *mut ffi::SSL_CTX,
    ssl: *mut ffi::SSL,
    callback: SecurityCallback,
}

impl Level {
    /// The level of that number; `None` where OpenSSL cannot be asked.
    pub fn at(level: c_int) -> Option<Level> {
        let callback = security::openssls_own()?;
        // SAFETY: the method is static.
        let ctx = unsafe { new_context::new_context(ffi::TLS_method()) };
        // SAFETY: the context is NULL, which is refused, or live.
        let this = Level { ctx, ssl: unsafe { ffi::SSL_new(ctx) }, callback };
        if this.ssl.is_null() {
            return None;
        }
        // SAFETY: the connection is live and ours alone.
        unsafe { sys::SSL_set_security_level(this.ssl, level) };
        Some(this)
    }

    /// Whether a version may be spoken.
    pub fn permits_version(&self, version: c_int) -> bool {
        self.permits(sys::SSL_SECOP_VERSION, 0, version, ptr::null())
    }

    /// Whether a suite may be used.
    ///
    /// # Safety
    /// `suite` is one of libssl's.
    pub unsafe fn permits_suite(&self, suite: *const ffi::SSL_CIPHER) -> bool {
        // SAFETY: as the caller promises; suites are static. NULL for the total bits asks for none.
        let bits = unsafe { ffi::SSL_CIPHER_get_bits(suite, ptr::null_mut()) };
        self.permits(sys::SSL_SECOP_CIPHER_SUPPORTED, bits, 0, suite)
    }

    fn permits(&self, operation: c_int, bits: c_int, nid: c_int, suite: *const ffi::SSL_CIPHER) -> bool {
        let other = suite.cast_mut().cast::<c_void>();
        // SAFETY: the callback is OpenSSL's, called as libssl calls it for a connection.
        unsafe { (self.callback)(self.ssl, ptr::null(), operation, bits, nid, other, ptr::null_mut()) == 1 }
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        // SAFETY: made in `at`, freed once; NULL is fine.
        unsafe {
            ffi::SSL_free(self.ssl);
            ffi::SSL_CTX_free(self.ctx);
        }
    }
}
