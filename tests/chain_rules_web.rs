//! What the policy for the public web demands beyond the default: each rule refuses there and not by the default.

mod support;

use hostlock::error::{Error, Status};
use support::pki;
use support::raw::*;

const HOST: &str = "www.example.com";

fn judge(policy: &str, root: &Made, leaf: Raw, host: &str) -> Result<(), Error> {
    let leaf = leaf.issued_by(root);
    Question { policy, ..Question::new(&[root], &[&leaf], host) }.ask()
}

/// The default accepts, and the public web's policy refuses with these words.
#[track_caller]
fn only_the_web_refuses(root: &Made, leaf: Raw, host: &str, status: Status, words: &str) {
    judge("default", root, leaf.clone(), host).expect("the default accepts");
    let error = judge("2026-11-webpki", root, leaf, host).expect_err("the public web's policy refuses");
    assert_eq!(error.status(), status, "{}", error.message());
    assert!(error.message().contains(words), "{:?} says nothing of {words:?}", error.message());
}

#[track_caller]
fn both_accept(root: &Made, leaf: Raw, host: &str) {
    for policy in ["default", "2026-11-webpki"] {
        judge(policy, root, leaf.clone(), host).unwrap_or_else(|error| panic!("{policy}: {error}"));
    }
}

#[test]
fn any_extended_key_usage_has_no_place_beside_server_auth() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).instead(EXT_KEY_USAGE, false, &usages(&[SERVER_AUTH, ANY_USAGE]));
    only_the_web_refuses(&root, leaf, HOST, Status::EWrongPurpose, "(CA/B Forum BR 7.1.2.7.10)");
    both_accept(&root, Raw::leaf(HOST), HOST);
}

#[test]
fn a_root_has_no_extended_key_usage() {
    let root = Raw::ca("Root").with(EXT_KEY_USAGE, false, &usages(&[SERVER_AUTH])).self_signed();
    only_the_web_refuses(&root, Raw::leaf(HOST), HOST, Status::EBadCertificate, "(CA/B Forum BR 7.1.2.1.2)");
}

#[test]
fn a_subject_alt_name_is_critical_only_beside_an_empty_subject() {
    let root = Raw::ca("Root").self_signed();
    let critical = Raw::leaf(HOST).instead(SUBJECT_ALT_NAME, true, &dns_names(&[HOST]));
    both_accept(&root, Raw { subject: empty_name(), ..critical.clone() }, HOST);
    only_the_web_refuses(&root, critical, HOST, Status::EBadCertificate, "(CA/B Forum BR 7.1.2.7.12)");
}

#[test]
fn a_dns_name_has_no_underscore() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf("under_score.example.com");
    let words = "an underscore in it (RFC 5280 4.2.1.6)";
    only_the_web_refuses(&root, leaf, "under_score.example.com", Status::EBadCertificate, words);
}

#[test]
fn a_roots_authority_key_identifier_is_its_own_key_identifier_alone() {
    let plain = Raw::ca("Root");
    let own = plain.clone().self_signed().key_id;
    let root = |value: Vec<u8>| plain.clone().with(AUTHORITY_KEY_ID, false, &value).self_signed();
    both_accept(&root(sequence(&[&der(0x80, &own)])), Raw::leaf(HOST), HOST);
    let directory = der(0xa4, &name("Root"));
    let with_issuer = sequence(&[&der(0x80, &own), &der(0xa1, &directory), &der(0x82, &plain.serial)]);
    for value in [sequence(&[&der(0x80, &[7; 20])]), sequence(&[])] {
        let words = "is not its own key identifier (CA/B Forum BR 7.1.2.1.3)";
        let error = judge("2026-11-webpki", &root(value), Raw::leaf(HOST), HOST).unwrap_err();
        assert!(error.message().contains(words), "{}", error.message());
    }
    let words = "names an issuer or serial number (CA/B Forum BR 7.1.2.1.3)";
    only_the_web_refuses(&root(with_issuer), Raw::leaf(HOST), HOST, Status::EBadCertificate, words);
}

#[test]
fn an_rsa_modulus_is_a_whole_number_of_octets() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).keyed(&pki::rsa(2052));
    only_the_web_refuses(&root, leaf, HOST, Status::EWeakKey, "2052 bits, which is not a multiple of 8");
    both_accept(&root, Raw::leaf(HOST).keyed(&pki::rsa(2048)), HOST);
}

#[test]
fn a_wildcard_directly_under_a_public_suffix_counts_for_nothing() {
    let root = Raw::ca("Root").self_signed();
    let leaf = |names: &[&str]| Raw::leaf("x").instead(SUBJECT_ALT_NAME, false, &dns_names(names));
    for (wildcard, host) in [("*.co.uk", "example.co.uk"), ("*.github.io", "someone.github.io")] {
        only_the_web_refuses(&root, leaf(&[wildcard]), host, Status::EHostMismatch, "is a public suffix");
        both_accept(&root, leaf(&[wildcard, host]), host);
    }
    both_accept(&root, leaf(&["*.example.co.uk"]), "www.example.co.uk");
    both_accept(&root, leaf(&["*.corp.internal"]), "www.corp.internal");
}

#[test]
fn key_identifiers_must_be_there() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw { authority_key: false, ..Raw::leaf(HOST) };
    let words = "has no authorityKeyIdentifier (RFC 5280 4.2.1.1)";
    only_the_web_refuses(&root, leaf, HOST, Status::EBadCertificate, words);
}
