//! A trust anchor is what the program named: of it a chain takes the name, the key and the constraints, and no rule of form
//! stands between. What OpenSSL itself says against an anchor holds, and so does what a program tightens.

mod support;

use hostlock::context::Context;
use hostlock::context::offline;
use hostlock::error::{Error, Status};
use hostlock::host::Reference;
use hostlock::policy::Policy;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::X509;
use openssl_sys as ffi;
use support::pki;
use support::raw::*;

const POLICIES: [&str; 2] = ["default", "2026-11-webpki"];
const DAY: i64 = pki::DAY;

/// The length of the element at the beginning, header included, and of its header.
fn lengths(bytes: &[u8]) -> (usize, usize) {
    let first = usize::from(bytes[1]);
    if first < 0x80 {
        return (2 + first, 2);
    }
    let count = first & 0x7f;
    let length = bytes[2..2 + count].iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    (2 + count + length, 2 + count)
}

/// The elements inside of the one at the beginning.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let (end, header) = lengths(bytes);
    let mut rest = &bytes[header..end];
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(lengths(rest).0);
        parts.push(part);
        rest = behind;
    }
    parts
}

fn long(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    if length < 0x10000 {
        return der(tag, contents);
    }
    [&[tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8], contents].concat()
}

/// The same certificate with another key, which signs it. Its key identifiers stay as they are.
fn twin(root: &[u8], key: &PKey<Private>) -> Made {
    let fields = parts(parts(root)[0]);
    let versioned = fields[0][0] == 0xa0;
    let mut fields: Vec<Vec<u8>> = fields.into_iter().map(<[u8]>::to_vec).collect();
    let at = |index: usize| if versioned { index } else { index - 1 };
    let algorithm = sequence(&[&der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    fields[at(2)] = algorithm.clone();
    let subject = fields[at(5)].clone();
    fields[at(6)] = key.public_key_to_der().unwrap();
    let tbs = long(0x30, &fields.concat());
    let signature = Signer::new(MessageDigest::sha256(), key).unwrap().sign_oneshot_to_vec(&tbs).unwrap();
    let signature = der(3, &[&[0], &signature[..]].concat());
    let certificate = long(0x30, &[tbs, algorithm, signature].concat());
    let key_id = X509::from_der(&certificate).unwrap().subject_key_id().map(|id| id.as_slice().to_vec());
    Made { der: certificate, subject, key: key.clone(), key_id: key_id.unwrap_or_else(|| vec![7; 20]) }
}

/// A moment at which the certificate is valid, in seconds from now.
fn moment(certificate: &X509) -> i64 {
    let now = Asn1Time::from_unix(pki::now()).unwrap();
    let until = |time| {
        let diff = now.diff(time).unwrap();
        i64::from(diff.days) * DAY + i64::from(diff.secs)
    };
    0.clamp(until(certificate.not_before()) + 60, until(certificate.not_after()) - 60)
}

fn leaf(issuer: &Made, at: i64, host: &str) -> Made {
    let leaf = Raw { not_before: at - 30, not_after: at + 30 * DAY, ..Raw::leaf(host) };
    leaf.issued_by(issuer)
}

/// Hosts within the constraints of every root that has some.
const HOSTS: &[&str] = &["www.example.com", "www.example.gr", "www.example.edu", "www.gov.tr", "www.example.fr"];

fn hold_twin(root: &[u8]) {
    let original = X509::from_der(root).unwrap();
    let key = pki::p256();
    let twin = twin(root, &key);
    let at = moment(&original);
    for policy in POLICIES {
        let ask = |issuer: &Made, host: &str| {
            let leaf = leaf(issuer, at, host);
            Question { policy, at: Some(at), ..Question::new(&[&twin], &[&leaf], host) }.ask()
        };
        let outcomes: Vec<Result<(), Error>> = HOSTS.iter().map(|host| ask(&twin, host)).collect();
        let who = original.subject_name().entries().map(|entry| format!("{:?} ", entry.data())).collect::<String>();
        assert!(outcomes.iter().any(Result::is_ok), "{who} {policy}: {}", outcomes[0].as_ref().unwrap_err());
        let stranger = Made { key: pki::p256(), ..twin.clone() };
        for host in HOSTS {
            assert!(ask(&stranger, host).is_err(), "{who} {policy}: an anchor of what it did not sign");
        }
    }
}

#[test]
fn every_bundled_root_is_an_anchor_under_every_policy_of_what_it_signed_alone() {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    assert!(roots.len() > 50);
    roots.iter().for_each(|root| hold_twin(root));
}

#[test]
fn every_root_of_the_system_is_an_anchor_under_every_policy_of_what_it_signed_alone() {
    let Ok(bundle) = std::fs::read("/etc/ssl/certs/ca-certificates.crt") else {
        println!("skipped: no bundle of the system");
        return;
    };
    for root in X509::stack_from_pem(&bundle).unwrap() {
        hold_twin(&root.to_der().unwrap());
    }
}

fn under_every_policy(root: &Made) -> Vec<Result<(), Error>> {
    let leaf = leaf(root, 0, HOSTS[0]);
    let ask = |policy| Question { policy, ..Question::new(&[root], &[&leaf], HOSTS[0]) }.ask();
    POLICIES.into_iter().map(ask).collect()
}

#[test]
fn what_home_made_anchors_leave_out_or_add_is_no_reason_to_refuse_what_they_signed() {
    let plain = Raw::ca("Root");
    let own = plain.clone().self_signed().key_id;
    let with_issuer = sequence(&[&der(0x80, &own), &der(0xa1, &der(0xa4, &name("Root"))), &der(0x82, &plain.serial)]);
    for (what, root) in [
        ("constraints not critical", Raw::ca("Root").instead(BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xff])),
        ("no key usage", Raw::ca("Root").without(KEY_USAGE)),
        ("no key identifier", Raw::ca("Root").without(SUBJECT_KEY_ID)),
        ("an extended key usage", Raw::ca("Root").with(EXT_KEY_USAGE, false, &usages(&[SERVER_AUTH]))),
        ("an authority key identifier with a name", plain.clone().with(AUTHORITY_KEY_ID, false, &with_issuer)),
        ("a negative serial number", Raw { serial: vec![0x80], ..Raw::ca("Root") }),
    ] {
        for (outcome, policy) in under_every_policy(&root.self_signed()).into_iter().zip(POLICIES) {
            outcome.unwrap_or_else(|error| panic!("{what}, {policy}: {error}"));
        }
    }
}

#[test]
fn what_openssl_itself_says_against_an_anchor_stands() {
    for (what, root) in [
        ("no CA", Raw::ca("Root").instead(BASIC_CONSTRAINTS, true, &[0x30, 0])),
        ("no constraints at all", Raw::ca("Root").without(BASIC_CONSTRAINTS).without(KEY_USAGE)),
        ("no right to sign certificates", Raw::ca("Root").instead(KEY_USAGE, true, &[3, 2, 1, 0x02])),
        ("another purpose", Raw::ca("Root").with(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH]))),
        ("an unknown critical extension", Raw::ca("Root").with(PRIVATE_EXTENSION, true, &[5, 0])),
        ("constraints that cannot be read", Raw::ca("Root").with(NAME_CONSTRAINTS, true, &[0x30, 5])),
        ("a weak key", Raw::ca("Root").keyed(&pki::rsa(1024))),
        ("no time left", Raw { not_after: -60, ..Raw::ca("Root") }),
    ] {
        for (outcome, policy) in under_every_policy(&root.self_signed()).into_iter().zip(POLICIES) {
            assert!(outcome.is_err(), "{what}, {policy}");
        }
    }
}

