//! Stapled OCSP answers in real handshakes of TLS 1.2 and 1.3, through the C ABI.

mod support;

use std::io::{Read, Write};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::error::{Error, Status};
use hostlock::ffi::host::hostlock_conn_set_host;
use hostlock::ffi::insecure::*;
use hostlock::ffi::pins::hostlock_ctx_trust_exact;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode, hostlock_ctx_set_ocsp_mode};
use openssl::hash::MessageDigest;
use openssl::ssl::{SslRef, SslVersion};
use openssl::x509::X509Ref;
use openssl_sys as ffi;
use support::crl::{CrlRecipe, extension};
use support::ocsp::{OcspRecipe, Says, extended, failure};
use support::peer::{Client, Manner, Server, serve_in_manner, status};
use support::pki::{DAY, Identity, Recipe};

const HOST: &str = "site.example";
const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// A CA and a certificate of it; a responder that it authorised.
struct Site {
    ca: Identity,
    leaf: Identity,
    responder: Identity,
}

fn site() -> Site {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let responder = delegate(&ca, Recipe::server("Responder", &[]));
    Site { ca, leaf, responder }
}

/// A certificate for OCSP signing.
fn delegate(ca: &Identity, recipe: Recipe) -> Identity {
    let plain = Recipe { server_auth: false, ..recipe }.issued_by(ca);
    // ExtKeyUsageSyntax with id-kp-OCSPSigning.
    let usage = extension("2.5.29.37", false, b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");
    extended(&plain, ca, usage)
}

/// A certificate that demands a staple (RFC 7633).
fn must_staple(site: &Site) -> Identity {
    extended(&site.leaf, &site.ca, extension("1.3.6.1.5.5.7.1.24", false, &[0x30, 3, 2, 1, 5]))
}

impl Site {
    fn client(&self) -> Client {
        Client::trusting(&[&self.ca])
    }

    fn good(&self) -> OcspRecipe<'_> {
        OcspRecipe::good(&self.leaf, &self.ca)
    }

    fn serve(&self, staple: Option<Vec<u8>>, version: SslVersion) -> Server {
        serve_in_manner(&self.leaf, &[], Manner { staple, version: Some(version), ..Manner::default() })
    }

    /// The same refusal in both versions, and no request reached the server; or success in both.
    fn outcome(&self, client: &Client, staple: &[u8]) -> Result<String, Error> {
        let [one, other] = BOTH.map(|version| {
            let server = self.serve(Some(staple.to_vec()), version);
            let outcome = client.connect(Some(HOST), server.port);
            assert_eq!(server.requests.load(Ordering::SeqCst), usize::from(outcome.is_ok()), "{version:?}");
            outcome
        });
        match (&one, &other) {
            (Err(one), Err(other)) => assert_eq!(one.message(), other.message()),
            _ => assert_eq!(one.as_deref().ok(), other.as_deref().ok()),
        }
        one
    }

    fn refusal(&self, staple: &[u8]) -> Error {
        self.outcome(&self.client(), staple).unwrap_err()
    }
}

/// Whether OpenSSL's server staples what it was given; since 3.6 it reads that, and leaves out what does not fit.
fn server_sends_anything() -> bool {
    let older = openssl::version::number() < 0x3060_0000;
    if !older {
        println!("skipped: the server of this OpenSSL sends no such answer");
    }
    older
}

#[test]
fn a_good_answer_of_the_ca_passes_however_it_names_signer_and_certificate() {
    let site = site();
    for by_key in [false, true] {
        for id_digest in [MessageDigest::sha1(), MessageDigest::sha256()] {
            for with_certificate in [false, true] {
                let staple = OcspRecipe { by_key, id_digest, with_certificate, ..site.good() }.der();
                assert_eq!(site.outcome(&site.client(), &staple).unwrap(), "hello");
            }
        }
    }
}

#[test]
fn a_good_answer_of_an_authorised_responder_passes() {
    let site = site();
    for by_key in [false, true] {
        let staple = OcspRecipe { signer: &site.responder, with_certificate: true, by_key, ..site.good() }.der();
        assert_eq!(site.outcome(&site.client(), &staple).unwrap(), "hello");
    }
}

#[test]
fn a_revoked_certificate_is_refused_with_when_and_why() {
    let site = site();
    let error = site.refusal(&OcspRecipe { says: Says::Revoked(Some(1)), ..site.good() }.der());
    assert_eq!((error.status(), error.x509_code()), (Status::ERevoked, 23));
    assert!(error.message().contains(" on ") && error.message().contains("(key compromise)"), "{}", error.message());
    assert!(error.time().unwrap() < support::pki::now() - 3600);
    let unnamed = site.refusal(&OcspRecipe { says: Says::Revoked(None), ..site.good() }.der());
    assert_eq!(unnamed.status(), Status::ERevoked);
}

