//! Certificate stores, and stacks of certificates, that something keeps alive. The `openssl` crate has the views.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::StackRef;
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl::x509::{X509, X509CrlRef, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result};
use crate::libssl::param::Param;
use crate::libssl::sys;

/// A view of `store`; `None` for NULL.
///
/// # Safety
/// `store` is NULL, or lives for `'a`.
pub unsafe fn at<'a>(store: *mut ffi::X509_STORE) -> Option<&'a X509StoreRef> {
    // SAFETY: the caller promises that it lives where it is not NULL.
    (!store.is_null()).then(|| unsafe { X509StoreRef::from_ptr(store) })
}

/// A view of `stack`; `None` for NULL.
///
/// # Safety
/// `stack` is NULL, or lives unchanged for `'a`.
pub unsafe fn stack_at<'a>(stack: *mut ffi::stack_st_X509) -> Option<&'a StackRef<X509>> {
    // SAFETY: the caller promises that it lives where it is not NULL.
    (!stack.is_null()).then(|| unsafe { StackRef::from_ptr(stack) })
}

/// What the store asks of certificates.
#[doc(alias = "X509_STORE_get0_param")]
pub fn param(store: &X509StoreRef) -> Param<'_> {
    // SAFETY: a store owns its parameters, which live as long.
    unsafe { Param::new(sys::X509_STORE_get0_param(store.as_ptr())) }
}

/// The verify callback of the store.
#[doc(alias = "X509_STORE_get_verify_cb")]
pub fn verify_callback(store: &X509StoreRef) -> Option<sys::VerifyCallback> {
    // SAFETY: reads one field of a live store.
    unsafe { sys::X509_STORE_get_verify_cb(store.as_ptr()) }
}

/// One more owner of it; `None` where OpenSSL counts no further.
#[doc(alias = "X509_STORE_up_ref")]
pub fn owner(store: &X509StoreRef) -> Option<X509Store> {
    // SAFETY: the store is live.
    if unsafe { sys::X509_STORE_up_ref(store.as_ptr()) } != 1 {
        return None;
    }
    // SAFETY: the count was raised for this owner.
    Some(unsafe { X509Store::from_ptr(store.as_ptr()) })
}

/// Whether both are the same store.
pub fn is_same(one: &X509StoreRef, other: &X509StoreRef) -> bool {
    one.as_ptr() == other.as_ptr()
}

/// Puts a certificate into the store, which leaves out what it has already.
pub fn add_certificate(store: &X509StoreRef, certificate: &X509Ref) -> Result<()> {
    // SAFETY: both are live; the store locks itself, and adds an owner.
    added(unsafe { ffi::X509_STORE_add_cert(store.as_ptr(), certificate.as_ptr()) })
}

/// Puts a CRL into the store.
pub fn add_crl(store: &X509StoreRef, crl: &X509CrlRef) -> Result<()> {
    // SAFETY: both are live; the store locks itself, and adds an owner.
    added(unsafe { sys::X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) })
}

/// Has the store look for what it does not hold in a hashed directory.
pub fn add_directory(store: &X509StoreRef, directory: &CStr) -> Result<()> {
    const X509_L_ADD_DIR: c_int = 2;
    // SAFETY: the store is live, and the method is libcrypto's own static one.
    let lookup = unsafe { sys::X509_STORE_add_lookup(store.as_ptr(), sys::X509_LOOKUP_hash_dir()) };
    if lookup.is_null() {
        return added(0);
    }
    let (kind, nothing) = (c_long::from(ffi::X509_FILETYPE_PEM), ptr::null_mut());
    // SAFETY: the lookup lives as long as the store, and copies the path; the command asks for no answer.
    added(unsafe { sys::X509_LOOKUP_ctrl(lookup, X509_L_ADD_DIR, directory.as_ptr(), kind, nothing) })
}

/// It fails only where there is no memory left.
fn added(answer: c_int) -> Result<()> {
    match answer {
        1 => Ok(()),
        _ => Err(Error::no_memory("the certificate store")),
    }
}

/// How many certificates and CRLs are in the store now; `None` where OpenSSL could not list them.
#[cfg(not(ossl400))]
pub fn object_count(store: &X509StoreRef) -> Option<usize> {
    let store = store.as_ptr();
    // SAFETY: the store is live; its lock keeps other threads from adding while the length is read.
    let count = unsafe {
        sys::X509_STORE_lock(store);
        let count = ffi::OPENSSL_sk_num(ffi::X509_STORE_get0_objects(store).cast());
        sys::X509_STORE_unlock(store);
        count
    };
    Some(usize::try_from(count).unwrap_or(0))
}

/// The same where objects are kept by name: X509_STORE_get0_objects would turn the store back into a list, for good.
#[cfg(ossl400)]
pub fn object_count(store: &X509StoreRef) -> Option<usize> {
    // SAFETY: the store is live; the list is made for us.
    let objects = unsafe { sys::X509_STORE_get1_objects(store.as_ptr()) }.cast::<ffi::OPENSSL_STACK>();
    if objects.is_null() {
        return None;
    }
    // SAFETY: not NULL, and nobody else has the list.
    let count = unsafe { ffi::OPENSSL_sk_num(objects) };
    for _ in 0..count {
        // SAFETY: each object on the list was made for us, and is taken off before it is freed.
        unsafe { ffi::X509_OBJECT_free(ffi::OPENSSL_sk_pop(objects).cast()) };
    }
    // SAFETY: the list is ours, and nothing is on it any more.
    unsafe { ffi::OPENSSL_sk_free(objects) };
    Some(usize::try_from(count).unwrap_or(0))
}

/// A function that a program can put into a store in place of OpenSSL's, and that OpenSSL shows.
#[derive(Clone, Copy, Debug)]
pub enum Function {
    /// `X509_STORE_set_verify`
    Verify,
    /// `X509_STORE_set_get_issuer`
    GetIssuer,
    /// `X509_STORE_set_lookup_certs`
    LookupCerts,
    /// `X509_STORE_set_check_issued`
    CheckIssued,
    /// `X509_STORE_set_check_revocation`
    CheckRevocation,
    /// `X509_STORE_set_get_crl`
    GetCrl,
    /// `X509_STORE_set_check_crl`
    CheckCrl,
    /// `X509_STORE_set_cert_crl`
    CertCrl,
    /// `X509_STORE_set_check_policy`
    CheckPolicy,
}

/// The function that stands in the store, to be compared and not called; NULL where it is OpenSSL's own.
pub fn function(store: &X509StoreRef, function: Function) -> *const c_void {
    let getter = match function {
        Function::Verify => sys::X509_STORE_get_verify,
        Function::GetIssuer => sys::X509_STORE_get_get_issuer,
        Function::LookupCerts => sys::X509_STORE_get_lookup_certs,
        Function::CheckIssued => sys::X509_STORE_get_check_issued,
        Function::CheckRevocation => sys::X509_STORE_get_check_revocation,
        Function::GetCrl => sys::X509_STORE_get_get_crl,
        Function::CheckCrl => sys::X509_STORE_get_check_crl,
        Function::CertCrl => sys::X509_STORE_get_cert_crl,
        Function::CheckPolicy => sys::X509_STORE_get_check_policy,
    };
    // SAFETY: the store is live, and each getter reads one field of it.
    unsafe { getter(store.as_ptr()) }
}
