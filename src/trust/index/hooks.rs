//! An `X509_STORE` that finds its roots in indexes. Before OpenSSL searches the store for a name, all indexed roots of
//! that name are put into it; then OpenSSL's own search decides, so that its answer is the one of a store that was
//! filled at once. Nothing here judges a certificate.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::ex_data::Place;
use crate::libssl::queue::Quiet;
use crate::libssl::{StoreCtx, sys};
use crate::trust::index::{Index, name, name_der};

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
    // SAFETY: the store is live; both are our own functions of the type that OpenSSL wants.
    unsafe {
        sys::X509_STORE_set_get_issuer(store.as_ptr(), Some(get_issuer));
        sys::X509_STORE_set_lookup_certs(store.as_ptr(), Some(lookup_certs));
    }
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
    add_crls(store, &index)?;
    add_directories(store, &index)?;
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
    if is_ours(store) && !lacks_key { Ok(()) } else { attached.load_all(store.as_ptr()) }
}

/// Puts everything that `index` holds into any store, at once: one that others may share is searched as it always was.
pub fn fill(store: &X509StoreRef, index: &Index) -> Result<()> {
    let _quiet = Quiet::begin();
    let certificates =
        (0..index.roots.len()).map(|position| parsed(index, position as u32)).collect::<Result<Vec<_>>>()?;
    add_crls(store, index)?;
    add_directories(store, index)?;
    // SAFETY: both are live; the store locks itself and adds an owner.
    certificates.iter().try_for_each(|one| added(unsafe { ffi::X509_STORE_add_cert(store.as_ptr(), one.as_ptr()) }))
}

/// Puts all roots of the store's indexes into it, for programs that look at it themselves.
pub fn materialize(store: &X509StoreRef) -> Result<()> {
    let _quiet = Quiet::begin();
    match Attached::of(store) {
        Some(attached) => attached.load_all(store.as_ptr()),
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
    // SAFETY: each call reads one field of the live store.
    let functions =
        unsafe { [sys::X509_STORE_get_get_issuer(store.as_ptr()), sys::X509_STORE_get_lookup_certs(store.as_ptr())] };
    functions.into_iter().all(|function| function.is_null() || is_our_function(function))
}

/// Whether `function` is one of those that [`install`] puts into a store.
pub fn is_our_function(function: *const c_void) -> bool {
    [get_issuer as *const (), lookup_certs as *const ()].contains(&function.cast())
}

fn add_crls(store: &X509StoreRef, index: &Index) -> Result<()> {
    // SAFETY: both are live; the store locks itself and adds an owner.
    index.crls.iter().try_for_each(|crl| added(unsafe { sys::X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) }))
}

fn add_directories(store: &X509StoreRef, index: &Index) -> Result<()> {
    const X509_L_ADD_DIR: c_int = 2;
    for directory in &index.directories {
        // SAFETY: the store is live; it owns the lookup, which copies the path.
        added(unsafe {
            let lookup = sys::X509_STORE_add_lookup(store.as_ptr(), sys::X509_LOOKUP_hash_dir());
            if lookup.is_null() {
                0
            } else {
                let kind = c_long::from(ffi::X509_FILETYPE_PEM);
                sys::X509_LOOKUP_ctrl(lookup, X509_L_ADD_DIR, directory.as_ptr(), kind, ptr::null_mut::<*mut c_char>())
            }
        })?;
    }
    Ok(())
}

impl Attached {
    fn of(store: &X509StoreRef) -> Option<&Attached> {
        ATTACHED.of(store)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.first.get(), |link| link.next.get()).map(|link| &**link)
    }

    /// Puts the roots of a name into the store; where the name has no key, all roots.
    ///
    /// # Safety
    /// `name` is live.
    unsafe fn load_named(&self, store: *mut ffi::X509_STORE, name: *const ffi::X509_NAME) -> Result<()> {
        if self.links().all(|link| link.missing.load(Ordering::Acquire) == 0) {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        match name::key(unsafe { name_der(name) }) {
            Ok(key) => self.links().try_for_each(|link| link.index.named(key).try_for_each(|at| link.load(store, at))),
            Err(_) => self.load_all(store),
        }
    }

    fn load_all(&self, store: *mut ffi::X509_STORE) -> Result<()> {
        self.links().try_for_each(|link| (0..).take(link.loaded.len()).try_for_each(|at| link.load(store, at)))
    }
}

