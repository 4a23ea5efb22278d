//! OpenSSL's verdict on a chain, put into words with the facts in it: which certificate, since when, which issuer.

use std::ffi::c_int;

use openssl::asn1::Asn1TimeRef;
use openssl::nid::Nid;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::chain::rules::{Breach, REISSUE};
use crate::error::{Error, Status};
use crate::libssl::certificate_words::{code_text, name_text, position, subject_of, subject_text};
use crate::libssl::issuing::says_ca;
use crate::libssl::verification::OutOfMemory;
pub use crate::moment::unix_seconds;
use crate::role::Role;

/// Whether the code means that no chain to an anchor was found, rather than that one was found wanting.
fn is_incomplete_chain(code: c_int) -> bool {
    matches!(
        code,
        ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
            | ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | ffi::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
    )
}

/// Whether the code means that the chain does not end at an anchor.
pub fn is_untrusted(code: c_int) -> bool {
    is_incomplete_chain(code)
        || matches!(code, ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT | ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
}

/// Whose chain it is, and who stands in it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The side that judges.
    pub judge: Role,
    /// The chain as far as it was built.
    pub chain: &'a [X509],
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// Where the last of the chain is a trust anchor, what the program loaded it from.
    pub anchor: Option<&'a str>,
}

impl Shown<'_> {
    fn peer(&self) -> &'static str {
        match self.judge {
            Role::Client => "server",
            Role::Server => "client",
        }
    }

    /// The source of the certificate at `depth`, where that is the anchor and no peer's own.
    fn source(&self, depth: usize) -> Option<&str> {
        self.anchor.filter(|_| depth > 0 && depth + 1 == self.chain.len())
    }

    /// Which certificate it is, in words.
    fn who(&self, depth: usize, certificate: &X509Ref) -> String {
        match self.source(depth) {
            Some(source) => format!("the trust anchor {} (from {source})", subject_text(certificate)),
            None => position(self.judge, depth, certificate),
        }
    }

    /// Who has to see to it that the certificate at `depth` is replaced.
    fn renewal(&self, depth: usize) -> String {
        match (self.source(depth), depth) {
            (Some(_), _) => {
                format!("no {} can mend that: load the CA's new certificate in place of this one", self.peer())
            }
            (None, 0) => format!("the {}'s owner must renew it", self.peer()),
            (None, _) => format!("the {}'s owner must install the CA's new intermediate certificate", self.peer()),
        }
    }
}

