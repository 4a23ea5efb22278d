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

use std::ffi::{CStr, c_char};
use std::sync::Mutex;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::identity::{MatchRules, Presented, Reference, check};
use crate::queue::Quiet;
use crate::sys;
use crate::verify::guard::{Guard, Regime, Role};
use crate::verify::parameters;
use crate::verify::watch::Watch;

const X509_CHECK_FLAG_NO_WILDCARDS: u32 = 0x2;
const TLSEXT_NAMETYPE_HOST_NAME: i32 = 0;

/// What a certificate must be for: each group must hold, and one name of a group is enough for it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    groups: Vec<Vec<Reference>>,
    /// How names are matched.
    pub rules: MatchRules,
}

impl Wanted {
    /// One host and nothing else.
    pub fn one(reference: Reference, rules: MatchRules) -> Wanted {
        Wanted { groups: vec![vec![reference]], rules }
    }

    /// The host that errors and facts name.
    pub fn first(&self) -> Option<&Reference> {
        self.groups.first().and_then(|group| group.first())
    }

    /// Every name that was asked for.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.groups.iter().flatten()
    }

    /// Every group must find one of its names in the certificate.
    pub fn check(&self, presented: &Presented<'_>) -> Result<String> {
        let mut matched = None;
        for group in &self.groups {
            let found = one_of(group, presented, self.rules)?;
            matched.get_or_insert(found);
        }
        matched.ok_or_else(no_host)
    }

    /// Feeds everything that the verdict depends on to a session's mark.
    pub fn describe(&self, mut sink: impl FnMut(&[u8])) {
        sink(&[self.rules.cn_fallback as u8, self.rules.wildcards as u8]);
        for group in &self.groups {
            for reference in group {
                sink(reference.text().as_bytes());
                sink(b"|");
            }
            sink(b"&");
        }
    }
}

