//! A verification of ours by libcrypto, which asks a reviewer about everything that it finds wrong.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Crl, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::error::Error;
use crate::libssl::callback::stopped;
use crate::libssl::crl::CrlStack;
use crate::libssl::own_param::OwnParam;
use crate::libssl::running::{self, LaidOut};
use crate::libssl::store_ctx::StoreCtx;
use crate::libssl::sys;

/// OpenSSL has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl From<OutOfMemory> for Error {
    fn from(_: OutOfMemory) -> Error {
        Error::no_memory("the verification")
    }
}

/// What is verified, and with what.
pub struct Material<'a> {
    /// The store.
    pub store: &'a X509StoreRef,
    /// The only anchors, in place of the store's.
    pub anchors: Option<&'a StackRef<X509>>,
    /// The certificate.
    pub leaf: &'a X509Ref,
    /// What else may stand in the chain.
    pub untrusted: Option<&'a StackRef<X509>>,
    /// CRLs beside those of the store.
    pub crls: Option<&'a CrlStack>,
}

/// What libcrypto found.
pub struct Outcome {
    /// `X509_V_OK`, or why not.
    pub code: c_int,
    /// Which certificate of the chain that is about.
    pub depth: c_int,
    /// The chain as far as it was built.
    pub chain: Vec<X509>,
}

