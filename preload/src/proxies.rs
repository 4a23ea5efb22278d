//! The host that a program names to a proxy, in the bytes that it sends before TLS: HTTP's CONNECT (RFC 9110 section 9.3.6),
//! SOCKS 5 (RFC 1928) and SOCKS 4a. It must never take a target for none: then the proxy's own name would count. What names
//! an address, what is cut in two, and a request that asks the proxy itself to fetch a page, make the target unknown.

use std::net::IpAddr;

use crate::names::LONGEST;

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Nothing was sent.
    Fresh,
    /// A greeting of SOCKS 5 was, and the request is to come: what TLS there is until then leads nobody knows where.
    Socks5,
    /// Text, or whatever it is.
    Text,
}

impl Stage {
    /// As it is kept elsewhere.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The stage of that number.
    pub const fn of_number(number: u8) -> Stage {
        match number {
            0 => Stage::Fresh,
            1 => Stage::Socks5,
            _ => Stage::Text,
        }
    }
}

/// What some bytes say of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Nothing.
    Nothing,
    /// It is this host.
    Host(&'a [u8]),
    /// There is one, and it is not known.
    Unknown,
}

impl<'a> Said<'a> {
    /// The later word counts; but what is unknown stays so.
    fn then(self, later: Said<'a>) -> Said<'a> {
        match (self, later) {
            (Said::Unknown, _) | (_, Said::Unknown) => Said::Unknown,
            (_, Said::Host(host)) => Said::Host(host),
            (earlier, Said::Nothing) => earlier,
        }
    }
}

/// Reads bytes that one call sends: the stage after them, and what they say.
pub fn read(stage: Stage, bytes: &[u8]) -> (Stage, Said<'_>) {
    let Some(first) = bytes.first() else { return (stage, Said::Nothing) };
    match (stage, first) {
        (Stage::Fresh, 5) => match socks5_greeting(bytes) {
            Some(rest) => read(Stage::Socks5, rest),
            None => (Stage::Text, Said::Unknown),
        },
        (Stage::Fresh, 4) => followed_by_text(socks4(bytes)),
        (Stage::Socks5, 1) => match socks5_password(bytes) {
            Some(rest) => read(Stage::Socks5, rest),
            None => (Stage::Text, Said::Unknown),
        },
        (Stage::Socks5, _) => followed_by_text(socks5_request(bytes)),
        (Stage::Fresh | Stage::Text, _) => (Stage::Text, text(bytes)),
    }
}

fn followed_by_text<'a>(request: Option<(Said<'a>, &'a [u8])>) -> (Stage, Said<'a>) {
    match request {
        Some((said, rest)) => (Stage::Text, said.then(text(rest))),
        None => (Stage::Text, Said::Unknown),
    }
}

/// What follows on the versions and methods.
fn socks5_greeting(bytes: &[u8]) -> Option<&[u8]> {
    let (methods, rest) = counted(bytes.get(1..)?)?;
    (!methods.is_empty()).then_some(rest)
}

/// What follows on name and password (RFC 1929).
fn socks5_password(bytes: &[u8]) -> Option<&[u8]> {
    let (_, rest) = counted(bytes.get(1..)?)?;
    let (_, rest) = counted(rest)?;
    Some(rest)
}

fn socks5_request(bytes: &[u8]) -> Option<(Said<'_>, &[u8])> {
    let name = bytes.strip_prefix(&[5, 1, 0, 3])?;
    let (host, rest) = counted(name)?;
    Some((target(host), rest.get(2..)?))
}

fn socks4(bytes: &[u8]) -> Option<(Said<'_>, &[u8])> {
    let rest = bytes.strip_prefix(&[4, 1])?;
    // A name follows where the address is 0.0.0.x.
    let [0, 0, 0, last] = rest.get(2..6)? else { return None };
    if *last == 0 {
        return None;
    }
    let (_, rest) = ended(rest.get(6..)?)?;
    let (host, rest) = ended(rest)?;
    Some((target(host), rest))
}

