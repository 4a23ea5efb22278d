//! What an audit found.

use std::fmt;

use crate::audit::report;

/// What is weak in a context or a connection. `Display` gives it in words.
pub struct Report(pub(super) report::Report);

impl Report {
    /// How many weaknesses were found.
    pub fn count(&self) -> usize {
        self.0.count(None)
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_text())
    }
}
