//! Writes a file all at once: another program sees the old contents or the new ones, never a part, and a failure leaves
//! everything as it was and nothing behind.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result, Status};
use crate::os::words;
use crate::trust::one_file::kind;

/// Puts `contents` into the file at `path`, which may be a link to one. A file that is there keeps its mode, and its
/// owner where that is permitted.
pub fn file(path: &Path, contents: &[u8]) -> Result<()> {
    let failed = |error: io::Error| {
        Error::new(Status::EFileIo, format!("the file {path:?} cannot be written: {}", words::of(&error)))
    };
    let (target, old) = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => (fs::canonicalize(path).map_err(failed)?, Some(metadata)),
        Ok(metadata) => {
            return Err(Error::new(Status::EWrongFileType, format!("{path:?} is {}, not a file", kind(&metadata))));
        }
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            (path.to_owned(), None)
        }
        Err(error) => return Err(failed(error)),
    };
    let (Some(name), Some(directory)) = (target.file_name(), target.parent()) else {
        return Err(Error::new(Status::EArg, format!("{path:?} does not name a file")));
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let (mut file, temporary) = Temporary::create(directory, name, old.is_some()).map_err(failed)?;
    if let Some(old) = &old {
        keep_owner(&file, old);
        file.set_permissions(old.permissions()).map_err(failed)?;
    }
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(failed)?;
    drop(file);
    temporary.rename_to(&target).map_err(failed)?;
    // The new name lasts through a crash only when the directory is on the disk too; not every file system can say so.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// A file beside the one that it will replace; dropped, it is removed.
struct Temporary(PathBuf);

impl Temporary {
    fn create(directory: &Path, name: &std::ffi::OsStr, replaces: bool) -> io::Result<(File, Temporary)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Until the old file's mode is known to hold for the new one nobody else may read it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if replaces { 0o600 } else { 0o666 });
        #[cfg(not(unix))]
        let _ = replaces;
        loop {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
            let path = directory.join(hidden);
            match options.open(&path) {
                Ok(file) => return Ok((file, Temporary(path))),
                // A process of this number died here once.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.0, target)?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Only root may give files away; for others the file becomes their own, as with any editor.
#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _old: &Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("hostlock-replace-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Scratch(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> =
                fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_new_file_appears_with_its_contents_and_nothing_beside_it() {
        let scratch = Scratch::new("new");
        file(&scratch.0.join("a"), b"one").unwrap();
        assert_eq!(fs::read(scratch.0.join("a")).unwrap(), b"one");
        assert_eq!(scratch.names(), ["a"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_its_mode_and_a_link_to_it_stays_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let scratch = Scratch::new("mode");
        let (real, link) = (scratch.0.join("real"), scratch.0.join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        file(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(scratch.names(), ["link", "real"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let scratch = Scratch::new("failure");
        let inside = scratch.0.join("missing").join("a");
        assert_eq!(file(&inside, b"x").unwrap_err().status(), Status::EFileIo);
        assert_eq!(file(&scratch.0, b"x").unwrap_err().status(), Status::EWrongFileType);
        assert_eq!(file(Path::new("/"), b"x").unwrap_err().status(), Status::EWrongFileType);
        assert_eq!(file(Path::new(""), b"x").unwrap_err().status(), Status::EArg);
        assert!(scratch.names().is_empty());
    }

    #[test]
    fn what_is_dropped_before_it_has_its_name_is_removed() {
        let scratch = Scratch::new("dropped");
        let (file, temporary) = Temporary::create(&scratch.0, "a".as_ref(), false).unwrap();
        assert_eq!(scratch.names().len(), 1);
        drop((file, temporary));
        assert!(scratch.names().is_empty());
    }
}
