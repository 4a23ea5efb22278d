//! What a context that anyone made is like, beside the policy's table. `gather` reads the facts, `probe` more of them
//! from a trial hello; [`compare`] turns facts into findings, of which [`kinds`] is the table. An audit changes nothing:
//! it reads, and tells.
#![forbid(unsafe_code)]

mod certificate;
pub mod compare;
pub mod defaults;
pub mod facts;
mod gather;
pub mod hello;
pub mod kinds;
mod probe;
pub mod registry;
pub mod report;
mod security;
#[cfg(test)]
mod tests;
pub mod versions;

use crate::audit::report::Report;
use crate::error::Result;
use crate::guard::Guard;
use crate::libssl::method::check_known;
use crate::libssl::{Conn, Ctx};
use crate::policy::{POLICIES, Policy};
use defaults::Defaults;
use facts::{Facts, Object, Side};

/// Audits a context. It is only read, nothing of the program's runs, and the error queue stays as it was.
pub fn context(ctx: Ctx<'_>) -> Result<Report> {
    check_known(ctx)?;
    Ok(report(&gather::of_context(ctx), policy_of(ctx)))
}

/// Audits a connection, before its handshake or after: as [`context`], with what the connection itself changes.
pub fn connection(conn: Conn<'_>) -> Result<Report> {
    check_known(conn.ctx())?;
    Ok(report(&gather::of_connection(conn), policy_of(conn.ctx())))
}

/// The same, where findings that `defaults` have too are told apart.
pub fn connection_beside(conn: Conn<'_>, defaults: &Defaults) -> Result<Report> {
    check_known(conn.ctx())?;
    let facts = gather::of_connection(conn);
    Ok(report(&facts, policy_of(conn.ctx())).beside(|finding| defaults.have(&facts, finding)))
}

/// Audits a context with a trial hello, from which groups and signature algorithms are known. The program's callbacks may
/// run.
pub fn with_probe(ctx: Ctx<'_>) -> Result<Report> {
    check_known(ctx)?;
    let mut facts = gather::of_context(ctx);
    facts.probe = probe::hello(ctx, &facts);
    Ok(report(&facts, policy_of(ctx)))
}

/// The facts of a context: what an audit would compare.
pub fn facts_of(ctx: Ctx<'_>) -> Facts {
    gather::of_context(ctx)
}

fn report(facts: &Facts, policy: &'static Policy) -> Report {
    Report::new(subject(facts), policy.name, compare::findings(facts, policy))
}

/// The policy that a context of ours keeps, else the default.
fn policy_of(ctx: Ctx<'_>) -> &'static Policy {
    Guard::of(ctx).map_or(POLICIES[0], |guard| guard.policy)
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
