//! Asking a client for its certificate after the handshake (RFC 8446 4.6.2): a server that wants one for some of its pages
//! only. The answer comes with a later read.

use std::ffi::c_int;

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::facts::Agreed;
use crate::connection::failure::Phase;
use crate::error::{Error, Result, Status};
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;

/// Demanded, and later: a resumed session need not have brought it.
const MODE: c_int = ffi::SSL_VERIFY_PEER | ffi::SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_POST_HANDSHAKE;
const SSL_VERIFY_POST_HANDSHAKE: c_int = 0x08;

/// Sends the question.
pub fn ask(conn: Conn<'_>) -> Result<Progress> {
    let mut drive = Drive::new(conn, Phase::Write, Patience::Transport)?;
    let state = |what: &str| Err(Error::new(Status::EState, what));
    if Agreed::of(conn).is_none() {
        return state("the handshake of this connection is not complete");
    }
    if !conn.is_server() {
        return state("only a server asks its client for a certificate");
    }
    if conn.version() < ffi::TLS1_3_VERSION {
        return Err(Error::new(Status::EUnsupported, "TLS 1.2 has no question for a certificate after the handshake")
            .with_hint("ask for it in the handshake: hostlock_server_set_client_auth"));
    }
    let quiet = Quiet::begin();
    conn.set_verify_mode(conn.verify_mode() | MODE);
    if !conn.ask_for_certificate() {
        return Err(match quiet.newest_reason().as_deref() {
            Some("request sent" | "request pending") => {
                Error::new(Status::EState, "the client was asked for a certificate already, and has not answered yet")
                    .with_hint("its answer comes with hostlock_read")
            }
            Some("extension not received") => {
                Error::new(Status::EUnsupported, "the client does not answer such a question (no post_handshake_auth)")
                    .with_hint("ask for its certificate in the handshake: hostlock_server_set_client_auth")
            }
            other => Error::new(Status::EInternal, format!("OpenSSL does not ask: {}", other.unwrap_or("no reason given"))),
        });
    }
    drop(quiet);
    drive.handshake()
}
