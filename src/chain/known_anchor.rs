//! The trust anchor that was looked at last, so that a context which verifies many chains reads it once.

use std::sync::Mutex;

use crate::chain::rules::Rules;

/// The bytes of the anchor that kept its rules last and has no name constraints: the same bytes keep the same rules.
#[derive(Default)]
pub struct KnownAnchor(Mutex<Option<(Rules, Vec<u8>)>>);

impl KnownAnchor {
    /// Whether it is the one, by these rules.
    pub(crate) fn is(&self, rules: Rules, bytes: &[u8]) -> bool {
        // Where another thread looks just now, nobody waits, here and below.
        let Ok(known) = self.0.try_lock() else { return false };
        known.as_ref().is_some_and(|(its_rules, its_bytes)| *its_rules == rules && its_bytes == bytes)
    }

    /// Makes it the one.
    pub(crate) fn remember(&self, rules: Rules, bytes: &[u8]) {
        if let Ok(mut known) = self.0.try_lock() {
            *known = Some((rules, bytes.to_vec()));
        }
    }
}
