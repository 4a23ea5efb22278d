//! Section "Contexts" of the header: how connections are to be, made once and shared by all of them
//!
//! A context is safe without another call. It *is* an SSL_CTX: give it to hostlock_connect, or to SSL_new. Every
//! `policy` below is the name of a dated policy such as "2026-11"; NULL or "default" is the newest. "2026-11-webpki"
//! adds the rules of the public web (CA/Browser Forum). "+cn-fallback" behind a name lets a certificate without any
//! subjectAltName be matched by its common name (for old devices; RFC 9525 forbids it). "+skip-broken" leaves broken
//! certificates out of what hostlock_ctx_trust_file, _dir and _mem name, instead of refusing it whole.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, pointer, status, text};
use super::{guard_of, hostlock_ctx};
use crate::bridge::libssl::check_handle;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::policy::{Choice, Policy};
use crate::verify::guard::Family;

/// A context for clients: TLS 1.2 and 1.3, strong suites, the system's roots, and every certificate checked against the
/// host inside the handshake. Free it with hostlock_ctx_free or SSL_CTX_free.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_client_new(policy: *const c_char) -> *mut hostlock_ctx {
    // SAFETY: as the caller promises.
    pointer(|| Ok(Context::client(unsafe { policy_of(policy)? })?.into_raw()))
}

/// A context for servers: the same policy, and clients that show a certificate are judged by it. Which clients are
/// trusted the program must say with hostlock_ctx_trust_file or one of its kind: the public roots never stand in.
/// Free it with hostlock_ctx_free or SSL_CTX_free.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_new(policy: *const c_char) -> *mut hostlock_ctx {
    // SAFETY: as the caller promises.
    pointer(|| Ok(Context::server(unsafe { policy_of(policy)? })?.into_raw()))
}

/// Frees a context, like SSL_CTX_free: connections that still use it keep it alive. NULL is fine; a
/// context of another copy of libssl is left as it is.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of which the caller owns a reference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_ctx_free(ctx: *mut hostlock_ctx) {
    accessor((), || {
        // SAFETY: as the caller promises, here and below.
        if unsafe { check_handle(ctx) }.is_ok() {
            // SAFETY: as above.
            unsafe { openssl_sys::SSL_CTX_free(ctx) }
        }
    })
}

/// How long this context's connections may take, in milliseconds: resolving, connecting and the handshake together, and
/// then each single read or write of a connection that hostlock drives. 0 waits for ever. The default is 30000.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_timeout(ctx: *mut hostlock_ctx, milliseconds: c_int) -> c_int {
    status(|| {
        // SAFETY: as the caller promises.
        let guard = unsafe { guard_of(ctx)? };
        let prepare = || {
            u32::try_from(milliseconds)
                .map_err(|_| Error::new(Status::EArg, format!("a timeout of {milliseconds} ms is negative")))
        };
        guard.configure(
            Family::Setting("hostlock_ctx_set_timeout"),
            "hostlock_ctx_set_timeout",
            prepare,
            |settings, value| settings.timeout_ms = value,
        )
    })
}

/// # Safety
/// `name` is NULL or NUL-terminated.
pub(super) unsafe fn policy_of(name: *const c_char) -> Result<Choice> {
    if name.is_null() {
        return Policy::named("default").map(Choice::from);
    }
    // SAFETY: as the caller promises.
    Choice::parse(unsafe { text(name, "policy")? })
}
