//! The info callback: it prepares a handshake when it starts, refuses at its end what no certificate callback has seen,
//! and keeps the reason where libssl ended the handshake. It never takes a program's own info callback away: it calls it.
//!
//! Where a handshake is refused at its very end `SSL_connect` still returns 1. Refused then means: no application byte
//! leaves or arrives, the reason is on OpenSSL's error queue and in `hostlock_conn_error`.

use std::cell::LazyCell;
use std::ffi::{c_int, c_long};

use openssl_sys as ffi;

use crate::error::{self, Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::expected_host;
use crate::handshake::hooks::{self, Observe, ObserveWithApplication};
use crate::handshake::refusals::{CONTEXT_REPLACED, NOT_CALLED, foreign_session, unverified};
use crate::handshake::{alert, client_certificate, ech, events, libssl_error, ocsp_status, outcome, session, session_end, start};
use crate::host::ExpectedHost;
use crate::libssl::callback::{Callback, Report};
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Conn, sys};

impl Callback for Observe {
    type Question<'a> = Report<'a>;
    type Answer = ();
    const CLOSED: () = ();

    fn answer(report: Report<'_>) {
        // Most reports are of a step between, which only a program's own callback wants to hear of.
        let another = context_has_another(report.conn);
        if another || is_turn(report) {
            heed(report, another);
        } else {
            events::heard(report);
        }
    }

    fn answer_panicked(report: Report<'_>) {
        shut(report.conn);
    }
}

impl Callback for ObserveWithApplication {
    type Question<'a> = Report<'a>;
    type Answer = ();
    const CLOSED: () = ();

    fn answer(report: Report<'_>) {
        heed(report, true);
    }

    fn answer_panicked(report: Report<'_>) {
        shut(report.conn);
    }
}

/// `for_application`: whether the program may have a callback of its own.
fn heed(report: Report<'_>, for_application: bool) {
    crate::nets::here!("info");
    let Report { conn, place, value } = report;
    // libssl would call the program's own: that one has called us, as the callback which it replaced.
    let by_program = !hooks::info_is_in_place(conn);
    if place & sys::SSL_CB_HANDSHAKE_START != 0 {
        start::prepare(conn);
    }
    if place & sys::SSL_CB_HANDSHAKE_DONE != 0 {
        review_client(conn);
        finish(conn);
        note_random(conn);
    }
    if let (true, Some(state)) = (place == sys::SSL_CB_WRITE_ALERT && value >> 8 == alert::FATAL, ConnectionState::of(conn)) {
        state.known().sent_alert = Some(value as u8);
    }
    if is_stop(place, value) {
        stopped(conn);
    }
    outcome::tell(conn, place, value);
    events::heard(report);
    if by_program || !for_application {
        return;
    }
    if let Some(application) = application_callback(conn) {
        report.pass_on(application);
        if let Some(state) = ConnectionState::of(conn) {
            state.known().in_app_info = false;
        }
    }
}

/// Whether a handshake starts, is complete or has stopped, or an alert ends the connection.
fn is_turn(Report { place, value, .. }: Report<'_>) -> bool {
    place & (sys::SSL_CB_HANDSHAKE_START | sys::SSL_CB_HANDSHAKE_DONE) != 0
        || is_stop(place, value)
        || place == sys::SSL_CB_WRITE_ALERT && value >> 8 == alert::FATAL
}

/// Whether a handshake has stopped, to wait or for good.
fn is_stop(place: c_int, value: c_int) -> bool {
    matches!(place, sys::SSL_CB_CONNECT_EXIT | sys::SSL_CB_ACCEPT_EXIT) && value <= 0
}

/// Whether a program has put an info callback of its own on the context, in place of ours.
fn context_has_another(conn: Conn<'_>) -> bool {
    let callback = conn.ctx().info_callback();
    callback.is_some_and(|callback| !hooks::is_info(callback))
}

/// The program's callback for this connection, if it does not run already.
fn application_callback(conn: Conn<'_>) -> Option<sys::InfoCallback> {
    let state = ConnectionState::of(conn);
    let own = match state {
        Some(state) if state.known().in_app_info => return None,
        Some(state) => state.known().app_info,
        None => None,
    };
    let context = || conn.ctx().info_callback();
    let displaced = || Guard::of_conn(conn).and_then(Guard::app_info);
    let context = || context().filter(|callback| !hooks::is_info(*callback)).or_else(displaced);
    let callback = own.filter(|callback| !hooks::is_info(*callback)).or_else(context)?;
    state?.known().in_app_info = true;
    Some(callback)
}

/// From here on this handshake is told from a later one. A server of TLS 1.3 is here before it has sent its tickets.
fn note_random(conn: Conn<'_>) {
    if let Some(state) = ConnectionState::of(conn) {
        state.known().random = Some(conn.own_random());
    }
}

fn finish(conn: Conn<'_>) {
    if conn.is_server() || start::is_only_watched(conn) {
        return;
    }
    // libssl also calls when a client has sent its hello and may send early data.
    if !conn.is_init_finished() {
        if let Err(error) = review_early(conn) {
            refuse(conn, error);
        }
        return;
    }
    let judged = ConnectionState::ensure(conn).and_then(|state| review(conn, state).map(|verdict| (state, verdict)));
    match judged {
        Ok((state, verdict)) => state.known().verdict = verdict,
        Err(error) => refuse(conn, error),
    }
}

