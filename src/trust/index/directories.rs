//! What OpenSSL may find in hashed directories: for lists, as a handshake asks for one name and not for all. It reads the
//! files that are there now, and leaves out what OpenSSL would not read.

use std::ffi::CString;
use std::path::Path;

use crate::trust::index::Index;
use crate::trust::{files, pem};

/// The certificates in `directories`: the name of the directory, and DER.
pub fn certificates(directories: &[CString]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for directory in directories {
        let Some(path) = path(directory) else { continue };
        let origin = format!("{path:?}");
        for (_, data) in files::read_hashed(path, &origin) {
            // OpenSSL reads PEM there, and no DER.
            let index = if pem::has_boundary(&data) { Index::read(&data, &origin).ok() } else { None };
            let certificates = index.iter().flat_map(Index::certificates);
            found.extend(certificates.map(|der| (origin.clone(), der.to_vec())));
        }
    }
    found
}

#[cfg(unix)]
fn path(directory: &CString) -> Option<&Path> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(std::ffi::OsStr::from_bytes(directory.to_bytes())))
}

#[cfg(not(unix))]
fn path(directory: &CString) -> Option<&Path> {
    directory.to_str().ok().map(Path::new)
}
