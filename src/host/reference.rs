//! The reference identity: the host that the program asked for, normalised before anything is sent. What cannot be
//! verified against a certificate is refused here, with a hint that says how to write it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::error::{Error, Result, Status};
use crate::x509::dns::{DnsName, Flaw, MAX_NAME};
use crate::x509::email::EmailAddress;
use crate::x509::words::quote;

/// Whom a certificate must belong to (RFC 9525 6.1), in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A host by name: matched with dNSName entries only.
    Dns(DnsName),
    /// A host by address: matched with iPAddress entries only, octet by octet. An IPv4-mapped IPv6 address is not the
    /// IPv4 address.
    Ip(IpAddr),
    /// A person or service by e-mail address: matched with rfc822Name entries only.
    Email(EmailAddress),
}

impl Reference {
    /// The DNS name (ASCII, so A-labels for international names) or IP address in `text`.
    pub fn parse(text: &str) -> Result<Reference> {
        Reference::parse_bytes(text.as_bytes())
    }

    /// The same for bytes of unknown encoding, such as a C string.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Reference> {
        if let Some(address) = ip_address(bytes) {
            return Ok(Reference::Ip(address));
        }
        DnsName::parse(bytes).map(Reference::Dns).map_err(|flaw| refuse(bytes, &flaw))
    }

    /// What a certificate can be checked for without a connection: all that [`Reference::parse`] takes, or
    /// "email:user@host".
    #[cfg(any(test, feature = "internals"))]
    pub fn parse_any(text: &str) -> Result<Reference> {
        Reference::parse_any_bytes(text.as_bytes())
    }

    /// [`Reference::parse_any`] for bytes of unknown encoding, such as a C string.
    pub fn parse_any_bytes(bytes: &[u8]) -> Result<Reference> {
        if let Some(address) = bytes.strip_prefix(b"email:") {
            return EmailAddress::parse(address).map(Reference::Email).ok_or_else(|| refuse_email(address));
        }
        Reference::parse_bytes(bytes)
    }

    /// The identity as text: the name in lower case, the address in its canonical form (RFC 5952).
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Reference::Dns(name) => Cow::Borrowed(name.as_str()),
            Reference::Ip(address) => Cow::Owned(address.to_string()),
            Reference::Email(address) => Cow::Borrowed(address.as_str()),
        }
    }

    /// The server name to send in the ClientHello: RFC 6066 3 permits DNS names only, never an address.
    pub fn sni(&self) -> Option<&str> {
        match self {
            Reference::Dns(name) => Some(name.as_str()),
            Reference::Ip(_) | Reference::Email(_) => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The normal form of an ASCII host, as text.
pub fn normalize(text: &str) -> Result<String> {
    Reference::parse(text).map(|reference| reference.text().into_owned())
}

/// The normal form of a host that may hold U-labels, by IDNA 2008 with the mapping of UTS 46, non-transitional:
/// "faß.de" is "xn--fa-hia.de" and not "fass.de".
pub fn to_ascii(text: &str) -> Result<String> {
    if text.is_ascii() {
        return normalize(text);
    }
    let ascii = a_labels(text).ok_or_else(|| {
        bad(text.as_bytes(), "is not a valid international domain name").with_hint("check the spelling of the name")
    })?;
    normalize(&ascii)
}

fn a_labels(text: &str) -> Option<String> {
    let ascii =
        Uts46::new().to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast, DnsLength::Ignore);
    ascii.ok().map(Cow::into_owned)
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn bracketed(bytes: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(bytes.strip_prefix(b"[")?.strip_suffix(b"]")?).ok()?.parse().ok()
}

fn bad(host: &[u8], what: &str) -> Error {
    Error::new(Status::EBadHost, format!("the host {} {what}", quote(host))).with_host(crate::x509::words::escape(host))
}

fn refuse_email(address: &[u8]) -> Error {
    let message = format!("{} is not an e-mail address that can be verified", quote(address));
    Error::new(Status::EBadHost, message)
        .with_host(crate::x509::words::escape(address))
        .with_hint("write it as email:user@host in ASCII, with a host name after the @")
}

/// Says what is wrong with `host` and how to write it right. The habits that bring a host here are few (a URL, a port,
/// brackets, a zone), so each gets its own words before the plain syntax error does.
fn refuse(host: &[u8], flaw: &Flaw) -> Error {
    if host.is_empty() {
        return Error::new(Status::EBadHost, "the host is empty")
            .with_host("")
            .with_hint("pass the name or address of the host that the certificate must belong to");
    }
    if host.contains(&0) {
        return bad(host, "has a NUL byte in it").with_hint("pass the name alone, with its exact length");
    }
    if let Ok(text) = std::str::from_utf8(host)
        && !text.is_ascii()
    {
        let refused = bad(host, "has characters outside of ASCII in it");
        return match a_labels(text).filter(|ascii| Reference::parse(ascii).is_ok()) {
            Some(ascii) => refused.with_hint(format!("pass its A-label form, \"{ascii}\"")),
            None => refused.with_hint("convert an international name to its A-label form (xn--...) first"),
        };
    }
    habit(host).unwrap_or_else(|| syntax(host, flaw))
}

fn habit(host: &[u8]) -> Option<Error> {
    let text = std::str::from_utf8(host).ok()?;
    let only = |good: &str, else_hint: &str| match Reference::parse(good) {
        Ok(reference) => format!("pass only \"{reference}\""),
        Err(_) => else_hint.to_string(),
    };
    if bracketed(host).is_some() {
        let address = text.trim_start_matches('[').trim_end_matches(']');
        return Some(bad(host, "is an address in brackets").with_hint(only(address, "")));
    }
    if text.contains('/') {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        return Some(bad(host, "is a URL or a path").with_hint(only(name, "pass only the host's name")));
    }
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        let hint = format!("{}; no certificate can hold a zone", only(address, ""));
        return Some(bad(host, "has an IPv6 zone in it").with_hint(hint));
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (!name.contains(':') || name.ends_with(']'))
    {
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let hint = format!("{} and give the port separately", only(name, "pass only the host's name"));
        return Some(bad(host, "has a port in it").with_hint(hint));
    }
    if text.contains('@') {
        return Some(bad(host, "has an @ in it").with_hint("pass only what follows the @"));
    }
    if text.contains('*') {
        let hint = "pass the one name that is meant; a wildcard can stand in a certificate only";
        return Some(bad(host, "has a * in it").with_hint(hint));
    }
    let trimmed = text.trim();
    if trimmed != text {
        return Some(bad(host, "has white space around it").with_hint(only(trimmed, "remove the white space")));
    }
    None
}

fn syntax(host: &[u8], flaw: &Flaw) -> Error {
    match flaw {
        Flaw::Empty => bad(host, "is empty"),
        Flaw::LeadingDot => bad(host, "begins with a dot").with_hint("a name suffix is not a host; pass the full name"),
        Flaw::EmptyLabel => bad(host, "has an empty label in it").with_hint("remove the surplus dot"),
        Flaw::TooLong(length) => bad(host, &format!("has {length} characters, and a DNS name has at most {MAX_NAME}")),
        Flaw::LabelTooLong(label) => {
            bad(host, &format!("has a label of {} characters, and a label has at most 63", label.len()))
        }
        Flaw::Hyphen(label) => {
            bad(host, &format!("has the label {}, which begins or ends with a hyphen", quote(label)))
        }
        Flaw::Byte(byte) => bad(host, &format!("has the character {} in it", quote(&[*byte])))
            .with_hint("a host name has letters, digits, hyphens and dots only"),
        Flaw::Numeric => numeric(host),
    }
}

/// Resolvers read "127.1", "0x7f.1" and "0177.0.0.1" as addresses, and not all as the same one.
fn numeric(host: &[u8]) -> Error {
    let refused = bad(host, "ends in a number but is not an IP address in its usual form");
    let text = std::str::from_utf8(host).unwrap_or_default();
    let octets: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let plain = |octet: &&str| octet.parse::<u8>().is_ok();
    match octets.as_slice() {
        [_, _, _, _] if octets.iter().all(plain) => {
            let ambiguous = octets.iter().any(|octet| octet.len() > 1 && octet.starts_with('0'));
            let octets: Vec<u8> = octets.iter().filter_map(|octet| octet.parse().ok()).collect();
            match <[u8; 4]>::try_from(octets) {
                Ok(octets) if !ambiguous => refused.with_hint(format!("pass \"{}\"", Ipv4Addr::from(octets))),
                _ => refused.with_hint("write the octets without leading zeros; some programs read those as octal"),
            }
        }
        _ => refused.with_hint("write the address as four decimal numbers, such as \"127.0.0.1\""),
    }
}

/// What a policy may change in the matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchRules {
    /// Reads the common name where no subjectAltName names a server, exactly one common name, and that is a plain DNS
    /// name. RFC 9525 2 forbids it; it is for old devices.
    pub cn_fallback: bool,
    /// Lets `*` stand for a whole left-most label.
    pub wildcards: bool,
}

impl Default for MatchRules {
    fn default() -> MatchRules {
        MatchRules { cn_fallback: false, wildcards: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_normalised_to_a_name_or_an_address() {
        for (given, normal) in [
            ("Example.COM.", "example.com"),
            ("localhost", "localhost"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::0.1.0.2", "::1:2"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(normalize(given).unwrap(), normal);
        }
        assert_eq!(Reference::parse("192.0.2.1").unwrap(), Reference::Ip(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(Reference::parse("A.example").unwrap().sni(), Some("a.example"));
        assert_eq!(Reference::parse("192.0.2.1").unwrap().sni(), None);
        assert_eq!(Reference::parse("::1").unwrap().sni(), None);
    }

    #[test]
    fn what_cannot_be_verified_is_refused_with_a_hint_that_says_how_to_write_it() {
        for (host, message, hint) in [
            (&b""[..], "the host is empty", "pass the name or address"),
            (b"h:443", "the host \"h:443\" has a port in it", "pass only \"h\" and give the port separately"),
            (b"[::1]:443", "has a port in it", "pass only \"::1\" and give the port separately"),
            (b"http://h/", "is a URL or a path", "pass only \"h\""),
            (b"https://[::1]:8443/x", "is a URL or a path", "pass only \"::1\""),
            (b"[::1]", "is an address in brackets", "pass only \"::1\""),
            (b"fe80::1%eth0", "has an IPv6 zone in it", "pass only \"fe80::1\"; no certificate can hold a zone"),
            (b".a.b", "begins with a dot", "pass the full name"),
            (b"a..b", "has an empty label in it", "remove the surplus dot"),
            (b".", "has an empty label in it", "remove the surplus dot"),
            (b"127.1", "ends in a number", "\"127.0.0.1\""),
            (b"0x7f.1", "ends in a number", "four decimal numbers"),
            (b"127.000.000.001", "ends in a number", "without leading zeros"),
            (b"127.0.0.1.", "ends in a number", "pass \"127.0.0.1\""),
            (b"256.1.1.1", "ends in a number", "four decimal numbers"),
            (b"*.example.com", "has a * in it", "a wildcard can stand in a certificate only"),
            (b"user@example.com", "has an @ in it", "what follows the @"),
            (
                b" example.com\n",
                "the host \" example.com\\x0a\" has white space around it",
                "pass only \"example.com\"",
            ),
            (b"exa mple.com", "has the character \" \" in it", "letters, digits"),
            (b"good.example\0.evil.example", "good.example\\x00.evil.example\" has a NUL byte", "exact length"),
            ("fa\u{df}.de".as_bytes(), "outside of ASCII", "pass its A-label form, \"xn--fa-hia.de\""),
            (b"fa\xdf.de", "has the character \"\\xdf\" in it", "letters, digits"),
            (b"-a.example", "has the label \"-a\", which begins or ends with a hyphen", ""),
            (b"1::2::3", "has the character \":\" in it", ""),
            (b"::1 ", "has white space around it", "pass only \"::1\""),
        ] {
            let error = Reference::parse_bytes(host).unwrap_err();
            assert_eq!(error.status(), Status::EBadHost);
            assert!(error.message().contains(message), "{}", error.message());
            assert!(error.hint().contains(hint), "{}: {}", error.message(), error.hint());
            assert!(error.message().bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", error.message());
            assert!(error.host().is_some());
        }
        let long = format!("{}.example", "a".repeat(64));
        assert!(Reference::parse(&long).unwrap_err().message().contains("has a label of 64 characters"));
        let long = ["a"; 128].join(".");
        assert!(Reference::parse(&long).unwrap_err().message().contains("has 255 characters"));
    }

    #[test]
    fn a_check_without_connection_also_takes_email_addresses() {
        let reference = Reference::parse_any("email:User@Example.com").unwrap();
        assert_eq!(reference.to_string(), "User@example.com");
        assert!(matches!(reference, Reference::Email(_)));
        assert_eq!(reference.sni(), None);
        let brackets = Reference::parse_any("[2001:db8::1]").unwrap_err();
        assert_eq!(brackets.message(), Reference::parse("[2001:db8::1]").unwrap_err().message());
        assert_eq!(brackets.hint(), "pass only \"2001:db8::1\"");
        assert_eq!(Reference::parse_any("a.example").unwrap(), Reference::parse("a.example").unwrap());
        for refused in
            ["email:", "email:example.com", "email:a@b@c", "user@example.com", "[192.0.2.1]", "[localhost]", "[]"]
        {
            assert_eq!(Reference::parse_any(refused).unwrap_err().status(), Status::EBadHost, "{refused}");
        }
    }

    #[test]
    fn international_names_become_a_labels_without_transitional_mapping() {
        for (given, ascii) in [
            ("fa\u{df}.de", "xn--fa-hia.de"),
            ("B\u{fc}cher.Example", "xn--bcher-kva.example"),
            ("\u{4f8b}\u{3048}\u{3002}jp", "xn--r8jz45g.jp"),
            ("r3---sn.example.com", "r3---sn.example.com"),
            ("XN--FA-HIA.de", "xn--fa-hia.de"),
            ("\u{ff11}27.0.0.1", "127.0.0.1"),
            ("_a.b\u{fc}cher.example", "_a.xn--bcher-kva.example"),
        ] {
            assert_eq!(to_ascii(given).unwrap(), ascii);
        }
        for refused in
            ["a\u{2100}b.example", "\u{ff11}27.1", "\u{e4}b c.de", "\u{200d}.example", "", "\u{ad}", "xn--\u{e4}.de"]
        {
            assert_eq!(to_ascii(refused).unwrap_err().status(), Status::EBadHost, "{refused:?}");
        }
    }
}
