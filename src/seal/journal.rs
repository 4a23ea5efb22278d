//! The log of a sealed process: one line of JSON an event, appended by one write each, so that the lines of many
//! processes stay whole, and those of a process that is killed are there. The file is opened for each line: a program
//! that closes descriptors which it does not know (daemons do) must not have us write into a file of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::{Error, Result, Status};
use crate::json::Object;
use crate::moment;

static PATH: OnceLock<PathBuf> = OnceLock::new();

/// Writes to `path` from now on; a second file is refused.
pub fn open(path: &Path) -> Result<()> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::new(Status::EFileIo, format!("{path:?} is no place for a log: {error}")))?;
    if PATH.get().is_none() {
        append(&absolute, b"").map_err(|error| Error::new(Status::EFileIo, format!("{absolute:?}: {error}")))?;
    }
    let chosen = PATH.get_or_init(|| absolute.clone());
    if *chosen == absolute {
        return Ok(());
    }
    Err(Error::new(Status::EState, format!("the log of this process is {chosen:?}, and stays so")))
}

/// Whether anybody reads.
pub fn is_open() -> bool {
    PATH.get().is_some()
}

/// Writes one line, where there is a log. A log that cannot be written must not stop a handshake.
pub fn write(event: &str, time: i64, describe: impl FnOnce(&mut Object)) {
    let Some(path) = PATH.get() else { return };
    let mut object = Object::new();
    object.text("event", event).number("pid", std::process::id().into()).text("time", &moment::text(time));
    describe(&mut object);
    let _ = append(path, format!("{}\n", object.finish()).as_bytes());
}

fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(line)
}
