//! The security callback: whatever was there before decides, *and* the policy's own floor, which no later
//! `@SECLEVEL=0`, minimum version or cleared option lowers. Installing a callback replaces OpenSSL's check of the
//! security level, so the previous one must be asked.
//!
//! It also is where a handshake is ended that was refused before its first byte, and where one is caught whose
//! certificate verify callback was replaced: libssl asks about the signature algorithm of a server only after it has
//! verified the server's certificate, and before it sends the client's own.

use std::ffi::c_int;

use crate::error;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::hooks::{self, Decide, DecideWithApplication};
use crate::handshake::refusals::{NOT_CALLED, unverified};
use crate::handshake::{events, start};
use crate::libssl::callback::Callback;
use crate::libssl::method::Carrier;
use crate::libssl::security::Question;
use crate::libssl::{Conn, queue, sys};
use crate::policy::Policy;
use crate::role::Role;

impl Callback for Decide {
    type Question<'a> = Question<'a>;
    type Answer = bool;
    const CLOSED: bool = false;

    #[inline(always)]
    fn answer(question: Question<'_>) -> bool {
        permits(&question)
    }
}

impl Callback for DecideWithApplication {
    type Question<'a> = Question<'a>;
    type Answer = bool;
    const CLOSED: bool = false;

    fn answer(question: Question<'_>) -> bool {
        permits(&question) && application_permits(&question)
    }
}

/// Whether the policy's floor and what was there before our callback both permit it.
// Inlined, the question need not be written to memory: it is asked some eighty times a handshake.
#[inline(always)]
fn permits(question: &Question<'_>) -> bool {
    crate::nets::here!("security");
    let guard = match question.conn {
        Some(conn) => Guard::of_conn(conn),
        None => question.ctx.and_then(Guard::of),
    };
    let Some(guard) = guard else {
        say_why_it_has_none(question);
        return false;
    };
    let previous = || guard.previous_security.is_none_or(|callback| question.ask(callback));
    if guard.regime() == Regime::ReportOnly {
        return previous();
    }
    let goes_on = question.conn.is_none_or(|conn| only_lists(question) || on_course(conn, guard, question.operation));
    if !goes_on || !is_above_floor(question, guard.policy) {
        return false;
    }
    // Up to the policy's level libssl's own callback permits all that is above the floor.
    guard.previous_is_libssls && question.level() <= guard.policy.security_level || previous()
}

/// Most questions are about what a hello may list, and come between those about the version and our own look at the
/// hello, which both end a handshake that is not to go on. What the peer has chosen is asked about again.
fn only_lists(question: &Question<'_>) -> bool {
    matches!(
        question.operation,
        sys::SSL_SECOP_CIPHER_SUPPORTED
            | sys::SSL_SECOP_CURVE_SUPPORTED
            | sys::SSL_SECOP_SIGALG_SUPPORTED
            | sys::SSL_SECOP_SIGALG_MASK
    )
}

/// A context of a sealed process that has no guard is for DTLS or QUIC: libssl itself would call it an internal error.
#[cold]
fn say_why_it_has_none(question: &Question<'_>) {
    let Some(conn) = question.conn.filter(|_| question.operation == sys::SSL_SECOP_VERSION) else { return };
    let (method, _) = conn.ctx().method();
    if method.carrier != Carrier::Stream {
        let error = method.unsupported();
        queue::raise(&error);
        error::remember(error);
    }
}

fn is_above_floor(question: &Question<'_>, policy: &Policy) -> bool {
    if let Some(suite) = question.suite() {
        return question.bits >= policy.security_bits && policy.permits_suite(suite.id());
    }
    match question.operation {
        sys::SSL_SECOP_VERSION => (policy.min_version..=policy.max_version).contains(&question.nid),
        sys::SSL_SECOP_COMPRESSION => false,
        // Its "bits" say nothing about strength.
        sys::SSL_SECOP_TICKET => true,
        _ => question.bits >= policy.security_bits,
    }
}

