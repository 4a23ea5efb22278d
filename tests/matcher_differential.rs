//! The matcher beside OpenSSL's own, X509_check_host and X509_check_ip_asc, on generated pairs of host and certificate.
//! Ours may be stricter, for a reason that stands in data/matcher_differences.txt; it must never accept what OpenSSL
//! refuses.

mod der;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::net::IpAddr;

use der::element;
use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::host::{MatchRules, Reference, check};
use hostlock::x509::Presented;
use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::x509::{X509, X509Extension};
use openssl_sys::{X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS};

const DIFFERENCES: &str = include_str!("data/matcher_differences.txt");
const HOSTS_PER_CERTIFICATE: usize = 5;

/// SplitMix64: the same pairs in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

const LABELS: &[&str] =
    &["a", "b", "www", "mail", "example", "xn--fa-hia", "x-y", "r3---sn", "3com", "co", "com", "org", "uk"];
const ODD_LABELS: &[&[u8]] = &[
    b"_srv",
    b"x_y",
    b"-a",
    b"a-",
    b"*",
    b"w*",
    b"*w",
    b"w*w",
    b"**",
    b"",
    b"1",
    b"127",
    b"0x7f",
    b"a b",
    b" ",
    b"a\0b",
    b"\0",
    b"@",
    b"a@b",
    b"h:443",
    b"[::1]",
    b"\xc3\xa9",
    b"\xff",
    b"xn--",
    b"xn--*",
    b"xn--a*",
    b"%",
];

fn name(random: &mut Random) -> Vec<Vec<u8>> {
    let length = 1 + random.below(4);
    let mut labels: Vec<Vec<u8>> = (0..length).map(|_| random.pick(LABELS).into()).collect();
    if random.one_in(8) {
        let at = random.below(length);
        labels[at] = random.pick(ODD_LABELS).into();
    }
    if random.one_in(60) {
        let at = random.below(length);
        labels[at] = vec![b'l'; 62 + random.below(3)];
    }
    labels
}

fn joined(labels: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut name = labels.join(&b'.');
    if random.one_in(6) {
        let at = random.below(name.len().max(1));
        name.iter_mut().skip(at).for_each(|byte| *byte = byte.to_ascii_uppercase());
    }
    match random.below(40) {
        0 => name.push(b'.'),
        1 => name.insert(0, b'.'),
        2 => name.push(b' '),
        3 => name.push(0),
        _ => {}
    }
    name
}

/// A name that is `labels`, or nearly so.
fn relative(labels: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut labels = labels.to_vec();
    let first = labels.first().cloned().unwrap_or_default();
    match random.below(14) {
        0..3 => {}
        3..6 => labels[0] = b"*".into(),
        6 => labels.insert(0, b"*".into()),
        7 => drop(labels.remove(0)),
        8 => labels.insert(0, random.pick(LABELS).into()),
        9 => labels[0] = [first.get(..1).unwrap_or_default(), b"*"].concat(),
        10 => labels[0] = [b"*", first.get(1..).unwrap_or_default()].concat(),
        11 => {
            let at = random.below(labels.len());
            labels[at] = b"*".into();
        }
        12 => labels = vec![b"*".into()],
        _ => labels = name(random),
    }
    joined(&labels, random)
}

fn address(random: &mut Random) -> IpAddr {
    let low = u8::try_from(1 + random.below(3)).unwrap();
    match random.below(3) {
        0 => IpAddr::from([192, 0, 2, low]),
        1 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(low)]),
        _ => IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0200 | u16::from(low)]),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A certificate's subjectAltName and what is wrong with it, as the generator knows and nobody else has to find out.
struct Generated {
    san: Vec<u8>,
    damaged: bool,
    has_nul: bool,
    has_space: bool,
}

