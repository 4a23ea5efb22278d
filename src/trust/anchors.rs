//! Which anchors a context trusts now. Roots that a program chose, by our calls or through any door of OpenSSL, are its
//! decision; only where it chose none do the system's roots stand in.

use std::ffi::c_long;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::trust::decode::AnchorSet;
use crate::trust::distrust::Distrust;
use crate::trust::index::hooks::{self, StandIn};
use crate::trust::{Index, list, source, store, store_functions};

/// The trust anchors of one context.
///
/// Handshakes on other threads may go on while anchors are added: each sees those that were there when it looked. No
/// store is ever shared between contexts by hostlock, so that what one context is given stays its own; what is shared
/// are indexes of sources, and the certificates in them.
pub struct Anchors {
    /// The store that the context was born with, kept alive so that its address stays its own.
    born: X509Store,
    /// Whether a program made the context: its store may be shared, so nothing is changed about how it is searched.
    foreign: bool,
    /// Shared with the store that the context was born with, which may outlive the context.
    implicit: Arc<Implicit>,
    /// What the sources of the anchors say against certificates.
    distrust: RwLock<Arc<Distrust>>,
    digest: Mutex<Option<Digest>>,
}

/// The digest of a store's anchors, and what tells whether it still is.
struct Digest {
    /// Kept alive, so that its address stays its own.
    store: X509Store,
    contents: (usize, Option<usize>),
    value: [u8; 32],
}

/// The system's roots, for as long as nobody has named others.
struct Implicit {
    /// Whether one of our own trust calls has succeeded.
    chosen: AtomicBool,
    /// Whether the system's roots may stand in: they say nothing about a server's clients.
    may_stand_in: bool,
    /// The system's roots as they were when the context was made, or for a program's context when they were first
    /// needed; a failure counts only where they are needed.
    system: OnceLock<Result<Arc<Index>>>,
    store: OnceLock<X509Store>,
}

impl Anchors {
    /// The anchors of a context that has just been made. `may_stand_in`: whether the system's roots count where the
    /// program names none.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl that no other thread uses yet.
    pub unsafe fn of_new_context(ctx: *mut ffi::SSL_CTX, may_stand_in: bool) -> Result<Anchors> {
        // SAFETY: as the caller promises.
        let anchors = unsafe { Anchors::of(ctx, may_stand_in, false)? };
        if may_stand_in {
            let _ = anchors.implicit.system.set(source::system());
        }
        let stand_in = Arc::clone(&anchors.implicit) as Arc<dyn StandIn>;
        // SAFETY: the context is new, and so is its store.
        unsafe { hooks::install(anchors.born.as_ptr(), Some(stand_in))? };
        Ok(anchors)
    }

    /// The anchors of a context that a program made, which may hold anchors already.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl whose set-up no other thread changes now.
    pub unsafe fn of_foreign_context(ctx: *mut ffi::SSL_CTX, may_stand_in: bool) -> Result<Anchors> {
        // SAFETY: as the caller promises.
        unsafe { Anchors::of(ctx, may_stand_in, true) }
    }

    unsafe fn of(ctx: *mut ffi::SSL_CTX, may_stand_in: bool, foreign: bool) -> Result<Anchors> {
        // SAFETY: the caller promises `ctx`, which owns its store.
        let born = unsafe { owner(ffi::SSL_CTX_get_cert_store(ctx)) };
        let born = born.ok_or_else(|| Error::new(Status::EInternal, "the context has no certificate store"))?;
        let implicit =
            Implicit { chosen: AtomicBool::new(false), may_stand_in, system: OnceLock::new(), store: OnceLock::new() };
        Ok(Anchors {
            born,
            foreign,
            implicit: Arc::new(implicit),
            distrust: RwLock::default(),
            digest: Mutex::default(),
        })
    }

