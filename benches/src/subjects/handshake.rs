//! The client's part of a handshake, and what the index of roots adds to the first one.

use std::ffi::c_long;
use std::sync::Arc;

use foreign_types::ForeignType;
use hostlock::trust::Index;
use hostlock::trust::named::Origin;
use openssl::ssl::{SslContext, SslVersion};
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::instructions_of_steps;
use crate::pair::{self, Pair};
use crate::peers::{HOSTLOCK, RAW, ROOTS_VARIABLE, RUSTLS};
use crate::pki::{Kind, Pki};
use crate::row::{Row, Unit};
use crate::rustls_pair::{self, RustlsPair};
use crate::step::{counted, counted_part};

pub const SUBJECT: Subject = Subject { name: "handshake", work, rows };

const EAGER: &str = "store filled at once";
const FIRST: usize = 10;

/// A server that this process has not met costs what it did, and the digests of its certificates.
const NEW_SERVER: f64 = 1.015;

/// What "resumed" is measured against.
const RAW_FULL: &str = "raw, full";

/// A chain, and what repeated handshakes with it must reach.
struct Repeated {
    what: &'static str,
    piece: &'static str,
    goals: &'static [Goal],
}

const REPEATED: [Repeated; 4] = [
    Repeated {
        what: "handshake TLS 1.3 with a server met before, EC chain",
        piece: "ec-tls1.3",
        goals: &[Goal::of(RAW, 0.82)],
    },
    Repeated {
        what: "handshake TLS 1.3 with a server met before, web chain",
        piece: "web-tls1.3",
        goals: &[Goal::of(RAW, 0.42), Goal::of(RUSTLS, 0.5)],
    },
    Repeated {
        what: "handshake TLS 1.3 with a server met before, RSA, root of 4096 bits",
        piece: "largersa-tls1.3",
        goals: &[Goal::of(RAW, 0.84)],
    },
    Repeated {
        what: "handshake TLS 1.3 with a server met before, RSA of 2048 bits",
        piece: "rsa-tls1.3",
        // docs/benchmarks.md says why it is not less.
        goals: &[Goal::of(RAW, 0.91)],
    },
];

