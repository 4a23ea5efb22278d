//! Reads the files and directories that a program names. It never waits for one: a FIFO, a socket or a device is
//! refused unopened, and what is read is bounded.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result, Status};
use crate::os::words;
use crate::trust::decode::{AnchorSet, Broken, LARGEST_INPUT, Reader};

/// The bytes of one file.
pub fn read_whole(path: &Path, origin: &str) -> Result<Vec<u8>> {
    read_file(path, &origin, &mut { LARGEST_INPUT })
}

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
    if files.is_empty() {
        return Err(Error::new(Status::EEmpty, format!("the directory {origin} holds no file of certificates"))
            .with_hint("files are found by their names: *.pem, *.crt, *.cer, or a hash as openssl rehash makes it"));
    }
    let mut left = LARGEST_INPUT;
    let mut read = Vec::with_capacity(files.len());
    for file in files {
        let data = read_file(&file, &Within(&file, origin), &mut left)?;
        read.push((file, data));
    }
    Ok(read)
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

/// Which file or directory stood at a path, and in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Option<[i128; 5]>);

impl Stamp {
    /// The state of what stands at `path` now.
    pub fn of(path: &Path) -> Stamp {
        Stamp(fs::metadata(path).ok().map(|metadata| numbers(&metadata)))
    }

    /// Whether the clock of the file system has gone on since the last change, so that the next one will be seen.
    pub fn is_settled(&self) -> bool {
        const SETTLED: i128 = 100_000_000;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        self.0.is_none_or(|[_, _, _, modified, changed]| modified.max(changed) < now - SETTLED)
    }

    /// The states of a directory and of all that is in it. The names need not be kept: who changes one changes the
    /// directory.
    pub fn of_directory(path: &Path) -> Vec<Stamp> {
        let mut place = Place::of(path);
        let mut stamps: Vec<Stamp> = fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| place.with(&entry.file_name(), Stamp::of))
            .collect();
        // By the file's number: those that share one are of the same file, and alike.
        stamps.sort_unstable_by_key(|Stamp(numbers)| numbers.map(|[_, number, ..]| number));
        stamps.push(Stamp::of(path));
        stamps
    }
}

#[cfg(unix)]
fn numbers(metadata: &Metadata) -> [i128; 5] {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    [
        metadata.dev().into(),
        metadata.ino().into(),
        metadata.size().into(),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    ]
}

#[cfg(not(unix))]
fn numbers(metadata: &Metadata) -> [i128; 5] {
    let since = |time: io::Result<std::time::SystemTime>| {
        time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos() as i128)
    };
    [0, 0, metadata.len().into(), since(metadata.modified()), since(metadata.created())]
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
    let metadata = fs::metadata(directory).map_err(|error| unreachable(&error, "directory", &origin))?;
    if !metadata.is_dir() {
        return Err(Error::new(Status::EWrongFileType, format!("{origin} is {}, not a directory", kind(&metadata)))
            .with_hint("hostlock_ctx_trust_file takes a file"));
    }
    let failed = |error: io::Error| unreachable(&error, "directory", &origin);
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

/// The bytes of a regular file, at most `left`, which becomes less by as much.
fn read_file(path: &Path, origin: &dyn fmt::Display, left: &mut usize) -> Result<Vec<u8>> {
    let data = read_regular(path, origin, *left).map_err(|error| match error.status() {
        Status::EWrongFileType if path.is_dir() => error.with_hint("hostlock_ctx_trust_dir takes a directory"),
        _ => error,
    })?;
    let data = data.ok_or_else(|| {
        Error::new(Status::EFileIo, format!("{origin} is larger than trust anchors can be"))
            .with_hint("trust anchors may take up to 64 MiB")
    })?;
    *left -= data.len();
    Ok(data)
}

/// The bytes of a regular file, called `origin` in errors; `None` where it has more than `most`.
pub fn read_regular(path: &Path, origin: &dyn fmt::Display, most: usize) -> Result<Option<Vec<u8>>> {
    let failed = |error: io::Error| unreachable(&error, "file", origin);
    // Looked at before it is opened, for opening a device can have effects; and after, for it may have been exchanged.
    regular(&fs::metadata(path).map_err(failed)?, origin)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    regular(&before, origin)?;
    read_settled(file, &before, origin, most)
}

/// The bytes of `file`, which must stay as it was `before`: half of an old file and half of a new one are neither.
fn read_settled(mut file: File, before: &Metadata, origin: &dyn fmt::Display, most: usize) -> Result<Option<Vec<u8>>> {
    let failed = |error: io::Error| unreachable(&error, "file", origin);
    if before.len() > most as u64 {
        return Ok(None);
    }
    let mut data = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
    file.by_ref().take(most as u64 + 1).read_to_end(&mut data).map_err(failed)?;
    if numbers(before) != numbers(&file.metadata().map_err(failed)?) {
        return Err(Error::new(Status::EFileIo, format!("{origin} was changed while it was read"))
            .with_hint("load it again; who writes it should write another file and rename it"));
    }
    Ok((data.len() <= most).then_some(data))
}

fn regular(metadata: &Metadata, origin: &dyn fmt::Display) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::new(Status::EWrongFileType, format!("{origin} is {}, not a file", kind(metadata))))
}

/// What stands at a path, in words.
pub(super) fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        return "a directory";
    }
    if metadata.is_file() {
        return "a file";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let file_type = metadata.file_type();
        if file_type.is_fifo() {
            return "a FIFO";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_char_device() || file_type.is_block_device() {
            return "a device";
        }
    }
    "neither a file nor a directory"
}

fn unreachable(error: &io::Error, what: &str, origin: &dyn fmt::Display) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::new(Status::ENotFound, format!("there is no {what} {origin}"))
            .with_hint("a relative path starts at the working directory of the process"),
        ErrorKind::NotADirectory => {
            Error::new(Status::ENotFound, format!("there is no {what} {origin}: a part of the path is not a directory"))
        }
        _ => Error::new(Status::EFileIo, format!("the {what} {origin} cannot be read: {}", words::of(error))),
    }
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

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let path = std::env::temp_dir().join(format!("hostlock-changing-{}", std::process::id()));
        for (change, is_same) in [(None, true), (Some("older"), false), (Some("o"), false)] {
            fs::write(&path, "old").unwrap();
            let file = File::open(&path).unwrap();
            let before = file.metadata().unwrap();
            if let Some(new) = change {
                fs::write(&path, new).unwrap();
            }
            match read_settled(file, &before, &"the file", LARGEST_INPUT) {
                Ok(data) => assert!(is_same && data.as_deref() == Some(b"old")),
                Err(error) => {
                    assert!(!is_same);
                    assert_eq!(error.status(), Status::EFileIo);
                    assert_eq!(error.message(), "the file was changed while it was read");
                }
            }
        }
        fs::remove_file(&path).unwrap();
    }
}
