//! Certificates written octet by octet, so that each can break exactly one rule. The defaults break none.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::atomic::{AtomicU32, Ordering};

use hostlock::context::Context;
use hostlock::context::offline;
use hostlock::error::Error;
use hostlock::guard::Family;
use hostlock::host::Reference;
use hostlock::policy::Policy;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::X509;

use super::pki;

pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
pub const EXT_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
pub const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
pub const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
pub const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 0x20];
pub const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x24];
pub const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x36];
pub const AUTHORITY_INFO: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
pub const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
pub const PRIVATE_EXTENSION: &[u8] = &[0x2b, 6, 1, 4, 1, 0x85, 0x6b, 1];

pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
pub const NETSCAPE_SGC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1];

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA_MD5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4];

/// One DER element.
pub fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(contents);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

pub fn usages(oids: &[&[u8]]) -> Vec<u8> {
    let oids: Vec<Vec<u8>> = oids.iter().map(|oid| der(6, oid)).collect();
    der(0x30, &oids.concat())
}

pub fn dns_names(names: &[&str]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(|name| der(0x82, name.as_bytes())).collect();
    der(0x30, &names.concat())
}

/// nameConstraints with one list of GeneralNames: 0xa0 permitted, 0xa1 excluded.
pub fn constraints(list: u8, names: &[Vec<u8>]) -> Vec<u8> {
    let subtrees: Vec<Vec<u8>> = names.iter().map(|name| der(0x30, name)).collect();
    sequence(&[&der(list, &subtrees.concat())])
}

pub fn name(common_name: &str) -> Vec<u8> {
    let value = sequence(&[&der(6, &[0x55, 4, 3]), &der(0x0c, common_name.as_bytes())]);
    sequence(&[&der(0x31, &value)])
}

pub fn empty_name() -> Vec<u8> {
    vec![0x30, 0]
}

#[derive(Clone)]
pub struct Extension {
    pub oid: Vec<u8>,
    pub critical: bool,
    pub value: Vec<u8>,
}

/// A certificate to be: change what shall be wrong.
#[derive(Clone)]
pub struct Raw {
    pub serial: Vec<u8>,
    pub subject: Vec<u8>,
    pub key: PKey<Private>,
    /// Seconds from now.
    pub not_before: i64,
    /// Seconds from now.
    pub not_after: i64,
    pub digest: MessageDigest,
    /// Written inside of what is signed in place of the true algorithm.
    pub inner_algorithm: Option<Vec<u8>>,
    pub extensions: Vec<Extension>,
    /// Whether an authorityKeyIdentifier with the issuer's key identifier is added.
    pub authority_key: bool,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Made {
    pub der: Vec<u8>,
    pub subject: Vec<u8>,
    pub key: PKey<Private>,
    pub key_id: Vec<u8>,
}

/// Another one for each certificate: OpenSSL 4.0 takes two of one issuer and one number for the same certificate.
fn serial() -> Vec<u8> {
    static NEXT: AtomicU32 = AtomicU32::new(0x4a00_0000);
    NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec()
}

impl Raw {
    pub fn new(subject: &str) -> Raw {
        Raw {
            serial: serial(),
            subject: name(subject),
            key: pki::p256(),
            not_before: -pki::DAY,
            not_after: 30 * pki::DAY,
            digest: MessageDigest::sha256(),
            inner_algorithm: None,
            extensions: Vec::new(),
            authority_key: true,
        }
    }

    pub fn leaf(host: &str) -> Raw {
        Raw::new(host).with(KEY_USAGE, true, &[3, 2, 7, 0x80]).with(EXT_KEY_USAGE, false, &usages(&[SERVER_AUTH])).with(
            SUBJECT_ALT_NAME,
            false,
            &dns_names(&[host]),
        )
    }

    pub fn ca(subject: &str) -> Raw {
        let raw = Raw::new(subject);
        let key_id = der(4, &key_id(&raw.key));
        raw.with(BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xff]).with(KEY_USAGE, true, &[3, 2, 1, 0x06]).with(
            SUBJECT_KEY_ID,
            false,
            &key_id,
        )
    }

    /// Adds an extension.
    pub fn with(mut self, oid: &[u8], critical: bool, value: &[u8]) -> Raw {
        self.extensions.push(Extension { oid: oid.to_vec(), critical, value: value.to_vec() });
        self
    }

    /// Takes an extension away.
    pub fn without(mut self, oid: &[u8]) -> Raw {
        self.extensions.retain(|extension| extension.oid != oid);
        self
    }

    /// Takes an extension away and adds another of its kind.
    pub fn instead(self, oid: &[u8], critical: bool, value: &[u8]) -> Raw {
        self.without(oid).with(oid, critical, value)
    }

    /// Uses another key, and names it in the subjectKeyIdentifier where there is one.
    pub fn keyed(mut self, key: &PKey<Private>) -> Raw {
        self.key = key.clone();
        if self.extensions.iter().any(|extension| extension.oid == SUBJECT_KEY_ID) {
            self = self.instead(SUBJECT_KEY_ID, false, &der(4, &key_id(key)));
        }
        self
    }

    pub fn self_signed(self) -> Made {
        let issuer = Made { der: Vec::new(), subject: self.subject.clone(), key: self.key.clone(), key_id: Vec::new() };
        Raw { authority_key: false, ..self }.issued_by(&issuer)
    }