/// The error for OpenSSL's `code` at `depth` of what was shown.
pub fn x509_error(code: c_int, depth: usize, shown: &Shown<'_>) -> Error {
    let certificate = shown.chain.get(depth).map_or(shown.leaf, |certificate| certificate);
    let who = shown.who(depth, certificate);
    let issuer = name_text(certificate.issuer_name());
    let error = match code {
        ffi::X509_V_ERR_OUT_OF_MEM => OutOfMemory.into(),
        ffi::X509_V_ERR_EE_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_KEY_TOO_SMALL if was_not_read(certificate) => OutOfMemory.into(),
        ffi::X509_V_ERR_CERT_HAS_EXPIRED => {
            let until = time_text(certificate.not_after());
            dated(Status::EExpired, format!("{who} expired on {until}"), certificate.not_after()).with_hint(format!(
                "{}; if it should still be valid, check this machine's clock",
                shown.renewal(depth)
            ))
        }
        ffi::X509_V_ERR_CERT_NOT_YET_VALID => {
            let from = time_text(certificate.not_before());
            dated(Status::ENotYetValid, format!("{who} is valid only from {from}"), certificate.not_before())
                .with_hint("check this machine's clock first: it may be behind")
        }
        code if is_untrusted(code) => {
            Error::new(Status::EUnknownIssuer, format!("no trust anchor stands above {who}: {}", code_text(code)))
        }
        ffi::X509_V_ERR_CERT_REJECTED | ffi::X509_V_ERR_CERT_UNTRUSTED => untrusted_for_this(certificate, shown),
        ffi::X509_V_ERR_INVALID_CA if says_ca(certificate) => Error::new(
            Status::EWrongPurpose,
            format!("{who} may not sign certificates (key usage, RFC 5280 4.2.1.3), but signed another"),
        )
        .with_hint("the CA needs a certificate with keyCertSign among its key usages"),
        ffi::X509_V_ERR_INVALID_PURPOSE => Error::new(
            Status::EWrongPurpose,
            format!("{who} is not issued for this purpose (RFC 5280 4.2.1.3, 4.2.1.12)"),
        )
        .with_hint("its key usages and extended key usages must permit TLS, or the signing of certificates for a CA"),
        ffi::X509_V_ERR_INVALID_CA => Error::new(
            Status::EWrongPurpose,
            format!("{who} is not a CA (RFC 5280 4.2.1.9), but signed another certificate"),
        )
        .with_hint("only a certificate whose basicConstraints say so may issue others; do not trust what it issued"),
        ffi::X509_V_ERR_EE_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_KEY_TOO_SMALL => {
            const KEYS: &str = "it needs a new key: RSA with 2048 bits or more, P-256, P-384, P-521, Ed25519 or Ed448";
            let error = Error::new(Status::EWeakKey, format!("{who} has {}", key_text(certificate)));
            match shown.source(depth) {
                Some(_) => error.with_hint(format!("{}; {KEYS}", shown.renewal(depth))),
                None => error.with_hint(KEYS),
            }
        }
        ffi::X509_V_ERR_CA_MD_TOO_WEAK => {
            Error::new(Status::EWeakSignature, format!("{who} is signed with {}", signature_text(certificate)))
                .with_hint("it must be issued again with SHA-256 or better")
        }
        ffi::X509_V_ERR_CERT_SIGNATURE_FAILURE => {
            Error::new(Status::EBadSignature, format!("the signature on {who} is wrong: it is not by the key of {issuer}"))
                .with_hint("the certificate was altered, or somebody else uses the name of that CA")
        }
        ffi::X509_V_ERR_CERT_REVOKED => Error::new(Status::ERevoked, format!("{who} has been revoked by {issuer}")),
        ffi::X509_V_ERR_UNABLE_TO_GET_CRL => {
            Error::new(Status::ERevocationUnknown, format!("there is no CRL of {issuer}, so {who} may be revoked"))
        }
        ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG => {
            Error::new(Status::EChainTooLong, format!("the chain is longer than permitted, at {who} (RFC 5280 6.1)"))
                .with_hint("permit more with hostlock_ctx_set_verify_depth if the chain is meant to be so long")
        }
        ffi::X509_V_ERR_PATH_LENGTH_EXCEEDED => Error::new(
            Status::EChainTooLong,
            format!("{who} permits fewer CAs below it than the chain has (RFC 5280 4.2.1.9)"),
        )
        .with_hint("a CA of the chain was issued without right; do not trust what it issued"),
        ffi::X509_V_ERR_SUITE_B_INVALID_VERSION..=ffi::X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 => {
            Error::new(Status::EWeakKey, format!("{who} is outside of Suite B: {}", code_text(code)))
                .with_hint("the program asked for it with X509_V_FLAG_SUITEB_*; clear that where Suite B is not wanted")
        }
        code if is_openssls_ocsp(code) => Error::new(
            Status::ERevocationUnknown,
            format!("{who} has no OCSP answer that OpenSSL's own check (X509_V_FLAG_OCSP_RESP_CHECK) accepts"),
        )
        .with_hint(
            "hostlock_ctx_set_ocsp_mode(ctx, \"require\") demands a stapled answer on TLS 1.2 and 1.3; clear the flag",
        ),
        _ => match form(code) {
            Some((what, rule)) => Error::new(Status::EBadCertificate, format!("{who} {what} ({rule})")),
            None => Error::new(Status::EBadCertificate, format!("{who}: {}", code_text(code))),
        }
        .with_hint(REISSUE),
    };
    error.with_x509_code(code).with_certificate(depth as u32, subject_of(certificate))
}

