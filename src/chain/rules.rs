//! What every certificate of a chain must keep beyond OpenSSL's own checks, one function for each rule of the policy's
//! table. Each is pure: it reads the certificate's bytes and says which rule they break, by its section.

use openssl_sys as ffi;

use crate::codes;
use crate::error::Status;
use crate::policy::Check;
use crate::x509::certificate::{Certificate, Known};
use crate::x509::der::Reader;
use crate::x509::extensions;
use crate::x509::general_name::{GeneralName, GeneralNames};
use crate::x509::key;

/// Where a certificate stands in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The peer's own.
    Leaf,
    /// The peer's own, which is a trust anchor itself.
    TrustedLeaf,
    /// A CA below the anchor.
    Intermediate,
    /// The trust anchor.
    Anchor,
}

impl Place {
    fn is_leaf(self) -> bool {
        matches!(self, Place::Leaf | Place::TrustedLeaf)
    }
}

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server's.
    Server,
    /// A TLS client's.
    Client,
}

impl Purpose {
    fn oid(self) -> &'static [u8] {
        match self {
            Purpose::Server => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
            Purpose::Client => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
        }
    }

    /// The extended key usage's name.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Server => "serverAuth",
            Purpose::Client => "clientAuth",
        }
    }
}

const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// A rule that a certificate breaks.
#[derive(Debug)]
pub struct Breach {
    /// What kind of failure it is.
    pub status: Status,
    /// What is wrong, as the rest of a sentence that begins with the certificate.
    pub what: String,
    /// The section that says so.
    pub rule: &'static str,
    /// OpenSSL's nearest code.
    pub code: i32,
    /// What can be done about it.
    pub hint: String,
}


/// The remedy for what only the issuer can put right.
pub const REISSUE: &str = "its issuer must issue it again without this fault";

fn breach(code: i32, what: impl Into<String>, rule: &'static str) -> Breach {
    Breach { status: Status::EBadCertificate, what: what.into(), rule, code, hint: REISSUE.to_owned() }
}

/// The checks that are demanded, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    mask: u32,
    purpose: Option<Purpose>,
}

impl Rules {
    /// The rules for certificates that are used for `purpose`; `None` where any will do.
    pub fn new<'a>(checks: impl Iterator<Item = &'a Check>, purpose: Option<Purpose>) -> Rules {
        Rules { mask: checks.fold(0, |mask, &check| mask | 1 << check as u32), purpose }
    }

    fn demand(self, check: Check) -> bool {
        self.mask & (1 << check as u32) != 0
    }

    /// The first rule that `certificate` breaks at `place`. An anchor is what the program named (RFC 5280 6.1): of our
    /// rules only those of keys hold for it.
    pub fn check(self, certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
        match place {
            Place::Anchor if self.demand(Check::KeyKind) => key_kind(certificate, place),
            Place::Anchor => Ok(()),
            _ => self.find(certificate, place),
        }
    }

    /// The first rule of form that `certificate` breaks at `place`, an anchor's included: to put into words what OpenSSL
    /// refuses.
    pub fn find(self, certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
        let run = |check: Check, rule: fn(&Certificate<'_>, Place) -> Result<(), Breach>| {
            if self.demand(check) { rule(certificate, place) } else { Ok(()) }
        };
        run(Check::UniqueExtensions, unique_extensions)?;
        run(Check::ExtensionsParse, extensions_parse)?;
        run(Check::Serial, serial)?;
        run(Check::AlgorithmsAgree, algorithms_agree)?;
        run(Check::Criticality, criticality)?;
        run(Check::CriticalConstraints, critical_constraints)?;
        run(Check::KeyKind, key_kind)?;
        run(Check::BasicConstraints, basic_constraints)?;
        run(Check::LeafIsNoCa, leaf_is_no_ca)?;
        run(Check::ConstraintsInCaOnly, constraints_in_ca_only)?;
        if self.demand(Check::KeyUsage) {
            key_usage(certificate, place, self.purpose)?;
        }
        if let Some(purpose) = self.purpose {
            if self.demand(Check::StatedPurpose) {
                stated_purpose(certificate, place, purpose)?;
            }
            if self.demand(Check::ExplicitPurpose) {
                explicit_purpose(certificate, place, purpose)?;
            }
            if self.demand(Check::Purpose) {
                extended_key_usage(certificate, purpose)?;
            }
        }
        run(Check::NamesNotCritical, names_not_critical)?;
        run(Check::PlainDnsNames, plain_dns_names)?;
        run(Check::RsaShape, rsa_shape)
    }
}

