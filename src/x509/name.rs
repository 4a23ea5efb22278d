//! Distinguished names: compared as RFC 5280 7.1 asks (case and white space do not count, nor does the string type) and
//! put into words. Two names are never the same because one of them could not be read.

use crate::error::Result;
use crate::x509::der::Malformed;
use crate::x509::general_name::{Attribute, COMMON_NAME, EMAIL_ADDRESS, attributes, walk};
use crate::x509::presented::malformed_subject;
use crate::x509::words::escape;

/// Whether the DER of two Names means the same name (RFC 5280 7.1). A certificate whose subject and issuer are the same
/// is self-issued.
pub fn same_name(one: &[u8], other: &[u8]) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    let canonical = |der| CanonicalName::parse(der).map_err(|_| malformed_subject());
    Ok(canonical(one)? == canonical(other)?)
}

/// The Name in `der` as one line fit to print, such as "CN=Example CA, O=Example".
pub fn name_text(der: &[u8]) -> String {
    attributes(der).unwrap_or_default().iter().map(attribute_text).collect::<Vec<_>>().join(", ")
}

/// A Name in a form in which equal names have equal bytes, one run of bytes for each RDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CanonicalName {
    rdns: Vec<Vec<u8>>,
}

impl CanonicalName {
    pub(crate) fn parse(der: &[u8]) -> std::result::Result<CanonicalName, Malformed> {
        let mut rdns: Vec<Vec<Attribute<'_>>> = Vec::new();
        walk(der, |index, attribute| {
            match rdns.get_mut(index) {
                Some(rdn) => rdn.push(attribute),
                None => rdns.push(vec![attribute]),
            }
            Ok(())
        })?;
        let rdns = rdns.iter().map(|rdn| canonical_rdn(rdn)).collect::<std::result::Result<_, _>>()?;
        Ok(CanonicalName { rdns })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rdns.is_empty()
    }

    /// X.501: a name is within a subtree if it begins with all the RDNs of the subtree's base.
    pub(crate) fn is_within(&self, base: &CanonicalName) -> bool {
        self.rdns.starts_with(&base.rdns)
    }
}

