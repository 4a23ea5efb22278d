//! A stapled OCSP answer, held against the certificate that it is about (RFC 6960): who signed it, for whom, when, and
//! what it says. Only `good` is good; what cannot be read, or was not signed by who may, refuses.

use openssl::asn1::Asn1Time;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::codes;
use crate::error::{Error, Result, Status};
use crate::libssl::certificate;
use crate::libssl::certificate_words;
use crate::libssl::sys;
use crate::moment;
use crate::revocation::crls::Crls;
use crate::revocation::response::{Answer, Basic, CertStatus, Responder, Response};
use crate::revocation::words::reason_text;
use crate::role::Role;
use crate::x509::certificate::{Certificate, Known};
use crate::x509::der::{BIT_STRING, INTEGER, Malformed, OID, Reader, SEQUENCE};
use crate::x509::key;
use crate::x509::same_name;

/// What becomes of a certificate with or without a stapled answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// An answer that is there must be good; none passes, unless the certificate demands one (RFC 7633).
    #[default]
    IfPresent,
    /// There must be a good answer.
    Require,
    /// None is asked for, and none is looked at.
    Off,
}

impl Mode {
    /// The mode in a text such as "require".
    pub fn parse(text: &str) -> Result<Mode> {
        match text {
            "if-present" => Ok(Mode::IfPresent),
            "require" => Ok(Mode::Require),
            "off" => Ok(Mode::Off),
            _ => Err(Error::new(Status::EArg, format!("there is no OCSP mode {text:?}"))
                .with_hint("the modes are \"if-present\", \"require\" and \"off\"")),
        }
    }
}

/// What is asked about, and by which measure.
pub struct Question<'a> {
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// The next of the verified chain.
    pub issuer: &'a X509Ref,
    /// The moment to judge for, in Unix seconds; `None` where dates do not count.
    pub time: Option<i64>,
    /// CRLs that may list the responder.
    pub crls: &'a Crls,
}

/// Clocks may differ so far, in seconds.
pub const SKEW: i64 = 300;

/// How old an answer without a nextUpdate may be: it promises that newer information is always there, so a stapled one
/// could otherwise be shown for ever.
const MOST_AGE_WITHOUT_END: i64 = 86_400;


/// Whether the certificate demands a stapled answer: a TLS feature extension that lists status_request (RFC 7633 4.2.3).
pub fn is_demanded_by(certificate: &X509Ref) -> bool {
    const STATUS_REQUEST: &[u8] = &[5];
    // Most certificates have none, and need not be encoded to know it.
    if !certificate::has_extension(certificate, sys::NID_TLSFEATURE) {
        return false;
    }
    let Ok(der) = certificate.to_der() else { return true };
    let Ok(parsed) = Certificate::parse(&der) else { return true };
    let Some(features) = parsed.extension(Known::TlsFeature) else { return false };
    let lists = || -> std::result::Result<bool, Malformed> {
        let mut features = Reader::whole(features.value, SEQUENCE)?;
        while !features.is_empty() {
            if features.expect(INTEGER)? == STATUS_REQUEST {
                return Ok(true);
            }
        }
        Ok(false)
    };
    // What cannot be read may demand it.
    lists().unwrap_or(true)
}

/// The error where an answer is needed and none was stapled.
pub fn missing(leaf: &X509Ref, demanded_by_certificate: bool) -> Error {
    let who = certificate_words::position(Role::Client, 0, leaf);
    let error = Error::new(
        Status::ERevocationUnknown,
        match demanded_by_certificate {
            true => format!("{who} demands a stapled OCSP answer (RFC 7633), and the server sent none"),
            false => format!("the server stapled no OCSP answer for {who}, and this context requires one"),
        },
    )
    .with_hint("switch OCSP stapling on in the server, and make sure that it can reach its CA");
    blame(error, leaf, codes::X509_V_ERR_OCSP_VERIFY_NEEDED)
}


