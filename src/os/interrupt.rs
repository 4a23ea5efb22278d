//! What a program wants done when a signal interrupts one of our waits.

use std::ffi::{c_int, c_void};

/// A program's function: not 0 ends the call.
pub type Function = unsafe extern "C" fn(argument: *mut c_void) -> c_int;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt {
    function: Option<Function>,
    argument: *mut c_void,
}

// SAFETY: whoever made it promised that any thread may call the function with the argument.
unsafe impl Send for Interrupt {}
// SAFETY: as for Send, it is only copied otherwise.
unsafe impl Sync for Interrupt {}

impl Interrupt {
    /// Without a function every interruption ends the call.
    ///
    /// # Safety
    /// `function` may be called with `argument` from any thread, for as long as this or a copy lives.
    pub unsafe fn new(function: Option<Function>, argument: *mut c_void) -> Interrupt {
        Interrupt { function, argument }
    }

    /// Whether the call ends that was interrupted just now.
    pub fn ends_call(self) -> bool {
        // SAFETY: whoever made it promised that it may be called so.
        self.function.is_none_or(|function| unsafe { function(self.argument) } != 0)
    }
}