fn work(piece: &str, peer: &str, count: usize) -> bool {
    if let Some((kind, how)) = piece.split_once('-')
        && let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind)
    {
        let pki = Pki::of(kind);
        match (how, peer) {
            ("tls1.2", RUSTLS) => rustls_handshakes(&pki, SslVersion::TLS1_2, false, count),
            ("tls1.3", RUSTLS) => rustls_handshakes(&pki, SslVersion::TLS1_3, false, count),
            ("resumed-tls1.2", RUSTLS) => rustls_handshakes(&pki, SslVersion::TLS1_2, true, count),
            ("resumed-tls1.3", RUSTLS) => rustls_handshakes(&pki, SslVersion::TLS1_3, true, count),
            ("tls1.2", _) => handshakes_with(&pki, peer, SslVersion::TLS1_2, Memory::Kept, count),
            ("tls1.3", _) => handshakes_with(&pki, peer, SslVersion::TLS1_3, Memory::Kept, count),
            ("new-tls1.2", _) => handshakes_with(&pki, peer, SslVersion::TLS1_2, Memory::Empty, count),
            ("new-tls1.3", _) => handshakes_with(&pki, peer, SslVersion::TLS1_3, Memory::Empty, count),
            ("again-tls1.2", HOSTLOCK) => connects(&pki, SslVersion::TLS1_2, Counted::Both, count),
            ("again-tls1.3", HOSTLOCK) => connects(&pki, SslVersion::TLS1_3, Counted::Both, count),
            ("again-tls1.2", _) => resumptions(&pki, peer, SslVersion::TLS1_2, count),
            ("again-tls1.3", _) => resumptions(&pki, peer, SslVersion::TLS1_3, count),
            ("end-tls1.2", HOSTLOCK) => connects(&pki, SslVersion::TLS1_2, Counted::End, count),
            ("end-tls1.3", HOSTLOCK) => connects(&pki, SslVersion::TLS1_3, Counted::End, count),
            ("resumed-tls1.2", _) => resumptions(&pki, peer, SslVersion::TLS1_2, count),
            ("resumed-tls1.3", _) => resumptions(&pki, peer, SslVersion::TLS1_3, count),
            _ => return false,
        }
        return true;
    }
    match piece {
        "first" => first_handshakes(peer == EAGER, count),
        "parse" => parses(count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let first = |peer, piece| instructions_of_steps(&bench.child("handshake", piece, peer, FIRST)) / FIRST as f64;
    let parse = first(HOSTLOCK, "parse");
    let mut rows = vec![
        Row::new("first handshake, the roots in an index", Unit::Instructions, first(HOSTLOCK, "first") - parse)
            .beside(EAGER, first(EAGER, "first"))
            .goal(Goal::of(EAGER, 1.002))
            .note("without the parse of the one root, which a store that was filled at once has done for all"),
    ];
    let three = &[(HOSTLOCK, 40), (RAW, 40), (RUSTLS, 40)];
    for repeated in &REPEATED {
        let row = bench.counted(repeated.what, ("handshake", repeated.piece), three);
        rows.push(repeated.goals.iter().fold(row, |row, goal| row.goal(*goal)));
    }
    let new = &[(HOSTLOCK, 100), (RAW, 100)];
    rows.push(
        bench
            .counted("handshake TLS 1.3 with a new server, EC chain", ("handshake", "ec-new-tls1.3"), new)
            .goal(Goal::of(RAW, NEW_SERVER)),
    );
    rows.push(
        bench
            .counted("handshake TLS 1.2 with a new server, EC chain", ("handshake", "ec-new-tls1.2"), new)
            .goal(Goal::of(RAW, NEW_SERVER)),
    );
    for (what, piece, full, at_most) in [
        ("resumed TLS 1.3, EC chain", "ec-resumed-tls1.3", "ec-tls1.3", 0.30),
        ("resumed TLS 1.2, EC chain", "ec-resumed-tls1.2", "ec-tls1.2", 0.13),
    ] {
        let full = instructions_of_steps(&bench.child("handshake", full, RAW, 20)) / 20.0;
        rows.push(
            bench
                .counted(what, ("handshake", piece), three)
                .beside(RAW_FULL, full)
                .goal(Goal::of(RAW_FULL, at_most))
                .note("hostlock's and raw's session is given to SSL_set_session"),
        );
    }
    for (what, piece, full, at_most) in [
        ("second connect to a host, TLS 1.3, EC chain", "ec-again-tls1.3", "ec-tls1.3", 0.30),
        ("second connect to a host, TLS 1.2, EC chain", "ec-again-tls1.2", "ec-tls1.2", 0.13),
    ] {
        let full = instructions_of_steps(&bench.child("handshake", full, RAW, 20)) / 20.0;
        rows.push(
            bench
                .counted(what, ("handshake", piece), &[(HOSTLOCK, 40), (RAW, 40)])
                .beside(RAW_FULL, full)
                .goal(Goal::of(RAW_FULL, at_most))
                .note("hostlock offers the session by itself and keeps the next one, which counts; raw is given one by SSL_set_session"),
        );
    }
    if bench.wants_all() {
        for (what, piece) in [
            ("end of a connection whose session is kept, TLS 1.3", "ec-end-tls1.3"),
            ("end of a connection whose session is kept, TLS 1.2", "ec-end-tls1.2"),
        ] {
            rows.push(bench.counted(what, ("handshake", piece), &[(HOSTLOCK, 40)]));
        }
        let three = &[(HOSTLOCK, 20), (RAW, 20), (RUSTLS, 20)];
        rows.push(bench.counted(
            "handshake TLS 1.2 with a server met before, EC chain",
            ("handshake", "ec-tls1.2"),
            three,
        ));
        let three = &[(HOSTLOCK, 300), (RAW, 300), (RUSTLS, 300)];
        for repeated in &REPEATED {
            rows.push(bench.timed(repeated.what, ("handshake", repeated.piece), three));
        }
        let both = &[(HOSTLOCK, 300), (RAW, 300)];
        rows.push(bench.timed("handshake TLS 1.3 with a new server, EC chain", ("handshake", "ec-new-tls1.3"), both));
    }
    rows
}

/// What a process remembers when a counted handshake begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The server's chain.
    Kept,
    /// Nothing.
    Empty,
    /// It is not asked: a moment to verify for is no plain verification.
    NotAsked,
}

/// With a server whose certificate the CA issued, without an intermediate.
pub fn handshakes(peer: &str, version: SslVersion, memory: Memory, count: usize) {
    handshakes_with(&Pki::direct(), peer, version, memory, count);
}

