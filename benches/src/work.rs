//! The pieces of work, each done by hostlock and by its peer.

use std::hint::black_box;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509StoreContext};
use openssl_sys as ffi;

use crate::pair::{self, Pair, Pki};

/// Does one piece of work `count` times.
pub fn run(name: &str, peer: &str, count: usize) {
    let hostlock = match peer {
        "hostlock" => true,
        "raw" => false,
        _ => panic!("the peers are hostlock and raw"),
    };
    match name {
        "nothing" => {}
        "context" => (0..count).for_each(|_| context_step(hostlock)),
        "handshake-1.2" => handshakes(hostlock, SslVersion::TLS1_2, count),
        "handshake-1.3" => handshakes(hostlock, SslVersion::TLS1_3, count),
        "verify-chain" => verifications(hostlock, count),
        "bulk-16k" => reads(hostlock, 16 * 1024, count),
        "read-16" => reads(hostlock, 16, count),
        _ => panic!("there is no work named {name}"),
    }
}

/// A context that a program could go on with: for raw OpenSSL that includes loading the roots, for hostlock the first
/// verification does that.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn context_step(hostlock: bool) {
    if hostlock {
        let policy = hostlock::policy::Policy::named("default").unwrap();
        black_box(hostlock::context::Context::client(policy).unwrap());
        return;
    }
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(openssl::ssl::SslVerifyMode::PEER);
    builder.set_default_verify_paths().unwrap();
    black_box(builder.build());
}

fn contexts(hostlock: bool, pki: &Pki) -> (SslContext, fn(*mut ffi::SSL)) {
    if hostlock {
        (pair::hostlock_context(&pki.ca), pair::name_host_hostlock)
    } else {
        (pair::careful_raw_context(&pki.ca), pair::name_host_raw)
    }
}

fn handshakes(hostlock: bool, version: SslVersion, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(version);
    let (client, prepare) = contexts(hostlock, &pki);
    for _ in 0..count {
        Pair::new(&client, &server, prepare).handshake();
    }
}

/// Judges a chain of two certificates from its PEM, parsing included: raw OpenSSL with purpose, level and host set.
fn verifications(hostlock: bool, count: usize) {
    let pki = Pki::new();
    let pem = [pki.server.to_pem().unwrap(), pki.ca.to_pem().unwrap()].concat();
    let client = if hostlock { pair::hostlock_context(&pki.ca) } else { pair::careful_raw_context(&pki.ca) };
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(pki.ca.clone()).unwrap();
    let store = store.build();
    for _ in 0..count {
        verify_step(hostlock, &client, &store, &pem);
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn verify_step(hostlock: bool, client: &SslContext, store: &X509Store, pem: &[u8]) {
    if hostlock {
        // SAFETY: the context is live; bytes and host outlive the call.
        let status = unsafe {
            hostlock::ffi::verify::hostlock_ctx_verify_chain(
                client.as_ptr(),
                pem.as_ptr(),
                pem.len(),
                pair::HOST.as_ptr(),
            )
        };
        assert_eq!(status, 0);
        return;
    }
    let mut certificates = X509::stack_from_pem(pem).unwrap().into_iter();
    let leaf = certificates.next().unwrap();
    let mut untrusted = Stack::new().unwrap();
    certificates.for_each(|certificate| untrusted.push(certificate).unwrap());
    let mut context = X509StoreContext::new().unwrap();
    let good = context.init(store, &leaf, &untrusted, |context| {
        // SAFETY: the context is live, and its parameters with it.
        unsafe {
            let param = X509_STORE_CTX_get0_param(context.as_ptr());
            ffi::X509_VERIFY_PARAM_set_purpose(param, ffi::X509_PURPOSE_SSL_SERVER);
            ffi::X509_VERIFY_PARAM_set_auth_level(param, 2);
            ffi::X509_VERIFY_PARAM_set1_host(param, pair::HOST.as_ptr(), pair::HOST.count_bytes());
        }
        context.verify_cert()
    });
    assert!(good.unwrap());
}

unsafe extern "C" {
    fn X509_STORE_CTX_get0_param(ctx: *mut ffi::X509_STORE_CTX) -> *mut ffi::X509_VERIFY_PARAM;
}

/// Reads through the ABI, from records of 16 KiB that the server has written.
fn reads(hostlock: bool, size: usize, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = contexts(hostlock, &pki);
    let pair = Pair::new(&client, &server, prepare);
    pair.handshake();
    let record = vec![7u8; 16 * 1024];
    let mut buffer = vec![0u8; size];
    let per_record = record.len() / size;
    for index in 0..count {
        if index % per_record == 0 {
            // SAFETY: the server's side is live; the buffer outlives the call.
            let sent = unsafe { ffi::SSL_write(pair.server, record.as_ptr().cast(), record.len() as i32) };
            assert_eq!(sent as usize, record.len());
        }
        assert_eq!(read_step(hostlock, pair.client, &mut buffer), size as isize);
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn read_step(hostlock: bool, client: *mut ffi::SSL, buffer: &mut [u8]) -> isize {
    // SAFETY: the client is live; the buffer outlives the call.
    unsafe {
        if hostlock {
            hostlock::ffi::connection::hostlock_read(client, buffer.as_mut_ptr().cast(), buffer.len())
        } else {
            ffi::SSL_read(client, buffer.as_mut_ptr().cast(), buffer.len() as i32) as isize
        }
    }
}
