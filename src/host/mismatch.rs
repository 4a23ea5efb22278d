//! The words for a certificate that belongs to someone else: whom it is for, whom it is not for, and what the reader
//! can do about it. Nothing here decides; the verdict has been given.

use std::net::IpAddr;

use crate::error::{Error, Status};
use crate::host::matching::MatchRules;
use crate::host::reference::Reference;
use crate::x509::general_name::{GeneralName, GeneralNames};
use crate::x509::presented::{Presented, ip_address, ip_text};
use crate::x509::words::{list, quote};

/// X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_EMAIL_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
const X509_HOSTNAME: i32 = 62;
const X509_EMAIL: i32 = 63;
const X509_IP: i32 = 64;

/// The error for `reference` and a certificate none of whose names it matched.
#[cold]
pub(crate) fn mismatch(reference: &Reference, presented: &Presented<'_>, rules: MatchRules) -> Error {
    let (code, names, kind) = match reference {
        Reference::Dns(_) => (X509_HOSTNAME, presented.names(), "host"),
        Reference::Ip(_) => (X509_IP, presented.names(), "host"),
        Reference::Email(_) => (X509_EMAIL, presented.emails(), "e-mail address"),
    };
    let message = if names.is_empty() {
        format!("the certificate names no {kind} in a subjectAltName, so it is not for \"{reference}\"")
    } else {
        // A few addresses among a hundred names would be cut from the list just when they are what matters.
        let is_address = |name: &&String| name.parse::<IpAddr>().is_ok();
        let (mut first, rest): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| is_address(name) == matches!(reference, Reference::Ip(_)));
        first.extend(rest);
        format!("the certificate is for {}, not for \"{reference}\"", list(first.into_iter().map(String::as_str)))
    };
    let hint = hint(reference, presented, rules, names.len());
    Error::new(Status::EHostMismatch, message)
        .with_hint(hint)
        .with_host(reference.text())
        .with_names(names)
        .with_x509_code(code)
}

fn hint(reference: &Reference, presented: &Presented<'_>, rules: MatchRules, names: usize) -> String {
    let ask = format!("ask the server's owner for a certificate that lists \"{reference}\"");
    let special = match reference {
        Reference::Dns(name) => dns_hint(name.as_str(), presented, rules, &ask),
        Reference::Ip(address) => ip_hint(*address, presented, &ask),
        Reference::Email(_) => Some(ask.replace("server", "address")),
    };
    special.unwrap_or_else(|| match names {
        0 => ask,
        1 => format!("connect with that name, or {ask}"),
        _ => format!("connect with one of these names, or {ask}"),
    })
}

fn dns_hint(host: &str, presented: &Presented<'_>, rules: MatchRules, ask: &str) -> Option<String> {
    if !presented.names_a_server() {
        return common_name_hint(host, presented, rules, ask);
    }
    let mut addresses_only = true;
    for name in general_names(presented) {
        let GeneralName::Dns(name) = name else { continue };
        addresses_only = false;
        if name.strip_suffix(b".").is_some_and(|name| name.eq_ignore_ascii_case(host.as_bytes())) {
            let why = "a name in a certificate has no trailing dot, so this one counts for no host";
            return Some(format!("{}: {why}; {ask}", quote(name)));
        }
        if let Some(why) = wildcard_hint(host, name, rules) {
            return Some(format!("{}: {why}; {ask}", quote(name)));
        }
    }
    let addresses = addresses_only && !presented.names().is_empty();
    addresses.then(|| format!("connect with an address that the certificate lists, or {ask}"))
}

/// Why the wildcard `name` does not cover `host` although a reader may think so.
fn wildcard_hint(host: &str, name: &[u8], rules: MatchRules) -> Option<&'static str> {
    let star = name.iter().position(|&byte| byte == b'*')?;
    let (label, base) = match name.iter().position(|&byte| byte == b'.') {
        Some(dot) if dot > star => name.split_at_checked(dot)?,
        _ => return None,
    };
    let inside = host.len() > base.len()
        && host.as_bytes().get(host.len() - base.len()..).is_some_and(|end| end.eq_ignore_ascii_case(base));
    let at_base = base.strip_prefix(b".").is_some_and(|base| base.eq_ignore_ascii_case(host.as_bytes()));
    if !inside && !at_base {
        return None;
    }
    if label != b"*" {
        return Some("a star counts only as a whole label");
    }
    if base.iter().filter(|&&byte| byte == b'.').count() < 2 {
        return Some("a star counts only with two labels or more after it");
    }
    if !rules.wildcards {
        return Some("this policy takes no wildcards");
    }
    if host.contains('_') {
        return Some("a star does not stand for a name with an underscore");
    }
    Some("a star stands for exactly one label")
}

fn common_name_hint(host: &str, presented: &Presented<'_>, rules: MatchRules, ask: &str) -> Option<String> {
    let common_name = presented.common_name().ok()??.value;
    let covered = common_name.eq_ignore_ascii_case(host.as_bytes())
        || common_name.strip_prefix(b"*").is_some_and(|base| {
            host.split_once('.').is_some_and(|(label, _)| {
                host.as_bytes().get(label.len()..).is_some_and(|rest| rest.eq_ignore_ascii_case(base))
            })
        });
    if !covered {
        return None;
    }
    let stands = format!("{} stands only in the common name, which is no longer read (RFC 9525)", quote(common_name));
    Some(if rules.cn_fallback {
        format!("{stands} and counts in the fallback for old devices only without a wildcard; {ask} as subjectAltName")
    } else {
        format!("{stands}: {ask} as subjectAltName, or for an old device choose a policy with \"+cn-fallback\"")
    })
}

fn ip_hint(address: IpAddr, presented: &Presented<'_>, ask: &str) -> Option<String> {
    let ask = format!("{ask} as an iPAddress");
    let is_address = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) == Some(address);
    if presented.common_name().ok().flatten().is_some_and(|common_name| is_address(common_name.value)) {
        return Some(format!("the address stands only in the common name, which is not read; {ask}"));
    }
    let other_form = match address {
        IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    };
    let mut has_dns = false;
    for name in general_names(presented) {
        match name {
            GeneralName::Dns(name) if is_address(name) => {
                return Some(format!(
                    "the certificate lists the address as text, as a dNSName, which counts for nothing; {ask}"
                ));
            }
            GeneralName::Dns(_) => has_dns = true,
            GeneralName::Ip(octets) if other_form.is_some() && ip_address(octets) == other_form => {
                let text = ip_text(octets);
                return Some(format!(
                    "to a certificate \"{text}\" is another address; connect with \"{text}\", or {ask}"
                ));
            }
            _ => {}
        }
    }
    Some(if has_dns {
        format!("connect with a name that the certificate lists in place of the address, or {ask}")
    } else {
        ask
    })
}

fn general_names<'a>(presented: &Presented<'a>) -> impl Iterator<Item = GeneralName<'a>> {
    let names = presented.san.and_then(|san| GeneralNames::new(san).ok());
    names.into_iter().flatten().map_while(Result::ok)
}
