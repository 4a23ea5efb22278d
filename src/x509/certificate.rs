//! A certificate as it lies in its DER: borrowed fields, extensions by what they are, nothing interpreted. The rules
//! read it, so that they see what was signed and not what a parser made of it. It must never panic on any bytes.

use crate::x509::Presented;
use crate::x509::der::{BIT_STRING, BOOLEAN, INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE};

const VERSION: u8 = 0xa0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;

/// The extensions that some rule knows. All others count only by whether they appear twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Known {
    /// RFC 5280 4.2.1.1.
    AuthorityKeyIdentifier,
    /// RFC 5280 4.2.1.2.
    SubjectKeyIdentifier,
    /// RFC 5280 4.2.1.3.
    KeyUsage,
    /// RFC 5280 4.2.1.4.
    CertificatePolicies,
    /// RFC 5280 4.2.1.5.
    PolicyMappings,
    /// RFC 5280 4.2.1.6.
    SubjectAltName,
    /// RFC 5280 4.2.1.7.
    IssuerAltName,
    /// RFC 5280 4.2.1.8.
    SubjectDirectoryAttributes,
    /// RFC 5280 4.2.1.9.
    BasicConstraints,
    /// RFC 5280 4.2.1.10.
    NameConstraints,
    /// RFC 5280 4.2.1.11.
    PolicyConstraints,
    /// RFC 5280 4.2.1.12.
    ExtendedKeyUsage,
    /// RFC 5280 4.2.1.13.
    CrlDistributionPoints,
    /// RFC 5280 4.2.1.14.
    InhibitAnyPolicy,
    /// RFC 5280 4.2.1.15.
    FreshestCrl,
    /// RFC 5280 4.2.2.1.
    AuthorityInfoAccess,
    /// RFC 5280 4.2.2.2.
    SubjectInfoAccess,
    /// RFC 7633: "must-staple".
    TlsFeature,
}

const KNOWN: usize = Known::TlsFeature as usize + 1;

