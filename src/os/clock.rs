//! This machine's clock.

/// Now, in Unix seconds.
pub fn now() -> i64 {
    // SAFETY: NULL asks for the number only.
    unsafe { libc::time(std::ptr::null_mut()) }
}
