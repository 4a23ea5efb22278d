//! What the initialiser adds to a program's own calls, by which it learns the hosts that the program means: the same work in
//! two children, of which one has it preloaded. It is built by `benches/run`, which names it in HOSTLOCK_PRELOAD.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use foreign_types::ForeignTypeRef;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode};

use super::process::{PORT_VARIABLE, SSL_connect, SSL_set_fd, World};
use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{Child, instructions, times_of_steps};
use crate::pair::HOST;
use crate::row::{Row, Unit};
use crate::step;

pub const SUBJECT: Subject = Subject { name: "learned", work, rows };

const SEALED: &str = "sealed";
const PLAIN: &str = "without the initialiser";
const NAMED: &str = "host named by SNI";
/// So many calls are one step: one of them takes less than the clock can tell.
const CALLS: usize = 1000;

fn work(piece: &str, _peer: &str, count: usize) -> bool {
    match piece {
        "file" => write_often(OpenOptions::new().write(true).open("/dev/null").unwrap(), count),
        "clear" => write_after(b"EHLO me.example\r\n", count),
        "tls" => write_after(&[&[22, 3, 1, 0, 55, 1, 0, 0, 51, 3, 3], &[7; 49][..]].concat(), count),
        "connect" => connect(count),
        "learned" => handshakes(count, |_| {}),
        "named" => handshakes(count, |ssl| ssl.set_hostname(HOST.to_str().expect("ASCII")).unwrap()),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let Some(initialiser) = std::env::var_os("HOSTLOCK_PRELOAD") else { return Vec::new() };
    let sealed = |child: Child| {
        let child = child.env("LD_PRELOAD", &initialiser).env("HOSTLOCK_SEAL", "enforce");
        child.env("HOSTLOCK_SEAL_HOST", OsString::from(format!("localhost={}", HOST.to_str().expect("ASCII"))))
    };
    let exec = Child::program("/bin/true");
    let mut rows = vec![
        Row::new("start and end of a sealed process", Unit::Instructions, instructions(&sealed(exec.clone())))
            .beside(PLAIN, instructions(&exec)),
    ];
    if !bench.wants_all() {
        return rows;
    }
    let mut both = |what, piece, count, goal| {
        let child = Child::work("learned", piece, SEALED, count);
        let [with, without] = times_of_steps(&[sealed(child.clone()), child])[..] else { unreachable!("two children") };
        rows.push(Row::new(what, Unit::Microseconds, with - without).beside(PLAIN, without).goal(Goal::absolute(goal)));
    };
    both("what it adds to 1 000 writes to a file", "file", 300, 5.0);
    both("what it adds to 1 000 writes to a socket with TLS", "tls", 30, 30.0);
    // 30 000 bytes: it looks at the first 64 KiB, and must ask the kernel each time whether the number is still this socket's.
    both("what it adds to 1 000 writes to a socket before its TLS", "clear", 30, 500.0);
    both("what it adds to a connect", "connect", 3000, 2.0);
    let world = World::new(&bench.roots);
    let handshake = |piece| world.child(sealed(Child::work("learned", piece, SEALED, 100)));
    let [learned, named] = times_of_steps(&[handshake("learned"), handshake("named")])[..] else {
        unreachable!("two children")
    };
    rows.push(
        Row::new("what a learned host adds to a handshake", Unit::Microseconds, learned - named)
            .beside(NAMED, named)
            .goal(Goal::absolute(40.0)),
    );
    rows
}

fn write_often(mut to: impl Write, count: usize) {
    for _ in 0..count {
        step::counted(|| (0..CALLS).for_each(|_| to.write_all(black_box(b"x")).unwrap()));
    }
}

/// Writes to a socket on which this was said first. A hello's beginning is all that anyone looks at.
fn write_after(first: &[u8], count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    std::thread::spawn(move || std::io::copy(&mut server, &mut std::io::sink()));
    client.write_all(first).unwrap();
    write_often(client, count);
}

fn connect(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..count {
        let client = step::counted(|| TcpStream::connect(address).unwrap());
        drop((client, listener.accept().unwrap()));
    }
}

/// Full handshakes of a careless program with the parent's server.
fn handshakes(count: usize, name: impl Fn(&mut Ssl)) {
    let port: u16 = std::env::var(PORT_VARIABLE).unwrap().parse().expect("the parent names a port");
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    let context = context.build();
    for _ in 0..count {
        let stream = TcpStream::connect(("localhost", port)).unwrap();
        let mut ssl = Ssl::new(&context).unwrap();
        name(&mut ssl);
        // SAFETY: the connection and the socket are live.
        assert_eq!(unsafe { SSL_set_fd(ssl.as_ptr(), stream.as_raw_fd()) }, 1);
        // SAFETY: the connection is live.
        step::counted(|| assert_eq!(unsafe { SSL_connect(ssl.as_ptr()) }, 1, "{}", openssl::error::ErrorStack::get()));
    }
}
