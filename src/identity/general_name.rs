//! The names inside a subjectAltName extension and inside a subject, as they lie in the DER: borrowed, in order, not
//! interpreted. Malformed DER is an error here and never a name that is merely left out.

use super::der::{Malformed, OID, Reader, SEQUENCE, SET};

/// One GeneralName (RFC 5280 4.2.1.6) by its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GeneralName<'a> {
    Other(&'a [u8]),
    Email(&'a [u8]),
    Dns(&'a [u8]),
    X400(&'a [u8]),
    /// The DER of a Name, its SEQUENCE header included.
    Directory(&'a [u8]),
    EdiParty(&'a [u8]),
    Uri(&'a [u8]),
    /// Four octets or sixteen, if it means anything; eight or thirty-two in a name constraint.
    Ip(&'a [u8]),
    RegisteredId(&'a [u8]),
}

impl<'a> GeneralName<'a> {
    /// Reads the next GeneralName.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<GeneralName<'a>, Malformed> {
        let (tag, contents) = reader.next()?;
        Ok(match tag {
            0x82 => GeneralName::Dns(contents),
            0x87 => GeneralName::Ip(contents),
            0x81 => GeneralName::Email(contents),
            0x86 => GeneralName::Uri(contents),
            0xa0 => GeneralName::Other(contents),
            0xa3 => GeneralName::X400(contents),
            0xa4 => {
                Reader::whole(contents, SEQUENCE)?;
                GeneralName::Directory(contents)
            }
            0xa5 => GeneralName::EdiParty(contents),
            0x88 => GeneralName::RegisteredId(contents),
            _ => return Err(Malformed),
        })
    }
}

/// The names of a `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`.
#[derive(Clone, Debug)]
pub(crate) struct GeneralNames<'a> {
    reader: Reader<'a>,
}

impl<'a> GeneralNames<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Result<GeneralNames<'a>, Malformed> {
        let reader = Reader::whole(der, SEQUENCE)?;
        if reader.is_empty() { Err(Malformed) } else { Ok(GeneralNames { reader }) }
    }
}

impl<'a> Iterator for GeneralNames<'a> {
    type Item = Result<GeneralName<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let name = GeneralName::read(&mut self.reader);
        if name.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(name)
    }
}

/// One AttributeTypeAndValue of a Name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// The contents of the type's OBJECT IDENTIFIER.
    pub(crate) oid: &'a [u8],
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
}

impl Attribute<'_> {
    /// Whether the value is of a string type in which ASCII text is its own encoding.
    pub(crate) fn is_ascii_compatible(&self) -> bool {
        const UTF8: u8 = 0x0c;
        const PRINTABLE: u8 = 0x13;
        const TELETEX: u8 = 0x14;
        const IA5: u8 = 0x16;
        matches!(self.tag, UTF8 | PRINTABLE | TELETEX | IA5)
    }
}

/// id-at-commonName, 2.5.4.3.
pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-emailAddress, 1.2.840.113549.1.9.1.
pub(crate) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// Every attribute of the Name `der`, in order.
pub(crate) fn attributes(der: &[u8]) -> Result<Vec<Attribute<'_>>, Malformed> {
    rdns(der).map(|rdns| rdns.concat())
}

/// The attributes of the Name `der`, one list for each RelativeDistinguishedName (a `SET SIZE (1..MAX)`).
pub(crate) fn rdns(der: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, Malformed> {
    let mut rdns = Vec::new();
    let mut name = Reader::whole(der, SEQUENCE)?;
    while !name.is_empty() {
        let mut rdn = Reader::new(name.expect(SET)?);
        let mut attributes = Vec::new();
        while !rdn.is_empty() {
            attributes.push(attribute(&mut rdn)?);
        }
        if attributes.is_empty() {
            return Err(Malformed);
        }
        rdns.push(attributes);
    }
    Ok(rdns)
}

fn attribute<'a>(rdn: &mut Reader<'a>) -> Result<Attribute<'a>, Malformed> {
    let mut pair = Reader::new(rdn.expect(SEQUENCE)?);
    let oid = pair.expect(OID)?;
    let (tag, value) = pair.next()?;
    if pair.is_empty() { Ok(Attribute { oid, tag, value }) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_names_come_in_order_and_damage_ends_them_with_an_error() {
        let der = [0x30, 0x0a, 0x82, 0x01, b'a', 0x87, 0x01, 0x7f, 0xa0, 0x02, 0x05, 0x00];
        let names: Vec<_> = GeneralNames::new(&der).unwrap().collect();
        assert_eq!(
            names,
            [Ok(GeneralName::Dns(b"a")), Ok(GeneralName::Ip(&[0x7f])), Ok(GeneralName::Other(&[0x05, 0x00]))]
        );

        for (der, what) in [
            (&[0x30, 0x03, 0xa2, 0x01, b'a'][..], "a constructed dNSName"),
            (&[0x30, 0x03, 0x89, 0x01, b'a'], "a tag that no GeneralName has"),
            (&[0x30, 0x03, 0x82, 0x05, b'a'], "a name longer than the extension"),
            (&[0x30, 0x04, 0xa4, 0x02, 0x31, 0x00], "a directoryName that is no Name"),
        ] {
            let names: Vec<_> = GeneralNames::new(der).unwrap().collect();
            assert_eq!(names, [Err(Malformed)], "{what}");
        }
        assert!(GeneralNames::new(&[0x30, 0x00]).is_err(), "no name at all");
        assert!(GeneralNames::new(&[]).is_err());
    }

    #[test]
    fn attributes_of_a_name_are_read_across_multi_valued_rdns() {
        let cn = [0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, b'a'];
        let rdn = [&[0x31, 0x14][..], &cn, &cn].concat();
        let name = [&[0x30, 0x16][..], &rdn].concat();
        let attribute = Attribute { oid: COMMON_NAME, tag: 0x0c, value: b"a" };
        assert_eq!(attributes(&name), Ok(vec![attribute; 2]));
        assert_eq!(attributes(&[0x30, 0x00]), Ok(vec![]));
        assert_eq!(attributes(&[0x30, 0x02, 0x31, 0x00]), Err(Malformed));
        assert_eq!(attributes(&name[..name.len() - 1]), Err(Malformed));
    }
}
