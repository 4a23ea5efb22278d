//! Every way in which a chain fails has its status, its words with the facts in them, and a remedy; and the picture shows
//! where it broke.

mod support;

use hostlock::error::{Error, Status};
use openssl::hash::MessageDigest;
use support::pki::{self, DAY};
use support::raw::*;

const HOST: &str = "www.example.com";

#[track_caller]
fn says(outcome: Result<(), Error>, status: Status, depth: u32, words: &[&str]) -> Error {
    let error = outcome.expect_err("refused");
    assert_eq!(error.status(), status, "{}", error.message());
    for word in words {
        let text = format!("{} | {}", error.message(), error.hint());
        assert!(text.contains(word), "{text:?} says nothing of {word:?}");
    }
    assert!(!error.hint().is_empty());
    assert_eq!(error.certificate().map(|culprit| culprit.depth), Some(depth), "{}", error.message());
    assert_ne!(error.x509_code(), 0);
    error
}

#[test]
fn an_expired_certificate_is_named_with_the_time_since_when() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw { not_before: -30 * DAY, not_after: -DAY, ..Raw::leaf(HOST) }.issued_by(&root);
    let since = pki::now() - DAY;
    let error =
        says(verdict(&[&root], &[&leaf], HOST), Status::EExpired, 0, &["CN=www.example.com", "expired on", "renew"]);
    assert!((error.time().unwrap() - since).abs() < 60);
    let middle = Raw { not_before: -30 * DAY, not_after: -DAY, ..Raw::ca("Old CA") }.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    says(
        verdict(&[&root], &[&leaf, &middle], HOST),
        Status::EExpired,
        1,
        &["the CA certificate of \"CN=Old CA\"", "position 1"],
    );
}

#[test]
fn a_certificate_of_tomorrow_sends_the_reader_to_the_clock() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw { not_before: DAY, ..Raw::leaf(HOST) }.issued_by(&root);
    let words = ["valid only from", "clock"];
    let error = says(verdict(&[&root], &[&leaf], HOST), Status::ENotYetValid, 0, &words);
    assert!((error.time().unwrap() - pki::now() - DAY).abs() < 60);
}

#[test]
fn a_self_signed_certificate_is_told_from_an_unknown_issuer() {
    let root = Raw::ca("Root").self_signed();
    let alone = Raw::leaf(HOST).self_signed();
    says(verdict(&[&root], &[&alone], HOST), Status::ESelfSigned, 0, &["self-signed", "trust"]);
    let stranger = Raw::ca("Stranger").self_signed();
    let leaf = Raw::leaf(HOST).issued_by(&stranger);
    let words = ["CN=Stranger", "not one of the trust anchors", "hostlock_ctx_trust_file"];
    says(verdict(&[&root], &[&leaf, &stranger], HOST), Status::EUnknownIssuer, 1, &words);
}

#[test]
fn an_issuer_that_may_be_unknown_or_an_intermediate_is_called_unknown_with_both_remedies() {
    let root = Raw::ca("Root").self_signed();
    let other = Raw::ca("Other root").self_signed();
    let middle = Raw::ca("Middle").issued_by(&other);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    let words = ["the chain stops at", "issuer \"CN=Middle\" was not sent", "full chain", "hostlock_ctx_trust_file"];
    says(verdict(&[&root], &[&leaf], HOST), Status::EUnknownIssuer, 0, &words);
    says(verdict(&[&other], &[&leaf], HOST), Status::EUnknownIssuer, 0, &words);
    let words =
        ["the chain stops at the CA certificate of \"CN=Middle\"", "\"CN=Other root\" is not one of the trust anchors"];
    says(verdict(&[&root], &[&leaf, &middle], HOST), Status::EUnknownIssuer, 1, &words);
    let words = ["issuer \"CN=Middle\" was not sent; what was sent is \"CN=Other root\"", "full chain"];
    says(verdict(&[&other], &[&leaf, &other], HOST), Status::EMissingIntermediate, 0, &words);
    let stranger = Raw::ca("Stranger").self_signed();
    says(verdict(&[&other], &[&leaf, &stranger], HOST), Status::EUnknownIssuer, 0, &["\"CN=Middle\" was not sent"]);
}

#[test]
fn a_namesake_that_was_sent_is_told_and_does_not_hide_the_one_who_signed() {
    let root = Raw::ca("Root").self_signed();
    let (ours, theirs) =
        (Raw::ca("Middle").issued_by(&root), Raw::ca("Middle").issued_by(&Raw::ca("Far").self_signed()));
    let leaf = Raw { authority_key: false, ..Raw::leaf(HOST) }.issued_by(&theirs);
    let words = ["its issuer \"CN=Far\" is not one of the trust anchors"];
    for sent in [[&leaf, &ours, &theirs], [&leaf, &theirs, &ours]] {
        says(verdict(&[&root], &sent, HOST), Status::EUnknownIssuer, 1, &words);
    }
    let told = Raw::leaf(HOST).issued_by(&theirs);
    let words = ["its issuer \"CN=Middle\" was sent, but the key of what was sent did not sign it"];
    says(verdict(&[&root], &[&told, &ours], HOST), Status::EUnknownIssuer, 0, &words);
}

#[test]
fn an_issuer_that_only_has_the_name_of_an_anchor_is_told_so() {
    let root = Raw::ca("Root").self_signed();
    let namesake = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).issued_by(&namesake);
    let words = ["has the name of a trust anchor, but another key"];
    says(verdict(&[&root], &[&leaf], HOST), Status::EUnknownIssuer, 0, &words);
}

