//! Calls that fail on this side, before any peer is met.

use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::ptr;

use hostlock::ffi::context::*;
use hostlock::ffi::harden::hostlock_harden;
use hostlock::ffi::host::*;
use hostlock::ffi::own_side::*;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::symm::Cipher;
use openssl_sys as ffi;

use crate::c::{Ctx, Failure};
use crate::client_chains::HOST;
use crate::peer;
use crate::support::pki::{Identity, Recipe};
use crate::support::scratch::Scratch;
use crate::table::Row;

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        // SAFETY: the word is NUL-terminated.
        Row::new("a policy that is not known", last_of_pointer(unsafe { hostlock_client_new(c"2020-01".as_ptr()) })),
        host("a host with its port", c"localhost:443"),
        host("a URL for a host", c"https://localhost/"),
        host("a name that is not in ASCII", c"b\xc3\xbccher.example"),
        resolved(),
        datagrams(),
    ];
    rows.extend(own_certificates());
    rows.extend(too_late());
    rows
}

fn last_of_pointer<T>(answer: *mut T) -> Failure {
    assert!(answer.is_null());
    // SAFETY: the thread's last error is live.
    unsafe { Failure::of(hostlock::ffi::errors::hostlock_last_error()) }
}

fn host(situation: &str, name: &CStr) -> Row {
    let ctx = Ctx::trusting(&[]);
    // SAFETY: the context is live, the name NUL-terminated.
    Row::new(situation, Failure::last(unsafe { hostlock_ctx_set_host(ctx.0, name.as_ptr()) }))
}

fn resolved() -> Row {
    Row::new("a host that does not exist", Ctx::trusting(&[]).connect("nowhere.invalid", 443).unwrap_err())
}

fn datagrams() -> Row {
    // SAFETY: a context is made, refused and freed.
    unsafe {
        let ctx = ffi::SSL_CTX_new(ffi::DTLS_method());
        let answer = hostlock_harden(ctx, ptr::null(), ptr::null());
        let failure = Failure::last(answer);
        ffi::SSL_CTX_free(ctx);
        Row::new("a context of DTLS", failure)
    }
}

fn own_certificates() -> Vec<Row> {
    let directory = Scratch::new();
    let (one, other) = (leaf().self_signed(), leaf().self_signed());
    let certificate = directory.file("cert.pem", one.pem());
    let locked = one.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"swordfish").unwrap();
    let nothing = directory.file("nothing.pem", b"");
    let load_from = |situation: &str, certificate: &Path, key: &[u8], word: Option<&CStr>| {
        let ctx = Ctx::trusting(&[]);
        let key = CString::new(directory.file("key.pem", key).to_str().unwrap()).unwrap();
        let certificate = CString::new(certificate.to_str().unwrap()).unwrap();
        let word = word.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the context is live, the strings NUL-terminated.
        let answer = unsafe { hostlock_ctx_add_cert_file(ctx.0, certificate.as_ptr(), key.as_ptr(), word) };
        Row::new(situation, Failure::last(answer))
    };
    let load = |situation: &str, key: &[u8], word: Option<&CStr>| load_from(situation, &certificate, key, word);
    vec![
        load_from("an empty file for a certificate", &nothing, &one.key_pem(), None),
        load("an empty file for a key", b"", None),
        load("another certificate's key", &other.key_pem(), None),
        load("a locked key without its passphrase", &locked, None),
        load("a locked key with a wrong passphrase", &locked, Some(c"sword")),
    ]
}

/// What is done to a connection that stands, and to its context.
fn too_late() -> Vec<Row> {
    let ca = Recipe::ca("Our CA").self_signed();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let conn = ctx.connect(HOST, serve(&leaf().issued_by(&ca))).unwrap();
    // SAFETY: the context and the connection are live.
    let failed = |situation, answer: c_int| Row::new(situation, Failure::last(answer));
    // SAFETY: as above; the strings are NUL-terminated.
    let mut rows = unsafe {
        vec![
            failed("a host is named after the handshake", hostlock_conn_set_host(conn.0, c"localhost".as_ptr())),
            failed("a setting after the first connection", hostlock_ctx_set_alpn(ctx.0, c"h2".as_ptr())),
        ]
    };
    let _ = conn.shutdown();
    let status = conn.write(b"more").unwrap_err();
    rows.push(Row::new("a write after hostlock_shutdown", Failure::last(status.code())));
    rows
}

fn leaf() -> Recipe {
    Recipe::server(HOST, &[HOST])
}

fn serve(identity: &Identity) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    peer::echo(acceptor)
}