#[test]
fn an_answer_of_unknown_is_refused() {
    let site = site();
    let error = site.refusal(&OcspRecipe { says: Says::Unknown, ..site.good() }.der());
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationUnknown, 75));
    assert!(error.message().contains("does not know"), "{}", error.message());
}

#[test]
fn an_answer_out_of_its_time_is_refused_with_the_date() {
    let site = site();
    let old = OcspRecipe { this_update: -3 * DAY, next_update: Some(-DAY), ..site.good() };
    let error = site.refusal(&old.der());
    assert_eq!(error.status(), Status::ERevocationStale);
    assert!(error.message().contains("was to be replaced by"), "{}", error.message());
    assert!(error.time().unwrap() < support::pki::now());
    let future = OcspRecipe { this_update: DAY, next_update: Some(2 * DAY), ..site.good() };
    let error = site.refusal(&future.der());
    assert_eq!(error.status(), Status::ERevocationStale);
    assert!(error.message().contains("is valid only from"), "{}", error.message());
    let endless = OcspRecipe { this_update: -2 * DAY, next_update: None, ..site.good() };
    assert_eq!(site.refusal(&endless.der()).status(), Status::ERevocationStale);
    let fresh = OcspRecipe { next_update: None, ..site.good() };
    assert_eq!(site.outcome(&site.client(), &fresh.der()).unwrap(), "hello");
    let clocks_differ = OcspRecipe { this_update: 120, ..site.good() };
    assert_eq!(site.outcome(&site.client(), &clocks_differ.der()).unwrap(), "hello");
}

#[test]
fn no_time_ignores_the_dates_of_an_answer_but_not_what_it_says() {
    let site = site();
    let client = site.client();
    #[allow(deprecated, reason = "that is what is tested")]
    client.set_text(hostlock_insecure_no_time, "no clock on board").unwrap();
    let old = || OcspRecipe { this_update: -3 * DAY, next_update: Some(-DAY), ..site.good() };
    assert_eq!(site.outcome(&client, &old().der()).unwrap(), "hello");
    let revoked = OcspRecipe { says: Says::Revoked(None), ..old() };
    assert_eq!(status(site.outcome(&client, &revoked.der())), Some(Status::ERevoked));
}

#[test]
fn an_answer_about_another_certificate_is_refused() {
    if !server_sends_anything() {
        return;
    }
    let site = site();
    let other = Recipe::server(HOST, &[HOST]).issued_by(&site.ca);
    let error = site.refusal(&OcspRecipe { about: other.certificate.clone(), ..site.good() }.der());
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationInvalid, 74));
    assert!(error.message().contains("is about another certificate"), "{}", error.message());
    let namesake = Recipe::ca("Root CA").self_signed();
    let error = site.refusal(&OcspRecipe { issuer: namesake.certificate.clone(), ..site.good() }.der());
    assert!(error.message().contains("is about another certificate"), "{}", error.message());
}

/// Has the server send `middle` with `answer` beside it, and none beside its own certificate.
fn staple_for_the_intermediate(ssl: &SslRef, middle: &X509Ref, answer: &[u8]) {
    const CHAIN_CERT: i32 = 89;
    const SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX: i32 = 143;
    // SAFETY: both are live; with 1 the connection takes a reference of its own.
    assert_eq!(unsafe { ffi::SSL_ctrl(ssl.as_ptr(), CHAIN_CERT, 1, middle.as_ptr().cast()) }, 1);
    // SAFETY: OpenSSL reads as many bytes as it is told; the stack and both copies of the answer become libssl's.
    let set = unsafe {
        let answers = ffi::OPENSSL_sk_new_null();
        for _ in 0..2 {
            let mut bytes = answer.as_ptr();
            let response = ffi::d2i_OCSP_RESPONSE(ptr::null_mut(), &mut bytes, answer.len().try_into().unwrap());
            assert!(!response.is_null());
            assert!(ffi::OPENSSL_sk_push(answers, response.cast()) > 0);
        }
        ffi::SSL_ctrl(ssl.as_ptr(), SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX, 0, answers.cast())
    };
    assert_eq!(set, 1);
}