/// Whether OpenSSL will read all of the certificate's extensions.
pub fn well_formed(certificate: &Certificate<'_>) -> Result<(), Breach> {
    unique_extensions(certificate, Place::Leaf)?;
    extensions_parse(certificate, Place::Leaf)
}

fn unique_extensions(certificate: &Certificate<'_>, _: Place) -> Result<(), Breach> {
    if certificate.repeats_extension {
        return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, "has an extension twice", "RFC 5280 4.2"));
    }
    Ok(())
}

fn extensions_parse(certificate: &Certificate<'_>, _: Place) -> Result<(), Breach> {
    for (known, extension) in certificate.extensions() {
        let name = known.name();
        let what = match extensions::check(known, extension.value, extension.critical) {
            Ok(()) => continue,
            Err(extensions::Flaw::Der) => format!("has a damaged {name} extension"),
            Err(extensions::Flaw::Says(what)) => format!("has a {name} extension that {what}"),
            Err(extensions::Flaw::Told(error)) => {
                let what = format!("has a {name} extension that is refused: {}", error.message());
                let hint = error.hint().to_owned();
                return Err(Breach {
                    status: error.status(),
                    hint,
                    ..breach(error.x509_code(), what, known.section())
                });
            }
        };
        return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, what, known.section()));
    }
    Ok(())
}

/// Several public roots have the serial number zero; an anchor is never named by it.
fn serial(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let is_anchor = matches!(place, Place::Anchor | Place::TrustedLeaf);
    let what = match certificate.serial {
        [] => "has no serial number",
        [0x80..=0xff, ..] => "has a negative serial number",
        serial if !is_anchor && serial.iter().all(|&octet| octet == 0) => "has the serial number zero",
        serial if serial.len() > 20 => "has a serial number of more than 20 octets",
        _ => return Ok(()),
    };
    Err(breach(ffi::X509_V_ERR_UNSPECIFIED, what, "RFC 5280 4.1.2.2"))
}

fn algorithms_agree(certificate: &Certificate<'_>, _: Place) -> Result<(), Breach> {
    if certificate.inner_algorithm != certificate.outer_algorithm {
        return Err(breach(
            codes::X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY,
            "names one signature algorithm inside of what is signed and another outside",
            "RFC 5280 4.1.1.2",
        ));
    }
    Ok(())
}

/// OpenSSL has the first itself until 4.0, except for a certificate that is trusted as it stands.
fn criticality(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let not_critical = |known| certificate.extension(known).is_some_and(|extension| !extension.critical);
    if place != Place::TrustedLeaf && not_critical(Known::SubjectAltName) && certificate.has_empty_subject() {
        let what = "has an empty subject, but its subjectAltName is not critical";
        return Err(breach(codes::X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL, what, "RFC 5280 4.2.1.6"));
    }
    for (known, extension) in certificate.extensions() {
        let must = match known {
            Known::PolicyConstraints | Known::InhibitAnyPolicy => true,
            Known::AuthorityKeyIdentifier
            | Known::SubjectKeyIdentifier
            | Known::SubjectDirectoryAttributes
            | Known::FreshestCrl
            | Known::AuthorityInfoAccess
            | Known::SubjectInfoAccess => false,
            _ => continue,
        };
        if extension.critical != must {
            let is = if must { "is not" } else { "is" };
            let what = format!("has a {} extension that {is} critical", known.name());
            return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, what, known.section()));
        }
    }
    Ok(())
}

/// OpenSSL has it itself until 4.0.
fn critical_constraints(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let constraints = certificate.extension(Known::BasicConstraints);
    if place != Place::TrustedLeaf && constraints.is_some_and(|it| !it.critical) && ca_and_length(certificate).0 {
        let what = "is a CA's, but its basicConstraints are not critical";
        return Err(breach(codes::X509_V_ERR_CA_BCONS_NOT_CRITICAL, what, "RFC 5280 4.2.1.9"));
    }
    Ok(())
}

