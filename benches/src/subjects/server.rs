//! A server's part of handshakes, with and without certificates of clients, and what it keeps for a connection that is idle.

use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::thread;

use openssl::ssl::{SslContext, SslVersion};
use openssl_sys as ffi;

use super::{Bench, Subject, context};
use crate::accepting::{self, Accepted, Client, Clients, Outcome, RAW_DEFAULT, Server};
use crate::goal::Goal;
use crate::measure::bytes;
use crate::pair::{self, Pair};
use crate::peers::{HOSTLOCK, RAW};
use crate::pki::{Kind, Pki};
use crate::row::{Row, Unit};
use crate::step::{counted, counted_part, end_step, takes_bytes};

pub const SUBJECT: Subject = Subject { name: "server", work, rows };

/// A signature takes some more or less than the next.
const MANY: &[(&str, usize)] = &[(HOSTLOCK, 100), (RAW, 100)];

/// What a handshake may take.
const AT_MOST: f64 = 1.005;

/// (what, piece).
const HANDSHAKES: [(&str, &str); 8] = [
    ("server, handshake TLS 1.3, no client certificate", "tls1.3"),
    ("server, handshake TLS 1.2, no client certificate", "tls1.2"),
    ("server, mutual TLS 1.3", "mutual-tls1.3"),
    ("server, mutual TLS 1.2", "mutual-tls1.2"),
    ("server, mutual TLS 1.3, the client known by name", "named-tls1.3"),
    ("server, mutual TLS 1.2, the client known by name", "named-tls1.2"),
    ("server, mutual TLS 1.3, resumed", "mutual-resumed-tls1.3"),
    ("server, mutual TLS 1.2, resumed", "mutual-resumed-tls1.2"),
];

const IDLE: usize = 5000;

/// Handshakes of each of two threads.
const BY_TWO: usize = 200;

/// Each of the two threads has a context of its own, where one context does not serve both.
const HOSTLOCK_TWO: &str = "two contexts";
const RAW_ONE: &str = "raw, one context";
const RAW_TWO: &str = "raw, two contexts";

