//! Which host a connection is meant for: the rule of precedence, in one place.
//!
//! 1. the host of `hostlock_conn_set_host`;
//! 2. the host, address or e-mail in the connection's `X509_VERIFY_PARAM` (`SSL_set1_host`, CPython);
//! 3. the context's host;
//! 4. the SNI, where the context says so.
//!
//! Where both 1 and 2 exist, both must hold. None: refuse.
//!
//! On a server the same says who the client must be, if anyone is named: 1 to 3, where the context only serves; without 3,
//! where it serves either side. Its own SNI is the client's word, and never counts.

use crate::error::Result;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::Watch;
use crate::host::{Reference, Wanted, no_host};
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx, Param};
use crate::role::Role;

const X509_CHECK_FLAG_NO_WILDCARDS: u32 = 0x2;

/// What the connection `conn` is meant for. To look is to leave entries on OpenSSL's queue, which `quiet` takes away.
pub fn of_connection(conn: Conn<'_>, guard: &Guard, watch: Option<&Watch>, quiet: &Quiet) -> Result<Wanted> {
    let (context_host, from_sni, rules) = {
        let settings = guard.settings();
        (settings.host.clone(), settings.host_from_sni, settings.match_rules)
    };
    let mut wanted = Wanted { groups: Vec::new(), rules };
    if let Some(watch) = watch {
        let state = watch.state();
        if let Some(error) = &state.poison {
            return Err(error.clone());
        }
        wanted.groups.extend(state.host.clone().map(|host| vec![host]));
    }
    add_parameters(conn.param(), guard, &mut wanted, quiet)?;
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    if let (true, Some(name)) = (wanted.groups.is_empty() && from_sni, conn.server_name()) {
        wanted.groups.push(vec![Reference::parse_bytes(name)?]);
    }
    let fallback = || watch.and_then(|watch| watch.state().fallback.clone());
    if let (true, Some(host)) = (wanted.groups.is_empty(), fallback()) {
        wanted.groups.push(vec![host?]);
    }
    match guard.regime() {
        _ if !wanted.groups.is_empty() => Ok(wanted),
        Regime::Own | Regime::Hardened => Err(no_host()),
        Regime::Sealed | Regime::Watched => Err(no_host().with_hint(
            "have the program name it, by SNI or SSL_set1_host, or make an exception for the peer's address or certificate",
        )),
    }
}

/// Who the client of the server's connection `conn` must be; `None` where nobody is named.
pub fn of_client(conn: Conn<'_>, guard: &Guard, watch: Option<&Watch>, quiet: &Quiet) -> Result<Option<Wanted>> {
    let (context_host, rules) = {
        let settings = guard.settings();
        (settings.host.clone().filter(|_| guard.role == Role::Server), settings.match_rules)
    };
    let mut wanted = Wanted { groups: Vec::new(), rules };
    if let Some(watch) = watch {
        let state = watch.state();
        if let Some(error) = &state.poison {
            return Err(error.clone());
        }
        wanted.groups.extend(state.host.clone().map(|host| vec![host]));
    }
    add_parameters(conn.param(), guard, &mut wanted, quiet)?;
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    Ok((!wanted.groups.is_empty()).then_some(wanted))
}

/// The first name by which a program says whom it wants, for a report: the host of its parameters, else the SNI.
pub fn named(conn: Conn<'_>) -> Option<String> {
    let hosts = conn.param().hosts().unwrap_or_default();
    let name = hosts.first().copied().or_else(|| conn.server_name());
    name.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// What a certificate shown to `ctx` without a connection is meant for: the host of the call, which stands for that of
/// `hostlock_conn_set_host`, and whatever the context itself says.
pub fn of_context(ctx: Ctx<'_>, guard: &Guard, host: Option<Reference>) -> Result<Wanted> {
    let (context_host, rules) = {
        let settings = guard.settings();
        (settings.host.clone(), settings.match_rules)
    };
    let mut wanted = Wanted { groups: host.map(|host| vec![host]).into_iter().collect(), rules };
    add_parameters(ctx.param(), guard, &mut wanted, &Quiet::begin())?;
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    if wanted.groups.is_empty() { Err(no_host()) } else { Ok(wanted) }
}

/// `wanted` with the names in `store`, the parameters of a certificate store: OpenSSL compares those too, each kind of which
/// `own`, the parameters of the connection or context, has none. Names in both count once.
pub fn with_store(
    wanted: Option<Wanted>,
    own: Param<'_>,
    store: Param<'_>,
    guard: &Guard,
    _quiet: &Quiet,
) -> Result<Option<Wanted>> {
    let (in_store, in_own) = (kinds(store)?, kinds(own)?);
    let counts: [bool; 3] = std::array::from_fn(|kind| in_store[kind] && !in_own[kind]);
    let mut more = Vec::new();
    if counts.contains(&true) {
        let of_store = names(store, guard)?;
        more.extend(of_store.into_iter().zip(counts).filter_map(|(names, counts)| counts.then_some(names)));
    }
    if more.is_empty() && wanted.is_none() {
        return Ok(None);
    }
    let rules = guard.settings().match_rules;
    let mut wanted = wanted.unwrap_or(Wanted { groups: Vec::new(), rules });
    wanted.rules.wildcards &= wildcards(store);
    wanted.groups.extend(more);
    Ok(Some(wanted))
}

fn add_parameters(param: Param<'_>, guard: &Guard, wanted: &mut Wanted, _quiet: &Quiet) -> Result<()> {
    // They hold for a host that something else names, too.
    wanted.rules.wildcards &= wildcards(param);
    let names = names(param, guard)?;
    wanted.groups.extend(names.into_iter().filter(|group| !group.is_empty()));
    Ok(())
}

/// Whether the program lets wildcards count.
fn wildcards(param: Param<'_>) -> bool {
    param.host_flags() & X509_CHECK_FLAG_NO_WILDCARDS == 0
}

/// Whether `param` has hosts, addresses and e-mail addresses. To look is to leave entries on OpenSSL's queue.
fn kinds(param: Param<'_>) -> Result<[bool; 3]> {
    Ok([!param.hosts()?.is_empty(), !param.addresses()?.is_empty(), !param.emails()?.is_empty()])
}

/// The hosts, the addresses and the e-mail addresses in `param`. To look is to leave entries on OpenSSL's queue.
fn names(param: Param<'_>, guard: &Guard) -> Result<[Vec<Reference>; 3]> {
    let mut hosts = Vec::new();
    for name in param.hosts()? {
        hosts.push(guard.last_name.parse(name)?);
    }
    let addresses = param.addresses()?;
    let mut emails = Vec::new();
    for email in param.emails()? {
        emails.push(Reference::parse_any_bytes(&[b"email:", email].concat())?);
    }
    Ok([hosts, addresses.into_iter().map(Reference::Ip).collect(), emails])
}
