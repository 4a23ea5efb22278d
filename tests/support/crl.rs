//! CRLs for the tests, right or wrong in one way.
#![allow(dead_code, reason = "each test uses its part")]

use foreign_types::ForeignType;
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::{
    X509, X509Crl, X509CrlBuilder, X509Extension, X509Name, X509NameRef, X509Revoked, X509RevokedBuilder,
};

use super::pki::{DAY, Identity, now};

/// What a CRL shall be like.
pub struct CrlRecipe {
    pub issuer: X509Name,
    pub signer: PKey<Private>,
    /// The key identifier that it names; `None` for no authorityKeyIdentifier.
    pub key_id: Option<Vec<u8>>,
    pub revoked: Vec<(X509, Option<u8>)>,
    /// Seconds from now.
    pub this_update: i64,
    /// Seconds from now.
    pub next_update: i64,
    pub number: Option<u32>,
    pub extensions: Vec<X509Extension>,
    /// Of every entry.
    pub entry_extensions: Vec<X509Extension>,
}

/// A list of `ca`, current for a month, that revokes `certificates`.
pub fn of(ca: &Identity, certificates: &[&X509]) -> X509Crl {
    let mut recipe = CrlRecipe::of(ca);
    recipe.revoked.extend(certificates.iter().map(|certificate| ((*certificate).clone(), None)));
    recipe.build()
}

impl CrlRecipe {
    /// A good CRL of `ca` that lists nothing.
    pub fn of(ca: &Identity) -> CrlRecipe {
        CrlRecipe {
            issuer: copy(ca.certificate.subject_name()),
            signer: ca.key.clone(),
            key_id: ca.certificate.subject_key_id().map(|id| id.as_slice().to_vec()),
            revoked: Vec::new(),
            this_update: -DAY,
            next_update: 7 * DAY,
            number: Some(1),
            extensions: Vec::new(),
            entry_extensions: Vec::new(),
        }
    }

    pub fn revoking(mut self, certificate: &Identity) -> CrlRecipe {
        self.revoked.push((certificate.certificate.clone(), None));
        self
    }

    pub fn revoking_because(mut self, certificate: &Identity, reason: u8) -> CrlRecipe {
        self.revoked.push((certificate.certificate.clone(), Some(reason)));
        self
    }

    pub fn build(self) -> X509Crl {
        let mut builder = X509CrlBuilder::new().unwrap();
        builder.set_issuer_name(&self.issuer).unwrap();
        builder.set_last_update(&Asn1Time::from_unix(now() + self.this_update).unwrap()).unwrap();
        builder.set_next_update(&Asn1Time::from_unix(now() + self.next_update).unwrap()).unwrap();
        if let Some(id) = &self.key_id {
            // AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] OCTET STRING }
            let mut der = vec![0x30, id.len() as u8 + 2, 0x80, id.len() as u8];
            der.extend_from_slice(id);
            builder.append_extension(extension("2.5.29.35", false, &der)).unwrap();
        }
        if let Some(number) = self.number {
            builder.append_extension(extension("2.5.29.20", false, &integer(number))).unwrap();
        }
        for extension in self.extensions {
            builder.append_extension(extension).unwrap();
        }
        for (certificate, reason) in self.revoked {
            builder.add_revoked(entry(&certificate, reason, &self.entry_extensions)).unwrap();
        }
        builder.sign(&self.signer, MessageDigest::sha256()).unwrap();
        // The crate's own `build` demands what a wrong CRL lacks.
        X509Crl::from_der(&der_of(builder)).unwrap()
    }

    pub fn pem(self) -> Vec<u8> {
        self.build().to_pem().unwrap()
    }
}

fn der_of(builder: X509CrlBuilder) -> Vec<u8> {
    // SAFETY: X509CrlBuilder is a wrapper around one X509Crl and nothing else.
    let crl = unsafe { std::mem::transmute::<X509CrlBuilder, X509Crl>(builder) };
    crl.to_der().unwrap()
}

fn entry(certificate: &X509, reason: Option<u8>, extensions: &[X509Extension]) -> X509Revoked {
    let mut builder = X509RevokedBuilder::new().unwrap();
    builder.set_serial_number(certificate.serial_number()).unwrap();
    builder.set_revocation_date(&Asn1Time::from_unix(now() - 3600).unwrap()).unwrap();
    let revoked = builder.build();
    let reason = reason.map(|reason| extension("2.5.29.21", false, &[0x0a, 0x01, reason]));
    for extension in reason.iter().chain(extensions) {
        // SAFETY: both are live; the entry copies the extension.
        let added = unsafe { X509_REVOKED_add_ext(revoked.as_ptr(), extension.as_ptr(), -1) };
        assert_eq!(added, 1);
    }
    revoked
}

unsafe extern "C" {
    fn X509_REVOKED_add_ext(
        entry: *mut openssl_sys::X509_REVOKED,
        extension: *mut openssl_sys::X509_EXTENSION,
        place: i32,
    ) -> i32;
}

/// Any extension, by its number and contents.
pub fn extension(oid: &str, critical: bool, der: &[u8]) -> X509Extension {
    let oid = Asn1Object::from_str(oid).unwrap();
    X509Extension::new_from_der(&oid, critical, &Asn1OctetString::new_from_bytes(der).unwrap()).unwrap()
}

/// A deltaCRLIndicator: changes since the CRL of that number.
pub fn delta_since(number: u32) -> X509Extension {
    extension("2.5.29.27", true, &integer(number))
}

/// An issuingDistributionPoint with one BOOLEAN set: 1 onlyContainsUserCerts, 2 onlyContainsCACerts, 4 indirectCRL.
pub fn scope(field: u8) -> X509Extension {
    extension("2.5.29.28", true, &[0x30, 3, 0x80 | field, 1, 0xff])
}

fn integer(number: u32) -> Vec<u8> {
    let mut octets = BigNum::from_u32(number).unwrap().to_vec();
    if octets.first().is_none_or(|first| *first >= 0x80) {
        octets.insert(0, 0);
    }
    [&[0x02, octets.len() as u8], &octets[..]].concat()
}

fn copy(name: &X509NameRef) -> X509Name {
    X509Name::from_der(&name.to_der().unwrap()).unwrap()
}

/// The CRL, each of whose entries says that `issuer` issued the certificate (RFC 5280 section 5.3.3).
pub fn with_certificate_issuer(crl: CrlRecipe, issuer: &X509) -> X509Crl {
    let name = issuer.subject_name().to_der().unwrap();
    let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
    let names = wrap(0x30, &wrap(0xa4, &name));
    CrlRecipe { entry_extensions: vec![extension("2.5.29.29", true, &names)], ..crl }.build()
}
