//! What must hold before the first byte of a handshake: our callbacks in place, the policy's values on the connection,
//! no pre-shared key, and a session only where it is this host's own. What cannot be so ends the handshake here.

use std::ffi::{c_int, c_long};

use crate::error::{self, Error, Result};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::refusals::{CONTEXT_REPLACED, foreign_session, unverified};
use crate::handshake::{
    client_certificate, ech, expected_host, hooks, id_context, learned_sni, ocsp_status, open_connections, outcome, reloaded, server_names,
    session,
};
use crate::libssl::layout::Found;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Conn, Ctx};
use crate::os::clock::now;
use crate::policy::Policy;
use crate::role::Role;

/// Prepares the handshake that begins on `conn` now.
pub fn prepare(conn: Conn<'_>) {
    // After the first handshake libssl reports a start also where it declines a server's wish to renegotiate: no hello is
    // built then, and the connection goes on as it was. Where one is, `review_hello` looks at what is left out here.
    // A server's start is always a real one.
    let in_earnest = conn.is_in_before() || conn.is_server();
    prepare_for(conn, in_earnest);
}

/// [`prepare`]; `in_earnest`: whether a hello will be built or read, beyond doubt.
fn prepare_for(conn: Conn<'_>, in_earnest: bool) {
    // What passed before passes no more, also where the connection state is lost.
    open_connections::forget(conn.as_ptr().addr());
    let Ok(state) = ConnectionState::ensure(conn) else { return };
    let guard = Guard::of_conn(conn);
    outcome::begin(conn, guard, state);
    {
        let mut known = state.known();
        let earlier = std::mem::take(&mut known.verdict);
        known.earlier = match earlier {
            Verdict::Verified { .. } | Verdict::Excused(_) => Some((earlier, conn.finished())),
            _ => None,
        };
        known.random = None;
        known.failure = None;
        (known.sent_alert, known.end_reported) = (None, false);
        // A renegotiation must not forget them.
        if conn.is_in_before() {
            (known.ended, known.found_ahead, known.unfinished) = (None, None, None);
            (known.asked_name, known.served_name) = (None, None);
        }
        state.set_open(conn, false);
        known.staple_judged = false;
        known.is_session_marked = false;
        known.generation = guard.map_or(0, Guard::generation);
        known.guard = guard.map(Guard::share);
        known.guard_of_tickets = guard.filter(|guard| guard.own_ticket_keys().is_some()).map(Guard::share);
    }
    pin_info(conn);
    pin_security(conn, state);
    let Some(guard) = guard else {
        // The security callback refuses everything on a connection without a guard, so no byte is sent.
        return halt(state, unverified(CONTEXT_REPLACED));
    };
    guard.freeze();
    guard.note_ticket_key(conn.ctx());
    keep_cert_verify(conn.ctx(), guard);
    if in_earnest {
        learned_sni::begin(conn, guard, state);
    }
    if guard.regime() == Regime::ReportOnly {
        return;
    }
    if let (true, Err(error)) = (in_earnest, check_not_poisoned(guard, state)) {
        return halt(state, error);
    }
    if let (true, Err(error)) = (in_earnest, guard.check_side(conn)) {
        return halt(state, error);
    }
    enforce(conn, guard);
    if let (true, Err(error)) = (conn.is_in_before(), server_names::take_back(conn, state)) {
        return halt(state, error);
    }
    if let (true, Err(error)) = (in_earnest, reloaded::give(conn, guard, state)) {
        return halt(state, error);
    }
    if guard.role == Role::Client && !conn.is_server() {
        if let Err(error) = ech::note_names(conn, state) {
            return halt(state, error);
        }
        ocsp_status::prepare(conn, guard);
        if in_earnest {
            admit_session(conn, guard, state);
        }
    } else {
        client_certificate::arm(conn, guard, Some(state));
        id_context::give(conn, guard, state);
    }
}

/// Refuses where a set-up call failed, on the context or on the connection, and nothing has cured it since.
pub fn check_not_poisoned(guard: &Guard, state: &ConnectionState) -> Result<()> {
    guard.check_not_poisoned()?;
    state.known().poison.clone().map_or(Ok(()), Err)
}

/// Looks again when the ClientHello is built, as a program's callbacks may have run since [`prepare`]; and does what
/// `prepare` would have done where our info callback was replaced. `false` ends the handshake.
pub fn review_hello(conn: Conn<'_>) -> bool {
    crate::nets::here!("client_hello");
    let Ok(state) = ConnectionState::ensure(conn) else { return false };
    let seen = hooks::info_is_in_place(conn);
    if !seen {
        prepare_for(conn, true);
    } else {
        // A verdict belongs to an earlier handshake of this connection: this one has shown no certificate yet.
        if matches!(state.known().verdict, Verdict::Verified { .. } | Verdict::Excused(_)) {
            let mut known = state.known();
            known.verdict = Verdict::Pending;
            known.staple_judged = false;
        }
        pin_security(conn, state);
        if let Some(guard) = Guard::of_conn(conn) {
            keep_cert_verify(conn.ctx(), guard);
            if guard.regime() == Regime::ReportOnly {
                return true;
            }
            if let Err(error) = check_not_poisoned(guard, state) {
                halt(state, error);
                return false;
            }
            conn.drop_pre_shared_keys();
            // Most connections offer no session, and nothing is computed for them.
            if session::offers_session(conn) {
                admit_session(conn, guard, state);
            }
        }
    }
    !matches!(state.known().verdict, Verdict::Refused(_))
}

