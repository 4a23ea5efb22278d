//! On what was measured: the machine, and the versions of all that took part.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const LOCK: &str = include_str!("../Cargo.lock");

/// The machine, without its name.
pub fn machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).map(|rest| rest.trim_matches([' ', '\t', ':']));
    json!({
        "cpu": cpu,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "architecture": std::env::consts::ARCH,
        "system": first_line("uname", &["-sr"]),
    })
}

/// The versions.
pub fn all() -> Value {
    json!({
        "hostlock": locked("hostlock"),
        "libssl": openssl::version::version(),
        "openssl crate": locked("openssl"),
        "rustls": locked("rustls"),
        "rustls-native-certs": locked("rustls-native-certs"),
        "webpki-roots": locked("webpki-roots"),
        "curl": first_line("curl", &["--version"]),
        "python": first_line("python3", &["--version"]),
        "valgrind": first_line("valgrind", &["--version"]),
    })
}

fn locked(name: &str) -> Option<&'static str> {
    let entry =
        LOCK.split("[[package]]").find(|entry| entry.lines().any(|line| line == format!("name = \"{name}\"")))?;
    entry.lines().find_map(|line| line.strip_prefix("version = "))?.trim_matches('"').into()
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}