fn subject_alt_name(labels: &[Vec<u8>], random: &mut Random) -> Generated {
    let mut generated = Generated { san: Vec::new(), damaged: false, has_nul: false, has_space: false };
    let mut names = Vec::new();
    for _ in 0..1 + random.below(3) {
        let text = if random.one_in(30) { b" ".to_vec() } else { relative(labels, random) };
        let (tag, contents) = match random.below(28) {
            0 => (0x81, text),
            1 => (0x86, text),
            2 => (0x88, random.pick(&[&b"\x2a\x03"[..], b"", b"\x80\x01", b"\x2a\x83"]).to_vec()),
            3..6 => (0x87, octets(address(random))),
            6 => (0x87, text),
            7 => (0x82, address(random).to_string().into_bytes()),
            8 => (0xa0, [element(0x06, &[0x2a, 0x03]), element(0xa0, &element(0x0c, &text))].concat()),
            9 => (0xa0, element(random.pick(&[0x06, 0x0c]), &text)),
            10 => (
                0xa4,
                element(
                    0x30,
                    &element(0x31, &element(0x30, &[element(0x06, &[0x55, 4, 3]), element(0x0c, &text)].concat())),
                ),
            ),
            11 => (random.pick(&[0xa3, 0xa4, 0xa5]), text),
            12 => (0xa5, element(random.pick(&[0xa0, 0xa1]), &element(0x0c, &text))),
            _ => (0x82, text),
        };
        if matches!(tag, 0x81 | 0x82 | 0x86) {
            generated.has_nul |= contents.contains(&0);
            generated.has_space |= contents == b" ";
        }
        names.push(element(tag, &contents));
    }
    let mut san = element(0x30, &names.concat());
    if random.one_in(20) {
        generated.damaged = true;
        san = match random.below(6) {
            0 => san[..san.len() - 1].to_vec(),
            1 => [san.as_slice(), &[0]].concat(),
            2 => [&[0x30, 0x80], names.concat().as_slice(), &[0, 0]].concat(),
            3 => [
                &[0x30, 0x84, 0, 0],
                u16::try_from(names.concat().len()).unwrap().to_be_bytes().as_slice(),
                &names.concat(),
            ]
            .concat(),
            4 => element(0x30, &[names.concat(), element(0xa2, &element(0x04, &joined(labels, random)))].concat()),
            _ => element(0x31, &names.concat()),
        };
    }
    generated.san = san;
    generated
}

fn certificate(san: &[u8]) -> X509 {
    let oid = Asn1Object::from_str("2.5.29.17").unwrap();
    let value = Asn1OctetString::new_from_bytes(san).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.append_extension(X509Extension::new_from_der(&oid, false, &value).unwrap()).unwrap();
    builder.build()
}

fn openssl_takes_host(certificate: &X509, host: &[u8]) -> bool {
    let terminated = [host, &[0]].concat();
    let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    // SAFETY: the certificate lives as long as the call, and `terminated` holds `host.len()` bytes and a NUL.
    let answer = unsafe {
        openssl_sys::X509_check_host(
            certificate.as_ptr(),
            terminated.as_ptr().cast(),
            host.len(),
            flags,
            std::ptr::null_mut(),
        )
    };
    answer == 1
}

fn openssl_takes_address(certificate: &X509, address: IpAddr) -> bool {
    let text = CString::new(address.to_string()).unwrap();
    // SAFETY: the certificate and the NUL-terminated text live as long as the call.
    let answer = unsafe { openssl_sys::X509_check_ip_asc(certificate.as_ptr(), text.as_ptr(), 0) };
    answer == 1
}

/// The class of a difference in which OpenSSL accepts and hostlock refuses, or None where no class explains it.
fn class(host: &[u8], reference: Option<&Reference>, status: Status, generated: &Generated) -> Option<&'static str> {
    match (reference, status) {
        (None, Status::EBadHost) => bad_host_class(host),
        (Some(_), Status::EBadCertificate) if generated.damaged => Some("certificate-san-not-der"),
        (Some(_), Status::EBadCertificate) if generated.has_nul => Some("certificate-nul-in-a-name"),
        (Some(_), Status::EBadCertificate) if generated.has_space => Some("certificate-space-as-a-name"),
        (Some(Reference::Ip(_)), Status::EHostMismatch) => Some("address-as-text"),
        _ => None,
    }
}

