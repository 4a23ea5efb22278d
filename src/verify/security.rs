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
    let question = Question { ssl, ctx, operation, bits, nid, other, extra };
    // SAFETY: libssl asks, and the connection is in its own thread.
    let permitted = catch_unwind(AssertUnwindSafe(|| unsafe { question.permits() }));
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
    let question = Question { ssl, ctx, operation, bits, nid, other, extra };
    let permitted = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: libssl asks, and the connection is in its own thread, here and below.
        let permitted = unsafe { question.permits() };
        // SAFETY: as above.
        permitted && unsafe { question.application_permits() }
    }));
    permitted.unwrap_or(false) as c_int
}

/// Whether `callback` is one of ours.
pub fn is_ours(callback: sys::SecurityCallback) -> bool {
    [decide as sys::SecurityCallback, decide_with_application].iter().any(|ours| ptr::fn_addr_eq(callback, *ours))
}

/// What libssl asks a security callback.
struct Question {
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
}

impl Question {
    /// Whether the policy's floor and what was there before our callback both permit it.
    ///
    /// # Safety
    /// libssl asks, in the thread that uses the connection.
    unsafe fn permits(&self) -> bool {
        // SAFETY: libssl hands a live SSL or a live SSL_CTX.
        let guard = unsafe { if self.ssl.is_null() { Guard::of(self.ctx) } else { Guard::of_ssl(self.ssl) } };
        let Some(guard) = guard else { return false };
        if guard.regime() != Regime::Watched {
            let goes_on = self.ssl.is_null()
                || self.only_lists()
                // SAFETY: as the caller promises.
                || unsafe { on_course(self.ssl as *mut ffi::SSL, guard, self.operation) };
            // SAFETY: as the caller promises.
            if !goes_on || !unsafe { self.is_above_floor(guard.policy) } {
                return false;
            }
        }
        // SAFETY: the callback that stood here before ours.
        guard.previous_security.is_none_or(|callback| unsafe { self.ask(callback) })
    }

    /// Most questions are about what a hello may list, and come between those about the version and our own look at the
    /// hello, which both end a handshake that is not to go on. What the peer has chosen is asked about again.
    fn only_lists(&self) -> bool {
        matches!(
            self.operation,
            sys::SSL_SECOP_CIPHER_SUPPORTED
                | sys::SSL_SECOP_CURVE_SUPPORTED
                | sys::SSL_SECOP_SIGALG_SUPPORTED
                | sys::SSL_SECOP_SIGALG_MASK
        )
    }

    /// # Safety
    /// As for [`Question::permits`].
    unsafe fn is_above_floor(&self, policy: &Policy) -> bool {
        if self.operation & sys::SSL_SECOP_OTHER_TYPE == sys::SSL_SECOP_OTHER_CIPHER {
            // SAFETY: for cipher operations `other` is the SSL_CIPHER in question.
            let id = unsafe { ffi::SSL_CIPHER_get_protocol_id(self.other as *const ffi::SSL_CIPHER) };
            return self.bits >= policy.security_bits && policy.permits_suite(id);
        }
        match self.operation {
            sys::SSL_SECOP_VERSION => (policy.min_version..=policy.max_version).contains(&self.nid),
            sys::SSL_SECOP_COMPRESSION => false,
            // Its "bits" say nothing about strength.
            sys::SSL_SECOP_TICKET => true,
            _ => self.bits >= policy.security_bits,
        }
    }

    /// Asks `callback` as libssl would.
    ///
    /// # Safety
    /// `callback` is a security callback of libssl or of the program; and as for [`Question::permits`].
    unsafe fn ask(&self, callback: sys::SecurityCallback) -> bool {
        let Question { ssl, ctx, operation, bits, nid, other, extra } = *self;
        // SAFETY: as the caller promises, with libssl's own arguments.
        unsafe { callback(ssl, ctx, operation, bits, nid, other, extra) == 1 }
    }

    /// Asks the callback that the program put in place of ours.
    ///
    /// # Safety
    /// As for [`Question::permits`].
    unsafe fn application_permits(&self) -> bool {
        if self.ssl.is_null() {
            return true;
        }
        // SAFETY: `ssl` is live.
        let Some(watch) = (unsafe { Watch::of(self.ssl) }) else { return true };
        let replaced = {
            let mut state = watch.state();
            // A program's callback that asks the one it replaced, which is ours, is not asked again by it.
            if state.in_app_security {
                return true;
            }
            state.in_app_security = state.app_security.is_some();
            state.app_security
        };
        // SAFETY: the program's own callback.
        let permitted = replaced.is_none_or(|callback| unsafe { self.ask(callback) });
        watch.state().in_app_security = false;
        permitted
    }
}

/// Whether the handshake may go on at all. Where a program replaced our info callback this is the first that we see of
/// the handshake: libssl asks about the version before it builds the ClientHello.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
#[inline(never)]
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
