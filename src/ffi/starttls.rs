//! Section "STARTTLS" of the header: connections that begin in the clear
//!
//! `protocol` is "smtp" (RFC 3207), "imap" (RFC 9051), "pop3" (RFC 2595), "ftp" (RFC 4217, the control connection),
//! "nntp" (RFC 4642) or "postgres". hostlock says what must be said before TLS, reads the answers byte by byte, and makes the handshake. Nothing
//! of what was said in the clear is kept or shown to be true: after the handshake ask the server anew (EHLO, CAPABILITY).
//!
//! HOSTLOCK_E_PLAINTEXT: the server does not offer TLS, or declines it. HOSTLOCK_E_PROTOCOL: it speaks another protocol, or
//! says more in the clear after it has agreed to begin TLS (response injection). HOSTLOCK_E_TRUNCATED, _TIMEOUT, _FLOOD: it
//! goes away, is silent, or has no end. HOSTLOCK_E_ARG: an unknown protocol; the hint lists those that are known.

use std::ffi::{c_char, c_int};

use super::boundary::{clear, not_null, status, text, text_bytes};
use super::{guarded, hostlock_conn, hostlock_ctx};
use crate::connection::open::Connection;
use crate::connection::starttls::Protocol;
use crate::host::Reference;

/// Connects to `port` of `host`, asks the server to begin TLS, and makes the handshake: with 0 the certificate is valid and
/// belongs to `host`. All of it together takes no longer than the context's timeout. Everything else is as for
/// hostlock_connect.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `protocol` and `host` are NULL or NUL-terminated; `conn` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_starttls(
    ctx: *mut hostlock_ctx,
    protocol: *const c_char,
    host: *const c_char,
    port: u16,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let protocol = Protocol::parse(unsafe { text(protocol, "protocol")? })?;
        // SAFETY: the caller promises the same of the host.
        let host = Reference::parse_bytes(unsafe { text_bytes(host, "host")? })?;
        not_null(conn, "conn")?;
        let made = Connection::by_starttls(ctx, guard, protocol, host, port)?;
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
}

/// The same over `fd`, a connected stream socket of the caller's on which nothing has been read or said yet;
/// hostlock_conn_free leaves it open. What is said before TLS is waited for in either mode of the descriptor. The handshake
/// is made where it is in blocking mode, else by hostlock_handshake, as for hostlock_connect_fd; the time that the first part
/// took counts. After a failure close `fd`: the server may wait for TLS, or for anything else.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `protocol` and `host` are NULL or NUL-terminated; `conn` is NULL or writable; `fd`
/// stays open until the connection is freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_starttls_fd(
    ctx: *mut hostlock_ctx,
    protocol: *const c_char,
    fd: c_int,
    host: *const c_char,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let protocol = Protocol::parse(unsafe { text(protocol, "protocol")? })?;
        // SAFETY: the caller promises the same of the host.
        let host = Reference::parse_bytes(unsafe { text_bytes(host, "host")? })?;
        not_null(conn, "conn")?;
        let made = Connection::by_starttls_over(ctx, guard, protocol, fd, host)?;
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
}
