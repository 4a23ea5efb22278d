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
fn the_constraints_of_an_intermediate_are_critical() {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw::ca("Middle").instead(BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xff]).issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    let ask = |policy| Question { policy, ..Question::new(&[&root], &[&leaf, &middle], HOST) }.ask();
    ask("default").unwrap();
    let error = ask("2026-11-webpki").unwrap_err();
    assert_eq!(error.status(), Status::EBadCertificate);
    assert!(error.message().contains("basicConstraints are not critical (RFC 5280 4.2.1.9)"), "{}", error.message());
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