/// The same certificate as one of version 1, whose extensions some CAs left in it.
fn of_version_1(root: &Made) -> Made {
    let whole = parts(&root.der);
    let tbs = sequence(&parts(whole[0])[1..]);
    let signature = Signer::new(MessageDigest::sha256(), &root.key).unwrap().sign_oneshot_to_vec(&tbs).unwrap();
    let signature = der(3, &[&[0], &signature[..]].concat());
    Made { der: sequence(&[&tbs, whole[1], &signature]), ..root.clone() }
}

#[test]
fn an_anchor_of_version_1_is_for_every_purpose_but_what_its_extensions_say_otherwise() {
    for (what, root, good) in [
        ("nothing else", Raw::new("Root"), true),
        ("the right purpose", Raw::new("Root").with(EXT_KEY_USAGE, false, &usages(&[SERVER_AUTH])), true),
        ("another purpose", Raw::new("Root").with(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH])), false),
        ("no CA", Raw::new("Root").with(BASIC_CONSTRAINTS, true, &[0x30, 0]), false),
    ] {
        for (outcome, policy) in under_every_policy(&of_version_1(&root.self_signed())).into_iter().zip(POLICIES) {
            assert_eq!(outcome.is_ok(), good, "{what}, {policy}: {outcome:?}");
        }
    }
}

/// The verdict of a context of the default policy whose program set X509_STRICT.
fn strict(root: &Made, chain: &[&Made]) -> Result<(), Error> {
    let context = Context::client(Policy::named("default").unwrap()).unwrap();
    let guard = context.guard().unwrap();
    // SAFETY: the context is live and not in use.
    unsafe {
        guard.anchors.add(context.as_ctx(), &[root.x509()]).unwrap();
        let param = ffi::SSL_CTX_get0_param(context.as_ptr());
        ffi::X509_VERIFY_PARAM_set_flags(param, ffi::X509_V_FLAG_X509_STRICT);
        offline::verify(context.as_ctx(), guard, &pem(chain), Some(Reference::parse(HOSTS[0]).unwrap()))
    }
}

#[test]
fn the_strictness_that_a_program_asks_for_is_openssls_for_the_whole_chain() {
    let good = Raw::ca("Root").self_signed();
    strict(&good, &[&leaf(&good, 0, HOSTS[0])]).unwrap();
    let mut loose = vec![Raw::ca("Root").without(KEY_USAGE), Raw::ca("Root").without(SUBJECT_KEY_ID)];
    // OpenSSL 4.0 dropped the rule.
    if openssl::version::number() < 0x4000_0000 {
        loose.push(Raw::ca("Root").instead(BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xff]));
    }
    for root in loose {
        let root = root.self_signed();
        let leaf = leaf(&root, 0, HOSTS[0]);
        verdict(&[&root], &[&leaf], HOSTS[0]).unwrap();
        assert_eq!(strict(&root, &[&leaf]).unwrap_err().status(), Status::EBadCertificate);
    }
    let nameless = Raw { authority_key: false, ..Raw::leaf(HOSTS[0]) }.issued_by(&good);
    verdict(&[&good], &[&nameless], HOSTS[0]).unwrap();
    assert_eq!(strict(&good, &[&nameless]).unwrap_err().status(), Status::EBadCertificate);
}
