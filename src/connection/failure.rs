//! What went wrong on a connection, from facts to words. The functions here are pure: they look at nothing but what
//! they are given, and what the peer sent appears in a message only in escaped form.

use std::ffi::c_int;
use std::io;

use crate::connection::alert;
use crate::error::{Error, Status};
use crate::os::words;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making the connection.
    Handshake,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Saying goodbye.
    Shutdown,
}

impl Phase {
    /// When it was, in words.
    pub fn words(self) -> &'static str {
        match self {
            Phase::Handshake => "during the handshake",
            Phase::Read => "while reading",
            Phase::Write => "while writing",
            Phase::Shutdown => "while saying goodbye",
        }
    }
}

/// An entry of OpenSSL's error queue.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Whether libssl itself raised it.
    pub from_libssl: bool,
    /// The number of the reason.
    pub code: c_int,
    /// OpenSSL's words.
    pub text: String,
}

/// What a client offered in its hello.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The versions, as OpenSSL numbers them.
    pub versions: Vec<c_int>,
    /// The cipher suites, by OpenSSL's names.
    pub suites: Vec<String>,
}

/// All that is known of a failure.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What was being done.
    pub phase: Phase,
    /// The peer's address, for the words.
    pub peer: &'a str,
    /// What libssl said.
    pub reason: Option<Reason>,
    /// What the operating system said.
    pub errno: Option<c_int>,
    /// Whether the peer's side is at its end.
    pub ended: bool,
    /// The first bytes that the peer sent on this connection.
    pub head: &'a [u8],
    /// Whether it failed before the peer chose anything.
    pub before_server_hello: bool,
    /// What was offered.
    pub offer: Offer,
    /// Whether this side has a certificate to show.
    pub has_certificate: bool,
}

/// The error for `facts`.
pub fn explain(facts: &Facts<'_>) -> Error {
    if facts.phase == Phase::Handshake && facts.before_server_hello && !begins_like_tls(facts.head) {
        return not_tls(facts);
    }
    if let Some(reason) = facts.reason.as_ref().filter(|reason| reason.from_libssl)
        && let Some(error) = from_libssl(facts, reason)
    {
        return error;
    }
    match facts.errno {
        Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED) => return cut(facts, "reset"),
        Some(errno) => {
            let why = words::of(&io::Error::from_raw_os_error(errno));
            return Error::new(Status::EIo, format!("{} {}: {why}", facts.peer, facts.phase.words()));
        }
        None => {}
    }
    if facts.ended {
        return cut(facts, "closed");
    }
    match &facts.reason {
        Some(reason) => Error::new(
            Status::EProtocol,
            format!("{} broke the TLS protocol {}: {}", facts.peer, facts.phase.words(), reason.text),
        ),
        None => failed_earlier(),
    }
}

/// The error for a limit of time.
///
/// `hello` is how many bytes were sent to a peer that has not said anything, 0 where it has.
pub fn timed_out(phase: Phase, peer: &str, allowed_ms: u32, hello: usize) -> Error {
    let error =
        Error::new(Status::ETimeout, format!("{peer} kept us waiting {}: {allowed_ms} ms are over", phase.words()));
    if hello > ONE_PACKET {
        return error.with_hint(format!(
            "nothing came back for a hello of {hello} bytes, which takes two packets on many networks, and some \
             middleboxes and old servers drop those; SSL_CTX_set1_groups_list(ctx, \"X25519:P-256\") makes it fit one, \
             without the key share of ML-KEM"
        ));
    }
    error.with_hint("the peer may be overloaded or not speak TLS; hostlock_ctx_set_timeout allows more time")
}

/// What fits into one packet of every network that carries IPv6 without loss: 1,280 bytes less the headers of IP and TCP.
const ONE_PACKET: usize = 1220;

/// The error for a connection that libssl had given up before, for a reason that is not known any more.
pub fn failed_earlier() -> Error {
    Error::new(Status::EState, "this connection failed earlier and cannot be used any more")
        .with_hint("make a new connection")
}

