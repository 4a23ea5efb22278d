//! When an answer is demanded, asked for, or not looked at.

use std::sync::atomic::Ordering;

use hostlock::error::Status;
use hostlock::ffi::pins::hostlock_ctx_trust_exact;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode, hostlock_ctx_set_ocsp_mode};

use crate::support::crl::CrlRecipe;
use crate::support::ocsp::{OcspRecipe, Says};
use crate::support::peer::{Client, Manner, serve_in_manner, status};
use crate::{BOTH, HOST, must_staple, site};

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
