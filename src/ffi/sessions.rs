//! Section "Sessions" of the header: handshakes that go on from an earlier one
//!
//! A session is resumed only where it was verified by the same context, under its present settings, for the same host,
//! and where nothing that its verification rests on has ended since; else the handshake is a full one. Servers resume
//! by themselves. Sessions that a program takes and offers through OpenSSL (SSL_get1_session, SSL_set_session) are held
//! to the same rules.
//!
//! Clients resume by themselves too, where hostlock made the connection: hostlock_shutdown, the 0 of hostlock_read and
//! hostlock_conn_free keep its session in the context, and the next connection to the same host offers it. SSL_free
//! keeps none. A server of TLS 1.3 sends sessions after the handshake, so a connection that never reads has none to
//! keep. A session of TLS 1.3 is offered once (RFC 8446 C.4), one of TLS 1.2 until another takes its place.
//!
//! A kept session is for one host, one server name, one address and port of the peer, one certificate of this side, and
//! the settings as they are: each setter, CRLs and reloads included, drops all sessions. If a handshake fails after a
//! session was offered, all that is kept for that peer is dropped. Nothing is kept or offered under a waiver
//! (hostlock_insecure_...), nor where the program has a verify callback, DANE records or a callback for client
//! certificates, because a resumed handshake would not ask them. A context keeps 256 sessions at most, the latest of
//! each host first, in memory only, and frees them with itself. Threads share them. A forked child begins with none,
//! and keeps none of a connection that its parent made.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, status, text};
use super::{c_bool, conn_of, guarded, hostlock_conn, hostlock_ctx};
use crate::connection::facts::Agreed;
use crate::connection::session_from;
use crate::context::resume;

/// Whether connections of `ctx` that hostlock makes resume each other's sessions, as the text above says: "on" (the
/// default) or "off". It may be called at any time; kept sessions are dropped. HOSTLOCK_E_ARG: another word. Handshakes
/// are then refused until a call succeeds. HOSTLOCK_E_STATE: the context is a server's.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_client_set_resume(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (_, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        resume::set(guard, "hostlock_client_set_resume", || unsafe { text(mode, "mode") }.map(str::to_owned))
    })
}

/// Makes `conn` offer the session of `other`, a connection of the same context whose handshake is complete. FTP servers
/// demand this of data channels (RFC 4217 section 10): open the data channel with hostlock_connect_fd, on a
/// non-blocking descriptor and with the control connection's host; call this; then call hostlock_handshake. The session
/// is copied, so `other` may be freed.
///
/// If `conn` is for another host, or the server does not want the session, the handshake is a full one;
/// hostlock_conn_resumed tells which it was. HOSTLOCK_E_STATE: the handshake of `conn` has begun; that of `other` is
/// not complete; their contexts differ; one of them is a server's; or the server of `other` has sent no session yet
/// (TLS 1.3 sends it after the handshake: read first).
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
