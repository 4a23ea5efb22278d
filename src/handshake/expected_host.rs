//! Which host a connection is meant for: the rule of precedence, in one place.
//!
//! 1. the host of `hostlock_conn_set_host`;
//! 2. the host, address or e-mail in the connection's `X509_VERIFY_PARAM` (`SSL_set1_host`, CPython);
//! 3. the context's host;
//! 4. the names in the parameters of the certificate store, each kind of which 2 has none;
//! 5. the SNI, where the context says so;
//! 6. the fallback of `hostlock_conn_set_fallback_host`;
//! 7. under a seal, what was learned by watching the program, all of which must hold.
//!
//! Where both 1 and 2 exist, both must hold; 4 must hold besides whatever else is named. None: refuse.
//!
//! On a server the same says who the client must be, if anyone is named: 1 to 4, where the context only serves; without 3,
//! where it serves either side. Its own SNI is the client's word, and never counts.

use openssl::x509::store::X509StoreRef;

use crate::error::Result;
use crate::guard::observer::Learned;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::learned;
use crate::host::{Reference, ExpectedHost, no_host};
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx, Param, store};

const X509_CHECK_FLAG_NO_WILDCARDS: u32 = 0x2;

/// What the connection `conn` is meant for. To look is to leave entries on OpenSSL's queue, which `quiet` takes away.
pub fn of_connection(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>, quiet: &Quiet) -> Result<ExpectedHost> {
    find(conn, guard, state, quiet, || learned::of_connection(conn, guard, state))
}

/// The same while the hello is not sent yet: what was learned may still prove to be of another connection.
pub fn before_hello(conn: Conn<'_>, guard: &Guard, state: &ConnectionState, quiet: &Quiet) -> Result<ExpectedHost> {
    find(conn, guard, Some(state), quiet, || learned::before_hello(conn, guard, state))
}

fn find(
    conn: Conn<'_>,
    guard: &Guard,
    state: Option<&ConnectionState>,
    quiet: &Quiet,
    learn: impl FnOnce() -> Option<Learned>,
) -> Result<ExpectedHost> {
    let (context_host, from_sni, rules) = {
        let settings = guard.settings();
        (settings.host.clone(), settings.host_from_sni, settings.match_rules)
    };
    let mut wanted = ExpectedHost { groups: named_by_call(state)?.into_iter().collect(), rules };
    let of_store = add_parameters(conn.param(), conn.effective_store(), guard, &mut wanted, quiet)?;
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    let is_nobody_named = wanted.groups.is_empty() && of_store.is_empty();
    if let (true, Some(name)) = (is_nobody_named && from_sni, learned::server_name_of_program(conn, state)) {
        wanted.groups.push(vec![Reference::parse_bytes(name)?]);
    }
    let fallback = || state.and_then(|state| state.known().fallback.clone());
    if let (true, Some(host)) = (wanted.groups.is_empty() && of_store.is_empty(), fallback()) {
        wanted.groups.push(vec![host?]);
    }
    wanted.groups.extend(of_store);
    if !wanted.groups.is_empty() {
        return Ok(wanted);
    }
    if matches!(guard.regime(), Regime::Own | Regime::Hardened) {
        return Err(no_host());
    }
    let found = learn();
    let hosts = found.as_ref().map_or(Ok(Vec::new()), |learned| learned.hosts.clone())?;
    wanted.groups.extend(hosts.into_iter().map(|host| vec![host]));
    if wanted.groups.is_empty() { Err(learned::nobody_knows(found.as_ref())) } else { Ok(wanted) }
}

/// Who the client of the server's connection `conn` must be; `None` where nobody is named.
pub fn of_client(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>, quiet: &Quiet) -> Result<Option<ExpectedHost>> {
    let (client_names, rules) = {
        let settings = guard.settings();
        (settings.client_names.clone(), settings.match_rules)
    };
    // A connection's own name narrows its context's list; it opens nothing.
    let by_call = named_by_call(state)?.into_iter();
    let groups = by_call.chain(Some(client_names).filter(|names| !names.is_empty())).collect();
    let mut wanted = ExpectedHost { groups, rules };
    let of_store = add_parameters(conn.param(), conn.effective_store(), guard, &mut wanted, quiet)?;
    wanted.groups.extend(of_store);
    Ok((!wanted.groups.is_empty()).then_some(wanted))
}

/// What `hostlock_conn_set_host` named; an error where that failed.
fn named_by_call(state: Option<&ConnectionState>) -> Result<Option<Vec<Reference>>> {
    let Some(state) = state else { return Ok(None) };
    let known = state.known();
    match &known.poison {
        Some(error) => Err(error.clone()),
        None => Ok(known.host.clone().map(|host| vec![host])),
    }
}

/// The first name by which a program says whom it wants, for a report: the host of its parameters, else the SNI.
pub fn named(conn: Conn<'_>) -> Option<String> {
    let hosts = conn.param().hosts().unwrap_or_default();
    let name = hosts.first().copied().or_else(|| conn.server_name());
    name.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// What a certificate shown to `ctx` without a connection is meant for: the host of the call, which stands for that of
/// `hostlock_conn_set_host`, and whatever the context itself says.
pub fn of_context(ctx: Ctx<'_>, store: &X509StoreRef, guard: &Guard, host: Option<Reference>) -> Result<ExpectedHost> {
    let (context_host, client_names, rules) = {
        let settings = guard.settings();
        (settings.host.clone(), settings.client_names.clone(), settings.match_rules)
    };
    let mut wanted = ExpectedHost { groups: host.map(|host| vec![host]).into_iter().collect(), rules };
    let of_store = add_parameters(ctx.param(), Some(store), guard, &mut wanted, &Quiet::begin())?;
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    wanted.groups.extend(Some(client_names).filter(|names| !names.is_empty()));
    wanted.groups.extend(of_store);
    if wanted.groups.is_empty() { Err(no_host()) } else { Ok(wanted) }
}

/// Adds the names in `own`, the parameters of a connection or context, to `wanted`. Answers those in the parameters of its
/// certificate store: OpenSSL compares those too, each kind of which `own` has none, whoever else is named.
fn add_parameters(
    own: Param<'_>,
    store: Option<&X509StoreRef>,
    guard: &Guard,
    wanted: &mut ExpectedHost,
    _quiet: &Quiet,
) -> Result<Vec<Vec<Reference>>> {
    // They hold for a host that something else names, too.
    wanted.rules.wildcards &= wildcards(own);
    let of_own = names(own, guard)?;
    let mut of_store = Vec::new();
    if let Some(store) = store.map(store::param) {
        wanted.rules.wildcards &= wildcards(store);
        // Few stores have names, and a name costs more to read than to look for.
        let in_store = kinds(store)?;
        let counts: [bool; 3] = std::array::from_fn(|kind| in_store[kind] && of_own[kind].is_empty());
        if counts.contains(&true) {
            let names = names(store, guard)?.into_iter().zip(counts);
            of_store.extend(names.filter_map(|(names, counts)| counts.then_some(names)));
        }
    }
    wanted.groups.extend(of_own.into_iter().filter(|group| !group.is_empty()));
    Ok(of_store)
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
