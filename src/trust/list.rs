//! The anchors that a store holds, or would find in its indexes and in the directories behind them, told without parsing
//! any: how many, and what they are. It reads only; what a directory or a URI that the program named through OpenSSL would
//! give is not known before a handshake asks for it.

use std::collections::HashSet;
use std::fmt::Write;

use openssl::asn1::Asn1Time;
use openssl::x509::X509Name;
use openssl::x509::store::X509StoreRef;

use crate::error::{Error, Result};
use crate::json::Object;
use crate::libssl::certificate_words::name_line;
use crate::libssl::queue::Quiet;
use crate::moment;
use crate::trust::distrust::Distrust;
use crate::trust::index::hooks;
use crate::x509::der::{Malformed, Reader, SEQUENCE, UTC_TIME};

/// One anchor.
pub struct Listed {
    der: Vec<u8>,
    source: String,
}

/// The anchors of `store`, each once, those of its indexes first.
pub fn of(store: &X509StoreRef) -> Result<Vec<Listed>> {
    let mut seen = HashSet::new();
    let mut listed = Vec::new();
    let mut list = |der: Vec<u8>, source: &str| {
        if seen.insert(der.clone()) {
            listed.push(Listed { der, source: source.to_owned() });
        }
    };
    for index in hooks::indexes(store) {
        index.certificates().for_each(|der| list(der.to_vec(), index.origin()));
        index.certificates_in_directories().into_iter().for_each(|(directory, der)| list(der, &directory));
    }
    for certificate in store.all_certificates() {
        let der = certificate
            .to_der()
            .map_err(|_| Error::no_memory("a certificate of the store"))?;
        list(der, "the program");
    }
    Ok(listed)
}

/// What the anchor `der` of `store` was loaded from, where an index of ours holds it.
pub fn source_of(store: &X509StoreRef, der: &[u8]) -> Option<String> {
    hooks::indexes(store).iter().find_map(|index| {
        let is_there = index.certificates().any(|one| one == der);
        let in_directory = || index.certificates_in_directories().into_iter().find(|(_, one)| one == der);
        if is_there { Some(index.origin().to_owned()) } else { in_directory().map(|(directory, _)| directory) }
    })
}

/// The digests of the anchors' keys, each once, in an order of their own. One that cannot be read counts as it stands.
pub fn keys_of(anchors: &[Listed]) -> Vec<[u8; 32]> {
    let mut keys: Vec<[u8; 32]> = anchors.iter().map(|anchor| openssl::sha::sha256(key_of(&anchor.der))).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The key of the certificate `der`, or all of it where it cannot be read.
pub fn key_of(der: &[u8]) -> &[u8] {
    public_key(der).unwrap_or(der)
}

/// The subjects of the anchors, each once. What cannot be read is left out.
pub fn subjects(anchors: &[Listed]) -> Vec<X509Name> {
    let _quiet = Quiet::begin();
    let mut seen = HashSet::new();
    let contents = anchors.iter().filter_map(|anchor| subject(&anchor.der).ok());
    contents.filter(|contents| seen.insert(*contents)).filter_map(|contents| X509Name::from_der(&sequence(contents)).ok()).collect()
}

/// The contents of the subject (RFC 5280 section 4.1).
fn subject(der: &[u8]) -> std::result::Result<&[u8], Malformed> {
    const VERSION: u8 = 0xa0;
    let mut tbs = Reader::new(Reader::whole(der, SEQUENCE)?.expect(SEQUENCE)?);
    if tbs.next()?.0 == VERSION {
        tbs.next()?;
    }
    // Signature algorithm, issuer, validity.
    for _ in 0..3 {
        tbs.expect(SEQUENCE)?;
    }
    tbs.expect(SEQUENCE)
}

/// The contents of the subjectPublicKeyInfo (RFC 5280 section 4.1).
fn public_key(der: &[u8]) -> std::result::Result<&[u8], Malformed> {
    key_in(Reader::whole(der, SEQUENCE)?)
}

/// The same of what [`SignedPart`](crate::libssl::layout::SignedPart) gives.
pub fn key_of_signed(parts: &[u8]) -> Option<&[u8]> {
    key_in(Reader::new(parts)).ok()
}

fn key_in(mut certificate: Reader<'_>) -> std::result::Result<&[u8], Malformed> {
    const VERSION: u8 = 0xa0;
    let mut tbs = Reader::new(certificate.expect(SEQUENCE)?);
    if tbs.next()?.0 == VERSION {
        tbs.next()?;
    }
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        tbs.expect(SEQUENCE)?;
    }
    tbs.expect(SEQUENCE)
}

