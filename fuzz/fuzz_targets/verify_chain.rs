//! Any bytes as a chain, under both policies: a verdict, never a panic. The bytes are judged twice: against a fixed CA,
//! which reaches the reading of bundles and the search for a path; and, where they hold a certificate, with that
//! certificate as its own trust anchor, which reaches the rules behind OpenSSL's signature check.
#![no_main]

use std::sync::OnceLock;

use hostlock::ffi::context::hostlock_ctx_free;
use hostlock::ffi::errors::{hostlock_error_message, hostlock_last_error};
use hostlock::ffi::hostlock_ctx;
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use hostlock::ffi::verify::{hostlock_ctx_set_verify_time, hostlock_ctx_verify_chain};
use libfuzzer_sys::fuzz_target;

const CA: &[u8] = include_bytes!("../seeds/ca.der");
const LEAF: &[u8] = include_bytes!("../seeds/leaf.der");
/// Within the validity of the seeds.
const MOMENT: i64 = 1_800_000_000;

/// A context of a policy that trusts what is given, if that is something to trust.
fn context(policy: &std::ffi::CStr, anchors: &[u8]) -> Option<*mut hostlock_ctx> {
    // SAFETY: the arguments are live; the context is freed by whoever gets it.
    unsafe {
        let ctx = hostlock::ffi::context::hostlock_client_new(policy.as_ptr());
        assert!(!ctx.is_null());
        assert_eq!(hostlock_ctx_set_verify_time(ctx, MOMENT), 0);
        if hostlock_ctx_trust_mem(ctx, anchors.as_ptr(), anchors.len()) == 0 {
            return Some(ctx);
        }
        hostlock_ctx_free(ctx);
        None
    }
}

struct Fixed(Vec<*mut hostlock_ctx>);
// SAFETY: contexts may be shared by threads once they are set up.
unsafe impl Send for Fixed {}
// SAFETY: as above.
unsafe impl Sync for Fixed {}

const POLICIES: [&std::ffi::CStr; 2] = [c"2026-11", c"2026-11-webpki"];

fn judge(ctx: *mut hostlock_ctx, chain: &[u8]) -> i32 {
    // SAFETY: the context is live; the bytes and the host outlive the call.
    let status = unsafe { hostlock_ctx_verify_chain(ctx, chain.as_ptr(), chain.len(), c"www.example.com".as_ptr()) };
    if status != 0 {
        // SAFETY: the error was set just now, in this thread.
        let message = unsafe { std::ffi::CStr::from_ptr(hostlock_error_message(hostlock_last_error())) };
        let text = message.to_str().unwrap();
        assert!(!text.is_empty() && !text.contains(['\n', '\u{1b}']), "{text:?}");
    }
    status
}

fuzz_target!(|bytes: &[u8]| {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    let fixed = FIXED.get_or_init(|| {
        let made = Fixed(POLICIES.iter().map(|policy| context(policy, CA).unwrap()).collect());
        assert_eq!(judge(made.0[0], LEAF), 0, "the seed itself is good");
        made
    });
    for ctx in &fixed.0 {
        judge(*ctx, bytes);
    }
    for policy in POLICIES {
        if let Some(ctx) = context(policy, bytes) {
            judge(ctx, bytes);
            // SAFETY: made by `context`, freed once.
            unsafe { hostlock_ctx_free(ctx) };
        }
    }
});
