//! Roots (trust anchors), for those who look at them: what is in a source, and Mozilla's `certdata.txt` as PEM.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use openssl::x509::X509;

use crate::error::Result;
use crate::trust::anchor_set::AnchorSet;
pub use crate::trust::certdata::Purpose;
use crate::trust::certdata::{self, Certdata, Trust};
use crate::trust::decode::{Broken, Reader};
pub use crate::trust::describe::{Description as Root, Uses};
use crate::trust::distrust::Distrust;
use crate::trust::source::{self, Input};
use crate::trust::{one_file, replace, system};

/// Where roots are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The system's.
    System,
    /// Mozilla's, as they come with hostlock.
    Bundled,
    /// A file (PEM, one certificate in DER, or NSS's certdata.txt), or a directory of files but certdata.txt.
    Path(&'a Path),
}

/// The roots of a source.
pub struct Listing {
    /// Each once, ordered by name.
    pub roots: Vec<Root>,
    /// The broken certificates that were left out, in words.
    pub skipped: Vec<String>,
}

/// Where the system's roots lie; no path at all where the system has none, and the bundled ones stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// A bundle, which is read whole.
    pub file: Option<PathBuf>,
    /// Directories, which are read too, or are searched by the hash of a name where there is a bundle of the system's own.
    pub directories: Vec<PathBuf>,
    /// Whether SSL_CERT_FILE or SSL_CERT_DIR name them.
    pub from_environment: bool,
}

/// Where [`Source::System`] is, as the environment stands now.
pub fn places() -> Places {
    let (file, directories, from_environment) = system::places();
    Places { file, directories, from_environment }
}

/// Reads the roots of a source. A broken certificate refuses its file, unless it is to be skipped.
///
/// ```
/// use hostlock::roots::{self, Source};
///
/// let listing = roots::list(Source::Bundled, false)?;
/// assert!(listing.roots.iter().any(|root| root.name.contains("ISRG Root X1")));
/// # Ok::<(), hostlock::Error>(())
/// ```
pub fn list(source: Source<'_>, skip_broken: bool) -> Result<Listing> {
    let broken = if skip_broken { Broken::Skip } else { Broken::Refuse };
    let none = Distrust::default();
    match source {
        Source::System => listing(&source::system()?.parsed()?, &none, Vec::new()),
        Source::Bundled => listing(&source::bundled().parsed()?, &none, Vec::new()),
        Source::Path(path) if path.is_dir() => {
            let set = source::read(Input::Directory(path), broken)?;
            listing(&set.certificates, &none, set.skipped)
        }
        Source::Path(path) => {
            let (set, distrust) = file(path, broken)?;
            listing(&set.certificates, &distrust, set.skipped)
        }
    }
}

fn file(path: &Path, broken: Broken) -> Result<(AnchorSet, Distrust)> {
    let origin = format!("{path:?}");
    let bytes = one_file::read_whole(path, &origin)?;
    if certdata::looks_like(&bytes) {
        return Certdata::parse(&bytes, &origin)?.anchors(Purpose::ServerAuth, &origin);
    }
    let mut reader = Reader::new(broken);
    reader.read(&bytes, &origin)?;
    Ok((reader.finish(), Distrust::default()))
}

fn listing(certificates: &[X509], distrust: &Distrust, skipped: Vec<String>) -> Result<Listing> {
    let mut seen = HashSet::new();
    let mut roots = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        let root = Root::of(certificate, distrust)?;
        if seen.insert(root.sha256) {
            roots.push(root);
        }
    }
    roots.sort_by_cached_key(|root| (root.name.to_lowercase(), root.sha256));
    Ok(Listing { roots, skipped })
}

/// The roots of a certdata.txt for one purpose.
pub struct Converted {
    /// As PEM, with a header for each.
    pub pem: String,
    /// How many there are.
    pub count: usize,
    /// How many of them are trusted only for certificates issued up to a date, which PEM cannot say.
    pub dated: usize,
}

/// Reads the certdata.txt at `path`.
pub fn from_certdata(path: &Path, purpose: Purpose) -> Result<Converted> {
    let certdata = certdata::load(path)?;
    let pem = certdata.pem(purpose, &format!("{path:?}"))?;
    let trusted = || certdata.roots.iter().filter(|root| root.trust(purpose) == Trust::Anchor);
    let dated = trusted().filter(|root| root.distrust_after(purpose).is_some()).count();
    Ok(Converted { pem, count: trusted().count(), dated })
}

impl Converted {
    /// Writes the PEM to a file, which is replaced at once or left as it was.
    pub fn write(&self, path: &Path) -> Result<()> {
        replace::file(path, self.pem.as_bytes())
    }
}
