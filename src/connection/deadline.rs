//! A moment by which something must be done, and waiting on descriptors until then. It never waits longer, whatever
//! signals arrive.

use std::ffi::c_int;
use std::io;
use std::time::{Duration, Instant};

/// A moment, or never.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    allowed_ms: u32,
}

impl Deadline {
    /// In so many milliseconds; 0 is never.
    pub fn after(milliseconds: u32) -> Deadline {
        let at = match milliseconds {
            0 => None,
            _ => Instant::now().checked_add(Duration::from_millis(milliseconds.into())),
        };
        Deadline { at, allowed_ms: milliseconds }
    }

    /// How much time there was at the start, in milliseconds.
    pub fn allowed_ms(&self) -> u32 {
        self.allowed_ms
    }

    /// Whether there is none.
    pub fn is_never(&self) -> bool {
        self.at.is_none()
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// How long until then; `None` is for ever.
    pub fn remaining(&self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The earlier of the deadline and `pause` from now.
    pub fn within(&self, pause: Duration) -> Deadline {
        let soon = Instant::now().checked_add(pause);
        let at = match (self.at, soon) {
            (Some(at), Some(soon)) => Some(at.min(soon)),
            (at, soon) => at.or(soon),
        };
        Deadline { at, allowed_ms: self.allowed_ms }
    }
}

/// One descriptor to wait for.
pub fn poll_entry(fd: c_int, events: i16) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

/// Waits until one of `entries` is ready, or until the deadline: then `false`.
pub fn wait(entries: &mut [libc::pollfd], deadline: &Deadline) -> io::Result<bool> {
    loop {
        let milliseconds = match deadline.remaining() {
            None => -1,
            // Rounded up, so that the deadline has passed when poll says that it timed out.
            Some(left) => c_int::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX),
        };
        // SAFETY: the slice is as long as it says and lives through the call.
        let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) };
        match ready {
            1.. => return Ok(true),
            0 if deadline.has_passed() => return Ok(false),
            0 => {}
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_milliseconds_are_for_ever() {
        let never = Deadline::after(0);
        assert!(never.is_never() && !never.has_passed());
        assert_eq!(never.remaining(), None);
        let soon = never.within(Duration::ZERO);
        assert!(!soon.is_never() && soon.has_passed());
    }

    #[test]
    fn the_earlier_of_two_moments_counts() {
        let far = Deadline::after(u32::MAX);
        assert!(!far.has_passed() && far.within(Duration::ZERO).has_passed());
        let now = far.within(Duration::ZERO);
        assert!(now.within(Duration::from_secs(3600)).has_passed());
        assert_eq!(now.allowed_ms(), u32::MAX);
    }
}
