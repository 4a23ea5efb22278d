//! Certificate stores, and stacks of certificates, that something keeps alive. The `openssl` crate has the views.

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::StackRef;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl_sys as ffi;

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
pub fn param(store: &X509StoreRef) -> Param<'_> {
    // SAFETY: a store owns its parameters, which live as long.
    unsafe { Param::new(sys::X509_STORE_get0_param(store.as_ptr())) }
}

/// The verify callback of the store.
pub fn verify_callback(store: &X509StoreRef) -> Option<sys::VerifyCallback> {
    // SAFETY: reads one field of a live store.
    unsafe { sys::X509_STORE_get_verify_cb(store.as_ptr()) }
}

/// One more owner of it; `None` where OpenSSL counts no further.
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
