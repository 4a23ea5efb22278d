//! Sources of roots as they are named on the command line, and what is in them.

use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use hostlock::roots::{self, Root};
use hostlock::{Result, words};
use serde_json::{Value, json};

use crate::output::note;
use crate::progress;

/// Where roots are.
#[derive(Clone, Debug)]
pub enum Source {
    /// The system's.
    System,
    /// Those that come with the library.
    Bundled,
    /// A file or a directory.
    Path(PathBuf),
}

impl From<std::ffi::OsString> for Source {
    fn from(text: std::ffi::OsString) -> Source {
        match text.to_str() {
            Some("system") => Source::System,
            Some("bundled") => Source::Bundled,
            _ => Source::Path(text.into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::System => f.write_str("system"),
            Source::Bundled => f.write_str("bundled"),
            Source::Path(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// The roots, each once, ordered by name.
    ///
    /// Of a PEM file or directory with broken certificates there are none, unless they are to be skipped; then standard
    /// error names them.
    pub fn roots(&self, tolerance: &Tolerance) -> Result<Vec<Root>> {
        let source = match self {
            Source::System => roots::Source::System,
            Source::Bundled => roots::Source::Bundled,
            Source::Path(path) => roots::Source::Path(path),
        };
        let listing = progress::during(&format!("reading {self}"), || roots::list(source, tolerance.skip_broken))?;
        for broken in &listing.skipped {
            note(&format!("skipped: {broken}"));
        }
        Ok(listing.roots)
    }
}

/// Whether broken certificates are passed over.
#[derive(clap::Args)]
pub struct Tolerance {
    /// Leave broken certificates out instead of refusing their file; standard error names them
    #[arg(long)]
    skip_broken: bool,
}

/// A root as JSON; docs/roots.md lists the keys.
pub fn as_json(root: &Root) -> Value {
    let mut item = json!({
        "name": root.name,
        "subject": root.subject,
        "sha256": hex(&root.sha256),
        "not_before": words::time(root.not_before),
        "not_after": words::time(root.not_after),
        "distrust_after": root.distrust_after.map(words::time),
    });
    if let (Value::Object(keys), Some(uses)) = (&mut item, &root.uses) {
        keys.insert("trusted_for".to_owned(), json!(uses.trusted));
        keys.insert("rejected_for".to_owned(), json!(uses.rejected));
    }
    item
}

/// The trust settings of a root, in words; nothing for a plain one.
pub fn uses(root: &Root) -> String {
    root.uses.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The date alone.
pub fn date(seconds: i64) -> String {
    words::time(seconds).split('T').next().unwrap_or_default().to_owned()
}

/// This moment, in Unix seconds.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// How much of a hash is printed.
#[derive(clap::Args)]
pub struct Hashes {
    /// Print whole SHA-256 hashes (JSON always has them)
    #[arg(long)]
    full: bool,
}

impl Hashes {
    /// The hash of a root: whole, or as much of it as tells roots apart.
    pub fn of(&self, root: &Root) -> String {
        let shown = if self.full { root.sha256.len() } else { 8 };
        hex(root.sha256.get(..shown).unwrap_or_default())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
