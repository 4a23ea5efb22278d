//! A hook that no later call takes away: libssl asks a context's *custom extensions* for their bytes in every
//! ClientHello, and has no function that removes one. Ours sends none, unless the hello is encrypted; it looks whether the other hooks are still
//! in place on the connection, and puts them back before a byte is sent.

use std::ffi::{c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};

use crate::handshake::{ech, start};

/// Of the range that is reserved for private use (RFC 8446 11).
const EXTENSION: c_uint = 0xff4c;

const TLS_ALERT_INTERNAL_ERROR: c_int = 80;

/// Adds the hook to a context for clients.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that is not in use by another thread.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX) -> Result<()> {
    // SAFETY: the callback stops panics at its border and stays loaded; `ctx` as the caller promises.
    let added = unsafe {
        ffi::SSL_CTX_add_custom_ext(
            ctx,
            EXTENSION,
            ffi::SSL_EXT_CLIENT_HELLO,
            Some(on_hello),
            None,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
        )
    };
    if added == 1 { Ok(()) } else { Err(Error::new(Status::EInternal, "OpenSSL does not take the ClientHello hook")) }
}

/// Answers 0 (no such extension in this hello), or -1, which ends the handshake; 1 (an empty one) where the hello is an
/// encrypted one: from the inner to the outer hello libssl copies every extension that has a callback, and fails where
/// there is none to copy.
extern "C" fn on_hello(
    ssl: *mut ffi::SSL,
    _kind: c_uint,
    _context: c_uint,
    out: *mut *const u8,
    out_len: *mut usize,
    _certificate: *mut ffi::X509,
    _position: usize,
    alert: *mut c_int,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: libssl hands the live SSL whose hello it builds, in that connection's own thread.
    let go_on = catch_unwind(AssertUnwindSafe(|| unsafe { start::review_hello(ssl) }));
    if go_on.unwrap_or(false) {
        // SAFETY: libssl hands the live SSL whose hello it builds, in that connection's own thread.
        let encrypted = catch_unwind(AssertUnwindSafe(|| unsafe { ech::progress(ssl) }.is_tried()));
        // SAFETY: libssl hands places for the contents and their length.
        unsafe { (*out, *out_len) = (ptr::null(), 0) };
        return encrypted.unwrap_or(false) as c_int;
    }
    // SAFETY: libssl hands a place for the alert.
    unsafe { *alert = TLS_ALERT_INTERNAL_ERROR };
    -1
}
