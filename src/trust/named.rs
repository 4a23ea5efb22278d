//! What a program's calls have named as trust anchors, and where each comes from: so that it can be read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::trust::certdata::Purpose;
use crate::trust::decode::Broken;
use crate::trust::source::{self, Input};
use crate::trust::{Index, bundled};

/// One source, and what it held.
#[derive(Clone)]
pub struct Named {
    /// Where it came from.
    pub origin: Origin,
    /// What it held.
    pub index: Arc<Index>,
}

/// Where anchors come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// A directory.
    Directory(PathBuf),
    /// A certdata.txt of NSS.
    Certdata(PathBuf, Purpose),
    /// The system's roots.
    System,
    /// Memory, or what comes with hostlock: it stays as it is.
    Fixed,
}

impl Origin {
    /// That of `input`.
    pub fn of(input: Input<'_>) -> Origin {
        match input {
            Input::File(path) => Origin::File(absolute(path)),
            Input::Directory(path) => Origin::Directory(absolute(path)),
            Input::Memory(_) => Origin::Fixed,
        }
    }
}

/// `path` from the root, so that it names the same file when the process has gone elsewhere. Links in it stay links: they
/// may lead to another file by then.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// All of `named` as it is now, and whether anything is other than it was.
pub fn read_again(named: &[Named], broken: Broken) -> Result<(Vec<Named>, bool)> {
    let mut is_another = false;
    let mut all = Vec::with_capacity(named.len());
    for one in named {
        let index = match &one.origin {
            Origin::File(path) => source::index(Input::File(path), broken)?,
            Origin::Directory(path) => source::index(Input::Directory(path), broken)?,
            Origin::Certdata(path, purpose) => source::certdata(path, *purpose)?,
            Origin::System => system_again(Some(&one.index))?,
            Origin::Fixed => Arc::clone(&one.index),
        };
        is_another |= !one.index.is_same_as(&index);
        all.push(Named { origin: one.origin.clone(), index });
    }
    Ok((all, is_another))
}

/// The system's roots as they are now. Where a process has lost sight of them since, as in another root directory, the
/// bundled ones do not come in their place.
pub fn system_again(current: Option<&Arc<Index>>) -> Result<Arc<Index>> {
    let bundled = bundled::roots();
    let system = source::system()?;
    if Arc::ptr_eq(&system, &bundled) && current.is_some_and(|current| !Arc::ptr_eq(current, &bundled)) {
        return Err(Error::new(Status::ENotFound, "the system's roots are not there any more")
            .with_hint("a process that has changed its root directory does not see them; name a file inside of that"));
    }
    Ok(system)
}
