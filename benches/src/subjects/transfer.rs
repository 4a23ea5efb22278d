//! Reading and writing application data through the C ABI.

use openssl::ssl::SslVersion;
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::pair::{self, Pair, Pki};
use crate::peers::{HOSTLOCK, RAW};
use crate::row::{Row, Unit};
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "transfer", work, rows };

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "read-16k" => reads(peer, 16 * 1024, count),
        "read-16" => reads(peer, 16, count),
        "write-16" => writes(peer, count),
        _ => return false,
    }
    true
}

/// What one call may do beyond the one of libssl's that it makes.
const INSTRUCTIONS_BEYOND: f64 = 60.0;

fn rows(bench: &Bench) -> Vec<Row> {
    let both = &[(HOSTLOCK, 2000), (RAW, 2000)];
    let beyond = |what, piece| {
        let measured = bench.counted(what, ("transfer", piece), both);
        let plain = measured.peer(RAW);
        Row::new(what, Unit::Instructions, measured.hostlock - plain)
            .beside("libssl's call", plain)
            .goal(Goal::absolute(INSTRUCTIONS_BEYOND))
    };
    let mut rows = vec![
        beyond("hostlock_read of 16 bytes, beyond SSL_read", "read-16"),
        beyond("hostlock_write of 16 bytes, beyond SSL_write", "write-16"),
    ];
    if bench.wants_all() {
        rows.push(bench.counted("read of 16 KiB", ("transfer", "read-16k"), &[(HOSTLOCK, 50), (RAW, 50)]));
        rows.push(bench.timed("read of 16 KiB", ("transfer", "read-16k"), &[(HOSTLOCK, 5000), (RAW, 5000)]));
    }
    rows
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
    for index in 0..=count {
        if index % per_record == 0 {
            // SAFETY: the server's side is live; the buffer outlives the call.
            let sent = unsafe { ffi::SSL_write(pair.server, record.as_ptr().cast(), record.len() as i32) };
            assert_eq!(sent as usize, record.len());
        }
        let read = but_the_first(index, || {
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

/// Writes records of 16 bytes that the server reads.
fn writes(peer: &str, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = pair::client(peer, &pki);
    let pair = Pair::new(&client, &server, prepare);
    pair.handshake();
    let mut record = [7u8; 16];
    let by_hostlock = peer == HOSTLOCK;
    for index in 0..=count {
        let written = but_the_first(index, || {
            let (data, len) = (record.as_ptr().cast(), record.len());
            // SAFETY: the client is live, and the data has that length.
            unsafe {
                match by_hostlock {
                    true => hostlock::ffi::connection::hostlock_write(pair.client, data, len),
                    false => ffi::SSL_write(pair.client, data, len as i32) as isize,
                }
            }
        });
        assert_eq!(written, record.len() as isize);
        // SAFETY: the server's side is live, and the room has that length.
        let read = unsafe { ffi::SSL_read(pair.server, record.as_mut_ptr().cast(), record.len() as i32) };
        assert_eq!(read as usize, record.len());
    }
}

/// Counts a step, but the first one: the loader looks the functions up when they are called for the first time.
fn but_the_first<T>(index: usize, work: impl FnOnce() -> T) -> T {
    if index == 0 { work() } else { counted(work) }
}