    /// Adds anchors to those that our calls and the program's have named; from here on the system's roots stand back.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add(&self, ctx: *mut ffi::SSL_CTX, certificates: &[X509]) -> Result<()> {
        let set = AnchorSet { certificates: certificates.to_vec(), ..AnchorSet::default() };
        let index = Index::of_set(set, "the program")?;
        // SAFETY: as the caller promises.
        unsafe { self.add_index(ctx, Arc::new(index)) }
    }

    /// As [`Anchors::add`], with all that an index holds, and what its source says against certificates.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add_index(&self, ctx: *mut ffi::SSL_CTX, index: Arc<Index>) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.check_own_store(ctx)? };
        if index.certificates().next().is_none() {
            return Err(store::nothing_in_it());
        }
        // First: no handshake may see an anchor without what is said against it.
        if !index.distrust().is_empty() {
            Arc::make_mut(&mut self.distrust.write().unwrap_or_else(PoisonError::into_inner)).absorb(index.distrust());
        }
        let _quiet = Quiet::begin();
        if self.foreign {
            hooks::fill(&self.born, &index)?
        } else {
            hooks::attach(&self.born, index)?
        }
        self.implicit.chosen.store(true, Ordering::Release);
        Ok(())
    }

    /// What the sources of the anchors say against certificates.
    pub fn distrust(&self) -> Arc<Distrust> {
        Arc::clone(&self.distrust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The program has named what it trusts, but no anchor: the system's roots stand back.
    pub fn name_none(&self) {
        self.implicit.chosen.store(true, Ordering::Release);
    }

    /// The store to verify with, where libssl brought `offered`. `servers`: whether it is servers that are judged, for
    /// whom the system's roots may stand in.
    ///
    /// # Safety
    /// `offered` is NULL or a live store that outlives the result.
    pub unsafe fn in_force(&self, offered: *mut ffi::X509_STORE, servers: bool) -> Result<&X509StoreRef> {
        if offered.is_null() {
            return Err(store::nothing_in_it());
        }
        // Also where the system's roots stand in: a function that would have refused is not passed over.
        // SAFETY: the caller promises that the store is live.
        unsafe { store_functions::check_plain(offered)? };
        // SAFETY: the caller promises that the store is live, of which nothing is changed.
        if servers && offered == self.born.as_ptr() && unsafe { self.implicit.is_in_force(offered)? } {
            return Ok(self.implicit.store()?);
        }
        // SAFETY: as above.
        Ok(unsafe { X509StoreRef::from_ptr(offered) })
    }

    /// How many anchors are in force on `ctx`, those in the system's directories too, but without those that a directory
    /// or URI which the program named through OpenSSL would give when asked.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn count(&self, ctx: *mut ffi::SSL_CTX) -> Result<usize> {
        // SAFETY: as the caller promises.
        Ok(unsafe { self.listed(ctx)? }.len())
    }

    /// The anchors in force on `ctx` as a JSON array; see [`list`].
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn list(&self, ctx: *mut ffi::SSL_CTX) -> Result<String> {
        // SAFETY: as the caller promises.
        list::to_json(&unsafe { self.listed(ctx)? }, &self.distrust())
    }

    /// Puts all anchors in force on `ctx` into its certificate store, for programs that look into that themselves. Where
    /// they were the system's, they are named by this: they stay when the program loads others.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn materialize(&self, ctx: *mut ffi::SSL_CTX) -> Result<()> {
        // SAFETY: as the caller promises, here and below.
        let offered = unsafe { effective_store(ctx) };
        if offered.is_null() {
            return Err(store::nothing_in_it());
        }
        // SAFETY: as above.
        if offered == self.born.as_ptr() && unsafe { self.implicit.is_in_force(offered)? } {
            let system = self.implicit.system()?;
            // SAFETY: as above.
            unsafe { self.add_index(ctx, system)? };
        }
        // SAFETY: the context keeps its store alive.
        hooks::materialize(unsafe { X509StoreRef::from_ptr(offered) })
    }

    /// A digest of the keys of the anchors in `offered`, whatever their order: two stores with the same anchors have the
    /// same.
    ///
    /// # Safety
    /// `offered` is NULL or live.
    pub unsafe fn digest(&self, offered: *mut ffi::X509_STORE) -> Result<[u8; 32]> {
        if offered.is_null() {
            return Err(store::nothing_in_it());
        }
        // SAFETY: the store is live.
        let contents = unsafe { store::contents(offered) };
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref()
            && known.store.as_ptr() == offered
            && known.contents == contents
        {
            return Ok(known.value);
        }
        let _quiet = Quiet::begin();
        // SAFETY: the store is live.
        let value = list::digest_of_keys(&list::of(unsafe { self.in_force(offered, false)? })?);
        // SAFETY: the store is live.
        *known = unsafe { owner(offered) }.map(|store| Digest { store, contents, value });
        Ok(value)
    }

    /// Whether the program has named anchors for `ctx` through OpenSSL, or has tried to.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn named_by_openssl(&self, ctx: *mut ffi::SSL_CTX) -> bool {
        // SAFETY: the caller promises `ctx`.
        let offered = unsafe { effective_store(ctx) };
        // SAFETY: the context keeps its own store alive.
        offered != self.born.as_ptr() || !unsafe { store::is_untouched(offered) }.unwrap_or(false)
    }

    /// # Safety
    /// `ctx` is the live context of these anchors.
    unsafe fn listed(&self, ctx: *mut ffi::SSL_CTX) -> Result<Vec<list::Listed>> {
        // SAFETY: the caller promises `ctx`.
        let offered = unsafe { effective_store(ctx) };
        if offered.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the context keeps its store alive.
        list::of(unsafe { self.in_force(offered, true)? })
    }

    /// What the program put in place of the context's own store may be shared with other contexts, so nothing is added.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    unsafe fn check_own_store(&self, ctx: *mut ffi::SSL_CTX) -> Result<()> {
        // SAFETY: as the caller promises.
        let (store, verify) = unsafe { (ffi::SSL_CTX_get_cert_store(ctx), verify_store(ctx)) };
        let door = if !verify.is_null() && verify != self.born.as_ptr() {
            "SSL_CTX_set1_verify_cert_store"
        } else if store != self.born.as_ptr() {
            "SSL_CTX_set_cert_store"
        } else {
            return Ok(());
        };
        Err(Error::new(
            Status::EState,
            format!("the program gave this context a certificate store of its own ({door}), which others may share"),
        )
        .with_hint(
            "add the certificates to that store with X509_STORE_add_cert, or give the context none and make this call",
        ))
    }
}

