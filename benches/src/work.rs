//! The pieces of work, each done by hostlock and by its peer.

use std::hint::black_box;

use openssl::ssl::{SslContext, SslMethod, SslVersion};
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
