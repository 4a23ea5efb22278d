//! The table of cases of the matcher: what matches, what refuses the whole certificate, and what an error then says.

use super::*;
use crate::error::{Error, Status};
use crate::x509::general_name::COMMON_NAME;
use crate::x509::test_der::{attribute, dns, element, email, ip, name, plain_name, sequence as san, uri};

fn subject(common_names: &[&str]) -> Vec<u8> {
    plain_name(&common_names.iter().map(|&name| (COMMON_NAME, name)).collect::<Vec<_>>())
}

const NO_CN: &[u8] = &[0x30, 0x00];

fn check_san(host: &str, names: &[Vec<u8>]) -> Result<String> {
    let san = san(names);
    let reference = Reference::parse_any(host)?;
    check(&reference, &Presented::new(Some(&san), NO_CN), MatchRules::default()).map(|matched| matched.to_string())
}

fn matches(host: &str, names: &[Vec<u8>]) -> bool {
    match check_san(host, names) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.status(), Status::EHostMismatch, "{error}");
            false
        }
    }
}

fn mismatch_of(host: &str, names: &[Vec<u8>]) -> Error {
    let error = check_san(host, names).unwrap_err();
    assert_eq!(error.status(), Status::EHostMismatch, "{error}");
    error
}

#[test]
fn a_dns_name_matches_its_equal_and_a_whole_label_wildcard_only() {
    for (host, presented, expected) in [
        ("www.example.com", "www.example.com", true),
        ("www.example.com", "WWW.Example.COM", true),
        ("WWW.example.com.", "www.example.com", true),
        ("www.example.com", "*.example.com", true),
        ("www.example.com", "*.EXAMPLE.com", true),
        ("xn--fa-hia.example.com", "*.example.com", true),
        ("_srv.example.com", "_srv.example.com", true),
        ("_srv.example.com", "*.example.com", false),
        ("www.under_score.example", "*.under_score.example", false),
        ("a.co.uk", "*.co.uk", true),
        ("localhost", "localhost", true),
        ("www.example.com", "example.com", false),
        ("example.com", "www.example.com", false),
        ("example.com", "*.example.com", false),
        ("a.b.example.com", "*.example.com", false),
        ("www.example.com", "*", false),
        ("www.example.com", "*.com", false),
        ("example.com", "*.com", false),
        ("foo", "*", false),
        ("foo.com", "*.", false),
        ("www.example.com", "**.example.com", false),
        ("www.example.com", "*.*.com", false),
        ("www.example.com", "w*.example.com", false),
        ("www.example.com", "*w.example.com", false),
        ("www.example.com", "www.*.com", false),
        ("www.example.com", "www.example.*", false),
        ("xn--fa-hia.example.com", "xn--*.example.com", false),
        ("www.example.com", "www.example.com.", false),
        ("www.example.com", "*.example.com.", false),
        ("www.example.com", ".example.com", false),
        ("www.example.com", "", false),
        ("www.example.com", "www.example.comm", false),
        ("www.example.com", " www.example.com", false),
        ("www.example.com", "www.example\u{ff0e}com", false),
    ] {
        assert_eq!(matches(host, &[dns(presented)]), expected, "{host} and {presented}");
        assert_eq!(matches(host, &[dns("other.example"), dns(presented), dns("last.example")]), expected);
    }
}

#[test]
fn the_letters_of_two_names_match_only_where_ascii_says_they_are_the_same() {
    assert!(matches("az.example", &[dns("AZ.example")]));
    assert!(!matches("a-z.example", &[dns("a\rz.example")]));
    assert!(!matches("k.example", &[dns("\u{212a}.example")]), "the Kelvin sign is no letter k");
}

#[test]
fn an_address_matches_its_octets_and_no_text() {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
    let v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (host, name, expected) in [
        ("192.0.2.1", ip(&[192, 0, 2, 1]), true),
        ("192.0.2.1", ip(&[192, 0, 2, 2]), false),
        ("192.0.2.1", ip(&mapped), false),
        ("::ffff:192.0.2.1", ip(&mapped), true),
        ("::ffff:192.0.2.1", ip(&[192, 0, 2, 1]), false),
        ("2001:db8::1", ip(&v6), true),
        ("2001:DB8:0::0:1", ip(&v6), true),
        ("192.0.2.1", ip(&[192, 0, 2]), false),
        ("192.0.2.1", ip(&[192, 0, 2, 1, 255, 255, 255, 255]), false),
        ("192.0.2.1", ip(&[]), false),
        ("192.0.2.1", dns("192.0.2.1"), false),
        ("192.0.2.1", dns("*.0.2.1"), false),
        ("192.0.2.1", ip(b"192.0.2.1"), false),
        ("2001:db8::1", dns("2001:db8::1"), false),
        ("www.example.com", ip(&[192, 0, 2, 1]), false),
    ] {
        assert_eq!(matches(host, std::slice::from_ref(&name)), expected, "{host} and {name:?}");
    }
}