impl Known {
    /// What an extension's OID stands for.
    #[inline]
    pub fn of(oid: &[u8]) -> Option<Known> {
        Some(match oid {
            [0x55, 0x1d, id] => match id {
                35 => Known::AuthorityKeyIdentifier,
                14 => Known::SubjectKeyIdentifier,
                15 => Known::KeyUsage,
                32 => Known::CertificatePolicies,
                33 => Known::PolicyMappings,
                17 => Known::SubjectAltName,
                18 => Known::IssuerAltName,
                9 => Known::SubjectDirectoryAttributes,
                19 => Known::BasicConstraints,
                30 => Known::NameConstraints,
                36 => Known::PolicyConstraints,
                37 => Known::ExtendedKeyUsage,
                31 => Known::CrlDistributionPoints,
                54 => Known::InhibitAnyPolicy,
                46 => Known::FreshestCrl,
                _ => return None,
            },
            // id-pe: 1.3.6.1.5.5.7.1
            [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, id] => match id {
                1 => Known::AuthorityInfoAccess,
                11 => Known::SubjectInfoAccess,
                24 => Known::TlsFeature,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The extension as RFC 5280 spells it.
    pub fn name(self) -> &'static str {
        match self {
            Known::AuthorityKeyIdentifier => "authorityKeyIdentifier",
            Known::SubjectKeyIdentifier => "subjectKeyIdentifier",
            Known::KeyUsage => "keyUsage",
            Known::CertificatePolicies => "certificatePolicies",
            Known::PolicyMappings => "policyMappings",
            Known::SubjectAltName => "subjectAltName",
            Known::IssuerAltName => "issuerAltName",
            Known::SubjectDirectoryAttributes => "subjectDirectoryAttributes",
            Known::BasicConstraints => "basicConstraints",
            Known::NameConstraints => "nameConstraints",
            Known::PolicyConstraints => "policyConstraints",
            Known::ExtendedKeyUsage => "extKeyUsage",
            Known::CrlDistributionPoints => "cRLDistributionPoints",
            Known::InhibitAnyPolicy => "inhibitAnyPolicy",
            Known::FreshestCrl => "freshestCRL",
            Known::AuthorityInfoAccess => "authorityInfoAccess",
            Known::SubjectInfoAccess => "subjectInfoAccess",
            Known::TlsFeature => "TLS feature",
        }
    }

    /// Where it is defined.
    pub fn section(self) -> &'static str {
        match self {
            Known::AuthorityKeyIdentifier => "RFC 5280 4.2.1.1",
            Known::SubjectKeyIdentifier => "RFC 5280 4.2.1.2",
            Known::KeyUsage => "RFC 5280 4.2.1.3",
            Known::CertificatePolicies => "RFC 5280 4.2.1.4",
            Known::PolicyMappings => "RFC 5280 4.2.1.5",
            Known::SubjectAltName => "RFC 5280 4.2.1.6",
            Known::IssuerAltName => "RFC 5280 4.2.1.7",
            Known::SubjectDirectoryAttributes => "RFC 5280 4.2.1.8",
            Known::BasicConstraints => "RFC 5280 4.2.1.9",
            Known::NameConstraints => "RFC 5280 4.2.1.10",
            Known::PolicyConstraints => "RFC 5280 4.2.1.11",
            Known::ExtendedKeyUsage => "RFC 5280 4.2.1.12",
            Known::CrlDistributionPoints => "RFC 5280 4.2.1.13",
            Known::InhibitAnyPolicy => "RFC 5280 4.2.1.14",
            Known::FreshestCrl => "RFC 5280 4.2.1.15",
            Known::AuthorityInfoAccess => "RFC 5280 4.2.2.1",
            Known::SubjectInfoAccess => "RFC 5280 4.2.2.2",
            Known::TlsFeature => "RFC 7633 4",
        }
    }

    const ALL: [Known; KNOWN] = [
        Known::AuthorityKeyIdentifier,
        Known::SubjectKeyIdentifier,
        Known::KeyUsage,
        Known::CertificatePolicies,
        Known::PolicyMappings,
        Known::SubjectAltName,
        Known::IssuerAltName,
        Known::SubjectDirectoryAttributes,
        Known::BasicConstraints,
        Known::NameConstraints,
        Known::PolicyConstraints,
        Known::ExtendedKeyUsage,
        Known::CrlDistributionPoints,
        Known::InhibitAnyPolicy,
        Known::FreshestCrl,
        Known::AuthorityInfoAccess,
        Known::SubjectInfoAccess,
        Known::TlsFeature,
    ];
}

/// One extension's flag and contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Whether it is marked critical.
    pub critical: bool,
    /// The contents of its OCTET STRING: the DER of whatever it is.
    pub value: &'a [u8],
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// The contents of the serial number's INTEGER, two's complement.
    pub serial: &'a [u8],
    /// The contents of the AlgorithmIdentifier inside of what is signed.
    pub inner_algorithm: &'a [u8],
    /// The contents of the AlgorithmIdentifier beside the signature.
    pub outer_algorithm: &'a [u8],
    /// The whole DER of the issuer's name.
    pub issuer: &'a [u8],
    /// The whole DER of the subject's name.
    pub subject: &'a [u8],
    /// The contents of the key's AlgorithmIdentifier.
    pub key_algorithm: &'a [u8],
    /// The key's bits, without the octet that counts the unused ones.
    pub key: &'a [u8],
    /// Whether an extension appears twice.
    pub repeats_extension: bool,
    known: [Option<Extension<'a>>; KNOWN],
}

impl<'a> Certificate<'a> {
    /// Reads the DER of a certificate.
    pub fn parse(der: &'a [u8]) -> Result<Certificate<'a>, Malformed> {
        let mut outer = Reader::whole(der, SEQUENCE)?;
        let tbs = outer.expect(SEQUENCE)?;
        let outer_algorithm = outer.expect(SEQUENCE)?;
        outer.expect(BIT_STRING)?;
        Certificate::read(Reader::new(tbs), outer_algorithm)
    }

    /// Reads what is signed of a certificate, and behind it the AlgorithmIdentifier that stands beside the signature.
    pub fn parse_signed(parts: &'a [u8]) -> Result<Certificate<'a>, Malformed> {
        let mut parts = Reader::new(parts);
        let tbs = parts.expect(SEQUENCE)?;
        let (SEQUENCE, outer_algorithm) = parts.only()? else { return Err(Malformed) };
        Certificate::read(Reader::new(tbs), outer_algorithm)
    }

    fn read(mut tbs: Reader<'a>, outer_algorithm: &'a [u8]) -> Result<Certificate<'a>, Malformed> {
        let mut field = tbs.next()?;
        if field.0 == VERSION {
            field = tbs.next()?;
        }
        let (INTEGER, serial) = field else { return Err(Malformed) };
        let inner_algorithm = tbs.expect(SEQUENCE)?;
        let issuer = tbs.element(SEQUENCE)?;
        tbs.expect(SEQUENCE)?;
        let subject = tbs.element(SEQUENCE)?;
        let mut info = Reader::new(tbs.expect(SEQUENCE)?);
        let key_algorithm = info.expect(SEQUENCE)?;
        let key = info.expect(BIT_STRING)?.get(1..).ok_or(Malformed)?;
        let mut certificate = Certificate {
            serial,
            inner_algorithm,
            outer_algorithm,
            issuer,
            subject,
            key_algorithm,
            key,
            repeats_extension: false,
            known: [None; KNOWN],
        };
        while !tbs.is_empty() {
            match tbs.next()? {
                (ISSUER_UNIQUE_ID | SUBJECT_UNIQUE_ID, _) => {}
                (EXTENSIONS, contents) => certificate.read_extensions(contents)?,
                _ => return Err(Malformed),
            }
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, contents: &'a [u8]) -> Result<(), Malformed> {
        let mut extensions = Reader::whole(contents, SEQUENCE)?;
        let mut others: Vec<&[u8]> = Vec::new();
        while !extensions.is_empty() {
            let mut fields = Reader::new(extensions.expect(SEQUENCE)?);
            let oid = fields.expect(OID)?;
            let (critical, value) = match fields.next()? {
                (OCTET_STRING, value) => (false, value),
                (BOOLEAN, flag) => (flag.iter().any(|&octet| octet != 0), fields.expect(OCTET_STRING)?),
                _ => return Err(Malformed),
            };
            let Some(known) = Known::of(oid) else {
                others.push(oid);
                continue;
            };
            let Some(slot) = self.known.get_mut(known as usize) else { continue };
            self.repeats_extension |= slot.is_some();
            *slot = Some(Extension { critical, value });
        }
        if others.len() > 1 {
            others.sort_unstable();
            self.repeats_extension |= others.windows(2).any(|pair| matches!(pair, [first, second] if first == second));
        }
        Ok(())
    }

    /// The extension, where the certificate has it.
    #[inline]
    pub fn extension(&self, known: Known) -> Option<Extension<'a>> {
        self.known.get(known as usize).copied().flatten()
    }

    /// All extensions that are there and known.
    pub fn extensions(&self) -> impl Iterator<Item = (Known, Extension<'a>)> {
        Known::ALL.iter().zip(&self.known).filter_map(|(&known, slot)| slot.map(|extension| (known, extension)))
    }

    /// Whether the subject names nobody.
    pub fn has_empty_subject(&self) -> bool {
        self.subject == [SEQUENCE, 0]
    }

    /// Whom the certificate is for.
    pub fn presented(&self) -> Presented<'a> {
        Presented::new(self.extension(Known::SubjectAltName).map(|extension| extension.value), self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_root_is_read_and_its_mutilations_do_no_harm() {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let certificate = Certificate::parse(der).unwrap();
            assert!(certificate.extension(Known::BasicConstraints).is_some());
            assert!(!certificate.repeats_extension);
            for cut in 0..der.len() {
                assert_eq!(Certificate::parse(&der[..cut]).err(), Some(Malformed));
            }
        }
        let mut der = webpki_root_certs::TLS_SERVER_ROOT_CERTS[0].to_vec();
        for index in 0..der.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let kept = std::mem::replace(&mut der[index], value);
                let _ = Certificate::parse(&der);
                der[index] = kept;
            }
        }
    }

    #[test]
    fn the_table_of_extensions_is_in_the_order_of_their_numbers() {
        for (index, known) in Known::ALL.into_iter().enumerate() {
            assert_eq!(known as usize, index, "{}", known.name());
        }
    }
}
