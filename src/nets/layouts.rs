//! Each place in OpenSSL's structures that is found out by proof, with the proof failing: the answer is the strictest one.

use std::ffi::{c_int, c_void};
use std::ptr;

use foreign_types::ForeignType;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use openssl_sys as ffi;

use super::pair::{HOST, Pair, World};
use super::switches::unproven;
use crate::error::{Result, Status};
use crate::harden;
use crate::host::Reference;
use crate::libssl::method;
use crate::libssl::sys;
use crate::libssl::{Conn, Ctx};
use crate::policy::Choice;

fn hardened(context: &SslContext, policy: &str) -> Result<()> {
    let choice = Choice::parse(policy).unwrap();
    // SAFETY: the context is live and this thread's alone.
    unsafe { harden::harden(Ctx::live(context.as_ptr()), choice, Some(|| Reference::parse(HOST))) }
}

fn programs(world: &World) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.cert_store_mut().add_cert(world.ca.certificate.clone()).unwrap();
    builder.build()
}

unsafe extern "C" fn accepts_all(_: *mut ffi::X509_STORE_CTX, _: *mut c_void) -> c_int {
    1
}

#[test]
fn where_a_cert_verify_callback_cannot_be_seen_hardening_is_refused() {
    let world = World::new();
    let refused = unproven("cert_verify_callback", || hardened(&programs(&world), "default")).unwrap_err();
    assert_eq!(refused.status(), Status::EUnsupported);
    let context = programs(&world);
    unproven("cert_verify_callback", || {
        hardened(&context, "default+replace").unwrap();
        let outcome = Pair::new(&context, &world.plain_server(SslVersion::TLS1_3)).run();
        assert!(outcome.complete && outcome.passed == 12, "{outcome:?}");
    });
}

#[test]
fn where_it_cannot_be_seen_one_that_replaces_ours_later_ends_the_handshake() {
    let world = World::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let context = programs(&world);
        hardened(&context, "default").unwrap();
        // SAFETY: the context is live and this thread's alone.
        unsafe { sys::SSL_CTX_set_cert_verify_callback(context.as_ptr(), Some(accepts_all), ptr::null_mut()) };
        let pair = Pair::new(&context, &world.plain_server(version));
        let outcome = unproven("cert_verify_callback", || pair.run());
        assert!(outcome.passed == 0, "{version:?}: {outcome:?}");
        assert_eq!(pair.refusal().unwrap().status(), Status::EUnverified);
    }
}

#[test]
fn where_the_lookups_of_a_store_cannot_be_seen_the_programs_roots_are_not_guessed() {
    let world = World::new();
    let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let refused = unproven("lookups", || {
        hardened(&context, "default")?;
        let pair = Pair::new(&context, &world.plain_server(SslVersion::TLS1_3));
        let outcome = pair.run();
        assert!(!outcome.complete && outcome.passed == 0, "{outcome:?}");
        Err::<(), _>(pair.refusal().unwrap())
    });
    assert_eq!(refused.unwrap_err().status(), Status::EUnsupported);
}

#[test]
fn where_purpose_trust_and_policies_cannot_be_seen_the_chain_is_refused() {
    let world = World::new();
    let (client, server) = (world.client(), world.plain_server(SslVersion::TLS1_3));
    unproven("asked", || {
        let pair = Pair::for_host(&client, &server);
        let outcome = pair.run();
        assert!(!outcome.complete && outcome.passed == 0, "{outcome:?}");
        assert_eq!(pair.refusal().unwrap().status(), Status::EUnsupported);
    });
}

#[test]
fn where_the_id_context_of_a_servers_sessions_cannot_be_seen_none_is_resumed() {
    let world = World::new();
    let (client, server) = (world.plain_client(SslVersion::TLS1_2), world.guarded_server());
    let is_resumed = || {
        let first = Pair::new(&client, &server);
        assert!(first.run().complete);
        first.shut_down();
        let mut second = Pair::new(&client, &server);
        // SAFETY: the session is of the same client's context.
        unsafe { second.client.set_session(first.client.session().unwrap()).unwrap() };
        assert!(second.run().complete);
        second.client.session_reused()
    };
    assert!(is_resumed());
    assert!(!unproven("id context", is_resumed));
    assert!(is_resumed());
}