/// The error for a limit of bytes.
pub fn flooded(peer: &str, what: &str) -> Error {
    Error::new(Status::EFlood, format!("{peer} sent {what}, and was cut off"))
        .with_hint("no honest server does this; the connection may be under attack")
}

const UNEXPECTED_EOF_WHILE_READING: c_int = 294;
const UNSUPPORTED_PROTOCOL: c_int = 258;
const WRONG_SSL_VERSION: c_int = 266;
const WRONG_VERSION_NUMBER: c_int = 267;
const NO_PROTOCOLS_AVAILABLE: c_int = 191;
const NO_CIPHERS_AVAILABLE: c_int = 181;
const UNKNOWN_CIPHER_RETURNED: c_int = 248;
const WRONG_CIPHER_RETURNED: c_int = 261;
const DH_KEY_TOO_SMALL: c_int = 394;
const WRONG_CURVE: c_int = 378;
const WRONG_SIGNATURE_TYPE: c_int = 370;
const UNSUPPORTED_ELLIPTIC_CURVE: c_int = 315;
const INAPPROPRIATE_FALLBACK: c_int = 373;
const PROTOCOL_IS_SHUTDOWN: c_int = 207;
const BAD_WRITE_RETRY: c_int = 127;
const CERTIFICATE_VERIFY_FAILED: c_int = 134;

fn from_libssl(facts: &Facts<'_>, reason: &Reason) -> Option<Error> {
    let peer = facts.peer;
    if let Some(description) = reason.code.checked_sub(1000).and_then(|number| u8::try_from(number).ok()) {
        return Some(alerted(facts, description));
    }
    Some(match reason.code {
        UNEXPECTED_EOF_WHILE_READING => cut(facts, "closed"),
        UNSUPPORTED_PROTOCOL | WRONG_SSL_VERSION | WRONG_VERSION_NUMBER if facts.phase == Phase::Handshake => {
            let chosen = match chosen(facts.head) {
                Some((version, _)) => format!("{peer} chose {}", version_name(version.into())),
                None => format!("{peer} answered in another version of TLS"),
            };
            no_common_version(facts, &chosen)
        }
        NO_PROTOCOLS_AVAILABLE => no_common_version(facts, "no version is left to offer"),
        NO_CIPHERS_AVAILABLE => no_common_cipher(facts, "no cipher suite is left to offer"),
        UNKNOWN_CIPHER_RETURNED | WRONG_CIPHER_RETURNED => {
            let chosen = match chosen(facts.head) {
                Some((_, Some(suite))) => format!("{peer} chose the cipher suite {suite:#06x}, which was not offered"),
                _ => format!("{peer} chose a cipher suite that was not offered"),
            };
            no_common_cipher(facts, &chosen)
        }
        DH_KEY_TOO_SMALL | WRONG_CURVE | WRONG_SIGNATURE_TYPE | UNSUPPORTED_ELLIPTIC_CURVE => {
            no_common_cipher(facts, &format!("what {peer} chose is not permitted ({})", reason.text))
        }
        INAPPROPRIATE_FALLBACK => Error::new(
            Status::EProtocol,
            format!("the answer of {peer} bears the mark of a downgrade: somebody in between lowered the version"),
        )
        .with_hint("RFC 8446 4.1.3: look for a middlebox or an attacker on the way"),
        PROTOCOL_IS_SHUTDOWN => closed(),
        BAD_WRITE_RETRY => Error::new(
            Status::EState,
            "the write before this one is still under way, and this one has less or other data",
        )
        .with_hint("after HOSTLOCK_WANT_WRITE, WANT_READ or a timeout, write the same data again"),
        CERTIFICATE_VERIFY_FAILED => Error::new(
            Status::EUnverified,
            format!("the certificate of {peer} was refused by a verification that is not hostlock's"),
        ),
        _ => return None,
    })
}

/// The error for writing after the goodbye.
pub fn closed() -> Error {
    Error::new(Status::EClosed, "the connection was closed with hostlock_shutdown, so no more can be written")
}

