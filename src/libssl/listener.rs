//! A function of the program's that hears of events on connections.

use std::ffi::{CStr, c_char, c_void};

use openssl_sys as ffi;

use crate::libssl::Conn;

/// What is called: with the connection, the kind of event, the words, and the program's argument.
pub type Function = unsafe extern "C" fn(*mut ffi::SSL, *const c_char, *const c_char, *mut c_void);

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    function: Function,
    argument: *mut c_void,
}

// SAFETY: whoever made it promised that any thread may call the function with the argument.
unsafe impl Send for Listener {}
// SAFETY: as for Send, it is only copied otherwise.
unsafe impl Sync for Listener {}

impl Listener {
    /// One that calls `function`.
    ///
    /// # Safety
    /// `function` may be called with `argument` from any thread, for as long as this or a copy lives.
    pub unsafe fn new(function: Function, argument: *mut c_void) -> Listener {
        Listener { function, argument }
    }

    /// Calls it.
    pub fn tell(self, conn: Conn<'_>, kind: &CStr, text: &CStr) {
        // SAFETY: whoever made it promised that it may be called so; the connection and both texts live for the call.
        unsafe { (self.function)(conn.as_ptr(), kind.as_ptr(), text.as_ptr(), self.argument) }
    }
}
