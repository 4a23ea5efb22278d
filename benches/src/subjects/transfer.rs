//! Reading and writing application data through the C ABI.

use openssl::ssl::SslVersion;
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::pair::{self, Pair};
use crate::peers::{HOSTLOCK, RAW};
use crate::pki::Pki;
use crate::row::{Row, Unit};
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "transfer", work, rows };

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "read-16k" => reads(peer, 16 * 1024, count),
        "read-16" => reads(peer, 16, count),
        "100 B with read-ahead" => small_records(peer, 100, count),
        "1 KiB with read-ahead" => small_records(peer, 1024, count),
        "write-16k" => writes(peer, 16 * 1024, count),
        "read over a BIO pair" => calls(peer, Over::Memory, true, count),
        "write over a BIO pair" => calls(peer, Over::Memory, false, count),
        "read after hostlock_connect_fd" => calls(peer, Over::ConnectFd, true, count),
        "write after hostlock_connect_fd" => calls(peer, Over::ConnectFd, false, count),
        "read after SSL_set_fd" => calls(peer, Over::SetFd, true, count),
        "write after SSL_set_fd" => calls(peer, Over::SetFd, false, count),
        _ => return false,
    }
    true
}

/// What one call may do beyond the one of libssl's that it makes.
const INSTRUCTIONS_BEYOND: f64 = 60.0;
/// The same where our transport is put in place of the program's BIO for the call, and taken out again.
const INSTRUCTIONS_BEYOND_WITH_LOAN: f64 = 570.0;

fn rows(bench: &Bench) -> Vec<Row> {
    let both = &[(HOSTLOCK, 2000), (RAW, 2000)];
    let beyond = |what, piece, at_most| {
        let measured = bench.counted(what, ("transfer", piece), both);
        let plain = measured.peer(RAW);
        Row::new(what, Unit::Instructions, measured.hostlock - plain)
            .beside("libssl's call", plain)
            .goal(Goal::absolute(at_most))
    };
    let mut rows = vec![
        beyond("hostlock_read beyond SSL_read, BIO pair", "read over a BIO pair", INSTRUCTIONS_BEYOND),
        beyond("hostlock_write beyond SSL_write, BIO pair", "write over a BIO pair", INSTRUCTIONS_BEYOND),
        beyond("hostlock_read, hostlock_connect_fd", "read after hostlock_connect_fd", INSTRUCTIONS_BEYOND),
        beyond("hostlock_write, hostlock_connect_fd", "write after hostlock_connect_fd", INSTRUCTIONS_BEYOND),
        beyond("hostlock_read, SSL_set_fd", "read after SSL_set_fd", INSTRUCTIONS_BEYOND_WITH_LOAN),
        beyond("hostlock_write, SSL_set_fd", "write after SSL_set_fd", INSTRUCTIONS_BEYOND_WITH_LOAN),
    ];
    let at_once = &[(HOSTLOCK, 50), (RAW, 50)];
    for (what, piece) in [("read of 16 KiB", "read-16k"), ("write of 16 KiB", "write-16k")] {
        rows.push(bench.counted(what, ("transfer", piece), at_once).goal(Goal::of(RAW, 1.02)));
    }
    if bench.wants_all() {
        // What read-ahead spares are system calls, whose cost no instruction of the process shows.
        for (what, piece, goal) in [
            ("read of 50 records of 100 B with read-ahead", "100 B with read-ahead", 1.0 / 2.5),
            ("read of 50 records of 1 KiB with read-ahead", "1 KiB with read-ahead", 1.0 / 1.8),
        ] {
            let timed = bench.timed(what, ("transfer", piece), &[(HOSTLOCK, 200), (RAW, 200)]);
            rows.push(timed.goal(Goal::of(RAW, goal)));
        }
        rows.push(bench.timed("read of 16 KiB", ("transfer", "read-16k"), &[(HOSTLOCK, 5000), (RAW, 5000)]));
    }
    rows
}

