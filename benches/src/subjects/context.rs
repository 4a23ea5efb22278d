//! What a context with the system's roots costs in a process that has made one before.

use std::hint::black_box;

use foreign_types::ForeignType;
use hostlock::libssl::Ctx;
use hostlock::trust::Anchors;
use openssl::ssl::{SslContext, SslVersion};
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{bytes, instructions_of_steps};
use crate::pair::{self, Pair};
use crate::peers::{self, CONNECTOR, HOSTLOCK, Made, RAW, ROOTS_VARIABLE, RUSTLS_MOZILLA, RUSTLS_NATIVE};
use crate::pki::{Kind, Pki};
use crate::row::{Row, Unit};
use crate::step::{counted, counted_part, takes_bytes};

pub const SUBJECT: Subject = Subject { name: "context", work, rows };

const PEERS: &[(&str, usize)] = &[(HOSTLOCK, 20), (RAW, 2), (CONNECTOR, 2), (RUSTLS_NATIVE, 4), (RUSTLS_MOZILLA, 20)];

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "warm" => warm(peer, count),
        "bare" => bare(peer == "roots", count),
        "memory" => memory(peer, count),
        "and-handshake" => with_handshake(peer, count),
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
    let bundle = bench.pki.bundle(&bench.roots, Kind::Ec);
    let each = [(HOSTLOCK, 20), (RAW, 3)].map(|(peer, count)| {
        let child = bench.child("context", "and-handshake", peer, count);
        let child = child.env("SSL_CERT_FILE", &bundle).env(ROOTS_VARIABLE, &bundle);
        instructions_of_steps(&child) / count as f64
    });
    rows.push(
        Row::of_all("one new context and one handshake", Unit::Instructions, &[HOSTLOCK, RAW], &each)
            .goal(Goal::of(RAW, 1.0 / 22.0))
            .note("again and again with one server, as a program does that makes a context for each connection"),
    );
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

/// A new context with the system's roots for each connection, and the client's part of its handshake.
fn with_handshake(peer: &str, count: usize) {
    let pki = Pki::of(Kind::Ec);
    let server = pki.server_context(SslVersion::TLS1_3);
    let prepare = if peer == HOSTLOCK { pair::name_host_hostlock } else { pair::name_host_raw };
    let make = || {
        let Made::OpenSsl(context) = peers::context(peer) else { panic!("{peer} makes none of OpenSSL's") };
        context
    };
    Pair::new(&make(), &server, prepare).handshake();
    for _ in 0..count {
        let client = counted_part(make);
        let pair = Pair::new(&client, &server, prepare);
        pair.counted_handshake();
        assert!(pair.is_verified());
        drop(pair);
        counted(|| drop(client));
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

/// What the heap holds.
pub fn heap() -> u64 {
    // SAFETY: no arguments; glibc only looks.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}