#[test]
fn an_email_address_matches_an_rfc822_name_and_nothing_else_does() {
    assert!(matches("email:user@example.com", &[email("user@EXAMPLE.com")]));
    assert!(!matches("email:user@example.com", &[email("User@example.com")]));
    assert!(!matches("email:user@example.com", &[email("*@example.com"), email("@example.com"), email("example.com")]));
    assert!(!matches("email:user@example.com", &[dns("user@example.com"), dns("example.com")]));
    assert!(!matches("example.com", &[email("example.com"), email("user@example.com")]));
}

#[test]
fn names_of_other_kinds_never_stand_for_a_host() {
    let host = b"www.example.com";
    let others = [
        element(0x86, host),
        element(0x86, b"https://www.example.com/"),
        element(0x88, host),
        element(0xa0, &[element(0x06, &[0x2a, 0x03]), element(0xa0, &element(0x16, host))].concat()),
        element(0xa5, &element(0xa1, &element(0x0c, host))),
    ];
    assert!(!matches("www.example.com", &others));
}

#[test]
fn a_nul_or_a_lone_space_refuses_the_certificate_even_if_another_name_matches() {
    let good = dns("good.example");
    for forged in [
        dns("good.example\0.evil.example"),
        dns("\0"),
        dns(" "),
        email("user@evil.example\0"),
        element(0x86, b"https://evil.example/\0"),
    ] {
        for names in [[good.clone(), forged.clone()], [forged.clone(), good.clone()]] {
            let error = check_san("good.example", &names).unwrap_err();
            assert_eq!(error.status(), Status::EBadCertificate, "{error}");
            let error = check_san("email:user@evil.example", &names).unwrap_err();
            assert_eq!(error.status(), Status::EBadCertificate, "{error}");
        }
        assert!(matches("192.0.2.1", &[forged, ip(&[192, 0, 2, 1])]), "octets are not text");
    }
}

#[test]
fn damaged_der_refuses_the_certificate_even_if_a_name_before_it_matches() {
    let reference = Reference::parse("good.example").unwrap();
    let good = dns("good.example");
    let whole = san(&[good.clone(), dns("b.example")]);
    for (san, what) in [
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        ([whole.as_slice(), &[0]].concat(), "a byte after the end"),
        (san(&[good.clone(), vec![0x82, 0x05, b'a']]), "a name longer than the extension"),
        (san(&[good.clone(), vec![0x82, 0x81, 0x01, b'a']]), "a length that is not minimal"),
        (san(&[good.clone(), element(0xa2, &dns("a"))]), "a constructed string"),
        (san(&[good.clone(), vec![0x0c, 0x01, b'a']]), "not a GeneralName"),
        (san(&[]), "no name"),
        (vec![], "nothing"),
        (good, "a name without GeneralNames"),
    ] {
        let presented = Presented::new(Some(&san), NO_CN);
        let error = check(&reference, &presented, MatchRules::default()).unwrap_err();
        assert_eq!(error.status(), Status::EBadCertificate, "{what}");
        assert_eq!(presented.validate().unwrap_err().status(), Status::EBadCertificate, "{what}");
    }
    assert!(Presented::new(Some(&whole), NO_CN).validate().is_ok());
    assert!(Presented::new(Some(&whole), &[0x30]).validate().is_err());
}

