//! Which side a context that a program made is for, and which versions its method knows. OpenSSL tells neither, but the
//! methods of today are few and compare by address, and a method's first field is its version.

use std::ffi::c_int;
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::verify::guard::Role;

/// What a context's method says.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The side; `None` where each connection chooses.
    pub role: Option<Role>,
    /// The one version that an old method such as `TLSv1_method()` speaks.
    pub only_version: Option<c_int>,
    /// The method that speaks all versions in place of such a one.
    pub better_method: Option<*const ffi::SSL_METHOD>,
}

impl Side {
    /// The side of `ctx`; an error for contexts of DTLS and QUIC.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl.
    pub unsafe fn of(ctx: *const ffi::SSL_CTX) -> Result<Side> {
        // SAFETY: as the caller promises; the others take no arguments and give static methods.
        let (method, any, client, server) = unsafe {
            (
                crate::sys::SSL_CTX_get_ssl_method(ctx),
                ffi::TLS_method(),
                ffi::TLS_client_method(),
                ffi::TLS_server_method(),
            )
        };
        for (known, role) in [(any, None), (client, Some(Role::Client)), (server, Some(Role::Server))] {
            if method == known {
                return Ok(Side { role, only_version: None, better_method: None });
            }
        }
        let oldest = ffi::SSL3_VERSION;
        // SAFETY: both are methods of our libssl, which begin with their version.
        match unsafe { (version(method), version(any)) } {
            (found @ Some(_), Some(TLS_ANY_VERSION))
                if (oldest..=ffi::TLS1_3_VERSION).contains(&found.unwrap_or(0)) =>
            {
                Ok(Side { role: None, only_version: found, better_method: Some(any) })
            }
            _ => Err(Error::new(
                Status::EUnsupported,
                "this context is not for TLS over a stream: it is made for DTLS or QUIC",
            )
            .with_hint("hostlock looks after contexts of TLS_method(), TLS_client_method() and TLS_server_method()")),
        }
    }

    /// Whether the context can only serve.
    pub fn is_server_only(&self) -> bool {
        self.role == Some(Role::Server)
    }
}

/// What a method that negotiates the version bears in its place.
const TLS_ANY_VERSION: c_int = 0x10000;

/// # Safety
/// `method` is NULL or a method of our libssl.
unsafe fn version(method: *const ffi::SSL_METHOD) -> Option<c_int> {
    // SAFETY: as the caller promises; `of` trusts the field only where TLS_method() has the right number there.
    (!method.is_null()).then(|| unsafe { ptr::read(method.cast::<c_int>()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn DTLS_method() -> *const ffi::SSL_METHOD;
    }

    fn side(method: *const ffi::SSL_METHOD) -> Result<Side> {
        // SAFETY: the method is static; the context is freed once.
        unsafe {
            let ctx = ffi::SSL_CTX_new(method);
            let side = Side::of(ctx);
            ffi::SSL_CTX_free(ctx);
            side
        }
    }

    #[test]
    fn the_methods_of_today_say_their_side_and_dtls_is_refused() {
        // SAFETY: no arguments.
        let (any, client, server, datagrams) =
            unsafe { (ffi::TLS_method(), ffi::TLS_client_method(), ffi::TLS_server_method(), DTLS_method()) };
        assert_eq!(side(any).unwrap().role, None);
        assert_eq!(side(client).unwrap().role, Some(Role::Client));
        assert!(side(server).unwrap().is_server_only());
        assert_eq!(side(datagrams).unwrap_err().status(), Status::EUnsupported);
    }
}
