//! Name constraints, certificate policies, dates and depth: the rules about a chain as a whole.

mod support;

use hostlock::error::{Error, Status};
use support::raw::*;

const HOST: &str = "www.example.com";

fn below(constraint: &[u8], leaf: Raw, host: &str) -> Result<(), Error> {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw::ca("Middle").with(NAME_CONSTRAINTS, true, constraint).issued_by(&root);
    let leaf = leaf.issued_by(&middle);
    verdict(&[&root], &[&leaf, &middle], host)
}

fn dns(name: &str) -> Vec<u8> {
    der(0x82, name.as_bytes())
}

fn leaf_for(names: &[&str]) -> Raw {
    Raw::leaf("leaf").instead(SUBJECT_ALT_NAME, false, &dns_names(names))
}

#[track_caller]
fn violates(outcome: Result<(), Error>) {
    let error = outcome.expect_err("refused");
    assert_eq!(error.status(), Status::ENameConstraint, "{}", error.message());
    assert!(error.certificate().is_some());
}

#[test]
fn constraints_permit_and_exclude_names_without_regard_to_case() {
    let permitted = constraints(0xa0, &[dns("example.com")]);
    let excluded = constraints(0xa1, &[dns("EXAMPLE.com")]);
    below(&permitted, Raw::leaf(HOST), HOST).unwrap();
    below(&permitted, leaf_for(&["WWW.Example.COM"]), HOST).unwrap();
    violates(below(&permitted, leaf_for(&["www.example.net"]), "www.example.net"));
    violates(below(&excluded, Raw::leaf(HOST), HOST));
    below(&excluded, leaf_for(&["www.example.net"]), "www.example.net").unwrap();
}

#[test]
fn a_wildcard_that_could_stand_for_an_excluded_host_is_refused() {
    let excluded = constraints(0xa1, &[dns("bar.example.com")]);
    violates(below(&excluded, leaf_for(&["*.example.com"]), HOST));
    violates(below(&excluded, leaf_for(&["*.Bar.example.com"]), "x.bar.example.com"));
    below(&excluded, leaf_for(&["*.example.net"]), "www.example.net").unwrap();
}

#[test]
fn a_malformed_name_inside_a_constrained_chain_is_refused() {
    let permitted = constraints(0xa0, &[dns("example.com")]);
    for bad in [".example.com", "a..example.com", "a b.example.com"] {
        assert!(below(&permitted, leaf_for(&[HOST, bad]), HOST).is_err(), "{bad}");
    }
    let mail = sequence(&[&dns(HOST), &der(0x81, b"no-at-sign")]);
    let leaf = Raw::leaf(HOST).instead(SUBJECT_ALT_NAME, false, &mail);
    assert!(below(&constraints(0xa0, &[der(0x81, b"example.com")]), leaf, HOST).is_err());
}

#[test]
fn an_address_mask_with_a_hole_in_it_is_refused() {
    let address = |mask: [u8; 4]| constraints(0xa0, &[der(0x87, &[[192, 0, 2, 0], mask].concat())]);
    let leaf = || Raw::leaf("x").instead(SUBJECT_ALT_NAME, false, &sequence(&[&der(0x87, &[192, 0, 2, 1])]));
    below(&address([255, 255, 255, 0]), leaf(), "192.0.2.1").unwrap();
    assert!(below(&address([255, 0, 255, 0]), leaf(), "192.0.2.1").is_err());
}

#[test]
fn constraints_are_never_applied_to_the_common_name() {
    let permitted = constraints(0xa0, &[dns("example.com")]);
    let address = sequence(&[&der(0x87, &[192, 0, 2, 1])]);
    let leaf = Raw::leaf("www.example.net").instead(SUBJECT_ALT_NAME, false, &address);
    below(&permitted, leaf, "192.0.2.1").unwrap();
}

