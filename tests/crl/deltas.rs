//! Delta CRLs.

use hostlock::error::Status;
use hostlock::ffi::revocation::hostlock_ctx_add_crl_mem;

use crate::support::crl::{CrlRecipe, extension};
use crate::support::peer::status;
use crate::{delta, site};

#[test]
fn a_delta_without_its_base_is_no_answer_but_its_revocations_hold() {
    let site = site();
    let error = site.with(Some("leaf"), vec![delta(site.good_middle())]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationInvalid);
    assert!(error.message().contains("only a delta CRL"), "{}", error.message());
    assert_eq!(site.with(Some("leaf+soft"), vec![delta(site.good_middle())]).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf+soft"), vec![revoking])), Some(Status::ERevoked));
}

#[test]
fn a_delta_revokes_beside_a_base_that_does_not_point_to_it() {
    let site = site();
    let crls = |delta| vec![site.good_middle(), delta];
    assert_eq!(site.with(Some("leaf"), crls(delta(site.good_middle()))).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf"), crls(revoking))), Some(Status::ERevoked));
}

#[test]
fn a_delta_revokes_beside_a_base_that_points_to_it_with_when_and_why() {
    let site = site();
    let base = || {
        let mut base = site.good_middle();
        // FreshestCRL ::= SEQUENCE OF DistributionPoint { [0] { [0] { [6] URI } } }
        base.extensions.push(extension("2.5.29.46", false, b"\x30\x11\x30\x0f\xa0\x0d\xa0\x0b\x86\x09http://d/"));
        base
    };
    assert_eq!(site.with(Some("leaf"), vec![base(), delta(site.good_middle())]).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking_because(&site.leaf, 4);
    let error = site.with(Some("leaf"), vec![base(), revoking]).unwrap_err();
    assert_eq!(error.status(), Status::ERevoked);
    assert!(error.message().ends_with("(superseded)"), "{}", error.message());
    let restored = delta(site.good_middle()).revoking_because(&site.leaf, 8);
    assert_eq!(site.with(Some("leaf"), vec![base().revoking_because(&site.leaf, 6), restored]).unwrap(), "hello");
}

#[test]
fn a_delta_that_a_newer_complete_crl_has_replaced_revokes_no_more() {
    let site = site();
    let newer = CrlRecipe { number: Some(3), ..site.good_middle() };
    let old_delta = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(site.with(Some("leaf"), vec![newer, old_delta]).unwrap(), "hello");
}

#[test]
fn a_delta_without_a_number_is_refused_when_it_is_loaded() {
    let site = site();
    let client = site.client();
    let crl = CrlRecipe { number: None, ..delta(site.good_middle()) };
    let error = client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap_err();
    assert!(error.message().contains("without a CRL number"), "{}", error.message());
}
