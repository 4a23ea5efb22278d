//! Makes stores of certificates and chains to try against them, the same for the same seed: roots of one name with one or
//! several keys, stale and not yet valid twins, cross-signed pairs, odd encodings of names, key identifiers of all kinds,
//! and files in all the forms that bundles have.
#![allow(dead_code, reason = "each test uses its part")]

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Crl, X509Extension, X509Name};
use openssl_sys as ffi;

use super::pki::{DAY, now};

unsafe extern "C" {
    fn X509_add1_trust_object(certificate: *mut ffi::X509, object: *const ffi::ASN1_OBJECT) -> i32;
    fn X509_add1_reject_object(certificate: *mut ffi::X509, object: *const ffi::ASN1_OBJECT) -> i32;
    fn i2d_X509_AUX(certificate: *const ffi::X509, out: *mut *mut u8) -> i32;
}

/// Numbers that follow from a seed (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// One generated case: the parts of a store in their files, and the chains to try.
pub struct Universe {
    /// One or two files, to be loaded in this order.
    pub files: Vec<Vec<u8>>,
    pub chains: Vec<Chain>,
}

/// What a peer shows.
pub struct Chain {
    pub leaf: X509,
    pub untrusted: Vec<X509>,
}

/// A CA: one name in several spellings, and a key.
#[derive(Clone)]
struct Authority {
    name: usize,
    key: PKey<Private>,
    key_id: [u8; 20],
    serial: u32,
}

#[derive(Clone)]
struct Made {
    certificate: X509,
    authority: Authority,
}

/// How the issuer is named beyond its name (RFC 5280 section 4.2.1.1).
#[derive(Clone, Copy, Debug)]
enum Aki {
    None,
    KeyId,
    WrongKeyId,
    IssuerAndSerial,
    WrongSerial,
    Both,
}

const AKIS: [Aki; 8] =
    [Aki::None, Aki::None, Aki::KeyId, Aki::KeyId, Aki::WrongKeyId, Aki::IssuerAndSerial, Aki::WrongSerial, Aki::Both];

pub fn universe(seed: u64) -> Universe {
    let mut random = Random::new(seed);
    let mut maker = Maker { random: &mut random, serial: 0 };
    maker.universe()
}

struct Maker<'a> {
    random: &'a mut Random,
    serial: u32,
}