fn work(piece: &str, peer: &str, count: usize) -> bool {
    let (v12, v13) = (SslVersion::TLS1_2, SslVersion::TLS1_3);
    match piece {
        "tls1.3" => handshakes(peer, Clients::Anyone, v13, false, count),
        "tls1.2" => handshakes(peer, Clients::Anyone, v12, false, count),
        "mutual-tls1.3" => handshakes(peer, Clients::Certified, v13, false, count),
        "mutual-tls1.2" => handshakes(peer, Clients::Certified, v12, false, count),
        "mutual-resumed-tls1.3" => handshakes(peer, Clients::Certified, v13, true, count),
        "mutual-resumed-tls1.2" => handshakes(peer, Clients::Certified, v12, true, count),
        "named-tls1.3" => handshakes(peer, Clients::Named, v13, false, count),
        "named-tls1.2" => handshakes(peer, Clients::Named, v12, false, count),
        "idle-heap" => idle(peer, count, context::heap),
        "idle-resident" => idle(peer, count, accepting::resident),
        "two-threads" => two_threads(peer, count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows: Vec<Row> = HANDSHAKES
        .iter()
        .map(|(what, piece)| bench.counted(what, ("server", piece), MANY).goal(Goal::of(RAW, AT_MOST)))
        .collect();
    for (what, piece) in [
        ("idle server connection, one of 5 000: heap", "idle-heap"),
        ("idle server connection, one of 5 000: resident", "idle-resident"),
    ] {
        let figures = [HOSTLOCK, RAW_DEFAULT, RAW].map(|peer| bytes(&bench.child("server", piece, peer, IDLE)));
        rows.push(
            Row::of_all(what, Unit::Bytes, &[HOSTLOCK, RAW_DEFAULT, RAW], &figures)
                .goal(Goal::of(RAW_DEFAULT, 0.65))
                .note(
                    "\"raw\" gives the buffers of idle connections back (SSL_MODE_RELEASE_BUFFERS), as hostlock does",
                ),
        );
    }
    if bench.wants_all() {
        let peers = [HOSTLOCK, HOSTLOCK_TWO, RAW_ONE, RAW_TWO].map(|peer| (peer, 3));
        let what = "200 handshakes by each of two threads, one context";
        let note = "no slower than on two contexts; the servers' part and the clients'";
        rows.push(bench.timed(what, ("server", "two-threads"), &peers).goal(Goal::of(HOSTLOCK_TWO, 1.03)).note(note));
        rows.push(bench.worked(what, ("server", "two-threads"), &peers).goal(Goal::of(HOSTLOCK_TWO, 1.03)));
    }
    rows
}

/// Both ends of a socket pair in non-blocking mode: the server's and the client's. They stay open as long as the process.
fn ends() -> (i32, i32) {
    let (one, two) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    two.set_nonblocking(true).unwrap();
    (one.into_raw_fd(), two.into_raw_fd())
}

fn close(fds: (i32, i32)) {
    for fd in [fds.0, fds.1] {
        // SAFETY: it is open, and nobody uses it any more.
        unsafe { libc::close(fd) };
    }
}

/// Drives both sides to the end of the handshake: `step` is the server's.
fn drive(accepted: &mut Accepted, client: &Client, step: impl Fn(&mut Accepted) -> Outcome) {
    let (mut client_is_done, mut server_is_done) = (false, false);
    for _ in 0..10 {
        client_is_done = client_is_done || client.handshake();
        server_is_done = server_is_done || step(accepted) == Outcome::Done(0);
        if client_is_done && server_is_done {
            return;
        }
    }
    panic!("the handshake did not complete");
}

fn handshakes(peer: &str, clients: Clients, version: SslVersion, resumed: bool, count: usize) {
    let pki = Pki::of(Kind::Ec);
    let (server, client) = (Server::new(peer, &pki, clients), accepting::client_context(&pki, version));
    let first = first_session(&server, &client);
    for _ in 0..count {
        let fds = ends();
        let (mut accepted, client) = (server.accept(fds.0), Client::over(&client, fds.1));
        if resumed {
            client.resume(first);
        }
        drive(&mut accepted, &client, |accepted| counted_part(|| accepted.handshake()));
        end_step();
        assert_eq!(accepted.is_resumed(), resumed);
        assert!(resumed || accepted.has_seen_a_chain() == (clients != Clients::Anyone));
        client.say_goodbye();
        drop(accepted);
        close(fds);
    }
}

/// A first connection, and the session that its client got.
fn first_session(server: &Server, client: &SslContext) -> *mut ffi::SSL_SESSION {
    let fds = ends();
    let (mut accepted, client) = (server.accept(fds.0), Client::over(client, fds.1));
    drive(&mut accepted, &client, Accepted::handshake);
    talk(&mut accepted, &client);
    let session = client.session();
    // The session of one that is only freed is good no more.
    client.say_goodbye();
    session
}

/// A question of a hundred bytes and an answer.
fn talk(accepted: &mut Accepted, client: &Client) {
    let mut room = [0; 1024];
    client.write(&[7; 100]);
    assert_eq!(accepted.read(&mut room), Outcome::Done(100));
    assert_eq!(accepted.read(&mut room), Outcome::Later);
    accepted.write(&[7; 100]);
    assert_eq!(client.read(&mut room), Outcome::Done(100));
}

/// What the process has more for each of `count` connections that have answered one question and wait for the next. The
/// clients are freed; their sockets stay.
fn idle(peer: &str, count: usize, memory: fn() -> u64) {
    accepting::allow_descriptors(2 * count + 100);
    let pki = Pki::of(Kind::Ec);
    let server = Server::new(peer, &pki, Clients::Anyone);
    let client = accepting::client_context(&pki, SslVersion::TLS1_3);
    let mut kept = Vec::with_capacity(count + 100);
    let mut before = 0;
    for index in 0..count + 100 {
        // What the first ones bring is the process's.
        if index == 100 {
            before = memory();
        }
        let fds = ends();
        let (mut accepted, client) = (server.accept(fds.0), Client::over(&client, fds.1));
        drive(&mut accepted, &client, Accepted::handshake);
        talk(&mut accepted, &client);
        kept.push(accepted);
        drop(client);
    }
    takes_bytes(memory().saturating_sub(before) / count as u64);
    drop(kept);
}

/// Two threads serve clients of their own, over memory, so that nothing but the contexts is shared.
fn two_threads(peer: &str, count: usize) {
    let pki = Pki::of(Kind::Ec);
    let who = if peer.starts_with(RAW) { RAW } else { HOSTLOCK };
    let one = Server::new(who, &pki, Clients::Anyone);
    let other =
        if peer == HOSTLOCK_TWO || peer == RAW_TWO { Server::new(who, &pki, Clients::Anyone) } else { one.sharing() };
    for _ in 0..count {
        let ready = Barrier::new(3);
        thread::scope(|scope| {
            for server in [&one, &other] {
                let (context, pki, ready) = (server.context(), &pki, &ready);
                scope.spawn(move || {
                    let client = accepting::client_context(pki, SslVersion::TLS1_3);
                    Pair::new(&client, context, pair::name_host_raw).handshake();
                    ready.wait();
                    for _ in 0..BY_TWO {
                        Pair::new(&client, context, pair::name_host_raw).handshake();
                    }
                    ready.wait();
                });
            }
            ready.wait();
            counted(|| ready.wait());
        });
    }
}
