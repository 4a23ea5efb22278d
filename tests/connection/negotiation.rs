//! Peers that have nothing in common with the policy, and peers that do not speak TLS.

use std::io::Write;

use hostlock::error::Status;

use crate::c::{self, Ctx};
use crate::peer::{self, OldServer};
use crate::support::pki::rsa;
use crate::support::{hello, pki::Recipe};
use crate::{HOST, ca, localhost};

const ALERT_HANDSHAKE_FAILURE: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

#[test]
fn a_server_of_tls_1_0_or_1_1_only_has_no_common_version() {
    let ca = ca();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    for version in ["-tls1", "-tls1_1"] {
        let options = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let server = OldServer::start(&format!("old{version}"), &localhost(&ca), &options);
        let failure = ctx.connect(HOST, server.port).unwrap_err();
        let facts = ["refused every version (alert protocol_version)", "offered were TLS 1.2 and TLS 1.3"];
        failure.expect(Status::ENoCommonVersion, HOST, &facts);
        assert!(failure.hint.contains("TLS 1.2 or newer"), "{failure:?}");
    }
}

fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let mut body = vec![version[0], version[1]];
    body.extend([7; 32]);
    body.extend([0, suite[0], suite[1], 0]);
    let mut record = vec![22, version[0], version[1], 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
    record.extend(body);
    record
}

#[test]
fn a_server_that_insists_on_an_old_version_is_named_with_the_version_it_chose() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    for (version, name) in [([3, 1], "chose TLS 1.0"), ([3, 2], "chose TLS 1.1"), ([3, 0], "chose SSL 3.0")] {
        let port = peer::raw(move |mut stream| {
            peer::client_hello(&mut stream);
            stream.write_all(&server_hello(version, [0xc0, 0x2f])).unwrap();
            peer::linger(stream);
        });
        let failure = ctx.connect(HOST, port).unwrap_err();
        failure.expect(Status::ENoCommonVersion, HOST, &[name, "offered were TLS 1.2 and TLS 1.3"]);
    }
}

#[test]
fn a_server_of_rc4_and_3des_only_has_no_common_cipher() {
    const RC4_AND_3DES: &[u16] = &[0x0004, 0x0005, 0x000a, 0xc007, 0xc008, 0xc011, 0xc012];
    let ctx = Ctx::trusting(&[&ca().certificate]);
    // A server that looks for its suites in the hello, and refuses where it finds none.
    let port = peer::raw(|mut stream| {
        let offered = hello::parse(&peer::client_hello(&mut stream)).suites;
        assert!(!offered.iter().any(|suite| RC4_AND_3DES.contains(suite)), "{offered:x?}");
        stream.write_all(ALERT_HANDSHAKE_FAILURE).unwrap();
        peer::linger(stream);
    });
    let failure = ctx.connect(HOST, port).unwrap_err();
    let facts = ["alert handshake_failure", "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"];
    failure.expect(Status::ENoCommonCipher, HOST, &facts);
    assert!(failure.hint.contains("forward secrecy"), "{failure:?}");

    // One that takes RC4 without having been offered it.
    let port = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        stream.write_all(&server_hello([3, 3], [0x00, 0x05])).unwrap();
        peer::linger(stream);
    });
    let failure = ctx.connect(HOST, port).unwrap_err();
    failure.expect(Status::ENoCommonCipher, HOST, &["0x0005, which was not offered", "TLS_AES_128_GCM_SHA256"]);
}

#[test]
fn a_server_without_forward_secrecy_has_no_common_cipher() {
    let ca = ca();
    let mut recipe = Recipe::server(HOST, &[HOST]);
    recipe.key = rsa(2048);
    let options = ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"];
    let server = OldServer::start("static-rsa", &recipe.issued_by(&ca), &options);
    let failure = Ctx::trusting(&[&ca.certificate]).connect(HOST, server.port).unwrap_err();
    failure.expect(Status::ENoCommonCipher, HOST, &["alert handshake_failure", "ECDHE-RSA-AES128-GCM-SHA256"]);
}

#[test]
fn an_alert_is_named_and_explained() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let rows = [(112, "unrecognized_name", "no site of the name"), (80, "internal_error", "look at its log")];
    for (description, name, meaning) in rows {
        let port = peer::raw(move |mut stream| {
            peer::client_hello(&mut stream);
            stream.write_all(&[21, 3, 3, 0, 2, 2, description]).unwrap();
            peer::linger(stream);
        });
        let failure = ctx.connect(HOST, port).unwrap_err();
        failure.expect(Status::EAlert, HOST, &[name, "127.0.0.1", "during the handshake"]);
        assert!(failure.hint.contains(meaning), "{failure:?}");
    }
}

#[test]
fn a_server_that_wants_a_client_certificate_says_so_at_the_first_read() {
    let ca = ca();
    let mut acceptor = peer::acceptor(&localhost(&ca));
    acceptor.set_verify(openssl::ssl::SslVerifyMode::PEER | openssl::ssl::SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, peer::echo(acceptor)).unwrap();
    let failure = conn.read_failure();
    failure.expect(Status::EAlert, HOST, &["certificate_required", "while reading"]);
    let again = conn.read_failure();
    assert_eq!(again.message, failure.message, "a later call repeats it");
    assert_eq!(conn.write(b"x"), Err(Status::EAlert));
    c::queue();
}

#[test]
fn a_port_that_does_not_speak_tls_is_told_by_what_it_says() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let rows: [(&'static [u8], Status, &str); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", Status::EPlaintext, "\"HTTP/1.1 400 Bad Request\""),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Status::EPlaintext, "speaks SSH"),
        (b"220 mail.example ESMTP\r\n", Status::EPlaintext, "speaks SMTP or FTP"),
        (b"what do you want?\n", Status::EPlaintext, "speaks plain text"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", Status::EPlaintext, "begins with 00 01 02 03"),
    ];
    for (answer, status, fact) in rows {
        let port = peer::raw(move |mut stream| {
            stream.write_all(answer).unwrap();
            peer::linger(stream);
        });
        ctx.connect(HOST, port).unwrap_err().expect(status, HOST, &[fact, &format!("127.0.0.1:{port}")]);
    }
}
