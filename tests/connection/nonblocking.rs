//! The caller's own descriptors, blocking and not, and OpenSSL's error queue beside them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use hostlock::error::Status;
use hostlock::ffi::connection::{hostlock_conn_fd, hostlock_conn_info, hostlock_pending};

use crate::c::{self, Conn, Ctx};
use crate::peer;
use crate::support::pki::{Identity, Recipe};
use crate::{HOST, ca, localhost};

/// A client's socket, and the server's end of it, which nobody serves yet.
fn pair(nonblocking: bool) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(nonblocking).unwrap();
    (near, listener.accept().unwrap().0)
}

fn wait_for(conn: &Conn, status: Status) {
    let mut fd = -1;
    // SAFETY: the connection is live, and the descriptor has its place.
    assert_eq!(unsafe { hostlock_conn_fd(conn.0, &mut fd) }, 0);
    let events = if status == Status::WantRead { libc::POLLIN } else { libc::POLLOUT };
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one entry.
    assert_eq!(unsafe { libc::poll(&mut entry, 1, 20_000) }, 1);
}

fn is_open(fd: i32) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn serve(identity: &Identity, far: TcpStream, greeting: &'static [u8]) -> thread::JoinHandle<Vec<u8>> {
    let mut acceptor = peer::acceptor(identity);
    // libssl empties the error queue when it takes a ticket, too.
    acceptor.set_num_tickets(0).unwrap();
    let acceptor = acceptor.build();
    thread::spawn(move || {
        let Ok(mut tls) = acceptor.accept(far) else { return Vec::new() };
        let mut got = Vec::new();
        let _ = tls.write_all(greeting);
        let _ = tls.read_to_end(&mut got);
        let _ = tls.shutdown();
        got
    })
}

#[test]
fn a_nonblocking_descriptor_never_waits_and_stays_the_callers() {
    let ca = ca();
    let (near, far) = pair(true);
    let conn = Ctx::trusting(&[&ca.certificate]).connect_fd(near.as_raw_fd(), HOST).unwrap();
    far.set_nonblocking(true).unwrap();
    assert_eq!(far.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing was sent yet");
    far.set_nonblocking(false).unwrap();
    assert_eq!(conn.verified_host(), None);
    // SAFETY: the connection is live.
    assert!(unsafe { hostlock_conn_info(conn.0) }.is_null());
    assert_eq!(c::Failure::last(Status::EState.code()).status, Status::EState);

    assert_eq!(conn.handshake(), Status::WantRead.code());
    assert_eq!(conn.handshake(), Status::WantRead.code());
    let server = serve(&localhost(&ca), far, b"hi");
    loop {
        match conn.handshake() {
            0 => break,
            want => wait_for(&conn, Status::from_code(want).unwrap()),
        }
    }
    assert_eq!(conn.verified_host().as_deref(), Some(HOST));
    assert_eq!(conn.handshake(), 0, "once made, it stays made");
    loop {
        match conn.read() {
            Ok(data) => break assert_eq!(data, b"hi"),
            Err(want) => wait_for(&conn, want),
        }
    }
    assert_eq!(conn.read(), Err(Status::WantRead));
    assert_eq!(conn.shutdown(), 0);
    drop(conn);
    assert!(is_open(near.as_raw_fd()), "the caller's descriptor stays open");
    drop(near);
    assert_eq!(server.join().unwrap(), b"");
}

#[test]
fn the_first_read_or_write_makes_the_handshake_and_lets_nothing_out_to_an_impostor() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let impostor = Recipe::server("evil.example", &["evil.example"]).issued_by(&ca);
    for (identity, honest) in [(localhost(&ca), true), (impostor, false)] {
        for write_first in [true, false] {
            let (near, far) = pair(true);
            let conn = ctx.connect_fd(near.as_raw_fd(), HOST).unwrap();
            let server = serve(&identity, far, b"welcome");
            let outcome = loop {
                let step = if write_first { conn.write(b"secret").map(|_| Vec::new()) } else { conn.read() };
                match step {
                    Err(want @ (Status::WantRead | Status::WantWrite)) => wait_for(&conn, want),
                    other => break other,
                }
            };
            if honest {
                assert_eq!(outcome.unwrap(), if write_first { &b""[..] } else { b"welcome" });
                assert_eq!(conn.shutdown(), 0);
            } else {
                assert_eq!(outcome.unwrap_err(), Status::EHostMismatch);
                c::Failure::last(Status::EHostMismatch.code()).expect(Status::EHostMismatch, HOST, &["evil.example"]);
                assert_eq!(conn.read().unwrap_err(), Status::EHostMismatch, "and again");
                assert_eq!(conn.write(b"secret").unwrap_err(), Status::EHostMismatch);
                assert_eq!(conn.handshake(), Status::EHostMismatch.code());
                assert_eq!(conn.shutdown(), Status::EHostMismatch.code());
                assert_eq!(conn.verified_host(), None);
            }
            drop((conn, near));
            let got = server.join().unwrap();
            assert_eq!(got, if honest && write_first { &b"secret"[..] } else { b"" });
            c::queue();
        }
    }
}

#[test]
fn plain_text_is_never_given_to_a_reader() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let (near, mut far) = pair(true);
    let conn = ctx.connect_fd(near.as_raw_fd(), HOST).unwrap();
    far.write_all(b"HTTP/1.1 200 OK\r\n\r\npassword?").unwrap();
    let status = loop {
        match conn.read().unwrap_err() {
            want @ (Status::WantRead | Status::WantWrite) => wait_for(&conn, want),
            other => break other,
        }
    };
    c::Failure::last(status.code()).expect(Status::EPlaintext, HOST, &["plain HTTP", "\"HTTP/1.1 200 OK\""]);
    assert_eq!(conn.read(), Err(Status::EPlaintext));
    c::queue();
}