/// What is asked about each thing that libcrypto finds wrong, and about each certificate that it finds right in the chain of
/// a CRL's own issuer.
pub trait Reviewer {
    /// Whether the verification goes on: `ok` says what libcrypto thinks. A panic stops it.
    fn review(&self, ok: bool, context: StoreCtx<'_>) -> bool;

    /// Asked where libcrypto is about to check the signatures and dates of a complete chain: whether all of them are known
    /// to be good, so that it need not. After a panic it does.
    fn knows_signatures(&self, context: StoreCtx<'_>) -> bool;

    /// libcrypto checked them, and found nothing wrong.
    fn signatures_are_good(&self);
}

/// What the callbacks of one verification find again.
struct Notes<'a> {
    reviewer: &'a dyn Reviewer,
    /// libcrypto's own check of signatures and dates.
    own_check: Option<sys::VerifyChain>,
    /// Whether libcrypto found something wrong, forgiven or not.
    has_objected: Cell<bool>,
}

/// Verifies a chain. What `param` says counts, and nothing that the store says.
pub fn verify(material: &Material<'_>, param: OwnParam, reviewer: &dyn Reviewer) -> Result<Outcome, OutOfMemory> {
    let context = OwnContext::new()?;
    let untrusted = material.untrusted.map_or(ptr::null_mut(), ForeignTypeRef::as_ptr);
    let (store, leaf) = (material.store.as_ptr(), material.leaf.as_ptr());
    // SAFETY: all are live for the length of this function, and the context is freed at its end.
    if unsafe { ffi::X509_STORE_CTX_init(context.0, store, leaf, untrusted) } != 1 {
        return Err(OutOfMemory);
    }
    if let Some(anchors) = material.anchors {
        // SAFETY: the stack outlives the context; OpenSSL takes anchors from it in place of the store.
        unsafe { sys::X509_STORE_CTX_set0_trusted_stack(context.0, anchors.as_ptr()) };
    }
    if let Some(crls) = material.crls {
        // SAFETY: OpenSSL borrows the stack, which outlives the context.
        unsafe { sys::X509_STORE_CTX_set0_crls(context.0, crls.as_ptr()) };
    }
    // SAFETY: the context takes the parameters, in place of all that the store's own said.
    unsafe { sys::X509_STORE_CTX_set0_param(context.0, param.into_raw()) };
    // SAFETY: the context is set up.
    let own_check = unsafe { sys::X509_STORE_CTX_get_verify(context.0) };
    let notes = Notes { reviewer, own_check, has_objected: Cell::new(false) };
    let _laid_out = LaidOut::new(context.0, (&raw const notes).cast::<c_void>());
    // SAFETY: the callbacks stop panics, and stay loaded.
    unsafe {
        sys::X509_STORE_CTX_set_verify_cb(context.0, Some(review));
        if own_check.is_some() {
            sys::X509_STORE_CTX_set_verify(context.0, Some(check_signatures));
        }
    }
    // SAFETY: the context is set up; nothing that it refers to is freed before it.
    let accepted = unsafe { ffi::X509_verify_cert(context.0) } == 1;
    // SAFETY: reads the outcome of the verification.
    let (code, depth) =
        unsafe { (ffi::X509_STORE_CTX_get_error(context.0), ffi::X509_STORE_CTX_get_error_depth(context.0)) };
    let code = if !accepted && code == ffi::X509_V_OK { ffi::X509_V_ERR_UNSPECIFIED } else { code };
    Ok(Outcome { code, depth, chain: context.view().map(StoreCtx::chain).unwrap_or_default() })
}

/// OpenSSL asks here, in the thread that verifies.
unsafe extern "C" fn review(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL hands its live context.
    let Some(view) = (unsafe { StoreCtx::new(context) }) else { return 0 };
    // 2 tells of the policies that were found.
    if ok == 2 || ok == 1 && view.parent().is_none() {
        return ok;
    }
    // The chain of a CRL's own issuer is verified in a context of its own. That lies on the stack: only its parent counts.
    let outermost = std::iter::successors(Some(view), |context| context.parent()).last().unwrap_or(view);
    let Some(notes) = running::notes_of(outermost.as_ptr()) else { return 0 };
    // SAFETY: `verify` lays its notes out as long as it verifies in this context.
    let notes = unsafe { &*notes.cast::<Notes<'_>>() };
    if ok != 1 {
        notes.has_objected.set(true);
    }
    stopped(|| notes.reviewer.review(ok == 1, view)).unwrap_or(false).into()
}

/// OpenSSL comes here, in the thread that verifies, in place of its own check of signatures and dates.
unsafe extern "C" fn check_signatures(context: *mut ffi::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL hands its live context.
    let Some(view) = (unsafe { StoreCtx::new(context) }) else { return 0 };
    let Some(notes) = running::notes_of(context) else { return 0 };
    // SAFETY: `verify` lays its notes out as long as it verifies in this context.
    let notes = unsafe { &*notes.cast::<Notes<'_>>() };
    let Some(own_check) = notes.own_check else { return 0 };
    if stopped(|| notes.reviewer.knows_signatures(view)).unwrap_or(false) {
        // Where libcrypto's own check ends.
        view.stand_at_leaf();
        return 1;
    }
    notes.has_objected.set(false);
    // SAFETY: libcrypto's own function, in the context that it was for.
    let answer = unsafe { own_check(context) };
    if answer == 1 && !notes.has_objected.get() && view.error() == ffi::X509_V_OK {
        let _ = stopped(|| notes.reviewer.signatures_are_good());
    }
    answer
}

/// The certificates that `store` has under `name`, by whatever way it finds them.
pub fn certificates_named(store: &X509StoreRef, name: &X509NameRef) -> Result<Vec<X509>, OutOfMemory> {
    let context = OwnContext::looking_into(store)?;
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
pub fn crls_named(store: &X509StoreRef, name: &X509NameRef) -> Result<Vec<X509Crl>, OutOfMemory> {
    let context = OwnContext::looking_into(store)?;
    // SAFETY: the context is live; it names the store's own function, or OpenSSL's.
    let Some(lookup) = (unsafe { sys::X509_STORE_CTX_get_lookup_crls(context.0) }) else { return Ok(Vec::new()) };
    // SAFETY: called as OpenSSL calls it; the stack and its CRLs are ours.
    let found = unsafe { lookup(context.0, name.as_ptr()) };
    // SAFETY: NULL, or a stack of ours that owns its CRLs.
    Ok(unsafe { super::store_ctx::crls_of(found) })
}

/// An `X509_STORE_CTX` of our own.
struct OwnContext(*mut ffi::X509_STORE_CTX);

impl OwnContext {
    fn new() -> Result<OwnContext, OutOfMemory> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::X509_STORE_CTX_new() };
        if raw.is_null() { Err(OutOfMemory) } else { Ok(OwnContext(raw)) }
    }

    /// One that looks into `store`; no verification is begun with it.
    fn looking_into(store: &X509StoreRef) -> Result<OwnContext, OutOfMemory> {
        let context = OwnContext::new()?;
        // SAFETY: the store outlives every use of the context in this file; who only looks needs no certificate.
        let ready = unsafe { ffi::X509_STORE_CTX_init(context.0, store.as_ptr(), ptr::null_mut(), ptr::null_mut()) };
        if ready == 1 { Ok(context) } else { Err(OutOfMemory) }
    }

    fn view(&self) -> Option<StoreCtx<'_>> {
        // SAFETY: it is live, and this thread's alone.
        unsafe { StoreCtx::new(self.0) }
    }
}

impl Drop for OwnContext {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}

/// A stack with one more owner of each of `certificates`.
pub fn stack(certificates: &[X509]) -> Result<Stack<X509>, OutOfMemory> {
    // SAFETY: no arguments; NULL, or a stack that is ours. (Stack::new asks each time whether OpenSSL is ready.)
    let empty = unsafe { ffi::OPENSSL_sk_new_null() };
    if empty.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: it is not NULL, and ours.
    let mut stack = unsafe { Stack::from_ptr(empty.cast()) };
    certificates.iter().try_for_each(|certificate| stack.push(certificate.clone())).map_err(|_| OutOfMemory)?;
    Ok(stack)
}
