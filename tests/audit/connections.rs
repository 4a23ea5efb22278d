//! Audits of connections: what was set on the connection itself, and what came of its handshake.

use hostlock::audit;
use hostlock::audit::report::Report;
use hostlock::libssl::ours;
use hostlock::libssl::sys;
use openssl_sys as ffi;
use std::ffi::c_int;
use std::ptr;

use crate::plain::*;
use crate::support::pki::{Identity, Recipe};

unsafe extern "C" {
    fn BIO_up_ref(bio: *mut ffi::BIO) -> c_int;
    fn SSL_set1_host(ssl: *mut ffi::SSL, host: *const std::ffi::c_char) -> c_int;
    fn SSL_set_hostflags(ssl: *mut ffi::SSL, flags: u32);
}

/// A connection that is freed at the end.
struct Line(*mut ffi::SSL);

impl Drop for Line {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once.
        unsafe { ffi::SSL_free(self.0) };
    }
}

impl Line {
    fn of(plain: &Plain) -> Line {
        // SAFETY: the context is live.
        let ssl = unsafe { ffi::SSL_new(plain.0) };
        assert!(!ssl.is_null());
        Line(ssl)
    }

    fn audit(&self) -> Report {
        // SAFETY: the connection is live and ours alone.
        unsafe { ours::conn(self.0).and_then(audit::connection) }.unwrap()
    }
}

/// Carries a handshake between the two through memory; gives whether the client's is complete.
fn shake(client: &Line, server: &Line) -> bool {
    // SAFETY: both connections are live and ours alone, and get owners of the BIOs that are made for them.
    unsafe {
        let (one, other) = (ffi::BIO_new(ffi::BIO_s_mem()), ffi::BIO_new(ffi::BIO_s_mem()));
        BIO_up_ref(one);
        BIO_up_ref(other);
        for bio in [one, other] {
            const SET_EOF_RETURN: c_int = 130;
            ffi::BIO_ctrl(bio, SET_EOF_RETURN, -1, ptr::null_mut());
        }
        ffi::SSL_set_bio(client.0, one, other);
        ffi::SSL_set_bio(server.0, other, one);
        ffi::SSL_set_connect_state(client.0);
        ffi::SSL_set_accept_state(server.0);
        for _ in 0..10 {
            ffi::SSL_do_handshake(client.0);
            ffi::SSL_do_handshake(server.0);
        }
        ffi::ERR_clear_error();
        ffi::SSL_is_init_finished(client.0) == 1
    }
}

fn server_of(identity: &Identity) -> Plain {
    let server = Plain::server();
    server.show(identity);
    server
}

fn clean() -> Report {
    Line::of(&Plain::client()).audit()
}

#[test]
fn a_connection_of_a_clean_context_is_clean() {
    assert_eq!(clean().count(None), 0, "{}", clean().to_text());
    assert!(clean().to_text().starts_with("a client's SSL of TLS_client_method"));
}

#[test]
fn a_connection_without_a_host_is_told_and_one_with_its_own_is_not() {
    let plain = Plain::client();
    // SAFETY: the parameters are live.
    unsafe { ffi::X509_VERIFY_PARAM_set1_host(plain.param(), ptr::null(), 0) };
    let line = Line::of(&plain);
    assert_adds(&clean(), &line.audit(), &["no-host"]);
    const SET_TLSEXT_HOSTNAME: c_int = 55;
    // SAFETY: the connection is live, here and below; the name is copied.
    unsafe { ffi::SSL_ctrl(line.0, SET_TLSEXT_HOSTNAME, 0, HOST.as_ptr() as *mut _) };
    let report = line.audit();
    let finding = &report.findings()[0];
    assert!(finding.detail.contains("host.example"), "{}", report.to_text());
    assert_eq!(finding.fix, "SSL_set1_host(ssl, \"host.example\")");
    // SAFETY: as above.
    assert_eq!(unsafe { SSL_set1_host(line.0, HOST.as_ptr()) }, 1);
    assert_adds(&clean(), &line.audit(), &[]);
    let by_address = Line::of(&plain);
    // SAFETY: as above.
    unsafe {
        let param = ffi::SSL_get0_param(by_address.0);
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, [192, 0, 2, 1].as_ptr(), 4), 1);
    }
    assert_adds(&clean(), &by_address.audit(), &[]);
}