#[test]
fn where_it_cannot_be_seen_whether_dane_is_on_openssl_is_asked() {
    let context = SslContext::builder(SslMethod::tls_server()).unwrap().build();
    // SAFETY: the context is live.
    assert_eq!(unsafe { sys::SSL_CTX_dane_enable(context.as_ptr()) }, 1);
    let ssl = Ssl::new(&context).unwrap();
    // SAFETY: it is live, and this thread's alone.
    let conn = unsafe { Conn::new(ssl.as_ptr()) }.unwrap();
    assert!(!unproven("dane", || conn.has_dane()));
    // SAFETY: the connection is live; the name ends with NUL.
    assert_eq!(unsafe { sys::SSL_dane_enable(ssl.as_ptr(), c"dane.example".as_ptr()) }, 1);
    assert!(unproven("dane", || conn.has_dane()));
}

#[test]
fn where_an_address_cannot_be_seen_it_is_asked_for() {
    let world = World::new();
    let (client, server) = (world.client(), world.plain_server(SslVersion::TLS1_3));
    unproven("address", || {
        let pair = Pair::for_host(&client, &server);
        let outcome = pair.run();
        assert!(outcome.complete && outcome.passed == 12, "{outcome:?}");
        let pair = Pair::new(&client, &server);
        // SAFETY: the connection is live and in this thread; the octets are copied.
        unsafe {
            let param = ffi::SSL_get0_param(pair.client.as_ptr());
            assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, [192, 0, 2, 1].as_ptr(), 4), 1);
        }
        let outcome = pair.run();
        assert!(!outcome.complete && outcome.passed == 0, "{outcome:?}");
        assert_eq!(pair.refusal().unwrap().status(), Status::EHostMismatch);
    });
}

#[test]
fn where_names_cannot_be_seen_by_their_length_no_other_host_is_let_in() {
    let world = World::new();
    let (client, server) = (world.client(), world.plain_server(SslVersion::TLS1_3));
    unproven("names", || {
        let pair = Pair::new(&client, &server);
        let other = "other.example";
        // SAFETY: the connection is live and this thread's alone; the bytes are copied.
        unsafe {
            let param = ffi::SSL_get0_param(pair.client.as_ptr());
            assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, other.as_ptr().cast(), other.len()), 1);
        }
        let outcome = pair.run();
        assert!(!outcome.complete && outcome.passed == 0, "{outcome:?}");
        assert_eq!(
            pair.refusal().unwrap().status(),
            if cfg!(ossl400) { Status::EUnsupported } else { Status::EHostMismatch }
        );
    });
}

#[test]
fn where_the_signed_part_cannot_be_seen_the_whole_certificate_is_read() {
    let world = World::new();
    let (client, server) = (world.client(), world.plain_server(SslVersion::TLS1_3));
    unproven("signed part", || {
        let outcome = Pair::for_host(&client, &server).run();
        assert!(outcome.complete && outcome.passed == 12, "{outcome:?}");
        let pair = Pair::new(&client, &server);
        // SAFETY: the connection is live and this thread's alone.
        unsafe {
            crate::handshake::set_host::set(Conn::live(pair.client.as_ptr()), || Reference::parse("other.example"))
                .unwrap()
        };
        let outcome = pair.run();
        assert!(!outcome.complete && outcome.passed == 0, "{outcome:?}");
        assert_eq!(pair.refusal().unwrap().status(), Status::EHostMismatch);
    });
}

#[test]
fn where_libssl_cannot_be_asked_for_a_methods_name_the_context_is_for_either_side() {
    let context = SslContext::builder(SslMethod::dtls_client()).unwrap().build();
    // SAFETY: the context is live.
    let (method, side) = unproven("method names", || unsafe { Ctx::live(context.as_ptr()) }.method());
    assert_eq!((method.name, side), (None, method::Side::Either));
}