impl Maker<'_> {
    fn universe(&mut self) -> Universe {
        let names = 1 + self.random.below(3);
        let authorities: Vec<Authority> = (0..names)
            .flat_map(|name| (0..1 + self.random.below(2)).map(|_| self.authority(name)).collect::<Vec<_>>())
            .collect();
        let mut roots: Vec<Made> = Vec::new();
        for authority in &authorities {
            // Twins: the same name and key, other times, serial numbers, extensions.
            for _ in 0..1 + self.random.below(3) {
                roots.push(self.ca(authority, authority, None));
            }
        }
        let mut crossed: Vec<Made> = Vec::new();
        for _ in 0..self.random.below(4) {
            let (subject, issuer) = (self.random.pick(&authorities).clone(), self.random.pick(&roots).clone());
            crossed.push(self.ca(&subject, &issuer.authority, Some(&issuer.certificate)));
        }
        let mut intermediates: Vec<Made> = Vec::new();
        for _ in 0..self.random.below(4) {
            let name = names + self.random.below(3);
            let authority = self.authority(name);
            let issuer = self.random.pick(&roots).clone();
            intermediates.push(self.ca(&authority, &issuer.authority, Some(&issuer.certificate)));
        }
        let issuers: Vec<Made> = [roots.as_slice(), &crossed, &intermediates, &intermediates].concat();
        let leaves: Vec<X509> = (0..3 + self.random.below(3))
            .map(|_| {
                let issuer = self.random.pick(&issuers).clone();
                self.leaf(&issuer)
            })
            .collect();
        let mut stored: Vec<X509> = roots.iter().map(|made| made.certificate.clone()).collect();
        stored.extend(crossed.iter().filter(|_| self.random.percent(40)).map(|made| made.certificate.clone()));
        stored.extend(intermediates.iter().filter(|_| self.random.percent(25)).map(|made| made.certificate.clone()));
        stored.extend(leaves.iter().filter(|_| self.random.percent(8)).cloned());
        stored.retain(|_| self.random.percent(80));
        let again: Vec<X509> = stored.iter().filter(|_| self.random.percent(10)).cloned().collect();
        stored.extend(again);
        self.random.shuffle(&mut stored);
        let mut lists: Vec<X509Crl> = Vec::new();
        if self.random.percent(30) {
            for issuer in &issuers {
                if self.random.percent(60) {
                    lists.push(self.crl(issuer, &leaves));
                }
            }
        }
        let mut chains = Vec::new();
        let others: Vec<&Made> = crossed.iter().chain(&intermediates).chain(&roots).collect();
        for leaf in leaves.iter().chain(roots.iter().map(|made| &made.certificate)) {
            for _ in 0..2 {
                let mut untrusted: Vec<X509> = others
                    .iter()
                    .filter(|made| self.random.percent(if made.authority.name >= names { 85 } else { 25 }))
                    .map(|made| made.certificate.clone())
                    .collect();
                self.random.shuffle(&mut untrusted);
                chains.push(Chain { leaf: leaf.clone(), untrusted });
            }
        }
        let cut = if self.random.percent(30) { self.random.below(stored.len() + 1) } else { stored.len() };
        let (first, second) = stored.split_at(cut);
        if first.is_empty() {
            // A file of lists alone is no file of trust anchors to hostlock, but one to OpenSSL.
            lists.clear();
        }
        let mut files = vec![self.file(first, &lists)];
        if cut < stored.len() {
            files.push(self.file(second, &[]));
        }
        Universe { files, chains }
    }

    fn authority(&mut self, name: usize) -> Authority {
        let mut secret = [0; 32];
        secret.iter_mut().for_each(|byte| *byte = self.random.next() as u8);
        let key = PKey::private_key_from_raw_bytes(&secret, Id::ED25519).unwrap();
        let mut key_id = [0; 20];
        key_id.iter_mut().for_each(|byte| *byte = self.random.next() as u8);
        self.serial += 1;
        Authority { name, key, key_id, serial: self.serial }
    }

    /// A CA's certificate; without `parent` a self-signed one.
    fn ca(&mut self, subject: &Authority, issuer: &Authority, parent: Option<&X509>) -> Made {
        let mut builder = X509Builder::new().unwrap();
        let version = if self.random.percent(4) { 0 } else { 2 };
        builder.set_version(version).unwrap();
        let serial = if parent.is_none() { subject.serial } else { 1000 + self.random.below(1000) as u32 };
        set_serial(&mut builder, serial);
        let own_name = self.spelling(subject.name);
        builder.set_subject_name(&own_name).unwrap();
        // A self-signed certificate often repeats its name byte by byte, but need not.
        let issuer_name = match parent {
            Some(parent) if self.random.percent(60) => parent.subject_name().to_owned().unwrap(),
            None if self.random.percent(85) => own_name,
            _ => self.spelling(issuer.name),
        };
        builder.set_issuer_name(&issuer_name).unwrap();
        builder.set_pubkey(&subject.key).unwrap();
        self.validity(&mut builder);
        if version == 2 {
            if self.random.percent(93) {
                let mut constraints = BasicConstraints::new();
                constraints.critical();
                if self.random.percent(95) {
                    constraints.ca();
                    if self.random.percent(10) {
                        constraints.pathlen(0);
                    }
                }
                builder.append_extension(constraints.build().unwrap()).unwrap();
            }
            if self.random.percent(70) {
                let mut usage = KeyUsage::new();
                usage.critical();
                if self.random.percent(92) {
                    usage.key_cert_sign()
                } else {
                    usage.digital_signature()
                };
                builder.append_extension(usage.crl_sign().build().unwrap()).unwrap();
            }
            if self.random.percent(75) {
                builder.append_extension(extension("2.5.29.14", &tlv(0x04, &subject.key_id))).unwrap();
            }
            self.aki(&mut builder, issuer, issuer.serial);
        }
        sign(&mut builder, &issuer.key);
        Made { certificate: builder.build(), authority: subject.clone() }
    }

    fn leaf(&mut self, issuer: &Made) -> X509 {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        set_serial(&mut builder, 5000 + self.random.below(5000) as u32);
        builder.set_subject_name(&name(&[(CN, PRINTABLE, b"leaf.example".to_vec())])).unwrap();
        let named = if self.random.percent(50) {
            issuer.certificate.subject_name().to_owned().unwrap()
        } else {
            self.spelling(issuer.authority.name)
        };
        builder.set_issuer_name(&named).unwrap();
        let key = self.authority(0).key;
        builder.set_pubkey(&key).unwrap();
        self.validity(&mut builder);
        let mut names = SubjectAlternativeName::new();
        names.dns("leaf.example");
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
        if self.random.percent(60) {
            let mut usage = ExtendedKeyUsage::new();
            if self.random.percent(85) {
                usage.server_auth()
            } else {
                usage.client_auth()
            };
            builder.append_extension(usage.build().unwrap()).unwrap();
        }
        self.aki(&mut builder, &issuer.authority, issuer.authority.serial);
        sign(&mut builder, &issuer.authority.key);
        builder.build()
    }

    fn aki(&mut self, builder: &mut X509Builder, issuer: &Authority, serial: u32) {
        let key_id = tlv(0x80, &issuer.key_id);
        let named = |serial: u32, maker: &mut Self| {
            // [1] authorityCertIssuer: the name of the issuer's issuer, here its own; [2] its serial number.
            let general_name = tlv(0xa4, &maker.spelling(issuer.name).to_der().unwrap());
            [tlv(0xa1, &general_name), tlv(0x82, &((0x1000 + serial) as u16).to_be_bytes())].concat()
        };
        let contents = match *self.random.pick(&AKIS) {
            Aki::None => return,
            Aki::KeyId => key_id,
            Aki::WrongKeyId => tlv(0x80, &[0xee; 20]),
            Aki::IssuerAndSerial => named(serial, self),
            Aki::WrongSerial => named(serial + 77, self),
            Aki::Both => [key_id, named(serial, self)].concat(),
        };
        builder.append_extension(extension("2.5.29.35", &tlv(0x30, &contents))).unwrap();
    }

    fn validity(&mut self, builder: &mut X509Builder) {
        let (from, until) = match self.random.below(10) {
            0 => (-100 * DAY, -50 * DAY - self.random.below(5) as i64 * DAY),
            1 => (50 * DAY, 100 * DAY),
            _ => (-50 * DAY, 50 * DAY),
        };
        builder.set_not_before(&Asn1Time::from_unix(now() + from).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(now() + until).unwrap()).unwrap();
    }

    /// One of the spellings of a name. Those of one kind are the same name to OpenSSL; kinds differ from each other.
    fn spelling(&mut self, number: usize) -> X509Name {
        let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let universal = |text: &str| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<u8>>();
        let organization = (O, PRINTABLE, b"Test".to_vec());
        match number % 4 {
            // Plain ASCII in every type, case and spacing.
            0 | 3 => {
                let text = format!("Test Root {number}");
                let variant = match self.random.below(9) {
                    0 => (CN, UTF8, text.into_bytes()),
                    1 => (CN, UTF8, text.to_uppercase().into_bytes()),
                    2 => (CN, PRINTABLE, format!("  test   ROOT {number} ").into_bytes()),
                    3 => (CN, BMP, wide(&text)),
                    4 => (CN, T61, latin(&text)),
                    5 => (CN, IA5, text.to_lowercase().into_bytes()),
                    6 => (CN, UNIVERSAL, universal(&text)),
                    7 if self.random.percent(30) => return in_ber(&[organization, (CN, PRINTABLE, text.into_bytes())]),
                    _ => (CN, PRINTABLE, text.into_bytes()),
                };
                name(&[organization, variant])
            }
            // Beyond ASCII: cases are not folded there.
            1 => {
                let text = format!("Caf\u{e9} \u{dc}n\u{ef} {number}");
                let variant = match self.random.below(6) {
                    0 => (CN, T61, latin(&text)),
                    1 => (CN, BMP, wide(&text)),
                    2 => (CN, UNIVERSAL, universal(&text)),
                    3 => (CN, UTF8, format!(" caf\u{e9}  \u{dc}N\u{ef} {number}").into_bytes()),
                    4 => (CN, UTF8, text.to_uppercase().into_bytes()),
                    _ => (CN, UTF8, text.into_bytes()),
                };
                name(&[organization, variant])
            }
            // A multi-valued RDN, in either order; or the same attributes one by one, which is another name.
            _ => {
                let common = (CN, *self.random.pick(&[PRINTABLE, UTF8, IA5]), format!("Multi {number}").into_bytes());
                let unit = (OU, PRINTABLE, b"Unit".to_vec());
                match self.random.below(8) {
                    0 => name(&[common, unit]),
                    1..4 => rdns(&[&[unit, common]]),
                    _ => rdns(&[&[common, unit]]),
                }
            }
        }
    }

    fn crl(&mut self, issuer: &Made, leaves: &[X509]) -> X509Crl {
        let (since, until) = match self.random.below(6) {
            0 => (-20 * DAY, -10 * DAY),
            _ => (-DAY, 30 * DAY),
        };
        let (since, until) = (Asn1Time::from_unix(now() + since).unwrap(), Asn1Time::from_unix(now() + until).unwrap());
        // SAFETY: everything is live for the length of its call; the list takes the entries, which copy what they get.
        unsafe {
            let crl = X509Crl::from_ptr(ffi::X509_CRL_new());
            let raw = crl.as_ptr();
            assert_eq!(ffi::X509_CRL_set_version(raw, 1), 1);
            assert_eq!(ffi::X509_CRL_set_issuer_name(raw, issuer.certificate.subject_name().as_ptr()), 1);
            assert_eq!(ffi::X509_CRL_set1_lastUpdate(raw, since.as_ptr()), 1);
            assert_eq!(ffi::X509_CRL_set1_nextUpdate(raw, until.as_ptr()), 1);
            for leaf in leaves.iter().filter(|_| self.random.percent(30)) {
                let entry = ffi::X509_REVOKED_new();
                assert_eq!(ffi::X509_REVOKED_set_serialNumber(entry, leaf.serial_number().as_ptr()), 1);
                assert_eq!(ffi::X509_REVOKED_set_revocationDate(entry, since.as_ptr()), 1);
                assert_eq!(ffi::X509_CRL_add0_revoked(raw, entry), 1);
            }
            assert_ne!(ffi::X509_CRL_sign(raw, issuer.authority.key.as_ptr(), std::ptr::null()), 0);
            crl
        }
    }

    fn file(&mut self, certificates: &[X509], lists: &[X509Crl]) -> Vec<u8> {
        let mut blocks: Vec<(&str, Vec<u8>)> = certificates
            .iter()
            .map(|certificate| match self.random.below(12) {
                0 => ("X509 CERTIFICATE", certificate.to_der().unwrap()),
                1 | 2 => ("TRUSTED CERTIFICATE", self.with_settings(certificate)),
                _ => ("CERTIFICATE", certificate.to_der().unwrap()),
            })
            .collect();
        for list in lists {
            let at = self.random.below(blocks.len() + 1);
            blocks.insert(at, ("X509 CRL", list.to_der().unwrap()));
        }
        let newline = if self.random.percent(25) { "\r\n" } else { "\n" };
        let width = *self.random.pick(&[64, 64, 64, 64, 76, 60, 4]);
        let mut text = Vec::new();
        if self.random.percent(10) {
            text.extend(b"\xef\xbb\xbf");
        }
        for (label, der) in &blocks {
            match self.random.below(8) {
                0 => text.extend(b"# Soci\xe9t\xe9 G\xe9n\xe9rale\n"),
                1 => text.extend(format!("{newline}{newline}subject=CN = x{newline}").as_bytes()),
                2 => text.extend(b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A garbage \x01\xff\n"),
                3 => text.extend(["=".repeat(300), newline.to_owned()].concat().as_bytes()),
                _ => {}
            }
            let base64 = openssl::base64::encode_block(der);
            text.extend(format!("-----BEGIN {label}-----{newline}").as_bytes());
            for line in base64.as_bytes().chunks(width) {
                text.extend(line);
                text.extend(newline.as_bytes());
            }
            text.extend(format!("-----END {label}-----{newline}").as_bytes());
        }
        match self.random.below(25) {
            0 => text.truncate(text.len().saturating_sub(40 + newline.len())),
            1 => text.truncate(text.len().saturating_sub(newline.len())),
            2 => text.extend(b"the end"),
            3 => text.extend(b"-----BEGIN CERTIFICATE-----\n"),
            _ => {}
        }
        text
    }

    /// The certificate with trust settings of OpenSSL's behind it.
    fn with_settings(&mut self, certificate: &X509) -> Vec<u8> {
        const SERVER_AUTH: i32 = 129;
        const EMAIL: i32 = 132;
        let copy = X509::from_der(&certificate.to_der().unwrap()).unwrap();
        // SAFETY: the certificate is live and of this function alone; the objects are OpenSSL's own, and copied.
        unsafe {
            match self.random.below(4) {
                0 => X509_add1_trust_object(copy.as_ptr(), ffi::OBJ_nid2obj(SERVER_AUTH)),
                1 => X509_add1_trust_object(copy.as_ptr(), ffi::OBJ_nid2obj(EMAIL)),
                2 => X509_add1_reject_object(copy.as_ptr(), ffi::OBJ_nid2obj(SERVER_AUTH)),
                _ => X509_add1_reject_object(copy.as_ptr(), ffi::OBJ_nid2obj(EMAIL)),
            };
            let len = i2d_X509_AUX(copy.as_ptr(), std::ptr::null_mut());
            let mut der = vec![0; len as usize];
            assert_eq!(i2d_X509_AUX(copy.as_ptr(), &mut der.as_mut_ptr()), len);
            der
        }
    }
}

