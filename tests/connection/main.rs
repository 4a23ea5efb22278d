//! Connections through the C ABI, against real peers on loopback.

mod c;
mod cuts;
mod negotiation;
mod network;
mod nonblocking;
mod peer;
mod reading;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::CString;
use std::ptr;

use c::{Ctx, text};
use hostlock::error::Status;
use hostlock::ffi::connection::*;
use hostlock::ffi::library::hostlock_string_free;
use openssl::ssl::SslVersion;
use openssl::x509::X509;
use support::pki::{DAY, Identity, Recipe};

const HOST: &str = "localhost";

fn ca() -> Identity {
    Recipe::ca("Test CA").self_signed()
}

fn localhost(ca: &Identity) -> Identity {
    Recipe::server(HOST, &[HOST]).issued_by(ca)
}

#[test]
fn a_host_is_reached_by_name_and_by_address_and_the_facts_are_told() {
    let ca = ca();
    let mut recipe = Recipe::server(HOST, &[HOST]);
    recipe.ip = vec!["127.0.0.1".to_owned()];
    let port = peer::greeter(&recipe.issued_by(&ca));
    let ctx = Ctx::trusting(&[&ca.certificate]);
    for host in [HOST, "LocalHost.", "127.0.0.1"] {
        let conn = ctx.connect(host, port).unwrap();
        assert_eq!(conn.read().unwrap(), b"hello");
        assert_eq!(conn.read().unwrap(), b"");
        assert_eq!(conn.read().unwrap(), b"", "the end stays the end");
        let expected = if host == "127.0.0.1" { host } else { HOST };
        assert_eq!(conn.verified_host().as_deref(), Some(expected));
        let info = conn.info();
        assert_eq!(info["version"], "TLSv1.3");
        assert_eq!(info["verified_host"], expected);
        assert_eq!(info["session_reused"], host == "LocalHost.", "the same host, in other letters");
        assert_eq!(info["alpn"], serde_json::Value::Null);
        assert_eq!(info["policy"], "2026-11");
        assert_eq!(info["insecure"], serde_json::json!([]));
        assert_eq!(info["peer"], format!("127.0.0.1:{port}"));
        assert_eq!(info["certificate"]["subject"], format!("CN={HOST}"));
        let until = info["certificate"]["not_after"].as_i64().unwrap();
        assert!((until - support::pki::now() - 30 * DAY).abs() < DAY);
        assert!(info["cipher"].as_str().unwrap().starts_with("TLS_"));
        assert!(info["group"].as_str().unwrap().to_ascii_lowercase().contains("25519"), "{info}");
        // SAFETY: the connection is live, and the string is freed once.
        unsafe {
            assert_eq!(text(hostlock_conn_version(conn.0)).as_deref(), Some("TLSv1.3"));
            assert_eq!(text(hostlock_conn_cipher(conn.0)).as_deref(), info["cipher"].as_str());
            let mut fd = -1;
            assert_eq!(hostlock_conn_fd(conn.0, &mut fd), 0);
            assert!(fd >= 0);
            let pem = hostlock_conn_peer_chain(conn.0);
            let chain = X509::stack_from_pem(text(pem).unwrap().as_bytes()).unwrap();
            hostlock_string_free(pem);
            assert_eq!(chain.len(), 1);
            assert!(format!("{:?}", chain[0].subject_name()).contains(HOST));
        }
    }
}

#[test]
#[allow(deprecated, reason = "it is what the test is about")]
fn the_facts_name_the_checks_that_the_program_gave_up() {
    let ca = ca();
    let port = peer::greeter(&Recipe::server("other.example", &["other.example"]).issued_by(&ca));
    let ctx = Ctx::trusting(&[&ca.certificate]);
    // SAFETY: the context is live.
    let given = unsafe { hostlock::ffi::insecure::hostlock_insecure_no_hostname(ctx.0, c"a test".as_ptr()) };
    assert_eq!(given, 0);
    let info = ctx.connect(HOST, port).unwrap().info();
    assert_eq!(info["insecure"], serde_json::json!(["no_hostname"]));
}

#[test]
fn both_versions_of_tls_carry_data_both_ways_until_each_side_says_goodbye() {
    let ca = ca();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut acceptor = peer::acceptor(&localhost(&ca));
        acceptor.set_min_proto_version(Some(version)).unwrap();
        acceptor.set_max_proto_version(Some(version)).unwrap();
        let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, peer::echo(acceptor)).unwrap();
        assert_eq!(conn.write(b"one").unwrap(), 3);
        assert_eq!(conn.read().unwrap(), b"one");
        assert_eq!(conn.write_all(b"two").unwrap(), 3);
        assert_eq!(conn.shutdown(), 0);
        assert_eq!(conn.shutdown(), 0, "a second goodbye does nothing");
        assert_eq!(conn.read().unwrap(), b"two", "what the peer still says is read");
        assert_eq!(conn.read().unwrap(), b"");
        assert_eq!(conn.write(b"x"), Err(Status::EClosed));
        c::Failure::last(Status::EClosed.code()).expect(Status::EClosed, HOST, &["hostlock_shutdown"]);
    }
}

