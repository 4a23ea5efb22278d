//! Section "Servers" of the header: connections that clients opened
//!
//! A server's context comes from hostlock_server_new, and its certificate from hostlock_ctx_add_cert_file. Listening and
//! accept(2) are the program's; hostlock takes over the descriptor that accept gives. After the handshake, hostlock_read,
//! hostlock_write, hostlock_shutdown and all else are the same as on a client.

use std::ffi::c_int;

use super::boundary::{clear, not_null, status};
use super::{conn_of, guarded, hostlock_conn, hostlock_ctx};
use crate::connection::accept;
use crate::connection::gate;
use crate::connection::open::Connection;

/// Serves the client at the other end of `fd`, a connected stream socket of the caller's, which hostlock_conn_free leaves
/// open.
///
/// Where `fd` is in blocking mode the handshake is made. Where it is in non-blocking mode nothing is read yet: 0 then
/// means that `*conn` is there, and hostlock_handshake makes the handshake (a read or write does it too, before anything
/// else). In both the handshake must be complete within the context's timeout, which starts with this call; a client that
/// is silent or sends a byte now and then gets HOSTLOCK_E_TIMEOUT, one that sends more than a handshake can need
/// HOSTLOCK_E_FLOOD. An event loop asks hostlock_conn_time_left when to look after a client that says nothing.
///
/// HOSTLOCK_E_STATE: the context is for clients; or, by the handshake, the server has no certificate to show.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `conn` is NULL or writable; `fd` stays open until the connection is freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_accept_fd(
    ctx: *mut hostlock_ctx,
    fd: c_int,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        not_null(conn, "conn")?;
        let made = Connection::accepted(ctx, guard, fd)?;
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
}

/// Writes to `*milliseconds` how long the handshake under way may still take, 0 where its time is over, and -1 where
/// nothing limits it or none is under way: what poll(2) and epoll_wait(2) take as their timeout. It holds on clients and
/// servers. When that time has passed, call hostlock_handshake, which then answers HOSTLOCK_E_TIMEOUT.
///
/// On a client's connection over a descriptor of the caller's the time starts with the first hostlock_handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `milliseconds` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_time_left(conn: *const hostlock_conn, milliseconds: *mut c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        gate::guard(conn)?;
        not_null(milliseconds, "milliseconds")?;
        let left = accept::time_left(conn).unwrap_or(-1);
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { milliseconds.write(left) };
        Ok(())
    })
}