/// The error for an anchor whose own trust settings do not name this use, or reject it.
fn untrusted_for_this(certificate: &X509Ref, shown: &Shown<'_>) -> Error {
    let source = shown.anchor.unwrap_or("the program");
    let who = format!("the trust anchor {} (from {source})", subject_text(certificate));
    Error::new(
        Status::EWrongPurpose,
        format!("{who} may not vouch for {}s, by the trust settings that stand beside it", shown.peer()),
    )
    .with_hint(format!(
        "the block in {source} is a TRUSTED CERTIFICATE, which lists what it is trusted for; openssl x509 -text shows it, and \
         openssl x509 -clrtrust gives the certificate without that"
    ))
}

/// X509_V_ERR_OCSP_*, which OpenSSL gives where a program has it check stapled answers.
fn is_openssls_ocsp(code: c_int) -> bool {
    matches!(code, 73..=75 | 96..=100)
}

/// What OpenSSL's strict checks find in the form of a certificate, and the section that says so.
fn form(code: c_int) -> Option<(&'static str, &'static str)> {
    Some(match code {
        ffi::X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION => ("has a critical extension that is not known", "RFC 5280 4.2"),
        ffi::X509_V_ERR_INVALID_EXTENSION => ("has a damaged extension", "RFC 5280 4.2"),
        ffi::X509_V_ERR_INVALID_POLICY_EXTENSION => ("has a damaged policy extension", "RFC 5280 4.2.1.4"),
        ffi::X509_V_ERR_NO_EXPLICIT_POLICY => {
            ("has no certificate policy that holds for its whole chain, where one is required", "RFC 5280 6.1.5")
        }
        77 | 78 => ("names one signature algorithm inside of what is signed and another outside", "RFC 5280 4.1.1.2"),
        80 => ("is not a CA's but constrains the length of a path", "RFC 5280 4.2.1.9"),
        81 => ("constrains the length of a path but may not sign certificates", "RFC 5280 4.2.1.9"),
        82 => ("may sign certificates by its key usage but is not a CA's", "RFC 5280 4.2.1.3"),
        83 => ("names no issuer", "RFC 5280 4.1.2.4"),
        84 => ("names no subject", "RFC 5280 4.1.2.6"),
        85 => ("has no authorityKeyIdentifier", "RFC 5280 4.2.1.1"),
        86 => ("has no subjectKeyIdentifier", "RFC 5280 4.2.1.2"),
        87 => ("has a subjectAltName without a name", "RFC 5280 4.2.1.6"),
        88 => ("has an empty subject, but its subjectAltName is not critical", "RFC 5280 4.2.1.6"),
        89 => ("is a CA's, but its basicConstraints are not critical", "RFC 5280 4.2.1.9"),
        90 => ("has a critical authorityKeyIdentifier", "RFC 5280 4.2.1.1"),
        91 => ("has a critical subjectKeyIdentifier", "RFC 5280 4.2.1.2"),
        92 => ("is a CA's and has no key usage", "RFC 5280 4.2.1.3"),
        93 => ("has extensions, but is not of version 3", "RFC 5280 4.1.2.1"),
        102 => ("has an authorityKeyIdentifier that says nothing", "RFC 5280 4.2.1.1"),
        103 => ("has an authorityKeyIdentifier with an issuer or a number alone", "RFC 5280 4.2.1.1"),
        94 => ("has a key on an elliptic curve that is not given by its name", "RFC 5480 2.1.1"),
        _ => return None,
    })
}

/// Whether OpenSSL's code is about the form of a certificate or what it is issued for, of which our rules know more.
pub fn is_form(code: c_int) -> bool {
    code == ffi::X509_V_ERR_INVALID_PURPOSE || form(code).is_some()
}

/// The error for a rule that the certificate at `depth` breaks.
pub fn breach(judge: Role, breach: Breach, depth: usize, certificate: &X509Ref) -> Error {
    let subject = subject_of(certificate);
    let message = format!("{} {} ({})", position(judge, depth, certificate), breach.what, breach.rule);
    Error::new(breach.status, message)
        .with_hint(breach.hint)
        .with_x509_code(breach.code)
        .with_certificate(depth as u32, subject)
}