/// Asks the callback that the program put in place of ours.
fn application_permits(question: &Question<'_>) -> bool {
    crate::nets::here!("security asks the program");
    let Some(state) = question.conn.and_then(ConnectionState::of) else { return true };
    let replaced = {
        let mut known = state.known();
        // A program's callback that asks the one it replaced, which is ours, is not asked again by it.
        if known.in_app_security {
            return true;
        }
        known.in_app_security = known.app_security.is_some();
        known.app_security
    };
    let permitted = replaced.is_none_or(|callback| question.ask(callback));
    state.known().in_app_security = false;
    permitted
}

/// Whether the handshake may go on at all. Where a program replaced our info callback this is the first that we see of
/// the handshake: libssl asks about the version before it builds the ClientHello.
#[inline(never)]
fn on_course(conn: Conn<'_>, guard: &Guard, operation: c_int) -> bool {
    let before = conn.is_in_before();
    if !hooks::info_is_in_place(conn) {
        let serves = || conn.is_server();
        if operation == sys::SSL_SECOP_VERSION && (before || serves()) {
            // Set-up calls ask about keys and ciphers too; those must not cost a program the session that it has set.
            // A server asks when it has read the hello, before it looks for a session.
            start::prepare(conn);
            events::begun_unseen(conn);
        } else if !before {
            // A client's handshake was prepared, at the latest when its hello was built.
            start::pin_info(conn);
        }
    }
    let Some(state) = ConnectionState::of(conn) else { return true };
    let judges_servers = operation == sys::SSL_SECOP_SIGALG_CHECK && guard.role_on(conn) == Role::Client;
    let mut known = state.known();
    match &known.verdict {
        // Between two handshakes it is the verdict on the last one, and set-up calls go on.
        Verdict::Refused(_) => before && operation != sys::SSL_SECOP_VERSION,
        Verdict::Pending if judges_servers => {
            let error = unverified(NOT_CALLED);
            queue::raise(&error);
            crate::error::remember(error.clone());
            known.verdict = Verdict::Refused(error);
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use openssl::ssl::Ssl;

    use super::*;
    use crate::handshake::hooks::DECIDE;
    use crate::libssl::method::{self, Side};
    use crate::libssl::{Ctx, new_context};

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
        let ctx = new_context::new_for(Side::Client).unwrap();
        let view = Ctx::from(&*ctx);
        let callback = view.security_callback().unwrap();
        // In a build with a libssl of its own it lies beside ours, and cannot be told from them.
        assert_eq!(method::is_libssls_security_callback(callback), !cfg!(feature = "private-libssl"));
        assert!(!method::is_libssls_security_callback(DECIDE));
        view.set_security_level(0);
        assert!(view.set_old_suites(c"ALL:COMPLEMENTOFALL"));
        let ssl = Ssl::new(&ctx).unwrap();
        let conn = Conn::from(&*ssl);
        let suites: Vec<_> = view.suites().into_iter().map(Some).collect();
        for level in 0..=policy.security_level {
            conn.set_security_level(level);
            for operation in operations {
                let is_suite = operation & sys::SSL_SECOP_OTHER_TYPE == sys::SSL_SECOP_OTHER_CIPHER;
                let asked = if is_suite { &suites[..] } else { &[None] };
                for (suite, bits, nid) in asked
                    .iter()
                    .flat_map(|suite| (0..=256).map(move |bits| (suite, bits)))
                    .flat_map(|(suite, bits)| [0, 0x300, 0x301, 0x302, 0x303, 0x304].map(|nid| (suite, bits, nid)))
                {
                    let question = Question::about(conn, (operation, bits, nid), *suite);
                    if is_above_floor(&question, policy) {
                        permitted += 1;
                        assert!(question.ask(callback), "operation {operation:#x}, {bits} bits, {nid:#x}");
                    }
                }
            }
        }
        assert!(permitted > 1000);
    }
}
