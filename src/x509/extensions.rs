//! Whether the contents of an extension are the DER that its definition says. A CA that wrote one of these wrongly may
//! have meant anything, so nothing is guessed: what does not parse is refused. Reads only; panics on no bytes.

use crate::error::Error;
use crate::x509::NameConstraints;
use crate::x509::certificate::Known;
use crate::x509::der::{BIT_STRING, BOOLEAN, INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE, SET};
use crate::x509::general_name::{GeneralName, GeneralNames};


/// What is wrong with an extension.
#[derive(Debug)]
pub enum Flaw {
    /// It is not the DER of its type.
    Der,
    /// It is DER, but what it says is forbidden.
    Says(&'static str),
    /// The same, already in words.
    Told(Error),
}

impl From<Malformed> for Flaw {
    fn from(_: Malformed) -> Flaw {
        Flaw::Der
    }
}

type Checked = Result<(), Flaw>;

/// Checks the contents of `known`; a critical extension must be understood in all its parts.
pub fn check(known: Known, der: &[u8], critical: bool) -> Checked {
    match known {
        Known::AuthorityKeyIdentifier => authority_key_identifier(der),
        Known::SubjectKeyIdentifier => Ok(whole(der, OCTET_STRING).map(drop)?),
        Known::KeyUsage => match key_usage(der)?.iter().all(|&octet| octet == 0) {
            true => Err(Flaw::Says("permits nothing")),
            false => Ok(()),
        },
        Known::CertificatePolicies => certificate_policies(der, critical),
        Known::PolicyMappings => each(der, |reader| {
            let mut pair = Reader::new(reader.expect(SEQUENCE)?);
            pair.expect(OID)?;
            pair.expect(OID)?;
            end(&pair)
        }),
        Known::SubjectAltName | Known::IssuerAltName => general_names(der),
        Known::SubjectDirectoryAttributes => each(der, |reader| {
            let mut attribute = Reader::new(reader.expect(SEQUENCE)?);
            attribute.expect(OID)?;
            attribute.expect(SET)?;
            end(&attribute)
        }),
        Known::BasicConstraints => Ok(basic_constraints(der).map(drop)?),
        Known::NameConstraints => NameConstraints::parse(der).map(drop).map_err(Flaw::Told),
        Known::PolicyConstraints => policy_constraints(der),
        Known::ExtendedKeyUsage => each(der, |reader| Ok(reader.expect(OID).map(drop)?)),
        Known::CrlDistributionPoints | Known::FreshestCrl => each(der, distribution_point),
        Known::InhibitAnyPolicy => not_negative(whole(der, INTEGER)?),
        Known::AuthorityInfoAccess | Known::SubjectInfoAccess => each(der, |reader| {
            let mut description = Reader::new(reader.expect(SEQUENCE)?);
            description.expect(OID)?;
            GeneralName::read(&mut description)?;
            end(&description)
        }),
        Known::TlsFeature => each(der, |reader| not_negative(reader.expect(INTEGER)?)),
    }
}

/// The usages of a keyUsage extension: bit 0 (digitalSignature) is the highest of the first octet.
pub fn key_usage(der: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(der);
    let bits = reader.expect(BIT_STRING)?;
    match bits {
        [unused @ 0..=7, rest @ ..] if reader.is_empty() && (!rest.is_empty() || *unused == 0) => Ok(rest),
        _ => Err(Malformed),
    }
}

/// `cA` and `pathLenConstraint` of a basicConstraints extension.
pub fn basic_constraints(der: &[u8]) -> Result<(bool, Option<&[u8]>), Malformed> {
    let mut fields = Reader::whole(der, SEQUENCE)?;
    let (mut ca, mut length) = (false, None);
    if !fields.is_empty() {
        let mut field = fields.next()?;
        let mut more = true;
        if field.0 == BOOLEAN {
            ca = match field.1 {
                [0] => false,
                [_] => true,
                _ => return Err(Malformed),
            };
            more = !fields.is_empty();
            if more {
                field = fields.next()?;
            }
        }
        if more {
            let (INTEGER, [0..=0x7f, ..]) = field else { return Err(Malformed) };
            length = Some(field.1);
        }
    }
    if fields.is_empty() { Ok((ca, length)) } else { Err(Malformed) }
}

/// The three fields of an authorityKeyIdentifier: `keyIdentifier`, `authorityCertIssuer`, `authorityCertSerialNumber`.
pub fn authority_key_fields(der: &[u8]) -> Result<[Option<&[u8]>; 3], Malformed> {
    let mut reader = Reader::whole(der, SEQUENCE)?;
    let mut fields = [None; 3];
    let mut next = 0;
    while !reader.is_empty() {
        let (tag, contents) = reader.next()?;
        // The second field is a GeneralNames, so its tag is constructed.
        let number = match tag {
            0x80 => 0,
            0xa1 => 1,
            0x82 => 2,
            _ => return Err(Malformed),
        };
        if number < next {
            return Err(Malformed);
        }
        next = number + 1;
        if let Some(field) = fields.get_mut(number) {
            *field = Some(contents);
        }
    }
    Ok(fields)
}

fn authority_key_identifier(der: &[u8]) -> Checked {
    let [_, issuer, serial] = authority_key_fields(der)?;
    if let Some(names) = issuer {
        let mut names = Reader::new(names);
        while !names.is_empty() {
            GeneralName::read(&mut names)?;
        }
    }
    if issuer.is_some() != serial.is_some() {
        return Err(Flaw::Says("names the issuer's issuer without its serial number, or the other way round"));
    }
    Ok(())
}

/// id-qt-cps and id-qt-unotice.
const KNOWN_QUALIFIERS: [&[u8]; 2] =
    [&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x01], &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x02]];

