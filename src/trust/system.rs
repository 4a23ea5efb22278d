//! The roots of the operating system, as `SSL_CERT_FILE` and `SSL_CERT_DIR` or the system itself name them. They are
//! parsed once per process and again when a file of theirs has changed. What the environment names must be good: of it
//! only directories that are not there are passed over in silence, and only where others hold something. A setuid process does not look at its environment, which its caller chose.

use std::cell::RefCell;
use std::env;
use std::ffi::{CString, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls_native_certs::CertificateResult;

use crate::error::{Error, Result, Status};
use crate::os::privileges::is_privileged;
use crate::trust::anchor_set::AnchorSet;
use crate::trust::decode::{self, Broken, Reader};
use crate::trust::files::{self, Listing};
use crate::trust::one_file::{self, Stamp};
use crate::trust::index::shared::{self, Identity, lock_soon};
use crate::trust::{Index, bundled};

const FILE_VARIABLE: &str = "SSL_CERT_FILE";
const DIRECTORY_VARIABLE: &str = "SSL_CERT_DIR";
const ORIGIN: &str = "the system's roots";

/// How long the files of a directory are taken to be what they were, where the directory itself has not changed.
const RECHECK: Duration = Duration::from_secs(1);

/// See the module's text.
pub fn roots() -> Result<Arc<Index>> {
    static RECENT: Mutex<Option<Arc<Recent>>> = Mutex::new(None);
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let environment_is_set = variable(FILE_VARIABLE).is_some() || variable(DIRECTORY_VARIABLE).is_some();
    let named = (environment_is_set && !is_privileged()).then(|| Places::of_environment(variable));
    let recent = lock_soon(&RECENT).and_then(|recent| recent.clone());
    if let Some(recent) = recent.filter(|recent| recent.is_of(named.as_ref()) && recent.is_current()) {
        return Ok(Arc::clone(&recent.index));
    }
    // The state is taken before the files are read: what changes meanwhile is seen by the next context.
    let checked = Instant::now();
    let places = named.unwrap_or_else(|| Places::usual(environment_is_set));
    let outside = places.outside();
    let (index, is_settled) = places.roots()?;
    // Where nothing was found, something may be put anywhere.
    let can_be_watched = !outside.is_empty() || cfg!(any(not(unix), target_os = "macos"));
    if is_settled
        && can_be_watched
        && let Some(mut recent) = lock_soon(&RECENT)
    {
        *recent = Some(Arc::new(Recent { places, outside, checked, index: Arc::clone(&index) }));
    }
    Ok(index)
}

/// The file, if there is one, and the directories that [`roots`] looks at now; and whether the environment names them.
pub fn places() -> (Option<PathBuf>, Vec<PathBuf>, bool) {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let environment_is_set = variable(FILE_VARIABLE).is_some() || variable(DIRECTORY_VARIABLE).is_some();
    let places = match environment_is_set && !is_privileged() {
        true => Places::of_environment(variable),
        false => Places::usual(environment_is_set),
    };
    (places.file, places.directories, places.from_environment)
}

/// What of all that the environment names as the places of roots is not there, in words: OpenSSL passes over it.
pub fn missing() -> Option<String> {
    let of = |variable: &str, path: &Path| {
        (!path.as_os_str().is_empty() && !path.exists())
            .then(|| format!("{variable} names {path:?}, which is not there"))
    };
    if is_privileged() {
        return None;
    }
    let directories = env::var_os(DIRECTORY_VARIABLE);
    let directory = || directories.iter().flat_map(env::split_paths).find_map(|path| of(DIRECTORY_VARIABLE, &path));
    env::var_os(FILE_VARIABLE).and_then(|path| of(FILE_VARIABLE, Path::new(&path))).or_else(directory)
}

/// What was found the last time, and how to see quickly that it still stands: looking at each file of a directory costs
/// more than all else that a context needs.
struct Recent {
    places: Places,
    outside: Vec<Stamp>,
    checked: Instant,
    index: Arc<Index>,
}

impl Recent {
    fn is_of(&self, named: Option<&Places>) -> bool {
        match named {
            Some(named) => *named == self.places,
            None => !self.places.from_environment,
        }
    }

    fn is_current(&self) -> bool {
        let is_fresh = !self.places.reads_directories() || self.checked.elapsed() < RECHECK;
        is_fresh && self.places.outside() == self.outside
    }
}

/// What was seen before anything was read.
#[derive(Default)]
struct Look {
    outside: Vec<Stamp>,
    /// Of the directories that are read; `None` where one could not be listed.
    listings: Vec<Option<Listing>>,
    /// Whether all that was read was what had been seen.
    is_unchanged: bool,
}

/// Where to look for the system's roots.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Places {
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
    /// Whether the environment named them; then what is there must be good.
    from_environment: bool,
}

