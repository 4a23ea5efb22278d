//! The security callback: whatever was there before decides, *and* the policy's own floor, which no later
//! `@SECLEVEL=0`, minimum version or cleared option lowers. Installing a callback replaces OpenSSL's check of the
//! security level, so the previous one must be asked.
//!
//! It also is where a handshake is ended that was refused before its first byte, and where one is caught whose
//! certificate verify callback was replaced: libssl asks about the signature algorithm of a server only after it has
//! verified the server's certificate, and before it sends the client's own.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::policy::Policy;
use crate::queue;
use crate::sys;
use crate::verify::begin;
use crate::verify::guard::{Guard, Regime, Role};
use crate::verify::info;
use crate::verify::watch::{Verdict, Watch};

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
        // SAFETY: libssl calls with what it is asked about; the connection is in its own thread.
        unsafe { permits(ssl, ctx, operation, bits, nid, other, extra) }
    }));
    permitted.unwrap_or(false) as c_int
}

/// [`decide`], for connections whose program has put a security callback of its own in its place: that is asked too.
///
/// # Safety
/// As for [`decide`].
pub unsafe extern "C" fn decide_with_application(
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> c_int {
    let permitted = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: libssl calls with what it is asked about; the connection is in its own thread, here and below.
        let permitted = unsafe { permits(ssl, ctx, operation, bits, nid, other, extra) };
        // SAFETY: as above.
        permitted && unsafe { application_permits(ssl, ctx, operation, bits, nid, other, extra) }
    }));
    permitted.unwrap_or(false) as c_int
}

/// Whether `callback` is one of ours.
pub fn is_ours(callback: sys::SecurityCallback) -> bool {
    [decide as sys::SecurityCallback, decide_with_application].iter().any(|ours| ptr::fn_addr_eq(callback, *ours))
}

/// Whether the policy's floor and what was there before our callback both permit what libssl asks about.
unsafe fn permits(
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> bool {
    // SAFETY: libssl hands a live SSL or a live SSL_CTX.
    let guard = unsafe { if ssl.is_null() { Guard::of(ctx) } else { Guard::of_ssl(ssl) } };
    let Some(guard) = guard else { return false };
    if guard.regime() != Regime::Watched {
        // SAFETY: libssl calls from inside the connection's own thread.
        if !ssl.is_null() && !only_lists(operation) && !unsafe { on_course(ssl as *mut ffi::SSL, guard, operation) } {
            return false;
        }
        // SAFETY: for cipher operations `other` is the SSL_CIPHER in question.
        if !unsafe { floor_permits(guard.policy, operation, bits, nid, other) } {
            return false;
        }
    }
    // SAFETY: the callback that stood here before ours, with libssl's own arguments.
    let ask = |callback: sys::SecurityCallback| unsafe { callback(ssl, ctx, operation, bits, nid, other, extra) } == 1;
    guard.previous_security.is_none_or(ask)
}

/// Most questions are about what a hello may list, and come between those about the version and our own look at the
/// hello, which both end a handshake that is not to go on. What the peer has chosen is asked about again.
fn only_lists(operation: c_int) -> bool {
    matches!(
        operation,
        sys::SSL_SECOP_CIPHER_SUPPORTED
            | sys::SSL_SECOP_CURVE_SUPPORTED
            | sys::SSL_SECOP_SIGALG_SUPPORTED
            | sys::SSL_SECOP_SIGALG_MASK
    )
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

/// Asks the callback that the program put in place of ours.
unsafe fn application_permits(
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> bool {
    if ssl.is_null() {
        return true;
    }
    // SAFETY: `ssl` is live.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return true };
    let replaced = {
        let mut state = watch.state();
        // A program's callback that asks the one it replaced, which is ours, is not asked again by it.
        if state.in_app_security {
            return true;
        }
        state.in_app_security = state.app_security.is_some();
        state.app_security
    };
    // SAFETY: the program's own callback, called as libssl calls it.
    let ask = |callback: sys::SecurityCallback| unsafe { callback(ssl, ctx, operation, bits, nid, other, extra) } == 1;
    let permitted = replaced.is_none_or(ask);
    watch.state().in_app_security = false;
    permitted
}

/// Whether the handshake may go on at all. Where a program replaced our info callback this is the first that we see of
/// the handshake: libssl asks about the version before it builds the ClientHello.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
unsafe fn on_course(ssl: *mut ffi::SSL, guard: &Guard, operation: c_int) -> bool {
    // SAFETY: as the caller promises, here and below.
    let before = unsafe { sys::SSL_in_before(ssl) } == 1;
    // SAFETY: as above.
    if !unsafe { info::is_in_place(ssl) } {
        if !before {
            // The handshake was prepared, at the latest when its hello was built.
            // SAFETY: as above.
            unsafe { begin::pin_info(ssl) };
        } else if operation == sys::SSL_SECOP_VERSION {
            // Set-up calls ask about keys and ciphers too; those must not cost a program the session that it has set.
            // SAFETY: as above.
            unsafe { begin::prepare(ssl) };
        }
    }
    // SAFETY: as above.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return true };
    // SAFETY: as above.
    let judges_servers = operation == sys::SSL_SECOP_SIGALG_CHECK && unsafe { guard.role_on(ssl) } == Role::Client;
    let mut state = watch.state();
    match &state.verdict {
        // Between two handshakes it is the verdict on the last one, and set-up calls go on.
        Verdict::Refused(_) => before && operation != sys::SSL_SECOP_VERSION,
        Verdict::Pending if judges_servers => {
            let error = begin::unverified(info::NOT_CALLED);
            queue::raise(&error);
            state.verdict = Verdict::Refused(error);
            false
        }
        _ => true,
    }
}