fn key_kind(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let what = match key::check(certificate) {
        Ok(()) => return Ok(()),
        Err(key::Flaw::Kind(kind)) => format!("has a key of a kind that is not permitted: {kind}"),
        Err(key::Flaw::Small(bits)) => {
            format!("has an RSA key of {bits} bits, which is too weak")
        }
        Err(key::Flaw::Exponent) => "has an RSA key whose exponent is even or below 3".to_owned(),
        Err(key::Flaw::Malformed) => "has a damaged public key".to_owned(),
    };
    let code = if place.is_leaf() { ffi::X509_V_ERR_EE_KEY_TOO_SMALL } else { ffi::X509_V_ERR_CA_KEY_TOO_SMALL };
    let hint = "it needs a new key: RSA with 2048 bits or more, P-256, P-384, P-521, Ed25519 or Ed448";
    Err(Breach { status: Status::EWeakKey, hint: hint.to_owned(), ..breach(code, what, "CA/B Forum BR 6.1.5") })
}

/// Whether the certificate says that it is a CA's, and for how long a path.
fn ca_and_length<'a>(certificate: &Certificate<'a>) -> (bool, Option<&'a [u8]>) {
    let extension = certificate.extension(Known::BasicConstraints);
    extension.and_then(|extension| extensions::basic_constraints(extension.value).ok()).unwrap_or_default()
}

fn basic_constraints(certificate: &Certificate<'_>, _: Place) -> Result<(), Breach> {
    if let (false, Some(_)) = ca_and_length(certificate) {
        return Err(breach(
            codes::X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA,
            "is not a CA's but constrains the length of a path",
            "RFC 5280 4.2.1.9",
        ));
    }
    Ok(())
}

/// A self-signed certificate that the program trusts as it stands often says that it is a CA's: it is its own.
fn leaf_is_no_ca(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    if place == Place::Leaf && ca_and_length(certificate).0 {
        return Err(Breach {
            status: Status::EWrongPurpose,
            hint: "whoever shows it needs a certificate of its own, not that of its CA".to_owned(),
            ..breach(ffi::X509_V_ERR_INVALID_CA, "is that of a CA, but stands for a peer", "CA/B Forum BR 7.1.2.7.8")
        });
    }
    Ok(())
}

fn constraints_in_ca_only(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    if place.is_leaf() && certificate.extension(Known::NameConstraints).is_some() && !ca_and_length(certificate).0 {
        let what = "has name constraints, but is not a CA's";
        return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, what, "RFC 5280 4.2.1.10"));
    }
    Ok(())
}

const DIGITAL_SIGNATURE: u8 = 0x80;

/// Every suite of ours has the peer sign, whatever older suites did with its key.
fn key_usage(certificate: &Certificate<'_>, place: Place, purpose: Option<Purpose>) -> Result<(), Breach> {
    let Some(extension) = certificate.extension(Known::KeyUsage) else { return Ok(()) };
    let Ok(usages) = extensions::key_usage(extension.value) else { return Ok(()) };
    let signs = usages.first().is_some_and(|octet| octet & DIGITAL_SIGNATURE != 0);
    if place.is_leaf() && purpose.is_some() && !signs && !ca_and_length(certificate).0 {
        return Err(Breach {
            status: Status::EWrongPurpose,
            hint: "a TLS certificate needs digitalSignature among its key usages".to_owned(),
            ..breach(ffi::X509_V_ERR_INVALID_PURPOSE, "is not issued for digital signatures (key usage)", "RFC 8446 4.4.2.2")
        });
    }
    Ok(())
}

fn has_usage(usages: &[u8], wanted: &[u8]) -> bool {
    let Ok(mut usages) = Reader::whole(usages, crate::x509::der::SEQUENCE) else { return false };
    while let Ok((_, usage)) = usages.next() {
        if usage == wanted {
            return true;
        }
    }
    false
}

