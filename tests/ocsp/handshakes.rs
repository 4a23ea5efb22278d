//! Answers among the other steps of a handshake: client certificates, callbacks of the program's, sessions.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::ffi::host::hostlock_conn_set_host;
use hostlock::ffi::revocation::hostlock_ctx_set_ocsp_mode;

use crate::support::ocsp::{OcspRecipe, Says};
use crate::support::peer::{Manner, serve_in_manner, status};
use crate::support::pki::Recipe;
use crate::{BOTH, HOST, site};

#[test]
fn a_client_certificate_goes_out_only_after_the_answer_was_found_good() {
    let site = site();
    let own = Recipe { server_auth: false, client_auth: true, ..Recipe::server("me", &[]) }.issued_by(&site.ca);
    for version in BOTH {
        for (says, expected) in [(Says::Good, 1), (Says::Revoked(None), 0)] {
            let arrived = Arc::new(AtomicUsize::new(0));
            let manner = Manner {
                staple: Some(OcspRecipe { says, ..site.good() }.der()),
                version: Some(version),
                certificates: Some(arrived.clone()),
                ..Manner::default()
            };
            let server = serve_in_manner(&site.leaf, &[], manner);
            let client = site.client();
            // SAFETY: the context is live and not in use; certificate and key are.
            unsafe {
                assert_eq!(openssl_sys::SSL_CTX_use_certificate(client.0, own.certificate.as_ptr()), 1);
                assert_eq!(openssl_sys::SSL_CTX_use_PrivateKey(client.0, own.key.as_ptr()), 1);
            }
            let outcome = client.connect(Some(HOST), server.port);
            assert_eq!(outcome.is_ok(), expected == 1, "{version:?}");
            assert_eq!(arrived.load(Ordering::SeqCst) > 0, expected == 1, "{version:?}");
        }
    }
}

unsafe extern "C" fn replaces_the_callback(ssl: *const openssl_sys::SSL, _: i32, _: i32) {
    // SAFETY: libssl hands a live connection, whose context is live.
    unsafe { openssl_sys::SSL_CTX_set_tlsext_status_cb(openssl_sys::SSL_get_SSL_CTX(ssl), Some(accepts_silently)) };
}

unsafe extern "C" fn accepts_silently(_: *mut openssl_sys::SSL, _: *mut std::ffi::c_void) -> std::ffi::c_int {
    1
}

#[test]
fn a_callback_that_is_replaced_during_the_handshake_lets_nothing_through() {
    let site = site();
    let client = site.client();
    // SAFETY: the context is live and not in use.
    unsafe { hostlock::libssl::sys::SSL_CTX_set_info_callback(client.0, Some(replaces_the_callback)) };
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    assert_eq!(status(site.outcome(&client, &revoked)), Some(Status::ERevoked));
    assert_eq!(site.outcome(&client, &site.good().der()).unwrap(), "hello");
}

#[test]
fn a_resumed_session_needs_no_answer_of_its_own() {
    let site = site();
    let client = site.client();
    client.set_text(hostlock_ctx_set_ocsp_mode, "require").unwrap();
    for version in BOTH {
        let server = site.serve(Some(site.good().der()), version);
        // SAFETY: one more owner is made for the value.
        let context = unsafe {
            openssl_sys::SSL_CTX_up_ref(client.0);
            openssl::ssl::SslContext::from_ptr(client.0)
        };
        let mut session: Option<openssl::ssl::SslSession> = None;
        for round in 0..2 {
            let mut ssl = openssl::ssl::Ssl::new(&context).unwrap();
            // SAFETY: the connection is live.
            assert_eq!(unsafe { hostlock_conn_set_host(ssl.as_ptr(), c"site.example".as_ptr()) }, 0);
            if let Some(session) = &session {
                // SAFETY: the session was made with the same context.
                unsafe { ssl.set_session(session).unwrap() };
            }
            let mut stream = ssl.connect(std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap()).unwrap();
            stream.write_all(b"hi").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
            assert_eq!(stream.ssl().session_reused(), round == 1, "{version:?}");
            // OpenSSL resumes no session whose connection was not closed by both.
            let _ = stream.shutdown();
            session = stream.ssl().session().map(ToOwned::to_owned);
        }
    }
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn accepts_all(_: *mut openssl_sys::SSL, _: *mut std::ffi::c_void) -> std::ffi::c_int {
    ASKED.fetch_add(1, Ordering::SeqCst);
    1
}

unsafe extern "C" fn refuses_all(_: *mut openssl_sys::SSL, _: *mut std::ffi::c_void) -> std::ffi::c_int {
    0
}

#[test]
fn a_programs_own_status_callback_is_called_and_may_only_refuse() {
    let site = site();
    let client = site.client();
    let set = |callback| {
        // SAFETY: the context is live and not in use.
        unsafe { openssl_sys::SSL_CTX_set_tlsext_status_cb(client.0, Some(callback)) };
    };
    set(accepts_all);
    assert_eq!(site.outcome(&client, &site.good().der()).unwrap(), "hello");
    assert_eq!(ASKED.load(Ordering::SeqCst), 2, "once in each version");
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    assert_eq!(status(site.outcome(&client, &revoked)), Some(Status::ERevoked));
    assert_eq!(ASKED.load(Ordering::SeqCst), 2, "not where ours refused");
    set(refuses_all);
    for version in BOTH {
        let server = site.serve(Some(site.good().der()), version);
        // SAFETY: one more owner is made for the value.
        let context = unsafe {
            openssl_sys::SSL_CTX_up_ref(client.0);
            openssl::ssl::SslContext::from_ptr(client.0)
        };
        let ssl = openssl::ssl::Ssl::new(&context).unwrap();
        // SAFETY: the connection is live.
        assert_eq!(unsafe { hostlock_conn_set_host(ssl.as_ptr(), c"site.example".as_ptr()) }, 0);
        let stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        assert!(ssl.connect(stream).is_err());
        assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    }
}