/// Refuses unless `staple` says, with authority and now, that the leaf is good. Answers when that ends, in Unix seconds: with
/// the answer, or with the certificate of the responder who signed it.
pub fn check(staple: &[u8], question: &Question<'_>) -> Result<Option<i64>> {
    let unreadable = |_| invalid(question, "cannot be read", "it is no OCSP response (RFC 6960)");
    let response = Response::parse(staple).map_err(unreadable)?;
    let basic = match response {
        Response::Failure(status) => {
            let words = failure_text(status);
            return Err(invalid(
                question,
                &format!("says {words} instead of an answer"),
                "the server staples an error",
            ));
        }
        Response::Basic(der) => Basic::parse(der).map_err(unreadable)?,
    };
    let of_responder = basic.check_signature(question)?;
    if basic.critical_extension {
        return Err(invalid(
            question,
            "has a critical extension that is not known",
            "RFC 6960 4.4 lists those that are",
        ));
    }
    let of_answer = basic.check_status(question)?;
    Ok([of_responder, of_answer].into_iter().flatten().min())
}

/// Whether `staple` speaks of certificates among `others` and of nobody else, not of the leaf. It names them by issuer's
/// name and serial number; a signature is not looked at, for such an answer counts as none.
pub fn is_for_others<'a>(staple: &[u8], leaf: &X509Ref, others: impl Iterator<Item = &'a X509Ref>) -> bool {
    let Ok(leaf) = leaf.to_der() else { return false };
    let Ok(leaf) = Certificate::parse(&leaf) else { return false };
    let others: Vec<Vec<u8>> = others.filter_map(|other| other.to_der().ok()).collect();
    let others: Vec<Certificate<'_>> = others.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    let only_others = || -> std::result::Result<bool, Malformed> {
        let Response::Basic(der) = Response::parse(staple)? else { return Ok(false) };
        let mut answers = Reader::new(Basic::parse(der)?.answers);
        let mut found = false;
        while !answers.is_empty() {
            let answer = Answer::parse(answers.expect(SEQUENCE)?)?;
            // The bundle may hold the leaf again.
            if answer.names(&leaf) || !others.iter().any(|other| answer.names(other)) {
                return Ok(false);
            }
            found = true;
        }
        Ok(found)
    };
    only_others().unwrap_or(false)
}

