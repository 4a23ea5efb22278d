//! CRLs, as OpenSSL reads them.

use std::ffi::c_int;
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::{X509Crl, X509CrlRef, X509Ref, X509RevokedRef};
use openssl_sys as ffi;

use crate::libssl::{certificate, sys};

/// The contents of an extension of `crl`.
#[doc(alias = "X509_CRL_get_ext_by_NID")]
pub fn extension(crl: &X509CrlRef, kind: c_int) -> Option<&[u8]> {
    // SAFETY: the CRL is live; -1 starts at its beginning.
    let index = unsafe { ffi::X509_CRL_get_ext_by_NID(crl.as_ptr(), kind, -1) };
    if index < 0 {
        return None;
    }
    // SAFETY: the index was found just now; extension and contents belong to the CRL.
    unsafe { certificate::contents(ffi::X509_CRL_get_ext(crl.as_ptr(), index)) }
}

/// Whether `crl` is what OpenSSL before 3.0.20 follows a NULL pointer in, and nobody can order among others.
pub fn is_delta_without_number(crl: &X509CrlRef) -> bool {
    extension(crl, ffi::NID_delta_crl).is_some() && extension(crl, ffi::NID_crl_number).is_none()
}

/// What such a list is called.
pub const DELTA_WITHOUT_NUMBER: &str = "a delta CRL without a CRL number (RFC 5280 section 5.2.3)";

/// The kinds of the critical extensions of `crl`.
#[doc(alias = "X509_CRL_get_ext_by_critical")]
pub fn critical_extensions(crl: &X509CrlRef) -> Vec<c_int> {
    kinds(|behind| {
        // SAFETY: the CRL is live; the search goes on behind the index.
        let index = unsafe { sys::X509_CRL_get_ext_by_critical(crl.as_ptr(), 1, behind) };
        // SAFETY: where there is one its index was found just now, and it belongs to the CRL.
        (index, if index < 0 { ptr::null_mut() } else { unsafe { ffi::X509_CRL_get_ext(crl.as_ptr(), index) } })
    })
}

/// The kinds of the critical extensions of an entry.
#[doc(alias = "X509_REVOKED_get_ext_by_critical")]
pub fn critical_extensions_of_entry(entry: &X509RevokedRef) -> Vec<c_int> {
    kinds(|behind| {
        // SAFETY: the entry is live with its CRL; the search goes on behind the index.
        let index = unsafe { sys::X509_REVOKED_get_ext_by_critical(entry.as_ptr(), 1, behind) };
        // SAFETY: where there is one its index was found just now, and it belongs to the entry.
        (index, if index < 0 { ptr::null_mut() } else { unsafe { ffi::X509_REVOKED_get_ext(entry.as_ptr(), index) } })
    })
}

fn kinds(next: impl Fn(c_int) -> (c_int, *mut ffi::X509_EXTENSION)) -> Vec<c_int> {
    let (mut found, mut behind) = (Vec::new(), -1);
    loop {
        let (index, extension) = next(behind);
        if index < 0 || extension.is_null() {
            return found;
        }
        // SAFETY: the extension is live.
        found.push(unsafe { ffi::OBJ_obj2nid(ffi::X509_EXTENSION_get_object(extension)) });
        behind = index;
    }
}

/// Whether `place` is where it is.
pub fn is_at(crl: &X509CrlRef, place: *const ffi::X509_CRL) -> bool {
    crl.as_ptr().cast_const() == place
}

/// The entry about a certificate, and what OpenSSL says of it: 1 revoked, 2 taken off; 0 where there is none.
#[doc(alias = "X509_CRL_get0_by_cert")]
pub fn entry_about<'a>(crl: &'a X509CrlRef, certificate: &X509Ref) -> (c_int, Option<&'a X509RevokedRef>) {
    let mut entry = ptr::null_mut();
    // SAFETY: both are live; the entry belongs to the CRL.
    let found = unsafe { ffi::X509_CRL_get0_by_cert(crl.as_ptr(), &mut entry, certificate.as_ptr()) };
    // SAFETY: it lives as long as the CRL.
    (found, (!entry.is_null()).then(|| unsafe { X509RevokedRef::from_ptr(entry) }))
}

/// One more owner of it; `None` where OpenSSL counts no further.
fn owner(crl: &X509CrlRef) -> Option<X509Crl> {
    // SAFETY: the CRL is live, and the count is raised for the new owner.
    unsafe { (ffi::X509_CRL_up_ref(crl.as_ptr()) == 1).then(|| X509Crl::from_ptr(crl.as_ptr())) }
}

/// CRLs that a verification can be given.
pub struct CrlStack {
    stack: *mut ffi::stack_st_X509_CRL,
    /// The stack borrows them.
    owners: Vec<X509Crl>,
}

// SAFETY: it is filled while it is made, and only read afterwards; a CRL sorts its entries under a lock of its own.
unsafe impl Send for CrlStack {}
// SAFETY: OpenSSL only reads it, in any thread.
unsafe impl Sync for CrlStack {}

impl CrlStack {
    /// One with one more owner of each of `crls`; `None` where there is no memory.
    pub fn of<'a>(crls: impl Iterator<Item = &'a X509CrlRef>) -> Option<CrlStack> {
        let crls: Vec<X509Crl> = crls.map(owner).collect::<Option<_>>()?;
        // SAFETY: no arguments; NULL, or a stack that is ours.
        let raw = unsafe { ffi::OPENSSL_sk_new_null() };
        let stack = CrlStack { stack: raw.cast(), owners: crls };
        // SAFETY: the stack is ours, and keeps pointers to CRLs that are owned beside it; NULL takes none.
        let is_added = |crl: &X509Crl| unsafe { ffi::OPENSSL_sk_push(raw, crl.as_ptr().cast_const().cast()) } > 0;
        (!raw.is_null() && stack.owners.iter().all(is_added)).then_some(stack)
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::stack_st_X509_CRL {
        self.stack
    }
}

impl Drop for CrlStack {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once, without its members; NULL is fine.
        unsafe { ffi::OPENSSL_sk_free(self.stack.cast()) };
    }
}
