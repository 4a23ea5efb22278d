//! The roots of the operating system, as `SSL_CERT_FILE` and `SSL_CERT_DIR` or the system itself name them. They are
//! parsed once per process and again when a file of theirs has changed. What the environment names must be good: it is
//! never passed over in silence. A setuid process does not look at its environment, which its caller chose.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls_native_certs::CertificateResult;

use crate::error::{Error, Result, Status};
use crate::trust::decode::{AnchorSet, Broken, Reader};
use crate::trust::files::{self, Stamp};
use crate::trust::source;

const FILE_VARIABLE: &str = "SSL_CERT_FILE";
const DIRECTORY_VARIABLE: &str = "SSL_CERT_DIR";

/// Where to look for the system's roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
    /// Whether the environment named them; then each must be good.
    from_environment: bool,
}

impl Places {
    /// The places as the environment has them now. A context asks when it is made, not in a handshake, where another
    /// thread of a C program could be changing the environment.
    pub fn now() -> Places {
        Places::named(is_privileged(), |name| env::var_os(name))
    }

    /// The roots that are there now.
    pub fn roots(&self) -> Result<Arc<AnchorSet>> {
        static CACHE: Mutex<Option<(Key, Arc<AnchorSet>)>> = Mutex::new(None);
        // The state of the files is taken before they are read: what changes meanwhile is read again the next time.
        let key = Key::of(self.clone());
        // The lock is held for a look only, so that a slow disk, or a fork at a bad moment, stops nobody else.
        let cached = CACHE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((known, set)) = cached
            && known == key
        {
            return Ok(set);
        }
        let set = self.load()?;
        *CACHE.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, Arc::clone(&set)));
        Ok(set)
    }

    fn named(privileged: bool, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Places {
        let value = |name| variable(name).filter(|value| !value.is_empty());
        let (file, directories) = (value(FILE_VARIABLE), value(DIRECTORY_VARIABLE));
        let is_named = file.is_some() || directories.is_some();
        if !is_named || privileged {
            return Places::usual(is_named);
        }
        let directories = directories.iter().flat_map(env::split_paths).filter(|path| !path.as_os_str().is_empty());
        Places { file: file.map(PathBuf::from), directories: directories.collect(), from_environment: true }
    }

    /// Where systems keep them. `openssl_probe` takes the file from the environment too, so where that must not be
    /// looked at only directories are used; the bundle lies in one of them.
    #[cfg(all(unix, not(target_os = "macos")))]
    fn usual(environment_is_set: bool) -> Places {
        let file = if environment_is_set { None } else { openssl_probe::probe().cert_file };
        let directories = openssl_probe::candidate_cert_dirs().map(Path::to_owned).collect();
        Places { file, directories, from_environment: false }
    }

    /// The operating system's own store has no place; it is read once per process.
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn usual(_environment_is_set: bool) -> Places {
        Places { file: None, directories: Vec::new(), from_environment: false }
    }

    fn load(&self) -> Result<Arc<AnchorSet>> {
        if self.from_environment { self.load_named().map(Arc::new) } else { or_bundled(self.load_usual()) }
    }

    fn load_named(&self) -> Result<AnchorSet> {
        let mut set = AnchorSet::default();
        let mut nothing = None;
        if let Some(path) = &self.file {
            set.absorb(files::load_file(path, &format!("{path:?} (named by {FILE_VARIABLE})"), Broken::Refuse)?);
        }
        for path in &self.directories {
            match files::load_directory(path, &format!("{path:?} (named by {DIRECTORY_VARIABLE})"), Broken::Refuse) {
                Ok(found) => set.absorb(found),
                Err(error) if error.status() == Status::EEmpty => nothing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match nothing {
            Some(error) if set.certificates.is_empty() => Err(error),
            _ if set.certificates.is_empty() => {
                Err(Error::new(Status::EEmpty, format!("{DIRECTORY_VARIABLE} names no directory")))
            }
            _ => Ok(set),
        }
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn load_usual(&self) -> CertificateResult {
        let directories: Vec<Option<&Path>> = match self.directories.as_slice() {
            [] => vec![None],
            some => some.iter().map(|path| Some(path.as_path())).collect(),
        };
        let mut found = CertificateResult::default();
        let mut file = self.file.as_deref();
        for directory in directories {
            let more = rustls_native_certs::load_certs_from_paths(file.take(), directory);
            found.certs.extend(more.certs);
            found.errors.extend(more.errors);
        }
        found
    }

    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn load_usual(&self) -> CertificateResult {
        if is_privileged() { CertificateResult::default() } else { rustls_native_certs::load_native_certs() }
    }
}

/// Places, and the state of what is there.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    places: Places,
    stamps: Vec<Vec<Stamp>>,
}

impl Key {
    fn of(places: Places) -> Key {
        let file = places.file.iter().map(|path| vec![Stamp::of(path)]);
        let stamps = file.chain(places.directories.iter().map(|path| Stamp::of_directory(path))).collect();
        Key { places, stamps }
    }
}

/// The bundled roots stand in where the system has none, but not where it has some that cannot be read.
fn or_bundled(found: CertificateResult) -> Result<Arc<AnchorSet>> {
    let mut reader = Reader::default();
    reader.read_lenient(found.certs.iter().map(|der| der.as_ref()));
    let set = reader.finish();
    if !set.certificates.is_empty() {
        return Ok(Arc::new(set));
    }
    match found.errors.first() {
        None => source::bundled(),
        Some(error) => Err(Error::new(Status::EFileIo, format!("the system's roots cannot be read: {error}"))
            .with_hint("repair them, or trust Mozilla's with hostlock_ctx_trust_bundled")),
    }
}

/// Whether the process runs with rights that its caller does not have (setuid, setgid, capabilities).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_privileged() -> bool {
    // SAFETY: reads the vector that the kernel gave the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(any(
    target_os = "macos",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
))]
fn is_privileged() -> bool {
    // SAFETY: no arguments.
    unsafe { libc::issetugid() != 0 }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
)))]
fn is_privileged() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(file: Option<&str>, directory: Option<&str>) -> impl Fn(&str) -> Option<std::ffi::OsString> {
        let (file, directory) = (file.map(Into::into), directory.map(Into::into));
        move |name| match name {
            FILE_VARIABLE => file.clone(),
            DIRECTORY_VARIABLE => directory.clone(),
            _ => None,
        }
    }

    #[test]
    fn the_environment_names_the_places_unless_it_is_empty_or_the_process_is_privileged() {
        let named = Places::named(false, variables(Some("/a.pem"), Some("/b::/c")));
        assert_eq!(named.file, Some("/a.pem".into()));
        assert_eq!(named.directories, [PathBuf::from("/b"), "/c".into()]);
        assert!(named.from_environment);
        for unheeded in [
            Places::named(false, variables(None, None)),
            Places::named(false, variables(Some(""), Some(""))),
            Places::named(true, variables(Some("/a.pem"), Some("/b"))),
        ] {
            assert!(!unheeded.from_environment);
            assert_ne!(unheeded.file, Some("/a.pem".into()));
            assert!(!unheeded.directories.contains(&"/b".into()));
        }
    }

    #[test]
    fn bundled_roots_stand_in_for_none_but_not_for_unreadable_ones() {
        let set = or_bundled(CertificateResult::default()).unwrap();
        assert_eq!(set.certificates.len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        let unreadable = rustls_native_certs::load_certs_from_paths(Some(Path::new("/nonexistent.pem")), None);
        let error = or_bundled(unreadable).err().unwrap();
        assert_eq!(error.status(), Status::EFileIo);
        assert!(error.message().contains("/nonexistent.pem"), "{error}");
    }
}
