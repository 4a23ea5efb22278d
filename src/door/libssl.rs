//! The libssl that hostlock uses.

use std::path::PathBuf;

use crate::os::images;

/// The file of the libssl that hostlock uses in this process; `None` where it is inside of the program, or of hostlock.
///
/// ```
/// if let Some(path) = hostlock::libssl_path() {
///     assert!(path.to_str().unwrap().contains("libssl"));
/// }
/// ```
pub fn libssl_path() -> Option<PathBuf> {
    let holder = PathBuf::from(images::ours()?);
    let name = holder.file_name()?.to_string_lossy().into_owned();
    name.starts_with("libssl").then(|| holder.canonicalize().unwrap_or(holder))
}
