//! Section "Connections" of the header: connect, shake hands, read, write, say goodbye, free
//!
//! With 0 from hostlock_connect or hostlock_handshake the certificate is valid and belongs to the host; no data passes
//! before. All of these work on any SSL of a hostlock context, whatever its BIO. hostlock's functions wait for a
//! blocking transport, up to the context's timeout for each call. Where the transport is non-blocking they answer
//! HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE, which is no failure: wait for the descriptor, and call again. Plain
//! SSL_read and SSL_write never wait on a connection that hostlock opened: they answer SSL_ERROR_WANT_READ and
//! SSL_ERROR_WANT_WRITE. On an SSL whose handshake was not begun on a context of hostlock's nothing is told and no byte
//! moves: HOSTLOCK_E_STATE.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use libc::ssize_t;

use super::boundary::{accessor, clear, fail, io, not_null, pointer, status, string_for_c, text_bytes};
use super::{check_conn, guard_of, hostlock_conn, hostlock_ctx};
use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::exchange;
use crate::connection::facts::Agreed;
use crate::connection::failure::Phase;
use crate::connection::gate::{self, Way};
use crate::connection::gather;
use crate::connection::lend::Lent;
use crate::connection::open::Connection;
use crate::error::{Error, Result, Status};
use crate::identity::Reference;

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
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        let host = Reference::parse_bytes(unsafe { text_bytes(host, "host")? })?;
        not_null(conn, "conn")?;
        // SAFETY: as above.
        let made = unsafe { Connection::to_host(ctx, guard, host, port)? };
        // SAFETY: as above.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
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
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        let host = Reference::parse_bytes(unsafe { text_bytes(host, "host")? })?;
        not_null(conn, "conn")?;
        // SAFETY: as above.
        let made = unsafe { Connection::over_descriptor(ctx, guard, fd, host)? };
        // SAFETY: as above.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
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
        // SAFETY: as the caller promises, here and below.
        unsafe { check_conn(conn)? };
        // SAFETY: as above.
        unsafe { Drive::new(conn, Phase::Handshake, Patience::Transport)?.handshake() }
    }) as c_int
}

/// Reads up to `len` bytes into `buf`. The answer is how many came; 0 means that the peer ended the connection cleanly,
/// with TLS's close_notify, and only that; else a negative status.
///
/// HOSTLOCK_E_TRUNCATED: the connection was cut, and what was read may be incomplete. HOSTLOCK_E_TIMEOUT: nothing came
/// within the context's timeout (hostlock_ctx_set_timeout says on which connections it holds); the call may be repeated.
/// Before the handshake it makes the handshake first. `len` must not be 0.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is NULL or `len` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_read(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    if !buf.is_null() && len.wrapping_sub(1) < c_int::MAX as usize {
        // SAFETY: `conn` as the caller promises.
        match unsafe { gate::way(conn) } {
            Way::Direct => {
                // SAFETY: `conn` and `buf` as the caller promises. No Rust code runs here that could panic.
                let got = unsafe { openssl_sys::SSL_read(conn, buf, len as c_int) };
                if got > 0 {
                    return got as ssize_t;
                }
                // SAFETY: `conn` and `buf` as the caller promises.
                return unsafe { read_on(conn, buf, len, got) };
            }
            // SAFETY: `conn` and `buf` as the caller promises.
            Way::Socket => return unsafe { read_over_socket(conn, buf, len) },
            Way::Ask => {}
        }
    }
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { read_afresh(conn, buf, len) }
}

/// Writes `buf`, or the first part of it: the answer is how many bytes were taken, at least 1 where `len` is not 0.
/// Else a negative status: after HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE and HOSTLOCK_E_TIMEOUT call again *with the
/// same data*. Less of it is HOSTLOCK_E_ARG, and so is data from another place unless SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
/// is set (it is after hostlock_connect): nothing is sent then, and the connection lives. HOSTLOCK_E_CLOSED comes after
/// hostlock_shutdown. Before the handshake it makes the handshake first. A cut connection never raises SIGPIPE, where
/// hostlock made the connection.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_write(conn: *mut hostlock_conn, buf: *const c_void, len: usize) -> ssize_t {
    if !buf.is_null() && len.wrapping_sub(1) < c_int::MAX as usize {
        // SAFETY: `conn` and `buf` as the caller promises.
        return unsafe { write_part(conn, buf, len as c_int, Patience::Transport) };
    }
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { write_afresh(conn, buf, len, Patience::Transport) }
}

