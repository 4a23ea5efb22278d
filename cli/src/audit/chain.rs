//! A chain of certificates for people, as a tree from the server's own upwards, and for programs, as JSON.

use std::fmt::Write;

use hostlock::words;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::x509::{X509, X509NameRef, X509Ref};
use serde_json::{Value, json};

use crate::output::Style;

const DAY: i64 = 86_400;

/// More certificates than that tell nobody anything.
const MOST: usize = 16;

/// The tree; each certificate with its names, its dates, its key and its signature.
pub fn tree(chain: &[X509], now: i64, coloured: bool) -> String {
    let mut text = String::new();
    for (depth, certificate) in chain.iter().enumerate().take(MOST) {
        let indent = " ".repeat(3 * depth.saturating_sub(1));
        let stem = if depth == 0 { "" } else { "+- " };
        let _ = writeln!(text, "  {indent}{stem}{}", name(certificate.subject_name()));
        let bar = format!("  {indent}{}|  ", if depth == 0 { "" } else { "   " });
        let names = names(certificate);
        if !names.is_empty() {
            let _ = writeln!(text, "{bar}names  {}", names.join(", "));
        }
        let (dates, style) = dates(certificate, now);
        let _ = writeln!(text, "{bar}valid  {}", style.paint(&dates, coloured));
        let _ = writeln!(text, "{bar}key    {}, signed with {}", key(certificate), signature(certificate));
    }
    if chain.len() > MOST {
        let _ = writeln!(text, "  and {} more", chain.len() - MOST);
    } else if let Some(last) = chain.last().filter(|last| name(last.subject_name()) != name(last.issuer_name())) {
        let indent = " ".repeat(3 * (chain.len() - 1));
        let _ = writeln!(text, "  {indent}+- {} (not presented)", name(last.issuer_name()));
    }
    text
}

/// What a certificate says, fit to print.
pub struct Facts {
    /// The subject.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// The names that it presents.
    pub names: Vec<String>,
    /// From when to when it is valid, and how that stands now.
    pub dates: String,
    /// Whether that is now.
    pub is_valid_now: bool,
    /// Kind and size of its key.
    pub key: String,
    /// How it is signed.
    pub signature: String,
    /// Its hash, in hexadecimal.
    pub sha256: String,
}

/// What the certificates of a chain say, as far as people read.
pub fn facts(chain: &[X509], now: i64) -> Vec<Facts> {
    let of = |certificate: &X509| {
        let (dates, style) = dates(certificate, now);
        Facts {
            subject: name(certificate.subject_name()),
            issuer: name(certificate.issuer_name()),
            names: names(certificate),
            dates,
            is_valid_now: style == Style::Plain,
            key: key(certificate),
            signature: signature(certificate),
            sha256: sha256(certificate),
        }
    };
    chain.iter().take(MOST).map(of).collect()
}

/// The same as JSON; docs/audit.md lists the keys.
pub fn as_json(chain: &[X509]) -> Value {
    chain.iter().take(MOST).map(|certificate| one_as_json(certificate)).collect()
}

fn one_as_json(certificate: &X509Ref) -> Value {
    let time = |time| unix_seconds(time).map(words::time);
    json!({
        "subject": name(certificate.subject_name()),
        "issuer": name(certificate.issuer_name()),
        "names": names(certificate),
        "not_before": time(certificate.not_before()),
        "not_after": time(certificate.not_after()),
        "key": key(certificate),
        "signature": signature(certificate),
        "sha256": sha256(certificate),
    })
}

/// A name as one line of ASCII.
fn name(name: &X509NameRef) -> String {
    name.to_der().map(|der| words::distinguished_name(&der)).unwrap_or_default()
}

fn sha256(certificate: &X509Ref) -> String {
    let hash = certificate.digest(MessageDigest::sha256()).map(|hash| hash.to_vec()).unwrap_or_default();
    hash.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn names(certificate: &X509Ref) -> Vec<String> {
    certificate.to_der().map(|der| words::presented_names(&der)).unwrap_or_default()
}

fn dates(certificate: &X509Ref, now: i64) -> (String, Style) {
    let read = (unix_seconds(certificate.not_before()), unix_seconds(certificate.not_after()));
    let (Some(begin), Some(end)) = read else { return ("dates that cannot be read".to_owned(), Style::Red) };
    let (note, style) = match () {
        () if begin > now => ("not yet".to_owned(), Style::Red),
        () if end < now => (format!("expired {}", days((now - end) / DAY) + " ago"), Style::Red),
        () => (days((end - now) / DAY) + " left", Style::Plain),
    };
    (format!("{} to {} ({note})", words::time(begin), words::time(end)), style)
}

fn unix_seconds(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * DAY + i64::from(since.secs))
}

fn days(count: i64) -> String {
    format!("{count} day{}", if count == 1 { "" } else { "s" })
}

fn key(certificate: &X509Ref) -> String {
    let Ok(key) = certificate.public_key() else { return "of a kind that cannot be read".to_owned() };
    let kind = match key.id() {
        Id::RSA => "RSA",
        Id::RSA_PSS => "RSA-PSS",
        Id::EC => "EC",
        Id::ED25519 => "Ed25519",
        Id::ED448 => "Ed448",
        Id::DSA => "DSA",
        _ => "another kind",
    };
    format!("{kind} of {} bits", key.bits())
}

fn signature(certificate: &X509Ref) -> String {
    let algorithm = certificate.signature_algorithm().object();
    algorithm.nid().long_name().map_or_else(|_| algorithm.to_string(), str::to_owned)
}
