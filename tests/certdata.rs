//! certdata.txt as trust: what is read from it, and what is written from it.

mod support;

use std::ffi::CString;
use std::fs;
use std::path::Path;

use hostlock::error::{Error, Status};
use hostlock::ffi::certdata::hostlock_certdata_to_pem;
use hostlock::moment;
use hostlock::trust::certdata::{Certdata, Purpose, Trust, looks_like, to_pem};
use hostlock::trust::{decode, source};
use openssl::x509::X509;
use support::certdata::{ANCHOR, DISTRUSTED, Entry, UNDECIDED, certdata};
use support::pki::{DAY, Recipe, now};
use support::scratch::Scratch;

fn parse(text: &str) -> Certdata {
    Certdata::parse(text.as_bytes(), "the file").unwrap()
}

fn refused(text: &str) -> Error {
    Certdata::parse(text.as_bytes(), "the file").err().expect("it is refused")
}

fn labels(certdata: &Certdata, purpose: Purpose) -> Vec<&str> {
    let trusted = certdata.roots.iter().filter(|root| root.trust(purpose) == Trust::Anchor);
    trusted.map(|root| root.label.as_str()).collect()
}

fn line_of(text: &str, start: &str) -> usize {
    1 + text.lines().position(|line| line.starts_with(start)).unwrap()
}

fn ders(certificates: &[X509]) -> Vec<Vec<u8>> {
    let mut ders: Vec<Vec<u8>> = certificates.iter().map(|certificate| certificate.to_der().unwrap()).collect();
    ders.sort();
    ders
}

fn bundled() -> Vec<Entry> {
    let ders = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let certificate = |der: &[u8]| X509::from_der(der).unwrap();
    ders.iter().enumerate().map(|(index, der)| Entry::root(&format!("Root {index:03}"), &certificate(der))).collect()
}

#[test]
fn a_root_counts_only_for_the_purposes_that_the_file_trusts_it_for() {
    let ca = |name| Recipe::ca(name).self_signed().certificate;
    let text = certdata(&[
        Entry::root("server", &ca("server")),
        Entry { server_auth: UNDECIDED, email: ANCHOR, ..Entry::root("mail", &ca("mail")) },
        Entry { email: ANCHOR, code_signing: ANCHOR, ..Entry::root("all", &ca("all")) },
        Entry { server_auth: DISTRUSTED, email: ANCHOR, ..Entry::root("not for servers", &ca("bad")) },
        Entry { server_auth: "CKT_NSS_TRUST_UNKNOWN", ..Entry::root("unknown", &ca("unknown")) },
        Entry { server_auth: "CKT_NSS_TRUSTED", ..Entry::root("only itself", &ca("itself")) },
        Entry { has_trust: false, ..Entry::root("nothing said", &ca("unsaid")) },
        Entry { has_certificate: false, ..Entry::root("not there", &ca("absent")) },
    ]);
    let read = parse(&text);
    assert_eq!(labels(&read, Purpose::ServerAuth), ["server", "all"]);
    assert_eq!(labels(&read, Purpose::Email), ["mail", "all", "not for servers"]);
    assert_eq!(labels(&read, Purpose::CodeSigning), ["all"]);
    assert_eq!(read.roots[6].bits, None);
    assert_eq!(read.absent.len(), 1);
    assert_eq!(read.absent[0].label, "not there");
}

#[test]
fn trust_is_matched_by_issuer_and_serial_and_by_the_hash_where_the_file_has_one() {
    let one = Recipe::ca("same").self_signed();
    // Another certificate with the same issuer and serial number, as after a re-issue.
    let mut builder = openssl::x509::X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(one.certificate.serial_number()).unwrap();
    builder.set_subject_name(one.certificate.subject_name()).unwrap();
    builder.set_issuer_name(one.certificate.subject_name()).unwrap();
    builder.set_pubkey(&one.key).unwrap();
    builder.set_not_before(one.certificate.not_before()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::from_unix(now() + 90 * DAY).unwrap()).unwrap();
    builder.sign(&one.key, openssl::hash::MessageDigest::sha256()).unwrap();
    let twin = builder.build();
    let silent = Entry { has_trust: false, ..Entry::root("twin", &twin) };
    let read = parse(&certdata(&[Entry::root("one", &one.certificate), silent]));
    assert_eq!(labels(&read, Purpose::ServerAuth), ["one"], "the hash tells them apart");
    let unhashed = Entry { has_hash: false, ..Entry::root("one", &one.certificate) };
    let silent = Entry { has_trust: false, ..Entry::root("twin", &twin) };
    let read = parse(&certdata(&[unhashed, silent]));
    assert_eq!(labels(&read, Purpose::ServerAuth), ["one", "twin"], "without a hash both are meant");
}

