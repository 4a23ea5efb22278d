//! The log of a sealed process: one line of JSON an event, appended by one write each, so that the lines of many
//! processes stay whole, and those of a process that is killed are there.

use std::path::Path;
use std::sync::OnceLock;

use crate::error::{Error, Result, Status};
use crate::json::Object;
use crate::moment;
use crate::os::kept_file::KeptFile;

static FILE: OnceLock<KeptFile> = OnceLock::new();

/// Writes to `path` from now on; a second file is refused.
pub fn open(path: &Path) -> Result<()> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::new(Status::EFileIo, format!("{path:?} is no place for a log: {error}")))?;
    let unfit = |error| Error::new(Status::EFileIo, format!("{absolute:?}: {error}"));
    let chosen = match FILE.get() {
        Some(file) => file,
        None => {
            let file = KeptFile::open(absolute.clone()).map_err(unfit)?;
            FILE.get_or_init(|| file)
        }
    };
    if chosen.path() == absolute {
        return Ok(());
    }
    Err(Error::new(Status::EState, format!("the log of this process is {:?}, and stays so", chosen.path()))
        .with_hint("one file has all events of a process: name that one, or make this call first; hostlock run names its own"))
}

/// Whether anybody reads.
pub fn is_open() -> bool {
    FILE.get().is_some()
}

/// Writes one line, where there is a log. A log that cannot be written must not stop a handshake.
pub fn write(event: &str, time: i64, describe: impl FnOnce(&mut Object)) {
    let Some(file) = FILE.get() else { return };
    let mut object = Object::new();
    object.text("event", event).number("pid", std::process::id().into()).text("time", &moment::text(time));
    describe(&mut object);
    let _ = file.append(format!("{}\n", object.finish()).as_bytes());
}

/// Nothing more is expected: the process ends.
pub fn release() {
    if let Some(file) = FILE.get() {
        file.release();
    }
}
