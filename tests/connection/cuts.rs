//! Connections that are cut: never taken for complete, never a signal.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::mpsc;

use hostlock::error::Status;
use openssl::ssl::ErrorCode;

use crate::c::{self, Ctx};
use crate::peer;
use crate::{HOST, ca, localhost};

#[test]
fn a_cut_between_records_is_truncation_and_not_the_end() {
    let ca = ca();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        let _ = stream.write_all(b"half of it");
        let _ = stream.get_mut().shutdown(Shutdown::Write);
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    assert_eq!(conn.read().unwrap(), b"half of it");
    let failure = conn.read_failure();
    failure.expect(Status::ETruncated, HOST, &[&format!("127.0.0.1:{port}"), "without TLS's close_notify"]);
    assert!(failure.hint.contains("incomplete"), "{failure:?}");
    assert_eq!(conn.read_failure().status, Status::ETruncated, "and it stays so");
    assert_eq!(conn.write(b"x"), Err(Status::ETruncated));
    c::queue();
}

#[test]
fn a_cut_inside_of_a_record_is_truncation() {
    let ca = ca();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        // The header of a record of 256 bytes, and three of them.
        let _ = stream.get_mut().write_all(&[23, 3, 3, 1, 0, 1, 2, 3]);
        let _ = stream.get_mut().shutdown(Shutdown::Write);
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    conn.read_failure().expect(Status::ETruncated, HOST, &["closed by", "while reading"]);
}

#[test]
fn a_forged_record_is_a_broken_protocol() {
    let ca = ca();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        let mut forged = vec![23, 3, 3, 0, 64];
        forged.extend([9; 64]);
        let _ = stream.get_mut().write_all(&forged);
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    conn.read_failure().expect(Status::EProtocol, HOST, &["broke the TLS protocol while reading", "bad record mac"]);
    assert_eq!(conn.verified_host(), None, "a failed connection vouches for nothing");
}

/// Fills the way to the peer, past hostlock, until not even one byte finds room.
fn fill(stream: &TcpStream) {
    let rubbish = [0u8; 4096];
    for len in [rubbish.len(), 1] {
        let mut full = 0;
        while full < 20 {
            // SAFETY: the buffer has that length.
            let sent = unsafe { libc::send(stream.as_raw_fd(), rubbish.as_ptr().cast(), len, libc::MSG_DONTWAIT) };
            full = if sent > 0 { 0 } else { full + 1 };
            if full > 0 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
    }
}

#[test]
fn a_fatal_error_whose_alert_finds_no_room_ends_the_read_all_the_same() {
    let ca = ca();
    let (go, told) = mpsc::channel::<()>();
    let mut acceptor = peer::acceptor(&localhost(&ca));
    acceptor.set_num_tickets(0).unwrap();
    let port = peer::tls(acceptor, move |mut stream| {
        let mut forged = vec![23, 3, 3, 0, 64];
        forged.extend([9; 64]);
        let _ = stream.get_mut().write_all(&forged);
        let _ = told.recv();
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let ctx = Ctx::trusting(&[&ca.certificate]);
    for nonblocking in [true, false] {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let conn = ctx.connect_fd(stream.as_raw_fd(), HOST).unwrap();
        stream.set_nonblocking(nonblocking).unwrap();
        fill(&stream);
        // The forged record, which cannot be verified, whole.
        stream.set_nonblocking(false).unwrap();
        while stream.peek(&mut [0; 100]).unwrap() < 69 {}
        stream.set_nonblocking(nonblocking).unwrap();
        assert_eq!(conn.read(), Err(Status::EProtocol), "nonblocking: {nonblocking}");
        go.send(()).unwrap();
        drop((conn, stream));
    }
    c::queue();
}

#[test]
fn a_cut_in_the_handshake_says_how_far_it_came() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let port = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
    });
    ctx.connect(HOST, port).unwrap_err().expect(Status::ETruncated, HOST, &["before it said anything"]);
    let port = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        stream.write_all(&[22, 3, 3, 0, 90, 2, 0]).unwrap();
    });
    ctx.connect(HOST, port).unwrap_err().expect(Status::ETruncated, HOST, &["in the middle of the handshake"]);
}