#[test]
fn of_two_trust_objects_for_one_certificate_the_stricter_counts() {
    let ca = Recipe::ca("twice").self_signed().certificate;
    for (has_hash, order) in [(true, [ANCHOR, DISTRUSTED]), (true, [DISTRUSTED, ANCHOR]), (false, [DISTRUSTED, ANCHOR])]
    {
        let second = Entry { has_certificate: false, has_hash, server_auth: order[1], ..Entry::root("twice", &ca) };
        let read = parse(&certdata(&[Entry { server_auth: order[0], ..Entry::root("twice", &ca) }, second]));
        assert_eq!(read.roots[0].trust(Purpose::ServerAuth), Trust::Distrusted, "{has_hash} {order:?}");
        assert!(read.absent.is_empty());
    }
}

#[test]
fn damage_is_an_error_that_names_its_line() {
    let text = certdata(&[Entry::root("a root", &Recipe::ca("CA").self_signed().certificate)]);
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let at = |start: &str| line_of(&text, start);
    let trust = 1 + text.lines().position(|line| line.ends_with("CKO_NSS_TRUST")).unwrap();
    let certificate =
        1 + text.lines().position(|line| line.ends_with(" CKO_CERTIFICATE") && !line.starts_with('#')).unwrap();
    let value = text.split("CKA_VALUE MULTILINE_OCTAL\n").nth(1).unwrap().split("END\n").next().unwrap();
    for (broken, line, what) in [
        (replaced("CKO_NSS_TRUST", "CKO_SECRET"), trust, "an object of class \"CKO_SECRET\" is not known"),
        (
            replaced("CKT_NSS_TRUSTED_DELEGATOR", "CKT_NSS_SURE"),
            at("CKA_TRUST_SERVER"),
            "\"CKT_NSS_SURE\" is not known",
        ),
        (replaced("CKA_TRUST_CODE_SIGNING", "CKA_TRUST_CODE"), trust, "has no CKA_TRUST_CODE_SIGNING"),
        (replaced("CKA_VALUE", "CKA_VALEU"), certificate, "has no CKA_VALUE"),
        (replaced(value, "\\060\\003\\002\\001\\001\n"), at("CKA_VALUE"), "is not a certificate: OpenSSL says"),
        (replaced(value, &format!("{value}\\000\n")), at("CKA_VALUE"), "is not a certificate: 1 bytes follow it"),
        (replaced(value, &format!("{value}\\00\n")), at("CKA_VALUE") + value.lines().count() + 1, "is not octal"),
        (replaced("CKC_X_509", "CKC_PGP"), at("CKA_CERTIFICATE_TYPE"), "not of type CKC_X_509"),
        (
            replaced("CKA_SERIAL_NUMBER MULTILINE_OCTAL\n\\002", "CKA_SERIAL_NUMBER MULTILINE_OCTAL\n\\003"),
            certificate,
            "CKA_ISSUER or CKA_SERIAL_NUMBER is not that of the certificate",
        ),
        (
            replaced("SERVER_DISTRUST_AFTER CK_BBOOL CK_FALSE", "SERVER_DISTRUST_AFTER CK_BBOOL CK_TRUE"),
            at("CKA_NSS_SERVER_DISTRUST_AFTER"),
            "is neither CK_FALSE nor a date",
        ),
        (
            replaced("SERVER_DISTRUST_AFTER CK_BBOOL CK_FALSE", "SERVER_DISTRUST_AFTER MULTILINE_OCTAL\n\\062\nEND"),
            at("CKA_NSS_SERVER_DISTRUST_AFTER"),
            "is not a date",
        ),
        (
            replaced("CKA_NSS_EMAIL_DISTRUST_AFTER", "CKA_NSS_SERVER_DISTRUST_AFTER"),
            at("CKA_NSS_EMAIL_DISTRUST_AFTER"),
            "has a second CKA_NSS_SERVER_DISTRUST_AFTER",
        ),
        (
            replaced("BEGINDATA\n", "BEGINDATA\nCKA_TOKEN CK_BBOOL CK_TRUE\n"),
            at("BEGINDATA") + 1,
            "before any CKA_CLASS",
        ),
        (replaced("BEGINDATA\n", "BEGINDATA\n\u{0}\u{0}\n"), at("BEGINDATA") + 1, "neither a comment nor an attribute"),
    ] {
        let error = refused(&broken);
        assert_eq!(error.status(), Status::EBadPem);
        let message = error.message();
        assert!(
            message.starts_with(&format!("the file: line {line}: ")) && message.contains(what),
            "{message:?}: {line} {what:?}"
        );
    }
}

