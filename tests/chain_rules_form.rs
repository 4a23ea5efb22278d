//! Each rule about the form of a certificate: the certificate that breaks it is refused with the rule's section, and its
//! honest twin is accepted.

mod support;

use hostlock::error::{Error, Status};
use openssl::hash::MessageDigest;
use support::pki;
use support::raw::*;

const HOST: &str = "www.example.com";

/// Judges a leaf below a fresh root.
fn judge_leaf(policy: &str, leaf: Raw) -> Result<(), Error> {
    let root = Raw::ca("Root").self_signed();
    let leaf = leaf.issued_by(&root);
    Question { policy, ..Question::new(&[&root], &[&leaf], HOST) }.ask()
}

fn judge_intermediate(intermediate: Raw) -> Result<(), Error> {
    let root = Raw::ca("Root").self_signed();
    let intermediate = intermediate.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&intermediate);
    verdict(&[&root], &[&leaf, &intermediate], HOST)
}

#[track_caller]
fn refused(outcome: Result<(), Error>, status: Status, words: &str) {
    let error = outcome.expect_err("refused");
    assert_eq!(error.status(), status, "{}", error.message());
    assert!(error.message().contains(words), "{:?} says nothing of {words:?}", error.message());
    assert!(!error.hint().is_empty(), "{} has a hint", error.message());
    assert!(error.certificate().is_some() && error.x509_code() != 0, "{}", error.message());
}

#[track_caller]
fn accepted(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn a_chain_that_breaks_no_rule_is_accepted_by_every_policy() {
    for policy in ["default", "2026-11-webpki"] {
        accepted(judge_leaf(policy, Raw::leaf(HOST)));
    }
    accepted(judge_intermediate(Raw::ca("Intermediate")));
}

#[test]
fn a_serial_number_is_positive_and_has_at_most_20_octets() {
    let with = |serial: &[u8]| judge_leaf("default", Raw { serial: serial.to_vec(), ..Raw::leaf(HOST) });
    accepted(with(&[1; 20]));
    refused(with(&[0]), Status::EBadCertificate, "serial number zero (RFC 5280 4.1.2.2)");
    refused(with(&[0x80]), Status::EBadCertificate, "negative serial number (RFC 5280 4.1.2.2)");
    refused(with(&[1; 21]), Status::EBadCertificate, "more than 20 octets (RFC 5280 4.1.2.2)");
}

#[test]
fn an_anchor_may_have_the_serial_number_zero_as_some_public_roots_do() {
    let root = Raw { serial: vec![0], ..Raw::ca("Root") }.self_signed();
    let leaf = Raw::leaf(HOST).issued_by(&root);
    accepted(verdict(&[&root], &[&leaf], HOST));
}

#[test]
fn the_signature_algorithm_is_the_same_inside_and_outside() {
    let other = sequence(&[&der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])]);
    let outcome = judge_leaf("default", Raw { inner_algorithm: Some(other), ..Raw::leaf(HOST) });
    assert!(outcome.is_err());
}

#[test]
fn no_extension_stands_twice() {
    let private = |leaf: Raw| leaf.with(PRIVATE_EXTENSION, false, &[5, 0]);
    accepted(judge_leaf("default", private(Raw::leaf(HOST))));
    let twice = private(private(Raw::leaf(HOST)));
    refused(judge_leaf("default", twice), Status::EBadCertificate, "an extension twice (RFC 5280 4.2)");
    let names = Raw::leaf(HOST).with(SUBJECT_ALT_NAME, false, &dns_names(&["other.example"]));
    refused(judge_leaf("default", names), Status::EBadCertificate, "an extension twice (RFC 5280 4.2)");
}

#[test]
fn an_unknown_critical_extension_refuses() {
    let leaf = Raw::leaf(HOST).with(PRIVATE_EXTENSION, true, &[5, 0]);
    refused(
        judge_leaf("default", leaf),
        Status::EBadCertificate,
        "critical extension that is not known (RFC 5280 4.2)",
    );
}

#[test]
fn every_known_extension_must_parse_and_the_error_names_it() {
    for (oid, value, words) in [
        (SUBJECT_ALT_NAME, &b"www.example.com"[..], "damaged subjectAltName extension (RFC 5280 4.2.1.6)"),
        (SUBJECT_ALT_NAME, &[0x30, 0], "damaged subjectAltName extension (RFC 5280 4.2.1.6)"),
        (EXT_KEY_USAGE, &[0x30, 0], "extKeyUsage extension that lists nothing (RFC 5280 4.2.1.12)"),
        (AUTHORITY_INFO, &[0x30, 0], "authorityInfoAccess extension that lists nothing (RFC 5280 4.2.2.1)"),
        (AUTHORITY_INFO, &[0x30, 2, 0x30, 0], "damaged authorityInfoAccess extension (RFC 5280 4.2.2.1)"),
        (TLS_FEATURE, &[2, 1, 5], "damaged TLS feature extension (RFC 7633 4)"),
        (KEY_USAGE, &[3, 2, 7, 0], "keyUsage extension that permits nothing (RFC 5280 4.2.1.3)"),
        (CERTIFICATE_POLICIES, &[0x30, 0], "certificatePolicies extension that lists nothing (RFC 5280 4.2.1.4)"),
    ] {
        refused(judge_leaf("default", Raw::leaf(HOST).instead(oid, false, value)), Status::EBadCertificate, words);
    }
}

