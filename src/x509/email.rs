//! E-mail addresses as rfc822Name holds them: the Mailbox of RFC 5321 4.1.2, ASCII only. The local part belongs to the
//! host's owner and is compared octet by octet; only the host part ignores case.

use std::fmt;

use crate::x509::dns;

/// RFC 5321 4.5.3.1.1 and 4.5.3.1.2.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// An e-mail address in its normal form: the local part as it was given, the host part in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    text: Box<str>,
    at: usize,
}

impl EmailAddress {
    pub(crate) fn parse(text: &[u8]) -> Option<EmailAddress> {
        let mailbox = Mailbox::parse(text)?;
        let at = mailbox.local.len();
        let local = mailbox.local.iter().copied();
        let domain = mailbox.domain.iter().map(u8::to_ascii_lowercase);
        let text: String = local.chain([b'@']).chain(domain).map(char::from).collect();
        Some(EmailAddress { text: text.into_boxed_str(), at })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    #[cfg(any(test, feature = "internals"))]
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The host, in lower case.
    #[cfg(any(test, feature = "internals"))]
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// RFC 5280 4.2.1.6 with 7.5: an rfc822Name is this address if the local parts are equal and the hosts are equal
    /// but for case.
    pub(crate) fn is_presented_as(&self, rfc822_name: &[u8]) -> bool {
        rfc822_name.len() == self.text.len()
            && rfc822_name.get(..=self.at) == self.text.as_bytes().get(..=self.at)
            && rfc822_name.eq_ignore_ascii_case(self.text.as_bytes())
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An RFC 5321 Mailbox, cut in two. Address literals ("user@[192.0.2.1]") are not taken: RFC 5280 7.5 knows only hosts
/// that are domain names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox<'a> {
    pub(crate) local: &'a [u8],
    pub(crate) domain: &'a [u8],
}

impl<'a> Mailbox<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Option<Mailbox<'a>> {
        let at = if text.first() == Some(&b'"') { quoted_end(text)? } else { text.iter().position(|&b| b == b'@')? };
        let (local, domain) = text.split_at_checked(at)?;
        let domain = domain.strip_prefix(b"@")?;
        let local_is_valid = local.first() == Some(&b'"') || is_dot_string(local);
        let valid = local_is_valid && local.len() <= MAX_LOCAL && dns::check_labels(domain, MAX_DOMAIN).is_ok();
        valid.then_some(Mailbox { local, domain })
    }
}

impl Mailbox<'_> {
    /// Whether both mean one mailbox: quoting does not count (RFC 5321 4.1.2), nor does the case of the host.
    pub(crate) fn is_same(&self, other: &Mailbox<'_>) -> bool {
        self.domain.eq_ignore_ascii_case(other.domain) && unquoted(self.local).eq(unquoted(other.local))
    }
}

fn unquoted(local: &[u8]) -> impl Iterator<Item = u8> {
    let inner = local.strip_prefix(b"\"").and_then(|local| local.strip_suffix(b"\""));
    let mut octets = inner.unwrap_or(local).iter().copied();
    std::iter::from_fn(move || match octets.next() {
        Some(b'\\') if inner.is_some() => octets.next(),
        octet => octet,
    })
}

/// Where a quoted local part ends, its closing quote included. RFC 5280 names the Mailbox of RFC 2821, whose quoted
/// strings may hold control characters; NUL, CR, LF and TAB never stand for themselves in one.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut octets = text.iter().copied().enumerate().skip(1);
    loop {
        match octets.next()? {
            (index, b'"') => return Some(index + 1),
            (_, b'\\') => {
                octets.next().filter(|(_, escaped)| (0x20..0x7f).contains(escaped))?;
            }
            (_, 0 | b'\t' | b'\n' | b'\r' | 0x80..) => return None,
            _ => {}
        }
    }
}

/// RFC 5321 4.1.2: `Dot-string = Atom *("." Atom)`.
fn is_dot_string(local: &[u8]) -> bool {
    let is_atext = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(b);
    local.split(|&byte| byte == b'.').all(|atom| !atom.is_empty() && atom.iter().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mailboxes_are_addresses() {
        for address in [
            "user@example.com",
            "first.last+tag@example.com",
            "*@example.com",
            "user@localhost",
            "user@under_score.example",
            "\"a b\"@example.com",
            "\"a\\\"@b\"@example.com",
        ] {
            assert!(Mailbox::parse(address.as_bytes()).is_some(), "{address}");
        }
        for address in [
            "",
            "@",
            "example.com",
            "@example.com",
            "user@",
            "user@.example.com",
            "user@example.com.",
            "user@*.example.com",
            "user@a@b",
            ".user@example.com",
            "us..er@example.com",
            "us er@example.com",
            "user@example.com\0",
            "us\0er@example.com",
            "\"open@example.com",
            "\"a\"b@example.com",
            "\"a\nb\"@example.com",
            "\"a\\",
            "user@[192.0.2.1]",
            "\u{fc}ser@example.com",
        ] {
            assert_eq!(Mailbox::parse(address.as_bytes()), None, "{address}");
        }
        assert!(Mailbox::parse(format!("{}@example.com", "a".repeat(64)).as_bytes()).is_some());
        assert!(Mailbox::parse(format!("{}@example.com", "a".repeat(65)).as_bytes()).is_none());
    }

    #[test]
    fn a_mailbox_is_the_same_however_its_local_part_is_quoted() {
        let same =
            |a: &str, b: &str| Mailbox::parse(a.as_bytes()).unwrap().is_same(&Mailbox::parse(b.as_bytes()).unwrap());
        assert!(same("foo@example.com", "\"foo\"@EXAMPLE.com"));
        assert!(same("foo@example.com", "\"\\f\\o\\o\"@example.com"));
        assert!(same("\"a b\"@example.com", "\"a\\ b\"@example.com"));
        assert!(!same("foo@example.com", "Foo@example.com"));
        assert!(!same("foo@example.com", "\"foo \"@example.com"));
        assert!(!same("foo@example.com", "foo@example.net"));
    }

    #[test]
    fn the_host_of_an_address_ignores_case_and_the_local_part_does_not() {
        let address = EmailAddress::parse(b"User@Example.COM").unwrap();
        assert_eq!(
            (address.as_str(), address.local_part(), address.domain()),
            ("User@example.com", "User", "example.com")
        );
        for (presented, same) in [
            ("User@example.com", true),
            ("User@EXAMPLE.com", true),
            ("user@example.com", false),
            ("User@example.con", false),
            ("User@example.com.", false),
            ("User", false),
            ("", false),
        ] {
            assert_eq!(address.is_presented_as(presented.as_bytes()), same, "{presented}");
        }
    }
}
