//! The security callback: whatever was there before decides, *and* the policy's own floor, which no later
//! `@SECLEVEL=0`, minimum version or cleared option lowers. Installing a callback replaces OpenSSL's check of the
//! security level, so the previous one must be asked.
//!
//! It also is the place where a connection is brought back on course when a program replaced our info callback: it is
//! called, with the `SSL`, while the ClientHello is built.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use openssl_sys as ffi;

use crate::policy::Policy;
use crate::sys;
use crate::verify::guard::Guard;
use crate::verify::info;
use crate::verify::watch::Watch;

/// See the module's text. Answers 1 (permitted) or 0.
///
/// # Safety
/// For libssl to call, with a live `SSL` or a live `SSL_CTX`.
pub unsafe extern "C" fn decide(
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> c_int {
    let permitted = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: libssl hands a live SSL or a live SSL_CTX.
        let guard = unsafe { if ssl.is_null() { Guard::of(ctx) } else { Guard::of_ssl(ssl) } };
        let Some(guard) = guard else { return false };
        if !ssl.is_null() {
            // SAFETY: libssl calls from inside the connection's own thread.
            unsafe { stay_on_course(ssl as *mut ffi::SSL) };
        }
        // SAFETY: for cipher operations `other` is the SSL_CIPHER in question.
        if !unsafe { floor_permits(guard.policy, operation, bits, nid, other) } {
            return false;
        }
        // SAFETY: the callbacks that stood here before ours, with libssl's own arguments.
        unsafe { previous_permit(guard, ssl, ctx, operation, bits, nid, other, extra) }
    }));
    permitted.unwrap_or(false) as c_int
}

/// # Safety
/// `other` is an `SSL_CIPHER` for cipher operations.
unsafe fn floor_permits(policy: &Policy, operation: c_int, bits: c_int, nid: c_int, other: *mut c_void) -> bool {
    if operation & sys::SSL_SECOP_OTHER_TYPE == sys::SSL_SECOP_OTHER_CIPHER {
        // SAFETY: as the caller promises.
        let id = unsafe { ffi::SSL_CIPHER_get_protocol_id(other as *const ffi::SSL_CIPHER) };
        return bits >= policy.security_bits && policy.permits_suite(id);
    }
    match operation {
        sys::SSL_SECOP_VERSION => (policy.min_version..=policy.max_version).contains(&nid),
        sys::SSL_SECOP_COMPRESSION => false,
        // Its "bits" say nothing about strength.
        sys::SSL_SECOP_TICKET => true,
        _ => bits >= policy.security_bits,
    }
}

#[allow(clippy::too_many_arguments, reason = "it is libssl's own signature, handed on")]
unsafe fn previous_permit(
    guard: &Guard,
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> bool {
    // SAFETY: a security callback of libssl or of the program, called as libssl calls it.
    let ask = |callback: sys::SecurityCallback| unsafe { callback(ssl, ctx, operation, bits, nid, other, extra) } == 1;
    if !guard.previous_security.is_none_or(ask) {
        return false;
    }
    if ssl.is_null() {
        return true;
    }
    // SAFETY: `ssl` is live.
    let replaced = unsafe { Watch::of(ssl) }.and_then(|watch| watch.state().app_security);
    replaced.is_none_or(ask)
}

/// Brings our info callback back where the program replaced it, and does what the missed start would have done.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
unsafe fn stay_on_course(ssl: *mut ffi::SSL) {
    // SAFETY: as the caller promises.
    let current = unsafe { sys::SSL_get_info_callback(ssl) };
    if current.is_some_and(info::is_ours) {
        return;
    }
    // SAFETY: as the caller promises; called inside a handshake or a setter, never while the SSL is constructed.
    unsafe { info::adopt(ssl, current) };
}
