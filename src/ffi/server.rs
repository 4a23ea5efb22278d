//! Section "Servers" of the header: connections that clients opened
//!
//! A server's context comes from hostlock_server_new, and its certificate from hostlock_ctx_add_cert_file. The program
//! listens and calls accept(2) itself, and hands the descriptor that accept gives to hostlock. After the handshake,
//! hostlock_read, hostlock_write, hostlock_shutdown and all else are the same as on a client.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::boundary::{accessor, io, not_null, status, text, text_bytes};
use super::connection::completed;
use super::trust::path_of;
use super::{conn_of, guard_of, guarded, hostlock_conn, hostlock_ctx, making};
use crate::connection::accept;
use crate::connection::facts::Agreed;
use crate::connection::gate;
use crate::connection::late_certificate;
use crate::connection::open::Connection;
use crate::context::sessions;
use crate::handshake::client_auth;

/// Serves the client at the other end of `fd`, a connected stream socket of the caller's, which hostlock_conn_free leaves
/// open.
///
/// If `fd` is in blocking mode, this makes the handshake. If it is in non-blocking mode, nothing is read yet: 0 means
/// that `*conn` is there, and hostlock_handshake makes the handshake (so does the first read or write). In both modes
/// the handshake must be complete within the context's timeout, which starts with this call. A client that is silent,
/// or sends a byte now and then, ends with HOSTLOCK_E_TIMEOUT; one that sends more than a handshake can need, with
/// HOSTLOCK_E_FLOOD. An event loop asks hostlock_conn_time_left when to look after a client that says nothing.
///
/// HOSTLOCK_E_STATE: the context is for clients. HOSTLOCK_E_NO_COMMON_CIPHER, from the handshake: client and server
/// have no cipher suite in common, or this server has no certificate to show.
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
    // SAFETY: the caller promises what this asks for: a live context and a writable place, or NULL.
    unsafe { making::make(ctx, conn, |ctx, guard| Connection::accepted(ctx, guard, fd)) }
}

/// Writes to `*milliseconds` how long the handshake under way may still take, as poll(2) and epoll_wait(2) take their
/// timeout: 0 where its time is over, and -1 where nothing limits it or none is under way. For clients and servers.
/// When that time has passed, call hostlock_handshake, which then answers HOSTLOCK_E_TIMEOUT.
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

/// Whether this server asks its clients for a certificate: "off" does not. "optional" does, and serves a client that
/// shows none; one that is shown must be valid. "require" serves only clients with a valid one. It holds for all names
/// of the server alike.
///
/// Without this call, a server that names whom it trusts (hostlock_ctx_trust_*, hostlock_ctx_trust_exact,
/// hostlock_ctx_add_pin) or who its clients are behaves as with "require". A server that names its clients demands a
/// certificate in every mode. The same functions that say what a server's certificate must be say it of a client's:
/// trust anchors, CRLs, pins, depth. The server sends the names of its trust anchors along, by which a client can
/// choose its certificate: those that were set before the first connection, unless they are more than 100, or there are
/// exact certificates.
///
/// HOSTLOCK_E_ARG: an unknown word. HOSTLOCK_E_STATE: the context is not for servers only. HOSTLOCK_E_FROZEN: connections of
/// the context were made already.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_client_auth(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let word = || unsafe { text(mode, "mode") }.map(str::to_owned);
        client_auth::set_mode(ctx, guard, "hostlock_server_set_client_auth", word)
    })
}

/// Names who this server's clients may be: each must show a certificate with one of `names` in its subjectAltName.
/// `names` is a list of DNS names, IP addresses and "email:user@example.org", with commas between. It replaces the list
/// of an earlier call, also while connections are served: handshakes that begin later, and sessions that are resumed
/// later, go by the new list. If hostlock_conn_set_host gave the connection a name, that must be in the certificate
/// too.
///
/// HOSTLOCK_E_BAD_HOST: one of them is no name. Handshakes are then refused until a call succeeds. HOSTLOCK_E_STATE:
/// the context is not for servers only.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `names` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_client_names(ctx: *mut hostlock_ctx, names: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let list = || unsafe { text_bytes(names, "names") }.map(<[u8]>::to_vec);
        client_auth::set_names(ctx, guard, "hostlock_server_set_client_names", list)
    })
}

