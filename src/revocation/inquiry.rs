//! The CRLs of one verification: OpenSSL asks and reports, this answers what is forgiven, keeps why it was not, and looks
//! again where OpenSSL's way through its checks passes a known revocation by.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::x509::{X509, X509CrlRef, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result};
use crate::libssl::certificate_words;
use crate::libssl::sys;
use crate::revocation::crl::Crl;
use crate::revocation::{Revocation, is_about_revocation, words};

/// See the module's text. It must outlive the verification that it was armed for.
pub struct Inquiry<'a> {
    revocation: &'a Revocation,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    /// What was not forgiven.
    refusal: Option<Error>,
    /// What was found wanting in the chain of a CRL's own issuer.
    issuer_finding: Option<String>,
    /// Positions at which a CRL covers the certificate though OpenSSL does not see it.
    covered_at: Vec<c_int>,
}

impl<'a> Inquiry<'a> {
    /// An inquiry by the measure of `revocation`.
    pub fn new(revocation: &'a Revocation) -> Inquiry<'a> {
        Inquiry { revocation, notes: RefCell::default() }
    }

    /// Gives the CRLs to a verification.
    ///
    /// # Safety
    /// `context` is a live `X509_STORE_CTX` whose verification ends before `self` does.
    pub unsafe fn arm(&self, context: *mut ffi::X509_STORE_CTX) {
        if !self.revocation.crls.is_empty() {
            // SAFETY: OpenSSL borrows the stack, which lives as long as the revocation.
            unsafe { sys::X509_STORE_CTX_set0_crls(context, self.revocation.crls.stack()) };
        }
    }

    /// Why the verification ended with OpenSSL's `code`, where that is a matter of revocation.
    pub fn refusal(&self, code: c_int) -> Option<Error> {
        self.notes.borrow_mut().refusal.take().filter(|error| error.x509_code() == code)
    }

    /// Looks once more through the CRLs for the certificates of an accepted chain.
    ///
    /// OpenSSL uses a delta CRL only where the base or the certificate points to one (freshestCRL), and looks no further
    /// where nothing is known and that is forgiven. A revocation that the issuer signed is a revocation all the same.
    /// It looks at one CRL of those that bear the issuer's name, and the CA may have had another key before. `named` gives
    /// the trust anchors of a name.
    pub fn overlooked(&self, chain: &[X509], named: impl Fn(&X509NameRef) -> Vec<X509>) -> Result<()> {
        let Some(mode) = self.revocation.in_force() else { return Ok(()) };
        let asked = if mode.chain { usize::MAX } else { 1 };
        for (depth, certificate) in chain.iter().enumerate().take(chain.len().saturating_sub(1)).take(asked) {
            let revoking = self.revocation.crls.iter().find(|crl| {
                let counts = |issuer: &X509| crl.is_signed_by(issuer) && !self.is_superseded(crl, certificate, issuer);
                crl.names_issuer_of(certificate)
                    && crl.lists(certificate)
                    && (chain.iter().skip(depth + 1).any(|issuer| crl.bears_name_of(issuer) && counts(issuer))
                        || named(certificate.issuer_name()).iter().any(counts))
            });
            if let Some(crl) = revoking {
                return Err(words::revoked(certificate, depth, Some(crl.list())));
            }
        }
        Ok(())
    }

    /// Whether a newer complete CRL of the same key no longer lists the certificate, or a newer delta takes it off.
    fn is_superseded(&self, crl: &Crl, certificate: &X509Ref, issuer: &X509Ref) -> bool {
        self.revocation.crls.iter().any(|other| {
            let silent = !other.is_delta() && !other.is_partial() && !other.lists(certificate);
            (silent || other.releases(certificate))
                && is_newer(other, crl)
                && other.names_issuer_of(certificate)
                && other.is_signed_by(issuer)
        })
    }

    /// Whether the CRL of which `context` reports covers the certificate, by the rule that OpenSSL lacks.
    ///
    /// # Safety
    /// `context` is a live `X509_STORE_CTX` that reports a failure now.
    unsafe fn is_covered(&self, context: *mut ffi::X509_STORE_CTX) -> bool {
        // SAFETY: the caller promises a live context; each call reads one field.
        let (crl, certificate) =
            unsafe { (sys::X509_STORE_CTX_get0_current_crl(context), ffi::X509_STORE_CTX_get_current_cert(context)) };
        if crl.is_null() || certificate.is_null() {
            return false;
        }
        // SAFETY: the certificate is live during the report.
        let certificate = unsafe { X509Ref::from_ptr(certificate) };
        let known = self.revocation.crls.iter().find(|known| known.as_ptr() == crl);
        known.is_some_and(|known| known.covers_without_point(certificate))
    }

    /// Answers OpenSSL's report of a failure: whether the verification goes on all the same.
    ///
    /// # Safety
    /// `context` is a live `X509_STORE_CTX` that reports a failure now, in the verification that `self` was armed for.
    pub unsafe fn forgives(&self, context: *mut ffi::X509_STORE_CTX) -> bool {
        // SAFETY: as the caller promises, here and below; each call reads one field.
        let (code, depth, chain, nested) = unsafe {
            (
                ffi::X509_STORE_CTX_get_error(context),
                ffi::X509_STORE_CTX_get_error_depth(context),
                ffi::X509_STORE_CTX_get0_chain(context),
                !sys::X509_STORE_CTX_get0_parent_ctx(context).is_null(),
            )
        };
        // SAFETY: NULL or the chain that the context owns.
        let anchor = unsafe { ffi::OPENSSL_sk_num(chain.cast()) } - 1;
        let mut notes = self.notes.borrow_mut();
        if !nested && depth < anchor {
            let covered = match code {
                // SAFETY: the context is live and reports about this CRL and this certificate now.
                ffi::X509_V_ERR_DIFFERENT_CRL_SCOPE => unsafe { self.is_covered(context) },
                // What OpenSSL says of the reasons that it has not seen, after it has looked at that CRL.
                ffi::X509_V_ERR_UNABLE_TO_GET_CRL => notes.covered_at.contains(&depth),
                _ => false,
            };
            if covered {
                notes.covered_at.push(depth);
                return true;
            }
        }
        if self.revocation.forgives(code, depth, anchor) {
            return true;
        }
        if nested {
            notes.issuer_finding = Some(certificate_words::code_text(code));
        } else if is_about_revocation(code) {
            let finding = notes.issuer_finding.take();
            // Where no CRL was found the field may still hold one that OpenSSL has freed.
            let crl = match code {
                ffi::X509_V_ERR_UNABLE_TO_GET_CRL => ptr::null_mut(),
                // SAFETY: as above.
                _ => unsafe { sys::X509_STORE_CTX_get0_current_crl(context) },
            };
            // SAFETY: as above.
            let certificate = unsafe { ffi::X509_STORE_CTX_get_current_cert(context) };
            if !certificate.is_null() {
                // SAFETY: certificate and CRL are live during the report.
                let (certificate, crl) =
                    unsafe { (X509Ref::from_ptr(certificate), (!crl.is_null()).then(|| X509CrlRef::from_ptr(crl))) };
                let depth = usize::try_from(depth).unwrap_or(0);
                notes.refusal = Some(words::refusal(code, certificate, depth, crl, &self.revocation.crls, finding));
            }
        }
        false
    }
}

/// By its number; where neither has one, by its date.
fn is_newer(one: &Crl, other: &Crl) -> bool {
    match (one.number(), other.number()) {
        (None, None) => one.list().last_update() > other.list().last_update(),
        (one, other) => one > other,
    }
}
