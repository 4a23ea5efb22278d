//! An `SSL` of the program's own, with its own BIO, driven by hostlock's functions.

use std::ffi::{CString, c_int};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use foreign_types::ForeignTypeRef;
use hostlock::error::Status;
use hostlock::ffi::connection::*;
use hostlock::ffi::host::hostlock_conn_set_host;
use openssl::ssl::Ssl;
use openssl_sys as ffi;

use crate::c::{self, Ctx, raw_ssl};
use crate::peer;
use crate::support::pki::Recipe;
use crate::{HOST, ca, localhost};

unsafe extern "C" {
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: c_int) -> c_int;
}

fn over(ctx: &Ctx, stream: &TcpStream, host: &str) -> Ssl {
    let ssl = raw_ssl(ctx);
    let host = CString::new(host).unwrap();
    // SAFETY: the SSL is live, and the stream outlives it.
    unsafe {
        assert_eq!(hostlock_conn_set_host(ssl.as_ptr(), host.as_ptr()), 0);
        assert_eq!(SSL_set_fd(ssl.as_ptr(), stream.as_raw_fd()), 1);
    }
    ssl
}

#[test]
fn a_plain_ssl_of_the_program_is_driven_as_well() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let port = peer::greeter(&localhost(&ca));
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let ssl = over(&ctx, &stream, HOST);
    let mut room = [0u8; 16];
    // SAFETY: the SSL is live in this thread; the buffer has that room.
    unsafe {
        let mut fd = -1;
        assert_eq!(hostlock_conn_fd(ssl.as_ptr(), &mut fd), 0);
        assert_eq!(fd, stream.as_raw_fd());
        assert_eq!(hostlock_handshake(ssl.as_ptr()), 0);
        assert_eq!(c::text(hostlock_conn_verified_host(ssl.as_ptr())).as_deref(), Some(HOST));
        assert_eq!(hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16), 5);
        assert_eq!(&room[..5], b"hello");
        assert_eq!(hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16), 0);
        assert_eq!(hostlock_shutdown(ssl.as_ptr()), 0);
    }
}

#[test]
fn reading_a_plain_ssl_before_its_handshake_makes_it_and_refuses_an_impostor() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let impostor = Recipe::server("evil.example", &["evil.example"]).issued_by(&ca);
    let mut room = [0u8; 16];
    for (identity, expected) in [(localhost(&ca), 5), (impostor, Status::EHostMismatch.code() as isize)] {
        let stream = TcpStream::connect(("127.0.0.1", peer::greeter(&identity))).unwrap();
        let ssl = over(&ctx, &stream, HOST);
        // SAFETY: the SSL is live in this thread; the buffer has that room.
        assert_eq!(unsafe { hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16) }, expected);
        c::queue();
    }
}

#[test]
fn a_cut_is_told_from_the_end_on_the_programs_own_bio_too() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        let _ = stream.write_all(b"x");
        let _ = stream.get_mut().shutdown(std::net::Shutdown::Write);
        let _ = stream.get_mut().read_to_end(&mut Vec::new());
    });
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let ssl = over(&ctx, &stream, HOST);
    let mut room = [0u8; 16];
    // SAFETY: the SSL is live in this thread; the buffer has that room.
    unsafe {
        assert_eq!(hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16), 1);
        let answer = hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16);
        c::Failure::last(answer as i64).expect(Status::ETruncated, HOST, &["closed by 127.0.0.1", "while reading"]);
    }
    c::queue();
}

#[test]
fn an_ssl_of_another_context_is_not_given_a_handshake() {
    let context = openssl::ssl::SslContext::builder(openssl::ssl::SslMethod::tls_client()).unwrap().build();
    let ssl = Ssl::new(&context).unwrap();
    // SAFETY: the SSL is live in this thread.
    let answer = unsafe { hostlock_handshake(ssl.as_ptr()) };
    assert_eq!(answer, Status::EState.code());
    assert!(c::Failure::last(answer).message.contains("not made by hostlock"));
    c::queue();
}

#[test]
fn a_connection_that_names_no_host_is_refused_in_the_handshake() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let stream = TcpStream::connect(("127.0.0.1", peer::greeter(&localhost(&ca)))).unwrap();
    let ssl = raw_ssl(&ctx);
    // SAFETY: the SSL is live in this thread, and the stream outlives it.
    let answer = unsafe {
        assert_eq!(SSL_set_fd(ssl.as_ptr(), stream.as_raw_fd()), 1);
        hostlock_handshake(ssl.as_ptr())
    };
    assert_eq!(c::Failure::last(answer).status, Status::ENoHost);
    c::queue();
}

