//! What an answer says, when, and of which certificate.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foreign_types::ForeignTypeRef;
use hostlock::error::Status;
use hostlock::ffi::insecure::*;
use hostlock::ffi::revocation::hostlock_ctx_set_ocsp_mode;
use openssl::hash::MessageDigest;
use openssl::ssl::{SslRef, SslVersion};
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::support::crl::extension;
use crate::support::ocsp::{OcspRecipe, Says, extended};
use crate::support::peer::{Client, Manner, serve_in_manner, status};
use crate::support::pki::{self, DAY, Recipe};
use crate::{BOTH, HOST, server_sends_anything, site};

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
    assert!(error.time().unwrap() < pki::now() - 3600);
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
    assert!(error.time().unwrap() < pki::now());
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
