//! Every allocation of libcrypto fails in turn, in a client's handshake with an honest server and with an impostor: nothing
//! is accepted that would not be, nothing crashes, and what is refused for it blames this process and not the peer.

#[path = "connection/c.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod c;
#[path = "connection/peer.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod peer;
mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};

use c::Ctx;
use hostlock::error::Status;
use support::pki::Recipe;

thread_local! {
    /// After how many allocations of this thread one fails.
    static FAILS_AFTER: Cell<Option<u64>> = const { Cell::new(None) };
}

fn fails() -> bool {
    FAILS_AFTER.with(|left| match left.get() {
        Some(0) => {
            left.set(Some(u64::MAX));
            true
        }
        Some(more) if more != u64::MAX => {
            left.set(Some(more - 1));
            false
        }
        _ => false,
    })
}

extern "C" fn allocate(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    // SAFETY: any size may be asked for.
    if fails() { std::ptr::null_mut() } else { unsafe { libc::malloc(size) } }
}

extern "C" fn resize(old: *mut c_void, size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    // SAFETY: libcrypto hands what `allocate` gave.
    if fails() { std::ptr::null_mut() } else { unsafe { libc::realloc(old, size) } }
}

extern "C" fn release(old: *mut c_void, _: *const c_char, _: c_int) {
    // SAFETY: libcrypto hands what `allocate` gave.
    unsafe { libc::free(old) }
}

type Allocate = extern "C" fn(usize, *const c_char, c_int) -> *mut c_void;
type Resize = extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void;
type Release = extern "C" fn(*mut c_void, *const c_char, c_int);

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(allocate: Allocate, resize: Resize, release: Release) -> c_int;
}

const HOST: &str = "localhost";

/// One handshake in which the allocation of that number fails: the outcome, and whether it came so far.
fn connect(ctx: &Ctx, port: u16, number: u64) -> (Result<(), c::Failure>, bool) {
    FAILS_AFTER.with(|left| left.set(Some(number)));
    let outcome = ctx.connect(HOST, port);
    let has_failed = FAILS_AFTER.with(|left| left.replace(None)) == Some(u64::MAX);
    let outcome = outcome.map(|conn| assert_eq!(conn.verified_host().as_deref(), Some(HOST)));
    c::queue();
    (outcome, has_failed)
}

#[test]
fn a_failed_allocation_is_this_processs_fault_and_accepts_nobody() {
    // SAFETY: nothing has been allocated yet, which the answer confirms.
    assert_eq!(unsafe { CRYPTO_set_mem_functions(allocate, resize, release) }, 1);
    let ca = Recipe::ca("Test CA").self_signed();
    let (honest, impostor) = (
        Recipe::server(HOST, &[HOST]).issued_by(&ca),
        Recipe::server("evil.example", &["evil.example"]).issued_by(&ca),
    );
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let step = if std::env::var_os("HOSTLOCK_LONG").is_some() { 1 } else { 7 };
    for (identity, is_honest) in [(&honest, true), (&impostor, false)] {
        let port = peer::greeter(identity);
        // The first one builds what later ones find.
        let _ = connect(&ctx, port, u64::MAX - 1);
        let mut told: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let (mut number, mut bad_signatures) = (0, 0);
        loop {
            let (outcome, has_failed) = connect(&ctx, port, number);
            if !has_failed {
                break;
            }
            match outcome {
                Ok(()) => assert!(is_honest, "the impostor was accepted, allocation {number}"),
                Err(failure) if failure.status == Status::ENoMemory => {
                    assert!(failure.hint.contains("here"), "{failure:?}");
                }
                Err(failure) if !is_honest && failure.status == Status::EHostMismatch => {}
                // Whether memory was lacking or the signature was wrong is not to be told from what OpenSSL says.
                Err(failure) if failure.message.ends_with(" lib)") => {
                    assert!(failure.hint.contains("here"), "{failure:?}")
                }
                Err(failure) if failure.message.ends_with("bad signature") => bad_signatures += 1,
                Err(failure) => {
                    told.entry(format!("{failure:?}")).or_insert((0, number)).0 += 1;
                }
            }
            number += step;
        }
        assert!(number > 500, "only {number} allocations failed");
        assert!(bad_signatures * 100 < number / step, "{bad_signatures} of {}", number / step);
        assert!(told.is_empty(), "the peer is blamed: {told:#?}");
    }
}
