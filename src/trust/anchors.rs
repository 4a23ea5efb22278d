//! Which anchors a context trusts now. Roots that a program chose, by our calls or through any door of OpenSSL, are its
//! decision; only where it chose none do the system's roots stand in.

use std::ffi::{c_int, c_long};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};
use openssl::x509::{X509, X509Crl};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue::Quiet;
use crate::sys;
use crate::trust::decode::AnchorSet;
use crate::trust::distrust::Distrust;
use crate::trust::store;
use crate::trust::system::Places;

/// The trust anchors of one context.
///
/// Handshakes on other threads may go on while anchors are added: each sees those that were there when it looked. No
/// store is ever shared between contexts by hostlock, so that what one context is given stays its own.
pub struct Anchors {
    /// The store that the context was born with, kept alive so that its address stays its own.
    born: X509Store,
    /// Where the system's roots are.
    system: Places,
    /// Whether the system's roots may stand in; they say nothing about a server's clients.
    may_stand_in: bool,
    /// Whether one of our own trust calls has succeeded.
    chosen: AtomicBool,
    /// The system's roots, loaded when they are first needed.
    implicit: OnceLock<X509Store>,
    /// What the sources of the anchors say against certificates.
    distrust: RwLock<Arc<Distrust>>,
}

impl Anchors {
    /// The anchors of a context that has just been made. `may_stand_in`: whether the system's roots count where the
    /// program names none.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl that no other thread uses yet.
    pub unsafe fn of_new_context(ctx: *mut ffi::SSL_CTX, may_stand_in: bool) -> Result<Anchors> {
        // SAFETY: the caller promises `ctx`, which owns its store.
        let born = unsafe { owner(ffi::SSL_CTX_get_cert_store(ctx)) };
        let born = born.ok_or_else(|| Error::new(Status::EInternal, "the new context has no certificate store"))?;
        let (system, chosen, implicit) = (Places::now(), AtomicBool::new(false), OnceLock::new());
        Ok(Anchors { born, system, may_stand_in, chosen, implicit, distrust: RwLock::default() })
    }

    /// Adds anchors to those that our calls and the program's have named; from here on the system's roots stand back.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add(&self, ctx: *mut ffi::SSL_CTX, certificates: &[X509]) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.insert(ctx, certificates, &[]) }
    }

    /// As [`Anchors::add`], with the CRLs that lay beside them.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add_set(&self, ctx: *mut ffi::SSL_CTX, set: &AnchorSet) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.insert(ctx, &set.certificates, &set.crls) }
    }

    /// As [`Anchors::add_set`], with what the source says against certificates: of these anchors, or of any others.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add_restricted(&self, ctx: *mut ffi::SSL_CTX, set: &AnchorSet, distrust: &Distrust) -> Result<()> {
        // SAFETY: as the caller promises, here and below.
        unsafe { self.check_own_store(ctx)? };
        // First: no handshake may see an anchor without what is said against it.
        if !distrust.is_empty() {
            Arc::make_mut(&mut self.distrust.write().unwrap_or_else(PoisonError::into_inner)).absorb(distrust);
        }
        // SAFETY: as above.
        unsafe { self.add_set(ctx, set) }
    }

    /// What the sources of the anchors say against certificates.
    pub fn distrust(&self) -> Arc<Distrust> {
        Arc::clone(&self.distrust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// # Safety
    /// `ctx` is the live context of these anchors.
    unsafe fn insert(&self, ctx: *mut ffi::SSL_CTX, certificates: &[X509], crls: &[X509Crl]) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.check_own_store(ctx)? };
        if certificates.is_empty() {
            return Err(store::nothing_in_it());
        }
        let _quiet = Quiet::begin();
        fill(&self.born, certificates, crls)?;
        self.chosen.store(true, Ordering::Release);
        Ok(())
    }

    /// The program has named what it trusts, but no anchor: the system's roots stand back.
    pub fn name_none(&self) {
        self.chosen.store(true, Ordering::Release);
    }

    /// The store to verify with, where libssl brought `offered`.
    ///
    /// # Safety
    /// `offered` is NULL or a live store that outlives the result.
    pub unsafe fn in_force(&self, offered: *mut ffi::X509_STORE) -> Result<&X509StoreRef> {
        if offered.is_null() {
            return Err(store::nothing_in_it());
        }
        if offered == self.born.as_ptr() && self.is_system_in_force()? {
            return self.implicit();
        }
        // SAFETY: as the caller promises, here and below.
        unsafe { store::check_plain(offered)? };
        // SAFETY: as above.
        Ok(unsafe { X509StoreRef::from_ptr(offered) })
    }

    /// How many anchors are in force on `ctx`, without those that a directory or URI would give when asked.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn count(&self, ctx: *mut ffi::SSL_CTX) -> Result<usize> {
        // SAFETY: the caller promises `ctx`.
        let offered = unsafe { effective_store(ctx) };
        if offered.is_null() {
            return Ok(0);
        }
        // SAFETY: the context keeps its store alive.
        Ok(unsafe { self.in_force(offered)? }.all_certificates().len())
    }

    fn implicit(&self) -> Result<&X509StoreRef> {
        if let Some(store) = self.implicit.get() {
            return Ok(store);
        }
        let _quiet = Quiet::begin();
        let store = store_of(&*self.system.roots()?)?;
        Ok(self.implicit.get_or_init(|| store))
    }

    /// Whether nobody has named an anchor for this context.
    fn is_system_in_force(&self) -> Result<bool> {
        if !self.may_stand_in || self.chosen.load(Ordering::Acquire) {
            return Ok(false);
        }
        // SAFETY: `born` is live as long as `self`.
        unsafe { store::is_untouched(self.born.as_ptr()) }
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

fn store_of(set: &AnchorSet) -> Result<X509Store> {
    let store = X509StoreBuilder::new()
        .map_err(|_| Error::new(Status::EInternal, "OpenSSL could not make a certificate store"))?
        .build();
    fill(&store, &set.certificates, &set.crls)?;
    Ok(store)
}

/// OpenSSL leaves out what is in the store already; it fails only where there is no memory left.
fn fill(store: &X509StoreRef, certificates: &[X509], crls: &[X509Crl]) -> Result<()> {
    let add = |added: c_int| match added {
        1 => Ok(()),
        _ => Err(Error::new(Status::EInternal, "OpenSSL could not add to the certificate store")),
    };
    for certificate in certificates {
        // SAFETY: both are live; the store locks itself and adds an owner.
        add(unsafe { ffi::X509_STORE_add_cert(store.as_ptr(), certificate.as_ptr()) })?;
    }
    for crl in crls {
        // SAFETY: as above.
        add(unsafe { sys::X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) })?;
    }
    Ok(())
}
