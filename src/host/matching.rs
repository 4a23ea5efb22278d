//! Decides whether a certificate belongs to the host that was asked for, by RFC 9525 6. It is pure, it works on the
//! bytes of the certificate, and until there is something to complain about it allocates nothing.

use std::fmt;
use std::net::IpAddr;

use crate::error::Result;
use crate::host::mismatch::mismatch;
use crate::host::reference::Reference;
use crate::x509::dns::DnsName;
use crate::x509::email::EmailAddress;
use crate::x509::general_name::{GeneralName, GeneralNames};
use crate::x509::presented::{Presented, bad_certificate, ip_address, malformed_san};
use crate::x509::words::{escape, quote};

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

/// The presented identifier that the reference identity matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched<'a> {
    /// A dNSName entry, as it stands in the certificate: possibly a wildcard.
    Dns(&'a [u8]),
    /// An iPAddress entry.
    Ip(IpAddr),
    /// An rfc822Name entry.
    Email(&'a [u8]),
    /// The common name, by [`MatchRules::cn_fallback`].
    CommonName(&'a [u8]),
}

impl fmt::Display for Matched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matched::Dns(name) | Matched::Email(name) | Matched::CommonName(name) => f.write_str(&escape(name)),
            Matched::Ip(address) => address.fmt(f),
        }
    }
}

/// Finds the name of the certificate that is the host asked for. A certificate whose names are damaged, or hold a byte
/// that only an attack puts there, is refused even if another of its names would match.
pub fn check<'a>(reference: &Reference, presented: &Presented<'a>, rules: MatchRules) -> Result<Matched<'a>> {
    let matched = match (presented.san, reference) {
        (Some(san), Reference::Dns(name)) => {
            search(san, true, |presented| dns_matches(name, presented, rules.wildcards))?
        }
        (Some(san), Reference::Ip(address)) => search(san, false, |presented| ip_matches(*address, presented))?,
        (Some(san), Reference::Email(address)) => search(san, true, |presented| email_matches(address, presented))?,
        (None, _) => None,
    };
    let matched = match (matched, reference) {
        (None, Reference::Dns(name)) if rules.cn_fallback && !presented.names_a_server() => {
            common_name_matches(name, presented)?
        }
        (matched, _) => matched,
    };
    matched.ok_or_else(|| mismatch(reference, presented, rules))
}

/// Reads all names, also those after a match. `as_text` says that the reference identity is compared as text, so that
/// every textual name must be free of the forgeries that text can carry; octets of addresses have none.
#[inline]
fn search<'a>(
    san: &'a [u8],
    as_text: bool,
    matches: impl Fn(GeneralName<'a>) -> Option<Matched<'a>>,
) -> Result<Option<Matched<'a>>> {
    let mut matched = None;
    // One pass over the whole extension is cheaper than one for each name, and mostly finds no NUL at all.
    let may_hold_nul = as_text && has_nul(san);
    for name in GeneralNames::new(san).map_err(|_| malformed_san())? {
        let name = name.map_err(|_| malformed_san())?;
        if as_text {
            refuse_forgery(name, may_hold_nul)?;
        }
        if matched.is_none() {
            matched = matches(name);
        }
    }
    Ok(matched)
}

/// A NUL ends the name early for whoever treats it as a C string, and " " is how RFC 5280 4.2.1.6 spells a dNSName that
/// must not be used.
#[inline]
fn refuse_forgery(name: GeneralName<'_>, may_hold_nul: bool) -> Result<()> {
    let (GeneralName::Dns(text) | GeneralName::Email(text) | GeneralName::Uri(text)) = name else { return Ok(()) };
    if may_hold_nul && has_nul(text) {
        return Err(bad_certificate(format!("the certificate's name {} has a NUL byte in it", quote(text))));
    }
    if text == b" " {
        return Err(bad_certificate("the certificate has a single space in place of a name"));
    }
    Ok(())
}

/// Without an early end, so that it compiles to vector instructions.
#[inline]
fn has_nul(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | (byte == 0))
}

/// Equal but for ASCII case. Most certificates are in lower case, and comparing memory is the cheaper question.
#[inline]
fn same(presented: &[u8], lower_case: &[u8]) -> bool {
    presented.len() == lower_case.len() && (presented == lower_case || presented.eq_ignore_ascii_case(lower_case))
}

#[inline]
fn dns_matches<'a>(name: &DnsName, presented: GeneralName<'a>, wildcards: bool) -> Option<Matched<'a>> {
    let GeneralName::Dns(presented) = presented else { return None };
    let matches = match presented {
        [b'*', rest @ ..] => wildcards && name.parent().is_some_and(|parent| same(rest, parent)),
        _ => same(presented, name.as_str().as_bytes()),
    };
    matches.then_some(Matched::Dns(presented))
}

#[inline]
fn ip_matches(address: IpAddr, presented: GeneralName<'_>) -> Option<Matched<'_>> {
    let GeneralName::Ip(octets) = presented else { return None };
    ip_address(octets).filter(|&presented| presented == address).map(Matched::Ip)
}

#[inline]
fn email_matches<'a>(address: &EmailAddress, presented: GeneralName<'a>) -> Option<Matched<'a>> {
    let GeneralName::Email(presented) = presented else { return None };
    address.is_presented_as(presented).then_some(Matched::Email(presented))
}

fn common_name_matches<'a>(name: &DnsName, presented: &Presented<'a>) -> Result<Option<Matched<'a>>> {
    let common_name = presented.common_name()?.filter(|common_name| common_name.is_ascii_compatible());
    let common_name = common_name.map(|common_name| common_name.value);
    Ok(common_name.filter(|text| text.eq_ignore_ascii_case(name.as_str().as_bytes())).map(Matched::CommonName))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