impl Implicit {
    /// Whether nobody has named an anchor for the context whose own store is `born`.
    ///
    /// # Safety
    /// `born` is live.
    unsafe fn is_in_force(&self, born: *mut ffi::X509_STORE) -> Result<bool> {
        if !self.may_stand_in || self.chosen.load(Ordering::Acquire) {
            return Ok(false);
        }
        // SAFETY: as the caller promises.
        unsafe { store::is_untouched(born) }
    }

    fn system(&self) -> Result<Arc<Index>> {
        if !self.may_stand_in {
            return Err(store::nothing_in_it());
        }
        self.system.get_or_init(source::system).clone()
    }

    fn store(&self) -> Result<&X509Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let _quiet = Quiet::begin();
        let store = X509StoreBuilder::new()
            .map_err(|_| Error::new(Status::EInternal, "OpenSSL could not make a certificate store"))?
            .build();
        // SAFETY: the store is new.
        unsafe { hooks::install(store.as_ptr(), None)? };
        hooks::attach(&store, self.system()?)?;
        Ok(self.store.get_or_init(|| store))
    }
}

impl StandIn for Implicit {
    fn stand_in(&self, born: *mut ffi::X509_STORE) -> Result<Option<X509Store>> {
        // SAFETY: OpenSSL searches it now.
        if !unsafe { self.is_in_force(born)? } {
            return Ok(None);
        }
        let store = self.store()?;
        // SAFETY: the store is live as long as `self`.
        unsafe { owner(store.as_ptr()) }
            .map(Some)
            .ok_or_else(|| Error::new(Status::EInternal, "OpenSSL could not share the certificate store"))
    }
}

/// The store that libssl will verify with.
///
/// # Safety
/// `ctx` is a live `SSL_CTX`.
pub unsafe fn effective_store(ctx: *mut ffi::SSL_CTX) -> *mut ffi::X509_STORE {
    // SAFETY: as the caller promises, here and below.
    let verify = unsafe { verify_store(ctx) };
    // SAFETY: as above.
    if verify.is_null() { unsafe { ffi::SSL_CTX_get_cert_store(ctx) } } else { verify }
}

/// The store that stands before the context's certificate store, or NULL.
///
/// # Safety
/// `ctx` is a live `SSL_CTX`.
unsafe fn verify_store(ctx: *mut ffi::SSL_CTX) -> *mut ffi::X509_STORE {
    const UNUSED: c_long = 0;
    let mut store: *mut ffi::X509_STORE = ptr::null_mut();
    // SAFETY: as the caller promises; the control writes one pointer, and adds no owner.
    unsafe { ffi::SSL_CTX_ctrl(ctx, sys::SSL_CTRL_GET_VERIFY_CERT_STORE, UNUSED, (&raw mut store).cast()) };
    store
}

/// One more owner of a store.
///
/// # Safety
/// `store` is NULL or live.
unsafe fn owner(store: *mut ffi::X509_STORE) -> Option<X509Store> {
    // SAFETY: as the caller promises.
    if store.is_null() || unsafe { sys::X509_STORE_up_ref(store) } != 1 {
        return None;
    }
    // SAFETY: the count was raised for this owner.
    Some(unsafe { X509Store::from_ptr(store) })
}
