//! Contexts that hostlock made: clean as they are, and honest about what the program gave up or undid.
#![allow(deprecated, reason = "these functions warn whoever calls them")]

use hostlock::audit;
use hostlock::audit::report::{Report, Severity};
use hostlock::ffi::context::{hostlock_client_new, hostlock_server_new};
use hostlock::ffi::host::hostlock_ctx_set_host;
use hostlock::ffi::insecure::*;
use hostlock::ffi::verify::hostlock_ctx_set_verify_time;
use hostlock::harden::intact;
use hostlock::libssl::ours;
use hostlock::libssl::sys;
use openssl_sys as ffi;
use std::ffi::c_char;
use std::ptr;

use crate::plain::{Plain, SSL_CTX_set_security_level, ids};
use crate::support::hello;

fn client(policy: *const c_char) -> Plain {
    // SAFETY: the policy is NULL or NUL-terminated.
    let ctx = unsafe { hostlock_client_new(policy) };
    assert!(!ctx.is_null());
    Plain(ctx)
}

fn found(report: &Report) -> Vec<&'static str> {
    ids(report).into_iter().collect()
}

#[test]
fn nothing_is_found_on_a_context_that_nobody_weakened() {
    for policy in [c"default", c"2026-11", c"2026-11-webpki"] {
        let client = client(policy.as_ptr());
        assert_eq!(found(&client.audit()), [""; 0], "{}", client.audit().to_text());
        assert_eq!(found(&client.probe()), [""; 0], "{}", client.probe().to_text());
        // SAFETY: the policy is NUL-terminated.
        let server = Plain(unsafe { hostlock_server_new(policy.as_ptr()) });
        assert_eq!(found(&server.audit()), [""; 0], "{}", server.audit().to_text());
        assert_eq!(server.probe().worst(), Some(Severity::Info));
    }
}

#[test]
fn a_context_is_compared_with_the_policy_that_it_keeps() {
    let text = client(c"2026-11-webpki".as_ptr()).audit().to_text();
    assert_eq!(text, "a client's SSL_CTX of hostlock, compared with the policy 2026-11-webpki: nothing found\n");
}

#[test]
fn every_waiver_is_told_with_its_reason() {
    type Waive = unsafe extern "C" fn(*mut ffi::SSL_CTX, *const c_char) -> i32;
    let all: [(Waive, &str); 4] = [
        (hostlock_insecure_no_verify, "waiver-no-verify"),
        (hostlock_insecure_no_hostname, "waiver-no-hostname"),
        (hostlock_insecure_no_time, "waiver-no-time"),
        (hostlock_insecure_any_purpose, "waiver-any-purpose"),
    ];
    for (waive, id) in all {
        let client = client(ptr::null());
        // SAFETY: the context is live.
        assert_eq!(unsafe { waive(client.0, c"a lab without names".as_ptr()) }, 0);
        let report = client.audit();
        assert_eq!(found(&report), [id]);
        assert!(report.findings()[0].detail.contains("a lab without names"), "{}", report.to_text());
    }
}

#[test]
fn what_a_policy_permits_by_name_and_a_fixed_time_are_told() {
    assert_eq!(found(&client(c"default+cn-fallback".as_ptr()).audit()), ["cn-fallback-allowed"]);
    let at_a_time = client(ptr::null());
    // SAFETY: the context is live.
    assert_eq!(unsafe { hostlock_ctx_set_verify_time(at_a_time.0, 1_000_000_000) }, 0);
    let report = at_a_time.audit();
    assert_eq!(found(&report), ["verify-time-set"]);
    assert!(report.findings()[0].detail.contains("2001-09-09T01:46:40Z"));
}

#[test]
fn a_poisoned_context_says_so() {
    let client = client(ptr::null());
    // SAFETY: the context is live.
    assert_ne!(unsafe { hostlock_ctx_set_host(client.0, c"http://bad/".as_ptr()) }, 0);
    let report = client.audit();
    assert_eq!(found(&report), ["poisoned"]);
    assert!(report.findings()[0].detail.contains("hostlock_ctx_set_host"), "{}", report.to_text());
}

#[test]
fn what_the_program_undid_in_vain_is_told_as_such() {
    let client = client(ptr::null());
    // SAFETY: the context is live.
    unsafe {
        ffi::SSL_CTX_set_verify(client.0, ffi::SSL_VERIFY_NONE, None);
        ffi::SSL_CTX_set_cipher_list(client.0, c"ALL:COMPLEMENTOFALL:@SECLEVEL=0".as_ptr());
        ffi::SSL_CTX_clear_options(client.0, ffi::SSL_OP_NO_TLSv1 | ffi::SSL_OP_NO_TLSv1_1);
        client.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, ffi::TLS1_VERSION);
    }
    let report = client.audit();
    assert_eq!(found(&report), ["enforced-anyway"], "{}", report.to_text());
    for id in ["verification-off", "anonymous-ciphers", "old-versions", "security-level-zero"] {
        assert!(report.findings()[0].items.iter().any(|item| item == id), "{id}: {}", report.to_text());
    }
    // SAFETY: one more owner is made for the value.
    let context = unsafe {
        ffi::SSL_CTX_up_ref(client.0);
        foreign_types::ForeignType::from_ptr(client.0)
    };
    let hello = hello::of(&context);
    assert!(hello.versions.iter().all(|version| *version >= 0x0303), "it is true: {hello:?}");
}

#[test]
fn what_was_undone_and_displaced_is_told_by_the_check_for_that() {
    let client = client(ptr::null());
    // SAFETY: the context is live, here and below.
    unsafe {
        SSL_CTX_set_security_level(client.0, 0);
        sys::SSL_CTX_set_info_callback(client.0, None);
    }
    // SAFETY: as above.
    let report = unsafe { ours::ctx(client.0).and_then(intact::check) }.unwrap();
    assert_eq!(found(&report), ["callback-displaced", "undone"], "{}", report.to_text());
}

#[test]
fn a_context_without_its_hooks_is_judged_as_a_plain_one() {
    let client = client(ptr::null());
    // SAFETY: the context is live.
    unsafe {
        sys::SSL_CTX_set_cert_verify_callback(client.0, None, ptr::null_mut());
        ffi::SSL_CTX_set_verify(client.0, ffi::SSL_VERIFY_NONE, None);
    }
    let report = client.audit();
    assert!(report.has("hooks-removed") && report.has("verification-off"), "{}", report.to_text());
    assert_eq!(report.worst(), Some(Severity::Critical));
    // SAFETY: NULL is allowed.
    assert!(unsafe { ours::ctx(ptr::null()).and_then(audit::context) }.is_err());
}