/// Whether `staple` speaks of `leaf`, by issuer's name and serial number.
pub fn names(staple: &[u8], leaf: &X509Ref) -> bool {
    let Ok(leaf) = leaf.to_der() else { return false };
    let Ok(leaf) = Certificate::parse(&leaf) else { return false };
    let is_named = || -> std::result::Result<bool, Malformed> {
        let Response::Basic(der) = Response::parse(staple)? else { return Ok(false) };
        let mut answers = Reader::new(Basic::parse(der)?.answers);
        while !answers.is_empty() {
            if Answer::parse(answers.expect(SEQUENCE)?)?.names(&leaf) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    is_named().unwrap_or(false)
}

fn failure_text(status: u8) -> &'static str {
    match status {
        1 => "\"malformed request\"",
        2 => "\"internal error\"",
        3 => "\"try later\"",
        5 => "\"signature required\"",
        6 => "\"unauthorized\"",
        _ => "an unknown status",
    }
}

impl Basic<'_> {
    /// RFC 6960 4.2.2.2: the issuer signs itself, or a responder to whom it gave a certificate for that purpose.
    /// Answers when that certificate ends, in Unix seconds, the skew of clocks included.
    fn check_signature(&self, question: &Question<'_>) -> Result<Option<i64>> {
        let issuer_der = encoded(question.issuer)?;
        let issuer = Certificate::parse(&issuer_der).map_err(|_| unreadable_certificate())?;
        let issuer_key = question.issuer.public_key().map_err(|_| unreadable_certificate())?;
        if self.names(&issuer) {
            return match self.is_signed_with(&issuer_key) {
                true => Ok(None),
                false => Err(forged(question)),
            };
        }
        let mut problem = None;
        for der in self.certificates.iter().take(MOST_CERTIFICATES) {
            let Ok(responder) = Certificate::parse(der) else { continue };
            if !self.names(&responder) {
                continue;
            }
            let Ok(certificate) = X509::from_der(der) else { continue };
            match check_delegate(&certificate, &responder, &issuer, &issuer_key, question) {
                Err(why) => {
                    problem.get_or_insert(why);
                }
                Ok(key) if self.is_signed_with(&key) => {
                    return Ok(moment::unix_seconds(certificate.not_after()).map(|until| until.saturating_add(SKEW)));
                }
                Ok(_) => return Err(forged(question)),
            }
        }
        let why = problem.unwrap_or("it is neither the issuer nor in the answer with a certificate of its own");
        Err(invalid(question, "was not signed by who may", &format!("its signer is not authorised: {why}")))
    }

    fn names(&self, certificate: &Certificate<'_>) -> bool {
        match self.responder {
            Responder::Name(name) => same_name(name, certificate.subject).unwrap_or(false),
            // RFC 6960 4.2.1: the SHA-1 of the key's bits; it only finds the key.
            Responder::KeyHash(wanted) => {
                hash(MessageDigest::sha1(), certificate.key).is_ok_and(|digest| &*digest == wanted)
            }
        }
    }

    fn is_signed_with(&self, key: &PKey<Public>) -> bool {
        let Some(digest) = digest_of(self.algorithm) else { return false };
        let verifier = match digest {
            Some(digest) => Verifier::new(digest, key),
            None => Verifier::new_without_digest(key),
        };
        verifier.and_then(|mut verifier| verifier.verify_oneshot(self.signature, self.signed)).unwrap_or(false)
    }

    /// Every answer about the leaf must be good and current; there must be one.
    /// Answers when the answer ends, in Unix seconds, the skew of clocks included.
    fn check_status(&self, question: &Question<'_>) -> Result<Option<i64>> {
        let leaf_der = encoded(question.leaf)?;
        let issuer_der = encoded(question.issuer)?;
        let leaf = Certificate::parse(&leaf_der).map_err(|_| unreadable_certificate())?;
        let issuer = Certificate::parse(&issuer_der).map_err(|_| unreadable_certificate())?;
        let mut answers = Reader::new(self.answers);
        let (mut found, mut end) = (false, None);
        while !answers.is_empty() {
            let answer = answers
                .expect(SEQUENCE)
                .and_then(Answer::parse)
                .map_err(|_| invalid(question, "cannot be read", "it is no OCSP response (RFC 6960)"))?;
            if answer.is_about(&leaf, &issuer) {
                answer.check(question)?;
                found = true;
                let until = match answer.next_update {
                    Some(time) => moment(time),
                    None => moment(answer.this_update).map(|from| from.saturating_add(MOST_AGE_WITHOUT_END)),
                };
                let until = until.map(|until| until.saturating_add(SKEW));
                end = [end, until].into_iter().flatten().min();
            }
        }
        if found {
            return Ok(end);
        }
        Err(invalid(
            question,
            "is about another certificate",
            "the server staples the wrong answer; look at its set-up",
        ))
    }
}

/// No response needs more.
const MOST_CERTIFICATES: usize = 16;

