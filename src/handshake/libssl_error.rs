//! Why libssl itself ended a handshake that a program drove with `SSL_connect`, in a few words: the connection's error
//! then names a status also where no verdict was reached. It knows only what is on OpenSSL's error queue.

use std::ffi::c_int;
use std::io;

use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::handshake::{ech, refusals};
use crate::libssl::{Conn, certificate_words, queue, sys};
use crate::os::words;

/// What the queue says.
pub enum Found {
    /// libssl refused on our behalf: this is a verdict.
    Verdict(Error),
    /// libssl failed for a reason of its own, which is on the queue already.
    Libssl(Error),
}

const NO_CIPHERS_AVAILABLE: c_int = 181;
const NO_PROTOCOLS_AVAILABLE: c_int = 191;
const VERSION_TOO_HIGH: c_int = 166;
const UNKNOWN_CIPHER_RETURNED: c_int = 248;
const UNSUPPORTED_PROTOCOL: c_int = 258;
const WRONG_CIPHER_RETURNED: c_int = 261;
const WRONG_SSL_VERSION: c_int = 266;
const SESSION_IN_DIFFERENT_CONTEXT: c_int = 272;
const VERSION_TOO_LOW: c_int = 396;
const ECH_REQUIRED: c_int = 424;
const CERTIFICATE_VERIFY_FAILED: c_int = 134;
const HTTPS_PROXY_REQUEST: c_int = 155;
const HTTP_REQUEST: c_int = 156;
const WRONG_VERSION_NUMBER: c_int = 267;
const UNEXPECTED_EOF_WHILE_READING: c_int = 294;
const ALERT_BASE: c_int = 1000;
/// Reasons above are not libssl's own, but those that all libraries share.
const ALERT_LAST: c_int = ALERT_BASE + 255;
const ALERT_HANDSHAKE_FAILURE: c_int = 1040;
const ALERT_PROTOCOL_VERSION: c_int = 1070;
const ALERT_INSUFFICIENT_SECURITY: c_int = 1071;

/// Why the handshake that this thread drives has just ended, or `None` where it only waits or libssl said nothing.
pub fn of_handshake() -> Option<Found> {
    // What libssl wants does not tell: it still wants to read after an alert. But it emptied the queue when it went on
    // with the handshake, and where it only waits it puts nothing there.
    let code = queue::newest();
    if code == 0 || ffi::ERR_GET_LIB(code) != sys::ERR_LIB_SSL {
        return None;
    }
    explain(ffi::ERR_GET_REASON(code), &queue::reason_text(code).unwrap_or_default())
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
        HTTP_REQUEST | HTTPS_PROXY_REQUEST => {
            Error::new(Status::EPlaintext, format!("the peer speaks plain text and not TLS ({text})"))
        }
        WRONG_VERSION_NUMBER => {
            Error::new(Status::EProtocol, format!("the peer does not speak TLS, or none that is known here ({text})"))
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

fn explain(reason: c_int, text: &str) -> Option<Found> {
    let (status, what) = match reason {
        SESSION_IN_DIFFERENT_CONTEXT => return Some(Found::Verdict(refusals::foreign_session())),
        NO_CIPHERS_AVAILABLE => {
            (Status::ENoCommonCipher, "none of the cipher suites that are configured is permitted by the policy")
        }
        UNKNOWN_CIPHER_RETURNED | WRONG_CIPHER_RETURNED => {
            (Status::ENoCommonCipher, "the peer chose a cipher suite that the policy does not permit")
        }
        ALERT_HANDSHAKE_FAILURE | ALERT_INSUFFICIENT_SECURITY => {
            (Status::ENoCommonCipher, "the peer found nothing to its liking in what was offered")
        }
        NO_PROTOCOLS_AVAILABLE | VERSION_TOO_LOW | VERSION_TOO_HIGH => {
            (Status::ENoCommonVersion, "none of the versions that are configured is permitted by the policy")
        }
        UNSUPPORTED_PROTOCOL | WRONG_SSL_VERSION | ALERT_PROTOCOL_VERSION => {
            (Status::ENoCommonVersion, "the peer has no TLS version in common with the policy")
        }
        ECH_REQUIRED => return Some(Found::Libssl(ech::rejected())),
        ALERT_BASE..=ALERT_LAST => (Status::EAlert, "the peer ended the handshake with an alert"),
        _ => return None,
    };
    Some(Found::Libssl(Error::new(status, format!("{what} ({text})"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_foreign_session_is_a_verdict() {
        let found = |reason| match explain(reason, "words") {
            Some(Found::Verdict(error)) => (true, error.status()),
            Some(Found::Libssl(error)) => (false, error.status()),
            None => (false, Status::Ok),
        };
        assert_eq!(found(SESSION_IN_DIFFERENT_CONTEXT), (true, Status::EUnverified));
        assert_eq!(found(NO_CIPHERS_AVAILABLE), (false, Status::ENoCommonCipher));
        assert_eq!(found(VERSION_TOO_LOW), (false, Status::ENoCommonVersion));
        assert_eq!(found(1112), (false, Status::EAlert));
        assert_eq!(found(ECH_REQUIRED), (false, Status::EUnverified));
        assert_eq!(found(0xc0103), (false, Status::Ok), "\"internal error\" is no alert");
        assert_eq!(found(134), (false, Status::Ok));
    }
}
