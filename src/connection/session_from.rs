//! Offering the session of one connection with another: FTP servers want it on their data channels, as the proof that both are
//! the same client's. What admits sessions at the start of every handshake admits this one too.

use std::sync::Arc;

use crate::connection::facts::Agreed;
use crate::connection::gate;
use crate::error::{Error, Result, Status};
use crate::libssl::Conn;

/// Has `conn` offer the session of `other`.
pub fn offer(conn: Conn<'_>, other: Conn<'_>) -> Result<()> {
    let state = |what: &str| Error::new(Status::EState, what);
    let (guard, of_other) = (gate::guard(conn)?, gate::guard(other)?);
    if conn.is_server() || other.is_server() {
        return Err(state("only a client offers a session"));
    }
    if !conn.is_in_before() {
        return Err(state("the handshake of this connection has begun, and no session can be offered any more"));
    }
    if !Arc::ptr_eq(&guard, &of_other) {
        return Err(state("the two connections belong to different contexts, which verify by different rules"));
    }
    if Agreed::of(other).is_none() {
        return Err(state("the handshake of the other connection is not complete"));
    }
    gate::verified(other, &of_other)?;
    let session = other.session().filter(|session| session.is_resumable() && session.has_key());
    let copy = session.and_then(|session| session.copied()).ok_or_else(|| {
        state("the other connection has no session that could be resumed")
            .with_hint("with TLS 1.3 the server sends it after the handshake: read from that connection first")
    })?;
    if conn.offer_session(&copy) { Ok(()) } else { Err(Error::new(Status::EInternal, "OpenSSL does not take the session")) }
}
