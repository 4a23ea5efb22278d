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

use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::progress;
use crate::handshake::start;
use crate::libssl::queue;
use crate::libssl::sys;
use crate::policy::Policy;
use crate::role::Role;

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
    // Inlined, the question need not be written to memory: it is asked some eighty times a handshake.
    #[inline(always)]
    unsafe fn permits(&self) -> bool {
        crate::nets::here!("security");
        // SAFETY: libssl hands a live SSL or a live SSL_CTX.
        let guard = unsafe { if self.ssl.is_null() { Guard::of(self.ctx) } else { Guard::of_ssl(self.ssl) } };
        let Some(guard) = guard else { return false };
        // SAFETY: the callback that stood here before ours.
        let previous = || guard.previous_security.is_none_or(|callback| unsafe { self.ask(callback) });
        if guard.regime() == Regime::Watched {
            return previous();
        }
        let goes_on = self.ssl.is_null()
            || self.only_lists()
            // SAFETY: as the caller promises.
            || unsafe { on_course(self.ssl as *mut ffi::SSL, guard, self.operation) };
        // SAFETY: as the caller promises.
        if !goes_on || !unsafe { self.is_above_floor(guard.policy) } {
            return false;
        }
        // Up to the policy's level libssl's own callback permits all that is above the floor.
        // SAFETY: as the caller promises.
        guard.previous_is_libssls && unsafe { self.level() } <= guard.policy.security_level || previous()
    }

    /// The security level that is set.
    ///
    /// # Safety
    /// As for [`Question::permits`].
    unsafe fn level(&self) -> c_int {
        // SAFETY: libssl hands a live SSL or a live SSL_CTX.
        unsafe {
            if self.ssl.is_null() {
                ffi::SSL_CTX_get_security_level(self.ctx)
            } else {
                ffi::SSL_get_security_level(self.ssl)
            }
        }
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
        crate::nets::here!("security asks the program");
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
    if !unsafe { progress::is_in_place(ssl) } {
        // SAFETY: reads one field of the live connection.
        let serves = || unsafe { ffi::SSL_is_server(ssl) } == 1;
        if operation == sys::SSL_SECOP_VERSION && (before || serves()) {
            // Set-up calls ask about keys and ciphers too; those must not cost a program the session that it has set.
            // A server asks when it has read the hello, before it looks for a session.
            // SAFETY: as above.
            unsafe { start::prepare(ssl) };
        } else if !before {
            // A client's handshake was prepared, at the latest when its hello was built.
            // SAFETY: as above.
            unsafe { start::pin_info(ssl) };
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
            let error = start::unverified(progress::NOT_CALLED);
            queue::raise(&error);
            state.verdict = Verdict::Refused(error);
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libssl::method;

    #[test]
    fn libssls_own_callback_permits_all_that_is_above_the_floor_up_to_the_policys_level() {
        // Every operation of ssl.h, with the kind of what it is about.
        let operations = [
            1 | 1 << 16,
            2 | 1 << 16,
            3 | 1 << 16,
            4 | 2 << 16,
            5 | 2 << 16,
            6 | 2 << 16,
            7 | 4 << 16,
            9,
            10,
            11 | 5 << 16,
            12 | 5 << 16,
            13 | 5 << 16,
            14 | 5 << 16,
            15,
            16 | 6 << 16,
            17 | 6 << 16,
            18 | 6 << 16,
            16 | 6 << 16 | 0x1000,
        ];
        let policy = Policy::named("default").unwrap();
        let mut permitted = 0;
        // SAFETY: all objects are made here, live until they are freed, and belong to this thread.
        unsafe {
            let ctx = ffi::SSL_CTX_new(ffi::TLS_client_method());
            let callback = sys::SSL_CTX_get_security_callback(ctx).unwrap();
            // In a build with a libssl of its own it lies beside ours, and cannot be told from them.
            assert_eq!(method::is_libssls_security_callback(callback), !cfg!(feature = "private-libssl"));
            assert!(!method::is_libssls_security_callback(decide));
            ffi::SSL_CTX_set_security_level(ctx, 0);
            assert_eq!(ffi::SSL_CTX_set_cipher_list(ctx, c"ALL:COMPLEMENTOFALL".as_ptr()), 1);
            let ssl = ffi::SSL_new(ctx);
            let suites = sys::SSL_CTX_get_ciphers(ctx);
            for level in 0..=policy.security_level {
                ffi::SSL_set_security_level(ssl, level);
                for operation in operations {
                    let is_suite = operation & sys::SSL_SECOP_OTHER_TYPE == sys::SSL_SECOP_OTHER_CIPHER;
                    let count = if is_suite { ffi::OPENSSL_sk_num(suites.cast()) } else { 1 };
                    for (at, bits, nid) in (0..count)
                        .flat_map(|at| (0..=256).map(move |bits| (at, bits)))
                        .flat_map(|(at, bits)| [0, 0x300, 0x301, 0x302, 0x303, 0x304].map(|nid| (at, bits, nid)))
                    {
                        let other = if is_suite { ffi::OPENSSL_sk_value(suites.cast(), at) } else { ptr::null_mut() };
                        let extra = ptr::null_mut();
                        let question = Question { ssl, ctx, operation, bits, nid, other, extra };
                        if question.is_above_floor(policy) {
                            permitted += 1;
                            assert!(question.ask(callback), "operation {operation:#x}, {bits} bits, {nid:#x}");
                        }
                    }
                }
            }
            ffi::SSL_free(ssl);
            ffi::SSL_CTX_free(ctx);
        }
        assert!(permitted > 1000);
    }
}