fn handshakes_with(pki: &Pki, peer: &str, version: SslVersion, memory: Memory, count: usize) {
    let server = pki.server_context(version);
    let (client, prepare) = pair::client(peer, pki);
    if memory == Memory::NotAsked {
        pair::set_moment(peer, &client);
    }
    Pair::new(&client, &server, prepare).handshake();
    for _ in 0..count {
        if memory == Memory::Empty {
            hostlock::chain::known_signatures::watch::forget();
        }
        Pair::new(&client, &server, prepare).counted_handshake();
    }
}

fn rustls_handshakes(pki: &Pki, version: SslVersion, resumes: bool, count: usize) {
    let server = if resumes { pki.server_with_tickets(version) } else { pki.server_context(version) };
    let config = rustls_pair::config(&pki.ca, resumes);
    RustlsPair::new(&config, &server).handshake();
    for _ in 0..count {
        let mut pair = RustlsPair::new(&config, &server);
        pair.counted_handshake();
        assert_eq!(pair.is_resumed(), resumes);
    }
}

/// A session of a first connection is given to each of the others.
fn resumptions(pki: &Pki, peer: &str, version: SslVersion, count: usize) {
    let server = pki.server_with_tickets(version);
    let (client, prepare) = pair::client(peer, pki);
    let first = Pair::new(&client, &server, prepare);
    first.handshake();
    let session = first.session();
    for _ in 0..count {
        let pair = Pair::new(&client, &server, prepare);
        pair.set_session(session);
        pair.counted_handshake();
        assert!(pair.is_resumed());
        pair.close();
    }
}

/// What counts of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// The handshake, and the end at which its session is kept.
    Both,
    /// The end.
    End,
}

/// Connections that hostlock makes, each of which goes on from the one before.
fn connects(pki: &Pki, version: SslVersion, what: Counted, count: usize) {
    let server = pki.server_with_tickets(version);
    let (client, _) = pair::client(HOSTLOCK, pki);
    for at in 0..=count {
        let pair = Pair::by_hostlock(&client, &server);
        // The first is no second.
        let counts = at > 0;
        if counts && what == Counted::Both {
            pair.drive(|client| counted_part(|| pair::hostlock_step(client)));
        } else {
            pair.drive(pair::hostlock_step);
        }
        assert_eq!(pair.is_resumed(), at > 0);
        pair.read_nothing();
        if counts {
            counted(|| pair.free_by_hostlock());
        } else {
            pair.free_by_hostlock();
        }
    }
}

/// The first handshake of each of `count` contexts, each with an index of which no root was asked for yet: the
/// system's roots, and the one that is needed among them. With `eager`, all were put into the context's store before.
fn first_handshakes(eager: bool, count: usize) {
    let pki = Pki::direct();
    let server = pki.server_context(SslVersion::TLS1_3);
    let roots = std::env::var(ROOTS_VARIABLE).expect("the parent names the roots");
    let bundle = [std::fs::read(roots).unwrap(), pki.ca.to_pem().unwrap()].concat();
    let (client, prepare) = pair::client(HOSTLOCK, &pki);
    Pair::new(&client, &server, prepare).handshake();
    for _ in 0..count {
        let context = hostlock::context::Context::client(hostlock::policy::Policy::named("default").unwrap()).unwrap();
        let index = Arc::new(Index::read(&bundle, "the roots").unwrap());
        let anchors = &context.guard().unwrap().anchors;
        anchors.add_index(context.as_ctx(), index, Origin::Fixed).unwrap();
        if eager {
            anchors.materialize(context.as_ctx()).unwrap();
        }
        // SAFETY: the context gives up its one reference.
        let client = unsafe { SslContext::from_ptr(context.into_raw()) };
        Pair::new(&client, &server, prepare).counted_handshake();
    }
}

/// The parse of the root that the handshake needs. A handshake goes before, as what libcrypto has fetched for it makes each
/// parse longer.
fn parses(count: usize) {
    let pki = Pki::direct();
    let der = pki.ca.to_der().unwrap();
    let parse = || {
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to so many bytes.
        let parsed = unsafe { ffi::d2i_X509(std::ptr::null_mut(), &mut rest, der.len() as c_long) };
        assert!(!parsed.is_null());
        // SAFETY: not NULL, and ours to free.
        unsafe { openssl::x509::X509::from_ptr(parsed) }
    };
    let (client, prepare) = pair::client(HOSTLOCK, &pki);
    Pair::new(&client, &pki.server_context(SslVersion::TLS1_3), prepare).handshake();
    drop(parse());
    for _ in 0..count {
        drop(counted(parse));
    }
}
