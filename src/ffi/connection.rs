//! Section "Connections" of the header: connect, shake hands, read, write, say goodbye, free
//!
//! With 0 from hostlock_connect or hostlock_handshake the certificate is valid and belongs to the host; no data passes
//! before. All of these work on any SSL of a hostlock context, whatever its BIO. hostlock's functions wait for a
//! blocking transport, up to the context's timeout for each call. Where the transport is non-blocking they answer
//! HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE, which is no failure: wait for the descriptor, and call again. Plain
//! SSL_read and SSL_write never wait on a connection that hostlock opened: they answer SSL_ERROR_WANT_READ and
//! SSL_ERROR_WANT_WRITE. On an SSL whose handshake was not begun on a context of hostlock's nothing is told and no byte
//! moves: HOSTLOCK_E_STATE.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::{ptr, slice};

use libc::ssize_t;

use super::boundary::{accessor, io, not_null, pointer, status, string_for_c};
use super::{conn_of, hostlock_conn, hostlock_ctx, making, ways};
use crate::connection::accept;
use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::exchange;
use crate::connection::facts::Agreed;
use crate::connection::failure::Phase;
use crate::connection::gate;
use crate::connection::key_update;
use crate::connection::open::Connection;
use crate::error::{Error, Result, Status};
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::open_connections::knows;
use crate::handshake::resumption;
use crate::libssl::Conn;

/// Connects to `port` of `host` and makes the handshake: with 0 the certificate is valid and belongs to `host`.
///
/// `host` is a DNS name in ASCII or an IP address, as for hostlock_conn_set_host; a bad one is refused with
/// HOSTLOCK_E_BAD_HOST before anything is sent. Resolving, connecting and the handshake together take no longer than
/// the context's timeout (hostlock_ctx_set_timeout). A host's addresses, IPv6 and IPv4, are tried with staggered
/// starts, so that one which does not answer delays the others by 250 ms only. Free `*conn` with hostlock_conn_free.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated; `conn` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_connect(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    port: u16,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe { making::to_host(ctx, host, conn, |ctx, guard, host| Connection::to_host(ctx, guard, host, port)) }
}

/// The same over `fd`, a connected stream socket of the caller's, which hostlock_conn_free leaves open.
///
/// Where `fd` is in blocking mode the handshake is made, within the context's timeout. Where it is in non-blocking mode
/// nothing is sent yet: 0 then means that `*conn` is there, and hostlock_handshake makes the handshake (a read or write
/// does it too, before anything else). The descriptor's mode is never changed, and may be changed at any time.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated; `conn` is NULL or writable; `fd` stays open
/// until the connection is freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_connect_fd(
    ctx: *mut hostlock_ctx,
    fd: c_int,
    host: *const c_char,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe { making::to_host(ctx, host, conn, |ctx, guard, host| Connection::over_descriptor(ctx, guard, fd, host)) }
}

/// Makes the handshake of `conn`, or goes on with it. 0 once it is complete and the certificate verified; else
/// HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE, or the status of the refusal, which a later call repeats.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_handshake(conn: *mut hostlock_conn) -> c_int {
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        Drive::new(conn, Phase::Handshake, Patience::Transport)?.handshake()
    }) as c_int
}

/// Reads up to `len` bytes into `buf`. The answer is how many came; 0 means that the peer ended the connection cleanly,
/// with TLS's close_notify, and only that; else a negative status.
///
/// HOSTLOCK_E_TRUNCATED: the connection was cut, and what was read may be incomplete. HOSTLOCK_E_TIMEOUT: nothing came
/// within the context's timeout (hostlock_ctx_set_timeout says on which connections it holds); the call may be repeated.
/// Before the handshake it makes the handshake first. `len` must not be 0. After a write that failed for good, what the peer
/// had sent before can be read, but not with OpenSSL 4.0; then the answer is that failure, also where the peer said goodbye:
/// it has not got all.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is NULL or `len` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_read(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    if !buf.is_null() && len.wrapping_sub(1) < c_int::MAX as usize && knows(conn.addr()) {
        // SAFETY: neither is NULL, and the caller promises a live connection and so many writable bytes.
        let (conn, room) = unsafe { (Conn::live(conn), slice::from_raw_parts_mut(buf.cast(), len)) };
        return ways::read_open(conn, room);
    }
    // SAFETY: what it asks for is what the caller promises.
    unsafe { ways::read_oddly(conn, buf, len) }
}

