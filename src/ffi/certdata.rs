//! Section "Mozilla's certdata.txt" of the header: roots with the dates up to which they are trusted

use std::ffi::{c_char, c_int};

use super::boundary::{status, text};
use super::trust::path_named;
use super::{guarded, hostlock_ctx};
use crate::guard::Family;
use crate::handshake::client_certificate;
use crate::trust::certdata::{self, Purpose};
use crate::trust::named::{self, Origin};
use crate::trust::source;

/// Trusts the roots in a certdata.txt of NSS (Mozilla's own list, also in the source of ca-certificates), besides what
/// else is named: those that it trusts for servers, as far as it trusts them.
///
/// Where the file has a date for a root (CKA_NSS_SERVER_DISTRUST_AFTER), a server whose own certificate was issued
/// after it is refused on every path with that root; a certificate that the file distrusts (CKT_NSS_NOT_TRUSTED) is
/// refused in any chain. Both are HOSTLOCK_E_DISTRUSTED, and hold also where another hostlock_ctx_trust_* call names
/// the same root.
///
/// Answers as the functions for trust anchors do; HOSTLOCK_E_BAD_PEM for a file that is not a certdata.txt, is cut off
/// or damaged (the message names the line); HOSTLOCK_E_NO_TRUST_ANCHORS where it trusts no root for servers;
/// HOSTLOCK_E_UNSUPPORTED on a context for servers, for Mozilla says nothing of clients' certificates.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_certdata(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        let _one_at_a_time = guard.loading();
        let prepare = || {
            let purpose = Purpose::of_peers(guard.role)?;
            // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
            let path = unsafe { path_named(path, "path")? };
            guard.anchors.add_index(ctx, source::certdata(path, purpose)?, Origin::Certdata(named::absolute(path), purpose))
        };
        guard.configure(Family::Trust, "hostlock_ctx_trust_certdata", prepare, |_, ()| {})?;
        client_certificate::require(ctx, guard);
        Ok(())
    })
}

/// Writes the roots of the certdata.txt at `input` that are trusted for `purpose` to the file `output`, as PEM with a
/// header for people above each: name, SHA-256 hash, expiry, and the date after which it is distrusted, if any.
///
/// `purpose` is "server-auth", "email" or "code-signing". The same input gives the same bytes. `output` (or the file
/// that it is a link to) is replaced at once and keeps its mode; where anything fails it is as it was, and nothing is
/// left behind. PEM cannot carry dates of distrust: who loads the result with hostlock_ctx_trust_file trusts those
/// roots for all that they issue.
///
/// 0, or what hostlock_ctx_trust_certdata answers about the input; HOSTLOCK_E_ARG for another purpose;
/// HOSTLOCK_E_WRONG_FILE_TYPE or HOSTLOCK_E_FILE_IO where the output cannot be written.
///
/// # Safety
/// Each argument is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_certdata_to_pem(
    input: *const c_char,
    output: *const c_char,
    purpose: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let (input, output) = unsafe { (path_named(input, "input")?, path_named(output, "output")?) };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        certdata::to_pem(input, output, Purpose::named(unsafe { text(purpose, "purpose")? })?)
    })
}
