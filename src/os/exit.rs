//! The end of the process.

/// Has `handler` called when the process ends by `exit`, or by the end of `main`.
pub fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler stays loaded (the library is linked with -z nodelete). Where there is no room it is not called.
    unsafe { libc::atexit(handler) };
}