unsafe extern "C" fn accept_all(_: *mut ffi::X509_STORE_CTX, _: *mut std::ffi::c_void) -> c_int {
    1
}

#[test]
fn a_handshake_whose_verification_was_replaced_gives_no_byte_however_it_was_driven() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    // SAFETY: the context is live and not in use.
    unsafe { hostlock::libssl::sys::SSL_CTX_set_cert_verify_callback(ctx.0, Some(accept_all), std::ptr::null_mut()) };
    let port = peer::greeter(&Recipe::server("evil.example", &["evil.example"]).issued_by(&ca));
    let refused = Status::EUnverified.code();
    for plain_connect in [true, false] {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let ssl = over(&ctx, &stream, HOST);
        let mut room = [0u8; 16];
        // SAFETY: the SSL is live in this thread; the buffer has that room.
        unsafe {
            if plain_connect {
                ffi::SSL_connect(ssl.as_ptr());
            } else {
                assert_eq!(hostlock_handshake(ssl.as_ptr()), refused);
            }
            assert_eq!(hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16), refused as isize);
            assert_eq!(room, [0; 16]);
            assert_eq!(hostlock_write(ssl.as_ptr(), room.as_ptr().cast(), 16), refused as isize);
            assert_eq!(hostlock_handshake(ssl.as_ptr()), refused);
            assert!(hostlock_conn_verified_host(ssl.as_ptr()).is_null());
        }
        c::Failure::last(refused).expect(Status::EUnverified, HOST, &["the certificate verify callback was replaced"]);
        c::queue();
    }
    let failure = ctx.connect(HOST, port).unwrap_err();
    failure.expect(Status::EUnverified, HOST, &["the certificate verify callback was replaced"]);
}

#[test]
fn a_plain_nonblocking_connect_leaves_nothing_on_the_error_queue() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let stream = TcpStream::connect(("127.0.0.1", peer::raw(peer::linger))).unwrap();
    stream.set_nonblocking(true).unwrap();
    let ssl = over(&ctx, &stream, HOST);
    c::queue();
    // SAFETY: the SSL is live in this thread.
    let answer = unsafe { ffi::SSL_connect(ssl.as_ptr()) };
    assert_eq!(answer, -1);
    // SAFETY: as above.
    assert_eq!(unsafe { ffi::SSL_get_error(ssl.as_ptr(), answer) }, ffi::SSL_ERROR_WANT_READ);
    assert_eq!(c::queue(), [""; 0]);
}

#[test]
fn a_reset_is_a_cut_on_the_programs_own_bio_too_whatever_lies_on_the_error_queue() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let stream = TcpStream::connect(("127.0.0.1", peer::resetting(&localhost(&ca)))).unwrap();
    let ssl = over(&ctx, &stream, HOST);
    let mut room = [0u8; 16];
    // SAFETY: the SSL is live in this thread; the buffer has that room.
    unsafe {
        assert_eq!(hostlock_handshake(ssl.as_ptr()), 0);
        assert_eq!(hostlock_write(ssl.as_ptr(), room.as_ptr().cast(), 1), 1);
    }
    hostlock::libssl::queue::raise(&hostlock::error::Error::new(Status::EFileIo, "stale"));
    // SAFETY: as above.
    let answer = unsafe { hostlock_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 16) };
    c::Failure::last(answer as i64).expect(Status::ETruncated, HOST, &["reset by", "while reading"]);
    c::queue();
}

#[test]
fn a_connection_over_memory_never_waits() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let ssl = raw_ssl(&ctx);
    let host = CString::new(HOST).unwrap();
    // SAFETY: the SSL is live in this thread and takes both BIOs.
    unsafe {
        assert_eq!(hostlock_conn_set_host(ssl.as_ptr(), host.as_ptr()), 0);
        ffi::SSL_set_bio(ssl.as_ptr(), ffi::BIO_new(ffi::BIO_s_mem()), ffi::BIO_new(ffi::BIO_s_mem()));
        let mut fd = 7;
        assert_eq!(hostlock_conn_fd(ssl.as_ptr(), &mut fd), Status::EState.code());
        assert_eq!(fd, -1);
        assert_eq!(hostlock_handshake(ssl.as_ptr()), Status::WantRead.code());
        let answer = hostlock_write_all(ssl.as_ptr(), [1u8; 4].as_ptr().cast(), 4);
        c::Failure::last(answer as i64).expect(Status::EState, HOST, &["no descriptor to wait for"]);
    }
    c::queue();
}
