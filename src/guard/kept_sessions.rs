//! The sessions that a client's context keeps, so that its next connection to the same place goes on from the last one.
//!
//! No connection has any of them: what is kept is a copy, and what is given out of TLS 1.3 is given once (RFC 8446 C.4).
//! They refer to no context, and end with theirs. A forked child keeps none of its parent's, which may use them still.

use std::mem;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use openssl::ssl::SslSession;

use crate::libssl::Session;

/// How many a context keeps.
pub const ROOM: usize = 256;

/// How many of them for one place: those of connections that were open at the same time.
const ROOM_OF_ONE: usize = 8;

/// What a session is kept for: all that must be the same for it to be offered.
pub type Key = Vec<u8>;

/// See the module's text.
pub struct KeptSessions {
    /// The latest first.
    held: Mutex<Held>,
    /// The process that they belong to.
    process: AtomicU32,
}

#[derive(Default)]
struct Held {
    /// The generation of the context's settings that all of them are of.
    generation: u64,
    sessions: Vec<Kept>,
}

struct Kept {
    key: Key,
    session: SslSession,
    /// When it ends, in Unix seconds.
    end: i64,
    /// Whether it may be given out once only.
    is_single: bool,
}

impl Default for KeptSessions {
    fn default() -> KeptSessions {
        KeptSessions { held: Mutex::default(), process: AtomicU32::new(process::id()) }
    }
}

impl KeptSessions {
    /// Keeps `session`, which no connection has and which ends at `end`, for `key` under the settings of `generation`.
    pub fn keep(&self, key: Key, generation: u64, session: SslSession, end: i64) {
        let Some(mut held) = self.held_under(generation) else { return };
        let is_single = Session::from(&*session).is_single();
        let most_others = if is_single { ROOM_OF_ONE - 1 } else { 0 };
        let mut others = 0;
        held.sessions.retain(|kept| {
            let is_other = kept.key == key;
            others += usize::from(is_other);
            !is_other || others <= most_others
        });
        held.sessions.truncate(ROOM - 1);
        held.sessions.insert(0, Kept { key, session, end, is_single });
    }

    /// One for `key`, if there is one that has not ended at `now`.
    pub fn give(&self, key: &[u8], generation: u64, now: i64) -> Option<SslSession> {
        let mut held = self.held_under(generation)?;
        held.sessions.retain(|kept| kept.end > now || kept.key != key);
        let at = held.sessions.iter().position(|kept| kept.key == key)?;
        if held.sessions.get(at)?.is_single {
            return Some(held.sessions.remove(at).session);
        }
        held.sessions.get_mut(..=at)?.rotate_right(1);
        // libssl writes to the sessions of its connections.
        Session::from(&*held.sessions.first()?.session).copied()
    }

    /// Gives up what is kept for `key`.
    pub fn forget(&self, key: &[u8]) {
        if let Some(mut held) = self.held() {
            held.sessions.retain(|kept| kept.key != key);
        }
    }

    /// Gives up all.
    pub fn clear(&self) {
        if let Some(mut held) = self.held() {
            held.sessions.clear();
        }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.held().is_none_or(|held| held.sessions.is_empty())
    }

    /// What is held, without what other settings verified.
    fn held_under(&self, generation: u64) -> Option<MutexGuard<'_, Held>> {
        let mut held = self.held()?;
        if held.generation < generation {
            held.sessions.clear();
            held.generation = generation;
        }
        (held.generation == generation).then_some(held)
    }

    /// Nothing, where this is a child that was forked while another thread had it.
    fn held(&self) -> Option<MutexGuard<'_, Held>> {
        let process = process::id();
        if self.process.load(Ordering::Acquire) == process {
            return Some(self.held.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let mut held = match self.held.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        held.sessions.clear();
        self.process.store(process, Ordering::Release);
        Some(held)
    }
}

impl Drop for KeptSessions {
    fn drop(&mut self) {
        if self.held.try_lock().is_err() {
            // A forked child, whose parent's other thread was changing them: their state is not known.
            mem::forget(mem::take(self.held.get_mut().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [(i32, bool); 2] = [(0x0303, false), (0x0304, true)];

    fn session(version: i32) -> SslSession {
        Session::scratch(version)
    }

    fn count(kept: &KeptSessions) -> usize {
        kept.held.lock().unwrap().sessions.len()
    }

    #[test]
    fn a_session_of_tls_1_3_is_given_once_and_others_as_often_as_asked() {
        for (version, is_single) in VERSIONS {
            let kept = KeptSessions::default();
            kept.keep(b"one".to_vec(), 0, session(version), 10);
            assert!(kept.give(b"other", 0, 5).is_none());
            assert!(kept.give(b"one", 0, 5).is_some());
            assert_eq!(kept.give(b"one", 0, 5).is_none(), is_single);
            assert!(kept.give(b"one", 0, 10).is_none(), "it has ended");
            assert!(kept.is_empty());
        }
    }

    #[test]
    fn neither_one_place_nor_all_of_them_fill_the_memory() {
        for (version, is_single) in VERSIONS {
            let kept = KeptSessions::default();
            for _ in 0..20 {
                kept.keep(b"one".to_vec(), 0, session(version), 10);
            }
            assert_eq!(count(&kept), if is_single { ROOM_OF_ONE } else { 1 });
            for place in 0..2 * ROOM {
                kept.keep(place.to_string().into_bytes(), 0, session(version), 10);
                assert_eq!(kept.give(b"0", 0, 5).is_some(), place == 0 || !is_single, "what is asked for stays");
            }
            assert_eq!(count(&kept), ROOM);
            assert!(kept.give(b"one", 0, 5).is_none());
        }
    }

    #[test]
    fn a_change_of_settings_ends_all_and_an_older_connection_adds_none() {
        let kept = KeptSessions::default();
        kept.keep(b"one".to_vec(), 1, session(0x0303), 10);
        assert!(kept.give(b"one", 2, 5).is_none());
        assert!(kept.is_empty());
        kept.keep(b"one".to_vec(), 1, session(0x0303), 10);
        assert!(kept.is_empty());
    }

    #[test]
    fn what_is_given_up_is_gone() {
        let kept = KeptSessions::default();
        for key in [b"one", b"two"] {
            kept.keep(key.to_vec(), 0, session(0x0304), 10);
        }
        kept.forget(b"one");
        assert!(kept.give(b"one", 0, 5).is_none());
        kept.clear();
        assert!(kept.is_empty());
    }

    #[test]
    fn a_child_keeps_nothing_of_its_parent() {
        let kept = KeptSessions::default();
        kept.keep(b"one".to_vec(), 0, session(0x0303), 10);
        kept.process.store(0, Ordering::Release);
        assert!(kept.give(b"one", 0, 5).is_none());
        kept.keep(b"one".to_vec(), 0, session(0x0303), 10);
        assert!(kept.give(b"one", 0, 5).is_some(), "its own are kept");
    }

    #[test]
    fn a_child_forked_in_the_middle_of_a_change_keeps_none_and_waits_for_nobody() {
        let kept = KeptSessions::default();
        kept.process.store(0, Ordering::Release);
        let held = kept.held.lock().unwrap();
        assert!(kept.give(b"one", 0, 5).is_none() && kept.is_empty());
        kept.keep(b"one".to_vec(), 0, session(0x0303), 10);
        kept.clear();
        assert!(held.sessions.is_empty());
    }
}
