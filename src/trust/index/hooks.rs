//! An `X509_STORE` that finds its roots in indexes. Before OpenSSL searches the store for a name, all indexed roots of
//! that name are put into it; then OpenSSL's own search decides, so that its answer is the one of a store that was
//! filled at once. Nothing here judges a certificate.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::ex_data::Place;
use crate::libssl::queue::Quiet;
use crate::libssl::store::{add_certificate, add_crl, add_directory};
use crate::libssl::store_search::{Search, Searches};
use crate::trust::index::{Index, name};

/// Gives the store to search in place of one that its program has left as it was.
pub trait StandIn: Send + Sync {
    /// The store to search in place of `store`, or `None` where `store` is to be searched itself.
    fn stand_in(&self, store: &X509StoreRef) -> Result<Option<X509Store>>;
}

/// What hangs on a store: the indexes, in the order in which they were named. Nobody waits to read the list.
#[derive(Default)]
struct Attached {
    stand_in: Option<Arc<dyn StandIn>>,
    first: OnceLock<Box<Link>>,
}

static ATTACHED: Place<ffi::X509_STORE, Attached> = Place::not_copied();

struct Link {
    index: Arc<Index>,
    /// Which roots are in the store.
    loaded: Box<[AtomicBool]>,
    /// How many are not.
    missing: AtomicUsize,
    next: OnceLock<Box<Link>>,
}

/// Lets `store` find roots in the indexes that [`attach`] will name, and until then in what `stand_in` gives.
pub fn install(store: &X509StoreRef, stand_in: Option<Arc<dyn StandIn>>) -> Result<()> {
    ATTACHED.hang(store, Arc::new(Attached { stand_in, ..Attached::default() }))?;
    SEARCHES.install(store);
    Ok(())
}

/// Adds the roots of `index` to a store that was given to [`install`].
pub fn attach(store: &X509StoreRef, index: Arc<Index>) -> Result<()> {
    let attached = Attached::of(store)
        .ok_or_else(|| Error::new(Status::EInternal, "this certificate store has no place for an index"))?;
    let _quiet = Quiet::begin();
    if attached.links().any(|link| Arc::ptr_eq(&link.index, &index)) {
        return Ok(());
    }
    add_material(store, &index)?;
    let loaded = index.roots.iter().map(|_| AtomicBool::new(false)).collect();
    let missing = AtomicUsize::new(index.roots.len());
    let mut link = Box::new(Link { index, loaded, missing, next: OnceLock::new() });
    // Where another thread appends at the same time, the list goes on behind its link.
    let mut end = &attached.first;
    while let Err(refused) = end.set(link) {
        link = refused;
        match end.get() {
            Some(taken) => end = &taken.next,
            None => return Err(Error::new(Status::EInternal, "the list of indexes is broken")),
        }
    }
    // Where the program searches in its own way, or a name cannot be looked up, all must be there, in their order.
    let lacks_key = attached.links().any(|link| link.index.lacks_key);
    if is_ours(store) && !lacks_key { Ok(()) } else { attached.load_all(store) }
}

/// Puts everything that `index` holds into any store, at once: one that others may share is searched as it always was.
pub fn fill(store: &X509StoreRef, index: &Index) -> Result<()> {
    let _quiet = Quiet::begin();
    let certificates =
        (0..index.roots.len()).map(|position| parsed(index, position as u32)).collect::<Result<Vec<_>>>()?;
    add_material(store, index)?;
    certificates.iter().try_for_each(|one| add_certificate(store, one))
}

/// Puts all roots of the store's indexes into it, for programs that look at it themselves.
pub fn materialize(store: &X509StoreRef) -> Result<()> {
    let _quiet = Quiet::begin();
    match Attached::of(store) {
        Some(attached) => attached.load_all(store),
        None => Ok(()),
    }
}

/// The indexes of a store, in the order in which they were named.
pub fn indexes(store: &X509StoreRef) -> Vec<Arc<Index>> {
    let attached = Attached::of(store);
    attached.map(|attached| attached.links().map(|link| Arc::clone(&link.index)).collect()).unwrap_or_default()
}

/// Whether OpenSSL searches `store` through our functions, or by its own.
pub fn is_ours(store: &X509StoreRef) -> bool {
    SEARCHES.is_plain(store)
}

/// Whether `function` is one of those that [`install`] puts into a store.
pub fn is_our_function(function: *const c_void) -> bool {
    SEARCHES.contains(function)
}

fn add_material(store: &X509StoreRef, index: &Index) -> Result<()> {
    index.crls.iter().try_for_each(|crl| add_crl(store, crl))?;
    index.directories.iter().try_for_each(|directory| add_directory(store, directory))
}

struct Roots;

static SEARCHES: Searches = Searches::of::<Roots>();

impl Search for Roots {
    fn prepare(store: &X509StoreRef, name: &[u8]) -> Result<Option<X509Store>> {
        let Some(attached) = Attached::of(store) else { return Ok(None) };
        let other = match &attached.stand_in {
            Some(stand_in) => stand_in.stand_in(store)?,
            None => None,
        };
        match &other {
            None => attached.load_named(store, name)?,
            Some(other) => {
                if let Some(attached) = Attached::of(other) {
                    attached.load_named(other, name)?;
                }
            }
        }
        Ok(other)
    }
}

impl Attached {
    fn of(store: &X509StoreRef) -> Option<&Attached> {
        ATTACHED.of(store)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.first.get(), |link| link.next.get()).map(|link| &**link)
    }

    /// Puts the roots of a name into the store; where the name has no key, all roots.
    fn load_named(&self, store: &X509StoreRef, name: &[u8]) -> Result<()> {
        if self.links().all(|link| link.missing.load(Ordering::Acquire) == 0) {
            return Ok(());
        }
        match name::key(name) {
            Ok(key) => self.links().try_for_each(|link| link.index.named(key).try_for_each(|at| link.load(store, at))),
            Err(_) => self.load_all(store),
        }
    }

    fn load_all(&self, store: &X509StoreRef) -> Result<()> {
        self.links().try_for_each(|link| (0..).take(link.loaded.len()).try_for_each(|at| link.load(store, at)))
    }
}

impl Link {
    /// Puts one root into the store, which leaves out what it has already. The flag is set behind the deed, so that a
    /// thread which does not find it set does the same again, and none searches too early.
    fn load(&self, store: &X509StoreRef, position: u32) -> Result<()> {
        let Some(loaded) = self.loaded.get(position as usize).filter(|loaded| !loaded.load(Ordering::Acquire)) else {
            return Ok(());
        };
        let certificate = parsed(&self.index, position)?;
        add_certificate(store, &certificate)?;
        if !loaded.swap(true, Ordering::AcqRel) {
            self.missing.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(())
    }
}

fn parsed(index: &Index, position: u32) -> Result<X509> {
    index.parse(position).ok_or_else(|| {
        let origin = index.origin();
        Error::new(Status::EInternal, format!("OpenSSL cannot read certificate {} of {origin}", position + 1))
    })
}
