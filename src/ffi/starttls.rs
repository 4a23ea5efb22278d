//! Section "STARTTLS" of the header: connections that begin in the clear
//!
//! `protocol` is "smtp" (RFC 3207), "imap" (RFC 9051), "pop3" (RFC 2595), "ftp" (RFC 4217, the control connection),
//! "nntp" (RFC 4642) or "postgres". hostlock says what must be said before TLS, reads the answers byte by byte, and makes
//! the handshake. What the server said in the clear may have been changed on the way, and is not kept: after the
//! handshake ask it anew (EHLO, CAPABILITY).
//!
//! HOSTLOCK_E_PLAINTEXT: the server does not offer TLS, or declines it. HOSTLOCK_E_PROTOCOL: it speaks another
//! protocol, or says more in the clear after it has agreed to begin TLS (response injection). HOSTLOCK_E_TRUNCATED,
//! _TIMEOUT, _FLOOD: it goes away, is silent, or does not stop talking. HOSTLOCK_E_ARG: an unknown protocol; the hint
//! lists those that are known.

use std::ffi::{c_char, c_int};

use super::boundary::text;
use super::{hostlock_conn, hostlock_ctx, making};
use crate::connection::open::Connection;
use crate::connection::starttls::Protocol;

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
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    let protocol = || Protocol::parse(unsafe { text(protocol, "protocol")? });
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe {
        making::to_host(ctx, host, conn, |ctx, guard, host| Connection::by_starttls(ctx, guard, protocol()?, host, port))
    }
}

/// The same over `fd`, a connected stream socket of the caller's on which nothing has been read or said yet;
/// hostlock_conn_free leaves it open. For what is said before TLS, the call waits in either mode of the descriptor. The
/// handshake is made at once in blocking mode, otherwise by hostlock_handshake, as for hostlock_connect_fd; its timeout
/// includes the time that the first part took. After a failure close `fd`: nobody knows what the server waits for.
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
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    let protocol = || Protocol::parse(unsafe { text(protocol, "protocol")? });
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe {
        making::to_host(ctx, host, conn, |ctx, guard, host| Connection::by_starttls_over(ctx, guard, protocol()?, fd, host))
    }
}
