//! The indexes that all contexts of the process share, each under the identity of what it was read from. A file that has
//! changed has another identity, so the next context sees it. The lock is held for a look only, and where it cannot be
//! had (another thread held it when the process forked) the source is read as if there were no cache.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;

use crate::error::{Error, Result, Status};
use crate::trust::certdata::Purpose;
use crate::trust::one_file::Stamp;
use crate::trust::index::Index;

/// How many indexes are kept for contexts to come; others live as long as a context uses them.
const KEPT: usize = 8;
/// What is larger is not kept for contexts to come.
const LARGEST_KEPT: usize = 1 << 20;
const ATTEMPTS: usize = 3;

/// What an index was read from, in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A file at a path.
    File(PathBuf, Stamp),
    /// Bytes, by their SHA-256.
    Content([u8; 32]),
    /// A certdata.txt at a path, read for one purpose.
    Certdata(PathBuf, Stamp, Purpose),
    /// Several places together.
    Places(Vec<(PathBuf, Stamp)>),
}

impl Identity {
    /// The file at `path`, as it is now.
    pub fn of_file(path: &Path) -> Identity {
        Identity::File(path.to_owned(), Stamp::of(path))
    }

    /// The certdata.txt at `path`, as it is now, for one purpose.
    pub fn of_certdata(path: &Path, purpose: Purpose) -> Identity {
        Identity::Certdata(path.to_owned(), Stamp::of(path), purpose)
    }

    /// Where a new state will get another identity for certain.
    fn is_settled(&self) -> bool {
        match self {
            Identity::File(_, stamp) | Identity::Certdata(_, stamp, _) => stamp.is_settled(),
            Identity::Content(_) => true,
            Identity::Places(places) => places.iter().all(|(_, stamp)| stamp.is_settled()),
        }
    }

    fn is_other_state_of(&self, other: &Identity) -> bool {
        match (self, other) {
            (Identity::File(one, _), Identity::File(other, _)) => one == other,
            (Identity::Certdata(one, _, for_one), Identity::Certdata(other, _, for_other)) => {
                one == other && for_one == for_other
            }
            (Identity::Places(one), Identity::Places(other)) => {
                one.iter().map(|(path, _)| path).eq(other.iter().map(|(path, _)| path))
            }
            _ => false,
        }
    }
}

/// The shared index of what `identity` says, read where it is not there yet. What changes while it is read is read again.
pub fn get_or_read(
    origin: &str,
    identity: impl Fn() -> Identity,
    read: impl Fn() -> Result<Arc<Index>>,
) -> Result<Arc<Index>> {
    Ok(get_or_read_settled(origin, &identity, read, |before, _| identity() == *before)?.0)
}

/// As [`get_or_read`], and whether it is shared from now on. `is_same` says whether what was read is what the identity was of,
/// and is told whether it could be read.
pub fn get_or_read_settled(
    origin: &str,
    identity: impl Fn() -> Identity,
    read: impl Fn() -> Result<Arc<Index>>,
    is_same: impl Fn(&Identity, bool) -> bool,
) -> Result<(Arc<Index>, bool)> {
    for _ in 0..ATTEMPTS {
        let before = identity();
        if let Some(found) = find(&before) {
            return Ok((found, true));
        }
        let outcome = read();
        if !is_same(&before, outcome.is_ok()) {
            continue;
        }
        let index = outcome?;
        let is_settled = before.is_settled();
        if is_settled {
            keep(before, &index);
        }
        return Ok((index, is_settled));
    }
    Err(Error::new(Status::EFileIo, format!("{origin} changes while it is read"))
        .with_hint("try again when it is written; whoever writes it should write another file and rename that"))
}

/// The shared index of `identity`, if there is one.
pub fn find(identity: &Identity) -> Option<Arc<Index>> {
    lock()?.iter().find(|entry| entry.identity == *identity).and_then(|entry| entry.index.upgrade())
}

struct Entry {
    identity: Identity,
    index: Weak<Index>,
    kept: Option<Arc<Index>>,
}

fn keep(identity: Identity, index: &Arc<Index>) {
    let Some(mut entries) = lock() else { return };
    let superseded = |entry: &Entry| entry.index.strong_count() == 0 || entry.identity.is_other_state_of(&identity);
    let (old, mut left): (Vec<Entry>, Vec<Entry>) = entries.drain(..).partition(superseded);
    let kept = (index.size() <= LARGEST_KEPT).then(|| Arc::clone(index));
    left.push(Entry { identity, index: Arc::downgrade(index), kept });
    let over = left.iter().filter(|entry| entry.kept.is_some()).count().saturating_sub(KEPT);
    let dropped: Vec<Option<Arc<Index>>> =
        left.iter_mut().filter(|entry| entry.kept.is_some()).take(over).map(|entry| entry.kept.take()).collect();
    *entries = left;
    drop(entries);
    // Outside of the lock, for this may free hundreds of certificates.
    drop((old, dropped));
}

fn lock() -> Option<MutexGuard<'static, Vec<Entry>>> {
    static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
    lock_soon(&ENTRIES)
}

/// The lock of `mutex`, if it can be had soon.
pub fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..100 {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn identity(number: u8) -> Identity {
        Identity::Content([number; 32])
    }

    fn read() -> Result<Arc<Index>> {
        Index::read(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[0], "one root").map(Arc::new)
    }

    #[test]
    fn one_identity_is_read_once_and_another_again() {
        let one = get_or_read("it", || identity(1), read).unwrap();
        let again = get_or_read("it", || identity(1), || panic!("it is there")).unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        assert!(!Arc::ptr_eq(&one, &get_or_read("it", || identity(2), read).unwrap()));
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again_and_refused_where_that_never_ends() {
        let state = Cell::new(10);
        let reads = Cell::new(0);
        let torn = || {
            reads.set(reads.get() + 1);
            if reads.get() == 1 {
                state.set(11);
                return Err(Error::new(Status::EBadPem, "half of it was written"));
            }
            read()
        };
        get_or_read("it", || identity(state.get()), torn).unwrap();
        assert_eq!(reads.get(), 2);
        state.set(50);
        let restless = || {
            state.set(state.get() + 1);
            read()
        };
        let error = get_or_read("it", || identity(state.get()), restless).err().unwrap();
        assert_eq!((error.status(), error.message()), (Status::EFileIo, "it changes while it is read"));
    }

    #[test]
    fn a_file_that_has_only_just_changed_is_not_shared() {
        let path = std::env::temp_dir().join(format!("hostlock-shared-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let fresh = Identity::of_file(&path);
        let settled = Identity::of_file(Path::new("/"));
        std::fs::remove_file(&path).unwrap();
        assert!(!fresh.is_settled());
        assert!(settled.is_settled());
        assert_ne!(fresh, Identity::of_file(&path));
    }

    #[test]
    fn a_lock_that_is_held_for_ever_is_not_waited_for() {
        let mutex = Mutex::new(());
        let held = mutex.lock().unwrap();
        assert!(lock_soon(&mutex).is_none());
        drop(held);
        assert!(lock_soon(&mutex).is_some());
    }

    #[test]
    fn only_some_are_kept_without_a_user() {
        let weak: Vec<Weak<Index>> = (100..100 + 3 * KEPT as u8)
            .map(|number| Arc::downgrade(&get_or_read("it", || identity(number), read).unwrap()))
            .collect();
        let alive = weak.iter().filter(|index| index.strong_count() > 0).count();
        assert!(alive <= KEPT, "{alive} are kept");
    }
}
