//! The system's roots: where they are, how many, and how old.

use std::fs;
use std::time::UNIX_EPOCH;

use hostlock::Error;
use hostlock::roots::{self, Places, Root, Source};

const DAY: i64 = 86_400;
/// Before that many days an expiry is worth a word.
pub const SOON: i64 = 90;

/// What is known of them.
pub struct Roots {
    /// Where they lie.
    pub places: Places,
    /// When the bundle was written, in Unix seconds.
    pub written: Option<i64>,
    /// What is in them, or why they cannot be read.
    pub found: Result<Ages, Error>,
}

/// How old they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// All of them.
    pub count: usize,
    /// The names of those that have expired.
    pub expired: Vec<String>,
    /// The names of those that expire within [`SOON`] days.
    pub expiring: Vec<String>,
    /// The first and the last beginning of validity, in Unix seconds.
    pub made: Option<(i64, i64)>,
}

/// Looks at them.
pub fn look(now: i64) -> Roots {
    let places = roots::places();
    let changed = places.file.as_ref().and_then(|file| fs::metadata(file).ok()?.modified().ok());
    let written = changed.and_then(|time| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok());
    let found = roots::list(Source::System, false).map(|listing| ages(&listing.roots, now));
    Roots { places, written, found }
}

fn ages(roots: &[Root], now: i64) -> Ages {
    let named = |wanted: &dyn Fn(i64) -> bool| {
        roots.iter().filter(|root| wanted(root.not_after - now)).map(|root| root.name.clone()).collect()
    };
    let begins = || roots.iter().map(|root| root.not_before);
    Ages {
        count: roots.len(),
        expired: named(&|left| left < 0),
        expiring: named(&|left| (0..SOON * DAY).contains(&left)),
        made: begins().min().zip(begins().max()),
    }
}