fn alerted(facts: &Facts<'_>, description: u8) -> Error {
    let name = alert::name(description);
    if facts.phase == Phase::Handshake && facts.before_server_hello {
        match description {
            alert::PROTOCOL_VERSION => {
                return no_common_version(facts, &format!("{} refused every version (alert {name})", facts.peer));
            }
            alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY => {
                return no_common_cipher(
                    facts,
                    &format!("{} found nothing to its liking in what was offered (alert {name})", facts.peer),
                );
            }
            _ => {}
        }
    }
    let error = Error::new(Status::EAlert, format!("{} sent the alert {name} {}", facts.peer, facts.phase.words()));
    error.with_hint(alert::meaning(description))
}

fn no_common_version(facts: &Facts<'_>, what: &str) -> Error {
    let versions: Vec<String> = facts.offer.versions.iter().map(|version| version_name(*version)).collect();
    Error::new(Status::ENoCommonVersion, format!("{what}; offered were {}", all(&versions)))
        .with_hint("the server must be brought to TLS 1.2 or newer: older versions are broken and never offered")
}

fn no_common_cipher(facts: &Facts<'_>, what: &str) -> Error {
    Error::new(Status::ENoCommonCipher, format!("{what}; offered were {}", all(&facts.offer.suites))).with_hint(
        "the server must permit a cipher suite with forward secrecy and AEAD (ECDHE with AES-GCM or ChaCha20), \
         a group and a signature algorithm of today",
    )
}

fn cut(facts: &Facts<'_>, how: &str) -> Error {
    let peer = facts.peer;
    match facts.phase {
        Phase::Handshake if facts.head.is_empty() => Error::new(
            Status::ETruncated,
            format!("the connection was {how} by {peer} during the handshake, before it said anything"),
        )
        .with_hint("does this port speak TLS? Some servers hang up where they know only old versions or another host"),
        Phase::Handshake => {
            Error::new(Status::ETruncated, format!("the connection was {how} by {peer} in the middle of the handshake"))
        }
        phase => Error::new(
            Status::ETruncated,
            format!("the connection was {how} by {peer} {} without TLS's close_notify", phase.words()),
        )
        .with_hint("what was read so far may be incomplete: do not use it unless its own format says where it ends"),
    }
}

/// Whether `head` can be the beginning of a TLS record (RFC 8446 5.1).
pub fn begins_like_tls(head: &[u8]) -> bool {
    matches!(head, [] | [20..=24] | [20..=24, 3, ..])
}

fn not_tls(facts: &Facts<'_>) -> Error {
    let head = facts.head;
    let shown = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = shown[..shown.len().min(60)].trim_ascii_end().escape_ascii();
    let peer = facts.peer;
    let plain = |protocol: &str| {
        Error::new(
            Status::EPlaintext,
            format!("{peer} speaks {protocol} and not TLS on this port: it answered \"{shown}\""),
        )
    };
    let starts = |prefix: &[u8]| head.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts(b"HTTP/") || starts(b"<html") || starts(b"<!doctype") {
        plain("plain HTTP").with_hint("use the port of HTTPS, usually 443")
    } else if starts(b"SSH-") {
        plain("SSH").with_hint("this is the port of an SSH server")
    } else if starts(b"220 ") || starts(b"220-") {
        plain("SMTP or FTP")
            .with_hint("use the port where TLS begins at once (465 for SMTP, 990 for FTP), or STARTTLS first")
    } else if starts(b"+OK") {
        plain("POP3").with_hint("use the port where TLS begins at once (995), or STLS first")
    } else if starts(b"* OK") || starts(b"* PREAUTH") {
        plain("IMAP").with_hint("use the port where TLS begins at once (993), or STARTTLS first")
    } else if head.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~')) {
        plain("plain text").with_hint("this port does not speak TLS, or not before a command such as STARTTLS")
    } else {
        let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Error::new(Status::EProtocol, format!("{peer} does not speak TLS: its answer begins with {}", bytes.join(" ")))
            .with_hint("check the port")
    }
}

