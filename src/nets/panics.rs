//! A panic in each callback: the connection is refused, nothing of the application passes, and the process lives.

use std::ffi::{c_char, c_int, c_void};
use std::process::Command;
use std::ptr;

use foreign_types::ForeignType;
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl_sys as ffi;

use super::pair::{Outcome, Pair, World, guard, refusal_of};
use super::switches::panicking;
#[cfg(not(ossl400))]
use super::switches::recorded;
use crate::error::Status;
use crate::guard::Family;
use crate::handshake::hooks::TRIPWIRE;
use crate::handshake::{events, key_log};
use crate::libssl::listener::Listener;
use crate::libssl::{Ctx, sys};
use crate::policy::{Choice, Policy};
use crate::seal;

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// Connects as a client with these callbacks panicking, on both versions: every time nothing may pass.
fn refuses(names: &[&'static str], spared: usize, prepare: impl Fn(&SslContext, &Pair)) {
    let world = World::new();
    for version in VERSIONS {
        let (client, server) = (world.client(), world.plain_server(version));
        let run = || {
            let pair = Pair::for_host(&client, &server);
            prepare(&client, &pair);
            pair
        };
        assert_passes(&run().run(), names);
        let pair = run();
        let (outcome, panics) = panicking(names, spared, || pair.run());
        assert!(panics > 0, "{names:?}: nothing panicked, {version:?}");
        assert_eq!(outcome.passed, 0, "{names:?}, {version:?}: {outcome:?}");
    }
}

fn assert_passes(outcome: &Outcome, names: &[&str]) {
    assert!(outcome.complete && outcome.passed == 12, "{names:?}: without a panic: {outcome:?}");
}

fn as_it_is(_: &SslContext, _: &Pair) {}

#[test]
fn a_panic_in_the_certificate_verify_callback_refuses_and_says_so() {
    refuses(&["cert_verify"], 0, as_it_is);
    let world = World::new();
    let pair = Pair::for_host(&world.client(), &world.plain_server(SslVersion::TLS1_3));
    let (outcome, _) = panicking(&["cert_verify"], 0, || pair.run());
    assert!(!outcome.complete);
    assert_eq!(pair.refusal().unwrap().status(), Status::EInternal);
}

#[test]
fn a_panic_refuses_also_where_the_program_turned_verification_off() {
    let unverified = |_: &SslContext, pair: &Pair| {
        // SAFETY: the connection is live and this thread's alone.
        unsafe { ffi::SSL_set_verify(pair.client.as_ptr(), ffi::SSL_VERIFY_NONE, None) };
    };
    refuses(&["cert_verify"], 0, unverified);
}

#[test]
fn further_panics_while_a_refusal_is_told_still_refuse() {
    refuses(&["cert_verify", "cert_verify arms"], 0, as_it_is);
    refuses(&["cert_verify", "observer hears of a refusal"], 0, as_it_is);
    refuses(&["ocsp_status", "observer hears of a refusal"], 0, as_it_is);
}

#[test]
fn a_panic_in_the_info_callback_refuses_at_the_start_and_at_the_end() {
    refuses(&["info"], 0, as_it_is);
    refuses(&["info"], 1, as_it_is);
}

#[test]
fn a_panic_in_the_security_callback_permits_nothing_whenever_it_comes() {
    // It is asked more than twenty times in every handshake, and last about what the server signed.
    for spared in [0, 1, 5, 10, 20] {
        refuses(&["security"], spared, as_it_is);
    }
}

unsafe extern "C" fn permits_all(
    _: *const ffi::SSL,
    _: *const ffi::SSL_CTX,
    _: c_int,
    _: c_int,
    _: c_int,
    _: *mut c_void,
    _: *mut c_void,
) -> c_int {
    1
}

#[test]
fn a_panic_before_the_programs_security_callback_is_asked_permits_nothing() {
    let with_programs = |_: &SslContext, pair: &Pair| {
        // SAFETY: the connection is live and this thread's alone.
        unsafe { sys::SSL_set_security_callback(pair.client.as_ptr(), Some(permits_all)) };
    };
    refuses(&["security asks the program"], 0, with_programs);
}

#[test]
fn a_panic_in_the_client_hello_hook_refuses() {
    refuses(&["client_hello"], 0, as_it_is);
}

#[test]
fn a_panic_in_the_callback_of_the_ocsp_answer_refuses() {
    refuses(&["ocsp_status"], 0, as_it_is);
}

#[test]
fn a_panic_in_the_search_for_an_issuer_refuses() {
    refuses(&["store lookup"], 0, as_it_is);
}

#[test]
fn a_panic_in_the_transport_is_a_failure_of_the_socket() {
    for name in ["transport read", "transport write"] {
        let world = World::new();
        for version in VERSIONS {
            let (client, server) = (world.client(), world.plain_server(version));
            assert_passes(&Pair::for_host(&client, &server).with_transport().run(), &[name]);
            let pair = Pair::for_host(&client, &server).with_transport();
            let (outcome, panics) = panicking(&[name], 0, || pair.run());
            assert!(panics > 0 && !outcome.complete && outcome.passed == 0, "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_panic_while_a_server_judges_its_client_refuses() {
    let world = World::new();
    for (name, spared) in [("cert_verify", 0), ("security", 0), ("security", 10), ("info", 0)] {
        for version in VERSIONS {
            let (client, server) = (world.plain_client(version), world.guarded_server());
            assert_passes(&Pair::new(&client, &server).run(), &[name]);
            let pair = Pair::new(&client, &server);
            let (outcome, panics) = panicking(&[name], spared, || pair.run());
            assert!(panics > 0 && outcome.passed == 0, "{name}, {version:?}: {outcome:?}");
            if name == "cert_verify" {
                assert_eq!(refusal_of(&pair.server).unwrap().status(), Status::EInternal);
            }
        }
    }
}

#[test]
fn a_panic_where_a_server_is_asked_what_it_staples_ends_the_handshake() {
    let world = World::new();
    for version in VERSIONS {
        let (client, server) = (world.plain_client(version), world.guarded_server());
        let pair = || {
            let pair = Pair::new(&client, &server);
            // SAFETY: the connection is live and this thread's alone.
            unsafe { ffi::SSL_set_tlsext_status_type(pair.client.as_ptr(), ffi::TLSEXT_STATUSTYPE_ocsp) };
            pair
        };
        assert_passes(&pair().run(), &["stapling"]);
        let (outcome, panics) = panicking(&["stapling"], 0, || pair().run());
        assert!(panics > 0 && !outcome.complete && outcome.passed == 0, "{version:?}: {outcome:?}");
    }
}

#[test]
fn a_panic_where_a_server_chooses_by_the_hello_ends_the_handshake() {
    let world = World::new();
    for version in VERSIONS {
        for name in ["alpn", "server names"] {
            let (client, server) = (world.plain_client(version), world.guarded_server());
            // SAFETY: the context is live and this thread's alone.
            let ctx = unsafe { Ctx::live(server.as_ptr()) };
            crate::context::alpn::set(ctx, guard(&server), "alpn", || Ok("h2".to_owned())).unwrap();
            crate::handshake::server_names::install(ctx);
            let run = || {
                let mut pair = Pair::new(&client, &server);
                pair.client.set_alpn_protos(b"\x02h2").unwrap();
                pair
            };
            assert_passes(&run().run(), &[name]);
            let pair = run();
            let (outcome, panics) = panicking(&[name], 0, || pair.run());
            assert!(panics > 0 && !outcome.complete && outcome.passed == 0, "{name}, {version:?}: {outcome:?}");
        }
    }
}

/// Makes a session with a server that demands a certificate, and offers it.
fn resuming(client: &SslContext, server: &SslContext) -> Pair {
    let full = Pair::new(client, server);
    assert_passes(&full.run(), &[]);
    let session = full.client.session().unwrap().to_owned();
    full.shut_down();
    let again = Pair::new(client, server);
    // SAFETY: both are live; libssl takes a reference of its own.
    assert_eq!(unsafe { ffi::SSL_set_session(again.client.as_ptr(), session.as_ptr()) }, 1);
    again
}

#[test]
fn a_panic_where_a_ticket_is_looked_at_leads_to_a_full_handshake() {
    let world = World::new();
    for version in VERSIONS {
        let (client, server) = (world.plain_client(version), world.guarded_server());
        for panics_expected in [false, true] {
            let pair = resuming(&client, &server);
            let names: &[&str] = if panics_expected { &["ticket"] } else { &[] };
            let (outcome, panics) = panicking(names, 0, || pair.run());
            assert_passes(&outcome, names);
            assert_eq!(panics > 0, panics_expected);
            assert_eq!(pair.client.session_reused(), !panics_expected, "{version:?}");
        }
    }
}

#[test]
fn a_panic_where_a_key_for_tickets_is_sought_ends_the_handshake() {
    let world = World::new();
    for version in VERSIONS {
        let (client, server) = (world.plain_client(version), world.guarded_server());
        for (name, pair) in [("a full one", Pair::new(&client, &server)), ("a resumed one", resuming(&client, &server))]
        {
            let (outcome, panics) = panicking(&["ticket key"], 0, || pair.run());
            assert!(panics > 0 && outcome.passed == 0, "{name}, {version:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_panic_where_known_signatures_are_looked_for_leaves_the_check_to_openssl() {
    let (world, other) = (World::new(), World::new());
    let server = world.plain_server(SslVersion::TLS1_3);
    for (client, is_trusted) in [(world.client(), true), (other.client(), false)] {
        // What was met before is remembered.
        Pair::for_host(&world.client(), &server).run();
        let pair = Pair::for_host(&client, &server);
        let (outcome, panics) = panicking(&["known signatures"], 0, || pair.run());
        assert_eq!((panics > 0, outcome.complete), (is_trusted, is_trusted), "{outcome:?}");
        assert_eq!(outcome.passed > 0, is_trusted, "{outcome:?}");
    }
}

#[test]
fn a_panic_while_secrets_are_written_loses_them_and_no_more() {
    let world = World::new();
    let client = world.client();
    let path = std::env::temp_dir().join(format!("hostlock-nets-{}", std::process::id()));
    // SAFETY: the context is live and this thread's alone.
    let ctx = unsafe { Ctx::live(client.as_ptr()) };
    let wish = || Ok(key_log::Wish { path: &path, reason: "a test" });
    key_log::write_to(ctx, guard(&client), "key log", wish).unwrap();
    let pair = Pair::for_host(&client, &world.plain_server(SslVersion::TLS1_3));
    let (outcome, panics) = panicking(&["key log"], 0, || pair.run());
    let written = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(panics > 0 && written.is_empty());
    assert_passes(&outcome, &["key log"]);
}

unsafe extern "C" fn hears(_: *mut ffi::SSL, _: *const c_char, _: *const c_char, _: *mut c_void) {}

#[test]
fn a_panic_where_a_listener_is_told_of_an_event_refuses() {
    let listening = |client: &SslContext, _: &Pair| {
        // SAFETY: the function takes any argument.
        let listener = unsafe { Listener::new(hears, ptr::null_mut()) };
        events::listen(guard(client), "a test", Some(listener)).unwrap();
    };
    // A step, an end, a ticket: in the middle of a read a panic ends the connection, too.
    for spared in [0, 3, 8] {
        refuses(&["event"], spared, listening);
    }
}

// OpenSSL 4.0 finds nothing wrong with the last second, so nothing is asked there.
#[cfg(not(ossl400))]
#[test]
fn a_panic_where_a_finding_of_openssls_might_be_forgiven_forgives_nothing() {
    let world = World::new();
    let client = world.client();
    // That the certificate has expired is asked about; it is forgiven in its last second alone.
    let left = openssl::asn1::Asn1Time::from_unix(0).unwrap().diff(world.server.certificate.not_after()).unwrap();
    let end = i64::from(left.days) * super::pki::DAY + i64::from(left.secs);
    guard(&client).update(|settings| settings.verify_time = Some(end));
    let server = world.plain_server(SslVersion::TLS1_3);
    let (outcome, seen) = recorded(|| Pair::for_host(&client, &server).run());
    assert_passes(&outcome, &["chain verify callback"]);
    assert!(seen.contains(&"chain verify callback"), "{seen:?}");
    let pair = Pair::for_host(&client, &server);
    let (outcome, panics) = panicking(&["chain verify callback"], 0, || pair.run());
    assert!(panics > 0 && !outcome.complete && outcome.passed == 0, "{outcome:?}");
}

#[test]
fn a_panic_in_the_tripwire_is_a_no() {
    let world = World::new();
    let pair = Pair::new(&world.client(), &world.plain_server(SslVersion::TLS1_3));
    // SAFETY: the objects are live and this thread's alone; the index is libssl's own.
    unsafe {
        let store_ctx = ffi::X509_STORE_CTX_new();
        let index = ffi::SSL_get_ex_data_X509_STORE_CTX_idx();
        assert_eq!(ffi::X509_STORE_CTX_init(store_ctx, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()), 1);
        assert_eq!(sys::X509_STORE_CTX_set_ex_data(store_ctx, index, pair.client.as_ptr().cast()), 1);
        assert_eq!(TRIPWIRE(1, store_ctx), 1);
        assert_eq!(panicking(&["tripwire"], 0, || TRIPWIRE(1, store_ctx)), (0, 1));
        ffi::X509_STORE_CTX_free(store_ctx);
    }
}

#[test]
fn a_panic_in_a_set_up_call_poisons_the_context() {
    let world = World::new();
    let client = world.client();
    let defect = || -> crate::error::Result<()> { panic!("a defect") };
    let answer = guard(&client).configure(Family::Crl, "crl", defect, |_, ()| ());
    assert_eq!(answer.unwrap_err().status(), Status::EInternal);
    let pair = Pair::for_host(&client, &world.plain_server(SslVersion::TLS1_3));
    let outcome = pair.run();
    assert!(!outcome.complete && outcome.passed == 0);
    assert_eq!(pair.refusal().unwrap().status(), Status::EPoisoned);
}

#[test]
fn a_panic_at_the_border_of_the_c_abi_becomes_a_status() {
    use crate::ffi::boundary;
    assert_eq!(boundary::status(|| panic!("a defect")), Status::EInternal.code());
    assert!(boundary::pointer::<u8>(|| panic!("a defect")).is_null());
    assert_eq!(boundary::accessor(7, || -> c_int { panic!("a defect") }), 7);
}

/// Says to the test below that it is the child.
const CHILD: &str = "HOSTLOCK_NETS_CHILD";

/// Seals its process, which cannot be undone: so it is run by another test, in a process of its own.
#[test]
fn child_that_is_sealed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let world = World::new();
    let choice = Choice::from(Policy::named("default").unwrap());
    seal::process(choice, seal::state::Mode::Enforce).unwrap();
    let make = || SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let (client, panics) = panicking(&["seal constructor"], 0, make);
    assert_eq!(panics, 1);
    let outcome = Pair::new(&client, &world.plain_server(SslVersion::TLS1_3)).run();
    assert!(!outcome.complete && outcome.passed == 0);
    println!("the context was made, and permits nothing");
}

#[test]
#[cfg(not(feature = "private-libssl"))]
fn a_panic_in_the_seals_constructor_leaves_a_context_that_permits_nothing() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nets::panics::child_that_is_sealed", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success() && said.contains("permits nothing"), "{said} {:?}", child.status);
}
