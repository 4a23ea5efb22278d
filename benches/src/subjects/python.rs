//! The Python package beside the standard library's `ssl`: contexts, the start of a process, handshakes, data. benches/python.py
//! does the work.

use std::path::{Path, PathBuf};

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{Child, instructions, times, times_of_steps};
use crate::peers::HOSTLOCK;
use crate::row::{Row, Unit};

pub const SUBJECT: Subject = Subject { name: "python", work: |_, _, _| false, rows };

const STANDARD: &str = "Python's ssl";
const IMPORTS: &str = "import of ssl and ctypes";
const CONTEXT: &str = "Python: create_default_context, warm";
const START: &str = "Python: process start to a context of hostlock.ssl";
const START_OWN: &str = "Python: process start to a hostlock.Context";
const HANDSHAKE: &str = "Python: handshake over memory, client's part";
const READ: &str = "Python: read of 128 KiB";
const WRITE: &str = "Python: write of 128 KiB";
const SMALL: &str = "Python: read of 50 records of 100 B, hostlock.Connection with read-ahead";

fn rows(bench: &Bench) -> Vec<Row> {
    let python = Python::found();
    python.child(bench).with(["-c", "import hostlock.ssl; hostlock.Context"]).output();
    let starting = |program| python.child(bench).with(["-c", program]);
    let standard = starting("import ssl; ssl.create_default_context()");
    let own = [starting("import hostlock; hostlock.Context()"), standard.clone()];
    let through_ssl =
        [starting("from hostlock import ssl; ssl.create_default_context()"), standard, starting("import ssl, ctypes")];
    let names = [HOSTLOCK, STANDARD, IMPORTS];
    let counted = |what, children: &[Child]| {
        let figures: Vec<f64> = children.iter().map(instructions).collect();
        Row::of_all(what, Unit::Instructions, &names[..children.len()], &figures).goal(Goal::of(STANDARD, 0.7))
    };
    let mut rows = vec![counted(START_OWN, &own), counted(START, &through_ssl)];
    if bench.wants_all() {
        rows.push(Row::of_all(START_OWN, Unit::Microseconds, &names[..2], &times(&own)).goal(Goal::of(STANDARD, 0.7)));
        rows.push(Row::of_all(START, Unit::Microseconds, &names, &times(&through_ssl)).goal(Goal::of(STANDARD, 0.7)));
        for (what, piece, (ours, theirs), at_most) in [
            (CONTEXT, "context", (300, 20), 0.01),
            (HANDSHAKE, "handshake", (200, 200), 1.0 / 0.95),
            (READ, "read", (200, 200), 1.0 / 0.95),
            (WRITE, "write", (200, 200), 1.0 / 0.95),
            (SMALL, "small records", (400, 400), 1.0 / 2.5),
        ] {
            let step = |peer: &str, count: i32| {
                let script = python.root.join("benches/python.py");
                let words = [script.into_os_string(), piece.into(), peer.into(), count.to_string().into()];
                python.child(bench).with(words)
            };
            let took = times_of_steps(&[step(HOSTLOCK, ours), step(STANDARD, theirs)]);
            rows.push(Row::of_all(what, Unit::Microseconds, &names[..2], &took).goal(Goal::of(STANDARD, at_most)));
        }
    }
    rows
}

/// The interpreter, and the source tree with the package.
struct Python {
    interpreter: PathBuf,
    root: PathBuf,
}

impl Python {
    fn found() -> Python {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("benches/ is in the source tree").to_owned();
        // What is found first may be a script that looks for it.
        let told = Child::program("python3").with(["-c", "import sys; print(sys.executable)"]).output();
        Python { interpreter: told.trim().into(), root }
    }

    /// It finds the package as it would where that is installed: compiled.
    fn child(&self, bench: &Bench) -> Child {
        let library = std::env::var_os("HOSTLOCK_PRELOAD").map(PathBuf::from).expect("benches/run names it");
        let (_, certificates) = bench.pki.variable();
        Child::program(&self.interpreter)
            .env("PYTHONPATH", self.root.join("python/src"))
            .env("PYTHONDONTWRITEBYTECODE", "")
            .env("PYTHONHASHSEED", "0")
            .env("HOSTLOCK_LIBRARY", library.with_file_name("libhostlock.so"))
            .env("HOSTLOCK_BENCH_PYTHON_PKI", certificates.join("direct"))
    }
}
