//! Side-by-side measurements of hostlock and its peers: `hostlock-benches report` prints a table, `hostlock-benches work
//! SUBJECT PIECE PEER COUNT` does one piece of work (for callgrind, perf, gdb). The measurements of one subject are one
//! file in `subjects/`; docs/benchmarks.md says how to read them.

mod accepting;
mod goal;
mod measure;
mod pair;
mod peers;
mod pki;
mod report;
mod row;
mod rustls_pair;
mod step;
mod subjects;
mod versions;

use std::process::ExitCode;

const USAGE: &str = "usage: hostlock-benches report [--gate] [--json FILE] [SUBJECT ...]
       hostlock-benches work SUBJECT PIECE PEER COUNT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["work", subject, piece, peer, count] => {
            subjects::named(subject).work(piece, peer, count.parse().expect("COUNT is a number"));
            step::print();
            ExitCode::SUCCESS
        }
        ["report", options @ ..] => report(options),
        _ => usage(),
    }
}

fn report(mut options: &[&str]) -> ExitCode {
    let (mut gate, mut json) = (false, None);
    loop {
        options = match options {
            ["--gate", rest @ ..] => {
                gate = true;
                rest
            }
            ["--json", path, rest @ ..] => {
                json = Some(*path);
                rest
            }
            [unknown, ..] if unknown.starts_with('-') => return usage(),
            names => {
                let subjects = if names.is_empty() {
                    subjects::ALL.iter().collect()
                } else {
                    names.iter().map(|name| subjects::named(name)).collect()
                };
                return report::run(subjects, gate, json);
            }
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
