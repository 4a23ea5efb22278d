//! The table of cases of name constraints: for each form what is permitted and what is excluded, and what is refused
//! because it cannot be told.

use crate::x509::constraints::*;
use crate::x509::general_name::COMMON_NAME as CN;
use crate::x509::test_der::{directory, dns, element, email, ip, plain_name as name, sequence, uri};

const O: &[u8] = &[0x55, 0x04, 0x0a];

fn subtrees_der(tag: u8, bases: &[Vec<u8>]) -> Vec<u8> {
    let subtrees: Vec<_> = bases.iter().map(|base| element(0x30, base)).collect();
    if bases.is_empty() { vec![] } else { element(tag, &subtrees.concat()) }
}

fn extension(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[subtrees_der(0xa0, permitted), subtrees_der(0xa1, excluded)])
}

fn verdict(extension: &[u8], san: &[Vec<u8>], subject: &[u8]) -> Result<()> {
    let san = (!san.is_empty()).then(|| sequence(san));
    NameConstraints::parse(extension)?.check(&Presented::new(san.as_deref(), subject), &mut Budget::default())
}

const NOBODY: &[u8] = &[0x30, 0x00];
const OK: i32 = 0;

/// The X.509 code of holding one name against a permitted and against an excluded subtree.
fn codes(base: &[u8], san: &[u8]) -> (i32, i32) {
    let code = |extension: Vec<u8>| match verdict(&extension, &[san.to_vec()], NOBODY) {
        Ok(()) => OK,
        Err(error) => {
            assert_eq!(error.status(), Status::ENameConstraint, "{error}");
            error.x509_code()
        }
    };
    (code(extension(&[base.to_vec()], &[])), code(extension(&[], &[base.to_vec()])))
}