fn bad_host_class(host: &[u8]) -> Option<&'static str> {
    let labels: Vec<&[u8]> = host.strip_suffix(b".").unwrap_or(host).split(|&byte| byte == b'.').collect();
    let last = labels.last().copied().unwrap_or_default();
    let is_ldh = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let is_number = last.iter().all(u8::is_ascii_digit) || last.to_ascii_lowercase().starts_with(b"0x");
    if host.starts_with(b".") {
        Some("host-leading-dot")
    } else if host.contains(&0) {
        Some("host-nul")
    } else if host.contains(&b'*') {
        Some("host-wildcard")
    } else if !host.iter().all(is_ldh) {
        Some("host-character")
    } else if labels.iter().any(|label| label.is_empty()) {
        Some("host-empty-label")
    } else if labels.iter().any(|label| label.len() > 63) {
        Some("host-label-too-long")
    } else if labels.iter().any(|label| label.starts_with(b"-") || label.ends_with(b"-")) {
        Some("host-hyphen")
    } else if is_number {
        Some("host-ends-in-number")
    } else {
        None
    }
}

fn listed_classes() -> BTreeSet<&'static str> {
    let lines = DIFFERENCES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (class, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason given: {line}"));
            assert!(reason.len() > 20, "a reason is a sentence: {line}");
            class
        })
        .collect()
}

#[test]
fn the_matcher_accepts_nothing_that_openssl_refuses_and_refuses_more_only_for_listed_reasons() {
    let pairs = if std::env::var_os("HOSTLOCK_LONG").is_some() { 1_000_000 } else { 50_000 };
    let listed = listed_classes();
    let mut random = Random(20261101);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut both = 0;
    for _ in 0..pairs / HOSTS_PER_CERTIFICATE {
        let labels = name(&mut random);
        let generated = subject_alt_name(&labels, &mut random);
        let certificate = certificate(&generated.san);
        for _ in 0..HOSTS_PER_CERTIFICATE {
            let host = match random.below(6) {
                0 => address(&mut random).to_string().into_bytes(),
                1 => relative(&labels, &mut random),
                _ => joined(&labels, &mut random),
            };
            let reference = Reference::parse_bytes(&host);
            // The matcher sees hosts in normal form only, so OpenSSL is asked for that form where there is one.
            let asked = reference.as_ref().map_or(host.clone(), |reference| reference.to_string().into_bytes());
            let verdict = reference.clone().and_then(|reference| {
                check(&reference, &Presented::new(Some(&generated.san), &[0x30, 0x00]), MatchRules::default()).map(drop)
            });
            let by_octets =
                matches!(&reference, Ok(Reference::Ip(address)) if openssl_takes_address(&certificate, *address));
            let theirs = by_octets || openssl_takes_host(&certificate, &asked);
            let pair = || format!("host {:?}, subjectAltName {:02x?}", host.escape_ascii().to_string(), generated.san);
            match (verdict, theirs) {
                (Ok(()), true) => {
                    let as_text_only = matches!(reference, Ok(Reference::Ip(_))) && !by_octets;
                    assert!(!as_text_only, "an address was matched that OpenSSL takes as text only: {}", pair());
                    both += 1;
                }
                (Err(_), false) => {}
                (Ok(()), false) => panic!("hostlock accepts and OpenSSL refuses: {}", pair()),
                (Err(error), true) => {
                    let by_octets_alone = by_octets && error.status() == Status::EHostMismatch;
                    let class =
                        class(&host, reference.as_ref().ok(), error.status(), &generated).filter(|_| !by_octets_alone);
                    let class = class.unwrap_or_else(|| panic!("no class explains {error}: {}", pair()));
                    assert!(listed.contains(class), "the class {class} is not listed ({error}): {}", pair());
                    *seen.entry(class).or_default() += 1;
                }
            }
        }
    }
    println!("{pairs} pairs, accepted by both: {both}, only by OpenSSL: {seen:?}");
    assert!(both > pairs / 20, "too few pairs that match: {both}");
    let unseen: Vec<_> = listed.iter().filter(|class| !seen.contains_key(**class)).collect();
    // What a class says about OpenSSL was measured on its third major version.
    let measured = openssl::version::number() >> 28 == 3;
    assert!(unseen.is_empty() || !measured, "listed but never seen: {unseen:?}");
}
