//! Collects what the words of a failure need, once a call has failed. It changes nothing about the connection.

use std::ffi::{c_int, c_long};

use openssl_sys as ffi;

use crate::connection::failure::{Facts, Offer, Phase, Reason, explain};
use crate::connection::head::begins_like_tls;
use crate::connection::resolve;
use crate::connection::transport::Transport;
use crate::error::{Error, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::{alert, expected_host, reasons};
use crate::libssl::queue::{self, Quiet, library, reason_text};
use crate::libssl::{Conn, sys};
use crate::os::socket;
use crate::policy::is_of_tls13;
use crate::role::Role;

const ERR_LIB_SSL: c_int = 20;
const RECORD_LAYER_FAILURE: c_int = 313;

/// The error for a call on `conn` that failed just now; `errno` is the system's complaint where the BIO is not ours, and
/// `first` whether no call before this one met the connection's end.
pub fn failure(
    conn: Conn<'_>,
    phase: Phase,
    transport: Option<&Transport>,
    errno: Option<c_int>,
    first: bool,
) -> Error {
    let (state, want, dead) = (conn.state(), conn.want(), conn.is_given_up());
    if !(sys::SSL_NOTHING..=sys::SSL_READING).contains(&want) {
        return Error::new(Status::EUnsupported, "libssl waits for a callback of the application to finish")
            .with_hint("drive this connection with SSL_do_handshake, whose SSL_get_error says which");
    }
    // libssl empties the queue when a handshake goes on, so all of it is of this call.
    let is_here = if conn.is_init_finished() { queue::newest_is_no_memory() } else { queue::tells_of_failure_here() };
    if is_here {
        return reasons::failed_here(&peer_address(conn.descriptors().0));
    }
    let newest = newest_reason(conn);
    let named = newest.as_ref().is_some_and(|reason| reason.from_libssl);
    let errno = match transport {
        Some(transport) => transport.errno.take(),
        // libssl waits for a BIO that did not say "try again": the system refused. Since 3.2 it waits no more after
        // that, so a complaint is believed once, and where libssl names no reason.
        // Once libssl itself has given the connection up its reason counts, and "try again" is no complaint at all.
        None => errno.filter(|errno| match *errno {
            libc::EAGAIN | libc::EINTR => false,
            errno if dead || want == sys::SSL_NOTHING => first && !named && is_of_a_socket(errno),
            _ => true,
        }),
    };
    let alive = conn.is_init_finished();
    // Where libssl itself can go on and the system complained, what is on the queue is an older entry.
    let reason = newest.filter(|_| !(alive && errno.is_some()));
    let peer = peer_address(conn.descriptors().0);
    let established =
        alive || state == sys::TLS_ST_OK || transport.is_some_and(|transport| transport.established.get());
    let role = if conn.is_server() { Role::Server } else { Role::Client };
    let before_hello = state == sys::TLS_ST_BEFORE || role == Role::Client && state == waiting_for_server_hello();
    let words = |head: &[u8]| {
        explain(&Facts {
            role,
            phase: if established { phase } else { Phase::Handshake },
            peer: &peer,
            reason: reason.clone(),
            errno,
            ended: transport.is_some_and(|transport| transport.ended.get()),
            head,
            heard: if transport.is_some() { !head.is_empty() } else { !before_hello },
            before_hello,
            offer: offer(conn),
            lacks_certificate: conn.own_certificate().is_none() && (conn.is_server() || conn.was_asked_for_certificate()),
            nameless: role == Role::Client && conn.server_name().is_none(),
            has_shown_certificate: role == Role::Server && has_shown_certificate(conn),
        })
    };
    match transport {
        Some(transport) => {
            if !transport.with_head(|head| begins_like_tls(role, head)) {
                transport.look_further();
            }
            transport.with_head(words)
        }
        None => words(&[]),
    }
}

/// The number of the state in which a client's hello was sent, in the libssl that runs. In words, as SSL_state_string
/// gives it, it cannot be asked for once the handshake has failed.
fn waiting_for_server_hello() -> c_int {
    if openssl::version::number() < sys::OPENSSL_3_2 { sys::TLS_ST_CW_CLNT_HELLO } else { sys::TLS_ST_CW_CLNT_HELLO_3_2 }
}

fn has_shown_certificate(conn: Conn<'_>) -> bool {
    conn.session().is_some_and(|session| session.peer_certificate().is_some())
}

/// The newest entry of this thread's error queue.
fn newest_reason(conn: Conn<'_>) -> Option<Reason> {
    let code = queue::newest();
    if ffi::ERR_GET_LIB(code) == library() {
        // Our own entry is about an earlier call.
        return None;
    }
    if code == 0 {
        return None;
    }
    // Alerts that nobody registered have no words.
    let mut text = reason_text(code).unwrap_or_else(|| format!("reason {}", ffi::ERR_GET_REASON(code)));
    if let Some(behind) = queue::behind_internal_error() {
        text = reason_text(behind).unwrap_or(text);
    }
    let (from_libssl, code) = (ffi::ERR_GET_LIB(code) == ERR_LIB_SSL, ffi::ERR_GET_REASON(code));
    if from_libssl && code == RECORD_LAYER_FAILURE {
        // What was wrong with the record stands below this entry, where nothing can look; the alert says it too.
        let alert = ConnectionState::of(conn).and_then(|state| state.known().sent_alert);
        text = alert.map_or(text, |alert| alert::name(alert).replace('_', " "));
    }
    Some(Reason { from_libssl, code, text })
}

/// Whether the system says so of a connection, and not of a file or a call that something else made meanwhile.
fn is_of_a_socket(errno: c_int) -> bool {
    use libc::{ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENETDOWN, ENETRESET, ENETUNREACH, EPIPE, ETIMEDOUT};
    let known = [ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENETDOWN, ENETRESET, ENETUNREACH, EPIPE, ETIMEDOUT];
    known.contains(&errno)
}

/// What `conn` offers or serves: the security callback keeps every other version and suite out of the hello.
pub fn offer(conn: Conn<'_>) -> Offer {
    let guard = Guard::of_conn(conn);
    let (least, most, options) = (conn.min_version(), conn.max_version(), conn.options());
    let most = if most == HIGHEST_KNOWN { ffi::TLS1_3_VERSION.into() } else { most };
    let permitted = |version| guard.is_none_or(|guard| guard.policy.permits_version(version, options));
    let offered = |version: &c_int| (least..=most).contains(&c_long::from(*version)) && permitted(*version);
    let mut suites = Vec::new();
    if let Some(guard) = guard {
        for suite in conn.suites() {
            let version = if is_of_tls13(suite.id()) { ffi::TLS1_3_VERSION } else { ffi::TLS1_2_VERSION };
            if guard.policy.permits_suite(suite.id()) && offered(&version) {
                suites.push(suite.name().to_owned());
            }
        }
    }
    Offer { versions: (ffi::TLS1_VERSION..=ffi::TLS1_3_VERSION).filter(offered).collect(), suites }
}

/// What stands for the highest version that libssl knows.
const HIGHEST_KNOWN: c_long = 0;

/// `error` with the host of `conn`, where it has none yet.
pub fn with_host(conn: Conn<'_>, error: Error) -> Error {
    if error.host().is_some() {
        return error;
    }
    match host(conn) {
        Some(host) => error.with_host(host),
        None => error,
    }
}

/// The host that `conn` is to reach.
fn host(conn: Conn<'_>) -> Option<String> {
    let (guard, state) = (Guard::of_conn(conn)?, ConnectionState::of(conn));
    if let Some(Verdict::Verified { host: Some(host) }) = state.map(|state| state.known().verdict.clone()) {
        return Some(host);
    }
    if guard.role_on(conn) != Role::Client {
        return None;
    }
    let wanted = expected_host::of_connection(conn, guard, state, &Quiet::begin()).ok()?;
    wanted.first().map(|host| host.text().into_owned())
}

/// The address of the peer of a socket, or "the peer" where there is none that could be shown.
pub fn peer_address(fd: Option<c_int>) -> String {
    fd.and_then(socket::peer).map_or_else(|| "the peer".to_owned(), |address| resolve::show(&address))
}
