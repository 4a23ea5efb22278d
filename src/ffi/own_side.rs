//! Section "Own certificates" of the header: what this side shows and speaks
//!
//! For clients and servers alike. A chain is PEM, this side's own certificate first and those of the CAs above it in any
//! order (the root may be there); or one certificate in DER; or PKCS#12, key included. A key is PKCS#8, SEC1 or PKCS#1 in
//! PEM or DER, and may be encrypted. Nobody is asked for a passphrase at a terminal.
//!
//! A context shows one certificate for each kind of key: call twice for an RSA and an EC certificate, and each peer gets
//! the one that it can verify. All of it is checked before the context has any, so that what no peer could accept is an
//! error here:
//!
//! - HOSTLOCK_E_KEY_MISMATCH: the key belongs to another certificate
//! - HOSTLOCK_E_PASSPHRASE: the key is encrypted, and the passphrase is missing or wrong
//! - HOSTLOCK_E_WRONG_PEM: no certificate, or no key, in what was named
//! - HOSTLOCK_E_MISSING_INTERMEDIATE: the chain has a gap
//! - HOSTLOCK_E_BAD_CERTIFICATE: a stranger in the chain; or the first certificate is a CA's
//! - HOSTLOCK_E_WEAK_KEY, HOSTLOCK_E_WEAK_SIGNATURE: too weak for the policy
//! - HOSTLOCK_E_STATE: there is a certificate for this kind of key already
//! - HOSTLOCK_E_FROZEN: connections of the context were made already
//! - HOSTLOCK_E_NOT_FOUND, _WRONG_FILE_TYPE, _FILE_IO, _EMPTY, _BAD_PEM, _UNSUPPORTED: as for trust anchors
//!
//! A failure leaves what was shown before, and poisons the context until a certificate is added; HOSTLOCK_E_STATE and
//! HOSTLOCK_E_FROZEN do not. An expired certificate is taken: hostlock_ctx_info warns of it.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::boundary::{accessor, bytes, pointer, status, string_for_c, text, text_bytes};
use super::trust::{path_named, path_of};
use super::{conn_of, guard_of, guarded, hostlock_conn, hostlock_ctx};
use crate::connection::facts::Agreed;
use crate::context::{alpn, info, own_certificate};
use crate::credential::Input;
use crate::error::Result;

/// Shows the certificate in the file `chain`, whose private key is in the file `key`: NULL where `chain` holds the key too,
/// as PKCS#12 does. `password` opens the key, NULL where it is not encrypted. Links are followed; 4 MiB are the most.
///
/// A client shows it to servers that ask for one, also after the handshake (RFC 8446 4.6.2), and only once the server's
/// certificate has been verified.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; the others are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_add_cert_file(
    ctx: *mut hostlock_ctx,
    chain: *const c_char,
    key: *const c_char,
    password: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        own_certificate::add(ctx, guard, "hostlock_ctx_add_cert_file", || {
            // SAFETY: the caller promises NULL or texts that end, for the length of this call.
            let key = if key.is_null() { None } else { Some(unsafe { path_named(key, "key")? }) };
            // SAFETY: the caller promises the same of these.
            Ok(Input::Files { chain: unsafe { path_of(chain)? }, key, password: unsafe { word(password)? } })
        })
    })
}

/// The same from memory: `chain` and `key` are what the files would hold. A NULL `key` means that `chain` holds the key
/// too.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `chain` is NULL or `chain_len` readable bytes, `key` NULL or `key_len`; `password` is
/// NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_add_cert_mem(
    ctx: *mut hostlock_ctx,
    chain: *const u8,
    chain_len: usize,
    key: *const u8,
    key_len: usize,
    password: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        own_certificate::add(ctx, guard, "hostlock_ctx_add_cert_mem", || {
            // SAFETY: the caller promises NULL or so many readable bytes.
            let key = if key.is_null() { None } else { Some(unsafe { bytes(key, key_len, "key")? }) };
            // SAFETY: the caller promises the same of the chain, and NULL or a text that ends.
            let (chain, password) = unsafe { (bytes(chain, chain_len, "chain")?, word(password)?) };
            Ok(Input::Memory { chain, key, password })
        })
    })
}

/// Names the application protocols that this side speaks (ALPN, RFC 7301), the best first: "h2,http/1.1". Clients offer
/// them. Servers choose the first of theirs that the client offers; where it offers others only, the handshake ends with
/// the alert no_application_protocol (HOSTLOCK_E_NO_COMMON_PROTOCOL here, HOSTLOCK_E_ALERT there), and a client that offers
/// nothing is served without. It replaces what was named before.
///
/// A name is printable ASCII without spaces and commas, of 255 bytes at most. HOSTLOCK_E_ARG: an empty name, or one that
/// stands there twice. HOSTLOCK_E_FROZEN: connections of the context were made already.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `protocols` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_alpn(ctx: *mut hostlock_ctx, protocols: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        alpn::set(ctx, guard, "hostlock_ctx_set_alpn", || unsafe { text(protocols, "protocols") }.map(str::to_owned))
    })
}

/// The application protocol that the two sides agreed on, such as "h2"; NULL where they agreed on none, and before the
/// handshake is complete. It belongs to the connection, until its next handshake.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_alpn(conn: *const hostlock_conn) -> *const c_char {
    accessor(ptr::null(), || {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let agreed = unsafe { conn_of(conn) }.ok().and_then(Agreed::of);
        agreed.map_or(ptr::null(), Agreed::lend_alpn)
    })
}

/// What the context is set up to be, as one JSON object: "role" ("client", "server", "either"), "policy", "certificates"
/// (those that hostlock loaded: "subject", "issuer", "names", "key", "chain" (how many CA certificates are sent along),
/// "not_before" and "not_after" in seconds since 1970, "days_left" (negative once it has expired), "sha256", "source"),
/// "names" (those of hostlock_server_add_name: "host", "certificates"), "staples" (those of hostlock_server_set_staple_file:
/// "host", "certificate", "until" in seconds since 1970, "days_left", "source"), "alpn", "ticket_keys" ("source", "keys": how
/// many) and "session_life" (seconds) where a server was told of them, "timeout_ms" and "warnings": in words, what peers will
/// complain of, and what is careless. Ask it at each start, and once a day. Free it with hostlock_string_free; NULL on failure.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_info(ctx: *mut hostlock_ctx) -> *mut c_char {
    // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
    pointer(|| string_for_c(info::json(unsafe { guard_of(ctx)? })))
}

/// # Safety
/// `password` is NULL or NUL-terminated, and outlives the result.
pub(super) unsafe fn word<'a>(password: *const c_char) -> Result<Option<&'a [u8]>> {
    if password.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, and the caller promises a text that ends.
    unsafe { text_bytes(password, "password") }.map(Some)
}
