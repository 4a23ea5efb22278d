//! Tells the contexts that hostlock makes for itself from those that a program makes: only the latter are sealed.

use std::cell::Cell;

use openssl_sys as ffi;

thread_local! {
    static MAKING: Cell<bool> = const { Cell::new(false) };
}

/// `SSL_CTX_new`, for a context that is hostlock's own.
///
/// # Safety
/// `method` is a static method of our libssl.
pub unsafe fn new_context(method: *const ffi::SSL_METHOD) -> *mut ffi::SSL_CTX {
    let before = MAKING.replace(true);
    // SAFETY: as the caller promises.
    let ctx = unsafe { ffi::SSL_CTX_new(method) };
    MAKING.set(before);
    ctx
}

/// Whether this thread is inside of [`new_context`].
pub fn is_making() -> bool {
    // A thread that is being torn down makes none.
    MAKING.try_with(Cell::get).unwrap_or(false)
}
