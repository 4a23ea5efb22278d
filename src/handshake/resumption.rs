//! Resumption between the connections of one client's context, without a word of the program: at the end of a connection its
//! session is kept, and the next one to the same place offers it.
//!
//! Only connections that hostlock opened take part. What is kept bears the [mark](crate::handshake::session) of what it was
//! verified for, and is kept under that mark, the peer's address, the server name, the certificate of this side and what the
//! store held. No session is kept or offered under a waiver, nor where the program verifies too: its callbacks would not be
//! asked again. [`start`](crate::handshake::start) looks at what is offered here as at any other session.

use std::net::SocketAddr;
use std::process;

use crate::guard::kept_sessions::Key;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::place::{self, Resumption};
use crate::handshake::{expected_host, hooks, session};
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Session, store};
use crate::os::clock::now;
use crate::role::Role;

/// A handshake begins on `conn`, which hostlock opened; `peer` is where it leads, where that is known. Offers a kept session,
/// where there is one and the program has not set another.
pub fn begin(conn: Conn<'_>, guard: &Guard, peer: Option<SocketAddr>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    state.known().resumption = None;
    if !is_wanted(guard) || guard.role_on(conn) != Role::Client || conn.is_server() {
        return;
    }
    let own = place::own_digest(conn);
    let mut begun = Resumption {
        process: process::id(),
        generation: guard.generation(),
        place: place::of(conn, guard, peer, own),
        own,
        offered: None,
        key: None,
    };
    // Most contexts connect to a place once.
    if !guard.kept_sessions.is_empty() && !session::offers_session(conn) {
        begun.offered = offer(conn, guard, state, &begun);
    }
    state.known().resumption = Some(Box::new(begun));
}

/// Whether `guard` keeps sessions now.
fn is_wanted(guard: &Guard) -> bool {
    let settings = guard.settings();
    matches!(guard.regime(), Regime::Own | Regime::Hardened) && settings.resumes && settings.waivers.is_empty()
}

fn offer(conn: Conn<'_>, guard: &Guard, state: &ConnectionState, begun: &Resumption) -> Option<Key> {
    let quiet = Quiet::begin();
    if !is_ours_alone(conn, guard) {
        return None;
    }
    let wanted = expected_host::before_hello(conn, guard, state, &quiet).ok()?;
    let meaning = session::compute(conn, guard, begun.generation, &wanted);
    let key = begun.key_for(conn, session::borne(&meaning));
    let kept = guard.kept_sessions.give(&key, begun.generation, now())?;
    // libssl's servers end a handshake where the suite of a session is not among those that are offered.
    let suite = Session::from(&*kept).suite()?.id();
    if !conn.suites().iter().any(|offered| offered.id() == suite) {
        return None;
    }
    conn.offer_session(&kept).then_some(key)
}

/// Whether nobody but hostlock verifies: what a program's callbacks or its records of DANE look at is not known here.
fn is_ours_alone(conn: Conn<'_>, guard: &Guard) -> bool {
    conn.verify_callback().is_none_or(hooks::is_tripwire)
        && guard.app_cert_verify().is_none()
        && conn.effective_store().is_some_and(|store| store::verify_callback(store).is_none())
        && !conn.ctx().has_client_certificate_callback()
        && !conn.has_dane()
}

/// The handshake of `conn` is complete and verified: says what its session will be kept for.
pub fn complete(conn: Conn<'_>, guard: &Guard) {
    let Some(state) = ConnectionState::of(conn) else { return };
    let Some(begun) = state.known().resumption.clone().filter(|begun| begun.key.is_none()) else { return };
    let is_verified = matches!(state.known().verdict, Verdict::Verified { .. });
    // A callback of the program's chose another certificate, and may do so again. Ours are known by the settings.
    let is_own_known = begun.own == place::own_digest(conn) || !guard.settings().own.is_empty();
    let key = (is_verified && is_own_known && is_ours_alone(conn, guard))
        .then(|| Some(begun.key_for(conn, session::borne_by(&conn.session()?.id_context().try_into().ok()?))))
        .flatten();
    let mut known = state.known();
    known.resumption = key.map(|key| Box::new(Resumption { key: Some(key), ..*begun }));
}

/// The connection has come to its end, or will be freed: keeps its session. Where the server has sent none yet, a later call
/// may find one.
pub fn end(conn: Conn<'_>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    let guard = {
        let known = state.known();
        let ended_well = known.ended.is_none() && known.failure.is_none();
        let (true, Some(_), Some(guard)) = (ended_well, &known.resumption, &known.guard) else { return };
        guard.clone()
    };
    let Some(session) = conn.session().filter(|_| conn.is_init_finished()) else { return };
    if !session.is_resumable() || !session.has_key() {
        return;
    }
    let Some(begun) = state.known().resumption.take() else { return };
    let Some(key) = begun.key else { return };
    if begun.process != process::id() || begun.generation != guard.generation() || !is_wanted(&guard) {
        return;
    }
    let Ok(mark) = <[u8; 32]>::try_from(session.id_context()) else { return };
    if !key.starts_with(session::borne_by(&mark)) {
        return;
    }
    let end = session.ticket_end().map_or(i64::MAX, i64::from).min(session::end(&mark));
    if end > now()
        && let Some(copy) = session.copied()
    {
        guard.kept_sessions.keep(key, begun.generation, copy, end);
    }
}

/// The handshake of `conn` failed: what is kept for the same place is given up.
pub fn failed(conn: Conn<'_>, guard: &Guard) {
    let begun = ConnectionState::of(conn).and_then(|state| state.known().resumption.take());
    if let Some(offered) = begun.and_then(|begun| begun.offered) {
        guard.kept_sessions.forget(&offered);
    }
}