#[test]
fn a_refused_certificate_refuses_the_connection_with_all_its_facts() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let impostor = Recipe::server("evil.example", &["evil.example"]).issued_by(&ca);
    let mut expired = Recipe::server(HOST, &[HOST]);
    expired.not_before = -3 * DAY;
    expired.not_after = -2 * DAY;
    let rows: [(Identity, Status, &[&str]); 4] = [
        (impostor, Status::EHostMismatch, &["\"evil.example\"", "\"localhost\""]),
        (expired.issued_by(&ca), Status::EExpired, &["CN=localhost", "expired on"]),
        (Recipe::server(HOST, &[HOST]).self_signed(), Status::ESelfSigned, &["self-signed"]),
        (localhost(&Recipe::ca("Other CA").self_signed()), Status::EUnknownIssuer, &["CN=Other CA"]),
    ];
    for (identity, status, facts) in rows {
        let port = peer::greeter(&identity);
        c::queue();
        let failure = ctx.connect(HOST, port).unwrap_err();
        failure.expect(status, HOST, facts);
        assert!(!failure.hint.is_empty());
        assert_eq!(c::queue(), [format!("hostlock: {}", status.title())], "one reason, and it is ours");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["", "a..b", "localhost:443", "http://localhost/", "[::1]", "127.1", ".localhost"] {
        assert_eq!(ctx.connect(host, port).unwrap_err().status, Status::EBadHost, "{host:?}");
    }
    ctx.connect(HOST, 0).unwrap_err().expect(Status::EArg, HOST, &["port 0"]);

    // SAFETY: the context is live; this call fails, and so poisons it.
    let answer = unsafe { hostlock::ffi::context::hostlock_ctx_set_timeout(ctx.0, -1) };
    assert_eq!(answer, Status::EArg.code());
    ctx.connect(HOST, port).unwrap_err().expect(Status::EPoisoned, HOST, &["hostlock_ctx_set_timeout", "-1"]);
    let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&near);
    ctx.connect_fd(fd, HOST).unwrap_err().expect(Status::EPoisoned, HOST, &["hostlock_ctx_set_timeout"]);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody connected");
}

#[test]
fn null_and_nonsense_are_errors_and_not_crashes() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let host = CString::new(HOST).unwrap();
    let mut conn = ptr::null_mut();
    let mut room = [0u8; 4];
    let bad = Status::EArg.code();
    // SAFETY: NULL is what each function promises to refuse or to ignore.
    unsafe {
        assert_eq!(hostlock_connect(ptr::null_mut(), host.as_ptr(), 1, &mut conn), bad);
        assert_eq!(hostlock_connect(ctx.0, ptr::null(), 1, &mut conn), bad);
        assert_eq!(hostlock_connect(ctx.0, host.as_ptr(), 1, ptr::null_mut()), bad);
        assert_eq!(hostlock_connect_fd(ptr::null_mut(), 0, host.as_ptr(), &mut conn), bad);
        assert_eq!(hostlock_connect_fd(ctx.0, 0, host.as_ptr(), ptr::null_mut()), bad);
        assert_eq!(hostlock_handshake(ptr::null_mut()), bad);
        assert_eq!(hostlock_read(ptr::null_mut(), room.as_mut_ptr().cast(), 4), bad as isize);
        assert_eq!(hostlock_write(ptr::null_mut(), room.as_ptr().cast(), 4), bad as isize);
        assert_eq!(hostlock_write_all(ptr::null_mut(), room.as_ptr().cast(), 4), bad as isize);
        assert_eq!(hostlock_write_many(ptr::null_mut(), room.as_ptr().cast(), 4, &mut 0), bad);
        assert_eq!(hostlock_shutdown(ptr::null_mut()), bad);
        assert_eq!(hostlock_pending(ptr::null()), 0);
        assert_eq!(hostlock_conn_fd(ptr::null(), ptr::null_mut()), bad);
        assert!(hostlock_conn_version(ptr::null()).is_null());
        assert!(hostlock_conn_cipher(ptr::null()).is_null());
        assert!(hostlock_conn_verified_host(ptr::null()).is_null());
        assert!(hostlock_conn_peer_chain(ptr::null()).is_null());
        assert!(hostlock_conn_info(ptr::null()).is_null());
        hostlock_conn_free(ptr::null_mut());
        hostlock_string_free(ptr::null_mut());
    }
    assert!(conn.is_null());

    let conn = ctx.connect(HOST, peer::greeter(&localhost(&ca))).unwrap();
    // SAFETY: the connection is live.
    unsafe {
        assert_eq!(hostlock_read(conn.0, ptr::null_mut(), 4), bad as isize);
        assert_eq!(hostlock_read(conn.0, room.as_mut_ptr().cast(), 0), bad as isize, "0 is only for the end");
        assert_eq!(hostlock_write(conn.0, ptr::null(), 4), bad as isize);
        assert_eq!(hostlock_write(conn.0, room.as_ptr().cast(), 0), 0);
        assert_eq!(hostlock_write_all(conn.0, ptr::null(), 4), bad as isize);
        assert_eq!(hostlock_write_all(conn.0, room.as_ptr().cast(), 0), 0);
        assert_eq!(hostlock_write(conn.0, ptr::null(), 0), 0, "an empty buffer may be NULL");
        assert_eq!(hostlock_write_all(conn.0, ptr::null(), 0), 0);
    }
    assert_eq!(conn.read().unwrap(), b"hello", "none of it hurt the connection");
}
