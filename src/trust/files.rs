//! The files of a directory that a program names.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Status};
use crate::trust::anchor_set::AnchorSet;
use crate::trust::decode::{Broken, Reader};
use crate::trust::one_file::{LARGEST_INPUT, Stamp, kind, read_file, read_looked_at, unreachable};

/// A file of a directory, and its bytes.
pub type Member = (PathBuf, Vec<u8>);

/// What errors call a file of a directory.
struct Within<'a>(&'a Path, &'a str);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.0, self.1)
    }
}

/// The bytes of the files of a directory: every regular file (or link to one) whose name ends in `.pem`, `.crt` or
/// `.cer`, or is a hash as `openssl rehash` makes it (`9d66eef0.0`, `9d66eef0.r0`), in the order of their names.
///
/// All of them are read now. A link that leads nowhere is passed over.
pub fn read_directory(path: &Path, origin: &str) -> Result<Vec<Member>> {
    read_unseen(path, origin, &mut Seen::default())
}

/// As [`read_directory`], without the files that were `seen` before.
pub fn read_unseen(path: &Path, origin: &str, seen: &mut Seen) -> Result<Vec<Member>> {
    let files = candidates(path, origin, is_certificate_name, seen)?;
    some_files(files.is_empty(), origin)?;
    let mut left = LARGEST_INPUT;
    let mut read = Vec::with_capacity(files.len());
    for file in files {
        let data = read_file(&file, &Within(&file, origin), &mut left)?;
        read.push((file, data));
    }
    Ok(read)
}

fn some_files(are_none: bool, origin: &str) -> Result<()> {
    if !are_none {
        return Ok(());
    }
    Err(Error::new(Status::EEmpty, format!("the directory {origin} holds no file of certificates"))
        .with_hint("files are found by their names: *.pem, *.crt, *.cer, or a hash as openssl rehash makes it"))
}

/// What stands in a directory, each looked at once. What is read by it need not be looked at again.
pub struct Listing {
    directory: PathBuf,
    entries: Vec<(OsString, Option<Metadata>)>,
}

impl Listing {
    /// What is there now; `None` where it cannot be listed.
    pub fn of(directory: &Path) -> Option<Listing> {
        let mut place = Place::of(directory);
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).ok()? {
            let name = entry.ok()?.file_name();
            let metadata = place.with(&name, |path| fs::metadata(path).ok());
            entries.push((name, metadata));
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Some(Listing { directory: directory.to_owned(), entries })
    }

    /// The states of all that is there. The names need not be kept: who changes one changes the directory.
    pub fn stamps(&self) -> Vec<Stamp> {
        self.entries.iter().map(|(_, metadata)| Stamp::seen(metadata.as_ref())).collect()
    }

    /// As [`read_unseen`], and whether each file that was read is what it was when it was listed.
    pub fn read_unseen(&self, origin: &str, seen: &mut Seen) -> Result<(Vec<Member>, bool)> {
        let mut place = Place::of(&self.directory);
        let (mut read, mut left, mut are_same) = (Vec::new(), LARGEST_INPUT, true);
        for (name, metadata) in &self.entries {
            let Some(looked) = metadata.as_ref().filter(|metadata| metadata.is_file()) else { continue };
            if !name.to_str().is_some_and(is_certificate_name) || !seen.is_new(looked) {
                continue;
            }
            let file = place.with(name, Path::to_owned);
            let (data, is_same) = read_looked_at(&file, looked, &Within(&file, origin), &mut left)?;
            are_same &= is_same;
            read.push((file, data));
        }
        some_files(read.is_empty(), origin)?;
        Ok((read, are_same))
    }
}

/// What OpenSSL may find in a hashed directory when it looks for a certificate: the files that are named by a hash. What
/// cannot be read is left out.
pub fn read_hashed(path: &Path, origin: &str) -> Vec<Member> {
    let is_wanted = |name: &str| is_hash(name, "");
    let files = candidates(path, origin, is_wanted, &mut Seen::default()).unwrap_or_default();
    let read = |file: PathBuf| {
        let data = read_file(&file, &Within(&file, origin), &mut { LARGEST_INPUT }).ok()?;
        Some((file, data))
    };
    files.into_iter().filter_map(read).collect()
}

/// The anchors in the files of the directory `origin`. A broken one refuses the directory, unless broken certificates are
/// to be left out; one that holds well-formed PEM but neither certificate nor CRL (a key) is passed over.
pub fn anchors_of(files: &[Member], origin: &str, broken: Broken) -> Result<AnchorSet> {
    let mut reader = Reader::new(broken);
    for (file, data) in files {
        match reader.read(data, &Within(file, origin).to_string()) {
            Err(error) if error.status() == Status::EWrongPem => {}
            Err(error) if reader.is_last_skipped(&error) => {}
            outcome => outcome?,
        }
    }
    let set = reader.finish();
    if let (true, Some(first)) = (set.certificates.is_empty(), set.skipped.first()) {
        return Err(Error::new(Status::EBadPem, first.as_str()).with_hint("there is no other certificate beside it"));
    }
    if set.certificates.is_empty() {
        return Err(Error::new(Status::EWrongPem, format!("no file of the directory {origin} holds a certificate"))
            .with_hint("name the directory with the CA's certificates"));
    }
    Ok(set)
}

/// Files that were read already, by whatever name: a hashed directory holds links to its own files.
#[derive(Default)]
pub struct Seen(BTreeSet<(u64, u64)>);

