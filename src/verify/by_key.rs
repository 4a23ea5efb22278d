//! Building a path by names and signatures alone. An authorityKeyIdentifier helps to find an issuer and proves nothing
//! (RFC 5280 4.2.1.1); OpenSSL takes nobody for an issuer whom it does not fit. That question is asked through the store,
//! and a program's store is not ours to change: such a run has a store of its own, with the CRLs of the program's.

use std::ffi::c_int;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::Result;
use crate::sys;
use crate::verify::engine;
use crate::verify::judge::Case;
use crate::verify::lookup;

/// Whether `issuer` may have issued `certificate`, if its key shows that it did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Names, key identifiers and usage fit.
    Whole,
    /// The authorityKeyIdentifier fits another certificate.
    ButIdentifier,
    /// It is not the issuer.
    Not,
}

/// What tells an issuer in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuers {
    /// Name, key identifiers and signature.
    ByIdentifier,
    /// Name and signature: see the module's text.
    ByKey,
}

/// How `issuer` fits.
pub fn fit(issuer: &X509Ref, certificate: &X509Ref) -> Fit {
    // SAFETY: both are live; OpenSSL compares names, key identifiers and key usage.
    match unsafe { sys::X509_check_issued(issuer.as_ptr(), certificate.as_ptr()) } {
        ffi::X509_V_OK => Fit::Whole,
        ffi::X509_V_ERR_AKID_SKID_MISMATCH | ffi::X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH => Fit::ButIdentifier,
        _ => Fit::Not,
    }
}

/// A store in which an authorityKeyIdentifier keeps no issuer from being one. It holds `anchor`, for the issuers of CRLs,
/// and the CRLs about the case's leaf and `between` that the case's own store has.
pub fn store(case: &Case<'_>, anchor: &X509Ref, between: &[X509]) -> Result<X509Store> {
    let mut builder = X509StoreBuilder::new().map_err(|_| engine::out_of_memory())?;
    builder.add_cert(anchor.to_owned()).map_err(|_| engine::out_of_memory())?;
    let store = builder.build();
    let below = between.iter().map(|certificate| &**certificate);
    for certificate in below.chain([case.leaf]) {
        for crl in lookup::crls_named(case.store, certificate.issuer_name())? {
            // SAFETY: both are live; the store takes a reference of its own, or has the CRL already.
            if unsafe { sys::X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) } != 1 {
                return Err(engine::out_of_memory());
            }
        }
    }
    // SAFETY: the store is ours alone.
    unsafe { sys::X509_STORE_set_check_issued(store.as_ptr(), Some(check_issued)) };
    Ok(store)
}

/// What OpenSSL asks while it builds a path; signatures and key usages are looked at later. Nothing in it can panic.
unsafe extern "C" fn check_issued(
    _: *mut ffi::X509_STORE_CTX,
    certificate: *mut ffi::X509,
    issuer: *mut ffi::X509,
) -> c_int {
    // SAFETY: OpenSSL hands live certificates.
    let (certificate, issuer) = unsafe { (X509Ref::from_ptr(certificate), X509Ref::from_ptr(issuer)) };
    (fit(issuer, certificate) != Fit::Not).into()
}