/// Whether the issuer made `responder` an OCSP signer; its key, or why not.
fn check_delegate(
    certificate: &X509,
    responder: &Certificate<'_>,
    issuer: &Certificate<'_>,
    issuer_key: &PKey<Public>,
    question: &Question<'_>,
) -> std::result::Result<PKey<Public>, &'static str> {
    // id-kp-OCSPSigning.
    const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
    if !same_name(responder.issuer, issuer.subject).unwrap_or(false)
        || !certificate.verify(issuer_key).unwrap_or(false)
        || digest_of(responder.outer_algorithm).is_none()
    {
        return Err("the certificate's issuer did not issue the responder's");
    }
    if !lists_usage(responder, OCSP_SIGNING).unwrap_or(false) {
        return Err("the responder's certificate is not for OCSP signing (extended key usage)");
    }
    if !may_sign(responder).unwrap_or(false) {
        return Err("the responder's certificate is not for signatures (key usage)");
    }
    if key::check(responder).is_err() {
        return Err("the responder's key is too weak or of a kind that is not permitted");
    }
    if let Some(now) = question.time {
        let from = moment::unix_seconds(certificate.not_before());
        let until = moment::unix_seconds(certificate.not_after());
        let is_valid = from.zip(until).is_some_and(|(from, until)| from <= now + SKEW && now <= until + SKEW);
        if !is_valid {
            return Err("the responder's certificate is not valid now");
        }
    }
    let revoked = question
        .crls
        .iter()
        .any(|crl| crl.names_issuer_of(certificate) && crl.lists(certificate) && crl.is_signed_by(question.issuer));
    if revoked {
        return Err("the responder's certificate has been revoked");
    }
    certificate.public_key().map_err(|_| "the responder's key cannot be read")
}

fn lists_usage(certificate: &Certificate<'_>, wanted: &[u8]) -> std::result::Result<bool, Malformed> {
    let Some(usages) = certificate.extension(Known::ExtendedKeyUsage) else { return Ok(false) };
    let mut usages = Reader::whole(usages.value, SEQUENCE)?;
    while !usages.is_empty() {
        if usages.expect(OID)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the key usage, where there is one, has digitalSignature (bit 0).
fn may_sign(certificate: &Certificate<'_>) -> std::result::Result<bool, Malformed> {
    let Some(usage) = certificate.extension(Known::KeyUsage) else { return Ok(true) };
    let (BIT_STRING, bits) = Reader::new(usage.value).only()? else { return Err(Malformed) };
    Ok(bits.get(1).is_some_and(|first| first & 0x80 != 0))
}

/// The digest of a signature algorithm that is strong enough, `None` inside where it has none of its own.
fn digest_of(algorithm: &[u8]) -> Option<Option<MessageDigest>> {
    match Reader::new(algorithm).expect(OID).ok()? {
        // sha256, sha384 and sha512 WithRSAEncryption.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, which] => match which {
            11 => Some(Some(MessageDigest::sha256())),
            12 => Some(Some(MessageDigest::sha384())),
            13 => Some(Some(MessageDigest::sha512())),
            _ => None,
        },
        // ecdsa-with-SHA256, -SHA384 and -SHA512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, which] => match which {
            2 => Some(Some(MessageDigest::sha256())),
            3 => Some(Some(MessageDigest::sha384())),
            4 => Some(Some(MessageDigest::sha512())),
            _ => None,
        },
        // Ed25519, Ed448; ML-DSA.
        [0x2b, 0x65, 0x70 | 0x71] | [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11..=0x13] => Some(None),
        _ => None,
    }
}

