//! What was found out about revocation, in words with the facts in it: which certificate, whose CRL, since when.

use std::ffi::c_int;
use std::sync::Arc;

use openssl::x509::{ReasonCode, X509CrlRef, X509Ref, X509RevokedRef};
use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::libssl::certificate_words;
use crate::libssl::crl::entry_about;
use crate::moment;
use crate::revocation::crl::Crl;
use crate::role::Role;

/// The error for a certificate that `crl` lists as revoked.
pub fn revoked(judge: Role, certificate: &X509Ref, depth: usize, crl: Option<&X509CrlRef>) -> Error {
    let subject = certificate_words::subject_of(certificate);
    let mut message = format!(
        "{} has been revoked by {}",
        certificate_words::position(judge, depth, certificate),
        certificate_words::name_text(certificate.issuer_name())
    );
    let entry = crl.and_then(|crl| entry(crl, certificate));
    if let Some(entry) = entry {
        message.push_str(&format!(" on {}", entry.revocation_date()));
        if let Some(reason) = reason_of(entry) {
            message.push_str(&format!(" ({reason})"));
        }
    }
    let error = Error::new(Status::ERevoked, message)
        .with_hint(match judge {
            Role::Client => "do not use this certificate; its owner needs a new one from the CA",
            Role::Server => "the client needs a new certificate from its CA",
        })
        .with_x509_code(ffi::X509_V_ERR_CERT_REVOKED)
        .with_certificate(depth as u32, subject);
    timed(error, entry.and_then(|entry| moment::unix_seconds(entry.revocation_date())))
}

fn entry<'a>(crl: &'a X509CrlRef, certificate: &X509Ref) -> Option<&'a X509RevokedRef> {
    match entry_about(crl, certificate) {
        (1, entry) => entry,
        _ => None,
    }
}

/// The name of a reason code (RFC 5280 section 5.3.1).
pub fn reason_text(code: i64) -> Option<&'static str> {
    Some(match code {
        1 => "key compromise",
        2 => "CA compromise",
        3 => "affiliation changed",
        4 => "superseded",
        5 => "cessation of operation",
        6 => "on hold",
        9 => "privilege withdrawn",
        10 => "AA compromise",
        _ => return None,
    })
}