/// Reads from records of 16 KiB that the server has written.
pub fn reads(peer: &str, size: usize, count: usize) {
    let pki = Pki::direct();
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

/// Writes records of 16 KiB, which the server reads.
fn writes(peer: &str, size: usize, count: usize) {
    let pki = Pki::direct();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = pair::client(peer, &pki);
    let pair = Pair::new(&client, &server, prepare);
    pair.handshake();
    let mut record = vec![7u8; size];
    let by_hostlock = peer == HOSTLOCK;
    for index in 0..=count {
        let (data, len) = (record.as_mut_ptr().cast(), record.len());
        let written = but_the_first(index, || {
            // SAFETY: the client is live, and the record has that length.
            unsafe {
                match by_hostlock {
                    true => hostlock::ffi::connection::hostlock_write(pair.client, data, len),
                    false => ffi::SSL_write(pair.client, data, len as i32) as isize,
                }
            }
        });
        assert_eq!(written, size as isize);
        // SAFETY: the server's side is live, and the record has that length.
        assert_eq!(unsafe { ffi::SSL_read(pair.server, data, len as i32) } as usize, len);
    }
}

/// Reads 50 records that lie in the socket, as an event loop does: until there is nothing more. hostlock reads ahead; raw
/// OpenSSL is as it comes.
fn small_records(peer: &str, size: usize, count: usize) {
    const RECORDS: usize = 50;
    let pki = Pki::direct();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = pair::client(peer, &pki);
    let by_hostlock = peer == HOSTLOCK;
    let pair = Pair::over_sockets(&client, &server, if by_hostlock { None } else { Some(prepare) });
    let fd = pair.client_descriptor();
    // SAFETY: the descriptor is the pair's.
    assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    if by_hostlock {
        // SAFETY: the client is live.
        assert_eq!(unsafe { hostlock::ffi::connection::hostlock_conn_set_read_ahead(pair.client, 1) }, 0);
    }
    let (mut record, mut buffer) = (vec![7u8; size], vec![0u8; 16 * 1024]);
    for index in 0..=count {
        for _ in 0..RECORDS {
            let (data, len) = (record.as_mut_ptr().cast(), record.len());
            // SAFETY: the server's side is live, and the record has that length.
            assert_eq!(unsafe { ffi::SSL_write(pair.server, data, len as i32) } as usize, len);
        }
        let read = but_the_first(index, || {
            let (data, len) = (buffer.as_mut_ptr().cast(), buffer.len());
            let mut read = 0;
            loop {
                // SAFETY: the client is live, and the buffer has that length.
                let got = unsafe {
                    match by_hostlock {
                        true => hostlock::ffi::connection::hostlock_read(pair.client, data, len),
                        false => ffi::SSL_read(pair.client, data, len as i32) as isize,
                    }
                };
                match usize::try_from(got) {
                    Ok(got @ 1..) => read += got,
                    _ => return read,
                }
            }
        });
        assert_eq!(read, RECORDS * size);
    }
}

/// How a connection of hostlock's reaches its peer.
#[derive(Clone, Copy)]
enum Over {
    /// A BIO pair.
    Memory,
    /// hostlock_connect_fd.
    ConnectFd,
    /// SSL_set_fd, in blocking mode: our transport stands in for the program's socket BIO.
    SetFd,
}

/// Reads or writes 32 bytes at a time, by hostlock's function or by libssl's, on a connection of hostlock's.
fn calls(peer: &str, over: Over, reads: bool, count: usize) {
    let pki = Pki::direct();
    let server = pki.server_context(SslVersion::TLS1_3);
    let (client, prepare) = pair::client(HOSTLOCK, &pki);
    let pair = match over {
        Over::Memory => Pair::new(&client, &server, prepare),
        Over::ConnectFd => Pair::over_sockets(&client, &server, None),
        Over::SetFd => Pair::over_sockets(&client, &server, Some(prepare)),
    };
    if let Over::Memory = over {
        pair.handshake();
    }
    let by_hostlock = peer == HOSTLOCK;
    let mut data = [7u8; 32];
    let (at, len) = (data.as_mut_ptr(), data.len());
    for index in 0..=count {
        if reads {
            // SAFETY: the server's side is live, and the data has that length.
            assert_eq!(unsafe { ffi::SSL_write(pair.server, at.cast(), len as i32) } as usize, len);
        }
        let moved = but_the_first(index, || {
            // SAFETY: the client is live, and the data has that length.
            unsafe {
                match (reads, by_hostlock) {
                    (true, true) => hostlock::ffi::connection::hostlock_read(pair.client, at.cast(), len),
                    (true, false) => ffi::SSL_read(pair.client, at.cast(), len as i32) as isize,
                    (false, true) => hostlock::ffi::connection::hostlock_write(pair.client, at.cast(), len),
                    (false, false) => ffi::SSL_write(pair.client, at.cast(), len as i32) as isize,
                }
            }
        });
        assert_eq!(moved as usize, len);
        if !reads {
            // SAFETY: as above.
            assert_eq!(unsafe { ffi::SSL_read(pair.server, at.cast(), len as i32) } as usize, len);
        }
    }
}

/// Counts a step, but the first one: the loader looks the functions up when they are called for the first time.
fn but_the_first<T>(index: usize, work: impl FnOnce() -> T) -> T {
    if index == 0 { work() } else { counted(work) }
}
