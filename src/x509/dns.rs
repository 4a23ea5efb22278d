//! DNS names as a host may be asked for and as a certificate may present them. This file knows syntax only; it decides
//! nothing about who matches whom.

use std::fmt;

/// RFC 1035 2.3.4: 255 octets on the wire are 253 characters of text.
pub(crate) const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// A DNS name in its normal form: lower case ASCII, no trailing dot, every label valid, never an address in disguise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsName {
    text: Box<str>,
    /// Where the part that a wildcard would have to equal begins (its dot included), if a wildcard may stand for the
    /// first label at all: at least two labels must follow it, and the name must be one that a host can have (RFC 1123
    /// 2.1). Names with an underscore are those of services, and no wildcard is meant for them.
    parent: Option<u16>,
}

impl DnsName {
    /// `name` in lower case and without its one trailing dot.
    pub(crate) fn parse(name: &[u8]) -> Result<DnsName, Flaw> {
        let name = name.strip_suffix(b".").filter(|rest| !rest.is_empty()).unwrap_or(name);
        check_labels(name, MAX_NAME)?;
        if is_numeric(last_label(name)) {
            return Err(Flaw::Numeric);
        }
        let text: String = name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        let dot = name.iter().position(|&byte| byte == b'.');
        let parent = dot.filter(|&dot| name.iter().skip(dot + 1).any(|&byte| byte == b'.') && !name.contains(&b'_'));
        Ok(DnsName { text: text.into_boxed_str(), parent: parent.and_then(|dot| u16::try_from(dot).ok()) })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What must follow the `*` of a wildcard that covers this name: ".example.com" for "www.example.com".
    #[inline]
    pub(crate) fn parent(&self) -> Option<&[u8]> {
        self.text.as_bytes().get(usize::from(self.parent?)..)
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a DNS name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Empty,
    LeadingDot,
    EmptyLabel,
    TooLong(usize),
    LabelTooLong(Vec<u8>),
    Hyphen(Vec<u8>),
    Byte(u8),
    Numeric,
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63, not more than `max` in all. The underscore is outside
/// of RFC 952, but names with it are in use, and refusing them protects nobody.
pub(crate) fn check_labels(name: &[u8], max: usize) -> Result<(), Flaw> {
    if name.is_empty() {
        return Err(Flaw::Empty);
    }
    if let Some(&byte) = name.iter().find(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte)) {
        return Err(Flaw::Byte(byte));
    }
    if name.len() > max {
        return Err(Flaw::TooLong(name.len()));
    }
    for (index, label) in name.split(|&byte| byte == b'.').enumerate() {
        match label {
            [] if index == 0 && name.len() > 1 => return Err(Flaw::LeadingDot),
            [] => return Err(Flaw::EmptyLabel),
            _ if label.len() > MAX_LABEL => return Err(Flaw::LabelTooLong(label.to_vec())),
            [b'-', ..] | [.., b'-'] => return Err(Flaw::Hyphen(label.to_vec())),
            _ => {}
        }
    }
    Ok(())
}

/// Whether `name` may stand in a certificate as a dNSName (RFC 9525 6.3 and 7.1): a DNS name without trailing dot, of
/// which the whole left-most label may be `*`.
#[cfg(any(test, feature = "internals"))]
pub fn is_dns_id(name: &[u8]) -> bool {
    let base = name.strip_prefix(b"*.").unwrap_or(name);
    name.len() <= MAX_NAME && check_labels(base, MAX_NAME).is_ok() && !is_numeric(last_label(base))
}

fn last_label(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'.').next().unwrap_or(name)
}

/// A last label that inet_aton(3), and with it most resolvers, reads as a number, so that the whole is an address.
fn is_numeric(label: &[u8]) -> bool {
    let hexadecimal = matches!(label, [b'0', b'x' | b'X', rest @ ..] if rest.iter().all(u8::is_ascii_hexdigit));
    hexadecimal || label.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dns_name_is_kept_in_lower_case_without_its_trailing_dot() {
        for (given, normal) in [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("a", "a"),
            ("localhost", "localhost"),
            ("_sip._tcp.example.com", "_sip._tcp.example.com"),
            ("r3---sn-a5m.example.com", "r3---sn-a5m.example.com"),
            ("xn--fa-hia.de", "xn--fa-hia.de"),
            ("3com.com", "3com.com"),
            ("0xcafe.de", "0xcafe.de"),
        ] {
            assert_eq!(DnsName::parse(given.as_bytes()).map(|name| name.to_string()), Ok(normal.to_string()));
        }
        let longest = [&["a".repeat(63).as_str(); 3][..], &["b".repeat(61).as_str()]].concat().join(".");
        assert_eq!(longest.len(), 253);
        assert!(DnsName::parse(longest.as_bytes()).is_ok());
        assert!(DnsName::parse(format!("{longest}.").as_bytes()).is_ok());
    }

    #[test]
    fn what_is_not_a_dns_name_is_refused_with_the_flaw_it_has() {
        let label = "a".repeat(64);
        let long = [&["a".repeat(63).as_str(); 3][..], &["b".repeat(62).as_str()]].concat().join(".");
        for (given, flaw) in [
            ("", Flaw::Empty),
            (".", Flaw::EmptyLabel),
            ("..", Flaw::EmptyLabel),
            ("...", Flaw::LeadingDot),
            (".a.b", Flaw::LeadingDot),
            ("a..b", Flaw::EmptyLabel),
            ("a.b..", Flaw::EmptyLabel),
            ("-a.b", Flaw::Hyphen(b"-a".to_vec())),
            ("a.b-", Flaw::Hyphen(b"b-".to_vec())),
            ("a b", Flaw::Byte(b' ')),
            ("a\0b", Flaw::Byte(0)),
            ("*.a.b", Flaw::Byte(b'*')),
            ("f\u{e4}.de", Flaw::Byte(0xc3)),
            (&format!("{label}.b"), Flaw::LabelTooLong(label.as_bytes().to_vec())),
            (&long, Flaw::TooLong(254)),
            ("127.1", Flaw::Numeric),
            ("1", Flaw::Numeric),
            ("127.0.0.1.", Flaw::Numeric),
            ("0x7f.1", Flaw::Numeric),
            ("0x7f000001", Flaw::Numeric),
            ("example.0X1F", Flaw::Numeric),
            ("127.000.000.001", Flaw::Numeric),
        ] {
            assert_eq!(DnsName::parse(given.as_bytes()), Err(flaw), "{given}");
        }
    }

    #[test]
    fn a_wildcard_needs_two_labels_after_it_and_the_name_of_a_host() {
        let parent = |name: &str| DnsName::parse(name.as_bytes()).map(|name| name.parent().map(<[u8]>::to_vec));
        assert_eq!(parent("www.example.com"), Ok(Some(b".example.com".to_vec())));
        assert_eq!(parent("a.b.example.com"), Ok(Some(b".b.example.com".to_vec())));
        assert_eq!(parent("example.com"), Ok(None));
        assert_eq!(parent("com"), Ok(None));
        assert_eq!(parent("_sip.example.com"), Ok(None));
        assert_eq!(parent("www.under_score.example"), Ok(None));
    }
}
