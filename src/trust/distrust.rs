//! What a source of roots says against certificates: a root that counts only for what was issued up to a date, and a
//! certificate that must not be in any chain. It only narrows what an anchor is trusted for; it never makes one.

use std::collections::{HashMap, HashSet};

use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::moment;
use crate::x509::name_text;


/// Everything that was said against certificates. Where two sources speak of the same one the stricter counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distrust {
    after: HashMap<[u8; 32], i64>,
    never: HashSet<[u8; 32]>,
    never_named: HashSet<Named>,
}

/// A certificate that is not at hand, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// The issuer's Name in DER.
    pub issuer: Vec<u8>,
    /// The serial number: an INTEGER in DER.
    pub serial: Vec<u8>,
    /// The SHA-1 hash of the certificate, where it was said.
    pub sha1: Option<[u8; 20]>,
}

impl Distrust {
    /// Under the root with this SHA-256 hash a leaf must not have been issued after `seconds`.
    pub fn limit(&mut self, root: [u8; 32], seconds: i64) {
        self.after.entry(root).and_modify(|known| *known = seconds.min(*known)).or_insert(seconds);
    }

    /// The certificate with this SHA-256 hash must not be in any chain.
    pub fn forbid(&mut self, certificate: [u8; 32]) {
        self.never.insert(certificate);
    }

    /// A certificate that is not at hand must not be in any chain.
    pub fn forbid_named(&mut self, named: Named) {
        self.never_named.insert(named);
    }

    /// Whether nothing was said against any certificate.
    pub fn is_empty(&self) -> bool {
        self.after.is_empty() && self.never.is_empty() && self.never_named.is_empty()
    }

    /// The moment up to which a leaf may have been issued under the root with this SHA-256 hash.
    pub fn limit_of(&self, root: &[u8; 32]) -> Option<i64> {
        self.after.get(root).copied()
    }

    /// Adds what `other` says.
    pub fn absorb(&mut self, other: &Distrust) {
        for (root, seconds) in &other.after {
            self.limit(*root, *seconds);
        }
        self.never.extend(&other.never);
        self.never_named.extend(other.never_named.iter().cloned());
    }

    fn forbids(&self, certificate: &X509Ref, sha256: &[u8; 32]) -> bool {
        if self.never.contains(sha256) {
            return true;
        }
        if self.never_named.is_empty() {
            return false;
        }
        // What cannot be looked up is not known to be good.
        let (Ok(issuer), Some(serial), Some(sha1)) =
            (certificate.issuer_name().to_der(), serial_der(certificate), hash(certificate, MessageDigest::sha1()))
        else {
            return true;
        };
        let mut named = Named { issuer, serial, sha1: None };
        if self.never_named.contains(&named) {
            return true;
        }
        named.sha1 = Some(sha1);
        self.never_named.contains(&named)
    }
}

/// Holds a verified chain, from the leaf to its anchor, against what was said: every certificate of it, so that a root
/// with a date is not passed by where another anchor follows it.
pub fn check<'a>(chain: impl Iterator<Item = &'a X509Ref>, distrust: &Distrust) -> Result<()> {
    if distrust.is_empty() {
        return Ok(());
    }
    let mut leaf = None;
    for (depth, certificate) in chain.enumerate() {
        let leaf = *leaf.get_or_insert(certificate);
        let subject = subject(certificate);
        let refused = |message: String| {
            Error::new(Status::EDistrusted, message)
                .with_x509_code(ffi::X509_V_ERR_CERT_REJECTED)
                .with_certificate(u32::try_from(depth).unwrap_or(u32::MAX), subject.clone())
        };
        let Some(sha256) = hash(certificate, MessageDigest::sha256()) else {
            return Err(refused(format!(
                "the certificate of {subject} cannot be hashed, so it may be a distrusted one"
            )));
        };
        if distrust.forbids(certificate, &sha256) {
            return Err(refused(format!(
                "the certificate of {subject} is marked as distrusted in the certdata.txt that was loaded"
            ))
            .with_hint("its owner must get a certificate from another CA"));
        }
        let Some(limit) = distrust.limit_of(&sha256) else { continue };
        let issued = moment::unix_seconds(leaf.not_before());
        if issued.is_none_or(|issued| issued > limit) {
            let issued =
                issued.map_or_else(|| "at an unreadable time".to_owned(), |time| format!("on {}", moment::text(time)));
            return Err(refused(format!(
                "the certificate of {} was issued {issued}, but its root {subject} is trusted only for certificates issued up to {}",
                self::subject(leaf),
                moment::text(limit),
            ))
            .with_time(limit)
            .with_hint("the date is that of the certdata.txt that was loaded; the certificate's owner must get one from another CA"));
        }
    }
    Ok(())
}