/// The error for OpenSSL's `code` about revocation. `known` are all CRLs that may be about it; `finding` is what is wrong with
/// the chain of the CRL's own issuer.
pub fn refusal(
    judge: Role,
    code: c_int,
    certificate: &X509Ref,
    depth: usize,
    crl: Option<&X509CrlRef>,
    known: &[Arc<Crl>],
    finding: Option<String>,
) -> Error {
    let subject = certificate_words::subject_of(certificate);
    let who = certificate_words::position(judge, depth, certificate);
    let issuer = certificate_words::name_text(certificate.issuer_name());
    let whose = crl.map_or_else(|| issuer.clone(), |crl| certificate_words::name_text(crl.issuer_name()));
    let refetch = "fetch the newest CRL and load it with hostlock_ctx_reload; check this machine's clock";
    let error = match (code, crl) {
        (ffi::X509_V_ERR_CERT_REVOKED, _) => {
            // Where a delta revokes OpenSSL names its base, and none where the CRL's dates were reported before.
            let listing = crl.filter(|crl| entry(crl, certificate).is_some());
            let other = || known.iter().find(|crl| crl.lists(certificate)).map(|crl| crl.list());
            return revoked(judge, certificate, depth, listing.or_else(other));
        }
        (ffi::X509_V_ERR_CRL_HAS_EXPIRED, Some(crl)) => {
            let until = crl.next_update().map_or_else(|| "?".to_owned(), ToString::to_string);
            let error =
                stale(format!("the CRL of {whose} was to be replaced by {until}, so {who} may be revoked by now"));
            timed(error, crl.next_update().and_then(moment::unix_seconds)).with_hint(refetch)
        }
        (ffi::X509_V_ERR_CRL_NOT_YET_VALID, Some(crl)) => {
            let from = crl.last_update();
            let error = stale(format!("the CRL of {whose}, needed for {who}, is valid only from {from}"));
            timed(error, moment::unix_seconds(from)).with_hint("check this machine's clock first: it may be behind")
        }
        (ffi::X509_V_ERR_CRL_SIGNATURE_FAILURE | ffi::X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, _) => {
            invalid(format!("the CRL of {whose}, needed for {who}, is not signed with the key of that CA"))
                .with_hint("it was altered, or belongs to another CA of the same name; fetch it again")
        }
        (ffi::X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, _) => {
            invalid(format!("{whose} may not sign CRLs (key usage), so its CRL says nothing about {who}"))
        }
        (ffi::X509_V_ERR_DIFFERENT_CRL_SCOPE, _) => {
            invalid(format!("the CRL of {whose} is for other certificates than {who} (issuing distribution point)"))
                .with_hint("load the CRL that the certificate's CRL distribution point names")
        }
        (ffi::X509_V_ERR_CRL_PATH_VALIDATION_ERROR, _) => {
            let why = finding.map(|finding| format!(": {finding}")).unwrap_or_default();
            invalid(format!("the issuer {whose} of the CRL for {who} cannot be verified{why}"))
        }
        (ffi::X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, _) => invalid(format!(
            "the CRL of {whose}, needed for {who}, has a critical extension that OpenSSL does not know"
        )),
        (ffi::X509_V_ERR_UNABLE_TO_GET_CRL | ffi::X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, _) => {
            missing(certificate, &who, &issuer, known)
        }
        _ => invalid(format!(
            "the CRL of {whose}, needed for {who}, is not usable: {}",
            certificate_words::code_text(code)
        )),
    };
    error.with_x509_code(code).with_certificate(depth as u32, subject)
}

/// Issuers of other CRLs that a hint names.
const MOST_NAMED: usize = 8;

/// There is no CRL that OpenSSL would use: because none is loaded, or because those that are do not fit.
fn missing(certificate: &X509Ref, who: &str, issuer: &str, known: &[Arc<Crl>]) -> Error {
    let mut named = known.iter().filter(|crl| crl.names_issuer_of(certificate)).peekable();
    if named.peek().is_none() {
        let error =
            Error::new(Status::ERevocationUnknown, format!("there is no CRL of {issuer}, so {who} may be revoked"));
        let mut others: Vec<String> = known.iter().map(|crl| crl.issuer_text()).take(MOST_NAMED).collect();
        others.dedup();
        if let Some(indirect) = known.iter().find(|crl| crl.is_indirect()) {
            return error.with_hint(format!(
                "the indirect CRL of {} does not stand for that issuer, or its own issuer's certificate is not known",
                indirect.issuer_text()
            ));
        }
        return error.with_hint(match others.len() {
            0 => "load it with hostlock_ctx_add_crl_file".to_owned(),
            _ => format!("load it with hostlock_ctx_add_crl_file; those that are loaded are of {}", others.join(", ")),
        });
    }
    if named.all(|crl| crl.is_delta()) {
        return invalid(format!("of {issuer} only a delta CRL is loaded, which says nothing about {who} alone"))
            .with_hint("load the complete CRL that the delta changes, too");
    }
    invalid(format!("no CRL of {issuer} that is loaded covers {who}: of another key, or for some reasons only"))
        .with_hint("load the CRL that the certificate's CRL distribution point names")
}

fn reason_of(entry: &X509RevokedRef) -> Option<&'static str> {
    let (_, code) = entry.extension::<ReasonCode>().ok()??;
    reason_text(code.get_i64().ok()?)
}

fn stale(message: String) -> Error {
    Error::new(Status::ERevocationStale, message)
}

fn invalid(message: String) -> Error {
    Error::new(Status::ERevocationInvalid, message)
}

fn timed(error: Error, time: Option<i64>) -> Error {
    match time {
        Some(time) => error.with_time(time),
        None => error,
    }
}