/// Whether the context of `conn` is one where nothing is to be changed or refused.
pub fn is_only_watched(conn: Conn<'_>) -> bool {
    Guard::of_conn(conn).is_some_and(|guard| guard.regime() == Regime::ReportOnly)
}

/// A program's context keeps the certificate verify callback that the program gives it, however late: ours takes its
/// place and calls it. On a context of hostlock's own a replaced callback ends the handshake instead.
pub fn keep_cert_verify(ctx: Ctx<'_>, guard: &Guard) {
    if guard.regime() == Regime::Own {
        return;
    }
    // The lock keeps other connections from doing the same.
    let mut slot = guard.app_cert_verify();
    let current = ctx.cert_verify_callback(hooks::VERIFY);
    *slot = match current {
        Found::Ours | Found::Unknown => return,
        Found::None => None,
        Found::Program(own) => Some(own),
    };
    ctx.set_cert_verify_callback(hooks::VERIFY);
}

/// Puts our info callback on the connection itself, where it stays when the context is replaced; a program's own is
/// kept, and called by ours.
pub fn pin_info(conn: Conn<'_>) {
    let Ok(state) = ConnectionState::ensure(conn) else { return };
    let current = conn.info_callback();
    if !current.is_some_and(hooks::is_info) {
        state.known().app_info = current;
        let displaced = || Guard::of_conn(conn).and_then(Guard::app_info);
        conn.set_info_callback(hooks::info(current.or_else(displaced)));
    }
}

/// The same for the security callback.
fn pin_security(conn: Conn<'_>, state: &ConnectionState) {
    let current = conn.security_callback();
    if !current.is_some_and(hooks::is_security) {
        state.known().app_security = current;
        let ours = if current.is_some() { hooks::DECIDE_WITH_APPLICATION } else { hooks::DECIDE };
        conn.set_security_callback(ours);
    }
}

/// Values that were lowered on the connection, or by the system's configuration, become the policy's again.
pub fn enforce(conn: Conn<'_>, guard: &Guard) {
    let policy = guard.policy;
    let role = guard.role_on(conn);
    conn.set_options(policy.options_to_set(role == Role::Server));
    conn.clear_options(policy.options_to_clear());
    let set = conn.min_version();
    let least = set.max(policy.min_version.into());
    if guard.regime() != Regime::Own {
        widen(conn, policy, least);
    }
    if least != set {
        let _quiet = Quiet::begin();
        conn.set_min_version(least);
    }
    if role == Role::Client {
        conn.drop_pre_shared_keys();
    }
}

/// What stands for the highest version that libssl knows.
const HIGHEST_KNOWN: c_long = 0;

/// A program that knows only old versions, or switched the new ones off, gets those that the policy permits.
fn widen(conn: Conn<'_>, policy: &Policy, least: c_long) {
    let most = match conn.max_version() {
        HIGHEST_KNOWN => policy.max_version.into(),
        most if most >= least => most,
        _ => {
            let _quiet = Quiet::begin();
            conn.set_max_version(policy.max_version.into());
            policy.max_version.into()
        }
    };
    let options = conn.options();
    let switched_off = Policy::options_that_leave_no_version(least as c_int, most as c_int, options);
    if switched_off != 0 {
        conn.clear_options(switched_off);
    }
}

/// A session of another host, policy or context is given up, or ends the handshake where it is too late for that.
fn admit_session(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) {
    if session::offers_session(conn) {
        let own = expected_host::before_hello(conn, guard, state, &Quiet::begin()).ok();
        let generation = state.known().generation;
        let own = own.map(|wanted| session::compute(conn, guard, generation, &wanted));
        let borne = own.and_then(|own| session::of_session(conn, &own, now()));
        if let Some(borne) = borne {
            return session::require(conn, &borne);
        }
        if conn.is_in_before() {
            // Nothing of the hello exists, and giving the session up leads to a full handshake.
            conn.give_up_session();
        } else {
            halt(state, foreign_session());
        }
    }
    session::require(conn, &guard.unmatchable_mark());
}

/// Ends the handshake: the security callback refuses whatever it is asked next.
fn halt(state: &ConnectionState, error: Error) {
    queue::raise(&error);
    error::remember(error.clone());
    state.known().verdict = Verdict::Refused(error);
}
