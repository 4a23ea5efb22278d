//! A moment by which something must be done, and waiting on descriptors until then. It never waits longer, whatever
//! signals arrive; and less where one arrives of which the program wants to hear.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::error::{Error, Status};
use crate::os::interrupt::Interrupt;
use crate::os::poll::{Wish, poll};

/// A moment, or never.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    allowed_ms: u32,
    interrupt: Option<Interrupt>,
}

impl Deadline {
    /// In so many milliseconds; 0 is never.
    pub fn after(milliseconds: u32) -> Deadline {
        let at = match milliseconds {
            0 => None,
            _ => Instant::now().checked_add(Duration::from_millis(milliseconds.into())),
        };
        Deadline { at, allowed_ms: milliseconds, interrupt: None }
    }

    /// The same; signals that interrupt the waiting are told to the program.
    pub fn interrupted_by(self, interrupt: Option<Interrupt>) -> Deadline {
        Deadline { interrupt, ..self }
    }

    /// Whether signals are told to the program.
    pub fn may_be_interrupted(&self) -> bool {
        self.interrupt.is_some()
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
        Deadline { at, ..*self }
    }
}

/// Waits until one of the descriptors is ready, or until the deadline: which of them are, none where the time is up. Where a
/// signal comes between, and the program wants the call to end, that is an error of the kind `Interrupted`.
pub fn wait(wishes: &[(RawFd, Wish)], deadline: &Deadline) -> io::Result<Vec<bool>> {
    loop {
        match poll(wishes, deadline.remaining()) {
            Ok(ready) if ready.contains(&true) || deadline.has_passed() => return Ok(ready),
            Ok(_) => {}
            Err(error) if is_interruption(&error) && !deadline.interrupt.is_some_and(Interrupt::ends_call) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_interruption(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

/// The error for a wait that ended with `error`: an interruption, or what `otherwise` makes of it.
pub fn failed(error: &io::Error, otherwise: impl FnOnce() -> Error) -> Error {
    if !is_interruption(error) {
        return otherwise();
    }
    Error::new(Status::EInterrupted, "a signal came while the call waited, and the program wants it to end then")
        .with_hint("where a connection is there, the same call may be made again")
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
