//! One subtree of a name constraint (RFC 5280 4.2.1.10) and whether a name lies in it. Permitting asks whether the
//! subtree *covers* all that the name stands for; excluding asks whether it *touches* any of it. The two differ for
//! wildcards, and mixing them up is how excluded hosts were certified (CVE-2025-61727).

use crate::x509::dns::check_labels;
use crate::x509::email::Mailbox;
use crate::x509::general_name::GeneralName;
use crate::x509::name::{CanonicalName, name_text};
use crate::x509::presented::ip_text;
use crate::x509::words::{escape, quote};

/// RFC 1035 2.3.4 in octets: a base is no name itself, so the two octets that a name needs on the wire do not count.
const MAX_BASE: usize = 255;

/// The base of a subtree, checked and in the form that comparing needs.
#[derive(Clone, Debug)]
pub(super) enum Subtree<'a> {
    Dns(&'a [u8]),
    /// One mailbox.
    Mailbox(Mailbox<'a>),
    /// All mailboxes of one host, of all hosts below a domain (leading dot), or of all hosts (empty).
    EmailHost(&'a [u8]),
    /// One host, all hosts below a domain (leading dot), or all hosts (empty).
    Uri(&'a [u8]),
    Ip(Network<'a>),
    Directory(CanonicalName, &'a [u8]),
    /// A form for which RFC 5280 defines no comparison.
    Other(Form),
}

/// An address and a contiguous mask of the same length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'a> {
    address: &'a [u8],
    mask: &'a [u8],
}

/// The forms of names. A subtree says nothing about names of another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Dns,
    Email,
    Uri,
    Ip,
    Directory,
    OtherName,
    X400,
    EdiParty,
    RegisteredId,
}

pub(super) fn form_of(name: GeneralName<'_>) -> Form {
    match name {
        GeneralName::Dns(_) => Form::Dns,
        GeneralName::Email(_) => Form::Email,
        GeneralName::Uri(_) => Form::Uri,
        GeneralName::Ip(_) => Form::Ip,
        GeneralName::Directory(_) => Form::Directory,
        GeneralName::Other(_) => Form::OtherName,
        GeneralName::X400(_) => Form::X400,
        GeneralName::EdiParty(_) => Form::EdiParty,
        GeneralName::RegisteredId(_) => Form::RegisteredId,
    }
}

impl<'a> Subtree<'a> {
    /// The subtree with base `base`, or what is wrong with it.
    pub(super) fn new(base: GeneralName<'a>) -> Result<Subtree<'a>, String> {
        match base {
            GeneralName::Dns(base) if is_dns_constraint(base) => Ok(Subtree::Dns(base)),
            GeneralName::Dns(base) => Err(format!("{} is not a valid DNS subtree", quote(base))),
            GeneralName::Email(base) => match Mailbox::parse(base) {
                Some(mailbox) => Ok(Subtree::Mailbox(mailbox)),
                None if is_host_constraint(base) => Ok(Subtree::EmailHost(base)),
                None => Err(format!("{} is not a valid subtree of e-mail addresses", quote(base))),
            },
            GeneralName::Uri(base) if is_host_constraint(base) => Ok(Subtree::Uri(base)),
            GeneralName::Uri(base) => Err(format!("{} is not a valid subtree of URIs", quote(base))),
            GeneralName::Ip(base) => Network::parse(base).map(Subtree::Ip),
            GeneralName::Directory(base) => match CanonicalName::parse(base) {
                Ok(canonical) => Ok(Subtree::Directory(canonical, base)),
                Err(_) => Err("a directory name among the subtrees is malformed".into()),
            },
            other => Ok(Subtree::Other(form_of(other))),
        }
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Subtree::Dns(_) => Form::Dns,
            Subtree::Mailbox(_) | Subtree::EmailHost(_) => Form::Email,
            Subtree::Uri(_) => Form::Uri,
            Subtree::Ip(_) => Form::Ip,
            Subtree::Directory(..) => Form::Directory,
            Subtree::Other(form) => *form,
        }
    }

    /// Whether everything that `name` stands for lies in this subtree.
    pub(super) fn covers(&self, name: &Subject<'_>) -> bool {
        match (self, name) {
            (Subtree::Dns(base), Subject::Dns(name)) => dns_covers(base, name),
            (Subtree::Mailbox(base), Subject::Email(name)) => base.is_same(name),
            (Subtree::EmailHost(base), Subject::Email(name)) => host_covers(base, name.domain),
            (Subtree::Uri(base), Subject::UriHost(host)) => host_covers(base, host),
            (Subtree::Ip(network), Subject::Ip(octets)) => network.contains(octets),
            (Subtree::Directory(base, _), Subject::Directory(name)) => name.is_within(base),
            _ => false,
        }
    }

    /// Whether anything that `name` stands for lies in this subtree.
    pub(super) fn touches(&self, name: &Subject<'_>) -> bool {
        let below_wildcard = match (self, name) {
            (Subtree::Dns(base), Subject::Dns([b'*', parent @ ..])) => is_one_label_below(base, parent),
            _ => false,
        };
        below_wildcard || self.covers(name)
    }

    /// The subtree in words, fit to print.
    pub(super) fn text(&self) -> String {
        match self {
            Subtree::Dns(base) | Subtree::EmailHost(base) | Subtree::Uri(base) => escape(base),
            Subtree::Mailbox(mailbox) => format!("{}@{}", escape(mailbox.local), escape(mailbox.domain)),
            Subtree::Ip(network) => network.text(),
            Subtree::Directory(_, base) => name_text(base),
            Subtree::Other(form) => form.text().into(),
        }
    }
}

impl Form {
    pub(super) fn text(self) -> &'static str {
        match self {
            Form::Dns => "DNS names",
            Form::Email => "e-mail addresses",
            Form::Uri => "URIs",
            Form::Ip => "IP addresses",
            Form::Directory => "directory names",
            Form::OtherName => "names of type otherName",
            Form::X400 => "X.400 addresses",
            Form::EdiParty => "EDI party names",
            Form::RegisteredId => "registered identifiers",
        }
    }
}

/// A name of a certificate, checked and in the form that comparing needs.
#[derive(Debug)]
pub(super) enum Subject<'a> {
    Dns(&'a [u8]),
    Email(Mailbox<'a>),
    UriHost(&'a [u8]),
    Ip(&'a [u8]),
    Directory(CanonicalName),
}

impl<'a> Network<'a> {
    /// RFC 5280 4.2.1.10: eight octets for IPv4, thirty-two for IPv6, "in the style of RFC 4632", so the mask is a prefix.
    fn parse(base: &'a [u8]) -> Result<Network<'a>, String> {
        if base.len() != 8 && base.len() != 32 {
            return Err(format!("an IP subtree has {} octets", base.len()));
        }
        let (address, mask) = base.split_at(base.len() / 2);
        let ones: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
        let leading = mask.iter().position(|&octet| octet != 0xff).map_or(ones, |index| {
            let full = u32::try_from(index * 8).unwrap_or(u32::MAX);
            full + mask.get(index).map_or(0, |octet| octet.leading_ones())
        });
        let network = Network { address, mask };
        if ones == leading {
            Ok(network)
        } else {
            Err(format!("{} has a mask with holes", quote(network.text().as_bytes())))
        }
    }

    fn contains(&self, octets: &[u8]) -> bool {
        octets.len() == self.address.len()
            && octets
                .iter()
                .zip(self.address)
                .zip(self.mask)
                .all(|((octet, address), mask)| octet & mask == address & mask)
    }

    fn text(&self) -> String {
        format!("{}/{}", ip_text(self.address), ip_text(self.mask))
    }
}

/// RFC 5280: "host.example.com" with zero or more labels added to the left. The leading dot is not in the RFC's grammar,
/// but CAs use it as RFC 5280 does for URIs, for the names below the domain and not the domain itself. No top-level
/// domain has one character, so a suffix like ".a" is damage and no policy.
fn is_dns_constraint(base: &[u8]) -> bool {
    match base.strip_prefix(b".") {
        Some(domain) => domain.len() > 1 && check_labels(domain, MAX_BASE).is_ok(),
        None => base.is_empty() || check_labels(base, MAX_BASE).is_ok(),
    }
}

fn is_host_constraint(base: &[u8]) -> bool {
    base.is_empty() || check_labels(base.strip_prefix(b".").unwrap_or(base), MAX_BASE).is_ok()
}

/// `name` may begin with `*.`; the star then is a label like any other, which no constraint can hold, so only a base at
/// or above the wildcard's parent covers it.
fn dns_covers(base: &[u8], name: &[u8]) -> bool {
    if base.is_empty() {
        return true;
    }
    let Some(start) = name.len().checked_sub(base.len()) else { return false };
    let Some((before, end)) = name.split_at_checked(start) else { return false };
    let at_label =
        if base.starts_with(b".") { !before.is_empty() } else { before.is_empty() || before.ends_with(b".") };
    at_label && end.eq_ignore_ascii_case(base)
}

/// Whether `base` is one label followed by `parent`, which begins with a dot: one of the names of a wildcard.
fn is_one_label_below(base: &[u8], parent: &[u8]) -> bool {
    let label_end = base.iter().position(|&byte| byte == b'.').unwrap_or_default();
    label_end > 0 && base.get(label_end..).is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
}

/// The rule for the hosts of e-mail addresses and URIs: the host itself, or with a leading dot all hosts below it.
fn host_covers(base: &[u8], host: &[u8]) -> bool {
    match base {
        [] => true,
        [b'.', ..] => dns_covers(base, host),
        _ => host.eq_ignore_ascii_case(base),
    }
}