/// A hash of the whole certificate.
pub fn hash<const N: usize>(certificate: &X509Ref, digest: MessageDigest) -> Option<[u8; N]> {
    certificate.digest(digest).ok()?.as_ref().try_into().ok()
}

/// The serial number as it stands in the certificate: an INTEGER in DER.
pub fn serial_der(certificate: &X509Ref) -> Option<Vec<u8>> {
    let number = certificate.serial_number().to_bn().ok()?;
    let mut octets = number.to_vec();
    if octets.first().is_none_or(|&first| first >= 0x80) {
        octets.insert(0, 0);
    }
    if number.is_negative() {
        negate(&mut octets);
    }
    let mut der = vec![0x02, u8::try_from(octets.len()).ok().filter(|&length| length < 0x80)?];
    der.append(&mut octets);
    Some(der)
}

/// Two's complement of a number whose first bit is free, in no more octets than it needs (X.690 8.3.2).
fn negate(octets: &mut Vec<u8>) {
    let mut carry = true;
    for octet in octets.iter_mut().rev() {
        (*octet, carry) = (!*octet).overflowing_add(carry.into());
    }
    if matches!(octets.as_slice(), [0xff, 0x80..=0xff, ..]) {
        octets.remove(0);
    }
}

fn subject(certificate: &X509Ref) -> String {
    format!("\"{}\"", certificate.subject_name().to_der().map(|der| name_text(&der)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use openssl::bn::BigNum;
    use openssl::x509::X509Builder;

    use super::*;

    #[test]
    fn serial_numbers_are_written_as_der_writes_them() {
        for (number, der) in [
            ("0", &[0x02, 0x01, 0x00][..]),
            ("127", &[0x02, 0x01, 0x7f]),
            ("128", &[0x02, 0x02, 0x00, 0x80]),
            ("65535", &[0x02, 0x03, 0x00, 0xff, 0xff]),
            ("-1", &[0x02, 0x01, 0xff]),
            ("-128", &[0x02, 0x01, 0x80]),
            ("-129", &[0x02, 0x02, 0xff, 0x7f]),
            ("-256", &[0x02, 0x02, 0xff, 0x00]),
        ] {
            let mut builder = X509Builder::new().unwrap();
            let number = BigNum::from_dec_str(number).unwrap().to_asn1_integer().unwrap();
            builder.set_serial_number(&number).unwrap();
            assert_eq!(serial_der(&builder.build()).unwrap(), der);
        }
    }

    #[test]
    fn the_stricter_of_two_sources_counts() {
        let (early, late, never) = ([1; 32], [2; 32], [3; 32]);
        let mut one = Distrust::default();
        one.limit(early, 10);
        one.limit(late, 20);
        let mut other = Distrust::default();
        other.limit(early, 15);
        other.limit(late, 5);
        other.forbid(never);
        one.absorb(&other);
        assert_eq!((one.limit_of(&early), one.limit_of(&late), one.limit_of(&never)), (Some(10), Some(5), None));
        assert!(one.never.contains(&never));
    }
}
