//! Section "Giving up a check" of the header: each with a reason, under the compiler's warning
//!
//! Every function here takes a reason, which may not be empty and is kept for the audit. No call can be taken back. The
//! compiler warns of each one, unless the program defines HOSTLOCK_ALLOW_INSECURE.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::boundary::{accessor, status, text};
use super::trust::path_of;
use super::{guard_of, guarded, hostlock_ctx};
use crate::chain::waivers::{self, Waiver};
use crate::guard::{Family, Guard};
use crate::handshake::key_log;

/// Accepts any certificate, whatever its issuer, dates, purpose or revocation. The host name and pinned keys are still
/// compared; for a pin, only the peer's own certificate counts then.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "anyone can pose as the server; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_no_verify(ctx: *mut hostlock_ctx, reason: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and NULL or a text that ends.
    unsafe { give_up(ctx, Waiver::Chain, "hostlock_insecure_no_verify", reason) }
}

/// Accepts a valid certificate of any host, and a connection that names no host.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(
    note = "any owner of a valid certificate can pose as the server; define HOSTLOCK_ALLOW_INSECURE if that is meant"
)]
pub unsafe extern "C" fn hostlock_insecure_no_hostname(ctx: *mut hostlock_ctx, reason: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and NULL or a text that ends.
    unsafe { give_up(ctx, Waiver::HostName, "hostlock_insecure_no_hostname", reason) }
}

/// Ignores the dates of certificates, CRLs and OCSP answers, for devices without a clock.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "expired certificates are accepted for ever; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_no_time(ctx: *mut hostlock_ctx, reason: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and NULL or a text that ends.
    unsafe { give_up(ctx, Waiver::Time, "hostlock_insecure_no_time", reason) }
}

/// Accepts a certificate that was issued for another purpose (extended key usage), such as a client's for a server.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "certificates for other purposes are accepted; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_any_purpose(ctx: *mut hostlock_ctx, reason: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and NULL or a text that ends.
    unsafe { give_up(ctx, Waiver::Purpose, "hostlock_insecure_any_purpose", reason) }
}

/// Writes the secrets of this context's connections to the file `path`, in NSS's key log format, so that a capture of them can
/// be read: with Wireshark or tshark (-o tls.keylog_file:PATH), and by ssldump up to TLS 1.2. Whoever has the file can read
/// all of these connections, now and later. The environment (SSLKEYLOGFILE) is never looked at.
///
/// A new file is made with mode 0600. A file that exists must belong to the process's own user, and be closed to all
/// others. Each secret is appended by one write. A later call names another file. A callback that the program set
/// before (SSL_CTX_set_keylog_callback) is still called; one that it sets later takes the place of this.
///
/// HOSTLOCK_E_WRONG_FILE_TYPE: a link, a file of several names, a directory, FIFO, socket or device; it is not opened.
/// HOSTLOCK_E_FILE_IO: it belongs to another user, or others may read or write it; or it cannot be written.
/// HOSTLOCK_E_NOT_FOUND: no such directory. HOSTLOCK_E_FROZEN: connections of the context were made already.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` and `reason` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "whoever has the file can read the connections; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_keylog_file(
    ctx: *mut hostlock_ctx,
    path: *const c_char,
    reason: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        key_log::write_to(ctx, guard, "hostlock_insecure_keylog_file", || {
            // SAFETY: the caller promises NULL or texts that end, for the length of this call.
            Ok(key_log::Wish { path: unsafe { path_of(path)? }, reason: unsafe { text(reason, "reason")? } })
        })
    })
}

/// How many hostlock_insecure_* calls succeeded on this context; 0 for NULL and for a context that is not hostlock's.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_ctx_insecure_count(ctx: *mut hostlock_ctx) -> usize {
    // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
    unsafe { look(ctx, 0, |guard| guard.settings().waivers.len()) }
}

/// What was given up: "no_verify", "no_hostname", "no_time", "any_purpose" or "keylog_file"; NULL where `index` is too large. Static.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_ctx_insecure_name(ctx: *mut hostlock_ctx, index: usize) -> *const c_char {
    // SAFETY: the caller promises NULL or a live context of any libssl, which keeps the text.
    unsafe {
        look(ctx, ptr::null(), |guard| {
            guard.settings().waivers.get(index).map_or(ptr::null(), |(waiver, _)| waiver.name().as_ptr())
        })
    }
}

/// The reason that was given for it; NULL where `index` is too large. Owned by the context.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_ctx_insecure_reason(ctx: *mut hostlock_ctx, index: usize) -> *const c_char {
    // Reasons are never changed or removed, so the pointer outlives the lock.
    // SAFETY: the caller promises NULL or a live context of any libssl, which keeps the text.
    unsafe {
        look(ctx, ptr::null(), |guard| {
            guard.settings().waivers.get(index).map_or(ptr::null(), |(_, reason): (_, &CStr)| reason.as_ptr())
        })
    }
}

/// # Safety
/// As for the functions of this section.
unsafe fn give_up(ctx: *mut hostlock_ctx, waiver: Waiver, call: &str, reason: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let prepare = || waivers::reason(unsafe { text(reason, "reason")? });
        guard.configure(Family::Insecure(waiver), call, prepare, |settings, reason| {
            settings.waivers.give(waiver, reason)
        })
    })
}

/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
unsafe fn look<T: Copy>(ctx: *mut hostlock_ctx, fallback: T, body: impl FnOnce(&Guard) -> T) -> T {
    // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
    accessor(fallback, || unsafe { guard_of(ctx) }.map_or(fallback, body))
}