fn certificate_policies(der: &[u8], critical: bool) -> Checked {
    let mut policies: Vec<&[u8]> = Vec::new();
    each(der, |reader| {
        let mut information = Reader::new(reader.expect(SEQUENCE)?);
        policies.push(information.expect(OID)?);
        if !information.is_empty() {
            each(information.element(SEQUENCE)?, |qualifiers| {
                let mut qualifier = Reader::new(qualifiers.expect(SEQUENCE)?);
                let kind = qualifier.expect(OID)?;
                qualifier.next()?;
                if critical && !KNOWN_QUALIFIERS.contains(&kind) {
                    return Err(Flaw::Says("is critical and has a policy qualifier of an unknown kind"));
                }
                end(&qualifier)
            })?;
        }
        end(&information)
    })?;
    if policies.len() > 1 {
        policies.sort_unstable();
        if policies.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
            return Err(Flaw::Says("lists a policy twice"));
        }
    }
    Ok(())
}

fn general_names(der: &[u8]) -> Checked {
    for name in GeneralNames::new(der)? {
        name?;
    }
    Ok(())
}

fn policy_constraints(der: &[u8]) -> Checked {
    let mut fields = Reader::whole(der, SEQUENCE)?;
    if fields.is_empty() {
        return Err(Flaw::Says("constrains nothing"));
    }
    let mut last = 0;
    while !fields.is_empty() {
        let (tag, number) = fields.next()?;
        if !matches!(tag, 0x80 | 0x81) || tag <= last {
            return Err(Flaw::Der);
        }
        last = tag;
        not_negative(number)?;
    }
    Ok(())
}

fn distribution_point(reader: &mut Reader<'_>) -> Checked {
    let mut fields = Reader::new(reader.expect(SEQUENCE)?);
    let (mut last, mut meaning) = (0, false);
    while !fields.is_empty() {
        let (tag, _) = fields.next()?;
        let number = match tag {
            0xa0 => 1,
            0x81 => 2,
            0xa2 => 3,
            _ => return Err(Flaw::Der),
        };
        if number <= last {
            return Err(Flaw::Der);
        }
        last = number;
        meaning |= number != 2;
    }
    if meaning { Ok(()) } else { Err(Flaw::Says("has a distribution point of reasons only")) }
}

/// A SEQUENCE of at least one element.
fn each<'a>(der: &'a [u8], mut element: impl FnMut(&mut Reader<'a>) -> Checked) -> Checked {
    let mut reader = Reader::whole(der, SEQUENCE)?;
    if reader.is_empty() {
        return Err(Flaw::Says("lists nothing"));
    }
    while !reader.is_empty() {
        element(&mut reader)?;
    }
    Ok(())
}

fn whole(der: &[u8], tag: u8) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(der);
    let contents = reader.expect(tag)?;
    if reader.is_empty() { Ok(contents) } else { Err(Malformed) }
}

fn end(reader: &Reader<'_>) -> Checked {
    Ok(reader.end()?)
}

