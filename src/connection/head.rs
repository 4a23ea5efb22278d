//! What the first bytes of a peer say: whether they are TLS, what else they are, and what a hello offers or chooses.

use crate::error::{Error, Status};
use crate::role::Role;

/// Whether `head`, the first bytes that `role` got, can be the beginning of a hello or an alert (RFC 8446 5.1).
pub fn begins_like_tls(role: Role, head: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const ALERT: u8 = 21;
    let is_record = match head {
        [] => true,
        [HANDSHAKE | ALERT, rest @ ..] => match rest {
            [] | [3] => true,
            // RFC 5246 6.2.3: at most 2^14 + 2048 bytes.
            [3, 0..=4, rest @ ..] => rest.first().is_none_or(|high| *high <= 0x48),
            _ => false,
        },
        _ => false,
    };
    is_record || role == Role::Server && is_old_hello(head)
}

/// Whether it is a hello in the form of SSL 2.0 (RFC 5246 E.2).
pub fn is_old_hello(head: &[u8]) -> bool {
    matches!(head, [0x80..=0xff, _, 1, ..])
}

/// Whether it is a record of a connection whose handshake is over: nobody begins with one.
fn is_encrypted_record(head: &[u8]) -> bool {
    const APPLICATION_DATA: u8 = 23;
    matches!(head, [APPLICATION_DATA, 3, 1..=4, length @ ..] if length.first().is_none_or(|high| *high <= 0x48))
}

/// The error for a peer that does not begin to speak TLS.
pub fn not_tls(role: Role, peer: &str, head: &[u8]) -> Error {
    let shown = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = shown[..shown.len().min(60)].trim_ascii_end().escape_ascii();
    let plain = |protocol: &str| {
        let what = match role {
            Role::Client => format!("speaks {protocol} and not TLS on this port: it answered"),
            Role::Server => format!("speaks {protocol} and not TLS to this port: it began with"),
        };
        Error::new(Status::EPlaintext, format!("{peer} {what} \"{shown}\""))
    };
    let starts = |prefix: &[u8]| head.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_text = head.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'));
    match role {
        _ if is_encrypted_record(head) => {
            let (what, hint) = match role {
                Role::Client => (
                    "its answer",
                    "TLS begins once on a connection: pass a socket on which it has not begun, and not one that another \
                     TLS library wraps",
                ),
                Role::Server => (
                    "it",
                    "the client believes that TLS has begun already: perhaps something else made its handshake on this socket",
                ),
            };
            let message = format!("{peer} is in the middle of TLS already: {what} begins with an encrypted record, {}", hex(head));
            Error::new(Status::EProtocol, message).with_hint(hint)
        }
        Role::Server if is_http_request(head) => plain("plain HTTP").with_hint("the client must use the https:// form of the address"),
        Role::Server if starts(b"SSH-") => plain("SSH").with_hint("this is not the port of an SSH server"),
        Role::Server if starts(b"PROXY ") || starts(b"\r\n\r\n\0\r\nQUIT\n") => {
            let what = "tells first, in the PROXY protocol of balancers, for whom it comes";
            Error::new(Status::EPlaintext, format!("{peer} {what}: it began with {}", hex(head))).with_hint(
                "read that from the descriptor before hostlock_accept_fd takes it, or have the balancer leave it out",
            )
        }
        Role::Server if is_text => plain("plain text")
            .with_hint("the client must begin with TLS on this port, and not with a command such as STARTTLS before it"),
        Role::Client if starts(b"HTTP/") || starts(b"<html") || starts(b"<!doctype") => {
            plain("plain HTTP").with_hint("use the port of HTTPS, usually 443")
        }
        Role::Client if starts(b"SSH-") => plain("SSH").with_hint("this is the port of an SSH server"),
        Role::Client if starts(b"220 ") || starts(b"220-") => plain("SMTP or FTP")
            .with_hint("use the port where TLS begins at once (465 for SMTP, 990 for FTP), or STARTTLS first"),
        Role::Client if starts(b"+OK") => {
            plain("POP3").with_hint("use the port where TLS begins at once (995), or STLS first")
        }
        Role::Client if starts(b"* OK") || starts(b"* PREAUTH") => {
            plain("IMAP").with_hint("use the port where TLS begins at once (993), or STARTTLS first")
        }
        Role::Client if is_text => {
            plain("plain text").with_hint("this port does not speak TLS, or not before a command such as STARTTLS")
        }
        _ => {
            let what = if role == Role::Client { "its answer begins with" } else { "it began with" };
            Error::new(Status::EPlaintext, format!("{peer} does not speak TLS: {what} {}", hex(head))).with_hint(
                match role {
                    Role::Client => "check the port, and whether something in between answers in place of the server",
                    Role::Server => "something else than a TLS client connects to this port",
                },
            )
        }
    }
}

/// The first of the bytes.
pub fn hex(head: &[u8]) -> String {
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// Whether a request begins so (RFC 9112 3): a method, a blank and a target.
fn is_http_request(head: &[u8]) -> bool {
    const METHODS: [&[u8]; 10] =
        [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI"];
    let method = head.split(|byte| *byte == b' ').next().unwrap_or_default();
    method.len() < head.len() && METHODS.contains(&method)
}

/// The version and the suite of the server hello that `head` begins with (RFC 5246 7.4.1.3).
pub fn chosen(head: &[u8]) -> Option<(u16, Option<u16>)> {
    let [22, 3, _, _, _, 2, _, _, _, major, minor, rest @ ..] = head else { return None };
    let suite = (|| {
        let session_id = usize::from(*rest.get(32)?);
        Some(u16::from_be_bytes([*rest.get(33 + session_id)?, *rest.get(34 + session_id)?]))
    })();
    Some((u16::from_be_bytes([*major, *minor]), suite))
}

/// The newest version up to TLS 1.2 in the client hello that `head` begins with; TLS 1.3 stands elsewhere in it
/// (RFC 8446 4.1.2).
pub fn offered(head: &[u8]) -> Option<u16> {
    match head {
        [22, 3, _, _, _, 1, _, _, _, major, minor, ..] => Some(u16::from_be_bytes([*major, *minor])),
        [0x80..=0xff, _, 1, major, minor, ..] => Some(u16::from_be_bytes([*major, *minor])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_tls_are_told_from_others() {
        for (head, by_server, by_client) in [
            (&[][..], true, true),
            (&[22], true, true),
            (&[22, 3, 3, 0, 80], true, true),
            (&[21, 3, 1, 0, 2, 2, 40], true, true),
            (&[22, 3, 5], false, false),
            (&[22, 0x9e], false, false),
            (&[23, 3, 3, 0, 80], false, false),
            (&[22, 3, 3, 0xff], false, false),
            (&[0x80, 0x2e, 1, 0, 2], false, true),
            (b"GET / ", false, false),
        ] {
            assert_eq!(begins_like_tls(Role::Client, head), by_server, "{head:x?}");
            assert_eq!(begins_like_tls(Role::Server, head), by_client, "{head:x?}");
        }
    }

    #[test]
    fn a_request_is_told_from_other_text() {
        for (head, is_request) in
            [(&b"GET / HTTP/1.1"[..], true), (b"PRI * HTTP/2.0", true), (b"GET", false), (b"GETTING x", false), (b"", false)]
        {
            assert_eq!(is_http_request(head), is_request);
        }
    }
}