#[test]
fn a_second_copy_of_a_certificate_is_refused() {
    let ca = Recipe::ca("CA").self_signed().certificate;
    let error =
        refused(&certdata(&[Entry::root("first", &ca), Entry { has_trust: false, ..Entry::root("again", &ca) }]));
    assert!(error.message().contains("again"), "{error}");
}

#[test]
fn a_file_that_is_cut_off_inside_an_object_is_refused_wherever_it_is_cut() {
    let ca = |name| Recipe::ca(name).self_signed().certificate;
    let entries = [
        Entry { server_distrust_after: Some(now()), ..Entry::root("dated", &ca("dated")) },
        Entry { server_auth: DISTRUSTED, ..Entry::root("bad", &ca("bad")) },
    ];
    let text = certdata(&entries);
    let last_trust = text.rfind("CKA_CLASS CK_OBJECT_CLASS CKO_NSS_TRUST").unwrap();
    let last_needed = text.rfind("CKA_TRUST_STEP_UP").unwrap();
    let first_needed = text.find("CKA_CLASS CK_OBJECT_CLASS CKO_CERTIFICATE\nCKA_TOKEN").unwrap();
    for cut in 0..text.len() {
        let part = &text[..cut];
        match Certdata::parse(part.as_bytes(), "the file") {
            Err(error) => assert!(matches!(error.status(), Status::EBadPem | Status::EEmpty), "{error}"),
            Ok(read) => {
                assert!(part.ends_with('\n'), "a last line without its end");
                assert!(!(last_trust + 42..last_needed).contains(&cut), "cut inside the last object");
                for root in &read.roots {
                    assert!(cut > first_needed);
                    assert!(
                        root.trust(Purpose::ServerAuth) != Trust::Anchor
                            || root.distrust_after(Purpose::ServerAuth).is_some()
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_certdata_is_told_from_what_is() {
    assert!(looks_like(b"x\r\n BEGINDATA \r\n"));
    for (text, status) in [("", Status::EEmpty), (" \n", Status::EEmpty), ("hello\n", Status::EBadPem)] {
        assert_eq!(refused(text).status(), status, "{text:?}");
    }
    let pem = String::from_utf8(Recipe::ca("CA").self_signed().pem()).unwrap();
    assert!(refused(&pem).hint().contains("hostlock_ctx_trust_file"));
    let text = certdata(&[Entry::root("a root", &Recipe::ca("CA").self_signed().certificate)]);
    let error = decode::parse(text.as_bytes(), "the file").err().unwrap();
    assert!(error.hint().contains("hostlock_ctx_trust_certdata"), "{}", error.hint());
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_sound_file_is_refused_at_once() {
    let scratch = Scratch::new();
    let huge = scratch.join("huge.txt");
    fs::File::create(&huge).unwrap().set_len(1 << 30).unwrap();
    let looped = scratch.join("loop.txt");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    let fifo = scratch.join("fifo.txt");
    let c_path = CString::new(fifo.to_str().unwrap()).unwrap();
    // SAFETY: a NUL-terminated path.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    for (path, status, words) in [
        (huge, Status::EFileIo, "larger than"),
        (looped, Status::EFileIo, "too many levels of symbolic links"),
        (fifo, Status::EWrongFileType, "is a FIFO, not a file"),
        (scratch.path().to_owned(), Status::EWrongFileType, "is a directory, not a file"),
        (scratch.join("missing"), Status::ENotFound, "there is no file"),
        (scratch.file("zeros.txt", vec![0; 1 << 20]), Status::EBadPem, "is not a certdata.txt"),
    ] {
        let error = source::certdata(&path, Purpose::ServerAuth).err().unwrap();
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn an_object_with_more_attributes_than_any_has_is_refused() {
    let attributes: String = (0..1000).map(|number| format!("CKA_{number} CK_BBOOL CK_TRUE\n")).collect();
    let error = refused(&format!("BEGINDATA\nCKA_CLASS CK_OBJECT_CLASS CKO_CERTIFICATE\n{attributes}"));
    assert!(error.message().contains("the object of line 2 has too many attributes"), "{error}");
}

#[test]
fn a_file_that_trusts_nothing_for_the_purpose_is_refused() {
    let read = parse(&certdata(&[Entry::root("a root", &Recipe::ca("CA").self_signed().certificate)]));
    let error = read.anchors(Purpose::Email, "the file").err().unwrap();
    assert_eq!(error.status(), Status::ENoTrustAnchors);
    assert_eq!(error.message(), "the file holds no root that is trusted for email");
}

#[test]
fn the_bundled_roots_come_back_from_certdata_and_from_the_pem_that_is_made_of_it() {
    let entries = bundled();
    let read = parse(&certdata(&entries));
    let originals: Vec<X509> = entries.iter().map(|entry| entry.certificate.clone()).collect();
    let (anchors, distrust) = read.anchors(Purpose::ServerAuth, "the file").unwrap();
    assert_eq!(ders(&anchors.certificates), ders(&originals));
    assert!(distrust.is_empty());
    let pem = read.pem(Purpose::ServerAuth, "the file").unwrap();
    assert_eq!(ders(&decode::parse(pem.as_bytes(), "the bundle").unwrap().certificates), ders(&originals));
}

#[test]
fn the_bundle_has_a_header_for_each_root_and_does_not_depend_on_the_order_of_the_file() {
    let ca = |name| Recipe::ca(name).self_signed().certificate;
    let (one, other) = (ca("One"), ca("Other"));
    let entries = |swap: bool| {
        let dated =
            Entry { server_distrust_after: Some(1_733_011_199), email: ANCHOR, ..Entry::root("B \"\u{151}\"", &one) };
        let mut entries = vec![dated, Entry::root("A\\", &other)];
        if swap {
            entries.reverse();
        }
        certdata(&entries)
    };
    let pem = parse(&entries(false)).pem(Purpose::ServerAuth, "the file").unwrap();
    assert_eq!(pem, parse(&entries(true)).pem(Purpose::ServerAuth, "the file").unwrap());
    let digest = one.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    let fingerprint: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    let expected = format!(
        "\n# B \"\u{151}\"\n# subject: CN=One\n# SHA-256: {}\n# expires: {}\n# only for certificates issued up to: 2024-11-30T23:59:59Z\n-----BEGIN",
        fingerprint.join(":"),
        moment::text(moment::unix_seconds(one.not_after()).unwrap()),
    );
    assert!(pem.contains(&expected), "{pem}");
    assert!(pem.find("\n# A\\\n").unwrap() < pem.find("\n# B ").unwrap());
    assert!(
        !parse(&entries(false)).pem(Purpose::Email, "the file").unwrap().contains("only for"),
        "that date is for servers"
    );
}

#[test]
fn to_pem_replaces_the_output_only_when_all_is_well() {
    let scratch = Scratch::new();
    let ca = Recipe::ca("CA").self_signed().certificate;
    let good = scratch.file("certdata.txt", certdata(&[Entry::root("a root", &ca)]));
    let bad = scratch.file("bad.txt", "BEGINDATA\ngarbage\n");
    let output = scratch.file("roots.pem", "old");
    let call = |input: &Path, purpose: &str| {
        let c = |text: &str| CString::new(text).unwrap();
        let (input, output, purpose) = (c(input.to_str().unwrap()), c(output.to_str().unwrap()), c(purpose));
        // SAFETY: three NUL-terminated strings.
        unsafe { hostlock_certdata_to_pem(input.as_ptr(), output.as_ptr(), purpose.as_ptr()) }
    };
    assert_eq!(call(&bad, "server-auth"), Status::EBadPem.code());
    assert_eq!(call(&good, "email"), Status::ENoTrustAnchors.code());
    assert_eq!(call(&good, "servers"), Status::EArg.code());
    assert_eq!(call(&scratch.join("missing"), "server-auth"), Status::ENotFound.code());
    assert_eq!(fs::read(&output).unwrap(), b"old");
    assert_eq!(call(&good, "server-auth"), 0);
    let first = fs::read(&output).unwrap();
    to_pem(&good, &output, Purpose::ServerAuth).unwrap();
    assert_eq!(fs::read(&output).unwrap(), first);
    assert_eq!(ders(&decode::parse(&first, "it").unwrap().certificates), ders(&[ca]));
    let entries = fs::read_dir(scratch.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["bad.txt", "certdata.txt", "roots.pem"], "nothing is left behind");
}
