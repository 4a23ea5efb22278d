//! The certificate that one side shows, as its context or connection holds it.

use foreign_types::ForeignTypeRef;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::libssl::{store, sys};

/// See the module's text.
pub struct OwnCertificate<'a> {
    /// The certificate.
    pub leaf: &'a X509Ref,
    /// Whether the private key is the certificate's; `None` where there is no key.
    pub key_fits: Option<bool>,
    /// The further certificates of the chain.
    pub others: Option<&'a StackRef<X509>>,
}

impl<'a> OwnCertificate<'a> {
    /// `None` where there is no certificate.
    ///
    /// # Safety
    /// Each is NULL, or lives for `'a` and is not changed meanwhile.
    pub(super) unsafe fn new(
        certificate: *mut ffi::X509,
        key: *mut ffi::EVP_PKEY,
        others: *mut ffi::stack_st_X509,
    ) -> Option<OwnCertificate<'a>> {
        if certificate.is_null() {
            return None;
        }
        // SAFETY: both live where they are not NULL; they are only compared.
        let key_fits = (!key.is_null()).then(|| unsafe { sys::X509_check_private_key(certificate, key) } == 1);
        // SAFETY: both live where they are not NULL.
        let (leaf, others) = unsafe { (X509Ref::from_ptr(certificate), store::stack_at(others)) };
        Some(OwnCertificate { leaf, key_fits, others })
    }
}