    pub fn issued_by(self, issuer: &Made) -> Made {
        let outer = algorithm(&issuer.key, self.digest);
        let inner = self.inner_algorithm.unwrap_or_else(|| outer.clone());
        let mut extensions = self.extensions;
        if self.authority_key {
            let value = sequence(&[&der(0x80, &issuer.key_id)]);
            extensions.push(Extension { oid: AUTHORITY_KEY_ID.to_vec(), critical: false, value });
        }
        let extensions: Vec<Vec<u8>> = extensions
            .iter()
            .map(|extension| {
                let critical: &[u8] = if extension.critical { &[1, 1, 0xff] } else { &[] };
                sequence(&[&der(6, &extension.oid), critical, &der(4, &extension.value)])
            })
            .collect();
        let extensions = match extensions.is_empty() {
            true => Vec::new(),
            false => der(0xa3, &der(0x30, &extensions.concat())),
        };
        let tbs = sequence(&[
            &[0xa0, 3, 2, 1, 2],
            &der(2, &self.serial),
            &inner,
            &issuer.subject,
            &sequence(&[&time(self.not_before), &time(self.not_after)]),
            &self.subject,
            &self.key.public_key_to_der().unwrap(),
            &extensions,
        ]);
        let mut signer = Signer::new(self.digest, &issuer.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(&tbs).unwrap();
        let signature = der(3, &[&[0], &signature[..]].concat());
        Made {
            der: sequence(&[&tbs, &outer, &signature]),
            subject: self.subject,
            key_id: key_id(&self.key),
            key: self.key,
        }
    }
}

impl Made {
    pub fn pem(&self) -> Vec<u8> {
        let base64 = openssl::base64::encode_block(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in base64.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).unwrap());
            pem.push('\n');
        }
        (pem + "-----END CERTIFICATE-----\n").into_bytes()
    }

    pub fn x509(&self) -> X509 {
        X509::from_der(&self.der).unwrap()
    }
}

fn key_id(key: &PKey<Private>) -> Vec<u8> {
    openssl::sha::sha1(&key.public_key_to_der().unwrap()).to_vec()
}

fn algorithm(key: &PKey<Private>, digest: MessageDigest) -> Vec<u8> {
    let rsa = key.rsa().is_ok();
    let oid = match digest.type_().short_name().unwrap() {
        "SHA256" if rsa => RSA_SHA256,
        "MD5" if rsa => RSA_MD5,
        "SHA384" => ECDSA_SHA384,
        "SHA1" => ECDSA_SHA1,
        _ => ECDSA_SHA256,
    };
    if rsa { sequence(&[&der(6, oid), &[5, 0]]) } else { sequence(&[&der(6, oid)]) }
}

/// A GeneralizedTime, which OpenSSL reads for any year.
fn time(from_now: i64) -> Vec<u8> {
    let text = Asn1Time::from_unix(pki::now() + from_now).unwrap().to_string();
    // "Jan  2 03:04:05 2026 GMT"
    let mut words = text.split_whitespace();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = words.next().and_then(|name| months.iter().position(|month| *month == name)).unwrap() + 1;
    let day: u32 = words.next().unwrap().parse().unwrap();
    let clock = words.next().unwrap().replace(':', "");
    let year = words.next().unwrap();
    der(0x18, format!("{year}{month:02}{day:02}{clock}Z").as_bytes())
}

/// The PEM of a chain.
pub fn pem(chain: &[&Made]) -> Vec<u8> {
    chain.iter().flat_map(|made| made.pem()).collect()
}

/// A question to a client context.
pub struct Question<'a> {
    pub policy: &'a str,
    pub trusted: &'a [&'a Made],
    pub chain: &'a [&'a Made],
    pub host: &'a str,
    /// Seconds from now.
    pub at: Option<i64>,
    pub depth: Option<i32>,
}

impl<'a> Question<'a> {
    pub fn new(trusted: &'a [&'a Made], chain: &'a [&'a Made], host: &'a str) -> Question<'a> {
        Question { policy: "default", trusted, chain, host, at: None, depth: None }
    }

    pub fn ask(&self) -> Result<(), Error> {
        let context = Context::client(Policy::named(self.policy).unwrap()).unwrap();
        let guard = context.guard().unwrap();
        let anchors: Vec<X509> = self.trusted.iter().map(|made| made.x509()).collect();
        // SAFETY: the context is live and not in use.
        guard.anchors.add(context.as_ctx(), &anchors).unwrap();
        guard
            .configure(
                Family::Setting("verify_depth"),
                "test",
                || Ok(()),
                |settings, ()| {
                    settings.verify_time = self.at.map(|at| pki::now() + at);
                    settings.verify_depth = self.depth;
                },
            )
            .unwrap();
        let host = Reference::parse(self.host).unwrap();
        // SAFETY: as above.
        offline::verify(context.as_ctx(), guard, &pem(self.chain), Some(host))
    }
}

/// The verdict of a client context of the default policy.
pub fn verdict(trusted: &[&Made], chain: &[&Made], host: &str) -> Result<(), Error> {
    Question::new(trusted, chain, host).ask()
}
