//! Clients that a server refuses for what they say, or that go away; and handshakes that its own program ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use openssl::ssl::{SslVerifyMode, SslVersion};
use openssl_sys as ffi;

use crate::c::{Ctx, Failure};
use crate::peer::linger;
use crate::served::{client, client_of, server, visited};
use crate::support::pki::{Identity, Recipe, rsa};
use crate::table::Row;

const V1_2: SslVersion = SslVersion::TLS1_2;
const V1_3: SslVersion = SslVersion::TLS1_3;

fn own() -> Identity {
    Recipe::server("server.example", &["server.example"]).self_signed()
}

fn fresh() -> Ctx {
    server(Some(&own()), None)
}

/// A client that says `bytes` and waits.
fn says(bytes: &'static [u8]) -> Failure {
    visited(&fresh(), |mut stream| {
        stream.write_all(bytes).unwrap();
        linger(stream);
    })
}

pub fn rows() -> Vec<Row> {
    let mut rows = strangers();
    rows.extend(nothing_in_common());
    rows.extend(endings());
    rows.extend(alerts());
    rows.extend(own_doing());
    rows
}

fn strangers() -> Vec<Row> {
    vec![
        Row::new("an HTTP request", says(b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n")),
        Row::new("an HTTP request to post", says(b"POST /x HTTP/1.1\r\nHost: server.example\r\n\r\n")),
        Row::new("a request to a proxy", says(b"CONNECT server.example:443 HTTP/1.1\r\n\r\n")),
        Row::new("SSH", says(b"SSH-2.0-OpenSSH_9.2\r\n")),
        Row::new("a mail client", says(b"EHLO client.example\r\n")),
        Row::new("random bytes", says(b"\x9e\x01\xf3\x7a\x00\x13\xc8\x55\x20\x99")),
        Row::new(
            "a hello of SSL 2.0",
            says(b"\x80\x1f\x01\x00\x02\x00\x06\x00\x00\x00\x10\x01\x00\x80\x07\x00\xc0AAAAAAAAAAAAAAAA"),
        ),
    ]
}

fn nothing_in_common() -> Vec<Row> {
    let row = |situation: &str, failure: Failure| Row::new(situation, failure);
    let of_rsa = server(Some(&own_rsa()), None);
    vec![
        row("TLS 1.0 only", visited(&fresh(), client_of(SslVersion::TLS1, |_| ()))),
        row("TLS 1.1 only", visited(&fresh(), client_of(SslVersion::TLS1_1, |_| ()))),
        row(
            "old suites only",
            visited(&fresh(), client_of(V1_2, |c| c.set_cipher_list("AES128-SHA:ECDHE-ECDSA-AES128-SHA").unwrap())),
        ),
        row(
            "a suite of TLS 1.3 that is not served",
            visited(&fresh(), client_of(V1_3, |c| c.set_ciphersuites("TLS_AES_128_CCM_8_SHA256").unwrap())),
        ),
        row(
            "suites for another kind of key",
            visited(&fresh(), client_of(V1_2, |c| c.set_cipher_list("ECDHE-RSA-AES128-GCM-SHA256").unwrap())),
        ),
        row(
            "no group in common, on TLS 1.2",
            visited(&fresh(), client_of(V1_2, |c| c.set_groups_list("brainpoolP512r1").unwrap())),
        ),
        row(
            "no group in common, on TLS 1.3",
            visited(&fresh(), client_of(V1_3, |c| c.set_groups_list("ffdhe8192").unwrap())),
        ),
        row(
            "no signature algorithm in common, on TLS 1.2",
            visited(&fresh(), client_of(V1_2, |c| c.set_sigalgs_list("RSA+SHA256").unwrap())),
        ),
        row(
            "no signature algorithm in common, on TLS 1.3",
            visited(&fresh(), client_of(V1_3, |c| c.set_sigalgs_list("RSA-PSS+SHA256").unwrap())),
        ),
        row(
            "the same, for a server with an RSA key",
            visited(&of_rsa, client_of(V1_3, |c| c.set_sigalgs_list("ECDSA+SHA256").unwrap())),
        ),
        row("a server without a certificate, on TLS 1.2", visited(&server(None, None), client_of(V1_2, |_| ()))),
        row("a server without a certificate, on TLS 1.3", visited(&server(None, None), client_of(V1_3, |_| ()))),
        row(
            "the mark of a fallback",
            visited(
                &fresh(),
                client_of(V1_2, |c| {
                    const SSL_MODE_SEND_FALLBACK_SCSV: u32 = 0x80;
                    c.set_mode(openssl::ssl::SslMode::from_bits_retain(SSL_MODE_SEND_FALLBACK_SCSV as _));
                }),
            ),
        ),
    ]
}

fn own_rsa() -> Identity {
    Recipe { key: rsa(2048), ..Recipe::server("server.example", &["server.example"]) }.self_signed()
}

/// The first flight of a real client.
fn hello() -> Vec<u8> {
    let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut connector = openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let ssl = openssl::ssl::Ssl::new(&connector.build().into_context()).unwrap();
    far.set_nonblocking(true).unwrap();
    let mut stream = openssl::ssl::SslStream::new(ssl, far).unwrap();
    let _ = stream.connect();
    drop(stream);
    let mut bytes = Vec::new();
    near.read_to_end(&mut bytes).unwrap();
    bytes
}

fn endings() -> Vec<Row> {
    let (patient, hello) = (fresh(), hello());
    let [half, whole, again] = [hello[..40].to_vec(), hello.clone(), hello];
    let hasty = fresh();
    hasty.set_timeout(300);
    let hasty_after = fresh();
    hasty_after.set_timeout(300);
    vec![
        Row::new("it hangs up at once", visited(&patient, drop)),
        Row::new(
            "it hangs up in the middle of its hello",
            visited(&patient, move |mut stream| stream.write_all(&half).unwrap()),
        ),
        Row::new(
            "it hangs up after its hello",
            visited(&patient, move |mut stream| {
                stream.write_all(&whole).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                linger(stream);
            }),
        ),
        Row::new("it never says anything", visited(&hasty, linger)),
        Row::new(
            "it stalls after its hello",
            visited(&hasty, move |mut stream| {
                stream.write_all(&again).unwrap();
                linger(stream);
            }),
        ),
        Row::new("it stalls after the handshake", visited(&hasty_after, client(|_| ()))),
    ]
}

/// A client that answers the server's flight with an alert in clear, as TLS 1.2 has it.
fn alert(description: u8) -> Failure {
    let hello = hello();
    visited(&fresh(), move |mut stream: TcpStream| {
        stream.write_all(&hello).unwrap();
        let mut header = [0; 5];
        stream.read_exact(&mut header).unwrap();
        stream.write_all(&[21, 3, 3, 0, 2, 2, description]).unwrap();
        linger(stream);
    })
}

fn alerts() -> Vec<Row> {
    let rows = [40, 42, 43, 44, 45, 46, 48, 49, 51, 70, 71, 80, 112, 113, 116, 120, 255];
    let name = |number: u8| {
        if number == 255 { "an alert that is not known".to_owned() } else { format!("the alert {number}") }
    };
    let mut rows: Vec<Row> = rows.iter().map(|&number| Row::new(&name(number), alert(number))).collect();
    let distrusting = || client_of(V1_3, |c| c.set_verify(SslVerifyMode::PEER));
    rows.push(Row::new("a client that does not trust us", visited(&fresh(), distrusting())));
    let wrong = |c: &mut openssl::ssl::SslContextBuilder| {
        c.set_verify(SslVerifyMode::PEER);
        let _ = c.set_ca_file("/dev/null");
    };
    rows.push(Row::new("the same, on TLS 1.2", visited(&fresh(), client_of(V1_2, wrong))));
    rows
}

/// The program's own callbacks end the handshake.
fn own_doing() -> Vec<Row> {
    use std::ffi::{c_int, c_uchar, c_uint, c_void};
    unsafe extern "C" {
        fn SSL_CTX_set_client_hello_cb(ctx: *mut ffi::SSL_CTX, call: Option<HelloCall>, argument: *mut c_void);
        fn SSL_CTX_set_cert_cb(ctx: *mut ffi::SSL_CTX, call: Option<CertCall>, argument: *mut c_void);
        fn SSL_CTX_callback_ctrl(
            ctx: *mut ffi::SSL_CTX,
            command: c_int,
            call: Option<unsafe extern "C" fn()>,
        ) -> std::ffi::c_long;
    }
    type HelloCall = extern "C" fn(*mut ffi::SSL, *mut c_int, *mut c_void) -> c_int;
    type CertCall = extern "C" fn(*mut ffi::SSL, *mut c_void) -> c_int;
    type NameCall = extern "C" fn(*mut ffi::SSL, *mut c_int, *mut c_void) -> c_int;
    extern "C" fn no_hello(_: *mut ffi::SSL, _: *mut c_int, _: *mut c_void) -> c_int {
        0
    }
    extern "C" fn no_certificate(_: *mut ffi::SSL, _: *mut c_void) -> c_int {
        0
    }
    extern "C" fn no_name(_: *mut ffi::SSL, _: *mut c_int, _: *mut c_void) -> c_int {
        2
    }
    extern "C" fn no_protocol(
        _: *mut ffi::SSL,
        _: *mut *const c_uchar,
        _: *mut c_uchar,
        _: *const c_uchar,
        _: c_uint,
        _: *mut c_void,
    ) -> c_int {
        2
    }
    extern "C" fn no_client(_: c_int, _: *mut ffi::X509_STORE_CTX) -> c_int {
        0
    }
    let ended = |situation: &str, version: SslVersion, prepare: &dyn Fn(*mut ffi::SSL_CTX)| {
        let ctx = fresh();
        prepare(ctx.0);
        let visitor = client_of(version, |c| c.set_alpn_protos(b"\x02h2").unwrap());
        Row::new(situation, visited(&ctx, visitor))
    };
    let ca = Recipe::ca("Client CA").self_signed();
    let device = Recipe { server_auth: false, client_auth: true, ..Recipe::server("device", &[]) }.issued_by(&ca);
    let judging = server(Some(&own()), Some(&ca.certificate));
    // SAFETY: the contexts are live, here and below; the callbacks are functions of the signature that OpenSSL wants.
    unsafe { ffi::SSL_CTX_set_verify(judging.0, ffi::SSL_VERIFY_PEER, Some(no_client)) };
    let judged = visited(
        &judging,
        client_of(V1_3, |c| {
            c.set_certificate(&device.certificate).unwrap();
            c.set_private_key(&device.key).unwrap();
        }),
    );
    vec![
        // SAFETY: as above.
        ended("its client hello callback said no", V1_3, &|ctx| unsafe {
            SSL_CTX_set_client_hello_cb(ctx, Some(no_hello), std::ptr::null_mut());
        }),
        // SAFETY: as above.
        ended("its certificate callback failed, on TLS 1.3", V1_3, &|ctx| unsafe {
            SSL_CTX_set_cert_cb(ctx, Some(no_certificate), std::ptr::null_mut());
        }),
        // SAFETY: as above.
        ended("its certificate callback failed, on TLS 1.2", V1_2, &|ctx| unsafe {
            SSL_CTX_set_cert_cb(ctx, Some(no_certificate), std::ptr::null_mut());
        }),
        // SAFETY: as above.
        ended("its servername callback said no", V1_3, &|ctx| unsafe {
            const SSL_CTRL_SET_TLSEXT_SERVERNAME_CB: c_int = 53;
            let call: NameCall = no_name;
            SSL_CTX_callback_ctrl(
                ctx,
                SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                Some(std::mem::transmute::<NameCall, unsafe extern "C" fn()>(call)),
            );
        }),
        // SAFETY: as above.
        ended("its ALPN callback took none of the protocols", V1_3, &|ctx| unsafe {
            ffi::SSL_CTX_set_alpn_select_cb__fixed_rust(ctx, Some(no_protocol), std::ptr::null_mut());
        }),
        Row::new("its verify callback said no", judged),
    ]
}