#[test]
fn a_reset_is_a_cut() {
    let ca = ca();
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, peer::resetting(&localhost(&ca))).unwrap();
    assert_eq!(conn.write(b"x").unwrap(), 1);
    let failure = conn.read_failure();
    failure.expect(Status::ETruncated, HOST, &["reset by", "while reading"]);
}

const CHILD: &str = "HOSTLOCK_TEST_ALONE";

/// Runs `body` in a process of its own, which is this test program with the one test `name`.
fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        body();
        println!("came to its end");
        return;
    }
    let arguments = [name, "--exact", "--nocapture"];
    let child = Command::new(std::env::current_exe().unwrap()).args(arguments).env(CHILD, "1").output().unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("came to its end"), "{:?} {output}", child.status);
}

#[test]
fn writing_to_a_peer_that_went_raises_no_sigpipe() {
    alone("cuts::writing_to_a_peer_that_went_raises_no_sigpipe", || {
        // SAFETY: the default action, which ends the process; the test harness ignores the signal.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let ca = ca();
        let ctx = Ctx::trusting(&[&ca.certificate]);
        let port = peer::tls(peer::acceptor(&localhost(&ca)), drop);
        let until_cut = |conn: &c::Conn| loop {
            match conn.write(&[0; 4096]) {
                Ok(_) => {}
                Err(status) => break status,
            }
        };
        let opened = ctx.connect(HOST, port).unwrap();
        assert_eq!(until_cut(&opened), Status::ETruncated);
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let given = ctx.connect_fd(stream.as_raw_fd(), HOST).unwrap();
        assert_eq!(until_cut(&given), Status::ETruncated);
    });
}

#[test]
fn a_forked_child_that_frees_a_connection_does_not_end_its_parents() {
    alone("cuts::a_forked_child_that_frees_a_connection_does_not_end_its_parents", || {
        let ca = ca();
        let conn =
            Ctx::trusting(&[&ca.certificate]).connect(HOST, peer::echo(peer::acceptor(&localhost(&ca)))).unwrap();
        // SAFETY: the child frees its copy of the connection and ends at once.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                hostlock::ffi::connection::hostlock_conn_free(conn.0);
                libc::_exit(0);
            }
            let mut status = -1;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            assert_eq!(status, 0);
        }
        conn.write_all(b"still here").unwrap();
        assert_eq!(conn.read().unwrap(), b"still here");
    });
}

#[test]
fn freeing_closes_the_descriptor_and_sends_no_goodbye() {
    let ca = ca();
    let (tell, told) = mpsc::channel();
    let mut acceptor = peer::acceptor(&localhost(&ca));
    // A socket that is closed with unread tickets resets the connection.
    acceptor.set_num_tickets(0).unwrap();
    let port = peer::tls(acceptor, move |mut stream| {
        let _ = tell.send(stream.ssl_read(&mut [0]).map_err(|error| error.code()));
    });
    let ctx = Ctx::trusting(&[&ca.certificate]);
    drop(ctx.connect(HOST, port).unwrap());
    assert_ne!(told.recv().unwrap().unwrap_err(), ErrorCode::ZERO_RETURN, "cut, without close_notify");
    let conn = ctx.connect(HOST, port).unwrap();
    assert_eq!(conn.shutdown(), 0);
    drop(conn);
    assert_eq!(told.recv().unwrap().unwrap_err(), ErrorCode::ZERO_RETURN);
}

extern "C" fn on_signal(_: libc::c_int) {}

#[test]
fn a_signal_does_not_end_a_wait() {
    let ca = ca();
    let (go, wait) = mpsc::channel::<()>();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), move |mut stream| {
        let _ = wait.recv();
        let _ = stream.write_all(b"at last");
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    // SAFETY: plain data; a handler without SA_RESTART interrupts poll and recv.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    // SAFETY: takes no arguments.
    let reader = unsafe { libc::pthread_self() };
    let signals = std::thread::spawn(move || {
        for _ in 0..50 {
            // SAFETY: the reader waits until the data comes, which is after the last signal.
            unsafe { libc::pthread_kill(reader, libc::SIGUSR1) };
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        go.send(()).unwrap();
    });
    assert_eq!(conn.read().unwrap(), b"at last");
    signals.join().unwrap();
}
