//! Encrypted ClientHello (RFC 9849, OpenSSL 4.0): a hello for the host that the program named, inside of one for a public
//! name. Where the server rejects it libssl puts the public name in the place of the program's host and SNI, verifies the
//! server for that, and ends the handshake; the names stay exchanged. They must never pass for the program's.

use crate::error::{Error, Result, Status};
use crate::handshake::connection_state::ConnectionState;
use crate::libssl::Conn;
pub use crate::libssl::ech::{Progress, progress};

/// Takes note of the names that the program has set, before libssl may exchange them; and refuses those that an earlier
/// handshake of `conn` may have exchanged.
pub fn note_names(conn: Conn<'_>, state: &ConnectionState) -> Result<()> {
    let uses_it = progress(conn) != Progress::Unused;
    let before = state.known().ech_names.clone();
    if !uses_it && before.is_none() {
        return Ok(());
    }
    let names = names(conn)?;
    if before.is_some_and(|before| before != names) {
        return Err(Error::new(
            Status::EState,
            "an earlier handshake of this connection used Encrypted ClientHello and did not succeed, and the host is another \
             since: OpenSSL puts the public name there",
        )
        .with_hint("make a new connection, and name its host"));
    }
    state.known().ech_names = Some(names);
    Ok(())
}

/// The names are the program's own, and may be changed from here on.
pub fn forget_names(state: &ConnectionState) {
    state.known().ech_names = None;
}

/// The hosts of the connection's parameters, and its SNI.
fn names(conn: Conn<'_>) -> Result<Vec<u8>> {
    let mut names = Vec::new();
    for host in conn.param().hosts()? {
        names.extend_from_slice(host);
        names.push(0);
    }
    names.push(b'|');
    names.extend_from_slice(conn.server_name().unwrap_or_default());
    Ok(names)
}

/// The public name, where the server has rejected Encrypted ClientHello: its certificate must be for that, so that what it
/// says of its configuration may be believed. The handshake itself fails all the same.
pub fn public_name(conn: Conn<'_>) -> Option<&[u8]> {
    if progress(conn) != Progress::Tried {
        return None;
    }
    // libssl has put the public name there.
    Some(conn.server_name().unwrap_or_default())
}

/// The error for a handshake that would be complete, though the server rejected Encrypted ClientHello.
pub fn rejected() -> Error {
    Error::new(Status::EUnverified, "the server rejected Encrypted ClientHello, so it was not asked for the host")
        .with_hint("try again with the configuration that SSL_ech_get1_retry_config gives")
}
