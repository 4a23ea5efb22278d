//! Building a path by names and signatures alone. An authorityKeyIdentifier helps to find an issuer and proves nothing
//! (RFC 5280 4.2.1.1); OpenSSL takes nobody for an issuer whom it does not fit. That question is asked through the store,
//! and a program's store is not ours to change: such a run has a store of its own, with the CRLs of the program's.

use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::chain::case::Case;
use crate::error::Result;
use crate::libssl::issuing::{self, Issuing};
use crate::libssl::verification::{OutOfMemory, crls_named};

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
    match issuing::check_issued(issuer, certificate) {
        ffi::X509_V_OK => Fit::Whole,
        ffi::X509_V_ERR_AKID_SKID_MISMATCH | ffi::X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH => Fit::ButIdentifier,
        _ => Fit::Not,
    }
}

/// A store in which an authorityKeyIdentifier keeps no issuer from being one. It holds `anchor`, for the issuers of CRLs,
/// and the CRLs about the case's leaf and `between` that the case's own store has.
pub fn store(case: &Case<'_>, anchor: &X509Ref, between: &[X509]) -> Result<X509Store> {
    let mut builder = X509StoreBuilder::new().map_err(|_| OutOfMemory)?;
    builder.add_cert(anchor.to_owned()).map_err(|_| OutOfMemory)?;
    let store = builder.build();
    let below = between.iter().map(|certificate| &**certificate);
    for certificate in below.chain([case.leaf]) {
        for crl in crls_named(case.store, certificate.issuer_name())? {
            if !issuing::add_crl(&store, &crl) {
                return Err(OutOfMemory.into());
            }
        }
    }
    issuing::set_check_issued::<ByKey>(&store);
    Ok(store)
}

/// What OpenSSL asks while it builds a path; signatures and key usages are looked at later.
struct ByKey;

impl Issuing for ByKey {
    fn may_have_issued(issuer: &X509Ref, certificate: &X509Ref) -> bool {
        fit(issuer, certificate) != Fit::Not
    }
}
