//! Peers that a client gives up: with nothing in common, with a broken TLS, with none at all, or silent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use foreign_types::ForeignTypeRef;
use hostlock::ffi::errors::{hostlock_conn_error, hostlock_last_error};
use openssl::ssl::{SslStream, SslVerifyMode, SslVersion};

use crate::c::{self, Ctx, Failure};
use crate::peer::{self, OldServer, linger};
use crate::support::pki::{Identity, Recipe, rsa};
use crate::table::Row;

const HOST: &str = "localhost";

struct World {
    ca: Identity,
    ctx: Ctx,
}

impl World {
    fn leaf(&self) -> Identity {
        Recipe::server(HOST, &[HOST]).issued_by(&self.ca)
    }

    /// A peer that answers the hello with `answer`.
    fn answered(&self, answer: &[u8]) -> Failure {
        let answer = answer.to_vec();
        let port = peer::raw(move |mut stream| {
            peer::client_hello(&mut stream);
            stream.write_all(&answer).unwrap();
            linger(stream);
        });
        self.ctx.connect(HOST, port).unwrap_err()
    }

    /// The same, of a handshake that SSL_connect drives: the connection's error, which is the thread's last one, too.
    fn answered_old_code(&self, answer: &[u8]) -> Failure {
        let answer = answer.to_vec();
        let port = peer::raw(move |mut stream| {
            peer::client_hello(&mut stream);
            stream.write_all(&answer).unwrap();
            linger(stream);
        });
        let ssl = c::raw_ssl(&self.ctx);
        // SAFETY: the connection is live, the host NUL-terminated.
        assert_eq!(unsafe { hostlock::ffi::host::hostlock_conn_set_host(ssl.as_ptr(), c"localhost".as_ptr()) }, 0);
        let mut stream = SslStream::new(ssl, TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
        stream.connect().unwrap_err();
        c::queue();
        // SAFETY: the connection is live.
        let kept = unsafe { hostlock_conn_error(stream.ssl().as_ptr()) };
        assert_eq!(kept, hostlock_last_error());
        // SAFETY: it lives as long as the connection.
        unsafe { Failure::of(kept) }
    }

    /// A peer that answers with a hello of TLS 1.3.
    fn answered_by_13(&self, suite: [u8; 2], group: u16) -> Failure {
        let port = peer::raw(move |mut stream| {
            let hello = peer::client_hello(&mut stream);
            let session_id = &hello[44..44 + usize::from(hello[43])];
            stream.write_all(&hello_for(session_id, [3, 3], suite, &tls13(group))).unwrap();
            linger(stream);
        });
        self.ctx.connect(HOST, port).unwrap_err()
    }

    fn old(&self, name: &str, identity: &Identity, options: &[&str]) -> Failure {
        self.ctx.connect(HOST, OldServer::start(name, identity, options).port).unwrap_err()
    }
}

fn world() -> World {
    let ca = Recipe::ca("Our CA").self_signed();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    World { ca, ctx }
}

/// What old code finds that calls SSL_connect.
pub fn rows_of_old_code() -> Vec<Row> {
    let world = world();
    let row = |situation: &str, answer: &[u8]| Row::new(situation, world.answered_old_code(answer));
    vec![
        row("plain HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        row("random bytes", b"\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99"),
        row("it chose TLS 1.0", &server_hello([3, 1], [0xc0, 0x2f], &[])),
        row("it chose RC4, which was never offered", &server_hello([3, 3], [0x00, 0x05], &[])),
        row("the alert handshake_failure", &[21, 3, 3, 0, 2, 2, 40]),
        row("the alert protocol_version", &[21, 3, 3, 0, 2, 2, 70]),
        row("the alert internal_error", &[21, 3, 3, 0, 2, 2, 80]),
    ]
}

pub fn rows() -> Vec<Row> {
    let world = world();
    let mut rows = strangers(&world);
    rows.extend(nothing_in_common(&world));
    rows.extend(alerts(&world));
    rows.extend(broken(&world));
    rows.extend(endings(&world));
    rows
}

fn strangers(world: &World) -> Vec<Row> {
    let row = |situation: &str, answer: &[u8]| Row::new(situation, world.answered(answer));
    vec![
        row("HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        row("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        row("SMTP", b"220 mail.example ESMTP\r\n"),
        row("plain text", b"what do you want?\n"),
        row("random bytes", b"\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99"),
        row("random bytes of which the first are letters", b"Kq3z!\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99"),
        row("data of a connection that is under TLS already", b"\x17\x03\x03\x00\x05\x9e\x01\xf3\x7a\x00"),
        row("random bytes that begin like a record", b"\x16\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99"),
        row("random bytes that begin like an alert", b"\x15\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99"),
    ]
}

fn server_hello(version: [u8; 2], suite: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    hello_for(&[], version, suite, extensions)
}

fn hello_for(session_id: &[u8], version: [u8; 2], suite: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![version[0], version[1]];
    body.extend([7; 32]);
    body.push(session_id.len() as u8);
    body.extend(session_id);
    body.extend([suite[0], suite[1], 0]);
    if !extensions.is_empty() {
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
    }
    let mut record = vec![22, version[0], version[1], 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
    record.extend(body);
    record
}

/// supported_versions says TLS 1.3; a key share of `group` stands beside it.
fn tls13(group: u16) -> Vec<u8> {
    let mut extensions = vec![0, 43, 0, 2, 3, 4, 0, 51, 0, 36];
    extensions.extend(group.to_be_bytes());
    extensions.extend([0, 32]);
    extensions.extend([9; 32]);
    extensions
}

fn nothing_in_common(world: &World) -> Vec<Row> {
    const X25519: u16 = 29;
    const X448: u16 = 30;
    let row = |situation: &str, answer: &[u8]| Row::new(situation, world.answered(answer));
    let static_rsa = Recipe { key: rsa(2048), ..Recipe::server(HOST, &[HOST]) }.issued_by(&world.ca);
    let echo = |mend: &dyn Fn(&mut openssl::ssl::SslAcceptorBuilder)| {
        let mut acceptor = peer::acceptor(&world.leaf());
        mend(&mut acceptor);
        world.ctx.connect(HOST, peer::echo(acceptor)).unwrap_err()
    };
    vec![
        Row::new(
            "a server of TLS 1.1 only",
            world.old("table-old", &world.leaf(), &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        ),
        row("it chose TLS 1.0", &server_hello([3, 1], [0xc0, 0x2f], &[])),
        row("it chose SSL 3.0", &server_hello([3, 0], [0xc0, 0x2f], &[])),
        Row::new(
            "a server without forward secrecy",
            world.old("table-rsa", &static_rsa, &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]),
        ),
        row("it chose RC4, which was never offered", &server_hello([3, 3], [0x00, 0x05], &[])),
        row("it chose a suite that libssl knows and we never offer", &server_hello([3, 3], [0x00, 0x2f], &[])),
        Row::new("it chose a suite of TLS 1.3 that we never offer", world.answered_by_13([0x13, 0x05], X25519)),
        Row::new("it chose a suite of TLS 1.2 for TLS 1.3", world.answered_by_13([0xc0, 0x2f], X25519)),
        Row::new("it chose a group for which it got no share", world.answered_by_13([0x13, 0x01], X448)),
        Row::new(
            "a server of TLS 1.3 with another group only",
            echo(&|acceptor| {
                acceptor.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
                acceptor.set_max_proto_version(None).unwrap();
                acceptor.set_groups_list("ffdhe8192").unwrap();
            }),
        ),
    ]
}

fn alerts(world: &World) -> Vec<Row> {
    let row = |situation: &str, description: u8| Row::new(situation, world.answered(&[21, 3, 3, 0, 2, 2, description]));
    let mut demanding = peer::acceptor(&world.leaf());
    demanding.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    let at_read = world.ctx.connect(HOST, peer::echo(demanding)).unwrap().read_failure();
    let mut strict = peer::acceptor(&world.leaf());
    strict.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    strict.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    vec![
        row("the alert handshake_failure", 40),
        row("the alert protocol_version", 70),
        row("the alert insufficient_security", 71),
        row("the alert internal_error", 80),
        row("the alert unrecognized_name", 112),
        row("the alert no_application_protocol", 120),
        row("an alert that is not known", 255),
        Row::new("it wants a client certificate, on TLS 1.3", at_read),
        Row::new("it wants a client certificate, on TLS 1.2", world.ctx.connect(HOST, peer::echo(strict)).unwrap_err()),
    ]
}

fn broken(world: &World) -> Vec<Row> {
    let forged = peer::tls(peer::acceptor(&world.leaf()), |mut stream| {
        let _ = stream.get_mut().write_all(&[&[23, 3, 3, 0, 64][..], &[9; 64]].concat());
        linger(stream.get_ref().try_clone().unwrap());
    });
    let mut of_12 = peer::acceptor(&world.leaf());
    of_12.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    let short = peer::tls(of_12, |mut stream| {
        let _ = stream.get_mut().write_all(&[23, 3, 3, 0, 1, 9]);
        linger(stream.get_ref().try_clone().unwrap());
    });
    vec![
        Row::new("a certificate message of more than 100 KiB", large(world)),
        Row::new("a record that was altered", world.ctx.connect(HOST, forged).unwrap().read_failure()),
        Row::new("a record too short to be sealed, on TLS 1.2", world.ctx.connect(HOST, short).unwrap().read_failure()),
        Row::new("a message out of turn", world.answered(&[22, 3, 3, 0, 4, 20, 0, 0, 0])),
        Row::new("a record that is too long", world.answered(&[22, 3, 3, 0xff, 0xff, 2, 0, 0, 0])),
    ]
}

/// A chain of many certificates.
fn large(world: &World) -> Failure {
    let mut acceptor = peer::acceptor(&world.leaf());
    let names: Vec<String> = (0..900).map(|number| format!("host-with-a-long-name-{number}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..4 {
        acceptor.add_extra_chain_cert(Recipe::server("filler", &names).issued_by(&world.ca).certificate).unwrap();
    }
    world.ctx.connect(HOST, peer::echo(acceptor)).unwrap_err()
}

fn endings(world: &World) -> Vec<Row> {
    let connected = |port: u16| world.ctx.connect(HOST, port).unwrap_err();
    let after_hello = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
    });
    let in_the_middle = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        stream.write_all(&server_hello([3, 3], [0xc0, 0x2f], &[])[..20]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        linger(stream);
    });
    let cut = peer::tls(peer::acceptor(&world.leaf()), |mut stream| {
        let _ = stream.write_all(b"half");
        let _ = stream.get_mut().shutdown(Shutdown::Write);
        linger(stream.get_ref().try_clone().unwrap());
    });
    let cut = world.ctx.connect(HOST, cut).unwrap();
    assert_eq!(cut.read().unwrap(), b"half");
    let hasty = Ctx::trusting(&[&world.ca.certificate]);
    hasty.set_timeout(300);
    let stalled = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        stream.write_all(&server_hello([3, 3], [0xc0, 0x2f], &[])[..20]).unwrap();
        linger(stream);
    });
    let one_byte = peer::raw(|mut stream| {
        stream.write_all(b"\xf3").unwrap();
        linger(stream);
    });
    let silent = peer::tls(peer::acceptor(&world.leaf()), |mut stream| {
        let _ = stream.get_mut().read_to_end(&mut Vec::new());
    });
    let silent = hasty.connect(HOST, silent).unwrap();
    let port = peer::resetting(&world.leaf());
    let reset = world.ctx.connect(HOST, port).unwrap();
    reset.write(b"x").unwrap();
    vec![
        Row::new("it hangs up after our hello", connected(after_hello)),
        Row::new("it hangs up in the middle of its hello", connected(in_the_middle)),
        Row::new("it cuts the connection after the handshake", cut.read_failure()),
        Row::new("it resets the connection after the handshake", reset.read_failure()),
        Row::new("it never answers", hasty.connect(HOST, peer::raw(linger)).unwrap_err()),
        Row::new("it sends one random byte and stalls", hasty.connect(HOST, one_byte).unwrap_err()),
        Row::new("it stalls in the middle of its hello", hasty.connect(HOST, stalled).unwrap_err()),
        Row::new("it stalls after the handshake", silent.read_failure()),
        Row::new("nobody listens", connected(free_port())),
    ]
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
