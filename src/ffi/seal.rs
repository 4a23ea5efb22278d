//! Section "Sealing a process" of the header: every context of it, whoever makes one
//!
//! A seal cannot be taken off. Exceptions and the mode that only reports give up a check: they take a `reason`, which
//! is kept for the report and must say something, and the compiler warns of them as in "Giving up a check".

use std::ffi::{OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::boundary::{pointer, status, string_for_c, text, text_bytes};
use super::context::policy_of;
use super::hostlock_ctx;
use crate::chain::waivers;
use crate::libssl::ours;
use crate::seal::state::Mode;
use crate::seal::{self, allow};

/// Seals the process: every context that any code of it makes from now on with the libssl that hostlock uses is guarded
/// as hostlock_harden guards one, whatever that code then sets on it. Client connections verify the certificate and the
/// host; no host named means HOSTLOCK_E_NO_HOST. The host is that of SSL_set1_host (or the connection's
/// X509_VERIFY_PARAM), else the SNI that the program sends. Servers go on as they were set up, with the policy's
/// versions, suites and keys; what they ask of their clients stays theirs.
///
/// 0, also where the process is sealed so already; HOSTLOCK_E_STATE where it is sealed with another policy or mode.
/// Contexts that exist already are sealed by hostlock_seal_ctx, those of other TLS libraries not at all; a context for
/// DTLS or QUIC refuses every handshake. Call it early, from any thread.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_process(policy: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    status(|| seal::process(unsafe { policy_of(policy)? }, Mode::Enforce))
}

/// Seals a context that was made before hostlock_seal_process was called; connections that it has made already keep
/// what they have. HOSTLOCK_E_STATE where the process is not sealed. A context that hostlock guards already stays as it
/// is.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_ctx(ctx: *mut hostlock_ctx) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl that no other thread uses.
    status(|| seal::context(unsafe { ours::ctx(ctx)? }))
}

/// What the seal has seen, as one JSON object: `mode` and `policy`; `contexts` and `connections`, counted; `entries`,
/// each with `outcome`, `host`, `status`, `code`, `message`, `hint`, `peer` (the address, where there is a socket),
/// `count`, `first` and `last`; `left_out`, how many connections found no place among at most 256 entries; `allowed`,
/// the exceptions with their reasons and uses; `other_tls`, the other TLS libraries in the process, which are not
/// sealed.
///
/// Free it with hostlock_string_free. NULL on failure: HOSTLOCK_E_STATE where the process is not sealed. The child of a
/// fork begins with its parent's counts.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn hostlock_seal_report() -> *mut c_char {
    pointer(|| string_for_c(seal::report()?))
}

/// Appends one line of JSON to the file `path` for every event of the seal, as it happens and by one write, so that
/// several processes can share the file. Each line has `event`, `pid` and `time`; connections have what an entry of
/// hostlock_seal_report has. The file is opened for each line and made with mode 0600 where it is not there. A second
/// file is HOSTLOCK_E_STATE.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_log(path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let path = unsafe { text_bytes(path, "path")? };
        seal::log(Path::new(OsStr::from_bytes(path)))
    })
}

/// Seals the process in the mode that only reports: each connection is judged and recorded, nothing is refused, and no
/// option, version, suite or verdict of the program is altered.
///
/// HOSTLOCK_E_STATE where the process is sealed otherwise already.
///
/// # Safety
/// `policy` is NULL or NUL-terminated; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "nothing is refused; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_seal_report_only(policy: *const c_char, reason: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let choice = unsafe { policy_of(policy)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let reason = waivers::reason(unsafe { text(reason, "reason")? })?;
        seal::process(choice, Mode::ReportOnly(reason.to_string_lossy().into_owned()))
    })
}

/// Makes an exception in a sealed process. Where hostlock would refuse the certificate, or knows no host, a connection that
/// fits `what` is judged as the program itself set it up. Versions, suites and keys keep the policy's floor.
///
/// `what` is "host:NAME" (the host that the program asks for), "address:IP" (where the socket leads) or "sha256:HEX"
/// (of the peer's own certificate in DER). Anything else is HOSTLOCK_E_ARG. Each use is in the report. It may be called
/// before the process is sealed.
///
/// # Safety
/// `what` is NULL or NUL-terminated; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "anyone can pose as what is named; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_seal_allow(what: *const c_char, reason: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let what = unsafe { text(what, "what")? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let reason = waivers::reason(unsafe { text(reason, "reason")? })?;
        allow::add(what, reason.to_string_lossy().into_owned())
    })
}