/// The version and the suite of the server hello that `head` begins with (RFC 5246 7.4.1.3).
fn chosen(head: &[u8]) -> Option<(u16, Option<u16>)> {
    let [22, 3, _, _, _, 2, _, _, _, major, minor, rest @ ..] = head else { return None };
    let suite = (|| {
        let session_id = usize::from(*rest.get(32)?);
        Some(u16::from_be_bytes([*rest.get(33 + session_id)?, *rest.get(34 + session_id)?]))
    })();
    Some((u16::from_be_bytes([*major, *minor]), suite))
}

fn version_name(version: c_int) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        other => format!("the unknown version {other:#06x}"),
    }
}

fn all(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(head: &[u8]) -> Facts<'_> {
        Facts {
            phase: Phase::Handshake,
            peer: "192.0.2.1:443",
            reason: None,
            errno: None,
            ended: false,
            head,
            before_server_hello: true,
            offer: Offer { versions: vec![0x0303, 0x0304], suites: vec!["A".to_owned(), "B".to_owned()] },
            has_certificate: false,
        }
    }

    fn libssl(code: c_int) -> Option<Reason> {
        Some(Reason { from_libssl: true, code, text: "words of libssl".to_owned() })
    }

    #[test]
    fn silence_after_a_hello_of_two_packets_is_explained_and_no_other() {
        let hint = |phase, hello| timed_out(phase, "192.0.2.1:443", 300, hello).hint().to_owned();
        let large = hint(Phase::Handshake, 1475);
        assert!(large.contains("a hello of 1475 bytes") && large.contains("SSL_CTX_set1_groups_list"), "{large}");
        for hello in [0, 320, ONE_PACKET] {
            assert!(hint(Phase::Handshake, hello).contains("hostlock_ctx_set_timeout"));
        }
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
            (b"\x05\x00\x1b[31m", Status::EProtocol, "begins with 05 00 1b 5b"),
        ];
        for (head, status, words) in cases {
            let error = explain(&Facts { reason: libssl(WRONG_VERSION_NUMBER), ..facts(head) });
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
        let version = explain(&Facts { reason: libssl(UNSUPPORTED_PROTOCOL), ..facts(&hello) });
        assert_eq!(version.status(), Status::ENoCommonVersion);
        assert_eq!(version.message(), "192.0.2.1:443 chose TLS 1.0; offered were TLS 1.2 and TLS 1.3");
        let suite = explain(&Facts { reason: libssl(WRONG_CIPHER_RETURNED), ..facts(&hello) });
        assert_eq!(suite.status(), Status::ENoCommonCipher);
        assert!(suite.message().contains("0x0005, which was not offered; offered were A and B"), "{suite}");
    }

    #[test]
    fn the_same_alert_means_another_thing_after_the_server_hello() {
        let early = explain(&Facts { reason: libssl(1040), ..facts(&[21, 3]) });
        assert_eq!(early.status(), Status::ENoCommonCipher);
        let late = explain(&Facts { reason: libssl(1040), before_server_hello: false, ..facts(&[22, 3]) });
        assert_eq!(late.status(), Status::EAlert);
        assert!(late.message().contains("handshake_failure"), "{late}");
        let unknown = explain(&Facts { reason: libssl(1255), ..facts(&[21, 3]) });
        assert!(unknown.message().contains("255"), "{unknown}");
    }

    #[test]
    fn a_cut_is_told_from_an_error_of_the_system() {
        let read = Facts { phase: Phase::Read, before_server_hello: false, ..facts(&[22, 3]) };
        assert_eq!(explain(&Facts { ended: true, ..read.clone() }).status(), Status::ETruncated);
        let reset = explain(&Facts { errno: Some(libc::ECONNRESET), ..read.clone() });
        assert_eq!(reset.status(), Status::ETruncated);
        assert!(reset.message().contains("reset by 192.0.2.1:443 while reading"), "{reset}");
        let other = explain(&Facts { errno: Some(libc::ENETDOWN), ..read.clone() });
        assert_eq!(other.status(), Status::EIo);
        assert!(other.message().ends_with("while reading: network is down"), "{other}");
        assert_eq!(explain(&read).status(), Status::EState);
    }
}
