//! Whether a server demands a certificate of its client, and how that comes about.
//!
//! The program says it by the verify mode, as ever; or by naming whom it trusts, or who the client must be, with
//! functions of hostlock. Until then a context of `hostlock_server_new` asks for none.

use std::ffi::c_long;

use openssl_sys as ffi;

use crate::chain::waivers::Waiver;
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::{acceptable_cas, expected_host, hooks, id_context, refusals, session};
use crate::host::{ExpectedHost, mismatch_of_client};
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx, certificate};
use crate::role::Role;

const REQUIRED: i32 = ffi::SSL_VERIFY_PEER | ffi::SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

/// Whether the client of `conn`, a server's connection, must show a certificate.
pub fn of(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>) -> bool {
    let mode = conn.verify_mode();
    mode & REQUIRED == REQUIRED || names_client(guard, state)
}

/// Whether a function of hostlock named the client, on the connection or on a context that only serves. A naming that
/// failed counts: nobody may pass then.
pub fn names_client(guard: &Guard, state: Option<&ConnectionState>) -> bool {
    state.is_some_and(is_named_on_connection) || !guard.settings().client_names.is_empty()
}

fn is_named_on_connection(state: &ConnectionState) -> bool {
    let known = state.known();
    known.host.is_some() || known.poison.is_some()
}

/// A client that was named on the connection must have been verified also where a servername callback has exchanged the
/// context for a plain one, by which nobody judges it.
pub fn review_unguarded(state: &ConnectionState) -> Result<()> {
    let was_judged = {
        let known = state.known();
        let is_watched = known.guard.as_ref().is_none_or(|guard| guard.regime() == Regime::ReportOnly);
        is_watched || matches!(known.verdict, Verdict::Verified { .. } | Verdict::Excused(_))
    };
    if was_judged || !is_named_on_connection(state) { Ok(()) } else { Err(refusals::unverified(refusals::CONTEXT_REPLACED)) }
}

/// The program has said on `ctx` whom it trusts, or who the client must be: a certificate is required from here on,
/// unless it chose the verify mode itself. Later calls change nothing.
pub fn require(ctx: Ctx<'_>, guard: &Guard) {
    if guard.regime() == Regime::Own && guard.role == Role::Server {
        acceptable_cas::tell(ctx, guard);
    }
    if guard.regime() == Regime::Own && guard.role == Role::Server && hooks::mode_is_open(ctx) {
        ctx.set_verify(REQUIRED, hooks::TRIPWIRE);
    }
}

/// Sets the verify mode of a server's connection whose handshake begins.
pub fn arm(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>) {
    let mut mode = conn.verify_mode();
    let before = mode;
    if guard.regime() == Regime::Own && hooks::mode_is_open_on(conn) {
        let ctx = conn.ctx();
        // The connection may be older than what its context was told.
        mode |= ctx.verify_mode();
        if guard.anchors.named_by_openssl(ctx) || conn.own_store().is_some() {
            mode |= ffi::SSL_VERIFY_PEER;
        }
    }
    if names_client(guard, state) {
        mode |= REQUIRED;
    }
    if mode != before {
        conn.set_verify_mode(mode);
    }
}

/// A resumed session may come from a context that demanded nothing, where a servername callback has exchanged the context
/// after libssl found the session (CVE-2025-23419): a certificate that is demanded must be there.
pub fn review_presence(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>) -> Result<()> {
    if !of(conn, guard, state) || shows_who_it_is(conn) {
        return Ok(());
    }
    Err(Error::new(Status::ENoCertificate, "the client showed no certificate, and one is demanded here")
        .with_hint(if conn.is_resumed() {
            "it resumed a session of a server's name that demands none; it must connect anew, with its certificate"
        } else {
            "a callback of the program's took back by SSL_set_verify that it is asked for one"
        })
        .with_x509_code(ffi::X509_V_ERR_APPLICATION_VERIFICATION))
}

/// Whether the client has shown who it is, or will be asked later, or need not be: it holds a key that the program shared
/// with it.
fn shows_who_it_is(conn: Conn<'_>) -> bool {
    // In a full handshake libssl itself demands the certificate, unless a callback of the program's took the mode back, as
    // servers' servername callbacks do. A session that libssl made of a handshake notes a verdict, one that a program made
    // for a pre-shared key notes none.
    let by_libssl = !conn.is_resumed() && conn.verify_mode() & REQUIRED == REQUIRED;
    let by_shared_key = conn.is_resumed() && conn.verify_result() == c_long::from(ffi::X509_V_ERR_UNSPECIFIED);
    conn.peer_certificate().is_some()
        || conn.verify_mode() & ffi::SSL_VERIFY_POST_HANDSHAKE != 0
        || by_libssl
        || by_shared_key
        || conn.has_raw_key()
}

/// Gives the session of an own server the id context of the context in force, before its ticket is written: OpenSSL leaves
/// that of the first one on it where a servername callback has exchanged the context. Another name's session then leads to
/// a full handshake.
pub fn mark_session(conn: Conn<'_>, guard: &Guard) {
    let Some(state) = ConnectionState::of(conn) else { return };
    let wanted = expected_host::of_client(conn, guard, Some(state), &Quiet::begin());
    if let Some(mark) = id_context::in_force(conn, guard, state, &wanted) {
        session::put(conn, &mark);
        state.known().is_session_marked = true;
    }
}

/// The same at the end of a handshake, after a look at the mark that the session bears: a certificate in a resumed session
/// was verified by the context that the session is marked for, which must be the one in force. A session that was
/// [marked](mark_session) when its certificate was verified keeps that mark.
pub fn review_mark(conn: Conn<'_>, guard: &Guard, wanted: &Result<Option<ExpectedHost>>) -> Result<()> {
    let Some(state) = ConnectionState::of(conn) else { return Ok(()) };
    if state.known().is_session_marked {
        return Ok(());
    }
    let Some(mark) = id_context::in_force(conn, guard, state, wanted) else { return Ok(()) };
    if conn.is_resumed() && conn.peer_certificate().is_some() && session::session_bears(conn, &mark) != Some(true) {
        return Err(refusals::unverified("the client's session was verified for another of this server's names")
            .with_hint("it must connect anew, with its certificate"));
    }
    session::put(conn, &mark);
    Ok(())
}

/// A resumed client shows no certificate: the one in its session must be for the names that are asked for now, which
/// `wanted` says.
pub fn review_names<'a>(
    conn: Conn<'_>,
    guard: &Guard,
    state: Option<&ConnectionState>,
    wanted: impl FnOnce() -> &'a Result<Option<ExpectedHost>>,
) -> Result<()> {
    if !conn.is_resumed() || guard.settings().waivers.has(Waiver::HostName) {
        return Ok(());
    }
    if guard.regime() == Regime::Sealed && !names_client(guard, state) {
        return Ok(());
    }
    let Some(wanted) = wanted().as_ref().map_err(Clone::clone)? else { return Ok(()) };
    let Some(certificate) = conn.peer_certificate() else { return Ok(()) };
    certificate::presented(&certificate).and_then(|names| wanted.check(&names)).map(|_| ()).map_err(mismatch_of_client)
}
