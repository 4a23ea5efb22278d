//! The file that gets the secrets of a context's connections. Who reads it reads the connections: so it is a regular file of
//! the process's own user that nobody else can read, by that name and no other.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::libssl::sys;
use crate::os::{privileges, words};

/// See the module's text.
#[derive(Clone, Debug)]
pub struct KeyLog {
    file: Arc<File>,
    /// The program's own callback, which is called too.
    pub of_program: Option<sys::KeylogCallback>,
}

impl KeyLog {
    /// Opens the file at `path`, or makes it.
    pub fn open(path: &Path, of_program: Option<sys::KeylogCallback>) -> Result<KeyLog> {
        // Before it is opened, as opening a device can have effects; and after, as it may have been exchanged.
        match fs::symlink_metadata(path) {
            Ok(metadata) => check(&metadata, path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreachable(&error, path)),
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = options.open(path).map_err(|error| unreachable(&error, path))?;
        check(&file.metadata().map_err(|error| unreachable(&error, path))?, path)?;
        Ok(KeyLog { file: Arc::new(file), of_program })
    }

    /// Appends one line, by one write, so that the lines of other threads and processes stay whole. A full disk ends no
    /// connection.
    pub fn append(&self, line: &[u8]) {
        let _ = (&*self.file).write(&[line, b"\n"].concat());
    }
}

fn check(metadata: &Metadata, path: &Path) -> Result<()> {
    let wrong = |what: &str| Err(Error::new(Status::EWrongFileType, format!("{path:?} is {what}, and gets no secrets")));
    if metadata.is_symlink() {
        return wrong("a symbolic link");
    }
    if !metadata.is_file() {
        return wrong("not a regular file");
    }
    if metadata.nlink() > 1 {
        return wrong("a file of several names");
    }
    let refused = |what: String, hint: &str| Err(Error::new(Status::EFileIo, what).with_hint(hint));
    if metadata.uid() != privileges::effective_user() {
        return refused(format!("{path:?} belongs to another user, who could read the secrets"), "name a file of one's own");
    }
    if metadata.mode() & 0o077 != 0 {
        let what = format!("{path:?} is open to others (mode {:04o}), who could read the secrets", metadata.mode() & 0o7777);
        return refused(what, "chmod 600 it, or name one that is not there yet");
    }
    Ok(())
}

fn unreachable(error: &io::Error, path: &Path) -> Error {
    let status = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Status::ENotFound,
        _ => Status::EFileIo,
    };
    Error::new(status, format!("{path:?} cannot be written to: {}", words::of(error)))
}