impl Link {
    /// Puts one root into the store, which leaves out what it has already. The flag is set behind the deed, so that a
    /// thread which does not find it set does the same again, and none searches too early.
    fn load(&self, store: *mut ffi::X509_STORE, position: u32) -> Result<()> {
        let Some(loaded) = self.loaded.get(position as usize).filter(|loaded| !loaded.load(Ordering::Acquire)) else {
            return Ok(());
        };
        let certificate = parsed(&self.index, position)?;
        // SAFETY: both are live; the store locks itself and adds an owner.
        added(unsafe { ffi::X509_STORE_add_cert(store, certificate.as_ptr()) })?;
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

/// OpenSSL leaves out what is in the store already; it fails only where there is no memory left.
fn added(answer: c_int) -> Result<()> {
    match answer {
        1 => Ok(()),
        _ => Err(Error::new(Status::EInternal, "OpenSSL could not add to the certificate store")),
    }
}

/// Finds the issuer of `certificate`: 1 and one owner, 0, or -1 where that could not be found out.
unsafe extern "C" fn get_issuer(
    issuer: *mut *mut ffi::X509,
    context: *mut ffi::X509_STORE_CTX,
    certificate: *mut ffi::X509,
) -> c_int {
    let search = |context: *mut ffi::X509_STORE_CTX| {
        // SAFETY: OpenSSL's own search, with what OpenSSL brought or a context that is set up alike.
        unsafe { sys::X509_STORE_CTX_get1_issuer(issuer, context, certificate) }
    };
    // SAFETY: OpenSSL brings live pointers; the name belongs to the certificate.
    let outcome =
        catch_unwind(AssertUnwindSafe(|| unsafe { prepared(context, ffi::X509_get_issuer_name(certificate), search) }));
    outcome.ok().and_then(Result::ok).unwrap_or(-1)
}

/// Finds the certificates of a name: a list with owners of its own, or NULL.
unsafe extern "C" fn lookup_certs(
    context: *mut ffi::X509_STORE_CTX,
    name: *const ffi::X509_NAME,
) -> *mut ffi::stack_st_X509 {
    let search = |context: *mut ffi::X509_STORE_CTX| {
        // SAFETY: as in `get_issuer`.
        unsafe { sys::X509_STORE_CTX_get1_certs(context, name) }
    };
    // SAFETY: as in `get_issuer`.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { prepared(context, name, search) }));
    outcome.ok().and_then(Result::ok).unwrap_or(ptr::null_mut())
}

/// Runs OpenSSL's own `search` when the roots of `name` are in the store that is to be searched.
///
/// # Safety
/// For the hooks, with what OpenSSL brought.
unsafe fn prepared<T>(
    context: *mut ffi::X509_STORE_CTX,
    name: *const ffi::X509_NAME,
    search: impl FnOnce(*mut ffi::X509_STORE_CTX) -> T,
) -> Result<T> {
    crate::nets::here!("store lookup");
    // SAFETY: the caller promises a live context, which keeps its store alive.
    let Some(store) = (unsafe { StoreCtx::new(context) }).and_then(StoreCtx::store) else { return Ok(search(context)) };
    let Some(attached) = Attached::of(store) else { return Ok(search(context)) };
    let stand_in = match &attached.stand_in {
        Some(stand_in) => stand_in.stand_in(store)?,
        None => None,
    };
    let Some(other) = stand_in else {
        // SAFETY: as above.
        unsafe { attached.load_named(store.as_ptr(), name)? };
        return Ok(search(context));
    };
    // SAFETY: as above; the other store lives until the end of this function.
    unsafe {
        if let Some(attached) = Attached::of(&other) {
            attached.load_named(other.as_ptr(), name)?;
        }
        let twin = Twin::of(context, &other)?;
        Ok(search(twin.0))
    }
}

/// A context that searches another store by the same parameters (the time, above all).
struct Twin(*mut ffi::X509_STORE_CTX);

impl Twin {
    /// # Safety
    /// `context` is live, and `store` outlives the result.
    unsafe fn of(context: *mut ffi::X509_STORE_CTX, store: &X509StoreRef) -> Result<Twin> {
        let failed = || Error::new(Status::EInternal, "OpenSSL has no memory left for the verification");
        // SAFETY: no arguments.
        let twin = Twin(unsafe { ffi::X509_STORE_CTX_new() });
        // SAFETY: as the caller promises; NULL is a certificate that is not there.
        let done = !twin.0.is_null()
            && unsafe { ffi::X509_STORE_CTX_init(twin.0, store.as_ptr(), ptr::null_mut(), ptr::null_mut()) } == 1
            // SAFETY: both are live, and each owns its parameters.
            && unsafe {
                sys::X509_VERIFY_PARAM_set1(
                    sys::X509_STORE_CTX_get0_param(twin.0),
                    sys::X509_STORE_CTX_get0_param(context),
                )
            } == 1;
        if done { Ok(twin) } else { Err(failed()) }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once; NULL is left alone.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}