/// Writes all of `buf`: `len`, or a negative status. It waits also on a descriptor in non-blocking mode, up to the
/// context's timeout for each part. After a failure it is not known how much the peer got: make a new connection.
///
/// # Safety
/// As for hostlock_write.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_write_all(conn: *mut hostlock_conn, buf: *const c_void, len: usize) -> ssize_t {
    let mut done = 0;
    while done < len && !conn.is_null() && !buf.is_null() {
        let part = (len - done).min(c_int::MAX as usize) as c_int;
        // SAFETY: the caller promises `len` bytes, of which `done` are behind us.
        let from = unsafe { buf.byte_add(done) };
        // SAFETY: `conn` as the caller promises, and `part` bytes are left.
        let sent = unsafe { write_part(conn, from, part, Patience::Wait) };
        match usize::try_from(sent) {
            Ok(sent @ 1..) => done += sent,
            Ok(0) => return fail(Error::new(Status::EInternal, "a write moved nothing")) as ssize_t,
            Err(_) => return sent,
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

/// How many bytes hostlock_read would give at once, without looking at the descriptor: ask before waiting for it with
/// poll or select. 0 for NULL.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_pending(conn: *const hostlock_conn) -> usize {
    accessor(0, || {
        // SAFETY: as the caller promises, here and below.
        if unsafe { check_conn(conn) }.is_err() {
            return 0;
        }
        // SAFETY: as above.
        usize::try_from(unsafe { openssl_sys::SSL_pending(conn) }).unwrap_or(0)
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
        // SAFETY: as the caller promises, here and below.
        unsafe { check_conn(conn)? };
        // SAFETY: as above.
        unsafe { exchange::shutdown(conn) }
    }) as c_int
}

/// Frees a connection, like SSL_free, and closes its descriptor where hostlock_connect opened it. Sends nothing: so a
/// forked child may free what its parent goes on using. Call hostlock_shutdown before, where the peer shall know that
/// the data is complete. NULL is fine; an SSL of another copy of libssl is left as it is.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of which the caller owns a reference, and which no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_free(conn: *mut hostlock_conn) {
    accessor((), || {
        // SAFETY: as the caller promises, here and below.
        if unsafe { check_conn(conn) }.is_ok() {
            // SAFETY: as above.
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
        // SAFETY: the caller promises NULL or a live connection of any libssl.
        unsafe { check_conn(conn)? };
        // SAFETY: the connection is live, of our libssl, and used by this thread only.
        let found = unsafe { gather::descriptors(conn) }.0;
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
    // SAFETY: as the caller promises.
    accessor(ptr::null(), || unsafe { agreed(conn) }.map_or(ptr::null(), Agreed::version))
}

/// The cipher suite by OpenSSL's name, such as "TLS_AES_128_GCM_SHA256"; NULL before the handshake is complete. Static.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_cipher(conn: *const hostlock_conn) -> *const c_char {
    // SAFETY: as the caller promises.
    accessor(ptr::null(), || unsafe { agreed(conn) }.map_or(ptr::null(), Agreed::cipher))
}

/// The host that the peer's certificate was verified for, in normal form; NULL where nothing was, and before the
/// handshake is complete. Owned by the connection, until its next handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_verified_host(conn: *const hostlock_conn) -> *const c_char {
    // SAFETY: as the caller promises.
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
    // SAFETY: as the caller promises.
    pointer(|| string_for_c(unsafe { completed(conn)? }.peer_chain_pem()?))
}

/// What was agreed, as one JSON object: "version", "cipher", "group", "verified_host", "session_reused",
/// "alpn", "policy", "insecure" (the checks that the program gave up, by the names of hostlock_ctx_insecure_name),
/// "peer" (its address), "certificate" ("subject", "issuer", "not_before" and "not_after" in seconds since 1970). What
/// is not known is null. NULL before the handshake is complete. Free it with hostlock_string_free.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_info(conn: *const hostlock_conn) -> *mut c_char {
    // SAFETY: as the caller promises.
    pointer(|| string_for_c(unsafe { completed(conn)? }.to_json()))
}

/// # Safety
/// As for hostlock_read, with the answer of a first attempt where there was one, and our transport where it is lent.
#[cold]
#[inline(never)]
unsafe fn read_slowly(
    conn: *mut hostlock_conn,
    buf: *mut c_void,
    len: usize,
    first: Option<c_int>,
    lent: Option<Lent>,
) -> ssize_t {
    io(|| {
        // SAFETY: `conn` as the caller promises.
        unsafe { check_conn(conn)? };
        not_null(buf, "buf")?;
        let room = c_int::try_from(len).unwrap_or(c_int::MAX);
        if room == 0 {
            return Err(Error::new(Status::EArg, "len is 0, so nothing can be read"));
        }
        // SAFETY: `conn` and `buf` as the caller promises.
        unsafe { exchange::read(conn, buf, room, first, lent) }
    })
}

/// # Safety
/// As for hostlock_read.
#[cold]
#[inline(never)]
unsafe fn read_afresh(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { read_slowly(conn, buf, len, None, None) }
}

/// Goes on after a first attempt.
///
/// # Safety
/// As for hostlock_read.
#[cold]
#[inline(never)]
unsafe fn read_on(conn: *mut hostlock_conn, buf: *mut c_void, len: usize, first: c_int) -> ssize_t {
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { read_slowly(conn, buf, len, Some(first), None) }
}