impl Places {
    fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Places {
        let directories = variable(DIRECTORY_VARIABLE);
        let directories = directories.iter().flat_map(env::split_paths).filter(|path| !path.as_os_str().is_empty());
        Places {
            file: variable(FILE_VARIABLE).map(PathBuf::from),
            directories: directories.collect(),
            from_environment: true,
        }
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

    fn roots(&self) -> Result<(Arc<Index>, bool)> {
        let look = RefCell::new(Look::default());
        let identity = || {
            let (new, identity) = self.look();
            look.replace(new);
            identity
        };
        let read = || if self.from_environment { self.load_named(&mut look.borrow_mut()) } else { self.load() };
        // Each file that was read was compared with the look at it. What could not be read may be in the midst of a change,
        // and not where it was looked at.
        let is_same = |before: &Identity, could_be_read: bool| match could_be_read && self.from_environment {
            true => look.borrow().is_unchanged && look.borrow().outside == self.outside(),
            false => self.look().1 == *before,
        };
        shared::get_or_read_settled(ORIGIN, identity, read, is_same)
    }

    /// Whether the files of the directories are read. Beside a file, the usual ones are only searched by OpenSSL.
    fn reads_directories(&self) -> bool {
        !self.directories.is_empty() && (self.from_environment || self.file.is_none())
    }

    /// The state of the file and of the directories themselves.
    fn outside(&self) -> Vec<Stamp> {
        self.file.iter().chain(&self.directories).map(|path| Stamp::of(path)).collect()
    }

    /// A look at all that is read, and its state.
    fn look(&self) -> (Look, Identity) {
        // Before the directories are listed: what is put into one later changes it.
        let outside = self.outside();
        let mut listings = Vec::new();
        let mut stamps: Vec<(PathBuf, Stamp)> = self.file.iter().chain(&self.directories).cloned().zip(outside.clone()).collect();
        for path in self.directories.iter().filter(|_| self.reads_directories()) {
            let listing = Listing::of(path);
            let inside = listing.as_ref().map(Listing::stamps).unwrap_or_default();
            stamps.extend(inside.into_iter().map(|stamp| (path.clone(), stamp)));
            listings.push(listing);
        }
        (Look { outside, listings, is_unchanged: true }, Identity::Places(stamps))
    }

    fn load_named(&self, look: &mut Look) -> Result<Arc<Index>> {
        let mut file = None;
        let mut nothing = None;
        let mut seen = files::Seen::default();
        if let Some(path) = &self.file {
            let origin = format!("{path:?} (named by {FILE_VARIABLE})");
            let data = one_file::read_whole(path, &origin)?;
            if self.directories.is_empty() {
                return Index::read(&data, &origin).map(Arc::new);
            }
            file = Some((origin, data));
            // It may lie in one of the directories too.
            seen.note(path);
        }
        let mut by_directory = Vec::new();
        for (path, listing) in self.directories.iter().zip(&look.listings) {
            let origin = format!("{path:?} (named by {DIRECTORY_VARIABLE})");
            let read = match listing {
                Some(listing) => listing.read_unseen(&origin, &mut seen),
                None => files::read_unseen(path, &origin, &mut seen).map(|found| (found, false)),
            };
            match read {
                Ok((found, is_same)) => {
                    look.is_unchanged &= is_same;
                    by_directory.push((origin, found));
                }
                // OpenSSL too passes over a directory that is not there. Where nothing else is found, it is the reason.
                Err(error) if matches!(error.status(), Status::EEmpty | Status::ENotFound) => {
                    nothing.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        let members = by_directory.iter().flat_map(|(_, found)| found).map(|(_, data)| data);
        let all = file.iter().map(|(_, data)| data).chain(members);
        if let Some(index) = Index::of_common_pems(all.map(Vec::as_slice), ORIGIN) {
            return Ok(Arc::new(index));
        }
        let mut set = AnchorSet::default();
        if let Some((origin, data)) = &file {
            set.absorb(decode::parse(data, origin)?);
        }
        for (origin, found) in &by_directory {
            set.absorb(files::anchors_of(found, origin, Broken::Refuse)?);
        }
        match nothing {
            Some(error) if set.certificates.is_empty() => Err(error),
            _ if set.certificates.is_empty() => {
                Err(Error::new(Status::EEmpty, format!("{DIRECTORY_VARIABLE} names no directory")))
            }
            _ => Index::of_set(set, ORIGIN).map(Arc::new),
        }
    }

    /// The file's roots, and behind them the directories, in which OpenSSL finds a root by the hash of its name. Where
    /// there is no such file or it is in doubt, all is read, and what cannot be read is left out.
    fn load(&self) -> Result<Arc<Index>> {
        let indexed = self.file.as_ref().and_then(|path| {
            let text = one_file::read_whole(path, &format!("{path:?}")).ok()?;
            Index::of_common_pem(&text, &format!("{path:?}"))
        });
        let c_path = |path: &PathBuf| CString::new(path.as_os_str().as_encoded_bytes()).ok();
        match indexed {
            Some(index) => Ok(Arc::new(index.with_directories(self.directories.iter().filter_map(c_path).collect()))),
            None => or_bundled(self.load_usual()),
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

/// The bundled roots stand in where the system has none, but not where it has some that cannot be read.
fn or_bundled(found: CertificateResult) -> Result<Arc<Index>> {
    let mut reader = Reader::default();
    reader.read_lenient(found.certs.iter().map(|der| der.as_ref()));
    let set = reader.finish();
    if !set.certificates.is_empty() {
        return Index::of_set(set, ORIGIN).map(Arc::new);
    }
    match found.errors.first() {
        None => Ok(bundled::roots()),
        Some(error) => Err(Error::new(Status::EFileIo, format!("the system's roots cannot be read: {error}"))
            .with_hint("repair them, or trust Mozilla's with hostlock_ctx_trust_bundled")),
    }
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
    fn the_environment_names_a_file_and_a_list_of_directories() {
        let named = Places::of_environment(variables(Some("/a.pem"), Some("/b::/c")));
        assert_eq!(named.file, Some("/a.pem".into()));
        assert_eq!(named.directories, [PathBuf::from("/b"), "/c".into()]);
        assert!(named.from_environment);
    }

    #[test]
    fn the_usual_places_never_hold_what_the_environment_named_where_it_must_not_be_heeded() {
        let usual = Places::usual(true);
        assert!(!usual.from_environment && usual.file.is_none());
    }

    #[test]
    fn bundled_roots_stand_in_for_none_but_not_for_unreadable_ones() {
        let set = or_bundled(CertificateResult::default()).unwrap();
        assert_eq!(set.certificates().count(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        let unreadable = rustls_native_certs::load_certs_from_paths(Some(Path::new("/nonexistent.pem")), None);
        let error = or_bundled(unreadable).err().unwrap();
        assert_eq!(error.status(), Status::EFileIo);
        assert!(error.message().contains("/nonexistent.pem"), "{error}");
    }
}