#[test]
fn what_is_set_on_the_connection_counts_and_not_the_contexts() {
    let plain = Plain::client();
    let line = Line::of(&plain);
    // SAFETY: the connection is live.
    unsafe {
        ffi::SSL_set_verify(line.0, ffi::SSL_VERIFY_NONE, None);
        sys::SSL_set_options(line.0, 1 << 18);
        SSL_set_hostflags(line.0, NO_PARTIAL_WILDCARDS);
        ffi::SSL_set_cipher_list(line.0, c"AES128-GCM-SHA256".as_ptr());
    }
    let wanted = ["verification-off", "unsafe-renegotiation", "cn-fallback", "static-rsa-ciphers"];
    assert_adds(&clean(), &line.audit(), &wanted);
    assert_eq!(ids(&plain.audit()).into_iter().collect::<Vec<_>>(), ["groups-unknown"]);
}

#[test]
fn a_connection_that_is_complete_although_its_certificate_was_refused_is_told() {
    let stranger = Recipe::server("host.example", &["host.example"]).self_signed();
    let (client, server) = (Plain::client(), server_of(&stranger));
    // SAFETY: the context is live.
    unsafe { ffi::SSL_CTX_set_verify(client.0, ffi::SSL_VERIFY_NONE, None) };
    let (near, far) = (Line::of(&client), Line::of(&server));
    assert!(shake(&near, &far));
    let report = near.audit();
    assert_adds(&clean(), &report, &["unverified-peer", "verification-off"]);
    assert!(report.to_text().contains("refused for: self-signed certificate"), "{}", report.to_text());
    let known = Plain::client();
    known.trust(&stranger.certificate);
    let (near, far) = (Line::of(&known), Line::of(&server));
    assert!(shake(&near, &far));
    assert_adds(&clean(), &near.audit(), &[]);
    assert!(!far.audit().has("peer-without-certificate"), "a server does not ask for one");
}

#[test]
fn a_server_without_a_certificate_is_told() {
    let anonymous = |plain: Plain| {
        // SAFETY: the context is live.
        unsafe {
            SSL_CTX_set_security_level(plain.0, 0);
            ffi::SSL_CTX_set_cipher_list(plain.0, c"AECDH-AES128-SHA".as_ptr());
            plain.control(ffi::SSL_CTRL_SET_MAX_PROTO_VERSION, ffi::TLS1_2_VERSION);
        }
        plain
    };
    let (client, server) = (anonymous(Plain::client()), anonymous(Plain::server()));
    let (near, far) = (Line::of(&client), Line::of(&server));
    assert!(shake(&near, &far));
    let wanted = ["peer-without-certificate", "anonymous-ciphers", "security-level-zero", "no-tls13"];
    assert_adds(&clean(), &near.audit(), &wanted);
}

#[test]
fn a_connection_of_a_method_for_both_sides_is_judged_by_the_side_it_plays() {
    // SAFETY: no arguments.
    let plain = Plain::of(unsafe { ffi::TLS_method() });
    let line = Line::of(&plain);
    assert!(line.audit().to_text().starts_with("an SSL of TLS_method"));
    // SAFETY: the connection is live.
    unsafe { ffi::SSL_set_connect_state(line.0) };
    assert!(line.audit().to_text().starts_with("a client's SSL of TLS_method"));
    let own = Recipe::server("host.example", &["host.example"]).self_signed();
    plain.show(&own);
    let client = Plain::client();
    client.trust(&own.certificate);
    let (near, far) = (Line::of(&client), Line::of(&plain));
    assert!(shake(&near, &far));
    let report = far.audit();
    assert!(report.to_text().starts_with("a server's SSL of TLS_method"));
    assert!(!report.has("verification-off") && !report.has("no-host"), "{}", report.to_text());
}

#[test]
fn a_connection_of_hostlocks_own_context_is_clean() {
    // SAFETY: NULL names the default policy.
    let ours = Plain(unsafe { hostlock::ffi::context::hostlock_client_new(ptr::null()) });
    let line = Line::of(&ours);
    assert_eq!(line.audit().count(None), 0, "{}", line.audit().to_text());
}
