//! Walks the DER of a certificate (RFC 5280 section 4.1) to its subject, and over the rest of it far enough to know that
//! d2i_X509 will read it later. It is stricter than d2i_X509: where it doubts, the certificate is parsed at once instead.

use crate::trust::index::name;
use crate::x509::der::{BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE, UTC_TIME};

const NULL: u8 = 0x05;
const UTF8_STRING: u8 = 0x0c;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Far more than any certificate; OpenSSL bounds a name at 1 MiB.
const LARGEST: usize = 100_000;

/// The key of the subject of the certificate that `der` is, all of it.
pub(crate) fn subject_key(der: &[u8]) -> Result<u64, Malformed> {
    if der.len() > LARGEST {
        return Err(Malformed);
    }
    let mut certificate = Reader::whole(der, SEQUENCE)?;
    let subject = tbs(Reader::new(certificate.expect(SEQUENCE)?))?;
    algorithm(certificate.expect(SEQUENCE)?)?;
    bits(certificate.expect(BIT_STRING)?)?;
    nothing_left(certificate)?;
    Ok(subject)
}

fn tbs(mut tbs: Reader<'_>) -> Result<u64, Malformed> {
    // Versions 1 to 3, of which the first is the default and not written.
    let mut first = tbs.next()?;
    if first.0 == VERSION {
        let mut version = Reader::new(first.1);
        integer(version.expect(INTEGER)?)?;
        nothing_left(version)?;
        first = tbs.next()?;
    }
    match first {
        (INTEGER, serial) => integer(serial)?,
        _ => return Err(Malformed),
    }
    algorithm(tbs.expect(SEQUENCE)?)?;
    let issuer = tbs.expect(SEQUENCE)?;
    let mut validity = Reader::new(tbs.expect(SEQUENCE)?);
    time(validity.next()?)?;
    time(validity.next()?)?;
    nothing_left(validity)?;
    let subject = tbs.expect(SEQUENCE)?;
    let subject_key = readable_name(subject)?;
    // A root names itself as its issuer.
    if issuer != subject {
        readable_name(issuer)?;
    }
    let mut key = Reader::new(tbs.expect(SEQUENCE)?);
    algorithm(key.expect(SEQUENCE)?)?;
    bits(key.expect(BIT_STRING)?)?;
    nothing_left(key)?;
    if !tbs.is_empty() {
        extensions(Reader::whole(tbs.expect(EXTENSIONS)?, SEQUENCE)?)?;
    }
    nothing_left(tbs)?;
    Ok(subject_key)
}

fn extensions(mut all: Reader<'_>) -> Result<(), Malformed> {
    while !all.is_empty() {
        let mut extension = Reader::new(all.expect(SEQUENCE)?);
        oid(extension.expect(OID)?)?;
        let mut value = extension.next()?;
        if value.0 == BOOLEAN && value.1.len() == 1 {
            value = extension.next()?;
        }
        if value.0 != OCTET_STRING {
            return Err(Malformed);
        }
        nothing_left(extension)?;
    }
    Ok(())
}

/// The key of a name that OpenSSL can read. It converts the strings when it does, so they must be what their types say.
fn readable_name(rdns: &[u8]) -> Result<u64, Malformed> {
    name::key_of_rdns(Reader::new(rdns), |kind, tag, value| {
        let readable = match tag {
            // NumericString, PrintableString, T61String, IA5String: any bytes will do.
            0x12 | 0x13 | 0x14 | 0x16 => true,
            UTF8_STRING => value.is_ascii() || std::str::from_utf8(value).is_ok(),
            _ => false,
        };
        if readable { oid(kind) } else { Err(Malformed) }
    })
}

fn algorithm(contents: &[u8]) -> Result<(), Malformed> {
    let mut contents = Reader::new(contents);
    oid(contents.expect(OID)?)?;
    if !contents.is_empty() {
        match contents.next()? {
            (NULL, []) | (SEQUENCE, _) => {}
            (OID, parameter) => oid(parameter)?,
            _ => return Err(Malformed),
        }
    }
    nothing_left(contents)
}

/// X.690 8.19.2: the last octet has a clear top bit, and no arc starts with zero bits only. An octet of such bits inside
/// of an arc would be right, and is rare enough to be in doubt.
fn oid(contents: &[u8]) -> Result<(), Malformed> {
    match contents {
        // The types of names and of extensions: 2.5.4.x and 2.5.29.x.
        [0x55, 0x04 | 0x1d, 0..0x80] => Ok(()),
        [.., 0..0x80] if contents.iter().all(|&octet| octet != 0x80) => Ok(()),
        _ => Err(Malformed),
    }
}

/// X.690 8.3.2: no more octets than it needs.
fn integer(contents: &[u8]) -> Result<(), Malformed> {
    match contents {
        [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed),
        _ => Ok(()),
    }
}

fn bits(contents: &[u8]) -> Result<(), Malformed> {
    match contents {
        [0..=7, _, ..] => Ok(()),
        _ => Err(Malformed),
    }
}

fn time((tag, text): (u8, &[u8])) -> Result<(), Malformed> {
    fn are_digits<const N: usize>(text: &[u8; N]) -> bool {
        text.iter().fold(true, |all, byte| all & byte.is_ascii_digit())
    }
    let is_time = match (tag, text) {
        (UTC_TIME, [digits @ .., b'Z']) => digits.try_into().is_ok_and(are_digits::<12>),
        (GENERALIZED_TIME, [digits @ .., b'Z']) => digits.try_into().is_ok_and(are_digits::<14>),
        _ => false,
    };
    if is_time { Ok(()) } else { Err(Malformed) }
}

fn nothing_left(reader: Reader<'_>) -> Result<(), Malformed> {
    if reader.is_empty() { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator (xorshift), so that the mutations are the same in each run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    fn roots() -> impl Iterator<Item = &'static [u8]> {
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| der.as_ref())
    }

    #[test]
    fn every_bundled_root_is_read_without_doubt() {
        for der in roots() {
            assert!(subject_key(der).is_ok());
        }
    }

    #[test]
    fn what_passes_the_walk_is_read_by_openssl_under_the_same_key() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut passed, mut refused) = (0, 0);
        for der in roots().take(if std::env::var_os("HOSTLOCK_LONG").is_some() { 150 } else { 12 }) {
            for _ in 0..100 {
                let mut mutant = der.to_vec();
                for _ in 0..=random.below(3) {
                    let at = random.below(mutant.len());
                    match random.below(3) {
                        0 => mutant[at] = random.below(256) as u8,
                        1 => mutant[at] ^= 1 << random.below(8),
                        _ => mutant[at] = [0x00, 0x01, 0x30, 0x31, 0x7f, 0x80, 0x81, 0xff][random.below(8)],
                    }
                }
                let Ok(key) = subject_key(&mutant) else {
                    refused += 1;
                    continue;
                };
                passed += 1;
                let certificate = openssl::x509::X509::from_der(&mutant).expect("the walk is stricter than OpenSSL");
                assert_eq!(name::key(&certificate.subject_name().to_der().unwrap()), Ok(key));
            }
        }
        assert!(passed > 200 && refused > 50, "{passed} passed, {refused} were refused");
    }
}