#[test]
fn an_answer_for_an_intermediate_only_is_not_taken_for_the_leafs() {
    if openssl::version::number() < 0x3060_0000 {
        println!("skipped: this OpenSSL sends one answer only");
        return;
    }
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    let demanding = extended(&leaf, &middle, extension("1.3.6.1.5.5.7.1.24", false, &[0x30, 3, 2, 1, 5]));
    let good = OcspRecipe::good(&middle, &root).der();
    for (server, mode, passes) in
        [(&leaf, "if-present", true), (&leaf, "require", false), (&demanding, "if-present", false)]
    {
        let sent = Arc::new(AtomicUsize::new(0));
        let manner = Manner {
            staples: Some(Box::new({
                let (middle, good, sent) = (middle.certificate.clone(), good.clone(), sent.clone());
                move |ssl| {
                    staple_for_the_intermediate(ssl, &middle, &good);
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            })),
            version: Some(SslVersion::TLS1_3),
            ..Manner::default()
        };
        let server = serve_in_manner(server, &[], manner);
        let client = Client::trusting(&[&root]);
        client.set_text(hostlock_ctx_set_ocsp_mode, mode).unwrap();
        match client.connect(Some(HOST), server.port) {
            Ok(answer) => assert_eq!((answer.as_str(), passes), ("hello", true), "{mode}"),
            Err(error) => {
                assert_eq!(
                    (error.status(), passes),
                    (Status::ERevocationUnknown, false),
                    "{mode}: {}",
                    error.message()
                );
                let words =
                    if mode == "require" { "the server stapled no OCSP answer" } else { "the server sent none" };
                assert!(error.message().contains(words), "{}", error.message());
            }
        }
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_revocation_counts_where_the_server_sends_its_certificate_twice() {
    let site = site();
    for version in BOTH {
        let staple = Some(OcspRecipe { says: Says::Revoked(None), ..site.good() }.der());
        let manner = Manner { staple, version: Some(version), ..Manner::default() };
        let server = serve_in_manner(&site.leaf, &[&site.leaf], manner);
        assert_eq!(status(site.client().connect(Some(HOST), server.port)), Some(Status::ERevoked), "{version:?}");
    }
}

#[test]
fn a_wrong_signature_is_refused_and_what_it_covers_is_not_believed() {
    let site = site();
    let namesake = Recipe::ca("Root CA").self_signed();
    for says in [Says::Good, Says::Revoked(Some(1)), Says::Unknown] {
        let error = site.refusal(&OcspRecipe { signer: &namesake, says, ..site.good() }.der());
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("wrong signature"), "{}", error.message());
    }
}

#[test]
fn no_single_changed_bit_makes_a_revoked_certificate_good() {
    let site = site();
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    let question = |staple: &[u8]| {
        hostlock::revocation::ocsp::check(
            staple,
            &hostlock::revocation::ocsp::Question {
                leaf: &site.leaf.certificate,
                issuer: &site.ca.certificate,
                time: Some(support::pki::now()),
                crls: &Default::default(),
            },
        )
    };
    question(&site.good().der()).unwrap();
    for position in 0..revoked.len() {
        for bit in 0..8 {
            let mut changed = revoked.clone();
            changed[position] ^= 1 << bit;
            assert!(question(&changed).is_err(), "bit {bit} of byte {position}");
        }
        assert!(question(&revoked[..position]).is_err());
    }
}

#[test]
fn a_weak_signature_is_refused() {
    let site = site();
    let error = site.refusal(&OcspRecipe { digest: MessageDigest::sha1(), ..site.good() }.der());
    assert_eq!(error.status(), Status::ERevocationInvalid);
}

#[test]
fn a_responder_without_authority_is_refused_with_what_it_lacks() {
    let site = site();
    let stranger = Recipe::ca("Stranger CA").self_signed();
    let namesake = Recipe::ca("Root CA").self_signed();
    let cases = [
        (Recipe::server("Responder", &[]).issued_by(&site.ca), "extended key usage"),
        (delegate(&stranger, Recipe::server("Responder", &[])), "did not issue"),
        (delegate(&namesake, Recipe::server("Responder", &[])), "did not issue"),
        (stranger.clone(), "did not issue"),
        (
            delegate(&site.ca, Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::server("Old", &[]) }),
            "not valid now",
        ),
        (delegate(&site.ca, Recipe { key: support::pki::rsa(1024), ..Recipe::server("Weak", &[]) }), "too weak"),
    ];
    for (signer, lack) in &cases {
        let staple = OcspRecipe { signer, with_certificate: true, ..site.good() }.der();
        let error = site.refusal(&staple);
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("was not signed by who may"), "{}", error.message());
        assert!(error.hint().contains(lack), "{lack}: {}", error.hint());
    }
    let absent = OcspRecipe { signer: &site.responder, ..site.good() }.der();
    assert!(site.refusal(&absent).hint().contains("neither the issuer nor in the answer"));
}

#[test]
fn the_leafs_own_key_cannot_vouch_for_it() {
    let site = site();
    let staple = OcspRecipe { signer: &site.leaf, with_certificate: true, ..site.good() }.der();
    assert_eq!(site.refusal(&staple).status(), Status::ERevocationInvalid);
}