/// Writes `buf`, or the first part of it: the answer is how many bytes were taken, at least 1 where `len` is not 0.
/// Else a negative status: after HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE and HOSTLOCK_E_TIMEOUT call again *with the
/// same data*. Less of it is HOSTLOCK_E_ARG, and so is data from another place unless SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
/// is set (it is after hostlock_connect): nothing is sent then, and the connection lives. HOSTLOCK_E_CLOSED comes after
/// hostlock_shutdown. Before the handshake it makes the handshake first. A cut connection never raises SIGPIPE, where
/// hostlock made the connection; where the peer had said why, it is HOSTLOCK_E_ALERT (TLS 1.3 tells a client so that its
/// certificate is refused), else HOSTLOCK_E_TRUNCATED.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_write(conn: *mut hostlock_conn, buf: *const c_void, len: usize) -> ssize_t {
    if !buf.is_null() && len.wrapping_sub(1) < c_int::MAX as usize && knows(conn.addr()) {
        // SAFETY: neither is NULL, and the caller promises a live connection and so many bytes.
        let (conn, bytes) = unsafe { (Conn::live(conn), slice::from_raw_parts(buf.cast(), len)) };
        return ways::write_open(conn, bytes, Patience::Transport);
    }
    // SAFETY: what it asks for is what the caller promises.
    unsafe { ways::write_oddly(conn, buf, len) }
}

/// Writes all of `buf`: `len`, or a negative status. It waits also on a descriptor in non-blocking mode, up to the
/// context's timeout for each part. After a failure it is not known how much the peer got: make a new connection.
/// HOSTLOCK_E_STATE: the connection has no descriptor to wait for.
///
/// # Safety
/// As for hostlock_write.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_write_all(conn: *mut hostlock_conn, buf: *const c_void, len: usize) -> ssize_t {
    let mut done = 0;
    if !conn.is_null() && !buf.is_null() {
        // SAFETY: neither is NULL, and the caller's promise is the same.
        let last = unsafe { ways::write_on(conn, buf, len, Patience::Wait, &mut done) };
        if last < 0 {
            return last;
        }
    }
    io(|| {
        not_null(conn, "conn")?;
        if len > 0 {
            not_null(buf, "buf")?;
        }
        Ok(Progress::Done(done))
    })
}

/// Writes as much of `buf` as hostlock_write would by one call after another, as long as none has to wait: for long data on
/// a descriptor in non-blocking mode, where hostlock_write takes a record (16 KiB) at a time. `written` gets how many bytes
/// were taken, also where the answer is not 0.
///
/// 0: all of it. Else a negative status, as of hostlock_write: after HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE and
/// HOSTLOCK_E_TIMEOUT go on with the rest, from buf + *written on, and with nothing else: a part of it may be under way. In
/// blocking mode each record may wait as long as a call of hostlock_write. NULL `written` is HOSTLOCK_E_ARG.
///
/// # Safety
/// As for hostlock_write; `written` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_write_many(
    conn: *mut hostlock_conn,
    buf: *const c_void,
    len: usize,
    written: *mut usize,
) -> c_int {
    if !conn.is_null() && !buf.is_null() && !written.is_null() {
        let mut done = 0;
        // SAFETY: neither is NULL, and the caller's promise is the same.
        let last = unsafe { ways::write_on(conn, buf, len, Patience::Transport, &mut done) };
        // SAFETY: not NULL, and the caller promises that it is writable.
        unsafe { written.write(done) };
        if last < 0 {
            return last as c_int;
        }
    }
    status(|| {
        not_null(written, "written")?;
        // SAFETY: not NULL, and the caller promises that it is writable.
        let done = unsafe { &mut *written };
        if conn.is_null() || buf.is_null() {
            *done = 0;
        }
        not_null(conn, "conn")?;
        if len > 0 { not_null(buf, "buf") } else { Ok(()) }
    })
}