#[test]
fn the_common_name_counts_only_by_the_opt_in_and_only_as_the_single_plain_name_where_no_san_names_a_server() {
    let fallback = MatchRules { cn_fallback: true, ..MatchRules::default() };
    let other = |oid: &[u8]| element(0xa0, &[element(0x06, oid), element(0xa0, &element(0x16, b"x"))].concat());
    let (guid, srv) = (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x19, 1][..], &[0x2b, 6, 1, 5, 5, 7, 8, 7][..]);
    let of_a_domain_controller = san(&[other(guid), email("user@example.com")]);
    let servers = [dns("b.example"), ip(&[192, 0, 2, 1]), uri("https://b.example/"), other(srv)]
        .map(|name| san(&[email("user@example.com"), name]));
    for names in &servers {
        let subject = subject(&["a.example"]);
        let presented = Presented::new(Some(names), &subject);
        assert!(check(&Reference::parse("a.example").unwrap(), &presented, fallback).is_err(), "{names:02x?}");
    }
    let typed = |tag, value: &[u8]| name(&[&[attribute(COMMON_NAME, tag, value)]]);
    for (host, san, subject, expected) in [
        ("a.example", None, subject(&["a.example"]), true),
        ("a.example", None, subject(&["A.Example"]), true),
        ("a.b", None, typed(0x14, b"a.b"), true),
        ("a.b", None, typed(0x1e, b"a.b"), false),
        ("a.example", None, subject(&["a.example."]), false),
        ("a.example", None, subject(&["a.example", "a.example"]), false),
        ("a.example", None, subject(&["b.example"]), false),
        ("a.b.example", None, subject(&["*.b.example"]), false),
        ("192.0.2.1", None, subject(&["192.0.2.1"]), false),
        ("a.example", None, subject(&[]), false),
        ("a.example", Some(&of_a_domain_controller), subject(&["a.example"]), true),
        ("b.example", Some(&of_a_domain_controller), subject(&["a.example"]), false),
        ("email:a@b.example", None, subject(&["a@b.example"]), false),
    ] {
        let reference = Reference::parse_any(host).unwrap();
        let presented = Presented::new(san.map(Vec::as_slice), &subject);
        assert_eq!(check(&reference, &presented, fallback).is_ok(), expected, "{host} {subject:?}");
        let error = check(&reference, &presented, MatchRules::default()).unwrap_err();
        assert_eq!(error.status(), Status::EHostMismatch);
        assert!(!expected || error.hint().contains("\"+cn-fallback\""), "{}", error.hint());
    }
    let reference = Reference::parse("a.example").unwrap();
    let damaged = check(&reference, &Presented::new(None, &[0x30, 0x05]), fallback).unwrap_err();
    assert_eq!(damaged.status(), Status::EBadCertificate);
}

#[test]
fn a_policy_without_wildcards_takes_none() {
    let strict = MatchRules { wildcards: false, ..MatchRules::default() };
    let san = san(&[dns("*.example.com"), dns("b.example.com")]);
    let presented = Presented::new(Some(&san), NO_CN);
    let a = Reference::parse("a.example.com").unwrap();
    let b = Reference::parse("b.example.com").unwrap();
    assert!(check(&a, &presented, MatchRules::default()).is_ok());
    assert!(check(&a, &presented, strict).unwrap_err().message().contains("wildcards are switched off"));
    assert!(check(&b, &presented, strict).is_ok());
}

#[test]
fn the_answer_says_which_name_matched() {
    let names = [dns("*.Example.com"), ip(&[192, 0, 2, 1]), email("u@example.com")];
    assert_eq!(check_san("www.example.com", &names).unwrap(), "*.Example.com");
    assert_eq!(check_san("192.0.2.1", &names).unwrap(), "192.0.2.1");
    assert_eq!(check_san("email:u@example.com", &names).unwrap(), "u@example.com");
}

#[test]
fn a_mismatch_says_whom_the_certificate_is_for_and_what_to_do() {
    let error = mismatch_of("mail.example.net", &[dns("www.example.net"), dns("example.net")]);
    assert_eq!(
        error.message(),
        "the certificate is for \"www.example.net\" and \"example.net\", not for \"mail.example.net\""
    );
    assert_eq!(
        error.hint(),
        "this may be an impostor; if it is not, ask the server's owner for a certificate that lists \"mail.example.net\""
    );
    assert_eq!(error.host(), Some("mail.example.net"));
    assert_eq!(error.names(), ["www.example.net", "example.net"]);
    assert_eq!(error.x509_code(), 62);

    let many: Vec<_> = (0..100).map(|i| dns(&format!("n{i}.example"))).chain([ip(&[192, 0, 2, 7])]).collect();
    let error = mismatch_of("192.0.2.1", &many);
    assert!(error.message().starts_with("the certificate is for \"192.0.2.7\", \"n0.example\", "), "{error}");
    assert!(error.message().contains(" and 97 more, not for \"192.0.2.1\""), "{error}");
    assert_eq!((error.names().len(), error.x509_code()), (101, 64));

    let error = mismatch_of("email:a@b.example", &[dns("b.example"), email("c@b.example")]);
    assert_eq!(error.message(), "the certificate is for \"c@b.example\", not for \"a@b.example\"");
    assert_eq!((error.names(), error.x509_code()), (&["c@b.example".to_string()][..], 63));
}

