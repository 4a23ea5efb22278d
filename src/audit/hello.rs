//! Reads a ClientHello (RFC 8446 section 4.1.2): what a client really offers. The bytes come from libssl, but they are
//! read as if a stranger had sent them.

/// What a ClientHello offers, as the numbers of the IANA registries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The version of the hello itself, which TLS 1.3 keeps at TLS 1.2.
    pub legacy_version: u16,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// Compression methods; 0 is none.
    pub compressions: Vec<u8>,
    /// The kinds of the extensions.
    pub extensions: Vec<u16>,
    /// The versions of the extension supported_versions; empty where it is not there.
    pub versions: Vec<u16>,
    /// Key exchange groups.
    pub groups: Vec<u16>,
    /// Signature algorithms.
    pub signatures: Vec<u16>,
}

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;

impl Hello {
    /// Reads the hello at the start of `wire`, in one record or several; `None` where there is no whole one.
    pub fn parse(wire: &[u8]) -> Option<Hello> {
        let handshake = of_records(wire)?;
        let mut message = Cursor(&handshake);
        if message.number(1)? != usize::from(CLIENT_HELLO) {
            return None;
        }
        let mut body = message.vector(3)?;
        let mut hello = Hello { legacy_version: body.u16()?, ..Hello::default() };
        body.take(32)?;
        body.vector(1)?;
        hello.suites = body.vector(2)?.all_u16()?;
        hello.compressions = body.vector(1)?.0.to_vec();
        if body.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = body.vector(2)?;
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let mut data = extensions.vector(2)?;
            hello.extensions.push(kind);
            match kind {
                SUPPORTED_GROUPS => hello.groups = data.vector(2)?.all_u16()?,
                SIGNATURE_ALGORITHMS => hello.signatures = data.vector(2)?.all_u16()?,
                SUPPORTED_VERSIONS => hello.versions = data.vector(1)?.all_u16()?,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// The contents of the handshake records at the start of `wire`.
fn of_records(wire: &[u8]) -> Option<Vec<u8>> {
    let mut records = Cursor(wire);
    let mut contents = Vec::new();
    while records.0.first() == Some(&HANDSHAKE_RECORD) {
        records.take(3)?;
        contents.extend(records.vector(2)?.0);
    }
    Some(contents)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn number(&mut self, octets: usize) -> Option<usize> {
        Some(self.take(octets)?.iter().fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }

    fn u16(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    fn vector(&mut self, length_octets: usize) -> Option<Cursor<'a>> {
        let length = self.number(length_octets)?;
        self.take(length).map(Cursor)
    }

    fn all_u16(mut self) -> Option<Vec<u16>> {
        let mut numbers = Vec::with_capacity(self.0.len() / 2);
        while !self.0.is_empty() {
            numbers.push(self.u16()?);
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello with one suite, no compression, a group, a signature algorithm, and TLS 1.2 and 1.3.
    fn wire() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend([0, 2, 0x13, 0x01]);
        body.extend([1, 0]);
        let extensions: Vec<u8> = [
            &[0, 10, 0, 4, 0, 2, 0, 29][..],
            &[0, 13, 0, 4, 0, 2, 4, 3],
            &[0, 43, 0, 5, 4, 3, 4, 3, 3],
            &[0, 23, 0, 0],
        ]
        .concat();
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message
    }

    fn record(contents: &[u8]) -> Vec<u8> {
        let mut record = vec![22, 3, 1];
        record.extend((contents.len() as u16).to_be_bytes());
        record.extend(contents);
        record
    }

    #[test]
    fn everything_that_is_offered_is_read() {
        let hello = Hello {
            legacy_version: 0x0303,
            suites: vec![0x1301],
            compressions: vec![0],
            extensions: vec![10, 13, 43, 23],
            versions: vec![0x0304, 0x0303],
            groups: vec![29],
            signatures: vec![0x0403],
        };
        let message = wire();
        assert_eq!(Hello::parse(&record(&message)).as_ref(), Some(&hello));
        let (first, second) = message.split_at(20);
        assert_eq!(Hello::parse(&[record(first), record(second)].concat()), Some(hello), "in two records");
    }

    #[test]
    fn a_hello_that_is_cut_off_anywhere_is_none() {
        let whole = record(&wire());
        for length in 0..whole.len() {
            assert_eq!(Hello::parse(&whole[..length]), None, "{length} octets");
        }
        for length in 0..wire().len() {
            assert_eq!(Hello::parse(&record(&wire()[..length])), None, "{length} octets in a whole record");
        }
    }

    #[test]
    fn no_change_of_an_octet_stops_the_reader() {
        let whole = record(&wire());
        for position in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[position] = value;
                let _ = Hello::parse(&changed);
            }
        }
        assert_eq!(Hello::parse(&record(&[2, 0, 0, 0])), None, "a ServerHello");
    }
}
