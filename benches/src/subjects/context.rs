//! What a context with the system's roots costs in a process that has made one before.

use std::hint::black_box;

use foreign_types::ForeignType;
use hostlock::libssl::Ctx;
use hostlock::trust::Anchors;
use openssl::ssl::SslContext;
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{bytes, instructions_of_steps};
use crate::peers::{self, CONNECTOR, HOSTLOCK, Made, RAW, RUSTLS_MOZILLA, RUSTLS_NATIVE};
use crate::row::{Row, Unit};
use crate::step::{counted, takes_bytes};

pub const SUBJECT: Subject = Subject { name: "context", work, rows };

const PEERS: &[(&str, usize)] = &[(HOSTLOCK, 20), (RAW, 2), (CONNECTOR, 2), (RUSTLS_NATIVE, 4), (RUSTLS_MOZILLA, 20)];

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "warm" => warm(peer, count),
        "bare" => bare(peer == "roots", count),
        "memory" => memory(peer, count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let warm = bench.counted("warm context with the system's roots", ("context", "warm"), PEERS);
    let bare = |peer| instructions_of_steps(&bench.child("context", "bare", peer, 20)) / 20.0;
    let without = warm.hostlock - (bare("roots") - bare("none"));
    let added = Row::new("what the roots add to a warm context", Unit::Instructions, warm.hostlock)
        .beside("the same without roots", without)
        .goal(Goal::of("the same without roots", 1.005));
    let mut rows = vec![warm.goal(Goal::of(RAW, 1.0 / 160.0)), added];
    if bench.wants_all() {
        let timed = bench.timed("warm context with the system's roots", ("context", "warm"), PEERS);
        rows.push(timed.goal(Goal::of(RAW, 1.0 / 150.0)));
    }
    let memory = |peer, count| bytes(&bench.child("context", "memory", peer, count));
    let kept = Row::new("memory of a context", Unit::Bytes, memory(HOSTLOCK, 200)).beside(RAW, memory(RAW, 4));
    rows.push(kept.goal(Goal::absolute(16.0 * 1024.0)));
    rows
}

fn warm(peer: &str, count: usize) {
    drop(peers::context(peer));
    for _ in 0..count {
        counted(|| drop(black_box(peers::context(peer))));
    }
}

/// A context of OpenSSL's, with nothing of hostlock's but the anchors and their hooks, where there are to be any.
fn bare(with_roots: bool, count: usize) {
    drop(peers::context(HOSTLOCK));
    for _ in 0..count {
        counted(|| {
            // SAFETY: no arguments; gives a static method, from which a context is made.
            let context = unsafe { ffi::SSL_CTX_new(ffi::TLS_client_method()) };
            if with_roots {
                // SAFETY: the context is new and live.
                drop(black_box(unsafe { Anchors::of_new_context(Ctx::live(context), true) }.unwrap()));
            }
            // SAFETY: the one reference is given up.
            drop(unsafe { SslContext::from_ptr(context) });
        });
    }
}

/// What the heap holds more for each of `count` contexts that live together.
fn memory(peer: &str, count: usize) {
    drop(peers::context(peer));
    let mut kept: Vec<Made> = Vec::with_capacity(count);
    let before = heap();
    kept.extend((0..count).map(|_| peers::context(peer)));
    takes_bytes((heap() - before) / count as u64);
    drop(kept);
}

fn heap() -> u64 {
    // SAFETY: no arguments; glibc only looks.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}
