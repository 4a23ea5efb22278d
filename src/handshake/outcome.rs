//! Tells the observer of a context how each connection ended: once, whatever the peer has libssl report after its first
//! handshake, but for a later handshake that is refused. It only looks.

use std::ffi::c_int;

use crate::guard::observer::{End, Observer};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::events;
use crate::handshake::libssl_error::{self, Found};
use crate::handshake::report_only;
use crate::libssl::{Conn, sys};

/// Tells the observer of the connection's context, if there is one and the handshake has come to its end.
pub fn tell(conn: Conn<'_>, place: c_int, value: c_int) {
    let done = place & sys::SSL_CB_HANDSHAKE_DONE != 0;
    let stopped = matches!(place, sys::SSL_CB_CONNECT_EXIT | sys::SSL_CB_ACCEPT_EXIT) && value <= 0;
    if !(done || stopped) {
        return;
    }
    tell_once(conn, |guard, state, observer| end_of(conn, guard, state, observer, done));
}

/// Tells of a refusal as soon as it is known: libssl reads a connection's info callback when it is called, so that where a
/// program's own stood there until then, ours does not hear how this call ends.
pub fn tell_refusal(conn: Conn<'_>) {
    crate::nets::here!("observer hears of a refusal");
    events::refused(conn);
    tell_once(conn, |guard, state, _| match &state.known().verdict {
        Verdict::Refused(error) if guard.regime() != Regime::ReportOnly => Some(End::Refused(error.clone())),
        _ => None,
    });
}

/// Remembers whom a handshake that begins is with, where an observer wants to know of its end. A connection that is used
/// again leaves what became of it before.
pub fn begin(conn: Conn<'_>, guard: Option<&Guard>, state: &ConnectionState) {
    let Some(observer) = guard.and_then(Guard::observer) else { return };
    // A renegotiation belongs to the connection of which was told.
    if state.known().told && !conn.is_in_before() {
        return;
    }
    state.tell_given_up();
    let peer = observer.peer_of(conn);
    let mut known = state.known();
    (known.told, known.told_of_refusal, known.begun_with) = (false, false, Some(peer));
}

fn tell_once(conn: Conn<'_>, end: impl FnOnce(&Guard, &ConnectionState, &'static dyn Observer) -> Option<End>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    let guard = state.known().guard.clone();
    let Some(guard) = guard.as_deref().or_else(|| Guard::of_conn(conn)) else { return };
    let Some(observer) = guard.observer() else { return };
    let told = {
        let known = state.known();
        if known.told_of_refusal || known.told && guard.regime() == Regime::ReportOnly {
            return;
        }
        known.told
    };
    let Some(end) = end(guard, state, observer) else { return };
    let refusal = matches!(end, End::Refused(_));
    if told && !refusal {
        return;
    }
    let peer = {
        let mut known = state.known();
        (known.told, known.told_of_refusal) = (true, refusal);
        known.begun_with.take()
    };
    observer.ended(conn, peer.unwrap_or_else(|| observer.peer_of(conn)), &end);
}

fn end_of(conn: Conn<'_>, guard: &Guard, state: &ConnectionState, observer: &'static dyn Observer, done: bool) -> Option<End> {
    let is_report_only = guard.regime() == Regime::ReportOnly;
    if conn.is_server() {
        let known = state.known();
        return match &known.verdict {
            Verdict::Refused(error) => Some(End::Refused(error.clone())),
            _ if done => Some(End::Served),
            _ => known.failure.clone().map(End::Failed),
        };
    }
    // libssl also says "done" when a client may send early data.
    let complete = done && conn.is_init_finished();
    if is_report_only {
        return match (done, complete) {
            (_, true) => Some(report_only::end(conn, guard, state, observer)),
            (true, false) => None,
            (false, _) => failed(conn, state),
        };
    }
    let known = state.known();
    match &known.verdict {
        Verdict::Refused(error) => Some(End::Refused(error.clone())),
        Verdict::Excused(excused) if complete => Some(End::Excused(excused.clone())),
        Verdict::Verified { host } if complete => Some(End::Connected(host.clone())),
        _ if done => None,
        // The program's own verification, or the peer, said no.
        Verdict::Excused(excused) if libssl_error::is_on_queue() => Some(End::Failed(excused.refusal.clone())),
        _ => known.failure.clone().map(End::Failed),
    }
}

/// Why a handshake that is only watched was ended by libssl or the program, if it was: it may only wait.
fn failed(conn: Conn<'_>, state: &ConnectionState) -> Option<End> {
    match (libssl_error::of_handshake(conn), &state.known().verdict) {
        (Some(Found::Verdict(error) | Found::Libssl(error)), _) => Some(End::Failed(error)),
        // The program's own verification said no, and so do we.
        (None, Verdict::Refused(error)) if libssl_error::is_on_queue() => Some(End::Failed(error.clone())),
        (None, _) => libssl_error::of_any_end(conn).map(End::Failed),
    }
}
