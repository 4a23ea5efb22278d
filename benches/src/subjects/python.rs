//! The Python package beside the standard library's `ssl`: contexts, the start of a process, handshakes, data. benches/python.py
//! does the work. Whatever is timed takes turns with the standard module's, as the machine may have other work to do.

use std::path::{Path, PathBuf};

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{Child, instructions, paired};
use crate::peers::HOSTLOCK;
use crate::row::{Row, Unit};

pub const SUBJECT: Subject = Subject { name: "python", work: |_, _, _| false, rows };

const STANDARD: &str = "Python's ssl";
const IMPORTS: &str = "import of ssl and ctypes";
const CONTEXT: &str = "Python: create_default_context, warm";
const START: &str = "Python: process start to a context of hostlock.ssl";
const START_OWN: &str = "Python: process start to a hostlock.Context";
const WHOLE: &str = "Python: process with a context of hostlock.ssl, from start to end";
const HANDSHAKE: &str = "Python: handshake over memory, client's part";
const READ: &str = "Python: read of 128 KiB";
const WRITE: &str = "Python: write of 128 KiB";
const READ_OWN: &str = "Python: read of 128 KiB, hostlock.Connection";
const READ_INTO_OWN: &str = "Python: read of 128 KiB by recv_into, hostlock.Connection";
const WRITE_OWN: &str = "Python: write of 128 KiB, hostlock.Connection";
const SMALL: &str = "Python: read of 50 records of 100 B, hostlock.Connection with read-ahead";
const MIDDLE: &str = "Python: read of 50 records of 1 KiB, hostlock.Connection with read-ahead";

/// So often the starts of a process take turns.
const STARTS: usize = 20;

fn rows(bench: &Bench) -> Vec<Row> {
    let python = Python::found();
    python.child(bench).with(["-c", "import hostlock.ssl; hostlock.Context"]).output();
    // Without the machine's site-packages: what their .pth files import is no part of it.
    let whole = |program: &str| python.child(bench).with(["-S", "-c", program]);
    // A start ends where the context stands, and not with what the interpreter tidies up behind it.
    let starting = |program: &str| whole(&format!("{program}; import posix; posix._exit(0)"));
    let [own, ours, standard] = [
        "import hostlock; hostlock.Context()",
        "from hostlock import ssl; ssl.create_default_context()",
        "import ssl; ssl.create_default_context()",
    ];
    let to_end = [whole(ours), whole(standard)];
    let own = [starting(own), starting(standard)];
    let through_ssl = [starting(ours), starting(standard), starting("import ssl, ctypes")];
    let names = [HOSTLOCK, STANDARD, IMPORTS];
    let counted = |what, children: &[Child]| {
        let figures: Vec<f64> = children.iter().map(instructions).collect();
        Row::of_all(what, Unit::Instructions, &names[..children.len()], &figures).goal(Goal::of(STANDARD, 0.42))
    };
    let mut rows = vec![counted(START_OWN, &own), counted(START, &through_ssl), counted(WHOLE, &to_end)];
    if bench.wants_all() {
        let timed = |what, names: &[&'static str], [clock, cpu]: [Vec<f64>; 2], at_most| {
            [(Unit::Microseconds, clock), (Unit::CpuMicroseconds, cpu)]
                .map(|(unit, figures)| Row::of_all(what, unit, names, &figures).goal(Goal::of(STANDARD, at_most)))
        };
        rows.extend(timed(START_OWN, &names[..2], paired(&own, STARTS), 0.7));
        let [ours, standard, imports] = through_ssl;
        rows.extend(timed(WHOLE, &names[..2], paired(&to_end, STARTS), 0.75));
        let names_in_turn = [HOSTLOCK, IMPORTS, STANDARD];
        rows.extend(timed(START, &names_in_turn, paired(&[ours, imports, standard], STARTS), 0.7));
        for (what, piece, pairs, at_most) in [
            (CONTEXT, "context", 20, 0.01),
            (HANDSHAKE, "handshake", 300, 1.0 / 0.95),
            (READ, "read", 300, 1.0 / 0.95),
            (WRITE, "write", 300, 1.0 / 0.95),
            (READ_OWN, "read by Connection", 300, 1.0 / 0.95),
            (READ_INTO_OWN, "read into by Connection", 300, 1.0 / 0.95),
            (WRITE_OWN, "write by Connection", 300, 1.0 / 0.95),
            (SMALL, "small records", 300, 1.0 / 2.5),
            (MIDDLE, "records of 1 KiB", 300, 1.0 / 2.0),
        ] {
            let script = python.root.join("benches/python.py");
            let words = [script.into_os_string(), piece.into(), i32::to_string(&pairs).into()];
            rows.extend(timed(what, &names[..2], medians(&python.child(bench).with(words)), at_most));
        }
    }
    rows
}

/// The microseconds of both that benches/python.py prints: by the clock, and of the processor's time.
fn medians(child: &Child) -> [Vec<f64>; 2] {
    let text = child.output();
    let figures = text.split_whitespace().map(|word| word.parse::<f64>().expect("it prints numbers") / 1e3);
    let figures: Vec<f64> = figures.collect();
    let [our_clock, clock, our_cpu, cpu] = figures[..] else { panic!("{text}: it prints four") };
    [vec![our_clock, clock], vec![our_cpu, cpu]]
}

/// The interpreter, and the source tree with the package.
struct Python {
    interpreter: PathBuf,
    root: PathBuf,
}

impl Python {
    fn found() -> Python {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("benches/ is in the source tree").to_owned();
        // What is found first may be a script that looks for it. HOSTLOCK_BENCH_PYTHON names another.
        let named = std::env::var("HOSTLOCK_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let told = Child::program(named).with(["-c", "import sys; print(sys.executable)"]).output();
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
