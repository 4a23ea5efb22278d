//! Installs the hooks on a context. What they do is in [`outer`], [`security`] and [`info`].

use std::ptr;

use openssl_sys as ffi;

use crate::sys;
use crate::verify::guard::{Guard, Role};
use crate::verify::{info, outer, security, staple};

/// Puts the three hooks in place and turns verification on.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that carries a guard and is not in use by another thread.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX) {
    // SAFETY: the hooks find the guard through ex_data and stop panics at their border; `ctx` as the caller promises.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(outer::verify), ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_security_callback(ctx, Some(security::decide)) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_info_callback(ctx, Some(info::observe)) };
    // SAFETY: as above.
    if unsafe { Guard::of(ctx) }.is_some_and(|guard| guard.role == Role::Client) {
        // SAFETY: as above.
        unsafe { staple::install(ctx) };
    }
    // SAFETY: as above; no verify callback of our own is needed, so an application's has its usual place.
    unsafe { ffi::SSL_CTX_set_verify(ctx, ffi::SSL_VERIFY_PEER, None) };
}