/// The error for a certificate that OpenSSL read but that is not DER.
pub fn not_der(judge: Role, depth: usize, certificate: &X509Ref) -> Error {
    let who = position(judge, depth, certificate);
    Error::new(Status::EBadCertificate, format!("{who} is not valid DER (RFC 5280 4.1)"))
        .with_x509_code(ffi::X509_V_ERR_UNSPECIFIED)
        .with_certificate(depth as u32, subject_of(certificate))
        .with_hint(REISSUE)
}

/// The error for a certificate that is not for the purpose which the program chose.
pub fn asked_purpose(judge: Role, purpose: c_int, depth: usize, certificate: &X509Ref) -> Error {
    let subject = subject_of(certificate);
    let who = position(judge, depth, certificate);
    Error::new(Status::EWrongPurpose, format!("{who} is not issued for the purpose that the program chose ({purpose})"))
        .with_hint("TLS needs no call of SSL_CTX_set_purpose or X509_VERIFY_PARAM_set_purpose; see <openssl/x509v3.h>")
        .with_x509_code(ffi::X509_V_ERR_INVALID_PURPOSE)
        .with_certificate(depth as u32, subject)
}

/// The error for an anchor whose own settings reject the use which the program chose.
pub fn asked_trust(judge: Role, depth: usize, certificate: &X509Ref) -> Error {
    let subject = subject_of(certificate);
    let who = position(judge, depth, certificate);
    Error::new(Status::EWrongPurpose, format!("{who} is rejected for the trust setting that the program chose"))
        .with_hint("TLS needs no call of SSL_CTX_set_trust or X509_VERIFY_PARAM_set_trust")
        .with_x509_code(ffi::X509_V_ERR_CERT_REJECTED)
        .with_certificate(depth as u32, subject)
}

/// The error for a chain of too many intermediates.
pub fn too_deep(intermediates: usize, most: usize, chain: &[X509]) -> Error {
    let error = Error::new(
        Status::EChainTooLong,
        format!("the chain has {intermediates} intermediate certificates, and {most} are permitted (RFC 5280 6.1)"),
    )
    .with_x509_code(ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG)
    .with_hint("permit more with hostlock_ctx_set_verify_depth if the chain is meant to be so long");
    match chain.get(most + 1) {
        Some(certificate) => error.with_certificate(most as u32 + 1, subject_of(certificate)),
        None => error,
    }
}

/// Says of which certificate a finding of `error` speaks.
pub fn at(error: Error, depth: usize, certificate: &X509Ref) -> Error {
    error.with_certificate(depth as u32, subject_of(certificate))
}

fn dated(status: Status, message: String, time: &Asn1TimeRef) -> Error {
    let error = Error::new(status, message);
    match unix_seconds(time) {
        Some(seconds) => error.with_time(seconds),
        None => error,
    }
}

fn time_text(time: &Asn1TimeRef) -> String {
    time.to_string()
}

fn key_text(certificate: &X509Ref) -> String {
    match certificate.public_key() {
        Ok(key) => {
            let kind = Nid::from_raw(key.id().as_raw()).long_name().unwrap_or("unknown").to_owned();
            format!("a key of {} bits ({kind}), which is too weak", key.bits())
        }
        Err(_) => "a key that OpenSSL cannot read".to_owned(),
    }
}

/// Whether OpenSSL had no memory to read a key that it can read.
fn was_not_read(certificate: &X509Ref) -> bool {
    match certificate.public_key() {
        Ok(key) => key.bits() == 0,
        // It tries once only, when it reads the certificate.
        Err(_) => {
            let again = certificate.to_der().and_then(|der| X509::from_der(&der));
            again.is_ok_and(|again| again.public_key().is_ok())
        }
    }
}

fn signature_text(certificate: &X509Ref) -> String {
    certificate.signature_algorithm().object().nid().long_name().unwrap_or("an unknown algorithm").to_owned()
}