#[test]
fn a_critical_policy_qualifier_must_be_understood() {
    let qualifier = |kind: &[u8]| {
        let info = sequence(&[&der(6, kind), &der(0x16, b"x")]);
        sequence(&[&sequence(&[&der(6, &[0x2a, 3]), &sequence(&[&info])])])
    };
    let cps = qualifier(&[0x2b, 6, 1, 5, 5, 7, 2, 1]);
    accepted(judge_leaf("default", Raw::leaf(HOST).with(CERTIFICATE_POLICIES, true, &cps)));
    let unknown = qualifier(&[0x2a, 9]);
    accepted(judge_leaf("default", Raw::leaf(HOST).with(CERTIFICATE_POLICIES, false, &unknown)));
    let critical = Raw::leaf(HOST).with(CERTIFICATE_POLICIES, true, &unknown);
    refused(
        judge_leaf("default", critical),
        Status::EBadCertificate,
        "qualifier of an unknown kind (RFC 5280 4.2.1.4)",
    );
}

#[test]
fn what_must_be_critical_is_and_what_must_not_be_is_not() {
    let info = [0x30, 8, 0x30, 6, 6, 1, 0x2a, 0x86, 1, b'u'];
    accepted(judge_leaf("default", Raw::leaf(HOST).with(AUTHORITY_INFO, false, &info)));
    let critical = Raw::leaf(HOST).with(AUTHORITY_INFO, true, &info);
    refused(judge_leaf("default", critical), Status::EBadCertificate, "authorityInfoAccess extension that is critical");
    let policies = sequence(&[&sequence(&[&der(6, &[0x2a, 3])])]);
    let constrained = |critical| {
        let value = sequence(&[&der(0x81, &[1])]);
        judge_intermediate(Raw::ca("Intermediate").with(CERTIFICATE_POLICIES, false, &policies).with(
            POLICY_CONSTRAINTS,
            critical,
            &value,
        ))
    };
    refused(constrained(false), Status::EBadCertificate, "policyConstraints extension that is not critical");
    let nameless = Raw { subject: empty_name(), ..Raw::leaf(HOST) };
    refused(judge_leaf("default", nameless), Status::EBadCertificate, "its subjectAltName is not critical");
    let root = Raw::ca("Root").self_signed();
    let bad = Raw { authority_key: false, ..Raw::leaf(HOST) }
        .with(AUTHORITY_KEY_ID, true, &sequence(&[&der(0x80, &root.key_id)]))
        .issued_by(&root);
    let error = verdict(&[&root], &[&bad], HOST).unwrap_err();
    assert_eq!(error.status(), Status::EBadCertificate, "{}", error.message());
}

#[test]
fn a_path_length_stands_only_in_a_cas_certificate() {
    let leaf = Raw::leaf(HOST).with(BASIC_CONSTRAINTS, true, &[0x30, 3, 2, 1, 0]);
    assert_eq!(judge_leaf("default", leaf).unwrap_err().status(), Status::EBadCertificate);
}

#[test]
fn a_cas_certificate_does_not_stand_for_a_peer_unless_it_is_trusted_itself() {
    let ca_flag = |leaf: Raw| leaf.with(BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xff]);
    let words = "is that of a CA, but stands for a peer (CA/B Forum BR 7.1.2.7.8)";
    refused(judge_leaf("default", ca_flag(Raw::leaf(HOST))), Status::EWrongPurpose, words);
    let device = ca_flag(Raw::leaf(HOST)).instead(KEY_USAGE, true, &[3, 2, 2, 0x84]).self_signed();
    accepted(verdict(&[&device], &[&device], HOST));
}

#[test]
fn name_constraints_stand_only_in_a_cas_certificate() {
    let value = constraints(0xa0, &[der(0x82, b"example.com")]);
    let leaf = Raw::leaf(HOST).with(NAME_CONSTRAINTS, true, &value);
    refused(judge_leaf("default", leaf), Status::EBadCertificate, "but is not a CA's (RFC 5280 4.2.1.10)");
}