/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `buf` is `len` readable bytes, and `len` is not 0.
#[inline(always)]
unsafe fn write_part(conn: *mut hostlock_conn, buf: *const c_void, len: c_int, patience: Patience) -> ssize_t {
    // SAFETY: `conn` as the caller promises.
    match unsafe { gate::way(conn) } {
        Way::Direct => {
            // SAFETY: `conn` and `buf` as the caller promises. No Rust code runs here that could panic.
            let sent = unsafe { openssl_sys::SSL_write(conn, buf, len) };
            if sent > 0 {
                return sent as ssize_t;
            }
            // SAFETY: `conn` and `buf` as the caller promises.
            unsafe { write_on(conn, buf, len, sent, patience) }
        }
        // SAFETY: `conn` and `buf` as the caller promises.
        Way::Socket => unsafe { write_over_socket(conn, buf, len, patience) },
        // SAFETY: `conn` and `buf` as the caller promises.
        Way::Ask => unsafe { write_afresh(conn, buf, len as usize, patience) },
    }
}

/// # Safety
/// As for hostlock_write.
#[cold]
#[inline(never)]
unsafe fn write_afresh(conn: *mut hostlock_conn, buf: *const c_void, len: usize, patience: Patience) -> ssize_t {
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { write_slowly(conn, buf, len, None, patience, None) }
}

/// Goes on after a first attempt.
///
/// # Safety
/// As for [`write_part`].
#[cold]
#[inline(never)]
unsafe fn write_on(
    conn: *mut hostlock_conn,
    buf: *const c_void,
    len: c_int,
    first: c_int,
    patience: Patience,
) -> ssize_t {
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { write_slowly(conn, buf, len as usize, Some(first), patience, None) }
}

/// # Safety
/// As for [`write_part`].
#[inline(never)]
unsafe fn write_over_socket(conn: *mut hostlock_conn, buf: *const c_void, len: c_int, patience: Patience) -> ssize_t {
    // SAFETY: `conn` as the caller promises.
    let lent = unsafe { Lent::take(conn) };
    // SAFETY: `conn` and `buf` as the caller promises.
    let sent = unsafe { openssl_sys::SSL_write(conn, buf, len) };
    if sent > 0 {
        return sent as ssize_t;
    }
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { write_slowly(conn, buf, len as usize, Some(sent), patience, lent) }
}

/// # Safety
/// As for hostlock_read, with both pointers live and `len` a positive int.
#[inline(never)]
unsafe fn read_over_socket(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    // SAFETY: `conn` as the caller promises.
    let lent = unsafe { Lent::take(conn) };
    // SAFETY: `conn` and `buf` as the caller promises.
    let got = unsafe { openssl_sys::SSL_read(conn, buf, len as c_int) };
    if got > 0 {
        return got as ssize_t;
    }
    // SAFETY: `conn` and `buf` as the caller promises.
    unsafe { read_slowly(conn, buf, len, Some(got), lent) }
}

/// # Safety
/// As for hostlock_write, with the answer of a first attempt where there was one, and our transport where it is lent.
#[cold]
#[inline(never)]
unsafe fn write_slowly(
    conn: *mut hostlock_conn,
    buf: *const c_void,
    len: usize,
    first: Option<c_int>,
    patience: Patience,
    lent: Option<Lent>,
) -> ssize_t {
    io(|| {
        // SAFETY: `conn` as the caller promises.
        unsafe { check_conn(conn)? };
        let part = c_int::try_from(len).unwrap_or(c_int::MAX);
        if part == 0 {
            return Ok(Progress::Done(0));
        }
        not_null(buf, "buf")?;
        // SAFETY: `conn` and `buf` as the caller promises.
        unsafe { exchange::write(conn, buf, part, first, patience, lent) }
    })
}

/// # Safety
/// `conn` is NULL or live and used by this thread only.
unsafe fn agreed(conn: *const hostlock_conn) -> Option<Agreed> {
    // SAFETY: as the caller promises, here and below.
    unsafe { check_conn(conn) }.ok()?;
    // SAFETY: as above; the facts are only read.
    unsafe { Agreed::of(conn as *mut hostlock_conn) }
}

/// # Safety
/// As for [`agreed`].
unsafe fn completed(conn: *const hostlock_conn) -> Result<Agreed> {
    // SAFETY: as the caller promises, here and below.
    unsafe { check_conn(conn)? };
    // SAFETY: as above.
    unsafe { gate::guard(conn as *mut hostlock_conn)? };
    // SAFETY: `conn` as the caller promises, and of our libssl.
    unsafe { agreed(conn) }.ok_or_else(|| {
        Error::new(Status::EState, "the handshake of this connection is not complete")
            .with_hint("call hostlock_handshake first")
    })
}
