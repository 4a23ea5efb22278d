//! The words for a certificate that belongs to someone else: whom it is for, whom it is not for, and what the reader
//! can do about it. Nothing here decides; the verdict has been given.

use std::net::IpAddr;

use crate::error::{Error, Status};
use crate::host::reference::{MatchRules, Reference, to_ascii};
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
    let message = if let Some(near) = near_miss(reference, presented, rules) {
        format!("the certificate lists {near}, so it is not for \"{reference}\"")
    } else if names.is_empty() {
        format!("the certificate names no {kind} in a subjectAltName, so it is not for \"{reference}\"")
    } else {
        // A few addresses among a hundred names would be cut from the list just when they are what matters.
        let is_address = |name: &&String| name.parse::<IpAddr>().is_ok();
        let (mut first, rest): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| is_address(name) == matches!(reference, Reference::Ip(_)));
        first.extend(rest);
        format!("the certificate is for {}, not for \"{reference}\"", list(first.into_iter().map(String::as_str)))
    };
    Error::new(Status::EHostMismatch, message)
        .with_hint(hint(reference, presented, rules))
        .with_host(reference.text())
        .with_names(names)
        .with_x509_code(code)
}

/// What stands in front of every remedy. None of the names in the certificate is ever one: whoever shows it chose them.
const IMPOSTOR: &str = "this may be an impostor; if it is not, ";

/// The hint for a certificate that does not match `reference`.
pub(crate) fn ask_owner(reference: &Reference) -> String {
    let form = if matches!(reference, Reference::Ip(_)) { " as an iPAddress" } else { "" };
    let owner = if matches!(reference, Reference::Email(_)) { "address" } else { "server" };
    format!("{IMPOSTOR}ask the {owner}'s owner for a certificate that lists \"{reference}\"{form}")
}

/// The error again, for a client that a server took for somebody else.
pub fn of_client(error: Error) -> Error {
    match (error.status(), error.host()) {
        (Status::EHostMismatch, Some(host)) => {
            let hint = format!(
                "this may be another client than the one that the server is to serve; if it is not, that client needs a \
                 certificate that lists \"{host}\""
            );
            error.with_hint(hint)
        }
        _ => error,
    }
}

fn hint(reference: &Reference, presented: &Presented<'_>, rules: MatchRules) -> String {
    let ask = ask_owner(reference);
    let more = match reference {
        Reference::Dns(name) if !presented.names_a_server() => common_name_hint(name.as_str(), presented, rules),
        Reference::Ip(address) => ip_hint(*address, presented),
        Reference::Dns(_) | Reference::Email(_) => None,
    };
    more.map_or_else(|| ask.clone(), |more| format!("{ask}{more}"))
}

/// A name that a reader takes for the one asked for, and why it does not count.
fn near_miss(reference: &Reference, presented: &Presented<'_>, rules: MatchRules) -> Option<String> {
    general_names(presented).find_map(|name| match (reference, name) {
        (Reference::Dns(host), GeneralName::Dns(name)) => near_name(host.as_str(), name, rules),
        (Reference::Ip(address), GeneralName::Dns(name)) if is_address(name, *address) => {
            Some(format!("{} as a dNSName, which stands for no address, and not as an iPAddress", quote(name)))
        }
        _ => None,
    })
}

fn near_name(host: &str, name: &[u8], rules: MatchRules) -> Option<String> {
    if name.strip_suffix(b".").is_some_and(|name| name.eq_ignore_ascii_case(host.as_bytes())) {
        return Some(format!("{} with a trailing dot, which makes it count for no host", quote(name)));
    }
    if let Some(why) = wildcard_miss(host, name, rules) {
        return Some(format!("{}, but {why}", quote(name)));
    }
    let text = std::str::from_utf8(name).ok().filter(|text| !text.is_ascii())?;
    let is_same = to_ascii(text).is_ok_and(|ascii| ascii == host);
    is_same.then(|| format!("{} in letters beyond ASCII, which make it count for no host (RFC 5280 7.2)", quote(name)))
}

fn is_address(text: &[u8], address: IpAddr) -> bool {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) == Some(address)
}

/// Why the wildcard `name` does not cover `host` although a reader may think so.
fn wildcard_miss(host: &str, name: &[u8], rules: MatchRules) -> Option<&'static str> {
    let star = name.iter().position(|&byte| byte == b'*')?;
    if name == b"*" {
        return Some("a star counts only with two labels or more after it");
    }
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
        return Some("wildcards are switched off");
    }
    if host.contains('_') {
        return Some("a star does not stand for a name with an underscore");
    }
    Some("a star stands for exactly one label")
}

fn common_name_hint(host: &str, presented: &Presented<'_>, rules: MatchRules) -> Option<String> {
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
        format!(" as subjectAltName; {stands} and counts in the fallback for old devices only without a wildcard")
    } else {
        format!(" as subjectAltName, or for an old device choose a policy with \"+cn-fallback\"; {stands}")
    })
}

fn ip_hint(address: IpAddr, presented: &Presented<'_>) -> Option<String> {
    if presented.common_name().ok().flatten().is_some_and(|common_name| is_address(common_name.value, address)) {
        return Some("; the address stands only in the common name, which is not read".to_owned());
    }
    let other_form = match address {
        IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    };
    let mut has_dns = false;
    for name in general_names(presented) {
        match name {
            GeneralName::Dns(_) => has_dns = true,
            GeneralName::Ip(octets) if other_form.is_some() && ip_address(octets) == other_form => {
                let text = ip_text(octets);
                return Some(format!(", or connect with \"{text}\", which to a certificate is another address"));
            }
            _ => {}
        }
    }
    has_dns.then(|| ", or connect with the name by which you know the server".to_owned())
}

fn general_names<'a>(presented: &Presented<'a>) -> impl Iterator<Item = GeneralName<'a>> {
    let names = presented.san.and_then(|san| GeneralNames::new(san).ok());
    names.into_iter().flatten().map_while(Result::ok)
}
