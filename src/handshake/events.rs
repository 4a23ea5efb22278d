//! What a program that asked for it hears of its connections: handshakes that begin and end, alerts, tickets, new keys. It
//! is told from inside of libssl's info callback, in the connection's thread, and no lock is held meanwhile.
//!
//! Nothing here changes a connection. While the program's function runs the connection is shut for our own calls that move
//! bytes: libssl is in the middle of one.

use std::ffi::{CStr, CString, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::guard::{Family, Guard};
use crate::handshake::connection_state::{ConnectionState, Told, Verdict};
use crate::handshake::{alert, expected_host};
use crate::libssl::callback::Report;
use crate::libssl::listener::Listener;
use crate::libssl::queue::{self, Kept, Quiet};
use crate::libssl::{Conn, Suite, sys};
use crate::role::Role;

/// Whether any context of this process has a listener.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Names who is told of the context's connections; `None`: nobody.
pub fn listen(guard: &Guard, call: &'static str, listener: Option<Listener>) -> Result<()> {
    if listener.is_some() {
        IN_USE.store(true, Ordering::Relaxed);
    }
    guard.configure(Family::Setting(call), call, || Ok(listener), |settings, listener| settings.listener = listener)
}

/// Whether reports are to be looked at for listeners.
#[inline]
fn in_use() -> bool {
    IN_USE.load(Ordering::Relaxed)
}

/// A report of libssl's, after everybody else has looked at it.
pub fn heard(report: Report<'_>) {
    if !in_use() {
        return;
    }
    let Report { conn, place, value } = report;
    let Some((state, listener)) = listener_of(conn) else { return };
    crate::nets::here!("event");
    if place & sys::SSL_CB_HANDSHAKE_START != 0 && conn.is_in_before() {
        started(conn, state, listener, false);
    }
    if let sys::SSL_CB_READ_ALERT | sys::SSL_CB_WRITE_ALERT = place {
        tell(conn, state, listener, c"alert", &words_of_alert(conn, place, value));
    }
    if place & sys::SSL_CB_LOOP != 0 {
        step(conn, state, listener);
    }
    let returns = matches!(place, sys::SSL_CB_CONNECT_EXIT | sys::SSL_CB_ACCEPT_EXIT);
    if returns || place & sys::SSL_CB_HANDSHAKE_DONE != 0 {
        end(conn, state, listener, returns && value <= 0);
    }
}

/// A handshake begins whose start libssl has reported to an info callback of the program's, in place of ours.
pub fn begun_unseen(conn: Conn<'_>) {
    if !in_use() {
        return;
    }
    let Some((state, listener)) = listener_of(conn) else { return };
    let told = state.known().told_events;
    if !told.begun || told.ended {
        started(conn, state, listener, true);
    }
}

/// A peer's certificate is refused: told at once where libssl will not report to us how the call ends.
pub fn refused(conn: Conn<'_>) {
    if !in_use() {
        return;
    }
    let Some((state, listener)) = listener_of(conn) else { return };
    if state.known().told_events.unseen {
        end(conn, state, listener, true);
    }
}

/// A handshake has failed for a reason that libssl does not report: a timeout, a connection that was cut.
pub fn failed(conn: Conn<'_>, error: &Error) {
    if !in_use() {
        return;
    }
    let Some((state, listener)) = listener_of(conn) else { return };
    {
        let mut known = state.known();
        if !known.told_events.begun || known.told_events.ended {
            return;
        }
        known.told_events.ended = true;
    }
    tell(conn, state, listener, c"failed", error.message());
}

fn listener_of(conn: Conn<'_>) -> Option<(&ConnectionState, Listener)> {
    let state = ConnectionState::of(conn)?;
    let known = state.known().guard.clone();
    let guard = known.as_deref().or_else(|| Guard::of_conn(conn))?;
    let listener = guard.settings().listener?;
    Some((state, listener))
}

fn started(conn: Conn<'_>, state: &ConnectionState, listener: Listener, unseen: bool) {
    state.known().told_events = Told { begun: true, unseen, ..Told::default() };
    tell(conn, state, listener, c"started", &whom_with(conn, state));
}

/// How the handshake ended, if it has, once; and a refusal that comes after its end.
fn end(conn: Conn<'_>, state: &ConnectionState, listener: Listener, stopped: bool) {
    // libssl says "done" also when a client may send early data, and when a server has tickets to send yet: then its facts
    // can be asked for when the call returns.
    let complete = !stopped && conn.is_init_finished();
    let (kind, text) = {
        let mut known = state.known();
        let told = known.told_events;
        if !told.begun || told.refused {
            return;
        }
        let (kind, text) = match (&known.verdict, &known.failure) {
            (Verdict::Refused(error), _) => (c"refused", Some(error.message().to_owned())),
            _ if told.ended => return,
            _ if complete => (c"done", None),
            (_, Some(error)) if stopped => (c"failed", Some(error.message().to_owned())),
            _ => return,
        };
        known.told_events = Told { ended: true, refused: kind == c"refused", ..told };
        (kind, text)
    };
    tell(conn, state, listener, kind, &text.unwrap_or_else(|| words_of_end(conn, state)));
}

/// libssl reports a step when the one before is done, and still names that.
fn step(conn: Conn<'_>, state: &ConnectionState, listener: Listener) {
    let (kind, text) = match conn.state_word().to_bytes() {
        b"TRST" => (c"ticket", "received"),
        b"TWST" => (c"ticket", "sent"),
        b"TRSKU" | b"TRCKU" => (c"key-update", "received"),
        b"TWSKU" | b"TWCKU" => (c"key-update", "sent"),
        _ => return,
    };
    tell(conn, state, listener, kind, text);
}

/// Calls the program's function: it finds its thread's error queue, and leaves it, as if there was no call.
fn tell(conn: Conn<'_>, state: &ConnectionState, listener: Listener, kind: &CStr, text: &str) {
    let Ok(text) = CString::new(text.replace('\0', "\\0")) else { return };
    let was_open = state.is_open();
    state.known().told_events.running = true;
    if was_open {
        state.set_open(conn, false);
    }
    if queue::newest() == 0 {
        let _quiet = Quiet::begin();
        listener.tell(conn, kind, &text);
    } else {
        let _kept = Kept::take();
        listener.tell(conn, kind, &text);
    }
    state.known().told_events.running = false;
    if was_open {
        state.set_open(conn, true);
    }
}

fn whom_with(conn: Conn<'_>, state: &ConnectionState) -> String {
    let guard = Guard::of_conn(conn);
    if conn.is_server() {
        return "with a client".to_owned();
    }
    let host = guard.and_then(|guard| {
        let wanted = expected_host::of_connection(conn, guard, Some(state), &Quiet::begin()).ok()?;
        wanted.first().map(|host| host.text().into_owned())
    });
    host.map_or_else(|| "with a server".to_owned(), |host| format!("with {host}"))
}

fn words_of_end(conn: Conn<'_>, state: &ConnectionState) -> String {
    let version = conn.version_text().to_string_lossy();
    let suite = conn.suite().map_or("no cipher suite", Suite::name);
    let host = match &state.known().verdict {
        Verdict::Verified { host: Some(host) } => format!(", verified for {host}"),
        Verdict::Excused(_) => ", not verified: let through by name".to_owned(),
        _ => String::new(),
    };
    let resumed = if conn.is_resumed() { ", resumed" } else { "" };
    format!("{version} with {suite}{host}{resumed}")
}

fn words_of_alert(conn: Conn<'_>, place: c_int, value: c_int) -> String {
    let (level, number) = (value >> 8, value as u8);
    let level = if level == alert::FATAL { "fatal" } else { "warning" };
    let name = alert::name(number);
    if place == sys::SSL_CB_WRITE_ALERT {
        return format!("sent {level} {name}");
    }
    let role = if conn.is_server() { Role::Server } else { Role::Client };
    format!("received {level} {name}: {}", alert::meaning(role, number))
}
