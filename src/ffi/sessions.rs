//! Section "Sessions" of the header: handshakes that go on from an earlier one
//!
//! A session is resumed only where it was verified by the same context, under its present settings, for the same host, and
//! where nothing that its verification rests on has ended since; else the handshake is a full one. Servers resume by
//! themselves. What a program takes and offers through OpenSSL (SSL_get1_session, SSL_set_session) is held to the same.
//!
//! Clients resume by themselves too, where hostlock made the connection: hostlock_shutdown, the 0 of hostlock_read and
//! hostlock_conn_free keep its session in the context, and the next connection to the same host offers it. SSL_free keeps
//! none. A server of TLS 1.3 sends sessions after the handshake: a connection that never reads has none to keep. Each of TLS
//! 1.3 is offered once (RFC 8446 C.4), those of TLS 1.2 until another takes their place.
//!
//! A kept session is for one host, server name, peer address and port, certificate of this side, and for the settings as
//! they are: each setter, CRLs and reloads included, ends all. A handshake that fails after it was offered ends what is kept
//! for that peer. Nothing is kept or offered under a waiver (hostlock_insecure_...), nor where the program has a verify
//! callback, DANE records or a callback for client certificates: it would not be asked. A context keeps 256 at most, the latest
//! of each host first, in memory alone, and frees them with itself. Threads share them. A forked child begins with none, and
//! keeps none of a connection that its parent made.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, status, text};
use super::{c_bool, conn_of, guarded, hostlock_conn, hostlock_ctx};
use crate::connection::facts::Agreed;
use crate::connection::session_from;
use crate::context::resume;

/// Whether connections of `ctx` that hostlock makes go on from each other's sessions, as the text above says: "on" (as a new
/// context is) or "off". It may be called at any time; what was kept is given up. HOSTLOCK_E_ARG: another word; the context is
/// of no use then until the call succeeds. HOSTLOCK_E_STATE: the context is a server's.
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