/// A server refuses a client that resumes a session as another than it must be now.
fn review_client(conn: Conn<'_>) {
    if !conn.is_server() || start::is_only_watched(conn) {
        return;
    }
    let Some(guard) = Guard::of_conn(conn) else {
        let reviewed = ConnectionState::of(conn).map_or(Ok(()), client_certificate::review_unguarded);
        return reviewed.unwrap_or_else(|error| refuse(conn, error));
    };
    let state = ConnectionState::of(conn);
    let wanted = LazyCell::new(|| expected_host::of_client(conn, guard, state, &Quiet::begin()));
    let reviewed = guard.check_not_poisoned().and_then(|()| {
        client_certificate::review_presence(conn, guard, state)
            .and_then(|()| client_certificate::review_names(conn, guard, state, || &wanted))
    });
    let reviewed = reviewed.and_then(|()| {
        if guard.regime() != Regime::Sealed {
            session_end::check_still_good(conn, guard)?;
            client_certificate::review_mark(conn, guard, &wanted)?;
        }
        session_end::keep(conn, guard);
        Ok(())
    });
    if let Err(error) = reviewed {
        refuse(conn, error);
    }
}

/// Whether the completed handshake of a client was verified, by us, for the host that was asked for.
fn review(conn: Conn<'_>, state: &ConnectionState) -> Result<Verdict> {
    let (guard, verdict) = {
        let known = state.known();
        (known.guard.clone(), known.verdict.clone())
    };
    let Some(guard) = guard else {
        return Err(unverified(CONTEXT_REPLACED));
    };
    guard.check_not_poisoned()?;
    if ech::public_name(conn).is_some() {
        return Err(ech::rejected());
    }
    ech::forget_names(state);
    if conn.peer_certificate().is_none() {
        return Err(Error::new(Status::ENoCertificate, "the peer showed no certificate, so nothing says who it is")
            .with_hint("anonymous and pre-shared-key handshakes name no host; the server needs a certificate"));
    }
    match verdict {
        Verdict::Verified { .. } => {
            ocsp_status::judge_late(conn, &guard, state)?;
            return Ok(verdict);
        }
        // What was excused is not verified either: no staple is asked for, and its session bears no mark.
        Verdict::Excused(_) => return Ok(verdict),
        Verdict::Refused(error) => return Err(error),
        Verdict::Pending => {}
    }
    if let Some(earlier) = earlier_verdict(conn, state) {
        return Ok(earlier);
    }
    if !conn.is_resumed() {
        return Err(unverified(NOT_CALLED));
    }
    if conn.verify_result() != ffi::X509_V_OK as c_long {
        return Err(unverified("the resumed session carries a failed verification"));
    }
    let wanted = own_session(conn, &guard, state)?;
    Ok(Verdict::Verified { host: wanted.first().map(|host| host.text().into_owned()) })
}

/// The verdict on the handshake before, where no other took place since: libssl reports a start and an end also where it
/// declined a server's wish to renegotiate.
fn earlier_verdict(conn: Conn<'_>, state: &ConnectionState) -> Option<Verdict> {
    let (verdict, its_finished) = state.known().earlier.take()?;
    (!its_finished.is_empty() && its_finished == conn.finished()).then_some(verdict)
}

/// Early data goes to whoever holds the session's keys, so the session must be this host's own.
fn review_early(conn: Conn<'_>) -> Result<()> {
    let state = ConnectionState::ensure(conn)?;
    let guard = Guard::of_conn(conn).ok_or_else(|| unverified(CONTEXT_REPLACED))?;
    guard.check_not_poisoned()?;
    own_session(conn, guard, state).map(|_| ())
}

/// Refuses a session that was not verified for the host that is asked for now: it may have been changed since the
/// handshake began.
fn own_session(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> Result<ExpectedHost> {
    let wanted = expected_host::of_connection(conn, guard, Some(state), &Quiet::begin())?;
    let generation = state.known().generation;
    // Its end was looked at when the hello was built, and may lie within the handshake.
    match session::of_session(conn, &session::compute(conn, guard, generation, &wanted), i64::MIN) {
        Some(_) => Ok(wanted),
        None => Err(foreign_session()),
    }
}

/// A handshake has stopped: to wait, or for good.
fn stopped(conn: Conn<'_>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    if matches!(state.known().verdict, Verdict::Refused(_)) || start::is_only_watched(conn) {
        return;
    }
    let other = || libssl_error::of_any_end(conn).map(libssl_error::Found::Libssl);
    let Some(found) = libssl_error::of_handshake(conn).or_else(other) else { return };
    let mut known = state.known();
    match found {
        libssl_error::Found::Verdict(error) => {
            queue::raise(&error);
            error::remember(error.clone());
            known.verdict = Verdict::Refused(error);
        }
        libssl_error::Found::Libssl(error) => {
            error::remember(error.clone());
            known.failure = Some(error);
        }
    }
}

/// Lets nothing pass any more and says why.
fn refuse(conn: Conn<'_>, error: Error) {
    if let Some(state) = ConnectionState::of(conn) {
        let already = matches!(state.known().verdict, Verdict::Refused(_));
        if !already {
            queue::raise_whole_refusal(&error);
        }
        error::remember(error.clone());
        state.known().verdict = Verdict::Refused(error);
    }
    shut(conn);
}

fn shut(conn: Conn<'_>) {
    session::spoil_session(conn);
    conn.set_verify_result(ffi::X509_V_ERR_APPLICATION_VERIFICATION);
    conn.close();
}