/// The name by which a server knows its client. Where the server named clients (hostlock_conn_set_host,
/// hostlock_server_set_client_names), it is the one of those names that the certificate has. Otherwise it is the first
/// name in the certificate; DNS names and IP addresses come before e-mail addresses. It was verified in this handshake,
/// or in the one whose session was resumed.
///
/// NULL where the client showed no certificate, or one without names; on a client; and before the handshake is complete. It
/// belongs to the connection, until its next handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_client_name(conn: *const hostlock_conn) -> *const c_char {
    accessor(ptr::null(), || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let agreed = unsafe { conn_of(conn) }.ok().and_then(Agreed::of);
        agreed.map_or(ptr::null(), Agreed::lend_client_name)
    })
}

/// Writes the SHA-256 of the peer's certificate (of its DER) to `out`, which has room for 32 bytes. By it a program
/// finds a device in a table of its own. HOSTLOCK_E_NO_CERTIFICATE: the peer showed none. HOSTLOCK_E_STATE: the
/// handshake is not complete.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `out` is NULL or 32 writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_peer_sha256(conn: *const hostlock_conn, out: *mut u8) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let digest = unsafe { completed(conn)? }.peer_sha256()?;
        not_null(out, "out")?;
        // SAFETY: it is not NULL, and the caller promises so many writable bytes.
        unsafe { ptr::copy_nonoverlapping(digest.as_ptr(), out, digest.len()) };
        Ok(())
    })
}

/// Asks the client for its certificate after the handshake, which TLS 1.3 permits (RFC 8446 4.6.2). 0 means that the
/// question was sent; otherwise HOSTLOCK_WANT_WRITE or a negative status. The answer arrives in a later hostlock_read,
/// which fails if the client shows no certificate, or one that is refused. What is read before that may have been sent
/// before the answer: do not take it as this client's until hostlock_conn_client_name or hostlock_conn_peer_sha256
/// tells who it is.
///
/// Clients of hostlock answer where they have a certificate. HOSTLOCK_E_UNSUPPORTED: TLS 1.2, or a client that did not offer
/// to answer. HOSTLOCK_E_STATE: on a client; before the handshake is complete; a question is under way.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_request_cert(conn: *mut hostlock_conn) -> c_int {
    // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
    io(|| late_certificate::ask(unsafe { conn_of(conn)? })) as c_int
}

/// Seals this server's session tickets with the keys in a file. Machines that have the same file, and are set up alike
/// (policy, anchors, names, demands), then resume each other's sessions without a shared store. Each line of the file
/// is one key: 80 random bytes in base64 (16 for the name, 32 for HMAC-SHA256, 32 for AES-256-CBC), as
/// `openssl rand 80 | base64 -w0` writes them. Every key opens tickets. The last but one seals them, or the only one.
/// So append a new key, and let hostlock_ctx_reload read the file on every machine: by the time the next key is
/// appended, which puts this one to use, all machines know it. Links are followed. Who can read the file can decrypt
/// recorded sessions of TLS 1.2; hostlock_ctx_info warns if every user can read it.
///
/// Without this call a server makes its own keys: a new one each day, or once in the life of a session where that is
/// longer. They are there from hostlock_server_new on, so processes that are forked later share them. Keys that a
/// program sets by SSL_CTX_set_tlsext_ticket_keys take their place. There is no early data.
///
/// A ticket also holds what the verification of its client's certificate rested on. The machine that it comes to checks
/// that by its own CRLs, trust anchors and clock. If anything of the chain has been revoked or has ended since, a full
/// handshake follows.
///
/// HOSTLOCK_E_ARG: a line that is no key, or two keys of one name. HOSTLOCK_E_EMPTY: no key. HOSTLOCK_E_NOT_FOUND,
/// _WRONG_FILE_TYPE, _FILE_IO as for trust anchors. HOSTLOCK_E_STATE: the context is not one of hostlock_server_new.
/// HOSTLOCK_E_FROZEN: connections of the context were made already.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_ticket_key_file(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let path = || unsafe { path_of(path) };
        sessions::set_ticket_key_file(guard, "hostlock_server_set_ticket_key_file", path)
    })
}

/// How many seconds after a full handshake this server's sessions may be resumed: 1 to 604800 (a week, RFC 8446 4.6.1),
/// and 0 for never. Without this call it is OpenSSL's default, two hours. A session in which a client showed a
/// certificate lasts a day at the most, and not longer than what the certificate was verified by. Resuming it does not
/// extend it.
///
/// HOSTLOCK_E_ARG: another number. HOSTLOCK_E_STATE: the context is not one of hostlock_server_new. HOSTLOCK_E_FROZEN:
/// connections of the context were made already.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_session_life(ctx: *mut hostlock_ctx, seconds: c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        sessions::set_life(ctx, guard, "hostlock_server_set_session_life", seconds)
    })
}
