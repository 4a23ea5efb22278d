//! One file that a program names, read as a whole. It never waits for one: a FIFO, a socket or a device is refused
//! unopened, and what is read is bounded.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result, Status};
use crate::os::words;

/// More than any bundle of roots needs, little enough to be read into memory.
pub const LARGEST_INPUT: usize = 64 << 20;

/// The bytes of one file.
pub fn read_whole(path: &Path, origin: &str) -> Result<Vec<u8>> {
    read_file(path, &origin, &mut { LARGEST_INPUT })
}

/// The bytes of a regular file, at most `left`, which becomes less by as much.
pub(super) fn read_file(path: &Path, origin: &dyn fmt::Display, left: &mut usize) -> Result<Vec<u8>> {
    let data = read_regular(path, origin, *left).map_err(|error| match error.status() {
        Status::EWrongFileType if path.is_dir() => error.with_hint("hostlock_ctx_trust_dir takes a directory"),
        _ => error,
    })?;
    within(data, origin, left)
}

/// The same of a file that was looked at before, and whether it is still what it was then.
pub(super) fn read_looked_at(
    path: &Path,
    looked: &Metadata,
    origin: &dyn fmt::Display,
    left: &mut usize,
) -> Result<(Vec<u8>, bool)> {
    regular(looked, origin)?;
    let (file, before) = open(path, origin)?;
    let data = read_settled(file, &before, path, origin, *left)?;
    Ok((within(data, origin, left)?, numbers(looked) == numbers(&before)))
}

fn within(data: Option<Vec<u8>>, origin: &dyn fmt::Display, left: &mut usize) -> Result<Vec<u8>> {
    let data = data.ok_or_else(|| {
        Error::new(Status::EFileIo, format!("{origin} is larger than trust anchors can be"))
            .with_hint("trust anchors may take up to 64 MiB")
    })?;
    *left -= data.len();
    Ok(data)
}

/// The bytes of a regular file, called `origin` in errors; `None` where it has more than `most`.
pub fn read_regular(path: &Path, origin: &dyn fmt::Display, most: usize) -> Result<Option<Vec<u8>>> {
    // Looked at before it is opened, for opening a device can have effects.
    regular(&fs::metadata(path).map_err(|error| unreachable(&error, "file", path, origin))?, origin)?;
    let (file, before) = open(path, origin)?;
    read_settled(file, &before, path, origin, most)
}

/// Opens what was a regular file a moment ago; it may have been exchanged.
fn open(path: &Path, origin: &dyn fmt::Display) -> Result<(File, Metadata)> {
    let failed = |error: io::Error| unreachable(&error, "file", path, origin);
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    regular(&metadata, origin)?;
    Ok((file, metadata))
}

/// The bytes of `file`, which must stay as it was `before`: half of an old file and half of a new one are neither.
fn read_settled(
    mut file: File,
    before: &Metadata,
    path: &Path,
    origin: &dyn fmt::Display,
    most: usize,
) -> Result<Option<Vec<u8>>> {
    let failed = |error: io::Error| unreachable(&error, "file", path, origin);
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

pub(super) fn unreachable(error: &io::Error, what: &str, path: &Path, origin: &dyn fmt::Display) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::new(Status::ENotFound, format!("there is no {what} {origin}"))
            .with_hint(if path.is_relative() {
                "a relative path starts at the working directory of the process"
            } else {
                "check the spelling of the path, and whether this machine has what it names"
            }),
        ErrorKind::NotADirectory => {
            Error::new(Status::ENotFound, format!("there is no {what} {origin}: a part of the path is not a directory"))
        }
        _ => Error::new(Status::EFileIo, format!("the {what} {origin} cannot be read: {}", words::of(error))),
    }
}

/// Which file or directory stood at a path, and in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(pub(super) Option<[i128; 5]>);

impl Stamp {
    /// The state of what stands at `path` now.
    pub fn of(path: &Path) -> Stamp {
        Stamp(fs::metadata(path).ok().map(|metadata| numbers(&metadata)))
    }

    /// The state that was looked at.
    pub(super) fn seen(looked: Option<&Metadata>) -> Stamp {
        Stamp(looked.map(numbers))
    }

    /// Whether the clock of the file system has gone on since the last change, so that the next one will be seen.
    pub fn is_settled(&self) -> bool {
        const SETTLED: i128 = 100_000_000;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        self.0.is_none_or(|[_, _, _, modified, changed]| modified.max(changed) < now - SETTLED)
    }
}

#[cfg(unix)]
pub(super) fn numbers(metadata: &Metadata) -> [i128; 5] {
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
pub(super) fn numbers(metadata: &Metadata) -> [i128; 5] {
    let since = |time: io::Result<std::time::SystemTime>| {
        time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos() as i128)
    };
    [0, 0, metadata.len().into(), since(metadata.modified()), since(metadata.created())]
}

#[cfg(test)]
mod tests {
    use super::*;

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
            match read_settled(file, &before, &path, &"the file", LARGEST_INPUT) {
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