const CN: u8 = 3;
const O: u8 = 10;
const OU: u8 = 11;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const T61: u8 = 0x14;
const IA5: u8 = 0x16;
const UNIVERSAL: u8 = 0x1c;
const BMP: u8 = 0x1e;

type Attribute = (u8, u8, Vec<u8>);

fn name(attributes: &[Attribute]) -> X509Name {
    rdns(&attributes.iter().map(std::slice::from_ref).collect::<Vec<_>>())
}

/// A name from its RDNs, each with its attributes in the order given, which DER would sort.
fn rdns(rdns: &[&[Attribute]]) -> X509Name {
    let attribute =
        |(kind, tag, value): &Attribute| tlv(0x30, &[tlv(0x06, &[0x55, 0x04, *kind]), tlv(*tag, value)].concat());
    let sets: Vec<u8> =
        rdns.iter().flat_map(|rdn| tlv(0x31, &rdn.iter().flat_map(attribute).collect::<Vec<u8>>())).collect();
    X509Name::from_der(&tlv(0x30, &sets)).unwrap()
}

/// The name with a length in a form that DER forbids; OpenSSL reads it and keeps it.
fn in_ber(attributes: &[Attribute]) -> X509Name {
    let der = name(attributes).to_der().unwrap();
    let (contents, length) = (&der[2..], (der.len() - 2) as u8);
    X509Name::from_der(&[&[0x30, 0x82, 0x00, length][..], contents].concat()).unwrap()
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut der = match contents.len() {
        short @ 0..0x80 => vec![tag, short as u8],
        byte @ 0x80..0x100 => vec![tag, 0x81, byte as u8],
        long => vec![tag, 0x82, (long >> 8) as u8, long as u8],
    };
    der.extend(contents);
    der
}

fn extension(oid: &str, der: &[u8]) -> X509Extension {
    let value = Asn1OctetString::new_from_bytes(der).unwrap();
    X509Extension::new_from_der(&Asn1Object::from_str(oid).unwrap(), false, &value).unwrap()
}

fn set_serial(builder: &mut X509Builder, serial: u32) {
    // Two bytes without a sign bit, so that an authority key identifier is easily written.
    let number = BigNum::from_u32(0x1000 + serial).unwrap();
    builder.set_serial_number(&number.to_asn1_integer().unwrap()).unwrap();
}

fn sign(builder: &mut X509Builder, key: &PKey<Private>) {
    // SAFETY: the digest of Ed25519 is none.
    let null = unsafe { MessageDigest::from_ptr(std::ptr::null()) };
    builder.sign(key, null).unwrap();
}
