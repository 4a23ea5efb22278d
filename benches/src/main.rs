//! Side-by-side measurements of hostlock against raw OpenSSL: `hostlock-benches report` prints a table of ratios and
//! writes JSON, `hostlock-benches work NAME PEER COUNT` does one piece of work (for callgrind, perf, time).
//!
//! Instructions are counted with valgrind's callgrind in a child process, as the difference between two counts of
//! repetitions, so that start-up cancels out. Times are medians of runs in turn.

mod pair;
mod report;
mod work;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["work", name, peer, count] => work::run(name, peer, count.parse().expect("COUNT is a number")),
        ["report"] => report::print(None),
        ["report", "--json", path] => report::print(Some(path)),
        _ => {
            eprintln!("usage: hostlock-benches report [--json FILE] | work NAME PEER COUNT");
            std::process::exit(2);
        }
    }
}