fn one_of(group: &[Reference], presented: &Presented<'_>, rules: MatchRules) -> Result<String> {
    let mut refusal = None;
    for reference in group {
        match check(reference, presented, rules) {
            Ok(_) => return Ok(reference.text().into_owned()),
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    Err(refusal.unwrap_or_else(no_host))
}

/// The error for a connection that names no host at all.
pub fn no_host() -> Error {
    Error::new(Status::ENoHost, "no host was named for this connection, so its certificate cannot be matched with one")
        .with_hint("call hostlock_conn_set_host or SSL_set1_host before the handshake, or hostlock_ctx_set_host once")
        .with_x509_code(sys::X509_V_ERR_HOSTNAME_MISMATCH)
}

/// What the connection `ssl` is meant for. To look is to leave entries on OpenSSL's queue, which `quiet` takes away.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn of_connection(ssl: *mut ffi::SSL, guard: &Guard, watch: Option<&Watch>, quiet: &Quiet) -> Result<Wanted> {
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
    // SAFETY: the caller promises `ssl`; its parameters live as long as it does.
    unsafe { add_parameters(ffi::SSL_get0_param(ssl), guard, &mut wanted, quiet)? };
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    if wanted.groups.is_empty() && from_sni {
        // SAFETY: as the caller promises.
        if let Some(name) = unsafe { server_name(ssl) } {
            wanted.groups.push(vec![Reference::parse_bytes(name)?]);
        }
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

/// Who the client of the server's connection `ssl` must be; `None` where nobody is named.
///
/// # Safety
/// As for [`of_connection`].
pub unsafe fn of_client(
    ssl: *mut ffi::SSL,
    guard: &Guard,
    watch: Option<&Watch>,
    quiet: &Quiet,
) -> Result<Option<Wanted>> {
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
    // SAFETY: the connection owns its parameters.
    unsafe { add_parameters(ffi::SSL_get0_param(ssl), guard, &mut wanted, quiet)? };
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    Ok((!wanted.groups.is_empty()).then_some(wanted))
}

/// The SNI of a client's connection.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl; the result lives until the name is set anew.
pub unsafe fn server_name<'a>(ssl: *const ffi::SSL) -> Option<&'a [u8]> {
    // SAFETY: on a client this is the name that the program set, NULL or NUL-terminated.
    unsafe { text(ffi::SSL_get_servername(ssl, TLSEXT_NAMETYPE_HOST_NAME)) }
}

/// The first name by which a program says whom it wants, for a report: the host of its parameters, else the SNI.
///
/// # Safety
/// As for [`of_connection`].
pub unsafe fn named(ssl: *mut ffi::SSL) -> Option<String> {
    // SAFETY: the caller promises `ssl`; its parameters live as long as it does.
    let hosts = unsafe { parameters::hosts(ffi::SSL_get0_param(ssl)) }.unwrap_or_default();
    // SAFETY: the caller promises `ssl`.
    let name = hosts.first().copied().or_else(|| unsafe { server_name(ssl) });
    name.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// What a certificate shown to `ctx` without a connection is meant for: the host of the call, which stands for that of
/// `hostlock_conn_set_host`, and whatever the context itself says.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl whose parameters no other thread changes now.
pub unsafe fn of_context(ctx: *mut ffi::SSL_CTX, guard: &Guard, host: Option<Reference>) -> Result<Wanted> {
    let (context_host, rules) = {
        let settings = guard.settings();
        (settings.host.clone(), settings.match_rules)
    };
    let mut wanted = Wanted { groups: host.map(|host| vec![host]).into_iter().collect(), rules };
    // SAFETY: the caller promises `ctx`; its parameters live as long as it does.
    unsafe { add_parameters(ffi::SSL_CTX_get0_param(ctx), guard, &mut wanted, &Quiet::begin())? };
    if wanted.groups.is_empty() {
        wanted.groups.extend(context_host.map(|host| vec![host]));
    }
    if wanted.groups.is_empty() { Err(no_host()) } else { Ok(wanted) }
}

/// `wanted` with the names in `store`, the parameters of a certificate store: OpenSSL compares those too, each kind of which
/// `own`, the parameters of the connection or context, has none. Names in both count once.
///
/// # Safety
/// Both are live and not changed by another thread.
pub unsafe fn with_store(
    wanted: Option<Wanted>,
    own: *mut ffi::X509_VERIFY_PARAM,
    store: *mut ffi::X509_VERIFY_PARAM,
    guard: &Guard,
    _quiet: &Quiet,
) -> Result<Option<Wanted>> {
    // SAFETY: the caller promises live parameters.
    let (in_store, in_own) = unsafe { (kinds(store)?, kinds(own)?) };
    let counts: [bool; 3] = std::array::from_fn(|kind| in_store[kind] && !in_own[kind]);
    let mut more = Vec::new();
    if counts.contains(&true) {
        // SAFETY: the caller promises live parameters.
        let of_store = unsafe { names(store, guard)? };
        more.extend(of_store.into_iter().zip(counts).filter_map(|(names, counts)| counts.then_some(names)));
    }
    if more.is_empty() && wanted.is_none() {
        return Ok(None);
    }
    let rules = guard.settings().match_rules;
    let mut wanted = wanted.unwrap_or(Wanted { groups: Vec::new(), rules });
    // SAFETY: the caller promises live parameters.
    wanted.rules.wildcards &= unsafe { wildcards(store) };
    wanted.groups.extend(more);
    Ok(Some(wanted))
}

/// # Safety
/// `param` is live and not changed by another thread.
unsafe fn add_parameters(
    param: *mut ffi::X509_VERIFY_PARAM,
    guard: &Guard,
    wanted: &mut Wanted,
    _quiet: &Quiet,
) -> Result<()> {
    // SAFETY: as the caller promises. The wildcards hold for a host that something else names, too.
    wanted.rules.wildcards &= unsafe { wildcards(param) };
    // SAFETY: as the caller promises.
    let names = unsafe { names(param, guard)? };
    wanted.groups.extend(names.into_iter().filter(|group| !group.is_empty()));
    Ok(())
}

/// Whether the program lets wildcards count.
///
/// # Safety
/// `param` is live.
unsafe fn wildcards(param: *mut ffi::X509_VERIFY_PARAM) -> bool {
    // SAFETY: reads one word of the live parameters.
    let flags = unsafe { sys::X509_VERIFY_PARAM_get_hostflags(param) };
    flags & X509_CHECK_FLAG_NO_WILDCARDS == 0
}

/// Whether `param` has hosts, addresses and e-mail addresses. To look is to leave entries on OpenSSL's queue.
///
/// # Safety
/// `param` is live and not changed by another thread.
unsafe fn kinds(param: *mut ffi::X509_VERIFY_PARAM) -> Result<[bool; 3]> {
    // SAFETY: `param` is live and nobody changes it, by this function's own contract.
    let (hosts, addresses) = unsafe { (parameters::hosts(param)?, parameters::addresses(param)?) };
    // SAFETY: `param` is live and nobody changes it, by this function's own contract.
    let emails = unsafe { parameters::emails(param)? };
    Ok([!hosts.is_empty(), !addresses.is_empty(), !emails.is_empty()])
}

/// The hosts, the addresses and the e-mail addresses in `param`. To look is to leave entries on OpenSSL's queue.
///
/// # Safety
/// `param` is live and not changed by another thread.
unsafe fn names(param: *mut ffi::X509_VERIFY_PARAM, guard: &Guard) -> Result<[Vec<Reference>; 3]> {
    let mut hosts = Vec::new();
    // SAFETY: as the caller promises.
    for name in unsafe { parameters::hosts(param)? } {
        hosts.push(guard.last_name.parse(name)?);
    }
    // SAFETY: `param` is live and nobody changes it, by this function's own contract.
    let addresses = unsafe { parameters::addresses(param)? };
    let mut emails = Vec::new();
    // SAFETY: `param` is live and nobody changes it, by this function's own contract.
    for email in unsafe { parameters::emails(param)? } {
        emails.push(Reference::parse_any_bytes(&[b"email:", email].concat())?);
    }
    Ok([hosts, addresses.into_iter().map(Reference::Ip).collect(), emails])
}

/// The name that a context's connections asked for last, as it was written and as it was understood: programs connect to
/// the same host again and again.
#[derive(Default)]
pub struct LastName(Mutex<Option<(Vec<u8>, Reference)>>);

impl LastName {
    fn parse(&self, name: &[u8]) -> Result<Reference> {
        // Where another thread looks just now, nobody waits.
        let mut last = self.0.try_lock().ok();
        if let Some(Some((written, understood))) = last.as_deref()
            && written == name
        {
            return Ok(understood.clone());
        }
        let reference = Reference::parse_bytes(name)?;
        if let Some(last) = last.as_deref_mut() {
            *last = Some((name.to_vec(), reference.clone()));
        }
        Ok(reference)
    }
}

/// # Safety
/// `pointer` is NULL or NUL-terminated, and outlives the result.
unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    Some(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}