impl Seen {
    /// Notes the file at `path`.
    pub fn note(&mut self, path: &Path) {
        if let Ok(metadata) = fs::metadata(path) {
            self.is_new(&metadata);
        }
    }

    #[cfg(unix)]
    fn is_new(&mut self, metadata: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.0.insert((metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn is_new(&mut self, _metadata: &Metadata) -> bool {
        true
    }
}

/// The path of one file of a directory after the other, each written over the last: joining them takes most of the time
/// that looking at them takes.
struct Place {
    directory: OsString,
    path: OsString,
}

impl Place {
    fn of(directory: &Path) -> Place {
        // An empty name leaves the separator at the end.
        Place { directory: directory.join("").into(), path: OsString::new() }
    }

    fn with<T>(&mut self, name: &OsStr, look: impl FnOnce(&Path) -> T) -> T {
        self.path.clear();
        self.path.push(&self.directory);
        self.path.push(name);
        look(Path::new(&self.path))
    }
}

fn candidates(
    directory: &Path,
    origin: &str,
    is_wanted: impl Fn(&str) -> bool,
    seen: &mut Seen,
) -> Result<Vec<PathBuf>> {
    let metadata = fs::metadata(directory).map_err(|error| unreachable(&error, "directory", directory, &origin))?;
    if !metadata.is_dir() {
        return Err(Error::new(Status::EWrongFileType, format!("{origin} is {}, not a directory", kind(&metadata)))
            .with_hint("hostlock_ctx_trust_file takes a file"));
    }
    let failed = |error: io::Error| unreachable(&error, "directory", directory, &origin);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.to_str().is_some_and(&is_wanted) {
            found.push(name);
        }
    }
    found.sort_unstable();
    let mut place = Place::of(directory);
    let mut wanted = |name: OsString| {
        place.with(&name, |path| {
            let is_new = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && seen.is_new(&metadata));
            is_new.then(|| path.to_owned())
        })
    };
    Ok(found.into_iter().filter_map(&mut wanted).collect())
}

fn is_certificate_name(name: &str) -> bool {
    let Some((_, extension)) = name.rsplit_once('.') else { return false };
    if ["pem", "crt", "cer"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        return true;
    }
    is_hash(name, if extension.starts_with('r') { "r" } else { "" })
}

/// Whether a name is a hash as `openssl rehash` makes it, with a number behind `kind`: "" for certificates, "r" for CRLs.
fn is_hash(name: &str, kind: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let number = extension.strip_prefix(kind).unwrap_or_default();
    stem.len() == 8
        && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_seen_is_not_read_again_by_any_name() {
        let directory = std::env::temp_dir().join(format!("hostlock-seen-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let file = directory.join("a.pem");
        fs::write(&file, "a").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&file, directory.join("01234567.0")).unwrap();
        let names = |found: Result<Vec<Member>>| found.map(|files| files.len()).map_err(|error| error.status());
        let mut seen = Seen::default();
        let first = names(read_unseen(&directory, "it", &mut seen));
        let second = names(read_unseen(&directory, "it", &mut seen));
        let mut noted = Seen::default();
        noted.note(&file);
        let after_a_note = names(read_unseen(&directory, "it", &mut noted));
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(first, Ok(1));
        #[cfg(unix)]
        assert_eq!((second, after_a_note), (Err(Status::EEmpty), Err(Status::EEmpty)));
    }

    #[test]
    fn a_file_that_is_not_any_more_what_was_listed_is_told() {
        let directory = std::env::temp_dir().join(format!("hostlock-listed-{}", std::process::id()));
        let outside = directory.with_extension("outside");
        fs::create_dir(&directory).unwrap();
        fs::create_dir(&outside).unwrap();
        let exchange = |path: &Path| {
            fs::write(outside.join("new"), "new").unwrap();
            fs::rename(outside.join("new"), path).unwrap();
        };
        let (plain, target) = (directory.join("plain.pem"), outside.join("target"));
        fs::write(&plain, "old").unwrap();
        fs::write(&target, "old").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&target, directory.join("link.pem")).unwrap();
        let read = |listing: &Listing| listing.read_unseen("it", &mut Seen::default()).unwrap().1;
        let untouched = read(&Listing::of(&directory).unwrap());
        let mut changed = Vec::new();
        for path in [&plain, &target] {
            let listing = Listing::of(&directory).unwrap();
            exchange(path);
            changed.push((read(&listing), listing.stamps() == Listing::of(&directory).unwrap().stamps()));
        }
        fs::remove_dir_all(&directory).unwrap();
        fs::remove_dir_all(&outside).unwrap();
        assert!(untouched);
        #[cfg(unix)]
        assert_eq!(changed, [(false, false); 2]);
    }

    #[test]
    fn names_that_are_hashes_are_told_from_others() {
        for (name, is_certificate, is_crl) in [
            ("01234567.0", true, false),
            ("abcdef89.12", true, false),
            ("01234567.r0", false, true),
            ("01234567.", false, false),
            ("0123456.0", false, false),
            ("0123456g.0", false, false),
            ("01234567.rr0", false, false),
            ("01234567.0x", false, false),
        ] {
            assert_eq!((is_hash(name, ""), is_hash(name, "r")), (is_certificate, is_crl), "{name}");
            assert_eq!(is_certificate_name(name), is_certificate || is_crl, "{name}");
        }
    }
}
