//! What must hold of an own certificate before it is shown: no peer would accept it otherwise, or handshakes would fail
//! with words that only the peer sees.

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use crate::chain::rules::{Place, Rules};
use crate::error::{Error, Result, Status};
use crate::libssl::certificate::signature_bits;
use crate::libssl::certificate_words::{issuer_of, subject_text};
use crate::policy::{Check, Policy};
use crate::x509::certificate::Certificate;

/// The certificates above `leaf` in order, each once. One that issued none of the others has no business there.
pub fn chain(leaf: &X509, others: Vec<X509>, origin: &str) -> Result<Vec<X509>> {
    let mut left: Vec<X509> = Vec::new();
    for other in others {
        if same(&other, leaf) || left.iter().any(|known| same(known, &other)) {
            continue;
        }
        left.push(other);
    }
    let mut ordered = vec![leaf.clone()];
    let mut at = 0;
    while let Some(below) = ordered.get(at).cloned() {
        let (mut issuers, rest): (Vec<X509>, Vec<X509>) = left.into_iter().partition(|one| issued(one, &below));
        // TLS 1.2 wants each to certify the one before it (RFC 5246 7.4.2): a root comes after its cross-certificate.
        issuers.sort_by_key(|issuer| is_self_issued(issuer));
        ordered.extend(issuers);
        left = rest;
        at += 1;
    }
    let Some(stranger) = left.first() else { return Ok(ordered.split_off(1)) };
    let last = ordered.iter().rev().find(|one| !is_self_issued(one)).filter(|_| !ordered.iter().any(|one| is_self_issued(one)));
    match last {
        Some(last) if is_ca(stranger) => Err(Error::new(
            Status::EMissingIntermediate,
            format!("the chain in {origin} has a gap: {}, which issued {}, is not in it, but {} is", issuer_of(last), subject_text(last), subject_text(stranger)),
        )
        .with_hint("add the missing certificate, or take out what stands above it")),
        _ => Err(Error::new(
            Status::EBadCertificate,
            format!("{origin} holds the certificate of {}, which is no part of the chain of {}", subject_text(stranger), subject_text(leaf)),
        )
        .with_hint("the certificate of this side stands first, and behind it only those of the CAs above it")),
    }
}

/// A certificate that stands alone where its intermediate stood behind it `before` is half of a file.
pub fn not_cut(leaf: &X509Ref, others: &[X509], before: &[X509], origin: &str) -> Result<()> {
    let lost = before.iter().find(|one| others.is_empty() && issued(one, leaf) && !is_self_issued(one));
    let Some(lost) = lost else { return Ok(()) };
    let (lost, who) = (subject_text(lost), subject_text(leaf));
    Err(Error::new(Status::EMissingIntermediate, format!("{origin} holds {who} alone, and no more that of {lost}, which issued it"))
        .with_hint("it may be half written: write the whole chain aside and rename it; a new context takes it as it is"))
}

fn same(one: &X509Ref, other: &X509Ref) -> bool {
    one.to_der().ok().is_some_and(|der| other.to_der().is_ok_and(|other| other == der))
}

fn issued(issuer: &X509Ref, certificate: &X509Ref) -> bool {
    let signed = || issuer.public_key().is_ok_and(|key| certificate.verify(&key).unwrap_or(false));
    issuer.issued(certificate) == X509VerifyResult::OK && !same(issuer, certificate) && signed()
}

fn is_self_issued(certificate: &X509Ref) -> bool {
    certificate.issued(certificate) == X509VerifyResult::OK
}

fn is_ca(certificate: &X509Ref) -> bool {
    breaks(certificate, Check::LeafIsNoCa)
}

fn breaks(certificate: &X509Ref, check: Check) -> bool {
    let Ok(der) = certificate.to_der() else { return true };
    let Ok(read) = Certificate::parse(&der) else { return true };
    Rules::new([check].iter(), None).check(&read, Place::Leaf).is_err()
}

/// The key that belongs to `leaf`.
pub fn fitting(leaf: &X509, keys: Vec<PKey<Private>>, others: &[X509], origin: &str) -> Result<PKey<Private>> {
    let belongs = |key: &PKey<Private>, to: &X509Ref| to.public_key().is_ok_and(|public| public.public_eq(key));
    let of_another = keys.iter().find_map(|key| others.iter().find(|other| belongs(key, other)));
    let hint = match of_another {
        Some(other) => format!("it is that of {}: put that certificate first", subject_text(other)),
        None => "name the key that the certificate was requested with; after a renewal both files must be new".to_owned(),
    };
    keys.into_iter().find(|key| belongs(key, leaf)).ok_or_else(|| {
        Error::new(Status::EKeyMismatch, format!("the private key is not that of {}, the first certificate in {origin}", subject_text(leaf)))
            .with_hint(hint)
    })
}

/// The certificate of a server or client is not a CA's.
pub fn leaf(leaf: &X509Ref, origin: &str) -> Result<()> {
    if !is_ca(leaf) {
        return Ok(());
    }
    Err(Error::new(Status::EBadCertificate, format!("{}, the first certificate in {origin}, is a CA's", subject_text(leaf))).with_hint(
        "put this side's own certificate first, before those of the CAs; openssl req -x509 makes one that is no CA's with \
         -addext basicConstraints=critical,CA:FALSE",
    ))
}

/// Nothing in the chain is too weak for the policy.
pub fn strength(leaf: &X509Ref, others: &[X509], policy: &Policy) -> Result<()> {
    let all = std::iter::once(leaf).chain(others.iter().map(|other| &**other));
    for certificate in all {
        let der = certificate.to_der().map_err(|_| Error::new(Status::EInternal, "OpenSSL could not encode the certificate"))?;
        let unreadable = |_| Error::new(Status::EBadCertificate, format!("the certificate of {} is not valid DER", subject_text(certificate)));
        let read = Certificate::parse(&der).map_err(unreadable)?;
        let rules = Rules::new([Check::KeyKind].iter(), None);
        if let Err(breach) = rules.check(&read, Place::Leaf) {
            let what = format!("the certificate of {} {}", subject_text(certificate), breach.what);
            return Err(Error::new(breach.status, what).with_hint("peers refuse it; have it issued anew for a stronger key"));
        }
        let bits = signature_bits(certificate).filter(|bits| *bits < policy.security_bits);
        if let (Some(bits), false) = (bits, is_self_issued(certificate)) {
            let what = format!("the certificate of {} has a signature of {bits} bits of strength, which is too weak", subject_text(certificate));
            return Err(Error::new(Status::EWeakSignature, what).with_hint("peers refuse it; have it issued anew, with SHA-256"));
        }
    }
    Ok(())
}
