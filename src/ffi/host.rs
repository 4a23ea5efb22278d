//! Section "Hosts" of the header: which host a connection must reach, and what a host's name is
//!
//! A `host` is a DNS name in ASCII (A-labels for international names) or an IP address without brackets, port or zone.
//! A bad one is HOSTLOCK_E_BAD_HOST, and handshakes that depend on it are refused until a good one is named.

use std::ffi::{c_char, c_int};

use super::boundary::{bytes, not_null, status, text, text_bytes};
use super::{c_bool, conn_of, guard_of, guarded, hostlock_conn, hostlock_ctx};
use crate::error::{Error, Result, Status};
use crate::guard::Family;
use crate::handshake::{client_certificate, set_host};
use crate::host::{MatchRules, Reference, normalize, to_ascii};
use crate::libssl::certificate;
use crate::libssl::method::check_known;
use crate::role::Role;

/// Names the host that `conn` is to reach: the certificate must be for it, and a DNS name is sent as SNI.
///
/// Works on any `SSL` of a hostlock context, before its handshake, and again after SSL_clear; once the handshake has begun
/// it is HOSTLOCK_E_STATE, and changes nothing. On a server's connection it names the client: a certificate is demanded, and
/// must be for that name, and for one of the context's names where it has any. No SNI is sent then.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_host(conn: *mut hostlock_conn, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        check_known(conn.ctx())?;
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        set_host::set(conn, || Reference::parse_bytes(unsafe { text_bytes(host, "host")? }))
    })
}

/// Names the host of `conn` where nothing else does. For code that knows where a connection leads, but not whether the
/// program has a better name for it. Every other source comes before it: hostlock_conn_set_host, SSL_set1_host, the
/// context's host, and the SNI of the program where an SNI counts as the host (hostlock_ctx_set_host_from_sni).
///
/// A DNS name is sent as SNI unless the program has set another. HOSTLOCK_E_STATE once the handshake has begun, and for a
/// server's connection.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_fallback_host(conn: *mut hostlock_conn, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl that no other thread uses.
        let conn = unsafe { conn_of(conn)? };
        check_known(conn.ctx())?;
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        set_host::set_fallback(conn, || Reference::parse_bytes(unsafe { text_bytes(host, "host")? }))
    })
}

/// Names the host of every connection of this context that names none of its own. On a context that only serves it names
/// the client: a certificate is demanded, and must be for that name; it begins the list of hostlock_server_set_client_names
/// anew. Where a context serves either side it binds the connections that go out.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_host(ctx: *mut hostlock_ctx, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let prepare = || unsafe { Reference::parse_bytes(text_bytes(host, "host")?) };
        guard.configure(Family::Host, "hostlock_ctx_set_host", prepare, |settings, host| match guard.role {
            Role::Server => settings.client_names = vec![host],
            Role::Client => settings.host = Some(host),
        })?;
        client_certificate::require(ctx, guard);
        Ok(())
    })
}

/// Whether the SNI that a program sets (SSL_set_tlsext_host_name) stands for the host where nothing else names one.
/// By default it does not. HOSTLOCK_E_STATE on a context that only serves.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_host_from_sni(ctx: *mut hostlock_ctx, enabled: c_bool) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        if guard.role == Role::Server {
            return Err(Error::new(
                Status::EState,
                "the SNI of a server's connection is the client's word, and names nobody",
            )
            .with_hint("name the client with hostlock_conn_set_host, if it must be a certain one"));
        }
        let prepare = || match enabled {
            0 | 1 => Ok(enabled == 1),
            _ => Err(Error::new(Status::EArg, format!("{enabled} is neither 0 nor 1"))),
        };
        guard.configure(
            Family::Setting("hostlock_ctx_set_host_from_sni"),
            "hostlock_ctx_set_host_from_sni",
            prepare,
            |settings, on| settings.host_from_sni = on,
        )
    })
}

/// The most bytes that hostlock_host_normalize and hostlock_host_to_ascii write, the closing NUL included.
#[allow(dead_code, reason = "the header gives it to C")]
pub const HOSTLOCK_HOST_MAX: usize = 256;

/// Writes the normal form of `host` to `out`: a DNS name in lower case without a trailing dot, or an IP address in its
/// canonical form (RFC 5952). `out` has room for `out_len` bytes, the closing NUL included; HOSTLOCK_HOST_MAX always
/// suffices. HOSTLOCK_E_BAD_HOST for what no certificate can be checked against: an empty name, a port, a URL,
/// brackets, "127.1"; HOSTLOCK_E_ARG where `out` is too small.
///
/// # Safety
/// `host` is NULL or NUL-terminated; `out` is NULL or `out_len` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_host_normalize(host: *const c_char, out: *mut c_char, out_len: usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let name = normalize(unsafe { text(host, "host")? })?;
        // SAFETY: the caller promises NULL or so many writable bytes.
        unsafe { write(&name, out, out_len) }
    })
}

/// Writes the ASCII form of `host`, which may have letters of any language (in UTF-8), to `out`: the form that all other
/// functions, getaddrinfo and SNI take. Its labels become A-labels by IDNA 2008 (RFC 5890, with the mapping of UTS 46,
/// non-transitional). So a name with a sharp s (U+00DF) stays itself, "xn--fa-hia.example", where the older IDNA 2003 leads
/// to "fass.example", another host. Resolve the answer and name it, so that both are one host. All else is as for
/// hostlock_host_normalize.
///
/// # Safety
/// As for hostlock_host_normalize.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_host_to_ascii(host: *const c_char, out: *mut c_char, out_len: usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let name = to_ascii(unsafe { text(host, "host")? })?;
        // SAFETY: the caller promises NULL or so many writable bytes.
        unsafe { write(&name, out, out_len) }
    })
}

/// # Safety
/// `out` is NULL or `out_len` writable bytes.
unsafe fn write(name: &str, out: *mut c_char, out_len: usize) -> Result<()> {
    not_null(out, "out")?;
    if name.len() >= out_len {
        return Err(Error::new(
            Status::EArg,
            format!("the buffer of {out_len} bytes is too small for {} and a NUL", name.len()),
        ));
    }
    // SAFETY: the caller promises `out_len` bytes, of which name and NUL take no more; Rust's string is elsewhere.
    unsafe {
        std::ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len());
        *out.add(name.len()) = 0;
    }
    Ok(())
}

/// Whether a certificate belongs to `host`, by the names in it alone (RFC 9525): neither its issuer nor its dates are
/// looked at. For verdicts outside of a connection; a connection needs no such call.
///
/// `cert` is one certificate of `len` bytes, PEM or DER. `host` is a DNS name, an IP address, or
/// "email:user@example.org". 0, HOSTLOCK_E_HOST_MISMATCH (the error lists the certificate's names),
/// HOSTLOCK_E_BAD_HOST, HOSTLOCK_E_BAD_CERTIFICATE for names that are damaged, or the reason why `cert` could not be
/// read.
///
/// # Safety
/// `cert` is NULL or `len` readable bytes; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_cert_check_host(cert: *const u8, len: usize, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let reference = Reference::parse_any_bytes(unsafe { text_bytes(host, "host")? })?;
        // SAFETY: the caller promises NULL or so many readable bytes, for the length of this call.
        let certificate = certificate::parse(unsafe { bytes(cert, len, "cert")? })?;
        certificate::check_host(&certificate, &reference, MatchRules::default())
    })
}
