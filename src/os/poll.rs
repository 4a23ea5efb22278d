//! Waiting for descriptors.

use std::ffi::c_int;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// What is waited for on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That something can be read.
    Read,
    /// That something can be written.
    Write,
}

/// Waits once, no longer than `time`, and without an end where there is none: which of them are ready. A signal ends the
/// waiting with an error of the kind `Interrupted`.
pub fn poll(wishes: &[(RawFd, Wish)], time: Option<Duration>) -> io::Result<Vec<bool>> {
    let milliseconds = match time {
        None => -1,
        // Rounded up, so that the time is over when poll says so.
        Some(time) => c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX),
    };
    let entry = |&(fd, wish): &(RawFd, Wish)| {
        let events = if wish == Wish::Read { libc::POLLIN } else { libc::POLLOUT };
        libc::pollfd { fd, events, revents: 0 }
    };
    let mut entries: Vec<libc::pollfd> = wishes.iter().map(entry).collect();
    // SAFETY: the list is as long as it says, and lives through the call.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) };
    if ready < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(entries.iter().map(|entry| entry.revents != 0).collect())
}