/// Fills `buf`: `len`, or 0 where the peer said goodbye before the first byte, or a negative status; for records whose length
/// is known. It waits also on a descriptor in non-blocking mode, and all of it together takes no longer than the timeout.
///
/// HOSTLOCK_E_TRUNCATED: the peer ended the connection, with its goodbye or without, before `len` bytes had come; `buf` then
/// holds what came. HOSTLOCK_E_TIMEOUT: the time was over before, and what came is lost: make a new connection. `len` must
/// not be 0. HOSTLOCK_E_STATE: the connection has no descriptor to wait for.
///
/// # Safety
/// As for hostlock_read.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_read_all(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        not_null(buf, "buf")?;
        if len == 0 || len > isize::MAX as usize {
            return Err(Error::new(Status::EArg, format!("{len} bytes cannot be read")));
        }
        // SAFETY: it is not NULL, and the caller promises so many writable bytes. They are written to before they are lent,
        // so that what is read from them is theirs.
        let room = unsafe {
            ptr::write_bytes(buf.cast::<u8>(), 0, len);
            slice::from_raw_parts_mut(buf.cast::<u8>(), len)
        };
        match exchange::read_all(conn, room)? {
            done if done == len || done == 0 => Ok(Progress::Done(done)),
            done => Err(Error::new(Status::ETruncated, format!("the peer said goodbye after {done} of {len} bytes"))),
        }
    })
}

/// How long each call on this connection may take, in milliseconds, in place of the context's time
/// (hostlock_ctx_set_timeout); 0 waits for ever. It holds from the next call on. The time of a handshake under way begins
/// anew. HOSTLOCK_E_ARG: a negative number.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_timeout(conn: *mut hostlock_conn, milliseconds: c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        let milliseconds = u32::try_from(milliseconds)
            .map_err(|_| Error::new(Status::EArg, format!("a timeout of {milliseconds} ms is negative")))?;
        accept::set_timeout(conn, milliseconds)
    })
}

/// Whether hostlock_read takes all that has arrived from the network at once (1), and not the head and then the body of each
/// record (0, as it begins). Many small records then need fewer system calls. It holds from the next read on, and may be
/// changed at any time.
///
/// On a connection that hostlock made (hostlock_connect, _connect_fd, _connect_mem, _connect_io, and the hostlock_accept of
/// each) one hostlock_read then also gives as many records as have been taken from the network and `buf` has room for; it
/// looks at the network once, and waits for none of the others. What came behind their data is told by the next call: the
/// peer's goodbye, a cut, an alert, a record that is wrong. hostlock_ctx_set_on_event's function may hear of it by this one.
/// Over a BIO of the program's, SSL_set_fd's included, each call gives one record.
///
/// The rule that comes with it: *read until HOSTLOCK_WANT_READ before you poll*. Whole records, and the peer's goodbye, may
/// have been taken from the descriptor that neither poll nor hostlock_pending knows of: who reads once and then polls may
/// wait for ever. Calls that wait themselves keep the rule. Leave it off where bytes that follow the peer's goodbye
/// on the descriptor belong to somebody else. HOSTLOCK_E_ARG: neither 0 nor 1.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_read_ahead(conn: *mut hostlock_conn, on: c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        if !(0..=1).contains(&on) {
            return Err(Error::new(Status::EArg, format!("{on} is neither 1 (on) nor 0 (off)")));
        }
        gate::guard(conn)?;
        conn.set_read_ahead(on == 1);
        Ok(())
    })
}

/// How many bytes hostlock_read would give at once, without looking at the descriptor: ask before waiting for it with
/// poll or select. 0 for NULL.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_pending(conn: *const hostlock_conn) -> usize {
    accessor(0, || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        unsafe { conn_of(conn) }.map_or(0, Conn::pending)
    })
}

/// Says goodbye: sends TLS's close_notify, so that the peer knows the data to be complete. It does not wait for the
/// peer's, which hostlock_read still waits for (0). After it nothing can be written. A second call does nothing.
/// HOSTLOCK_E_STATE: a write is under way, which must be finished first.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_shutdown(conn: *mut hostlock_conn) -> c_int {
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        exchange::shutdown(unsafe { conn_of(conn)? })
    }) as c_int
}

/// Makes new keys for both directions (RFC 8446 4.6.3): 0 once the peer has been told, else HOSTLOCK_WANT_WRITE or
/// HOSTLOCK_WANT_READ, after which the same call goes on, or a negative status. What is written from then on is under the new
/// keys; what the peer sends, as soon as it has answered, which a later hostlock_read meets. It is for connections that carry
/// very much (RFC 8446 5.5: some 24 million full records under AES-GCM), and for those whose secrets may have been seen. A peer
/// may take many in a row, with no data between them, for a flood.
///
/// HOSTLOCK_E_UNSUPPORTED: TLS 1.2. HOSTLOCK_E_STATE: before the handshake is complete, or a write is unfinished.
/// HOSTLOCK_E_CLOSED: after hostlock_shutdown.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_key_update(conn: *mut hostlock_conn) -> c_int {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    io(|| key_update::update(unsafe { conn_of(conn)? })) as c_int
}

