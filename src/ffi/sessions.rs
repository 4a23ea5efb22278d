//! Section "Sessions" of the header: handshakes that go on from an earlier one
//!
//! A session is resumed only where it was verified by the same context, under its present settings, for the same host, and
//! where nothing that its verification rests on has ended since; else the handshake is a full one. Servers resume by
//! themselves. What a program takes and offers through OpenSSL (SSL_get1_session, SSL_set_session) is held to the same.

use std::ffi::c_int;

use super::boundary::{accessor, status};
use super::{c_bool, conn_of, hostlock_conn};
use crate::connection::facts::Agreed;
use crate::connection::session_from;

/// Has `conn` offer the session of `other`, a connection of the same context whose handshake is complete: FTP servers demand it
/// of their data channels (RFC 4217 section 10), so open the data channel with hostlock_connect_fd on a non-blocking descriptor
/// and the control connection's host, call this, and then hostlock_handshake. The session is copied; `other` may be freed.
///
/// Where `conn` is for another host, or the server does not want the session, the handshake is a full one:
/// hostlock_conn_resumed tells. HOSTLOCK_E_STATE: the handshake of `conn` has begun; that of `other` is not complete; their
/// contexts differ; one of them is a server's; or the server of `other` has sent no session yet (TLS 1.3 sends it after the
/// handshake: read first).
///
/// # Safety
/// `conn` and `other` are NULL or live `SSL`s that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_session_from(conn: *mut hostlock_conn, other: *const hostlock_conn) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or live connections of any libssl that no other thread uses.
        let (conn, other) = unsafe { (conn_of(conn)?, conn_of(other)?) };
        session_from::offer(conn, other)
    })
}

/// Whether the handshake resumed a session; false before it is complete, and for NULL.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_resumed(conn: *const hostlock_conn) -> c_bool {
    accessor(0, || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let agreed = unsafe { conn_of(conn) }.ok().and_then(Agreed::of);
        agreed.is_some_and(Agreed::is_resumed).into()
    })
}
