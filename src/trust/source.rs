//! Where trust anchors come from, one function a source. Each answers at least one certificate, or an error that names
//! what was wrong; it never takes another source instead of the one that was asked for.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Result, Status};
use crate::trust::certdata::{self, Purpose};
use crate::trust::anchor_set::AnchorSet;
use crate::trust::decode::{Broken, Reader};
use crate::trust::index::shared::{self, Identity};
use crate::trust::{Index, bundled, files, one_file, system};

const MEMORY: &str = "the memory block";

/// What a program names: a file, a directory, or memory.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// See [`file()`].
    File(&'a Path),
    /// See [`directory()`].
    Directory(&'a Path),
    /// See [`memory()`].
    Memory(&'a [u8]),
}

impl Input<'_> {
    fn origin(&self) -> String {
        match self {
            Input::File(path) | Input::Directory(path) => format!("{path:?}"),
            Input::Memory(_) => MEMORY.to_owned(),
        }
    }
}

/// The anchors of `input`; `broken` is what becomes of broken certificates in it.
pub fn index(input: Input<'_>, broken: Broken) -> Result<Arc<Index>> {
    let whole = match input {
        Input::File(path) => file(path),
        Input::Directory(path) => directory(path),
        Input::Memory(data) => memory(data),
    };
    match whole {
        // Never shared under the identity of the input: other contexts must see it refused.
        Err(error) if broken == Broken::Skip && error.status() == Status::EBadPem => {
            Index::of_set(read(input, broken)?, &input.origin()).map(Arc::new)
        }
        whole => whole,
    }
}

/// As [`index()`], with all certificates parsed, and with words about those that were left out.
pub fn read(input: Input<'_>, broken: Broken) -> Result<AnchorSet> {
    let origin = input.origin();
    let mut reader = Reader::new(broken);
    match input {
        Input::File(path) => reader.read(&one_file::read_whole(path, &origin)?, &origin)?,
        Input::Directory(path) => return files::anchors_of(&files::read_directory(path, &origin)?, &origin, broken),
        Input::Memory(data) => reader.read(data, &origin)?,
    }
    Ok(reader.finish())
}

/// A file: PEM with one certificate or many, or one certificate in DER. A broken certificate refuses it.
pub fn file(path: &Path) -> Result<Arc<Index>> {
    named_file(path, &format!("{path:?}"))
}

/// As [`file()`], under another name in errors and lists.
pub fn named_file(path: &Path, origin: &str) -> Result<Arc<Index>> {
    let read = || Index::read(&one_file::read_whole(path, origin)?, origin).map(Arc::new);
    shared::get_or_read(origin, || Identity::of_file(path), read)
}

/// A directory of such files.
pub fn directory(path: &Path) -> Result<Arc<Index>> {
    let origin = format!("{path:?}");
    let files = files::read_directory(path, &origin)?;
    let index = match Index::of_common_pems(files.iter().map(|(_, data)| data.as_slice()), &origin) {
        Some(index) => index,
        None => Index::of_set(files::anchors_of(&files, &origin, Broken::Refuse)?, &origin)?,
    };
    Ok(Arc::new(index))
}

/// Memory: PEM with one certificate or many, or one certificate in DER.
pub fn memory(data: &[u8]) -> Result<Arc<Index>> {
    shared::get_or_read(
        MEMORY,
        || Identity::Content(openssl::sha::sha256(data)),
        || Index::read(data, MEMORY).map(Arc::new),
    )
}

/// A certdata.txt of NSS: its roots for `purpose`, with what it says against certificates.
pub fn certdata(path: &Path, purpose: Purpose) -> Result<Arc<Index>> {
    let origin = format!("{path:?}");
    let read = || {
        let (set, distrust) = certdata::load(path)?.anchors(purpose, &origin)?;
        Ok(Arc::new(Index::of_set(set, &origin)?.with_distrust(distrust)))
    };
    shared::get_or_read(&origin, || Identity::of_certdata(path, purpose), read)
}

/// The system's roots, or the bundled ones where the system has none.
pub fn system() -> Result<Arc<Index>> {
    system::roots()
}

/// Mozilla's roots, as bundled with hostlock.
pub fn bundled() -> Arc<Index> {
    bundled::roots()
}
