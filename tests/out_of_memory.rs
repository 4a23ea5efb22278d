//! Every allocation of libcrypto fails in turn, in a client's handshake with an honest server and with an impostor, and in a
//! server's: nothing is accepted that would not be, nothing crashes, and what is refused for it blames this process and not
//! the peer.

#[path = "connection/c.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod c;
#[path = "connection/peer.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod peer;
#[path = "refusals/served.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod served;
mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use c::Ctx;
use foreign_types::ForeignType;
use hostlock::error::Status;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream};
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
    fn SSL_set_fd(ssl: *mut openssl_sys::SSL, fd: c_int) -> c_int;
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

/// A server's handshake in which the allocation of that number fails.
fn accept(ctx: &Ctx, client: &SslContext, number: u64) -> (Result<(), c::Failure>, bool) {
    let (near, far) = UnixStream::pair().unwrap();
    let ssl = Ssl::new(client).unwrap();
    let visitor = std::thread::spawn(move || {
        let mut stream = SslStream::new(ssl, far).unwrap();
        if stream.connect().is_ok() {
            let _ = stream.ssl_read(&mut [0]);
        }
    });
    let conn = c::Conn(c::raw_ssl(ctx).into_raw());
    // SAFETY: the connection is live, and the descriptor longer.
    assert_eq!(unsafe { SSL_set_fd(conn.0, near.as_raw_fd()) }, 1);
    FAILS_AFTER.with(|left| left.set(Some(number)));
    let answer = conn.handshake();
    let has_failed = FAILS_AFTER.with(|left| left.replace(None)) == Some(u64::MAX);
    let outcome = if answer == 0 { Ok(()) } else { Err(c::Failure::last(answer)) };
    drop((conn, near));
    visitor.join().unwrap();
    c::queue();
    (outcome, has_failed)
}

trait IntoRaw {
    fn into_raw(self) -> *mut openssl_sys::SSL;
}

impl IntoRaw for Ssl {
    fn into_raw(self) -> *mut openssl_sys::SSL {
        let raw = self.as_ptr();
        std::mem::forget(self);
        raw
    }
}

/// Lets each allocation fail in turn, or every few; `is_right` says of an outcome without such an effect whether it is right.
fn fail_each(
    what: &str,
    mut attempt: impl FnMut(u64) -> (Result<(), c::Failure>, bool),
    is_right: impl Fn(&Result<(), Status>) -> bool,
) {
    let step = if std::env::var_os("HOSTLOCK_LONG").is_some() { 1 } else { 7 };
    // The first one builds what later ones find.
    let _ = attempt(u64::MAX - 1);
    let (mut number, mut tries, mut ambiguous) = (0, 0, 0);
    let mut told: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    loop {
        let (outcome, has_failed) = attempt(number);
        if !has_failed {
            break;
        }
        tries += 1;
        match outcome {
            Err(failure) if failure.status == Status::ENoMemory => {
                assert!(failure.hint.contains("here"), "{failure:?}");
            }
            // OpenSSL says no more than that a library failed, or less, and so do we.
            Err(failure) if [": no reason given", " lib"].iter().any(|words| failure.message.ends_with(words)) => {
                assert_eq!(failure.status, Status::EInternal)
            }
            Err(failure) if failure.message.ends_with(" lib)") => assert!(failure.hint.contains("here"), "{failure:?}"),
            // Nor whether there was no memory to check a signature or no signature to be had.
            Err(failure) if AMBIGUOUS.iter().any(|words| failure.message.contains(words)) => ambiguous += 1,
            Ok(()) => assert!(is_right(&Ok(())), "{what}: accepted, allocation {number}"),
            Err(failure) if is_right(&Err(failure.status)) => {}
            Err(failure) => told.entry(format!("{failure:?}")).or_insert((0, number)).0 += 1,
        }
        number += step;
    }
    assert!(number > 500, "{what}: only {number} allocations failed");
    // OpenSSL 4.0 has more of them.
    let rare = if cfg!(ossl400) { 25 } else { 50 };
    assert!(ambiguous * rare < tries, "{what}: {ambiguous} of {tries}");
    assert!(told.is_empty(), "{what}: the peer is blamed: {told:#?}");
}

const AMBIGUOUS: &[&str] = &[
    "bad signature",
    "takes no signature algorithm that fits this server's certificate",
    // Our callback stands before the program's, and libssl does not say which it was.
    "the program's own client hello or servername callback",
    // OpenSSL 4.0 sends a hello that lacks what it had no memory for.
    #[cfg(ossl400)]
    "sent the alert illegal_parameter",
    // Since 3.2 it goes on with an SSL that was not set up whole.
    "the handshake of this connection has begun",
];

#[test]
fn a_failed_allocation_is_this_processs_fault_and_accepts_nobody() {
    // SAFETY: nothing has been allocated yet, which the answer confirms.
    assert_eq!(unsafe { CRYPTO_set_mem_functions(allocate, resize, release) }, 1);
    let ca = Recipe::ca("Test CA").self_signed();
    let honest = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let impostor = Recipe::server("evil.example", &["evil.example"]).issued_by(&ca);
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let port = peer::greeter(&honest);
    fail_each("an honest server", |number| connect(&ctx, port, number), |outcome| outcome.is_ok());
    let port = peer::greeter(&impostor);
    let is_mismatch = |outcome: &Result<(), Status>| *outcome == Err(Status::EHostMismatch);
    fail_each("an impostor", |number| connect(&ctx, port, number), is_mismatch);
    let server = served::server(Some(&honest), None);
    let client = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    fail_each("a client", |number| accept(&server, &client, number), |outcome| outcome.is_ok());
}
