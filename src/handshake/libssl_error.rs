//! Why libssl itself ended a handshake that a program drove with `SSL_connect`, in a few words: the connection's error
//! then names a status also where no verdict was reached. It knows only what is on OpenSSL's error queue.

use std::ffi::c_int;
use std::io;

use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::handshake::{ech, reasons, refusals};
use crate::libssl::{Conn, certificate_words, queue, sys};
use crate::os::words;
use crate::role::Role;

/// What the queue says.
pub enum Found {
    /// libssl refused on our behalf: this is a verdict.
    Verdict(Error),
    /// libssl failed for a reason of its own, which is on the queue already.
    Libssl(Error),
}

const SESSION_IN_DIFFERENT_CONTEXT: c_int = 272;
const ECH_REQUIRED: c_int = 424;
const CERTIFICATE_VERIFY_FAILED: c_int = 134;
const UNEXPECTED_EOF_WHILE_READING: c_int = 294;

/// Why the handshake of `conn`, which this thread drives, has just ended, or `None` where it only waits or libssl said nothing.
pub fn of_handshake(conn: Conn<'_>) -> Option<Found> {
    // What libssl wants does not tell: it still wants to read after an alert. But it emptied the queue when it went on
    // with the handshake, and where it only waits it puts nothing there.
    let code = queue::newest();
    if code != 0 && queue::tells_of_failure_here() {
        return Some(Found::Libssl(reasons::failed_here("the peer")));
    }
    if code == 0 || ffi::ERR_GET_LIB(code) != sys::ERR_LIB_SSL {
        return None;
    }
    let role = if conn.is_server() { Role::Server } else { Role::Client };
    let has_certificate = role == Role::Client || conn.own_certificate().is_some();
    let found = explain(role, has_certificate, ffi::ERR_GET_REASON(code));
    // Where the client has shown a certificate its own signature is of a kind that nobody asked for.
    let is_own = ffi::ERR_GET_REASON(code) != reasons::WRONG_SIGNATURE_TYPE
        || role == Role::Client
        || conn.session().is_none_or(|session| session.peer_certificate().is_none());
    found.filter(|_| is_own)
}

/// Why the handshake of `conn` has just ended, where neither a verdict nor [`of_handshake`] says it; `None` where it only
/// waits.
pub fn of_any_end(conn: Conn<'_>) -> Option<Error> {
    let errno = io::Error::last_os_error();
    let code = queue::newest();
    let named = code != 0 && ffi::ERR_GET_LIB(code) != queue::library();
    if !named && !conn.waits_no_more() {
        return None;
    }
    let text = || queue::reason_text(code).unwrap_or_default();
    if named && ffi::ERR_GET_LIB(code) == sys::ERR_LIB_SSL {
        return Some(of_reason(conn, ffi::ERR_GET_REASON(code), &text()));
    }
    if named && conn.is_given_up() {
        return Some(Error::new(Status::EProtocol, format!("libssl ended the handshake ({})", text())));
    }
    Some(match errno.raw_os_error() {
        Some(number) if CUT.contains(&number) => cut(&words::of(&errno)),
        Some(number) if UNREACHED.contains(&number) => {
            Error::new(Status::EIo, format!("the peer was lost during the handshake: {}", words::of(&errno)))
        }
        _ => cut("its side is at its end"),
    })
}

/// What a system says of a connection that the peer, or somebody in between, cut.
const CUT: [c_int; 4] = [libc::ECONNRESET, libc::EPIPE, libc::ECONNABORTED, libc::ENETRESET];
/// What it says of a peer that cannot be reached.
const UNREACHED: [c_int; 6] = [
    libc::ECONNREFUSED,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
    libc::ENETDOWN,
    libc::ENOTCONN,
    libc::ETIMEDOUT,
];

fn of_reason(conn: Conn<'_>, reason: c_int, text: &str) -> Error {
    match reason {
        UNEXPECTED_EOF_WHILE_READING => cut("its side is at its end"),
        CERTIFICATE_VERIFY_FAILED => {
            let why = certificate_words::code_text(conn.verify_result() as c_int);
            Error::new(Status::EUnverified, format!("the peer's certificate was refused as the program was set up: {why}"))
        }
        _ => Error::new(Status::EProtocol, format!("libssl ended the handshake ({text})")),
    }
}

fn cut(how: &str) -> Error {
    Error::new(Status::ETruncated, format!("the peer cut the connection during the handshake: {how}"))
}

/// Whether libssl has said that something failed.
pub fn is_on_queue() -> bool {
    let code = queue::newest();
    code != 0 && ffi::ERR_GET_LIB(code) == sys::ERR_LIB_SSL
}

fn explain(role: Role, has_certificate: bool, reason: c_int) -> Option<Found> {
    match reason {
        SESSION_IN_DIFFERENT_CONTEXT => return Some(Found::Verdict(refusals::foreign_session())),
        ECH_REQUIRED => return Some(Found::Libssl(ech::rejected())),
        _ => {}
    }
    let cause = reasons::of(role, reason)?;
    Some(Found::Libssl(match has_certificate {
        false if reasons::may_lack_own_certificate(cause) => reasons::no_own_certificate("the peer"),
        _ => cause.error(role, "the peer"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_foreign_session_is_a_verdict() {
        let found = |reason| match explain(Role::Client, true, reason) {
            Some(Found::Verdict(error)) => (true, error.status()),
            Some(Found::Libssl(error)) => (false, error.status()),
            None => (false, Status::Ok),
        };
        assert_eq!(found(SESSION_IN_DIFFERENT_CONTEXT), (true, Status::EUnverified));
        assert_eq!(found(181), (false, Status::ENoCommonCipher));
        assert_eq!(found(396), (false, Status::ENoCommonVersion));
        assert_eq!(found(1112), (false, Status::EAlert));
        assert_eq!(found(ECH_REQUIRED), (false, Status::EUnverified));
        assert_eq!(found(0xc0103), (false, Status::Ok), "\"internal error\" is no alert");
        assert_eq!(found(134), (false, Status::Ok));
    }
}
