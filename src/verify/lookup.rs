//! What a certificate store has under a name, by whatever way it finds it.

use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Crl, X509NameRef};
use openssl_sys as ffi;

use crate::error::Result;
use crate::sys;
use crate::verify::engine::out_of_memory;
use crate::verify::judge::Case;

/// An `X509_STORE_CTX` of our own.
pub struct StoreContext(pub *mut ffi::X509_STORE_CTX);

impl StoreContext {
    /// One that is not set up yet.
    pub fn new() -> Result<StoreContext> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::X509_STORE_CTX_new() };
        if raw.is_null() { Err(out_of_memory()) } else { Ok(StoreContext(raw)) }
    }

    /// One that looks into `store`; no verification is begun with it.
    fn looking_into(store: &X509StoreRef) -> Result<StoreContext> {
        let context = StoreContext::new()?;
        // SAFETY: the store outlives every use of the context in this module; who only looks needs no certificate.
        let ready = unsafe { ffi::X509_STORE_CTX_init(context.0, store.as_ptr(), ptr::null_mut(), ptr::null_mut()) };
        if ready == 1 { Ok(context) } else { Err(out_of_memory()) }
    }

    /// The chain that was built, with owners of its own.
    pub fn chain(&self) -> Vec<X509> {
        // SAFETY: the context is live.
        unsafe { chain_of(self.0) }
    }
}

impl Drop for StoreContext {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}

/// The chain that a verification has built, with owners of its own.
///
/// # Safety
/// `context` is live.
pub unsafe fn chain_of(context: *mut ffi::X509_STORE_CTX) -> Vec<X509> {
    // SAFETY: NULL or a stack that the context owns.
    let built = unsafe { ffi::X509_STORE_CTX_get0_chain(context) };
    if built.is_null() {
        return Vec::new();
    }
    // SAFETY: live as long as the context.
    unsafe { StackRef::<X509>::from_ptr(built) }.iter().map(ToOwned::to_owned).collect()
}

/// The certificates that `case`'s store has under `name`.
pub fn anchors_named(case: &Case<'_>, name: &X509NameRef) -> Result<Vec<X509>> {
    let context = StoreContext::looking_into(case.store)?;
    // SAFETY: the context is live; it names the store's own function, or OpenSSL's.
    let Some(lookup) = (unsafe { sys::X509_STORE_CTX_get_lookup_certs(context.0) }) else { return Ok(Vec::new()) };
    // SAFETY: called as OpenSSL calls it; the stack and its certificates are ours.
    let found = unsafe { lookup(context.0, name.as_ptr()) };
    if found.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: a stack that owns a reference to each certificate.
    let found: Stack<X509> = unsafe { Stack::from_ptr(found) };
    Ok(found.into_iter().collect())
}

/// The CRLs that `store` has under `name`.
pub fn crls_named(store: &X509StoreRef, name: &X509NameRef) -> Result<Vec<X509Crl>> {
    let context = StoreContext::looking_into(store)?;
    // SAFETY: the context is live; it names the store's own function, or OpenSSL's.
    let Some(lookup) = (unsafe { sys::X509_STORE_CTX_get_lookup_crls(context.0) }) else { return Ok(Vec::new()) };
    // SAFETY: called as OpenSSL calls it; the stack and its CRLs are ours.
    let found = unsafe { lookup(context.0, name.as_ptr()) };
    let mut crls = Vec::new();
    // SAFETY: NULL, which has no elements, or the stack.
    while let Some(crl) = ptr::NonNull::new(unsafe { ffi::OPENSSL_sk_pop(found.cast()) }) {
        // SAFETY: the stack owned a reference, which is ours now.
        crls.push(unsafe { X509Crl::from_ptr(crl.as_ptr().cast()) });
    }
    // SAFETY: NULL or the empty stack.
    unsafe { ffi::OPENSSL_sk_free(found.cast()) };
    Ok(crls)
}