impl Answer<'_> {
    fn is_about(&self, leaf: &Certificate<'_>, issuer: &Certificate<'_>) -> bool {
        self.names(leaf) && self.is_hash(self.key_hash, issuer.key)
    }

    fn check(&self, question: &Question<'_>) -> Result<()> {
        let who = certificate_words::position(Role::Client, 0, question.leaf);
        match self.status {
            CertStatus::Good => {}
            CertStatus::Revoked { time, reason } => {
                let why = reason.and_then(|code| reason_text(code.into()));
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                let when = moment(time).map(|when| format!(" on {}", text(when))).unwrap_or_default();
                let error =
                    Error::new(Status::ERevoked, format!("{who} has been revoked{when}{why}, its OCSP answer says"))
                        .with_hint("do not use this certificate; its owner needs a new one from the CA");
                return Err(timed(blame(error, question.leaf, ffi::X509_V_ERR_CERT_REVOKED), moment(time)));
            }
            CertStatus::Unknown => {
                let error =
                    Error::new(Status::ERevocationUnknown, format!("the CA's OCSP responder does not know {who}"))
                        .with_hint("the CA may never have issued it; if it is very new, try again later");
                return Err(blame(error, question.leaf, codes::X509_V_ERR_OCSP_CERT_UNKNOWN));
            }
        }
        if self.critical_extension {
            return Err(invalid(
                question,
                "has a critical extension that is not known",
                "RFC 6960 4.4 lists those that are",
            ));
        }
        match question.time {
            Some(now) => self.check_time(question, now),
            None => Ok(()),
        }
    }

    fn check_time(&self, question: &Question<'_>, now: i64) -> Result<()> {
        let unreadable = || invalid(question, "has a date that cannot be read", "it is no OCSP response (RFC 6960)");
        let from = moment(self.this_update).ok_or_else(unreadable)?;
        let until = match self.next_update {
            Some(time) => moment(time).ok_or_else(unreadable)?,
            None => from.saturating_add(MOST_AGE_WITHOUT_END),
        };
        if from > now.saturating_add(SKEW) {
            let message = format!("is valid only from {}", text(from));
            return Err(stale(question, &message, from, "check this machine's clock first: it may be behind"));
        }
        if until < now.saturating_sub(SKEW) {
            let message = format!("was to be replaced by {}", text(until));
            return Err(stale(
                question,
                &message,
                until,
                "the server must fetch a new one; check this machine's clock, too",
            ));
        }
        Ok(())
    }
}

/// A GeneralizedTime as Unix seconds; it must be in the form that RFC 5280 4.1.2.5.2 demands.
fn moment(time: &[u8]) -> Option<i64> {
    let plain = time.len() == 15 && time.ends_with(b"Z") && time.iter().take(14).all(u8::is_ascii_digit);
    let text = std::str::from_utf8(time).ok().filter(|_| plain)?;
    moment::unix_seconds(Asn1Time::from_str(text).ok()?.as_ref())
}

fn text(seconds: i64) -> String {
    Asn1Time::from_unix(seconds).map_or_else(|_| format!("{seconds} s after 1970"), |time| time.to_string())
}

fn encoded(certificate: &X509Ref) -> Result<Vec<u8>> {
    certificate.to_der().map_err(|_| Error::no_memory("a certificate"))
}

fn unreadable_certificate() -> Error {
    Error::new(Status::EBadCertificate, "a certificate of the chain cannot be read")
}

fn forged(question: &Question<'_>) -> Error {
    invalid(question, "bears a wrong signature, or one of a kind that is not accepted", "it was altered, or forged")
}

fn invalid(question: &Question<'_>, what: &str, hint: &str) -> Error {
    let who = certificate_words::position(Role::Client, 0, question.leaf);
    let error =
        Error::new(Status::ERevocationInvalid, format!("the stapled OCSP answer for {who} {what}")).with_hint(hint);
    blame(error, question.leaf, codes::X509_V_ERR_OCSP_VERIFY_FAILED)
}

fn stale(question: &Question<'_>, what: &str, time: i64, hint: &str) -> Error {
    let who = certificate_words::position(Role::Client, 0, question.leaf);
    let error =
        Error::new(Status::ERevocationStale, format!("the stapled OCSP answer for {who} {what}")).with_hint(hint);
    blame(error, question.leaf, codes::X509_V_ERR_OCSP_VERIFY_FAILED).with_time(time)
}

fn timed(error: Error, time: Option<i64>) -> Error {
    match time {
        Some(time) => error.with_time(time),
        None => error,
    }
}

fn blame(error: Error, leaf: &X509Ref, code: i32) -> Error {
    error.with_x509_code(code).with_certificate(0, certificate_words::subject_of(leaf))
}
