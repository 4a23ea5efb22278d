//! The order in which the hooks run, as texts in tests/data: one for each family of OpenSSL. With HOSTLOCK_WRITE_HOOKS in
//! the environment the text of the libssl at hand is written instead.

use std::fmt::Write;
use std::path::PathBuf;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::{SslSession, SslVersion};
use openssl_sys as ffi;

use super::pair::{Pair, World};
use super::switches::recorded;

const VERSIONS: [(SslVersion, &str); 2] = [(SslVersion::TLS1_2, "TLS 1.2"), (SslVersion::TLS1_3, "TLS 1.3")];

/// One line a run of calls of the same hook: how often libssl asks about security depends on what it can do.
fn lines(text: &mut String, title: &str, complete: bool, seen: &[&str]) {
    let end = if complete { "complete" } else { "refused" };
    writeln!(text, "{title}: {end}").unwrap();
    let mut last = "";
    for name in seen {
        if *name != last {
            writeln!(text, "    {name}").unwrap();
        }
        last = name;
    }
}

fn session_of(pair: &Pair) -> SslSession {
    pair.client.session().unwrap().to_owned()
}

fn resume(pair: &Pair, session: &SslSession) {
    // SAFETY: both are live; libssl takes a reference of its own.
    assert_eq!(unsafe { ffi::SSL_set_session(pair.client.as_ptr(), session.as_ptr()) }, 1);
}

fn is_resumed(ssl: &openssl::ssl::SslRef) -> bool {
    // SAFETY: the connection is live.
    unsafe { ffi::SSL_session_reused(ssl.as_ptr()) == 1 }
}

fn trace() -> String {
    let (world, stranger) = (World::new(), World::new());
    let mut text = String::new();
    for (version, name) in VERSIONS {
        let (client, server) = (world.client(), world.plain_server(version));
        let full = Pair::for_host(&client, &server);
        let (outcome, seen) = recorded(|| full.run());
        lines(&mut text, &format!("client, {name}, full"), outcome.complete, &seen);

        let session = session_of(&full);
        full.shut_down();
        let resumed = Pair::for_host(&client, &server);
        resume(&resumed, &session);
        let (outcome, seen) = recorded(|| resumed.run());
        assert!(is_resumed(&resumed.client), "{name}");
        lines(&mut text, &format!("client, {name}, resumed"), outcome.complete, &seen);

        let refused = Pair::for_host(&client, &stranger.plain_server(version));
        let (outcome, seen) = recorded(|| refused.run());
        lines(&mut text, &format!("client, {name}, of an unknown CA"), outcome.complete, &seen);

        let (client, server) = (world.plain_client(version), world.guarded_server());
        let full = Pair::new(&client, &server);
        let (outcome, seen) = recorded(|| full.run());
        lines(&mut text, &format!("server, {name}, full"), outcome.complete, &seen);

        let session = session_of(&full);
        full.shut_down();
        let again = Pair::new(&client, &server);
        resume(&again, &session);
        let (outcome, seen) = recorded(|| again.run());
        let how = if is_resumed(&again.client) { "resumed" } else { "not resumed" };
        lines(&mut text, &format!("server, {name}, a session offered and {how}"), outcome.complete, &seen);

        let refused = Pair::new(&stranger.plain_client(version), &server);
        let (outcome, seen) = recorded(|| refused.run());
        lines(&mut text, &format!("server, {name}, of an unknown CA"), outcome.complete, &seen);
    }
    text
}

#[test]
fn the_hooks_run_in_the_order_that_is_written_down() {
    let number = openssl::version::number();
    let (major, minor) = (number >> 28, number >> 20 & 0xff);
    let name = format!("hooks-openssl-{major}.{minor}.txt");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(&name);
    let text = trace();
    if std::env::var_os("HOSTLOCK_WRITE_HOOKS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    match std::fs::read_to_string(&path) {
        Ok(committed) => {
            assert_eq!(committed, text, "where it is meant: HOSTLOCK_WRITE_HOOKS=1 cargo test --lib nets::order")
        }
        Err(_) => eprintln!("skipped: there is no {name}"),
    }
}
