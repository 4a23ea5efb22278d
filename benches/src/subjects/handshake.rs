//! The client's part of a handshake, and what the index of roots adds to the first one.

use std::ffi::c_long;
use std::sync::Arc;

use foreign_types::ForeignType;
use hostlock::trust::Index;
use openssl::ssl::{SslContext, SslVersion};
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::instructions_of_steps;
use crate::pair::{self, Pair, Pki};
use crate::peers::{HOSTLOCK, RAW, ROOTS_VARIABLE};
use crate::row::{Row, Unit};
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "handshake", work, rows };

const EAGER: &str = "store filled at once";
const FIRST: usize = 10;

fn work(piece: &str, peer: &str, count: usize) -> bool {
    match piece {
        "tls1.2" => handshakes(peer, SslVersion::TLS1_2, count),
        "tls1.3" => handshakes(peer, SslVersion::TLS1_3, count),
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
    if bench.wants_all() {
        let both = &[(HOSTLOCK, 20), (RAW, 20)];
        rows.push(bench.counted("handshake TLS 1.2, client side", ("handshake", "tls1.2"), both));
        rows.push(bench.counted("handshake TLS 1.3, client side", ("handshake", "tls1.3"), both));
        let both = &[(HOSTLOCK, 300), (RAW, 300)];
        rows.push(bench.timed("handshake TLS 1.2, client side", ("handshake", "tls1.2"), both));
        rows.push(bench.timed("handshake TLS 1.3, client side", ("handshake", "tls1.3"), both));
    }
    rows
}

pub fn handshakes(peer: &str, version: SslVersion, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(version);
    let (client, prepare) = pair::client(peer, &pki);
    Pair::new(&client, &server, prepare).handshake();
    for _ in 0..count {
        Pair::new(&client, &server, prepare).counted_handshake();
    }
}

/// The first handshake of each of `count` contexts, each with an index of which no root was asked for yet: the
/// system's roots, and the one that is needed among them. With `eager`, all were put into the context's store before.
fn first_handshakes(eager: bool, count: usize) {
    let pki = Pki::new();
    let server = pki.server_context(SslVersion::TLS1_3);
    let roots = std::env::var(ROOTS_VARIABLE).expect("the parent names the roots");
    let bundle = [std::fs::read(roots).unwrap(), pki.ca.to_pem().unwrap()].concat();
    let (client, prepare) = pair::client(HOSTLOCK, &pki);
    Pair::new(&client, &server, prepare).handshake();
    for _ in 0..count {
        let context = hostlock::context::Context::client(hostlock::policy::Policy::named("default").unwrap()).unwrap();
        let index = Arc::new(Index::read(&bundle, "the roots").unwrap());
        let anchors = &context.guard().unwrap().anchors;
        anchors.add_index(context.as_ctx(), index).unwrap();
        if eager {
            anchors.materialize(context.as_ctx()).unwrap();
        }
        // SAFETY: the context gives up its one reference.
        let client = unsafe { SslContext::from_ptr(context.into_raw()) };
        Pair::new(&client, &server, prepare).counted_handshake();
    }
}

/// The parse of the root that the handshake needs.
fn parses(count: usize) {
    let der = Pki::new().ca.to_der().unwrap();
    let parse = || {
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to so many bytes.
        let parsed = unsafe { ffi::d2i_X509(std::ptr::null_mut(), &mut rest, der.len() as c_long) };
        assert!(!parsed.is_null());
        // SAFETY: not NULL, and ours to free.
        unsafe { openssl::x509::X509::from_ptr(parsed) }
    };
    drop(parse());
    for _ in 0..count {
        drop(counted(parse));
    }
}