#[test]
fn a_responder_that_a_loaded_crl_lists_is_refused() {
    let site = site();
    let client = site.client();
    client.set_bytes(hostlock_ctx_add_crl_mem, &CrlRecipe::of(&site.ca).revoking(&site.responder).pem()).unwrap();
    let staple = OcspRecipe { signer: &site.responder, with_certificate: true, ..site.good() }.der();
    let error = site.outcome(&client, &staple).unwrap_err();
    assert!(error.hint().contains("has been revoked"), "{}", error.hint());
}

#[test]
fn garbage_and_refusals_of_the_responder_are_no_answer() {
    if !server_sends_anything() {
        return;
    }
    let site = site();
    let good = site.good().der();
    for garbage in [&b"x"[..], b"not an OCSP answer", &good[..good.len() - 1], &[&good[..], b"x"].concat()] {
        let error = site.refusal(garbage);
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("cannot be read"), "{}", error.message());
    }
    let error = site.refusal(&failure(3));
    assert!(error.message().contains("\"try later\""), "{}", error.message());
}

#[test]
fn absence_passes_unless_the_context_or_the_certificate_demands_an_answer() {
    let site = site();
    let demanding = must_staple(&site);
    for version in BOTH {
        let plain = site.serve(None, version);
        let client = site.client();
        assert_eq!(client.connect(Some(HOST), plain.port).unwrap(), "hello");
        client.set_text(hostlock_ctx_set_ocsp_mode, "require").unwrap();
        let error = client.connect(Some(HOST), plain.port).unwrap_err();
        assert_eq!((error.status(), error.x509_code()), (Status::ERevocationUnknown, 73));
        assert!(error.message().contains("this context requires one"), "{}", error.message());

        let bare = serve_in_manner(&demanding, &[], Manner { version: Some(version), ..Manner::default() });
        let error = site.client().connect(Some(HOST), bare.port).unwrap_err();
        assert_eq!(error.status(), Status::ERevocationUnknown);
        assert!(error.message().contains("RFC 7633"), "{}", error.message());
        assert_eq!(bare.requests.load(Ordering::SeqCst), 0);
        let staple = OcspRecipe::good(&demanding, &site.ca).der();
        let stapling = serve_in_manner(
            &demanding,
            &[],
            Manner { staple: Some(staple), version: Some(version), ..Manner::default() },
        );
        assert_eq!(site.client().connect(Some(HOST), stapling.port).unwrap(), "hello");
        assert_eq!(client.connect(Some(HOST), stapling.port).unwrap(), "hello");
    }
}

#[test]
fn off_neither_asks_nor_looks() {
    let site = site();
    let client = site.client();
    client.set_text(hostlock_ctx_set_ocsp_mode, "off").unwrap();
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    assert_eq!(site.outcome(&client, &revoked).unwrap(), "hello");
    client.set_text(hostlock_ctx_set_ocsp_mode, "if-present").unwrap();
    assert_eq!(status(site.outcome(&client, &revoked)), Some(Status::ERevoked));
}

#[test]
fn an_unknown_mode_lists_the_known_ones_and_stops_every_handshake() {
    let site = site();
    let client = site.client();
    let error = client.set_text(hostlock_ctx_set_ocsp_mode, "hard-fail").unwrap_err();
    assert_eq!(error.status(), Status::EArg);
    assert!(error.hint().contains("\"if-present\", \"require\" and \"off\""), "{}", error.hint());
    assert_eq!(status(site.outcome(&client, &site.good().der())), Some(Status::EPoisoned));
}

#[test]
fn an_exact_certificate_needs_no_answer() {
    let site = site();
    let client = Client::trusting(&[]);
    let device = must_staple(&site);
    client.set_bytes(hostlock_ctx_trust_exact, &device.pem()).unwrap();
    client.set_text(hostlock_ctx_set_ocsp_mode, "require").unwrap();
    for version in BOTH {
        let server = serve_in_manner(&device, &[], Manner { version: Some(version), ..Manner::default() });
        assert_eq!(client.connect(Some(HOST), server.port).unwrap(), "hello");
    }
}

#[test]
fn an_answer_does_not_stand_in_for_a_crl_nor_a_crl_for_an_answer() {
    let site = site();
    let client = site.client();
    client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap();
    assert_eq!(status(site.outcome(&client, &site.good().der())), Some(Status::ERevocationUnknown));
    client.set_bytes(hostlock_ctx_add_crl_mem, &CrlRecipe::of(&site.ca).pem()).unwrap();
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    assert_eq!(status(site.outcome(&client, &revoked)), Some(Status::ERevoked));
}

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
