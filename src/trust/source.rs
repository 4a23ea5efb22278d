//! Where trust anchors come from, one function a source. Each answers at least one certificate, or an error that names
//! what was wrong; it never takes another source instead of the one that was asked for.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result, Status};
use crate::trust::certdata::Purpose;
use crate::trust::decode::{AnchorSet, Broken, Reader};
use crate::trust::distrust::Distrust;
use crate::trust::system::Places;
use crate::trust::{certdata, files};

/// A file: PEM with one certificate or many, or one certificate in DER.
pub fn file(path: &Path) -> Result<AnchorSet> {
    read(Input::File(path), Broken::Refuse)
}

/// A directory of such files.
pub fn directory(path: &Path) -> Result<AnchorSet> {
    read(Input::Directory(path), Broken::Refuse)
}

/// Memory: PEM with one certificate or many, or one certificate in DER.
pub fn memory(data: &[u8]) -> Result<AnchorSet> {
    read(Input::Memory(data), Broken::Refuse)
}

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

/// The anchors of `input`; `broken` is what becomes of broken certificates in it.
pub fn read(input: Input<'_>, broken: Broken) -> Result<AnchorSet> {
    match input {
        Input::File(path) => files::load_file(path, &format!("{path:?}"), broken),
        Input::Directory(path) => files::load_directory(path, &format!("{path:?}"), broken),
        Input::Memory(data) => {
            let mut reader = Reader::new(broken);
            reader.read(data, "the memory block")?;
            Ok(reader.finish())
        }
    }
}

/// A certdata.txt of NSS: its roots for `purpose`, with what it says against certificates.
pub fn certdata(path: &Path, purpose: Purpose) -> Result<(AnchorSet, Distrust)> {
    certdata::load(path)?.anchors(purpose, &format!("{path:?}"))
}

/// The system's roots, or the bundled ones where the system has none.
pub fn system() -> Result<Arc<AnchorSet>> {
    Places::now().roots()
}

/// Mozilla's roots, as bundled with hostlock.
pub fn bundled() -> Result<Arc<AnchorSet>> {
    static BUNDLED: OnceLock<Arc<AnchorSet>> = OnceLock::new();
    if let Some(set) = BUNDLED.get() {
        return Ok(Arc::clone(set));
    }
    let mut reader = Reader::default();
    reader.read_lenient(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| der.as_ref()));
    let set = reader.finish();
    if set.certificates.len() != webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() {
        return Err(Error::new(Status::EInternal, "this OpenSSL cannot read one of the bundled roots"));
    }
    Ok(Arc::clone(BUNDLED.get_or_init(|| Arc::new(set))))
}