/// As many bytes as the first says, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked((*length).into())
}

/// The bytes before a NUL, and what follows on it.
fn ended(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> Said<'_> {
    bytes.split_inclusive(|byte| *byte == b'\n').fold(Said::Nothing, |said, line| said.then(read_line(line)))
}

const CONNECT: &[u8] = b"CONNECT ";

fn read_line(line: &[u8]) -> Said<'_> {
    if line.get(..CONNECT.len()).is_some_and(|start| start.eq_ignore_ascii_case(CONNECT)) {
        return request_target(line).map_or(Said::Unknown, authority);
    }
    let is_cut = line.len() < CONNECT.len() && CONNECT[..line.len()].eq_ignore_ascii_case(line);
    if is_cut || is_absolute_form(line) || line.windows(CONNECT.len()).any(|part| part == CONNECT) {
        return Said::Unknown;
    }
    Said::Nothing
}

/// What is asked for, in a line that is whole.
fn request_target(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(CONNECT)?.strip_suffix(b"\n")?;
    let end = rest.iter().position(|byte| *byte == b' ')?;
    rest[end..].starts_with(b" HTTP/").then_some(&rest[..end])
}

/// The host of HOST:PORT.
fn authority(text: &[u8]) -> Said<'_> {
    let host = match text.iter().rposition(|byte| *byte == b':') {
        Some(colon) if text[colon + 1..].iter().all(u8::is_ascii_digit) => &text[..colon],
        Some(_) => return Said::Unknown,
        None => text,
    };
    target(host)
}

/// An address does not count as a host: a spoofed answer to the program's resolver may have brought it.
fn target(host: &[u8]) -> Said<'_> {
    let is_plain = host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte));
    let is_address = || std::str::from_utf8(host).is_ok_and(|host| host.parse::<IpAddr>().is_ok());
    let is_host = !host.is_empty() && host.len() <= LONGEST && is_plain && !is_address();
    if is_host { Said::Host(host) } else { Said::Unknown }
}