const INSIDE: (i32, i32) = (OK, ffi::X509_V_ERR_EXCLUDED_VIOLATION);
const OUTSIDE: (i32, i32) = (ffi::X509_V_ERR_PERMITTED_VIOLATION, OK);
/// Not permitted, because part of what the name stands for is outside; excluded, because part of it is inside.
const ACROSS: (i32, i32) = (ffi::X509_V_ERR_PERMITTED_VIOLATION, ffi::X509_V_ERR_EXCLUDED_VIOLATION);
const BAD_NAME: (i32, i32) = (ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
const BAD_BASE: (i32, i32) = (ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX);
/// A name of another form than the subtree's.
const FREE: (i32, i32) = (OK, OK);

#[test]
fn a_dns_subtree_holds_its_base_and_all_names_below() {
    for (base, san, expected) in [
        ("example.com", "example.com", INSIDE),
        ("example.com", "www.example.com", INSIDE),
        ("example.com", "a.b.Example.COM", INSIDE),
        ("EXAMPLE.com", "www.example.com", INSIDE),
        ("", "anything.example", INSIDE),
        ("com", "example.com", INSIDE),
        ("example.com", "badexample.com", OUTSIDE),
        ("example.com", "example.org", OUTSIDE),
        ("example.com", "com", OUTSIDE),
        ("www.example.com", "example.com", OUTSIDE),
        (".example.com", "www.example.com", INSIDE),
        (".example.com", "a.b.example.com", INSIDE),
        (".example.com", "example.com", OUTSIDE),
        (".example.com", "badexample.com", OUTSIDE),
        ("_x.example.com", "a._x.example.com", INSIDE),
        ("0.0.1", "127.0.0.1", INSIDE),
        ("example.com.", "www.example.com", BAD_BASE),
        ("*.example.com", "www.example.com", BAD_BASE),
        (".", "www.example.com", BAD_BASE),
        ("..", "www.example.com", BAD_BASE),
        (".a", "www.a", BAD_BASE),
        ("exam ple.com", "www.example.com", BAD_BASE),
        ("example.com/", "www.example.com", BAD_BASE),
    ] {
        assert_eq!(codes(&dns(base), &dns(san)), expected, "{san} in {base}");
    }
}

#[test]
fn a_wildcard_is_permitted_only_if_all_its_names_are_and_excluded_if_any_is() {
    for (base, san, expected) in [
        ("example.com", "*.example.com", INSIDE),
        (".example.com", "*.example.com", INSIDE),
        ("com", "*.example.com", INSIDE),
        ("", "*.example.com", INSIDE),
        ("foo.example.com", "*.foo.example.com", INSIDE),
        ("foo.example.com", "*.example.com", ACROSS),
        ("FOO.example.com", "*.EXAMPLE.com", ACROSS),
        ("example.com", "*.com", ACROSS),
        ("a.foo.example.com", "*.example.com", OUTSIDE),
        (".foo.example.com", "*.example.com", OUTSIDE),
        ("foo.example.org", "*.example.com", OUTSIDE),
        ("fooexample.com", "*.example.com", OUTSIDE),
    ] {
        assert_eq!(codes(&dns(base), &dns(san)), expected, "{san} in {base}");
    }
}

#[test]
fn a_malformed_name_is_refused_in_a_constrained_chain_whatever_the_constraint_is_on() {
    for base in [dns(""), dns("example.com"), email("example.com"), uri(""), ip(&[0; 8]), directory(NOBODY)] {
        for san in [
            dns(""),
            dns("."),
            dns(".example.com"),
            dns("example.com."),
            dns("a..example.com"),
            dns("*"),
            dns("*."),
            dns("*.*.example.com"),
            dns("w*.example.com"),
            dns("a.*.example.com"),
            dns("exam\0ple.com"),
            dns(" "),
            dns("http://example.com"),
            dns(&format!("{}.example.com", "a".repeat(64))),
            email(""),
            email("example.com"),
            email("a@b@example.com"),
            email("this @ is invalid"),
            ip(&[]),
            ip(&[192, 0, 2]),
            ip(&[192, 0, 2, 0, 255, 255, 255, 0]),
        ] {
            assert_eq!(codes(&base, &san), BAD_NAME, "{san:?} under {base:?}");
        }
    }
}

#[test]
fn an_email_subtree_is_a_mailbox_a_host_or_the_hosts_below_a_domain() {
    for (base, san, expected) in [
        ("user@example.com", "user@example.com", INSIDE),
        ("user@example.com", "user@EXAMPLE.com", INSIDE),
        ("user@example.com", "\"\\u\\s\\e\\r\"@example.com", INSIDE),
        ("user@example.com", "User@example.com", OUTSIDE),
        ("user@example.com", "user@www.example.com", OUTSIDE),
        ("*@example.com", "*@example.com", INSIDE),
        ("*@example.com", "user@example.com", OUTSIDE),
        ("example.com", "user@example.com", INSIDE),
        ("example.com", "user@Example.com", INSIDE),
        ("example.com", "user@www.example.com", OUTSIDE),
        (".example.com", "user@www.example.com", INSIDE),
        (".example.com", "user@a.b.example.com", INSIDE),
        (".example.com", "user@example.com", OUTSIDE),
        (".example.com", "user@badexample.com", OUTSIDE),
        ("", "user@example.com", INSIDE),
        ("a@b@example.com", "user@example.com", BAD_BASE),
        ("@example.com", "user@example.com", BAD_BASE),
        ("example.com.", "user@example.com", BAD_BASE),
        ("*.example.com", "user@example.com", BAD_BASE),
    ] {
        assert_eq!(codes(&email(base), &email(san)), expected, "{san} in {base}");
    }
}

#[test]
fn a_uri_subtree_is_a_host_or_the_hosts_below_a_domain() {
    for (base, san, expected) in [
        ("example.com", "https://example.com/a", INSIDE),
        ("example.com", "ftp://EXAMPLE.com:21/a", INSIDE),
        ("example.com", "https://www.example.com/", OUTSIDE),
        (".example.com", "https://www.example.com/", INSIDE),
        (".example.com", "https://example.com/", OUTSIDE),
        ("example.com", "https://example.com@evil.example/", OUTSIDE),
        ("", "https://example.com/", INSIDE),
        ("example.com", "https://192.0.2.1/", BAD_NAME),
        ("example.com", "https://[2001:db8::1]:16/", BAD_NAME),
        ("example.com", "urn:example:a", BAD_NAME),
        ("", "mailto:user@example.com", BAD_NAME),
        ("https://example.com", "https://example.com", BAD_BASE),
        ("*.example.com", "https://www.example.com", BAD_BASE),
    ] {
        assert_eq!(codes(&uri(base), &uri(san)), expected, "{san} in {base}");
    }
    assert_eq!(
        codes(&dns("example.com"), &uri("urn:example:a")),
        FREE,
        "URIs are read only where they are constrained"
    );
}

#[test]
fn an_ip_subtree_is_an_address_and_a_contiguous_mask_of_the_same_family() {
    let v6 = |head: [u8; 4], mask: [u8; 4]| [head.as_slice(), &[0; 12], &mask, &[0; 12]].concat();
    let v6_address = |head: [u8; 4]| ip(&[head.as_slice(), &[0; 11], &[1]].concat());
    for (base, san, expected) in [
        (vec![192, 0, 2, 0, 255, 255, 255, 0], ip(&[192, 0, 2, 7]), INSIDE),
        (vec![192, 0, 2, 9, 255, 255, 255, 0], ip(&[192, 0, 2, 7]), INSIDE),
        (vec![192, 0, 2, 0, 255, 255, 255, 0], ip(&[192, 0, 3, 7]), OUTSIDE),
        (vec![192, 0, 2, 0, 255, 255, 254, 0], ip(&[192, 0, 3, 7]), INSIDE),
        (vec![192, 0, 2, 7, 255, 255, 255, 255], ip(&[192, 0, 2, 7]), INSIDE),
        (vec![0; 8], ip(&[192, 0, 2, 7]), INSIDE),
        (vec![0; 8], v6_address([0x20, 1, 0xd, 0xb8]), OUTSIDE),
        (v6([0x20, 1, 0xd, 0xb8], [255; 4]), v6_address([0x20, 1, 0xd, 0xb8]), INSIDE),
        (v6([0x20, 1, 0xd, 0xb8], [255; 4]), v6_address([0x20, 1, 0xd, 0xb9]), OUTSIDE),
        (v6([0; 4], [0; 4]), ip(&[192, 0, 2, 7]), OUTSIDE),
        (vec![192, 0, 2, 0, 255, 0, 255, 0], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![192, 0, 2, 0, 254, 255, 255, 0], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![192, 0, 2, 0, 255, 255, 253, 0], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![192, 0, 2, 0, 0, 0, 0, 1], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![192, 0, 2, 0], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![0; 16], ip(&[192, 0, 2, 7]), BAD_BASE),
        (vec![], ip(&[192, 0, 2, 7]), BAD_BASE),
    ] {
        assert_eq!(codes(&ip(&base), &san), expected, "{san:?} in {base:?}");
    }
}

#[test]
fn a_directory_subtree_holds_the_names_that_begin_with_it_in_the_extension_and_in_the_subject() {
    let base = name(&[(O, "Example")]);
    for (subject, expected) in [
        (name(&[(O, "Example")]), INSIDE),
        (name(&[(O, "  EXAMPLE "), (CN, "a")]), INSIDE),
        (name(&[(CN, "a"), (O, "Example")]), OUTSIDE),
        (name(&[(O, "Example Ltd")]), OUTSIDE),
        (name(&[(CN, "Example")]), OUTSIDE),
    ] {
        assert_eq!(codes(&directory(&base), &directory(&subject)), expected, "{subject:?}");
        let code = |extension: &[u8]| verdict(extension, &[], &subject).map_or_else(|error| error.x509_code(), |()| OK);
        let permitted = code(&extension(&[directory(&base)], &[]));
        let excluded = code(&extension(&[], &[directory(&base)]));
        assert_eq!((permitted, excluded), expected, "{subject:?} as subject");
    }
    assert!(verdict(&extension(&[directory(&base)], &[]), &[], NOBODY).is_ok(), "an empty subject is not constrained");
    assert!(verdict(&extension(&[dns("a.example")], &[]), &[], &[0x30, 0x03]).is_err(), "a damaged subject is refused");
}

#[test]
fn the_common_name_is_never_held_against_a_dns_constraint() {
    let subject = name(&[(CN, "evil.example")]);
    assert!(verdict(&extension(&[dns("example.com")], &[]), &[], &subject).is_ok());
    assert!(
        verdict(&extension(&[dns("example.com")], &[dns("evil.example")]), &[dns("example.com")], &subject).is_ok()
    );
}

#[test]
fn the_emails_of_the_subject_count_where_the_certificate_has_no_rfc822_name() {
    let subject = name(&[(EMAIL_ADDRESS, "user@evil.example")]);
    let constraints = extension(&[email("example.com")], &[]);
    let code = |san: &[Vec<u8>], subject: &[u8]| {
        verdict(&constraints, san, subject).map_or_else(|error| error.x509_code(), |()| OK)
    };
    assert_eq!(code(&[], &subject), ffi::X509_V_ERR_PERMITTED_VIOLATION);
    assert_eq!(code(&[dns("a.example")], &subject), ffi::X509_V_ERR_PERMITTED_VIOLATION);
    assert_eq!(code(&[email("user@example.com")], &subject), OK);
    assert_eq!(code(&[], &name(&[(EMAIL_ADDRESS, "user@example.com")])), OK);
    assert_eq!(code(&[], &name(&[(EMAIL_ADDRESS, "nobody")])), ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    let elsewhere = extension(&[dns("example.com")], &[]);
    assert!(verdict(&elsewhere, &[], &name(&[(EMAIL_ADDRESS, "nobody")])).is_ok());
}

#[test]
fn every_name_must_be_permitted_and_none_excluded() {
    let both = extension(&[dns("example.com"), dns("example.org")], &[dns("bad.example.com")]);
    for (names, expected) in [
        (vec![dns("a.example.com"), dns("b.example.org")], OK),
        (vec![dns("a.example.com"), dns("b.example.net")], ffi::X509_V_ERR_PERMITTED_VIOLATION),
        (vec![dns("a.example.com"), dns("bad.example.com")], ffi::X509_V_ERR_EXCLUDED_VIOLATION),
        (vec![dns("*.example.com")], ffi::X509_V_ERR_EXCLUDED_VIOLATION),
        (vec![dns("a.example.com"), ip(&[192, 0, 2, 1]), email("u@b.example")], OK),
        (vec![], OK),
    ] {
        let code = verdict(&both, &names, NOBODY).map_or_else(|error| error.x509_code(), |()| OK);
        assert_eq!(code, expected, "{names:?}");
    }
    let same = extension(&[dns("example.com")], &[dns("example.com")]);
    assert!(verdict(&same, &[dns("example.com")], NOBODY).is_err());
}

#[test]
fn a_constraint_that_cannot_be_compared_refuses_only_certificates_with_names_of_its_form() {
    let other_name = element(0xa0, &[0x06, 0x01, 0x2a, 0xa0, 0x02, 0x0c, 0x00]);
    let registered = element(0x88, &[0x2a]);
    for (base, san) in [(&other_name, &other_name), (&registered, &registered)] {
        assert_eq!(codes(base, san), (ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE));
        assert_eq!(codes(base, &dns("a.example")), FREE);
        assert_eq!(codes(&dns("example.com"), san), FREE);
    }
}

#[test]
fn an_extension_that_breaks_rfc_5280_is_refused() {
    let subtree = element(0x30, &dns("example.com"));
    let bounded = |bounds: &[u8]| element(0x30, &element(0xa0, &sequence(&[dns("example.com"), bounds.to_vec()])));
    let good = extension(&[dns("a.example")], &[dns("b.example")]);
    assert!(NameConstraints::parse(&good).is_ok());
    assert!(NameConstraints::parse(&bounded(&[0x80, 0x01, 0x00])).is_ok(), "the default minimum, written out");
    for (der, what) in [
        (vec![], "nothing"),
        (element(0x30, &[]), "neither list"),
        (element(0x30, &element(0xa0, &[])), "an empty list"),
        (sequence(&[element(0xa0, &subtree), element(0xa1, &[])]), "an empty second list"),
        (sequence(&[element(0xa1, &subtree), element(0xa0, &subtree)]), "lists in the wrong order"),
        (sequence(&[element(0xa0, &subtree), element(0xa0, &subtree)]), "the same list twice"),
        (element(0x30, &element(0xa2, &subtree)), "an unknown list"),
        (element(0x30, &element(0xa0, &dns("example.com"))), "a base without its subtree"),
        (element(0x30, &[0x05, 0x00]), "NULL"),
        (good[..good.len() - 1].to_vec(), "cut off"),
        ([good.as_slice(), &[0]].concat(), "a byte after the end"),
        (bounded(&[0x80, 0x01, 0x01]), "a minimum of one"),
        (bounded(&[0x81, 0x01, 0x05]), "a maximum"),
        (bounded(&[0x80, 0x01, 0x00, 0x81, 0x01, 0x00]), "a maximum of zero"),
        (extension(&[directory(&[0x30, 0x02, 0x31, 0x00])], &[]), "a malformed directory name"),
    ] {
        let error = NameConstraints::parse(&der).unwrap_err();
        assert_eq!(error.status(), Status::ENameConstraint, "{what}");
    }
}

#[test]
fn the_cost_of_a_verification_is_bounded() {
    let many = |count: usize| (0..count).map(|i| dns(&format!("n{i}.example"))).collect::<Vec<_>>();
    let certificate = sequence(&many(1024));
    let presented = Presented::new(Some(&certificate), NOBODY);
    let limit = extension(&[], &many(1024).iter().map(|_| dns("x.example")).collect::<Vec<_>>());
    let constraints = NameConstraints::parse(&limit).unwrap();
    let mut budget = Budget::default();
    assert!(constraints.check(&presented, &mut budget).is_ok());
    let error = constraints.check(&presented, &mut budget).unwrap_err();
    assert!(error.message().contains("1024 names against 1024 name constraints"), "{error}");
    let above = extension(&many(1025), &[]);
    assert!(NameConstraints::parse(&above).unwrap().check(&presented, &mut Budget::default()).is_err());

    assert!(
        verdict(&above, &[], &name(&[(EMAIL_ADDRESS, "a@b.example"); 2000])).is_err(),
        "the names of the subject count too"
    );
}

#[test]
fn a_violation_names_the_name_and_the_constraint() {
    let message = |permitted: &[Vec<u8>], excluded: &[Vec<u8>], san: Vec<u8>| {
        let error = verdict(&extension(permitted, excluded), &[san], NOBODY).unwrap_err();
        assert!(!error.hint().is_empty());
        error.message().to_string()
    };
    assert_eq!(
        message(&[], &[dns("bar.example.com")], dns("*.example.com")),
        "the DNS name \"*.example.com\" is excluded by a CA's name constraint \"bar.example.com\""
    );
    assert_eq!(
        message(&[dns("example.com"), dns("example.org"), ip(&[0; 8])], &[], dns("a.example.net")),
        "the DNS name \"a.example.net\" is not within the names that a CA above it may certify: \"example.com\" and \"example.org\""
    );
    assert_eq!(
        message(&[], &[ip(&[192, 0, 2, 0, 255, 255, 255, 0])], ip(&[192, 0, 2, 1])),
        "the IP address \"192.0.2.1\" is excluded by a CA's name constraint \"192.0.2.0/255.255.255.0\""
    );
    assert_eq!(
        message(&[directory(&name(&[(O, "A")]))], &[], directory(&name(&[(O, "B\n")]))),
        "the directory name \"O=B\\x0a\" is not within the names that a CA above it may certify: \"O=A\""
    );
    assert!(message(&[dns("example.com")], &[], dns("\u{1b}[2J")).contains("\"\\x1b[2J\" is malformed"));
}
