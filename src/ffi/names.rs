//! Section "Names of a server" of the header: a certificate for each name that clients ask for
//!
//! Clients say by SNI (RFC 6066) which name they want. Those that ask for none of these names, or for no name, are
//! shown the certificate of hostlock_ctx_add_cert_file. All else is the same for every name: whom the server lets in,
//! versions, protocols. A session that began under one name is not resumed under another.
//!
//! The first name, or hostlock_server_set_unknown_name, must come before the first connection (later:
//! HOSTLOCK_E_FROZEN). After it, names may be added and removed at any time, also while other threads serve; handshakes
//! under way keep the certificate that they began with. A call that fails changes nothing, and handshakes go on. These
//! names take the place of a callback of the program's own (SSL_CTX_set_client_hello_cb); if that is set later, it
//! takes theirs.
//!
//! A `host` is a DNS name in ASCII, or "*." and a name of at least two labels. The star stands for one label; an exact
//! name comes before one with a star. HOSTLOCK_E_BAD_HOST for anything else. HOSTLOCK_E_STATE: the context is not one
//! of hostlock_server_new.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::boundary::{accessor, bytes, status, text, text_bytes};
use super::own_side::word;
use super::trust::{path_named, path_of};
use super::{conn_of, guard_of, guarded, hostlock_conn, hostlock_ctx};
use crate::connection::facts;
use crate::context::{server_names, staples};
use crate::credential::Input;

/// Shows the certificate in the file `chain` to clients that ask for `host`. `chain`, `key` and `password` are as for
/// hostlock_ctx_add_cert_file, and so are the failures; HOSTLOCK_E_HOST_MISMATCH: the certificate is not for `host`.
///
/// Another call for the same host adds a certificate if its key is of another kind, and replaces the one with a key of
/// the same kind. So a running server gets its renewed certificate.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; the others are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_add_name(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    chain: *const c_char,
    key: *const c_char,
    password: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = unsafe { text_bytes(host, "host")? };
        // SAFETY: the caller promises the same of the key.
        let key = if key.is_null() { None } else { Some(unsafe { path_named(key, "key")? }) };
        // SAFETY: the caller promises the same of these.
        let input = Input::Files { chain: unsafe { path_of(chain)? }, key, password: unsafe { word(password)? } };
        server_names::add(ctx, guard, "hostlock_server_add_name", host, &input)
    })
}

/// The same from memory: see hostlock_ctx_add_cert_mem.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `chain` is NULL or `chain_len` readable bytes, `key` NULL or `key_len`; `host` and
/// `password` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_add_name_mem(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    chain: *const u8,
    chain_len: usize,
    key: *const u8,
    key_len: usize,
    password: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = unsafe { text_bytes(host, "host")? };
        // SAFETY: the caller promises NULL or so many readable bytes.
        let key = if key.is_null() { None } else { Some(unsafe { bytes(key, key_len, "key")? }) };
        // SAFETY: the caller promises the same of the chain, and NULL or a text that ends.
        let (chain, password) = unsafe { (bytes(chain, chain_len, "chain")?, word(password)?) };
        let input = Input::Memory { chain, key, password };
        server_names::add(ctx, guard, "hostlock_server_add_name_mem", host, &input)
    })
}

/// Removes the certificates that were added for `host`. From now on it is an unknown name. HOSTLOCK_E_ARG: there are
/// none.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_remove_name(ctx: *mut hostlock_ctx, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        server_names::remove(guard, unsafe { text_bytes(host, "host")? })
    })
}

/// What happens to a client that asks for an unknown name: one for which neither a certificate was added nor that of
/// hostlock_ctx_add_cert_file is valid. "default" shows it the latter, as if it had asked for no name. "refuse" ends
/// the handshake with the alert unrecognized_name, and HOSTLOCK_E_HOST_MISMATCH here. A client that asks for no name is
/// shown the default in both modes. Where the server has names, and no certificate of hostlock_ctx_add_cert_file, who
/// asks for no name (HOSTLOCK_E_NO_COMMON_CIPHER) or an unknown one is refused with that alert in both.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_unknown_name(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        server_names::set_unknown(ctx, guard, "hostlock_server_set_unknown_name", unsafe { text(mode, "mode")? })
    })
}

/// Staples the OCSP response in the file `path` (DER, RFC 6960) to the certificate that it is about: one that was added
/// for `host`, or, where `host` is NULL, one of hostlock_ctx_add_cert_file. Clients that ask for it get it
/// (status_request, RFC 6066 section 8), and certificates that demand it (RFC 7633, "must staple") can be served. A
/// certificate has one response; the next replaces it. Where `path` is NULL, nothing is stapled to the certificates of
/// `host` any more.
///
/// The response is checked against the certificate and its issuer. The issuer must be in the chain that was loaded,
/// even if it is a root. Failures are HOSTLOCK_E_REVOCATION_INVALID (damaged, of another certificate, not signed by who
/// may), _REVOCATION_STALE (out of date), _REVOKED, _REVOCATION_UNKNOWN, _MISSING_INTERMEDIATE (no issuer). Others:
/// HOSTLOCK_E_ARG (no such host), and those of files.
///
/// hostlock fetches no responses. Have a timer do it ("openssl ocsp -respout"), move the new file to this name, and
/// call hostlock_ctx_reload, which reads it again together with everything else. A response that has run out is not
/// sent any more, and hostlock_ctx_info warns. The call may come at any time. If it fails it changes nothing, and
/// handshakes go on. A status callback of the program's own (SSL_CTX_set_tlsext_status_cb) takes its place.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` and `path` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_set_staple_file(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    path: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = if host.is_null() { None } else { Some(unsafe { text_bytes(host, "host")? }) };
        // SAFETY: the caller promises the same of the path.
        let path = if path.is_null() { None } else { Some(unsafe { path_of(path)? }) };
        staples::set(guard, host, path)
    })
}

/// The name that the client of a server asked for, as it stands in its hello (what is not printable ASCII is escaped).
/// It proves nothing: the client says it. NULL where it asked for none, on a client, and before its hello has come; also
/// where a session of TLS 1.2 is resumed and the server has no names (hostlock_server_add_name), as OpenSSL then does not
/// tell it. It belongs to the connection, until its next handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_sni(conn: *const hostlock_conn) -> *const c_char {
    accessor(ptr::null(), || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        unsafe { conn_of(conn) }.map_or(ptr::null(), facts::lend_sni)
    })
}
