//! What TLS looks like on the wire (RFC 8446 section 5.1), as far as it must be told from text in the clear.

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
const HEADER: usize = 5;

/// The longest record in which an alert can be, when TLS 1.3 encrypts it: its two bytes, the type, and the tag.
const ENCRYPTED_ALERT: usize = 64;

/// The random of a client's hello that begins here: behind the headers of record and message, and a version.
pub fn client_random(bytes: &[u8]) -> Option<[u8; 32]> {
    let [HANDSHAKE, 3, _, _, _, CLIENT_HELLO, _, _, _, 3, _, rest @ ..] = bytes else { return None };
    rest.first_chunk().copied()
}

/// Whether there is nothing but alerts, and what goes before one.
pub fn are_alerts(mut bytes: &[u8]) -> bool {
    while let [kind, 3, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let is_one = match *kind {
            ALERT => length <= ENCRYPTED_ALERT,
            CHANGE_CIPHER_SPEC => length == 1,
            APPLICATION_DATA => length <= ENCRYPTED_ALERT - HEADER,
            _ => false,
        };
        let Some((_, after)) = rest.split_at_checked(length).filter(|_| is_one) else { return false };
        bytes = after;
    }
    bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_known_by_its_random() {
        let mut hello = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
        hello.extend(1..=32);
        assert_eq!(client_random(&hello).unwrap()[31], 32);
        assert_eq!(client_random(&hello[..42]), None);
        hello[5] = 2;
        assert_eq!(client_random(&hello), None, "a server's");
        assert_eq!(client_random(b"EHLO me.example, and a text that is long enough\r\n"), None);
    }

    #[test]
    fn alerts_are_told_from_everything_else() {
        let cases: &[(&[u8], bool)] = &[
            (b"", true),
            (b"\x15\x03\x03\x00\x02\x02\x2a", true),
            (b"\x14\x03\x03\x00\x01\x01\x15\x03\x03\x00\x02\x02\x2a", true),
            (b"\x17\x03\x03\x00\x13encrypted alert 123", true),
            (b"\x15\x03\x03\x00\x02\x02\x2aQUIT\r\n", false),
            (b"\x15\x03\x03\x00\x02\x02", false),
            (b"\x16\x03\x01\x00\x01\x01", false),
            (b"QUIT\r\n", false),
            (b"\x17\x03\x03\x01\x00", false),
        ];
        for (bytes, alerts) in cases {
            assert_eq!(are_alerts(bytes), *alerts, "{bytes:?}");
        }
    }
}
