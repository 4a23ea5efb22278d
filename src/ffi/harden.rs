//! Section "Contexts that someone else made" of the header: made safe in place, and asked whether they still are

use std::ffi::{c_char, c_int};

use super::audit::answer;
use super::boundary::{status, text_bytes};
use super::context::policy_of;
use super::{hostlock_ctx, hostlock_report};
use crate::harden::{self, intact};
use crate::error::Result;
use crate::host::Reference;
use crate::libssl::{ours, queue};

/// Makes an SSL_CTX that the program made itself as safe as one of hostlock_client_new, in place. Versions, options,
/// cipher suites, key exchange groups and signature algorithms become the policy's. Every certificate is checked
/// against the host inside the handshake. If the program has loaded no roots, the system's are trusted, as they are at
/// this call. What the program chose stays if it is strong enough: the order of its suites, a higher level, its roots,
/// its host. Its callbacks (verify, certificate verify, security, info, status) are still called, by hostlock's: they
/// may refuse, but not accept.
///
/// The program's own set-up calls may come before it or after it, even SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL).
/// It may be called again on the same context. A context of one old version (TLSv1_method()) gets all versions of the
/// policy. Whether a server context asks its clients for certificates stays as it was; those that show one are judged
/// by the policy.
///
/// `host` is for connections that name no host of their own. With NULL each connection must name one, by
/// hostlock_conn_set_host, SSL_set1_host, or the SNI (SSL_set_tlsext_host_name). A connection for which nothing names a
/// host is refused with HOSTLOCK_E_NO_HOST.
///
/// HOSTLOCK_E_UNSUPPORTED for DTLS and QUIC, and where this OpenSSL does not show whether the program has a certificate
/// verify callback of its own ("+replace" behind the policy's name replaces it without asking). HOSTLOCK_E_STATE where
/// the context has another policy already, or is a server's and `host` is not NULL. After these two nothing was
/// changed, so do not use the context. HOSTLOCK_E_BAD_HOST: the context is hardened, but its handshakes are refused
/// until a good host is named.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no other thread uses now; `policy` and `host` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_harden(ctx: *mut hostlock_ctx, policy: *const c_char, host: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let choice = unsafe { policy_of(policy)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = (!host.is_null()).then_some(|| Reference::parse_bytes(unsafe { text_bytes(host, "host")? }));
        // SAFETY: the caller promises NULL or a live context of any libssl that no other thread uses.
        harden::harden(unsafe { ours::ctx(ctx)? }, choice, host)
    })
}

/// As hostlock_harden with NULL as the host, for code that knows nothing of hostlock. If it fails, the reason is on
/// OpenSSL's error queue too, where such code looks. Code that was built with hostlock-cc or with hostlock/openssl.h
/// calls it.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no other thread uses now; `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_harden_or_raise(ctx: *mut hostlock_ctx, policy: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let choice = unsafe { policy_of(policy) };
        // SAFETY: the caller promises NULL or a live context of any libssl that no other thread uses.
        let hardened = choice.and_then(|choice| harden::harden(unsafe { ours::ctx(ctx)? }, choice, NO_HOST));
        hardened.inspect_err(queue::raise)
    })
}

const NO_HOST: Option<fn() -> Result<Reference>> = None;

/// Says whether a context of hostlock_client_new, hostlock_server_new, hostlock_harden or a sealed process is still as
/// hostlock left it, and what the program undid since: a lower version, level or weak suite, an option, verification
/// switched off, a callback in the place of hostlock's. hostlock's hooks keep nearly all of that from having an effect,
/// so these findings are of "low" severity. "hooks-removed" (high) means that the program replaced hostlock's
/// certificate verify callback on a context of hostlock_client_new or hostlock_server_new; its handshakes are then
/// refused. Callbacks that a program sets on connections are not looked at.
///
/// Where nothing was undone the report has no findings; free it with hostlock_report_free. HOSTLOCK_E_STATE for a
/// context that hostlock does not guard, or only watches.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` whose set-up no other thread changes now; `report` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_check_intact(ctx: *mut hostlock_ctx, report: *mut *mut hostlock_report) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and a place for the report.
    unsafe { answer(report, || intact::check(ours::ctx(ctx)?)) }
}
