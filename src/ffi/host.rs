//! Section "Hosts" of the header.

use std::ffi::{c_char, c_int};

use super::boundary::{not_null, status, text_bytes};
use super::{guard_of, hostlock_conn, hostlock_ctx};
use crate::error::{Error, Status};
use crate::identity::Reference;
use crate::verify::guard::Family;

/// Names the host that `ssl` is to reach: the certificate must be for it, and a DNS name is sent as SNI.
///
/// `host` is a DNS name in ASCII (A-labels for international names) or an IP address without brackets, port or zone.
/// Works on any `SSL` of a hostlock context, before its handshake, and again after SSL_clear. A bad name is refused with
/// HOSTLOCK_E_BAD_HOST, and the connection refuses its handshake until a good one is named.
///
/// # Safety
/// `ssl` is NULL or a live `SSL` that no other thread uses now; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_set_host(ssl: *mut hostlock_conn, host: *const c_char) -> c_int {
    status(|| {
        not_null(ssl, "ssl")?;
        // SAFETY: as the caller promises.
        unsafe { crate::verify::host::set(ssl, || Reference::parse_bytes(text_bytes(host, "host")?)) }
    })
}

/// Names the host of every connection of this context that names none of its own.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_host(ctx: *mut hostlock_ctx, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        let prepare = || unsafe { Reference::parse_bytes(text_bytes(host, "host")?) };
        guard.configure(Family::Host, "hostlock_ctx_set_host", prepare, |settings, host| settings.host = Some(host))
    })
}

/// Whether the SNI that a program sets (SSL_set_tlsext_host_name) stands for the host where nothing else names one:
/// 1 yes, 0 no (the default).
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_host_from_sni(ctx: *mut hostlock_ctx, enabled: c_int) -> c_int {
    status(|| {
        // SAFETY: as the caller promises.
        let guard = unsafe { guard_of(ctx)? };
        let prepare = || match enabled {
            0 | 1 => Ok(enabled == 1),
            _ => Err(Error::new(Status::EArg, format!("{enabled} is neither 0 nor 1"))),
        };
        guard.configure(Family::Setting, "hostlock_ctx_host_from_sni", prepare, |settings, on| {
            settings.host_from_sni = on
        })
    })
}
