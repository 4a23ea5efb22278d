//! What it costs to read a source of roots for the first time in a process.

use std::hint::black_box;
use std::path::Path;

use hostlock::trust::{Index, one_file, source};

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::instructions_of_steps;
use crate::peers::{self, HOSTLOCK, ROOTS_VARIABLE, RUSTLS_MOZILLA, RUSTLS_NATIVE};
use crate::row::Row;
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "roots", work, rows };

const INDEX: &str = "index of the system's roots";
const SYSTEM: &[(&str, usize)] = &[(HOSTLOCK, 1), (RUSTLS_NATIVE, 1)];
const AGAIN: &[(&str, usize)] = &[(HOSTLOCK, 100), (RUSTLS_NATIVE, 10)];
const BUNDLED: &[(&str, usize)] = &[(HOSTLOCK, 1), (RUSTLS_MOZILLA, 1)];

fn work(piece: &str, peer: &str, count: usize) -> bool {
    openssl::init();
    match (piece, peer) {
        ("system", HOSTLOCK) => index(count),
        ("system", RUSTLS_NATIVE) | ("bundled", RUSTLS_MOZILLA) => configuration(peer, count),
        ("bundled", HOSTLOCK) => counted(|| drop(black_box(source::bundled()))),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let one_file = bench.with_file(bench.child("roots", "system", RUSTLS_NATIVE, 1));
    let mut rows = vec![
        bench
            .counted(INDEX, ("roots", "system"), SYSTEM)
            .beside("the same, one file", instructions_of_steps(&one_file))
            .goal(Goal::of(RUSTLS_NATIVE, 1.0 / 20.0))
            .goal(Goal::absolute(1e6)),
    ];
    if bench.wants_all() {
        rows.push(bench.counted("index of the bundled roots, first use", ("roots", "bundled"), BUNDLED));
        rows.push(bench.timed(INDEX, ("roots", "system"), SYSTEM));
        let again = bench.timed("the same, read again and again", ("roots", "system"), AGAIN);
        rows.push(again.goal(Goal::of(RUSTLS_NATIVE, 1.0 / 30.0)).note("docs/benchmarks.md says what bounds this"));
    }
    rows
}

fn index(count: usize) {
    let path = std::env::var(ROOTS_VARIABLE).expect("the parent names the roots");
    for _ in 0..count {
        counted(|| {
            let text = one_file::read_whole(Path::new(&path), "the file").unwrap();
            drop(black_box(Index::read(&text, "the file").unwrap()));
        });
    }
}

fn configuration(peer: &str, count: usize) {
    for _ in 0..count {
        counted(|| drop(black_box(peers::context(peer))));
    }
}
