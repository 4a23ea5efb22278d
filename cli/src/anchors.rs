//! Sources of roots as they are named on the command line, and what is in them.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use hostlock::error::Result;
use hostlock::moment;
use hostlock::trust::certdata::{self, Certdata, Purpose};
use hostlock::trust::decode::{AnchorSet, Broken, Reader};
use hostlock::trust::describe::Description;
use hostlock::trust::distrust::Distrust;
use hostlock::trust::files;
use hostlock::trust::source::{self, Input};
use openssl::x509::X509;
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
    pub fn roots(&self, broken: Broken) -> Result<Vec<Description>> {
        let none = Distrust::default();
        progress::during(&format!("reading {self}"), || match self {
            Source::System => describe(&source::system()?.parsed()?, &none),
            Source::Bundled => describe(&source::bundled().parsed()?, &none),
            Source::Path(path) if path.is_dir() => {
                describe(&told(source::read(Input::Directory(path), broken)?).certificates, &none)
            }
            Source::Path(path) => {
                let (set, distrust) = file(path, broken)?;
                describe(&set.certificates, &distrust)
            }
        })
    }
}

fn file(path: &Path, broken: Broken) -> Result<(AnchorSet, Distrust)> {
    let origin = format!("{path:?}");
    let bytes = files::read_whole(path, &origin)?;
    if certdata::looks_like(&bytes) {
        return Certdata::parse(&bytes, &origin)?.anchors(Purpose::ServerAuth, &origin);
    }
    let mut reader = Reader::new(broken);
    reader.read(&bytes, &origin)?;
    Ok((told(reader.finish()), Distrust::default()))
}

fn told(set: AnchorSet) -> AnchorSet {
    for broken in &set.skipped {
        note(&format!("skipped: {broken}"));
    }
    set
}

fn describe(certificates: &[X509], distrust: &Distrust) -> Result<Vec<Description>> {
    let mut seen = HashSet::new();
    let mut roots = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        let root = Description::of(certificate, distrust)?;
        if seen.insert(root.sha256) {
            roots.push(root);
        }
    }
    roots.sort_by_cached_key(|root| (root.name.to_lowercase(), root.sha256));
    Ok(roots)
}

/// Whether broken certificates are passed over.
#[derive(clap::Args)]
pub struct Tolerance {
    /// Leave broken certificates out instead of refusing their file; standard error names them
    #[arg(long)]
    skip_broken: bool,
}

impl From<&Tolerance> for Broken {
    fn from(tolerance: &Tolerance) -> Broken {
        if tolerance.skip_broken { Broken::Skip } else { Broken::Refuse }
    }
}

/// A root as JSON; docs/roots.md lists the keys.
pub fn as_json(root: &Description) -> Value {
    json!({
        "name": root.name,
        "subject": root.subject,
        "sha256": hex(&root.sha256),
        "not_before": moment::text(root.not_before),
        "not_after": moment::text(root.not_after),
        "distrust_after": root.distrust_after.map(moment::text),
    })
}

/// The date alone.
pub fn date(seconds: i64) -> String {
    moment::text(seconds).split('T').next().unwrap_or_default().to_owned()
}

/// As much of the hash as tells roots apart.
pub fn short_hash(root: &Description) -> String {
    hex(root.sha256.get(..8).unwrap_or_default())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