#[test]
fn a_stale_entry_of_the_program_does_not_turn_want_into_an_error_and_stays_where_it_is() {
    let ca = ca();
    let (near, far) = pair(true);
    let conn = Ctx::trusting(&[&ca.certificate]).connect_fd(near.as_raw_fd(), HOST).unwrap();
    let stale = || hostlock::libssl::queue::raise(&hostlock::error::Error::new(Status::EFileIo, "stale"));
    let stale_only =
        || assert_eq!(c::queue(), ["hostlock: cannot be read"], "the program's entry, and nothing of ours");
    c::queue();
    stale();
    // libssl itself empties the queue in a handshake.
    assert_eq!(conn.handshake(), Status::WantRead.code());
    let server = serve(&localhost(&ca), far, b"");
    loop {
        stale();
        match conn.handshake() {
            0 => break,
            want => wait_for(&conn, Status::from_code(want).unwrap()),
        }
    }
    c::queue();
    stale();
    assert_eq!(conn.read(), Err(Status::WantRead));
    assert_eq!(conn.write(b"x").unwrap(), 1);
    stale_only();
    stale();
    assert_eq!(conn.shutdown(), 0);
    loop {
        match conn.read() {
            Err(want @ (Status::WantRead | Status::WantWrite)) => wait_for(&conn, want),
            end => break assert_eq!(end.unwrap(), b""),
        }
    }
    stale_only();
    stale();
    assert_eq!(conn.write(b"x"), Err(Status::EClosed));
    assert_eq!(c::queue().first().map(String::as_str), Some("hostlock: cannot be read"));
    server.join().unwrap();
}

#[test]
fn a_blocking_descriptor_is_waited_for_within_the_timeout_and_its_mode_is_left_alone() {
    let ca = ca();
    let (near, far) = pair(false);
    let server = serve(&localhost(&ca), far, b"hi");
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let conn = ctx.connect_fd(near.as_raw_fd(), HOST).unwrap();
    assert_eq!(conn.verified_host().as_deref(), Some(HOST), "the handshake is made");
    assert_eq!(conn.read().unwrap(), b"hi");
    ctx.set_timeout(250);
    conn.read_failure().expect(Status::ETimeout, HOST, &["while reading", "250 ms"]);
    // SAFETY: takes numbers.
    assert_eq!(unsafe { libc::fcntl(near.as_raw_fd(), libc::F_GETFL) } & libc::O_NONBLOCK, 0);
    // Later in non-blocking mode, the same connection does not wait any more.
    near.set_nonblocking(true).unwrap();
    assert_eq!(conn.read(), Err(Status::WantRead));
    drop((conn, near));
    server.join().unwrap();
}

#[test]
fn write_all_writes_all_also_on_a_nonblocking_descriptor() {
    let ca = ca();
    let (near, far) = pair(true);
    let conn = Ctx::trusting(&[&ca.certificate]).connect_fd(near.as_raw_fd(), HOST).unwrap();
    let server = serve(&localhost(&ca), far, b"");
    let data: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(conn.write_all(&data).unwrap(), data.len());
    assert_eq!(conn.shutdown(), 0);
    assert_eq!(server.join().unwrap(), data);
}

#[test]
fn a_long_write_takes_what_goes_and_continues_with_the_rest() {
    let ca = ca();
    let (near, far) = pair(true);
    let conn = Ctx::trusting(&[&ca.certificate]).connect_fd(near.as_raw_fd(), HOST).unwrap();
    let server = serve(&localhost(&ca), far, b"");
    let data: Vec<u8> = (0..2_000_000u32).map(|number| (number % 241) as u8).collect();
    let mut done = 0;
    while done < data.len() {
        // Each attempt gives another buffer.
        let rest = data[done..].to_vec();
        match conn.write(&rest) {
            Ok(sent) => done += sent,
            Err(want) => wait_for(&conn, want),
        }
    }
    assert_eq!(conn.shutdown(), 0);
    assert_eq!(server.join().unwrap(), data);
}

#[test]
fn what_is_no_stream_socket_is_refused() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    ctx.connect_fd(-1, HOST).unwrap_err().expect(Status::EArg, HOST, &["descriptor -1", "bad file descriptor"]);
    let file = std::fs::File::open("/dev/null").unwrap();
    ctx.connect_fd(file.as_raw_fd(), HOST).unwrap_err().expect(Status::EArg, HOST, &["is not a socket"]);
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    ctx.connect_fd(udp.as_raw_fd(), HOST).unwrap_err().expect(Status::EArg, HOST, &["not a stream"]);
}

#[test]
fn pending_tells_what_a_small_read_left() {
    let ca = ca();
    let (near, far) = pair(false);
    let server = serve(&localhost(&ca), far, b"0123456789");
    let conn = Ctx::trusting(&[&ca.certificate]).connect_fd(near.as_raw_fd(), HOST).unwrap();
    let mut room = [0u8; 4];
    // SAFETY: the buffer has that room.
    let got = unsafe { hostlock::ffi::connection::hostlock_read(conn.0, room.as_mut_ptr().cast(), 4) };
    assert_eq!((got, &room), (4, b"0123"));
    // SAFETY: the connection is live.
    assert_eq!(unsafe { hostlock_pending(conn.0) }, 6);
    assert_eq!(conn.read().unwrap(), b"456789");
    // SAFETY: as above.
    assert_eq!(unsafe { hostlock_pending(conn.0) }, 0);
    drop((conn, near));
    server.join().unwrap();
}