/// Frees a connection, like SSL_free, and closes its descriptor where hostlock_connect opened it. Sends nothing: so a
/// forked child may free what its parent goes on using. Call hostlock_shutdown before, where the peer shall know that
/// the data is complete. NULL is fine; an SSL of another copy of libssl is left as it is, and so is one of which
/// hostlock_ctx_set_on_event's function is told just now.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of which the caller owns a reference, and which no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_free(conn: *mut hostlock_conn) {
    accessor((), || {
        // SAFETY: the caller promises NULL or a live connection of any libssl.
        let Ok(view) = (unsafe { conn_of(conn) }) else { return };
        if !ConnectionState::of(view).is_some_and(|state| state.known().told_events.running) {
            resumption::end(view);
            // SAFETY: it is of our libssl, and the caller gives up a reference to it.
            unsafe { openssl_sys::SSL_free(conn) }
        }
    })
}

/// The descriptor of the connection, for poll or select. It stays the connection's. 0; HOSTLOCK_E_STATE where the
/// connection has none; on failure `*fd` is -1.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `fd` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_fd(conn: *const hostlock_conn, fd: *mut c_int) -> c_int {
    status(|| {
        not_null(fd, "fd")?;
        // SAFETY: the caller promises that `fd` is writable, and it is not NULL.
        unsafe { fd.write(-1) };
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let found = unsafe { conn_of(conn)? }.descriptors().0;
        let found = found.ok_or_else(|| Error::new(Status::EState, "the connection has no descriptor"))?;
        // SAFETY: the caller promises that `fd` is writable, and it is not NULL.
        unsafe { fd.write(found) };
        Ok(())
    })
}

/// The protocol version, such as "TLSv1.3"; NULL before the handshake is complete. Static.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_version(conn: *const hostlock_conn) -> *const c_char {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    accessor(ptr::null(), || unsafe { agreed(conn) }.map_or(ptr::null(), |agreed| agreed.version().as_ptr()))
}

/// The cipher suite by OpenSSL's name, such as "TLS_AES_128_GCM_SHA256"; NULL before the handshake is complete. Static.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_cipher(conn: *const hostlock_conn) -> *const c_char {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    accessor(ptr::null(), || unsafe { agreed(conn) }.and_then(Agreed::cipher).map_or(ptr::null(), CStr::as_ptr))
}

/// The host that the peer's certificate was verified for, in normal form; NULL where nothing was, and before the
/// handshake is complete. Owned by the connection, until its next handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_verified_host(conn: *const hostlock_conn) -> *const c_char {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    accessor(ptr::null(), || unsafe { agreed(conn) }.map_or(ptr::null(), Agreed::lend_verified_host))
}

/// The certificates that the peer sent, its own first, as PEM. NULL before the handshake is complete. Free it with
/// hostlock_string_free.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_peer_chain(conn: *const hostlock_conn) -> *mut c_char {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    pointer(|| string_for_c(unsafe { completed(conn)? }.peer_chain_pem()?))
}

/// What was agreed, as one JSON object: "version", "cipher", "group", "verified_host", "session_reused", "alpn", "policy",
/// "insecure" (the checks that the program gave up, by the names of hostlock_ctx_insecure_name), "peer" (its address),
/// "bytes_received" and "bytes_sent" (from and to the network, the handshake's included), "certificate" ("subject",
/// "issuer", "not_before" and "not_after" in seconds since 1970). What is not known is null. NULL before the handshake is
/// complete. Free it with hostlock_string_free.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_info(conn: *const hostlock_conn) -> *mut c_char {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    pointer(|| string_for_c(unsafe { completed(conn)? }.to_json()))
}

/// # Safety
/// `conn` is NULL or live and used by this thread only.
unsafe fn agreed<'a>(conn: *const hostlock_conn) -> Option<Agreed<'a>> {
    // SAFETY: the caller's promise is the same.
    Agreed::of(unsafe { conn_of(conn) }.ok()?)
}

/// # Safety
/// As for [`agreed`].
pub(super) unsafe fn completed<'a>(conn: *const hostlock_conn) -> Result<Agreed<'a>> {
    // SAFETY: the caller's promise is the same.
    let conn = unsafe { conn_of(conn)? };
    gate::guard(conn)?;
    Agreed::of(conn).ok_or_else(|| {
        Error::new(Status::EState, "the handshake of this connection is not complete")
            .with_hint("call hostlock_handshake first")
    })
}
