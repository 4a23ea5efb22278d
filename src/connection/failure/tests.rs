use super::*;

fn facts(head: &[u8]) -> Facts<'_> {
    Facts {
        phase: Phase::Handshake,
        role: Role::Client,
        peer: "192.0.2.1:443",
        reason: None,
        errno: None,
        ended: false,
        head,
        heard: !head.is_empty(),
        before_hello: true,
        lacks_certificate: false,
        nameless: false,
        has_shown_certificate: false,
        offer: Offer { versions: vec![0x0303, 0x0304], suites: vec!["A".to_owned(), "B".to_owned()] },
    }
}

fn libssl(code: c_int) -> Option<Reason> {
    libssl_says(code, "words of libssl")
}

fn libssl_says(code: c_int, text: &str) -> Option<Reason> {
    Some(Reason { from_libssl: true, code, text: text.to_owned() })
}

#[test]
fn what_is_not_tls_is_named_and_shown_escaped() {
    let cases: &[(&[u8], Status, &str)] = &[
        (b"HTTP/1.1 400 Bad Request\r\nServer: x", Status::EPlaintext, "plain HTTP and not TLS"),
        (b"<!DOCTYPE html>", Status::EPlaintext, "plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Status::EPlaintext, "\"SSH-2.0-OpenSSH_9.2\""),
        (b"220 mail.example ESMTP\r\n", Status::EPlaintext, "SMTP or FTP"),
        (b"220", Status::EPlaintext, "plain text"),
        (b"+OK ready", Status::EPlaintext, "POP3"),
        (b"* OK IMAP4rev1", Status::EPlaintext, "IMAP"),
        (b"hi\"there", Status::EPlaintext, "\"hi\\\"there\""),
        (b"\x05\x00\x1b[31m", Status::EPlaintext, "begins with 05 00 1b 5b"),
    ];
    for (head, status, words) in cases {
        let error = explain(&Facts { reason: libssl(267), ..facts(head) });
        assert_eq!(error.status(), *status, "{error}");
        assert!(error.message().contains(words), "{error}");
        assert!(error.message().chars().all(|c| (' '..='~').contains(&c)), "{error}");
    }
}

#[test]
fn a_chosen_version_or_suite_is_read_from_the_server_hello() {
    let mut hello = vec![22, 3, 1, 0, 80, 2, 0, 0, 76, 3, 1];
    hello.extend([7; 32]);
    hello.extend([2, 9, 9, 0x00, 0x05]);
    assert_eq!(chosen(&hello), Some((0x0301, Some(0x0005))));
    assert_eq!(chosen(&hello[..40]), Some((0x0301, None)));
    assert_eq!(chosen(&hello[..10]), None);
    let version = explain(&Facts { reason: libssl(258), ..facts(&hello) });
    assert_eq!(version.status(), Status::ENoCommonVersion);
    assert_eq!(version.message(), "192.0.2.1:443 chose TLS 1.0; offered were TLS 1.2 and TLS 1.3");
    let suite = explain(&Facts { reason: libssl_says(261, "wrong cipher returned"), ..facts(&hello) });
    assert_eq!(suite.status(), Status::ENoCommonCipher);
    assert!(suite.message().contains("0x0005, which was not offered; offered were A and B"), "{suite}");
}

#[test]
fn an_alert_about_certificates_is_not_about_one_that_was_not_shown() {
    for number in [40, 42, 43, 46, 48, 50, 116] {
        let of = |lacks_certificate| {
            let facts = Facts { reason: libssl(1000 + number), before_hello: false, lacks_certificate, ..facts(&[22, 3]) };
            explain(&facts).hint().to_owned()
        };
        assert!(of(true).contains("hostlock_ctx_add_cert_file"), "{number}: {}", of(true));
        assert!(!of(false).contains("hostlock_ctx_add_cert_file"), "{number}: {}", of(false));
    }
}

#[test]
fn a_server_that_wants_a_name_is_not_said_to_lack_one_that_was_not_asked_for() {
    for number in [112, 40] {
        let of = |nameless| {
            explain(&Facts { reason: libssl(1000 + number), nameless, ..facts(&[21, 3]) }).hint().to_owned()
        };
        assert!(of(true).contains("an address is none"), "{number}: {}", of(true));
        assert!(!of(false).contains("an address is none"), "{number}: {}", of(false));
    }
}

#[test]
fn the_same_alert_means_another_thing_after_the_server_hello() {
    let early = explain(&Facts { reason: libssl(1040), ..facts(&[21, 3]) });
    assert_eq!(early.status(), Status::ENoCommonCipher);
    let late = explain(&Facts { reason: libssl(1040), before_hello: false, ..facts(&[22, 3]) });
    assert_eq!(late.status(), Status::EAlert);
    assert!(late.message().contains("handshake_failure"), "{late}");
    let unknown = explain(&Facts { reason: libssl(1255), ..facts(&[21, 3]) });
    assert!(unknown.message().contains("255"), "{unknown}");
}

#[test]
fn a_signature_of_a_clients_certificate_is_not_taken_for_the_servers_own() {
    let said = |has_shown_certificate| {
        let reason = libssl_says(370, "wrong signature type");
        let facts = Facts { role: Role::Server, before_hello: false, reason, has_shown_certificate, ..facts(&[22, 3]) };
        explain(&facts)
    };
    assert_eq!(said(false).status(), Status::ENoCommonCipher);
    assert_eq!(said(true).status(), Status::EProtocol);
    assert!(said(true).message().contains("broke the TLS protocol during the handshake: wrong signature"));
}

#[test]
fn a_hang_up_after_a_hello_is_not_before_the_peer_said_anything() {
    for role in [Role::Client, Role::Server] {
        // Over a BIO that is not ours the bytes are not known.
        let cut = |heard, before_hello| {
            explain(&Facts { role, ended: true, heard, before_hello, ..facts(&[]) }).message().to_owned()
        };
        assert!(cut(false, true).ends_with("before it said anything"));
        assert!(cut(true, true).ends_with("before its hello was complete"));
        assert!(cut(true, false).ends_with("in the middle of the handshake"));
    }
}

#[test]
fn a_cut_is_told_from_an_error_of_the_system() {
    let read = Facts { phase: Phase::Read, before_hello: false, ..facts(&[22, 3]) };
    assert_eq!(explain(&Facts { ended: true, ..read.clone() }).status(), Status::ETruncated);
    let reset = explain(&Facts { errno: Some(libc::ECONNRESET), ..read.clone() });
    assert_eq!(reset.status(), Status::ETruncated);
    assert!(reset.message().contains("reset by 192.0.2.1:443 while reading"), "{reset}");
    let other = explain(&Facts { errno: Some(libc::ENETDOWN), ..read.clone() });
    assert_eq!(other.status(), Status::EIo);
    assert!(other.message().ends_with("while reading: network is down"), "{other}");
    assert_eq!(explain(&read).status(), Status::EState);
}
