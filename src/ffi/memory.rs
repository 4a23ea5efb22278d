//! Section "Connections in memory" of the header: the program moves the bytes
//!
//! For event loops, tunnels and tests: hostlock touches no descriptor. What the network brings goes in by
//! hostlock_conn_feed, what is to be sent comes out by hostlock_conn_drain. The other functions are the same as over a
//! descriptor in non-blocking mode: HOSTLOCK_WANT_READ asks for more to be fed, HOSTLOCK_WANT_WRITE for some to be
//! drained. After each call, drain until HOSTLOCK_WANT_READ and send what came out. Do so after a failure too, because
//! its alert tells the peer why, and after hostlock_shutdown.

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::slice;

use libc::ssize_t;

use super::boundary::{accessor, bytes, io, not_null, status};
use super::{conn_of, hostlock_conn, hostlock_ctx, making};
use crate::connection::accept;
use crate::connection::drive::Progress;
use crate::connection::memory::Memory;
use crate::connection::open::Connection;
use crate::error::{Error, Status};

/// A client's connection to `host` whose bytes the program moves; hostlock_handshake begins it. `host` is as for
/// hostlock_connect. The context's timeout counts from the first hostlock_handshake. It is looked at whenever a
/// function is called; hostlock_conn_time_left says when to call one.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated; `conn` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_connect_mem(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe { making::to_host(ctx, host, conn, Connection::in_memory) }
}

/// A server's connection whose bytes the program moves. The time of its handshake counts from this call.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `conn` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_accept_mem(ctx: *mut hostlock_ctx, conn: *mut *mut hostlock_conn) -> c_int {
    // SAFETY: the caller promises what this asks for: a live context and a writable place, or NULL.
    unsafe { making::make(ctx, conn, Connection::accepted_in_memory) }
}

/// Gives `conn` the `len` bytes that the network brought. They are copied, and may come in portions of any size. A
/// `len` of 0 says that the network has ended: hostlock_read then gives what came before, and after that
/// HOSTLOCK_E_TRUNCATED if the peer had not said goodbye. Read before you feed more: what is fed and not read stays in
/// memory.
///
/// HOSTLOCK_E_STATE: the connection is not one in memory, or the network had ended before.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `data` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_feed(conn: *mut hostlock_conn, data: *const c_void, len: usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let memory = accept::memory_of(unsafe { conn_of(conn)? })?;
        if len == 0 {
            memory.end();
            return Ok(());
        }
        // SAFETY: the caller promises NULL or so many readable bytes.
        let data = unsafe { bytes(data.cast(), len, "data")? };
        if memory.has_ended() {
            return Err(Error::new(Status::EState, "the network was said to have ended, so nothing can come"));
        }
        memory.feed(data);
        Ok(())
    })
}

/// Moves up to `len` of the bytes that are to be sent into `buf`, and answers how many, at least 1; HOSTLOCK_WANT_READ
/// where nothing is to be sent now. What was drained must be sent, whole and in order.
///
/// HOSTLOCK_E_STATE: the connection is not one in memory. HOSTLOCK_E_ARG: `len` is 0.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is NULL or `len` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_drain(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let memory = accept::memory_of(unsafe { conn_of(conn)? })?;
        not_null(buf, "buf")?;
        if len == 0 || len > isize::MAX as usize {
            return Err(Error::new(Status::EArg, format!("{len} bytes cannot be drained")));
        }
        // SAFETY: it is not NULL, and the caller promises so many writable bytes.
        let room = unsafe { slice::from_raw_parts_mut(buf.cast::<MaybeUninit<u8>>(), len) };
        match memory.drain(room) {
            [] => Ok(Progress::WantRead),
            drained => Ok(Progress::Done(drained.len())),
        }
    })
}

/// How many bytes are to be sent now; 0 also for a connection that is not one in memory, and for NULL.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_drain_size(conn: *const hostlock_conn) -> usize {
    accessor(0, || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn) }.ok();
        conn.and_then(|conn| accept::memory_of(conn).ok()).map_or(0, Memory::waiting)
    })
}
