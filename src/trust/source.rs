//! Where trust anchors come from, one function a source. Each answers at least one certificate, or an error that names
//! what was wrong; it never takes another source instead of the one that was asked for.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::trust::index::shared::{self, Identity};
use crate::trust::{Index, files, system};

/// A file: PEM with one certificate or many, or one certificate in DER.
pub fn file(path: &Path) -> Result<Arc<Index>> {
    named_file(path, &format!("{path:?}"))
}

/// As [`file`], under another name in errors and lists.
pub fn named_file(path: &Path, origin: &str) -> Result<Arc<Index>> {
    let read = || Index::read(&files::read_whole(path, origin)?, origin).map(Arc::new);
    shared::get_or_read(origin, || Identity::of_file(path), read)
}

/// A directory of such files.
pub fn directory(path: &Path) -> Result<Arc<Index>> {
    let origin = format!("{path:?}");
    let files = files::read_directory(path, &origin)?;
    let index = match Index::of_common_pems(files.iter().map(|(_, data)| data.as_slice()), &origin) {
        Some(index) => index,
        None => Index::of_set(files::anchors_of(&files, &origin)?, &origin)?,
    };
    Ok(Arc::new(index))
}

/// Memory: PEM with one certificate or many, or one certificate in DER.
pub fn memory(data: &[u8]) -> Result<Arc<Index>> {
    const ORIGIN: &str = "the memory block";
    shared::get_or_read(
        ORIGIN,
        || Identity::Content(openssl::sha::sha256(data)),
        || Index::read(data, ORIGIN).map(Arc::new),
    )
}

/// The system's roots, or the bundled ones where the system has none.
pub fn system() -> Result<Arc<Index>> {
    system::roots()
}

/// Mozilla's roots, as bundled with hostlock.
pub fn bundled() -> Result<Arc<Index>> {
    static BUNDLED: OnceLock<Arc<Index>> = OnceLock::new();
    if let Some(index) = BUNDLED.get() {
        return Ok(Arc::clone(index));
    }
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| der.as_ref());
    let index = Arc::new(Index::of_static(roots, "the bundled roots")?);
    Ok(Arc::clone(BUNDLED.get_or_init(|| index)))
}
