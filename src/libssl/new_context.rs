//! Tells the contexts that hostlock makes for itself from those that a program makes: only the latter are sealed.

use std::cell::Cell;

use foreign_types::ForeignType;
use openssl::ssl::SslContext;
use openssl_sys as ffi;

use crate::libssl::method::{self, Side};

thread_local! {
    static MAKING: Cell<bool> = const { Cell::new(false) };
}

/// `SSL_CTX_new`, for a context that is hostlock's own.
///
/// # Safety
/// `method` is a static method of our libssl.
pub unsafe fn new_context(method: *const ffi::SSL_METHOD) -> *mut ffi::SSL_CTX {
    let before = MAKING.replace(true);
    // SAFETY: the caller promises a static method.
    let ctx = unsafe { ffi::SSL_CTX_new(method) };
    MAKING.set(before);
    ctx
}

/// Whether this thread is inside of [`new_context`].
pub fn is_making() -> bool {
    // A thread that is being torn down makes none.
    MAKING.try_with(Cell::get).unwrap_or(false)
}

/// A new context for one side, or for both; `None` where OpenSSL makes none.
pub fn new_for(side: Side) -> Option<SslContext> {
    // SAFETY: the method is static.
    let ctx = unsafe { new_context(method::of_all_versions(side)) };
    // SAFETY: it is new, and ours.
    (!ctx.is_null()).then(|| unsafe { SslContext::from_ptr(ctx) })
}
