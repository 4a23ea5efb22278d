//! Section "Channel bindings" of the header: what ties another protocol to this connection
//!
//! For SCRAM-PLUS, token binding and the like. Both sides of a connection compute the same bytes. Somebody in the
//! middle has two connections, and so two different values.

use std::ffi::{c_char, c_int, c_void};
use std::{ptr, slice};

use super::boundary::{bytes, not_null, status, text};
use super::{conn_of, hostlock_conn};
use crate::connection::exporter;
use crate::error::{Error, Status};

/// Fills `out` with `out_len` bytes that both sides of the connection can compute, and nobody else (RFC 5705, RFC 8446
/// 7.5): for `label`, which is not empty, and `context` of `context_len` bytes. NULL for `context` means none; with TLS
/// 1.2 that gives other bytes than an empty one.
///
/// HOSTLOCK_E_STATE: the handshake is not complete. HOSTLOCK_E_UNSUPPORTED: TLS 1.2 with a peer that does not know the extended
/// master secret (RFC 7627). HOSTLOCK_E_ARG: a reserved label, or more bytes than there can be.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `label` is NULL or NUL-terminated; `context` is NULL or
/// `context_len` readable bytes; `out` is NULL or `out_len` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_export(
    conn: *const hostlock_conn,
    label: *const c_char,
    context: *const c_void,
    context_len: usize,
    out: *mut c_void,
    out_len: usize,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses, and a text that ends.
        let (conn, label) = unsafe { (conn_of(conn)?, text(label, "label")?) };
        // SAFETY: the caller promises NULL or so many readable bytes.
        let context = if context.is_null() { None } else { Some(unsafe { bytes(context.cast(), context_len, "context")? }) };
        not_null(out, "out")?;
        if out_len == 0 || out_len > u16::MAX.into() {
            return Err(Error::new(Status::EArg, format!("{out_len} bytes cannot be exported")));
        }
        let mut secret = vec![0; out_len];
        exporter::export(conn, label, context, &mut secret)?;
        // SAFETY: it is not NULL, and the caller promises so many writable bytes.
        unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), out_len) }.copy_from_slice(&secret);
        Ok(())
    })
}

/// The most bytes that hostlock_conn_channel_binding writes.
#[allow(dead_code, reason = "the header gives it to C")]
pub const HOSTLOCK_BINDING_MAX: usize = 64;

/// Writes the channel binding of a `kind` to `out`, which has room for HOSTLOCK_BINDING_MAX bytes, and its length to `*len`:
/// "tls-exporter" (RFC 9266, 32 bytes; best) or "tls-server-end-point" (RFC 5929: a digest of the server's certificate).
///
/// Failures are as for hostlock_conn_export. HOSTLOCK_E_ARG: an unknown kind. HOSTLOCK_E_UNSUPPORTED: of the second kind on a
/// server whose client resumed a session, or for a certificate whose signature has no hash of its own (Ed25519).
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `kind` is NULL or NUL-terminated; `out` is NULL or
/// HOSTLOCK_BINDING_MAX writable bytes; `len` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_channel_binding(
    conn: *const hostlock_conn,
    kind: *const c_char,
    out: *mut u8,
    len: *mut usize,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses, and a text that ends.
        let (conn, kind) = unsafe { (conn_of(conn)?, text(kind, "kind")?) };
        not_null(out, "out")?;
        not_null(len, "len")?;
        let binding = exporter::binding(conn, kind)?;
        let amount = binding.len().min(HOSTLOCK_BINDING_MAX).min(exporter::MOST);
        // SAFETY: neither is NULL; the caller promises that the one is writable, and so many bytes of the other.
        unsafe {
            ptr::copy_nonoverlapping(binding.as_ptr(), out, amount);
            len.write(amount);
        }
        Ok(())
    })
}