fn not_negative(integer: &[u8]) -> Checked {
    match integer {
        [0..=0x7f, ..] => Ok(()),
        _ => Err(Flaw::Der),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_extension_may_hold_is_read_and_what_it_may_not_is_refused() {
        let good: &[(Known, &[u8])] = &[
            (Known::AuthorityKeyIdentifier, &[0x30, 0x00]),
            (Known::AuthorityKeyIdentifier, &[0x30, 0x03, 0x80, 0x01, 0x07]),
            (Known::SubjectKeyIdentifier, &[0x04, 0x01, 0x07]),
            (Known::KeyUsage, &[0x03, 0x02, 0x07, 0x80]),
            (Known::CertificatePolicies, &[0x30, 0x05, 0x30, 0x03, 0x06, 0x01, 0x2a]),
            (Known::BasicConstraints, &[0x30, 0x00]),
            (Known::BasicConstraints, &[0x30, 0x03, 0x01, 0x01, 0xff]),
            (Known::BasicConstraints, &[0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00]),
            (Known::PolicyConstraints, &[0x30, 0x06, 0x80, 0x01, 0x00, 0x81, 0x01, 0x00]),
            (Known::ExtendedKeyUsage, &[0x30, 0x03, 0x06, 0x01, 0x2a]),
            (Known::InhibitAnyPolicy, &[0x02, 0x01, 0x00]),
            (Known::AuthorityInfoAccess, &[0x30, 0x08, 0x30, 0x06, 0x06, 0x01, 0x2a, 0x86, 0x01, b'u']),
            (Known::CrlDistributionPoints, &[0x30, 0x04, 0x30, 0x02, 0xa0, 0x00]),
            (Known::TlsFeature, &[0x30, 0x03, 0x02, 0x01, 0x05]),
            (Known::PolicyMappings, &[0x30, 0x08, 0x30, 0x06, 0x06, 0x01, 0x2a, 0x06, 0x01, 0x2b]),
            (Known::SubjectAltName, &[0x30, 0x03, 0x82, 0x01, b'a']),
        ];
        for (known, der) in good {
            assert!(check(*known, der, false).is_ok(), "{}: {der:02x?}", known.name());
            let longer = [der, &[0u8][..]].concat();
            assert!(check(*known, &longer, false).is_err(), "{} with an octet after it", known.name());
            for cut in 0..der.len() {
                assert!(check(*known, &der[..cut], false).is_err(), "{} cut at {cut}", known.name());
            }
        }
        let bad: &[(Known, &[u8], &str)] = &[
            (Known::AuthorityKeyIdentifier, &[0x30, 0x03, 0x82, 0x01, 0x07], "a serial number without an issuer"),
            (Known::AuthorityKeyIdentifier, &[0x30, 0x06, 0x80, 0x01, 1, 0x80, 0x01, 1], "a field twice"),
            (Known::SubjectKeyIdentifier, &[0x30, 0x00], "another type"),
            (Known::KeyUsage, &[0x03, 0x02, 0x08, 0x80], "eight unused bits"),
            (Known::CertificatePolicies, &[0x30, 0x00], "no policy"),
            (
                Known::CertificatePolicies,
                &[0x30, 0x0a, 0x30, 0x03, 0x06, 0x01, 0x2a, 0x30, 0x03, 0x06, 0x01, 0x2a],
                "a policy twice",
            ),
            (Known::BasicConstraints, &[0x30, 0x03, 0x02, 0x01, 0xff], "a negative path length"),
            (Known::PolicyConstraints, &[0x30, 0x00], "no constraint"),
            (Known::ExtendedKeyUsage, &[0x30, 0x00], "no usage"),
            (Known::InhibitAnyPolicy, &[0x02, 0x01, 0xff], "a negative count"),
            (Known::AuthorityInfoAccess, &[0x30, 0x00], "no description"),
            (Known::AuthorityInfoAccess, &[0x30, 0x05, 0x30, 0x03, 0x06, 0x01, 0x2a], "no location"),
            (Known::CrlDistributionPoints, &[0x30, 0x05, 0x30, 0x03, 0x81, 0x01, 0x00], "reasons only"),
            (Known::TlsFeature, &[0x30, 0x00], "no feature"),
            (Known::SubjectAltName, &[0x30, 0x00], "no name"),
            (Known::NameConstraints, &[0x30, 0x00], "no subtree"),
        ];
        for (known, der, what) in bad {
            assert!(check(*known, der, false).is_err(), "{} with {what}", known.name());
        }
    }
}