#[test]
fn a_self_issued_intermediate_is_not_held_against_constraints_but_a_leaf_is() {
    let old =
        Raw::ca("Rolling CA").with(NAME_CONSTRAINTS, true, &constraints(0xa0, &[dns("example.com")])).self_signed();
    let new = Raw::ca("Rolling CA").with(SUBJECT_ALT_NAME, false, &dns_names(&["ca.example.net"])).issued_by(&old);
    let leaf = Raw::leaf(HOST).issued_by(&new);
    verdict(&[&old], &[&leaf, &new], HOST).unwrap();
    let outside = leaf_for(&["www.example.net"]).issued_by(&new);
    violates(verdict(&[&old], &[&outside, &new], "www.example.net"));
}

#[test]
fn empty_name_constraints_are_refused() {
    assert!(below(&sequence(&[]), Raw::leaf(HOST), HOST).is_err());
}

#[test]
fn a_policy_that_a_ca_requires_must_hold_for_the_whole_chain() {
    let policy = |oid: u8| sequence(&[&sequence(&[&der(6, &[0x2a, oid])])]);
    let root = Raw::ca("Root").self_signed();
    let middle = Raw::ca("Middle")
        .with(CERTIFICATE_POLICIES, false, &policy(3))
        .with(POLICY_CONSTRAINTS, true, &sequence(&[&der(0x80, &[0])]))
        .issued_by(&root);
    let with = Raw::leaf(HOST).with(CERTIFICATE_POLICIES, false, &policy(3)).issued_by(&middle);
    verdict(&[&root], &[&with, &middle], HOST).unwrap();
    for leaf in [Raw::leaf(HOST), Raw::leaf(HOST).with(CERTIFICATE_POLICIES, false, &policy(4))] {
        let leaf = leaf.issued_by(&middle);
        let error = verdict(&[&root], &[&leaf, &middle], HOST).unwrap_err();
        assert_eq!(error.status(), Status::EBadCertificate);
        assert!(error.message().contains("RFC 5280 6.1.5"), "{}", error.message());
    }
}

#[test]
fn a_certificate_is_valid_through_the_second_of_its_not_after() {
    let root = Raw::ca("Root").self_signed();
    // The clock may pass to the next second between the making and the asking.
    for _ in 0..5 {
        let before = support::pki::now();
        let leaf = Raw { not_after: 1000, ..Raw::leaf(HOST) }.issued_by(&root);
        let ask = |at| Question { at: Some(at), ..Question::new(&[&root], &[&leaf], HOST) }.ask();
        let (last, after) = (ask(1000), ask(1001));
        if support::pki::now() == before {
            last.unwrap();
            let error = after.unwrap_err();
            assert_eq!(error.status(), Status::EExpired);
            assert_eq!(error.time(), Some(before + 1000));
            return;
        }
    }
    panic!("no second was long enough");
}

#[test]
fn self_issued_certificates_do_not_count_for_the_depth() {
    let root = Raw::ca("Root").self_signed();
    let one = Raw::ca("One").issued_by(&root);
    let again = Raw::ca("One").issued_by(&one);
    let two = Raw::ca("Two").issued_by(&again);
    let leaf = Raw::leaf(HOST).issued_by(&two);
    let chain = [&leaf, &two, &again, &one];
    let ask = |depth| Question { depth: Some(depth), ..Question::new(&[&root], &chain, HOST) }.ask();
    ask(2).unwrap();
    let error = ask(1).unwrap_err();
    assert_eq!(error.status(), Status::EChainTooLong);
    assert!(error.message().contains("2 intermediate certificates, and 1 are permitted"), "{}", error.message());
    let direct = Raw::leaf(HOST).issued_by(&root);
    Question { depth: Some(0), ..Question::new(&[&root], &[&direct], HOST) }.ask().unwrap();
}

#[test]
fn a_path_length_that_a_ca_sets_is_kept() {
    let root = Raw::ca("Root").self_signed();
    let short = Raw::ca("Short").instead(BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]).issued_by(&root);
    let below = Raw::ca("Below").issued_by(&short);
    let leaf = Raw::leaf(HOST).issued_by(&below);
    let error = verdict(&[&root], &[&leaf, &below, &short], HOST).unwrap_err();
    assert_eq!(error.status(), Status::EChainTooLong);
    assert!(error.message().contains("\"CN=Short\"") && error.message().contains("4.2.1.9"), "{}", error.message());
}
