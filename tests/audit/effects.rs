//! What an audit must not do: change the context, run the program's functions, touch the error queue, or take what is no
//! context of ours for one.

use hostlock::audit;
use hostlock::error::{Error, Status};
use hostlock::libssl::ours;
use hostlock::libssl::queue;
use hostlock::libssl::sys;
use openssl::error::ErrorStack;
use openssl_sys as ffi;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::plain::Plain;

static CALLS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn counted_info(_: *const ffi::SSL, _: c_int, _: c_int) {
    CALLS.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn counted_security(
    _: *const ffi::SSL,
    _: *const ffi::SSL_CTX,
    _: c_int,
    _: c_int,
    _: c_int,
    _: *mut c_void,
    _: *mut c_void,
) -> c_int {
    CALLS.fetch_add(1, Ordering::SeqCst);
    1
}

/// The octets of a context that every OpenSSL has.
fn image(plain: &Plain) -> Vec<u64> {
    // SAFETY: an SSL_CTX is larger than 512 octets, live, and not used by anyone else.
    (0..64).map(|index| unsafe { ptr::read_volatile((plain.0 as *const u64).add(index)) }).collect()
}

#[test]
fn an_audit_leaves_the_context_as_it_was_and_runs_nothing_of_the_program() {
    let plain = Plain::client();
    // SAFETY: the context is live.
    unsafe {
        sys::SSL_CTX_set_info_callback(plain.0, Some(counted_info));
        sys::SSL_CTX_set_security_callback(plain.0, Some(counted_security));
    }
    // What is found out once per process is found out before.
    plain.audit();
    let before = image(&plain);
    CALLS.store(0, Ordering::SeqCst);
    plain.audit();
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
    assert_eq!(image(&plain), before);
    plain.probe();
    assert!(CALLS.load(Ordering::SeqCst) > 0, "the probe makes a hello as any connection does");
}

#[test]
fn the_error_queue_stays_as_it_was() {
    let plain = Plain::client();
    let entries = || {
        let stack = ErrorStack::get();
        stack.errors().iter().map(|entry| (entry.code(), entry.data().map(str::to_owned))).collect::<Vec<_>>()
    };
    for audit in [Plain::audit, Plain::probe] {
        assert_eq!(entries(), []);
        audit(&plain);
        assert_eq!(entries(), []);
        queue::raise(&Error::new(Status::EIo, "the program's own"));
        audit(&plain);
        let left = entries();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].1.as_deref(), Some("the program's own"));
    }
}

#[test]
fn what_is_no_context_of_this_libssl_is_refused() {
    let nonsense = [0usize; 64];
    // SAFETY: NULL is allowed; the other is as large as what is looked at before it is refused.
    let refusals = unsafe {
        [
            ours::ctx(ptr::null()).and_then(audit::context),
            ours::ctx(ptr::null_mut()).and_then(audit::with_probe),
            ours::conn(ptr::null()).and_then(audit::connection),
            ours::ctx(nonsense.as_ptr().cast()).and_then(audit::context),
            ours::ctx(nonsense.as_ptr().cast_mut().cast()).and_then(audit::with_probe),
            ours::conn(nonsense.as_ptr().cast()).and_then(audit::connection),
        ]
    };
    let statuses: Vec<Status> = refusals.into_iter().map(|refusal| refusal.unwrap_err().status()).collect();
    assert_eq!(statuses[..3], [Status::EArg; 3]);
    assert_eq!(statuses[3..], [Status::EForeignLibssl; 3]);
}
