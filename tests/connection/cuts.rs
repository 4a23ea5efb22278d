//! Connections that are cut: never taken for complete, never a signal.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

use hostlock::error::Status;

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
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        let mut byte = [0];
        let _ = stream.read_exact(&mut byte);
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let fd = std::os::fd::AsRawFd::as_raw_fd(stream.get_ref());
        let len = size_of::<libc::linger>() as u32;
        // SAFETY: the option's value is the struct behind the pointer.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), len) };
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    assert_eq!(conn.write(b"x").unwrap(), 1);
    let failure = conn.read_failure();
    failure.expect(Status::ETruncated, HOST, &["reset by", "while reading"]);
}

const CHILD: &str = "HOSTLOCK_TEST_SIGPIPE";

#[test]
fn writing_to_a_peer_that_went_raises_no_sigpipe() {
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["cuts::writing_to_a_peer_that_went_raises_no_sigpipe", "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{:?} {output}", child.status);
        assert!(output.contains("both writes ended in E_TRUNCATED"), "{output}");
        return;
    }
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
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let given = ctx.connect_fd(std::os::fd::AsRawFd::as_raw_fd(&stream), HOST).unwrap();
    assert_eq!(until_cut(&given), Status::ETruncated);
    println!("both writes ended in E_TRUNCATED");
}
