//! Signals.

use std::mem;
use std::ptr;

/// Runs `start` with all signals blocked in this thread: a thread that it starts never handles the program's.
pub fn without<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: all-zero bytes are a set of signals, which the calls below fill in.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { (mem::zeroed(), mem::zeroed()) };
    // SAFETY: both sets live through the calls.
    let masked = unsafe {
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) == 0
    };
    let started = start();
    if masked {
        // SAFETY: the set is what this thread's mask was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    }
    started
}
