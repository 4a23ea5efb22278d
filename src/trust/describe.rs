//! What people want to know of a trust anchor: its name, its dates, its hash.

use std::fmt;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};

use crate::error::{Error, Result, Status};
use crate::libssl::issuing::trust_settings;
use crate::moment;
use crate::trust::distrust::{Distrust, hash};
use crate::x509::name_text;

/// A trust anchor, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name that people know it by: its common name, else its unit's or organisation's. One line.
    pub name: String,
    /// The whole subject, as one line of ASCII.
    pub subject: String,
    /// The SHA-256 hash of the certificate.
    pub sha256: [u8; 32],
    /// When it begins to be valid, in Unix seconds.
    pub not_before: i64,
    /// When it expires, in Unix seconds.
    pub not_after: i64,
    /// The moment up to which a certificate under it may have been issued, in Unix seconds.
    pub distrust_after: Option<i64>,
    /// The trust settings of a TRUSTED CERTIFICATE.
    pub uses: Option<Uses>,
}

/// What a TRUSTED CERTIFICATE lists beside the certificate, as OpenSSL's short names ("serverAuth") or dotted numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// The uses that it is trusted for; where there are none, all but those that it is rejected for.
    pub trusted: Vec<String>,
    /// The uses that it is rejected for.
    pub rejected: Vec<String>,
}

impl Uses {
    fn of(certificate: &X509Ref) -> Option<Uses> {
        let [trusted, rejected] = trust_settings(certificate);
        let is_plain = trusted.is_empty() && rejected.is_empty();
        (!is_plain).then_some(Uses { trusted, rejected })
    }
}

impl fmt::Display for Uses {
    /// "clientAuth, not serverAuth"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trusted = self.trusted.iter().cloned();
        let words: Vec<String> = trusted.chain(self.rejected.iter().map(|one| format!("not {one}"))).collect();
        f.write_str(&words.join(", "))
    }
}

impl Description {
    /// Describes `certificate`, of which `distrust` may say something.
    pub fn of(certificate: &X509Ref, distrust: &Distrust) -> Result<Description> {
        let subject = certificate.subject_name();
        let subject_text = subject.to_der().map(|der| name_text(&der)).unwrap_or_default();
        let name = best_name(subject).unwrap_or_else(|| subject_text.clone());
        let unreadable = |what: &str| {
            Error::new(
                Status::EBadCertificate,
                format!("the {what} of the trust anchor {subject_text:?} cannot be read"),
            )
        };
        let sha256 = hash(certificate, MessageDigest::sha256()).ok_or_else(|| unreadable("hash"))?;
        Ok(Description {
            not_before: moment::unix_seconds(certificate.not_before()).ok_or_else(|| unreadable("notBefore"))?,
            not_after: moment::unix_seconds(certificate.not_after()).ok_or_else(|| unreadable("notAfter"))?,
            distrust_after: distrust.limit_of(&sha256),
            uses: Uses::of(certificate),
            name,
            subject: subject_text,
            sha256,
        })
    }
}

fn best_name(subject: &X509NameRef) -> Option<String> {
    let kinds = [Nid::COMMONNAME, Nid::ORGANIZATIONALUNITNAME, Nid::ORGANIZATIONNAME];
    let entry = kinds.into_iter().find_map(|kind| subject.entries_by_nid(kind).next())?;
    Some(one_line(&entry.data().to_string().ok()?))
}

/// Text of a certificate or a file that shall not end a line or change what a terminal does.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if is_plain(character) { character } else { ' ' }).collect()
}

/// Not a control character, nor one that turns the direction of what follows.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::PKey;
    use openssl::x509::{X509Builder, X509NameBuilder};

    use super::*;

    fn described(entries: &[(Nid, &str)]) -> Description {
        let mut name = X509NameBuilder::new().unwrap();
        for (kind, value) in entries {
            name.append_entry_by_nid(*kind, value).unwrap();
        }
        let mut builder = X509Builder::new().unwrap();
        builder.set_subject_name(&name.build()).unwrap();
        let time = |seconds| openssl::asn1::Asn1Time::from_unix(seconds).unwrap();
        builder.set_not_before(&time(5)).unwrap();
        builder.set_not_after(&time(2_000_000_000)).unwrap();
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Description::of(&builder.build(), &Distrust::default()).unwrap()
    }

    #[test]
    fn the_name_is_the_most_telling_part_of_the_subject() {
        let (cn, ou, o) = (Nid::COMMONNAME, Nid::ORGANIZATIONALUNITNAME, Nid::ORGANIZATIONNAME);
        assert_eq!(described(&[(o, "Org"), (ou, "Unit"), (cn, "F\u{151}")]).name, "F\u{151}");
        assert_eq!(described(&[(o, "Org"), (ou, "Unit")]).name, "Unit");
        assert_eq!(described(&[(o, "Org")]).name, "Org");
        let country = described(&[(Nid::COUNTRYNAME, "HU")]);
        assert_eq!((country.name.as_str(), country.subject.as_str()), ("C=HU", "C=HU"));
        assert_eq!((country.not_before, country.not_after), (5, 2_000_000_000));
    }

    #[test]
    fn a_name_can_neither_end_the_line_nor_speak_to_the_terminal() {
        assert_eq!(described(&[(Nid::COMMONNAME, "a\n\u{1b}[31m\u{202e}b")]).name, "a  [31m b");
    }
}
