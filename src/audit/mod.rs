//! What a context that anyone made is like, beside the policy's table. `gather` reads the facts, `probe` more of them
//! from a trial hello; [`compare`] turns facts into findings, of which [`kinds`] is the table. An audit changes nothing:
//! it reads, and tells.

mod certificate;
pub mod compare;
pub mod facts;
mod gather;
pub mod hello;
pub mod kinds;
mod level;
mod probe;
mod purpose;
pub mod registry;
pub mod report;
mod security;
#[cfg(test)]
mod tests;
pub mod versions;

use openssl_sys as ffi;

use crate::audit::report::Report;
use crate::error::Result;
use crate::guard::Guard;
use crate::libssl::method::check_known;
use crate::libssl::ours;
use crate::policy::{POLICIES, Policy};
use facts::{Facts, Object, Side};

/// Audits a context. It is only read, nothing of the program's runs, and the error queue stays as it was.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` whose set-up no other thread changes now.
pub unsafe fn context(ctx: *const ffi::SSL_CTX) -> Result<Report> {
    // SAFETY: as the caller promises, here and below.
    unsafe { ours::check_ctx(ctx)? };
    // SAFETY: the caller promises a live context, which was found to be of our libssl.
    unsafe { check_known(ctx)? };
    // SAFETY: as above.
    Ok(report(&unsafe { gather::of_context(ctx) }, unsafe { policy_of(ctx) }))
}

/// Audits a connection, before its handshake or after: as [`context`], with what the connection itself changes.
///
/// # Safety
/// `ssl` is NULL or a live `SSL` that no other thread uses now.
pub unsafe fn connection(ssl: *const ffi::SSL) -> Result<Report> {
    // SAFETY: as the caller promises, here and below.
    unsafe { ours::check_ssl(ssl)? };
    // SAFETY: the caller promises a live connection, which was found to be of our libssl.
    unsafe { check_known(ffi::SSL_get_SSL_CTX(ssl))? };
    // SAFETY: as above.
    Ok(report(&unsafe { gather::of_connection(ssl) }, unsafe { policy_of(ffi::SSL_get_SSL_CTX(ssl)) }))
}

/// Audits a context with a trial hello, from which groups and signature algorithms are known. The program's callbacks may
/// run.
///
/// # Safety
/// As for [`context`].
pub unsafe fn with_probe(ctx: *mut ffi::SSL_CTX) -> Result<Report> {
    // SAFETY: as the caller promises, here and below.
    unsafe { ours::check_ctx(ctx)? };
    // SAFETY: the caller promises a live context, which was found to be of our libssl.
    unsafe { check_known(ctx)? };
    // SAFETY: as above.
    let mut facts = unsafe { gather::of_context(ctx) };
    // SAFETY: as above.
    facts.probe = unsafe { probe::hello(ctx, &facts) };
    // SAFETY: as above.
    Ok(report(&facts, unsafe { policy_of(ctx) }))
}

/// The facts of a context: what an audit would compare.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl whose set-up no other thread changes now.
pub unsafe fn facts_of(ctx: *const ffi::SSL_CTX) -> Facts {
    // SAFETY: as the caller promises.
    unsafe { gather::of_context(ctx) }
}

fn report(facts: &Facts, policy: &'static Policy) -> Report {
    Report::new(subject(facts), policy.name, compare::findings(facts, policy))
}

/// The policy that a context of ours keeps, else the default.
///
/// # Safety
/// `ctx` is NULL or live.
unsafe fn policy_of(ctx: *const ffi::SSL_CTX) -> &'static Policy {
    // SAFETY: as the caller promises.
    unsafe { Guard::of(ctx) }.map_or(POLICIES[0], |guard| guard.policy)
}

/// "a client's SSL_CTX of hostlock", "an SSL_CTX of TLS_method".
fn subject(facts: &Facts) -> String {
    let object = match facts.object {
        Object::Context => "SSL_CTX",
        Object::Connection => "SSL",
    };
    let whose = match facts.side {
        Side::Client => "a client's",
        Side::Server => "a server's",
        Side::Either => "an",
    };
    let maker = match (&facts.guarded, facts.method.name) {
        (Some(_), _) => "hostlock",
        (None, Some(name)) => name,
        (None, None) => "a method that is not known",
    };
    format!("{whose} {object} of {maker}")
}