fn extended_key_usage(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Breach> {
    let Some(extension) = certificate.extension(Known::ExtendedKeyUsage) else { return Ok(()) };
    if has_usage(extension.value, purpose.oid()) {
        return Ok(());
    }
    Err(wrong_purpose(
        format!("is not issued for {} (extended key usage)", purpose.name()),
        "RFC 5280 4.2.1.12",
        purpose,
    ))
}

fn wrong_purpose(what: String, rule: &'static str, purpose: Purpose) -> Breach {
    let hint = match purpose {
        Purpose::Server => "a server needs a certificate with serverAuth among its extended key usages",
        Purpose::Client => "a client needs a certificate with clientAuth among its extended key usages",
    };
    Breach { status: Status::EWrongPurpose, hint: hint.to_owned(), ..breach(ffi::X509_V_ERR_INVALID_PURPOSE, what, rule) }
}

fn stated_purpose(certificate: &Certificate<'_>, place: Place, purpose: Purpose) -> Result<(), Breach> {
    if place.is_leaf() && certificate.extension(Known::ExtendedKeyUsage).is_none() {
        return Err(wrong_purpose("has no extended key usage".to_owned(), "CA/B Forum BR 7.1.2.7.6", purpose));
    }
    Ok(())
}

fn explicit_purpose(certificate: &Certificate<'_>, place: Place, purpose: Purpose) -> Result<(), Breach> {
    let extension = certificate.extension(Known::ExtendedKeyUsage);
    match (place, extension) {
        (Place::Leaf | Place::TrustedLeaf, Some(extension)) if has_usage(extension.value, ANY_EXTENDED_KEY_USAGE) => {
            let what = "may be used for any purpose (anyExtendedKeyUsage)".to_owned();
            Err(wrong_purpose(what, "CA/B Forum BR 7.1.2.7.10", purpose))
        }
        _ => Ok(()),
    }
}

fn names_not_critical(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let critical = certificate.extension(Known::SubjectAltName).is_some_and(|names| names.critical);
    if place.is_leaf() && critical && !certificate.has_empty_subject() {
        let what = "has a critical subjectAltName beside a subject that is not empty";
        return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, what, "CA/B Forum BR 7.1.2.7.12"));
    }
    Ok(())
}

fn plain_dns_names(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    let names = certificate.extension(Known::SubjectAltName).filter(|_| place.is_leaf());
    let names = names.and_then(|names| GeneralNames::new(names.value).ok());
    let underscore = |name| matches!(name, Ok(GeneralName::Dns(name)) if name.contains(&b'_'));
    if names.into_iter().flatten().any(underscore) {
        let what = "has a dNSName with an underscore in it";
        return Err(breach(ffi::X509_V_ERR_INVALID_EXTENSION, what, "RFC 5280 4.2.1.6"));
    }
    Ok(())
}

fn rsa_shape(certificate: &Certificate<'_>, place: Place) -> Result<(), Breach> {
    match key::rsa_bits(certificate) {
        Some(bits) if bits % 8 != 0 => {
            let code = if place.is_leaf() { ffi::X509_V_ERR_EE_KEY_TOO_SMALL } else { ffi::X509_V_ERR_CA_KEY_TOO_SMALL };
            let what = format!("has an RSA key of {bits} bits, which is not a multiple of 8");
            Err(Breach { status: Status::EWeakKey, ..breach(code, what, "CA/B Forum BR 6.1.5") })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_public_root_keeps_the_rules_of_every_policy() {
        let rules = |policy: &crate::policy::Policy| Rules::new(policy.checks.iter(), Some(Purpose::Server));
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        for (policy, der) in
            crate::policy::POLICIES.iter().flat_map(|policy| roots.iter().map(move |der| (policy, der)))
        {
            let rules = rules(policy);
            let certificate = Certificate::parse(der).unwrap();
            if let Err(breach) = rules.check(&certificate, Place::Anchor) {
                let name = crate::x509::name_text(certificate.subject);
                panic!("{name} {} ({})", breach.what, breach.rule);
            }
        }
    }

    #[test]
    fn mutilated_certificates_are_checked_without_harm() {
        let rules = Rules::new(crate::policy::POLICIES[1].checks.iter(), Some(Purpose::Server));
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().step_by(20) {
            let mut der = der.to_vec();
            for index in 0..der.len() {
                for value in [0, 0x30, 0x80, 0xff] {
                    let kept = std::mem::replace(&mut der[index], value);
                    if let Ok(certificate) = Certificate::parse(&der) {
                        for place in [Place::Leaf, Place::TrustedLeaf, Place::Intermediate, Place::Anchor] {
                            let _ = rules.check(&certificate, place);
                        }
                    }
                    der[index] = kept;
                }
            }
        }
    }
}
