//! Reading application data through the C ABI.

use openssl::ssl::SslVersion;
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::pair::{self, Pair, Pki};
use crate::peers::{HOSTLOCK, RAW};
use crate::row::Row;
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "transfer", work, rows };

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "read-16k" => reads(peer, 16 * 1024, count),
        "read-16" => reads(peer, 16, count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    if !bench.wants_all() {
        return Vec::new();
    }
    vec![
        bench.counted("read of 16 KiB", ("transfer", "read-16k"), &[(HOSTLOCK, 50), (RAW, 50)]),
        bench.counted("read of 16 bytes", ("transfer", "read-16"), &[(HOSTLOCK, 2000), (RAW, 2000)]),
        bench.timed("read of 16 KiB", ("transfer", "read-16k"), &[(HOSTLOCK, 5000), (RAW, 5000)]),
    ]
}

/// Reads from records of 16 KiB that the server has written.
pub fn reads(peer: &str, size: usize, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = pair::client(peer, &pki);
    let pair = Pair::new(&client, &server, prepare);
    pair.handshake();
    let record = vec![7u8; 16 * 1024];
    let mut buffer = vec![0u8; size];
    let per_record = record.len() / size;
    // A comparison of names would count too.
    let by_hostlock = peer == HOSTLOCK;
    for index in 0..count {
        if index % per_record == 0 {
            // SAFETY: the server's side is live; the buffer outlives the call.
            let sent = unsafe { ffi::SSL_write(pair.server, record.as_ptr().cast(), record.len() as i32) };
            assert_eq!(sent as usize, record.len());
        }
        let read = counted(|| {
            let (buffer, len) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: the client is live, and the buffer has that length.
            unsafe {
                match by_hostlock {
                    true => hostlock::ffi::connection::hostlock_read(pair.client, buffer, len),
                    // Legacy code goes on with its own calls.
                    false => ffi::SSL_read(pair.client, buffer, len as i32) as isize,
                }
            }
        });
        assert_eq!(read, size as isize);
    }
}