/// Whether it is a request such as "GET http://host/ HTTP/1.1" (RFC 9112 section 3.2.2).
fn is_absolute_form(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return false };
    let is_method =
        !method.is_empty() && method.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    let scheme = target.windows(3).position(|part| part == b"://");
    is_method && scheme.is_some_and(|end| target[..end].iter().all(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Said<'static> = Said::Host(b"h.example");

    fn all<'a>(writes: &[&'a [u8]]) -> (Stage, Said<'a>) {
        writes.iter().fold((Stage::Fresh, Said::Nothing), |(stage, said), bytes| {
            let (stage, later) = read(stage, bytes);
            (stage, said.then(later))
        })
    }

    #[test]
    fn a_connect_names_the_host() {
        let cases: &[(&[&[u8]], Said<'_>)] = &[
            (&[b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n"], HOST),
            (&[b"CONNECT h.example HTTP/1.0\r\n\r\n"], HOST),
            (&[b"CONNECT h.example:443 HTTP/1.0\r\n", b"User-Agent: x\r\n", b"\r\n"], HOST),
            // The last one counts.
            (&[b"CONNECT a.example:443 HTTP/1.1\r\n\r\nCONNECT h.example:443 HTTP/1.1\r\n\r\n"], HOST),
            (&[b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", b"CONNECT h.example:443 HTTP/1.1\r\n\r\n"], HOST),
            (&[b"POST / HTTP/1.1\r\n\r\nbody", b"CONNECT h.example:443 HTTP/1.1\r\n\r\n"], HOST),
            // What is not sure is unknown.
            (&[b"CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT [2001:db8::7]:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT user@h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT :443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"connect h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT h.example:443"], Said::Unknown),
            (&[b"CONNECT h.example:443\r\n"], Said::Unknown),
            (&[b"CON", b"NECT h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT ", b"h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"X: CONNECT h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"CONNECT h.example:443 HTTP/1.1\r\nX: CONNECT evil.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"GET http://h.example/ HTTP/1.1\r\n\r\n"], Said::Unknown),
            (&[b"GET http://h.example/ HTTP/1.1\r\n\r\n", b"CONNECT h.example:443 HTTP/1.1\r\n\r\n"], Said::Unknown),
        ];
        for (writes, said) in cases {
            assert_eq!(all(writes).1, *said, "{writes:?}");
        }
    }

    #[test]
    fn socks_names_the_host_or_hides_it() {
        let cases: &[(&[&[u8]], Said<'_>)] = &[
            (&[b"\x05\x01\x00", b"\x05\x01\x00\x03\x09h.example\x01\xbb"], HOST),
            (&[b"\x05\x02\x00\x02", b"\x01\x01u\x01p", b"\x05\x01\x00\x03\x09h.example\x01\xbb"], HOST),
            (&[b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbb"], HOST),
            // By way of one proxy to another.
            (&[b"\x05\x01\x00", b"\x05\x01\x00\x03\x05p.net\x01\xbb", b"CONNECT h.example:443 HTTP/1.1\r\n\r\n"], HOST),
            (&[b"\x05\x01\x00", b"\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"], Said::Unknown),
            (&[b"\x05\x01\x00", b"\x05\x01\x00\x03\x09192.0.2.7\x01\xbb"], Said::Unknown),
            (&[b"\x05\x01\x00", b"\x05\x01\x00\x03\x09h.exa"], Said::Unknown),
            (&[b"\x05\x01\x00", b"\x05\x01\x00", b"\x03\x09h.example\x01\xbb"], Said::Unknown),
            (&[b"\x05"], Said::Unknown),
            (&[b"\x04\x01\x01\xbb\x00\x00\x00\x01user\x00h.example\x00"], HOST),
            (&[b"\x04\x01\x01\xbb\xc0\x00\x02\x07user\x00"], Said::Unknown),
            (&[b"\x04\x01\x01\xbb\x00\x00\x00\x01user\x00h.exam"], Said::Unknown),
            (&[b"\x04\x01"], Said::Unknown),
        ];
        for (writes, said) in cases {
            assert_eq!(all(writes).1, *said, "{writes:?}");
        }
        assert_eq!(all(&[b"\x05\x01\x00"]), (Stage::Socks5, Said::Nothing), "the request is to come");
    }

    #[test]
    fn other_protocols_say_nothing_of_a_proxy() {
        let cases: &[&[&[u8]]] = &[
            &[b"EHLO me.example\r\n", b"STARTTLS\r\n"],
            &[b"a1 STARTTLS\r\n"],
            &[b"\x00\x00\x00\x08\x04\xd2\x16\x2f"],
            &[b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='h'>"],
            &[b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"],
            &[b"GET / HTTP/1.1\r\nReferer: http://h.example/\r\nUpgrade: TLS/1.0\r\n\r\n"],
            &[b"\x20\x00\x00\x01\x8d\xae\xff\x19"],
            &[b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"],
        ];
        for writes in cases {
            assert_eq!(all(writes).1, Said::Nothing, "{writes:?}");
        }
    }

    #[test]
    fn nothing_panics_on_any_beginning_of_a_message() {
        let whole: &[&[u8]] = &[
            b"\x05\x02\x00\x02\x01\x01u\x01p\x05\x01\x00\x03\x09h.example\x01\xbb",
            b"\x04\x01\x01\xbb\x00\x00\x00\x01user\x00h.example\x00",
            b"CONNECT h.example:443 HTTP/1.1\r\n\r\n",
        ];
        for message in whole {
            for end in 0..message.len() {
                for stage in [Stage::Fresh, Stage::Socks5, Stage::Text] {
                    let _ = read(stage, &message[..end]);
                    let _ = read(stage, &message[end..]);
                }
            }
        }
    }
}