/// The anchors as a JSON array of objects: `subject` (one line), `expires` (Unix seconds), `sha256` (of the DER, in
/// hexadecimal), `source`, `distrust_after` (Unix seconds: what `distrust` says of it). What cannot be read, or was not
/// said, is null.
pub fn to_json(anchors: &[Listed], distrust: &Distrust) -> Result<String> {
    let _quiet = Quiet::begin();
    let objects: Vec<String> = anchors.iter().map(|anchor| object(anchor, distrust)).collect();
    Ok(format!("[{}]", objects.join(",")))
}

fn object(anchor: &Listed, distrust: &Distrust) -> String {
    let mut object = Object::new();
    let facts = facts(&anchor.der).ok();
    object.optional("subject", facts.as_ref().map(|(subject, _)| subject.as_str()));
    time(&mut object, "expires", facts.and_then(|(_, expires)| expires));
    let digest = openssl::sha::sha256(&anchor.der);
    let hex = digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    object.text("sha256", &hex).text("source", &anchor.source);
    time(&mut object, "distrust_after", distrust.limit_of(&digest));
    object.finish()
}

fn time(object: &mut Object, key: &str, seconds: Option<i64>) {
    match seconds {
        Some(seconds) => object.number(key, seconds),
        None => object.raw(key, "null"),
    };
}

/// The subject and the end of the validity (RFC 5280 section 4.1), read without the public key, which is what costs.
fn facts(der: &[u8]) -> std::result::Result<(String, Option<i64>), Malformed> {
    const VERSION: u8 = 0xa0;
    let mut tbs = Reader::new(Reader::whole(der, SEQUENCE)?.expect(SEQUENCE)?);
    if tbs.next()?.0 == VERSION {
        tbs.next()?;
    }
    tbs.expect(SEQUENCE)?;
    tbs.expect(SEQUENCE)?;
    let mut validity = Reader::new(tbs.expect(SEQUENCE)?);
    validity.next()?;
    let expires = seconds(validity.next()?);
    let contents = tbs.expect(SEQUENCE)?;
    Ok((name_line(&*X509Name::from_der(&sequence(contents)).map_err(|_| Malformed)?), expires))
}

fn sequence(contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let octets = length.iter().position(|&octet| octet != 0).map_or(&[][..], |at| length.get(at..).unwrap_or_default());
    let mut der = vec![SEQUENCE];
    match octets {
        [] => der.push(0),
        [short @ 0..0x80] => der.push(*short),
        _ => {
            der.push(0x80 | octets.len() as u8);
            der.extend(octets);
        }
    }
    der.extend(contents);
    der
}

fn seconds((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    // RFC 5280 section 4.1.2.5.1: two digits below 50 are of this century.
    let century = match (tag, text.get(..2)?) {
        (UTC_TIME, year) if year < "50" => "20",
        (UTC_TIME, _) => "19",
        _ => "",
    };
    let time = Asn1Time::from_str(&format!("{century}{text}")).ok()?;
    moment::unix_seconds(&time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::x509::X509;

    #[test]
    fn subject_and_expiry_are_those_that_openssl_reads() {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let certificate = X509::from_der(der).unwrap();
            let (subject, expires) = facts(der).unwrap();
            assert_eq!(subject, name_line(certificate.subject_name()));
            assert!(expires.is_some());
            assert_eq!(expires, moment::unix_seconds(certificate.not_after()));
        }
    }
}