/// The attributes of an RDN are a set, so they are sorted; each part carries its length, so that no two RDNs run
/// together into the same bytes.
fn canonical_rdn(rdn: &[Attribute<'_>]) -> std::result::Result<Vec<u8>, Malformed> {
    let mut attributes = Vec::with_capacity(rdn.len());
    for attribute in rdn {
        let (tag, value) = match attribute.text()? {
            Some(text) => (0, fold(&text).into_bytes()),
            None => (attribute.tag, attribute.value.to_vec()),
        };
        let mut bytes = Vec::with_capacity(attribute.oid.len() + value.len() + 17);
        bytes.extend(attribute.oid.len().to_be_bytes());
        bytes.extend(attribute.oid);
        bytes.push(tag);
        bytes.extend(value.len().to_be_bytes());
        bytes.extend(value);
        attributes.push(bytes);
    }
    attributes.sort_unstable();
    Ok(attributes.concat())
}

/// Case folded, white space at the ends removed and elsewhere made one space (RFC 5280 7.1, RFC 4518 2.6.1).
fn fold(text: &str) -> String {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn attribute_text(attribute: &Attribute<'_>) -> String {
    let kind = match attribute.oid {
        COMMON_NAME => "CN".into(),
        [0x55, 0x04, 0x05] => "serialNumber".into(),
        [0x55, 0x04, 0x06] => "C".into(),
        [0x55, 0x04, 0x07] => "L".into(),
        [0x55, 0x04, 0x08] => "ST".into(),
        [0x55, 0x04, 0x0a] => "O".into(),
        [0x55, 0x04, 0x0b] => "OU".into(),
        EMAIL_ADDRESS => "emailAddress".into(),
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC".into(),
        oid => dotted(oid),
    };
    let value = match attribute.text() {
        Ok(Some(text)) => escape(text.as_bytes()),
        _ => escape(attribute.value),
    };
    format!("{kind}={value}")
}

/// The OBJECT IDENTIFIER in dotted form (X.690 8.19).
fn dotted(oid: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0u64;
    for &octet in oid {
        arc = arc.wrapping_shl(7) | u64::from(octet & 0x7f);
        if octet < 0x80 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(arc.to_string());
            arc = 0;
        }
    }
    arcs.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::test_der::{attribute, name};

    fn attribute_der(kind: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        attribute(&[0x55, 0x04, kind], tag, value)
    }

    fn cn(tag: u8, value: &[u8]) -> Vec<u8> {
        name(&[&[attribute_der(3, tag, value)]])
    }

    #[test]
    fn names_are_the_same_across_case_white_space_and_string_type() {
        let plain = cn(0x13, b"Example CA");
        for (other, same) in [
            (cn(0x0c, b"example ca"), true),
            (cn(0x0c, b"  EXAMPLE \t  CA "), true),
            (cn(0x14, b"Example CA"), true),
            (cn(0x16, b"Example CA"), true),
            (cn(0x1e, b"\0E\0x\0a\0m\0p\0l\0e\0 \0C\0A"), true),
            (cn(0x1c, b"\0\0\0E\0\0\0x\0\0\0a\0\0\0m\0\0\0p\0\0\0l\0\0\0e\0\0\0 \0\0\0C\0\0\0A"), true),
            (cn(0x0c, b"ExampleCA"), false),
            (cn(0x0c, b"Example CA\0"), false),
            (cn(0x04, b"Example CA"), false),
            (name(&[&[attribute_der(10, 0x13, b"Example CA")]]), false),
            (name(&[]), false),
        ] {
            assert_eq!(same_name(&plain, &other).unwrap(), same, "{other:?}");
            assert_eq!(same_name(&other, &plain).unwrap(), same, "{other:?}");
        }
        assert!(same_name(&cn(0x0c, "\u{c4}B".as_bytes()), &cn(0x0c, "\u{e4}b".as_bytes())).unwrap());
        assert!(same_name(&cn(0x14, b"\xc4B"), &cn(0x0c, "\u{e4}b".as_bytes())).unwrap());
    }

    #[test]
    fn an_rdn_is_a_set_and_a_name_is_a_sequence() {
        let (a, b) = (attribute_der(3, 0x13, b"a"), attribute_der(10, 0x13, b"b"));
        let both = name(&[&[a.clone(), b.clone()]]);
        let swapped = name(&[&[b.clone(), a.clone()]]);
        let apart = name(&[std::slice::from_ref(&a), std::slice::from_ref(&b)]);
        let reversed = name(&[std::slice::from_ref(&b), std::slice::from_ref(&a)]);
        assert!(same_name(&both, &swapped).unwrap());
        assert!(!same_name(&both, &apart).unwrap());
        assert!(!same_name(&apart, &reversed).unwrap());

        let canonical = |der: &[u8]| CanonicalName::parse(der).unwrap();
        let base = name(&[std::slice::from_ref(&a)]);
        assert!(canonical(&apart).is_within(&canonical(&base)));
        assert!(canonical(&apart).is_within(&canonical(&name(&[]))));
        assert!(!canonical(&base).is_within(&canonical(&apart)));
        assert!(!canonical(&both).is_within(&canonical(&base)), "part of an RDN is not an RDN");
        assert!(!canonical(&reversed).is_within(&canonical(&base)));
    }

    #[test]
    fn a_name_that_cannot_be_read_is_an_error_and_not_a_difference() {
        let good = cn(0x13, b"a");
        for bad in [
            vec![],
            vec![0x30, 0x02, 0x31, 0x00],
            cn(0x0c, b"\xff"),
            cn(0x1e, b"\0"),
            cn(0x1e, b"\xd8\x00"),
            cn(0x1c, b"\0\x11\0\0"),
            good[..good.len() - 1].to_vec(),
        ] {
            assert!(same_name(&good, &bad).is_err(), "{bad:?}");
            assert!(same_name(&bad, &good).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_reads_as_one_line() {
        let der = name(&[
            &[attribute_der(10, 0x13, b"Ex\nample"), attribute_der(99, 0x0c, b"x")],
            &[attribute_der(3, 0x1e, b"\0a")],
        ]);
        assert_eq!(name_text(&der), "O=Ex\\x0aample, 2.5.4.99=x, CN=a");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(name_text(&[0x30]), "");
    }
}
