//! The callback by which libssl tells the secrets of its connections, in NSS's key log format.

use std::ffi::{CStr, c_char};

use openssl_sys as ffi;

use crate::libssl::callback::{Callback, stopped};
use crate::libssl::{Conn, Ctx, sys};

/// A line of the key log.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// Whose secret.
    pub conn: Conn<'a>,
    /// The line, without its end.
    pub text: &'a CStr,
}

impl Line<'_> {
    /// Passes it on to a callback of the program's.
    pub fn pass_on(self, callback: sys::KeylogCallback) {
        // SAFETY: the program set it for such lines, and libssl would have called it so.
        unsafe { callback(self.conn.as_ptr(), self.text.as_ptr()) }
    }
}

/// A key log callback (`SSL_CTX_set_keylog_callback`).
///
/// # Safety
/// For libssl to call, with a live connection and a text.
#[doc(alias = "SSL_CTX_set_keylog_callback")]
pub unsafe extern "C" fn key_log<C>(ssl: *const ffi::SSL, line: *const c_char)
where
    C: for<'a> Callback<Question<'a> = Line<'a>, Answer = ()>,
{
    if line.is_null() {
        return;
    }
    // SAFETY: libssl hands a live connection in its own thread, and a text that ends.
    let (conn, text) = unsafe { (Conn::new(ssl), CStr::from_ptr(line)) };
    if let Some(conn) = conn {
        let _ = stopped(|| C::answer(Line { conn, text }));
    }
}

impl Ctx<'_> {
    /// Has `callback` told the secrets of the connections. Not while connections of the context are made or used.
    #[doc(alias = "SSL_CTX_set_keylog_callback")]
    pub fn set_keylog_callback(self, callback: sys::KeylogCallback) {
        // SAFETY: the view promises the context.
        unsafe { sys::SSL_CTX_set_keylog_callback(self.as_ptr(), Some(callback)) };
    }
}
