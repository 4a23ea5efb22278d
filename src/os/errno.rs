//! What the seal does in the middle of a program's calls must not change the program's `errno`.

use std::ffi::c_int;

/// Puts `errno` back as it was when this was made.
pub struct Kept(c_int);

impl Kept {
    /// Remembers it.
    pub fn now() -> Kept {
        // SAFETY: the address of this thread's own variable.
        Kept(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the address of this thread's own variable.
        unsafe { *libc::__errno_location() = self.0 };
    }
}
