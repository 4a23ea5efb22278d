//! The CRLs of one verification: OpenSSL asks and reports, this answers what is forgiven, and keeps why it was not.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;

use openssl_sys as ffi;

use crate::chain::evidence::Evidence;
use crate::error::Error;
use crate::libssl::{StoreCtx, certificate_words};
use crate::revocation::{Revocation, is_about_dates, is_about_revocation, is_about_signer, words};

/// See the module's text.
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
    doubted: Vec<*const ffi::X509_CRL>,
    /// The CRL of whose dates OpenSSL complained last. It forgets which CRL it looks at when it has done so.
    dated: *const ffi::X509_CRL,
}

impl Default for Notes {
    fn default() -> Notes {
        Notes { refusal: None, issuer_finding: None, doubted: Vec::new(), dated: ptr::null() }
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

    /// Why the verification ended with OpenSSL's `code`, where that is a matter of revocation.
    pub fn refusal(&self, code: c_int) -> Option<Error> {
        self.notes.borrow_mut().refusal.take().filter(|error| error.x509_code() == code)
    }

    /// Answers OpenSSL's report of a failure: whether the verification goes on all the same.
    pub fn forgives(&self, context: StoreCtx<'_>) -> bool {
        let (code, depth, anchor) = (context.error(), context.error_depth(), context.chain_length() - 1);
        let is_nested = context.parent().is_some();
        let mut notes = self.notes.borrow_mut();
        if !is_nested && depth < anchor && is_about_revocation(code) && self.is_settled(&mut notes, context) {
            return true;
        }
        if self.revocation.forgives(code, depth, anchor) {
            return true;
        }
        if is_nested {
            notes.issuer_finding = Some(certificate_words::code_text(code));
        } else if is_about_revocation(code) {
            let finding = notes.issuer_finding.take();
            if let Some(certificate) = context.current_certificate() {
                let depth = usize::try_from(depth).unwrap_or(0);
                let known = self.evidence.known(certificate);
                let reported = known.iter().find(|crl| crl.is_at(context.current_crl()));
                // Where none was found the place may be that of one that OpenSSL has freed.
                let crl = reported.filter(|_| code != ffi::X509_V_ERR_UNABLE_TO_GET_CRL).map(|crl| crl.list());
                notes.refusal = Some(words::refusal(self.evidence.role(), code, certificate, depth, crl, &known, finding));
            }
        }
        false
    }

    /// Whether all that is known answers in spite of what OpenSSL reports of the CRL that it chose. The chain is complete
    /// before it looks for CRLs.
    fn is_settled(&self, notes: &mut Notes, context: StoreCtx<'_>) -> bool {
        let (code, chain, mut current) = (context.error(), context.chain(), context.current_crl());
        let at = usize::try_from(context.error_depth()).unwrap_or(usize::MAX);
        if code == ffi::X509_V_ERR_CERT_REVOKED {
            if current.is_null() {
                current = notes.dated;
            }
            let doubted = notes.doubted.contains(&current);
            return self.evidence.is_not_revoked(&chain, at, current, doubted);
        }
        if is_about_dates(code) {
            notes.dated = current;
        }
        let answers = self.evidence.answers(&chain, at);
        if answers && is_about_signer(code) {
            notes.doubted.push(current);
        }
        answers
    }
}
