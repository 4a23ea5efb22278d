//! What hardening and sealing add to contexts of raw OpenSSL's, to their handshakes and to their reads.

use std::hint::black_box;
use std::ptr;

use foreign_types::ForeignType;
use openssl::ssl::{SslContext, SslVersion};
use openssl_sys as ffi;

use super::handshake::{self, Memory};
use super::{Bench, Subject, transfer};
use crate::goal::Goal;
use crate::measure::times_by_turns;
use crate::pair::{self, Pair};
use crate::peers::{HARDENED, RAW, SEALED};
use crate::pki::Pki;
use crate::row::{Row, Unit};
use crate::step::{self, counted};

pub const SUBJECT: Subject = Subject { name: "bridge", work, rows };

/// What SSL_CTX_new itself takes in 30 microseconds where it takes 145 for its 1.4 million instructions.
const INSTRUCTIONS_OF_30_US: f64 = 290_000.0;

/// What is left of hostlock's own work in a handshake.
const OWN: f64 = 1.007;

/// The same in time.
const OWN_TIME: f64 = 1.02;

const SAME: &str = "raw: the same context, not hardened, with SSL_set1_host";

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "context" => contexts(peer, count),
        "tls1.2" => handshake::handshakes(peer, SslVersion::TLS1_2, Memory::Kept, count),
        "tls1.3" => handshake::handshakes(peer, SslVersion::TLS1_3, Memory::Kept, count),
        "own-tls1.2" => handshake::handshakes(peer, SslVersion::TLS1_2, Memory::NotAsked, count),
        "own-tls1.3" => handshake::handshakes(peer, SslVersion::TLS1_3, Memory::NotAsked, count),
        "turns-tls1.2" => by_turns(SslVersion::TLS1_2, count),
        "turns-tls1.3" => by_turns(SslVersion::TLS1_3, count),
        "read-16" => transfer::reads(peer, 16, count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let added = |what, measured: &Row, at_most| {
        let plain = measured.peer(RAW);
        Row::new(what, measured.unit, measured.hostlock - plain)
            .beside("SSL_CTX_new", plain)
            .goal(Goal::absolute(at_most))
    };
    let contexts = |peer| [(peer, 50), (RAW, 50)];
    let piece = ("bridge", "context");
    let hardened = bench.counted("context", piece, &contexts(HARDENED));
    let sealed = bench.counted("context", piece, &contexts(SEALED));
    let both = &[(HARDENED, 100), (RAW, 100)];
    // A thousandth is less than what one signature of the server differs from the next.
    let many = &[(HARDENED, 400), (RAW, 400)];
    let mut rows = vec![
        added("what hostlock_harden adds to a context", &hardened, INSTRUCTIONS_OF_30_US),
        added("what the seal adds to a context", &sealed, INSTRUCTIONS_OF_30_US),
        bench
            .counted("handshake TLS 1.2 on a hardened context", ("bridge", "tls1.2"), both)
            .goal(Goal::of(RAW, 1.005))
            .note(SAME),
        bench
            .counted("handshake TLS 1.3 on a hardened context", ("bridge", "tls1.3"), both)
            .goal(Goal::of(RAW, 1.005))
            .note(SAME),
        bench
            .counted("TLS 1.2, the memory of signatures not asked", ("bridge", "own-tls1.2"), many)
            .goal(Goal::of(RAW, OWN)),
        bench
            .counted("TLS 1.3, the memory of signatures not asked", ("bridge", "own-tls1.3"), many)
            .goal(Goal::of(RAW, OWN)),
        bench
            .counted(
                "SSL_read of 16 bytes on a hardened context",
                ("bridge", "read-16"),
                &[(HARDENED, 2000), (RAW, 2000)],
            )
            // Nothing; but what memory libssl gets, and so how libc copies to it, differs by some instructions in all reads.
            .goal(Goal::of(RAW, 1.0001)),
    ];
    if bench.wants_all() {
        for (what, piece) in [
            ("by turns: TLS 1.2, the memory not asked", "turns-tls1.2"),
            ("by turns: TLS 1.3, the memory not asked", "turns-tls1.3"),
        ] {
            let took = times_by_turns(&bench.child("bridge", piece, HARDENED, 2000));
            rows.push(
                Row::of_all(what, Unit::Microseconds, &[HARDENED, RAW], &took).goal(Goal::of(RAW, OWN_TIME)).note(SAME),
            );
        }
        let contexts = |peer| [(peer, 300), (RAW, 300)];
        let hardened = bench.timed("context", piece, &contexts(HARDENED));
        let sealed = bench.timed("context", piece, &contexts(SEALED));
        rows.push(added("what hostlock_harden adds to a context", &hardened, 30.0));
        rows.push(added("what the seal adds to a context", &sealed, 30.0));
    }
    rows
}

/// Handshakes on a hardened context and on one of raw OpenSSL's, by turns.
fn by_turns(version: SslVersion, count: usize) {
    let pki = Pki::direct();
    let server = pki.server_context(version);
    let clients = [HARDENED, RAW].map(|peer| {
        let (client, prepare) = pair::client(peer, &pki);
        pair::set_moment(peer, &client);
        Pair::new(&client, &server, prepare).handshake();
        (client, prepare)
    });
    step::by_turns(count, |which| {
        let (client, prepare) = &clients[which];
        Pair::new(client, &server, prepare).counted_handshake()
    });
}

/// Makes and frees contexts for clients.
fn contexts(peer: &str, count: usize) {
    if peer == SEALED {
        // SAFETY: NULL is the newest policy.
        assert_eq!(unsafe { hostlock::ffi::seal::hostlock_seal_process(ptr::null()) }, 0);
    }
    let make = || {
        // SAFETY: no arguments; gives a static method, from which a context is made.
        let context = unsafe { ffi::SSL_CTX_new(ffi::TLS_client_method()) };
        if peer == HARDENED {
            pair::harden(context);
        }
        // SAFETY: the one reference is given up.
        drop(black_box(unsafe { SslContext::from_ptr(context) }));
    };
    make();
    for _ in 0..count {
        counted(make);
    }
}
