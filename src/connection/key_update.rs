//! New keys for both directions of a connection (RFC 8446 4.6.3): for long ones, or before a secret of the connection leaves
//! the process.

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::exchange;
use crate::connection::facts::Agreed;
use crate::connection::failure::{self, Phase};
use crate::error::{Error, Result, Status};
use crate::handshake::connection_state::ConnectionState;
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;

/// Sends the message that announces ours and asks for the peer's, or goes on sending it.
pub fn update(conn: Conn<'_>) -> Result<Progress> {
    let mut drive = Drive::new(conn, Phase::Write, Patience::Transport)?;
    if exchange::owes_key_update(conn) {
        let is_ours = conn.asks_for_new_keys();
        match drive.handshake()? {
            // What was under way was another question of this side's.
            Progress::Done(_) if !is_ours => {}
            progress => return Ok(progress),
        }
    }
    let state = |what: &str| Err(Error::new(Status::EState, what));
    if Agreed::of(conn).is_none() {
        return state("the handshake of this connection is not complete");
    }
    if conn.version() < ffi::TLS1_3_VERSION {
        return Err(Error::new(Status::EUnsupported, "TLS 1.2 has no new keys for a connection that goes on")
            .with_hint("make a new connection; or let both sides speak TLS 1.3"));
    }
    if let Some(error) = drive.ended_by() {
        return Err(drive.last_word(error));
    }
    if conn.goodbyes().0 {
        return Err(drive.last_word(failure::closed()));
    }
    if ConnectionState::of(conn).is_some_and(|state| state.known().unfinished.is_some()) {
        return state("a write is still under way, so there are no new keys yet");
    }
    let quiet = Quiet::begin();
    if !conn.ask_for_new_keys() {
        let reason = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
        return Err(Error::new(Status::EInternal, format!("OpenSSL makes no new keys: {reason}")));
    }
    drop(quiet);
    drive.handshake()
}
