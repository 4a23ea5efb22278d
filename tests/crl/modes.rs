//! When CRLs are asked, about which certificates, and what their dates mean.

use std::sync::atomic::Ordering;

use hostlock::error::Status;
use hostlock::ffi::revocation::hostlock_ctx_add_crl_mem;

use crate::support::crl::CrlRecipe;
use crate::support::peer::{Client, status};
use crate::support::pki::{self, DAY};
use crate::{HOST, OLD, expired, site};

#[test]
fn without_crls_nothing_is_asked() {
    assert_eq!(site().with(None, vec![]).unwrap(), "hello");
}

#[test]
fn current_crls_of_every_issuer_let_a_good_chain_pass() {
    let site = site();
    assert_eq!(site.with(None, vec![site.good_root(), site.good_middle()]).unwrap(), "hello");
}

#[test]
fn loading_one_crl_turns_checking_of_the_whole_chain_on() {
    let site = site();
    let error = site.with(None, vec![site.good_middle()]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationUnknown);
    assert_eq!(error.certificate().unwrap().depth, 1);
    assert!(error.message().contains("there is no CRL of \"CN=Root CA\""), "{}", error.message());
    assert!(error.hint().contains("\"CN=Middle CA\""), "{}", error.hint());
}

#[test]
fn a_mode_alone_turns_checking_on() {
    let site = site();
    assert_eq!(status(site.with(Some("leaf"), vec![])), Some(Status::ERevocationUnknown));
    assert_eq!(site.with(Some("chain+soft"), vec![]).unwrap(), "hello");
}

#[test]
fn leaf_mode_asks_about_the_leaf_only() {
    let site = site();
    assert_eq!(site.with(Some("leaf"), vec![site.good_middle()]).unwrap(), "hello");
    let revoked = site.good_root().revoking(&site.middle);
    assert_eq!(site.with(Some("leaf"), vec![site.good_middle(), revoked]).unwrap(), "hello");
    let revoked = site.good_middle().revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf"), vec![revoked])), Some(Status::ERevoked));
}

#[test]
fn a_revoked_leaf_is_refused_in_every_mode_with_when_and_why() {
    let site = site();
    for mode in ["leaf", "chain", "leaf+soft", "chain+soft", "chain+expired", "chain+expired+soft"] {
        let revoked = site.good_middle().revoking_because(&site.leaf, 1);
        let error = site.with(Some(mode), vec![site.good_root(), revoked]).unwrap_err();
        assert_eq!(error.status(), Status::ERevoked, "{mode}");
        assert!(error.message().contains("revoked by \"CN=Middle CA\" on "), "{}", error.message());
        assert!(error.message().ends_with("(key compromise)"), "{}", error.message());
        assert_eq!(error.certificate().unwrap().depth, 0);
        let hour_ago = pki::now() - 3600;
        assert!((hour_ago - 60..=hour_ago).contains(&error.time().unwrap()));
    }
    assert_eq!(site.server.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn a_revoked_intermediate_is_refused_though_it_lies_in_the_store_beside_its_root() {
    let site = site();
    let client = Client::trusting(&[&site.root, &site.middle]);
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_root().revoking(&site.middle).pem()).unwrap();
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_middle().pem()).unwrap();
    let error = client.connect(Some(HOST), site.server.port).unwrap_err();
    assert_eq!((error.status(), error.certificate().unwrap().depth), (Status::ERevoked, 1));
}

#[test]
fn the_anchor_is_not_asked_even_where_its_own_crl_lists_it() {
    let site = site();
    let listed = site.good_root().revoking(&site.root);
    assert_eq!(site.with(None, vec![listed, site.good_middle()]).unwrap(), "hello");
}

#[test]
fn an_intermediate_that_is_the_anchor_needs_no_crl_of_its_absent_root() {
    let site = site();
    let client = Client::trusting(&[&site.middle]);
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_middle().pem()).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn an_expired_crl_is_refused_unless_asked_for_and_still_revokes() {
    let site = site();
    let error = site.with(None, vec![site.good_root(), expired(site.good_middle())]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationStale, 12));
    assert!(error.message().contains("CRL of \"CN=Middle CA\" was to be replaced by"), "{}", error.message());
    let end = pki::now() + OLD;
    assert!((end - 60..=end).contains(&error.time().unwrap()));
    let soft = site.with(Some("chain+soft"), vec![expired(site.good_middle())]);
    assert_eq!(status(soft), Some(Status::ERevocationStale));
    for mode in ["chain+expired", "chain+soft+expired", "leaf+expired"] {
        let crls = || vec![site.good_root(), expired(site.good_middle())];
        assert_eq!(site.with(Some(mode), crls()).unwrap(), "hello", "{mode}");
        let crls = vec![site.good_root(), expired(site.good_middle()).revoking(&site.leaf)];
        let error = site.with(Some(mode), crls).unwrap_err();
        assert_eq!(error.status(), Status::ERevoked, "{mode}");
        assert!(error.message().contains(" on ") && error.time().is_some(), "{}", error.message());
    }
}

#[test]
fn a_crl_of_tomorrow_is_refused_with_its_date() {
    let site = site();
    let tomorrow = || CrlRecipe { this_update: DAY, ..site.good_middle() };
    let error = site.with(Some("chain+expired"), vec![site.good_root(), tomorrow()]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationStale, 11));
    assert!(error.message().contains("is valid only from"), "{}", error.message());
    assert!(error.time().unwrap() > pki::now());
    assert_eq!(status(site.with(Some("chain+soft"), vec![tomorrow()])), Some(Status::ERevocationStale));
}