#[test]
fn a_key_usage_that_is_there_permits_signing() {
    let leaf = |usage: &[u8]| judge_leaf("default", Raw::leaf(HOST).instead(KEY_USAGE, true, usage));
    accepted(leaf(&[3, 2, 5, 0xa0]));
    refused(leaf(&[3, 2, 5, 0x20]), Status::EWrongPurpose, "digital signatures (key usage) (RFC 8446 4.4.2.2)");
    accepted(judge_leaf("default", Raw::leaf(HOST).without(KEY_USAGE)));
}

#[test]
fn extended_key_usages_must_name_server_auth_and_no_older_oid_stands_for_it() {
    let leaf = |oids: &[&[u8]]| judge_leaf("default", Raw::leaf(HOST).instead(EXT_KEY_USAGE, false, &usages(oids)));
    accepted(leaf(&[CLIENT_AUTH, SERVER_AUTH]));
    accepted(judge_leaf("default", Raw::leaf(HOST).without(EXT_KEY_USAGE)));
    let words = "is not issued for serverAuth (extended key usage) (RFC 5280 4.2.1.12)";
    refused(leaf(&[CLIENT_AUTH]), Status::EWrongPurpose, words);
    refused(leaf(&[NETSCAPE_SGC]), Status::EWrongPurpose, words);
    refused(leaf(&[ANY_USAGE]), Status::EWrongPurpose, words);
    let intermediate = |oids: &[&[u8]]| judge_intermediate(Raw::ca("I").with(EXT_KEY_USAGE, false, &usages(oids)));
    accepted(intermediate(&[SERVER_AUTH]));
    refused(intermediate(&[CLIENT_AUTH]), Status::EWrongPurpose, words);
    refused(intermediate(&[NETSCAPE_SGC]), Status::EWrongPurpose, words);
}

#[test]
fn only_keys_of_the_permitted_kinds_count() {
    let curve = |nid| {
        let group = openssl::ec::EcGroup::from_curve_name(nid).unwrap();
        openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap()
    };
    use openssl::nid::Nid;
    let with = |key: &openssl::pkey::PKey<_>| judge_leaf("default", Raw::leaf(HOST).keyed(key));
    accepted(with(&curve(Nid::SECP384R1)));
    accepted(with(&curve(Nid::SECP521R1)));
    accepted(with(&pki::rsa(2048)));
    accepted(with(&openssl::pkey::PKey::generate_ed25519().unwrap()));
    accepted(with(&openssl::pkey::PKey::generate_ed448().unwrap()));
    refused(with(&curve(Nid::SECP256K1)), Status::EWeakKey, "an elliptic curve other than P-256, P-384 and P-521");
    refused(with(&curve(Nid::BRAINPOOL_P256R1)), Status::EWeakKey, "an elliptic curve other than");
    refused(with(&pki::rsa(1024)), Status::EWeakKey, "1024 bits");
    let mut explicit = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    explicit.set_asn1_flag(openssl::ec::Asn1Flag::EXPLICIT_CURVE);
    let explicit = openssl::ec::EcKey::generate(&explicit).unwrap();
    let outcome = with(&openssl::pkey::PKey::from_ec_key(explicit).unwrap());
    assert!(outcome.is_err(), "a curve given by its parameters");
}

#[test]
fn no_signature_below_the_anchor_is_made_with_md5_or_sha1() {
    let leaf = Raw { digest: MessageDigest::sha1(), ..Raw::leaf(HOST) };
    refused(judge_leaf("default", leaf), Status::EWeakSignature, "ecdsa-with-SHA1");
    let root = Raw { digest: MessageDigest::sha1(), ..Raw::ca("Root") }.self_signed();
    accepted(verdict(&[&root], &[&Raw::leaf(HOST).issued_by(&root)], HOST));
    let root = Raw::ca("Root").keyed(&pki::rsa(2048)).self_signed();
    let leaf = Raw { digest: MessageDigest::md5(), ..Raw::leaf(HOST) }.issued_by(&root);
    refused(verdict(&[&root], &[&leaf], HOST), Status::EWeakSignature, "md5WithRSAEncryption");
}

#[test]
fn what_home_made_cas_leave_out_is_forgiven_by_the_default_and_not_on_the_public_web() {
    let root = Raw::ca("Root").without(KEY_USAGE).without(SUBJECT_KEY_ID).self_signed();
    let middle = Raw { authority_key: false, ..Raw::ca("Middle") }.without(KEY_USAGE).without(SUBJECT_KEY_ID);
    let middle = middle.issued_by(&root);
    let leaf = Raw { authority_key: false, ..Raw::leaf(HOST) }.issued_by(&middle);
    let (trusted, chain) = ([&root], [&leaf, &middle]);
    accepted(verdict(&trusted, &chain, HOST));
    let web = Question { policy: "2026-11-webpki", ..Question::new(&trusted, &chain, HOST) }.ask();
    assert_eq!(web.unwrap_err().status(), Status::EBadCertificate);
}