#[test]
fn a_leaf_that_bears_its_cas_name_is_called_self_signed_only_if_its_own_key_signed_it() {
    let root = Raw::ca("Appliance").self_signed();
    let leaf = Raw { subject: name("Appliance"), authority_key: false, ..Raw::leaf(HOST) }.issued_by(&root);
    let words = ["bears its CA's name", "takes it for self-signed", "authorityKeyIdentifier"];
    says(verdict(&[&root], &[&leaf], HOST), Status::EBadCertificate, 0, &words);
    let other = Raw::ca("Other").self_signed();
    let words = ["bears its CA's name", "not one of the trust anchors"];
    says(verdict(&[&other], &[&leaf], HOST), Status::EUnknownIssuer, 0, &words);
    let namesake = Raw::ca("Appliance").self_signed();
    says(verdict(&[&namesake], &[&leaf], HOST), Status::EUnknownIssuer, 0, &words);
    let own = Raw { subject: name("Appliance"), authority_key: false, ..Raw::leaf(HOST) }.self_signed();
    says(verdict(&[&root], &[&own], HOST), Status::ESelfSigned, 0, &["is self-signed"]);
    // Identifiers that tell the two apart are all that it takes.
    let raw = Raw { subject: name("Appliance"), ..Raw::leaf(HOST) };
    let told_apart = raw.with(SUBJECT_KEY_ID, false, &der(4, &[7; 20])).issued_by(&root);
    verdict(&[&root], &[&told_apart], HOST).unwrap();
}

#[test]
fn a_wrong_purpose_says_which_one_is_missing() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).instead(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH])).issued_by(&root);
    says(
        verdict(&[&root], &[&leaf], HOST),
        Status::EWrongPurpose,
        0,
        &["not issued for serverAuth", "extended key usage"],
    );
    let fake = Raw::leaf("fake.example").issued_by(&root);
    let leaf = Raw { authority_key: false, ..Raw::leaf(HOST) }.issued_by(&fake);
    let outcome = verdict(&[&root], &[&leaf, &fake], HOST).unwrap_err();
    assert!([Status::EWrongPurpose, Status::EMissingIntermediate].contains(&outcome.status()), "{}", outcome.message());
}

#[test]
fn a_weak_key_says_what_it_is_and_where() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).keyed(&pki::rsa(1024)).issued_by(&root);
    says(verdict(&[&root], &[&leaf], HOST), Status::EWeakKey, 0, &["1024 bits", "2048"]);
    let middle = Raw::ca("Weak CA").keyed(&pki::rsa(1024)).issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    says(verdict(&[&root], &[&leaf, &middle], HOST), Status::EWeakKey, 1, &["\"CN=Weak CA\"", "1024 bits"]);
}

#[test]
fn a_weak_signature_says_its_algorithm_and_where() {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw { digest: MessageDigest::sha1(), ..Raw::ca("Middle") }.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    let words = ["\"CN=Middle\"", "ecdsa-with-SHA1", "SHA-256"];
    says(verdict(&[&root], &[&leaf, &middle], HOST), Status::EWeakSignature, 1, &words);
}

#[test]
fn an_altered_certificate_has_a_wrong_signature() {
    let root = Raw::ca("Root").self_signed();
    let mut leaf = Raw::leaf(HOST).issued_by(&root);
    let last = leaf.der.len() - 1;
    leaf.der[last] ^= 1;
    says(verdict(&[&root], &[&leaf], HOST), Status::EBadSignature, 0, &["signature", "altered"]);
}

#[test]
fn a_host_mismatch_lists_the_names_and_no_anchor_at_all_is_said_first() {
    let root = Raw::ca("Root").self_signed();
    let leaf = Raw::leaf(HOST).issued_by(&root);
    let words = ["is for \"www.example.com\", not for \"mail.example.com\""];
    let error = says(verdict(&[&root], &[&leaf], "mail.example.com"), Status::EHostMismatch, 0, &words);
    assert_eq!(error.names(), ["www.example.com"]);
    assert_eq!(error.host(), Some("mail.example.com"));
}

#[test]
fn the_picture_shows_the_chain_as_presented_and_as_built_with_the_mark_where_it_broke() {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw { not_before: -30 * DAY, not_after: -DAY, ..Raw::ca("Middle") }.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    let error = verdict(&[&root], &[&leaf, &middle], HOST).unwrap_err();
    assert_eq!(
        error.chain_text(),
        "presented:\n\
        \x20 0: \"CN=www.example.com\", issued by \"CN=Middle\"\n\
        \x20 1: \"CN=Middle\", issued by \"CN=Root\"\n\
        built:\n\
        \x20 \"CN=www.example.com\"\n\
        \x20 +- \"CN=Middle\"  <== certificate expired\n\
        \x20    +- \"CN=Root\" (trust anchor)\n"
    );
    let stranger = Raw::ca("Stranger").self_signed();
    let error = verdict(&[&stranger], &[&leaf, &middle], HOST).unwrap_err();
    assert!(error.chain_text().ends_with("+- \"CN=Root\" (no trust anchor)\n"), "{}", error.chain_text());
    assert!(error.chain_text().contains("<== unknown issuer"), "{}", error.chain_text());
}
