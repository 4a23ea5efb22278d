//! The CRLs of one verification: OpenSSL asks and reports, this answers what is forgiven, and keeps why it was not.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::x509::{X509CrlRef, X509Ref};
use openssl_sys as ffi;

use crate::error::Error;
use crate::sys;
use crate::verify::explain;
use crate::verify::lookup;
use crate::verify::revocation::evidence::Evidence;
use crate::verify::revocation::{Revocation, is_about_dates, is_about_revocation, is_about_signer, words};

/// See the module's text. It must outlive the verification that it was armed for.
pub struct Inquiry<'a> {
    revocation: &'a Revocation,
    evidence: &'a Evidence<'a>,
    notes: RefCell<Notes>,
}

struct Notes {
    /// What was not forgiven.
    refusal: Option<Error>,
    /// What was found wanting in the chain of a CRL's own issuer.
    issuer_finding: Option<String>,
    /// CRLs that nobody signed as far as OpenSSL sees, where others answered.
    doubted: Vec<*mut ffi::X509_CRL>,
    /// The CRL of whose dates OpenSSL complained last. It forgets which CRL it looks at when it has done so.
    dated: *mut ffi::X509_CRL,
}

impl Default for Notes {
    fn default() -> Notes {
        Notes { refusal: None, issuer_finding: None, doubted: Vec::new(), dated: ptr::null_mut() }
    }
}

impl<'a> Inquiry<'a> {
    /// An inquiry by the measure of `revocation`, with all that is known.
    pub fn new(revocation: &'a Revocation, evidence: &'a Evidence<'a>) -> Inquiry<'a> {
        Inquiry { revocation, evidence, notes: RefCell::default() }
    }

    /// All that is known.
    pub fn evidence(&self) -> &Evidence<'a> {
        self.evidence
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
        if !nested && depth < anchor && is_about_revocation(code) {
            // SAFETY: the caller promises a live context; the chain is complete before CRLs are looked for.
            let chain = unsafe { lookup::chain_of(context) };
            let at = usize::try_from(depth).unwrap_or(usize::MAX);
            // SAFETY: as above. Where no CRL was found the field may hold one that was freed; it is only compared.
            let mut current = unsafe { sys::X509_STORE_CTX_get0_current_crl(context) };
            if code == ffi::X509_V_ERR_CERT_REVOKED && current.is_null() {
                current = notes.dated;
            }
            if is_about_dates(code) {
                notes.dated = current;
            }
            if code == ffi::X509_V_ERR_CERT_REVOKED {
                let doubted = notes.doubted.contains(&current);
                if self.evidence.is_not_revoked(&chain, at, current, doubted) {
                    return true;
                }
            } else if self.evidence.answers(&chain, at) {
                if is_about_signer(code) {
                    notes.doubted.push(current);
                }
                return true;
            }
        }
        if self.revocation.forgives(code, depth, anchor) {
            return true;
        }
        if nested {
            notes.issuer_finding = Some(explain::code_text(code));
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
                let known = self.evidence.known(certificate);
                notes.refusal = Some(words::refusal(code, certificate, depth, crl, &known, finding));
            }
        }
        false
    }
}
