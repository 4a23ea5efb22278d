//! Runs the work in child processes, side by side, and prints what came out as ratios.

use std::process::Command;
use std::time::Instant;

struct Row {
    what: &'static str,
    unit: &'static str,
    hostlock: f64,
    raw: f64,
}

/// What is measured by counting instructions: name, the function in which they are counted, repetitions.
const COUNTED: &[(&str, &str, &str, usize)] = &[
    ("context", "context creation", "context_step", 4),
    ("handshake-1.2", "handshake TLS 1.2, client side", "client_step", 20),
    ("handshake-1.3", "handshake TLS 1.3, client side", "client_step", 20),
    ("verify-chain", "verify_chain, two certificates", "verify_step", 20),
    ("bulk-16k", "read of 16 KiB", "read_step", 50),
    ("read-16", "read of 16 bytes", "read_step", 2000),
];

/// What is measured by the clock: name and repetitions.
const TIMED: &[(&str, &str, usize)] = &[
    ("context", "context creation", 50),
    ("handshake-1.2", "handshake TLS 1.2, both sides", 500),
    ("handshake-1.3", "handshake TLS 1.3, both sides", 500),
    ("bulk-16k", "read of 16 KiB, both sides", 20_000),
];

/// Prints the table, and writes it as JSON to `path`.
pub fn print(path: Option<&str>) {
    let mut rows = Vec::new();
    for &(name, what, function, count) in COUNTED {
        rows.push(Row {
            what,
            unit: "instructions",
            hostlock: instructions(name, "hostlock", function, count),
            raw: instructions(name, "raw", function, count),
        });
    }
    for &(name, what, count) in TIMED {
        let (hostlock, raw) = times(name, count);
        rows.push(Row { what, unit: "microseconds", hostlock, raw });
    }
    let (hostlock, raw) = cold();
    rows.push(Row { what: "process start to first context", unit: "microseconds", hostlock, raw });
    println!("{:<34} {:<13} {:>14} {:>14} {:>9}", "what", "unit", "hostlock", "raw OpenSSL", "ratio");
    for row in &rows {
        let ratio = row.hostlock / row.raw;
        println!("{:<34} {:<13} {:>14.1} {:>14.1} {:>9.4}", row.what, row.unit, row.hostlock, row.raw, ratio);
    }
    if let Some(path) = path {
        let items: Vec<String> = rows
            .iter()
            .map(|r| {
                format!(
                    r#"  {{"what": "{}", "unit": "{}", "hostlock": {:.1}, "raw": {:.1}, "ratio": {:.5}}}"#,
                    r.what,
                    r.unit,
                    r.hostlock,
                    r.raw,
                    r.hostlock / r.raw
                )
            })
            .collect();
        std::fs::write(path, format!("[\n{}\n]\n", items.join(",\n"))).expect("the JSON file can be written");
    }
}

/// Instructions of one repetition: callgrind's count for twice as many, less that for as many, divided.
fn instructions(name: &str, peer: &str, function: &str, count: usize) -> f64 {
    let total = |count: usize| {
        let out = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &format!("--toggle-collect={function}")])
            .arg(std::env::current_exe().expect("the program knows its path"))
            .args(["work", name, peer, &count.to_string()])
            .output()
            .expect("valgrind is installed");
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{text}");
        let line = text.lines().find(|line| line.contains("Collected :")).expect("callgrind says what it collected");
        line.split_whitespace().last().and_then(|n| n.parse::<f64>().ok()).expect("a number")
    };
    (total(2 * count) - total(count)) / count as f64
}

/// Microseconds of one repetition, start-up of the process taken off; medians of five runs in turn.
fn times(name: &str, count: usize) -> (f64, f64) {
    let (mut hostlock, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        hostlock.push(whole(name, "hostlock", count) - whole(name, "hostlock", 0));
        raw.push(whole(name, "raw", count) - whole(name, "raw", 0));
    }
    (median(hostlock) / count as f64, median(raw) / count as f64)
}

/// Microseconds from the start of a process to its first context, less an empty process.
fn cold() -> (f64, f64) {
    let (mut hostlock, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        let empty = whole("nothing", "raw", 0);
        hostlock.push(whole("context", "hostlock", 1) - empty);
        raw.push(whole("context", "raw", 1) - empty);
    }
    (median(hostlock), median(raw))
}

fn whole(name: &str, peer: &str, count: usize) -> f64 {
    let start = Instant::now();
    let status = Command::new(std::env::current_exe().expect("the program knows its path"))
        .args(["work", name, peer, &count.to_string()])
        .status()
        .expect("the program can start itself");
    assert!(status.success());
    start.elapsed().as_secs_f64() * 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