#[test]
fn a_mismatch_explains_the_near_misses() {
    for (host, names, words) in [
        ("a.b.example.com", vec![dns("*.example.com")], "a star stands for exactly one label"),
        (
            "example.com",
            vec![dns("x.example"), dns("*.example.com")],
            "\"*.example.com\", but a star stands for exactly one",
        ),
        ("example.com", vec![dns("*.com")], "two labels or more after it"),
        ("www.example.com", vec![dns("w*.example.com")], "only as a whole label"),
        ("_srv.example.com", vec![dns("*.example.com")], "does not stand for a name with an underscore"),
        ("www.example.com", vec![dns("www.example.com.")], "with a trailing dot"),
        ("www.example.com", vec![ip(&[192, 0, 2, 1])], "is for \"192.0.2.1\", not for"),
        ("www.example.com", vec![dns("b.example")], "this may be an impostor; if it is not, ask"),
        ("www.example.com", vec![email("a@b.example")], "ask the server's owner"),
        ("192.0.2.1", vec![dns("192.0.2.1")], "as a dNSName, which stands for no address"),
        ("192.0.2.1", vec![dns("b.example")], "or connect with the name by which you know the server"),
        ("::ffff:192.0.2.1", vec![ip(&[192, 0, 2, 1])], "connect with \"192.0.2.1\""),
        ("192.0.2.1", vec![ip(&[192, 0, 2, 2])], "that lists \"192.0.2.1\" as an iPAddress"),
    ] {
        let error = mismatch_of(host, &names);
        let said = format!("{}; {}", error.message(), error.hint());
        assert!(said.contains(words), "{host}: {said}");
        assert!(error.hint().starts_with("this may be an impostor; if it is not, "), "{host}: {said}");
        assert!(error.hint().contains(&format!("\"{host}\"")), "{host}: {}", error.hint());
    }
}

#[test]
fn a_mismatch_explains_that_the_common_name_is_no_longer_read() {
    let error = |host: &str, subject: &[u8], rules| {
        check(&Reference::parse(host).unwrap(), &Presented::new(None, subject), rules).unwrap_err()
    };
    let plain = error("a.example", &subject(&["a.example"]), MatchRules::default());
    assert_eq!(plain.message(), "the certificate names no host in a subjectAltName, so it is not for \"a.example\"");
    assert!(plain.hint().contains("only in the common name, which is no longer read (RFC 9525)"), "{}", plain.hint());
    assert!(plain.hint().contains("\"+cn-fallback\""), "{}", plain.hint());

    let fallback = MatchRules { cn_fallback: true, ..MatchRules::default() };
    let wildcard = error("a.b.example", &subject(&["*.b.example"]), fallback);
    assert!(wildcard.hint().contains("only without a wildcard"), "{}", wildcard.hint());
    let address = error("192.0.2.1", &subject(&["192.0.2.1"]), MatchRules::default());
    assert!(address.hint().contains("the address stands only in the common name"), "{}", address.hint());
    let other = error("a.example", &subject(&["b.example"]), MatchRules::default());
    assert!(!other.hint().contains("common name"), "{}", other.hint());
}

#[test]
fn a_hostile_certificate_cannot_write_into_the_message() {
    let error = mismatch_of("a.example", &[dns("x\"\r\n2026-01-01 accepted\x1b[2J\u{e4}"), dns(&"y".repeat(60_000))]);
    let shown = format!("{error} {} {}", error.hint(), error.names().join(" "));
    assert!(shown.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{shown}");
    assert!(error.message().starts_with("the certificate is for \"x\\x22\\x0d\\x0a2026-01-01 accepted\\x1b[2J"));
    assert!(error.message().len() < 600);
}
