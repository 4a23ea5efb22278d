//! The names inside a subjectAltName extension and inside a subject, as they lie in the DER: borrowed, in order, not
//! interpreted. Malformed DER is an error here and never a name that is merely left out.

use crate::x509::der::{IA5_STRING, Malformed, OID, PRINTABLE_STRING, Reader, SEQUENCE, SET, TELETEX_STRING, UTF8_STRING};

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
        match tag {
            0x82 => Ok(GeneralName::Dns(contents)),
            0x87 => Ok(GeneralName::Ip(contents)),
            0x81 => Ok(GeneralName::Email(contents)),
            0x86 => Ok(GeneralName::Uri(contents)),
            _ => structured(tag, contents),
        }
    }
}

/// The forms that are more than a string of octets: nothing here compares most of them, but if they are not what they
/// claim to be then the certificate is not DER.
fn structured(tag: u8, contents: &[u8]) -> Result<GeneralName<'_>, Malformed> {
    match tag {
        0xa0 => {
            let mut other_name = Reader::new(contents);
            oid(other_name.expect(OID)?)?;
            Reader::new(other_name.expect(0xa0)?).only()?;
            other_name.end()?;
            Ok(GeneralName::Other(contents))
        }
        0xa3 => Ok(GeneralName::X400(contents)),
        0xa4 => {
            walk(contents, |_, attribute| attribute.text().map(drop))?;
            Ok(GeneralName::Directory(contents))
        }
        0xa5 => {
            let mut party_name = Reader::new(contents);
            let (mut tag, mut name) = party_name.next()?;
            if tag == 0xa0 {
                Reader::new(name).only()?;
                (tag, name) = party_name.next()?;
            }
            Reader::new(name).only()?;
            party_name.end()?;
            if tag == 0xa1 { Ok(GeneralName::EdiParty(contents)) } else { Err(Malformed) }
        }
        0x88 => oid(contents).map(|()| GeneralName::RegisteredId(contents)),
        _ => Err(Malformed),
    }
}

/// X.690 8.19.2: sub-identifiers have no leading zeros, and the last one ends.
fn oid(contents: &[u8]) -> Result<(), Malformed> {
    let mut starts = true;
    for &octet in contents {
        if starts && octet == 0x80 {
            return Err(Malformed);
        }
        starts = octet < 0x80;
    }
    if starts && !contents.is_empty() { Ok(()) } else { Err(Malformed) }
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
    /// The value as text if it is of a string type, and None if it is of another type, which has no text.
    pub(crate) fn text(&self) -> Result<Option<String>, Malformed> {
        let value = self.value;
        let wide = |size: usize| {
            let code = |unit: &[u8]| unit.iter().fold(0u32, |code, &octet| code << 8 | u32::from(octet));
            let text = value.chunks(size).map(|unit| char::from_u32(code(unit))).collect::<Option<String>>();
            text.filter(|_| value.len().is_multiple_of(size))
        };
        let text = match self.tag {
            0x0c => std::str::from_utf8(value).ok().map(str::to_owned),
            // NumericString, PrintableString, IA5String and VisibleString; and TeletexString, which is used as if it
            // were Latin-1.
            0x12 | 0x13 | 0x14 | 0x16 | 0x1a => Some(value.iter().copied().map(char::from).collect()),
            0x1c => wide(4),
            0x1e => wide(2),
            _ => return Ok(None),
        };
        text.map(Some).ok_or(Malformed)
    }

    /// Whether the value is of a string type in which ASCII text is its own encoding.
    pub(crate) fn is_ascii_compatible(&self) -> bool {
        matches!(self.tag, UTF8_STRING | PRINTABLE_STRING | TELETEX_STRING | IA5_STRING)
    }
}

/// id-at-commonName, 2.5.4.3.
pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-emailAddress, 1.2.840.113549.1.9.1.
pub(crate) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// Every attribute of the Name `der`, in order.
pub(crate) fn attributes(der: &[u8]) -> Result<Vec<Attribute<'_>>, Malformed> {
    let mut attributes = Vec::new();
    walk(der, |_, attribute| {
        attributes.push(attribute);
        Ok(())
    })?;
    Ok(attributes)
}

/// Calls `each` with every attribute of the Name `der` and the index of its RelativeDistinguishedName, which is a
/// `SET SIZE (1..MAX)`.
pub(crate) fn walk<'a>(
    der: &'a [u8],
    mut each: impl FnMut(usize, Attribute<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut name = Reader::whole(der, SEQUENCE)?;
    let mut index = 0;
    while !name.is_empty() {
        let mut rdn = Reader::new(name.expect(SET)?);
        if rdn.is_empty() {
            return Err(Malformed);
        }
        while !rdn.is_empty() {
            each(index, attribute(&mut rdn)?)?;
        }
        index += 1;
    }
    Ok(())
}

fn attribute<'a>(rdn: &mut Reader<'a>) -> Result<Attribute<'a>, Malformed> {
    let mut pair = Reader::new(rdn.expect(SEQUENCE)?);
    let kind = pair.expect(OID)?;
    oid(kind)?;
    let (tag, value) = pair.next()?;
    pair.end()?;
    Ok(Attribute { oid: kind, tag, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_names_come_in_order_and_damage_ends_them_with_an_error() {
        let der = [0x30, 0x0c, 0x82, 0x01, b'a', 0x87, 0x01, 0x7f, 0xa5, 0x04, 0xa1, 0x02, 0x0c, 0x00];
        let names: Vec<_> = GeneralNames::new(&der).unwrap().collect();
        assert_eq!(
            names,
            [
                Ok(GeneralName::Dns(b"a")),
                Ok(GeneralName::Ip(&[0x7f])),
                Ok(GeneralName::EdiParty(&[0xa1, 0x02, 0x0c, 0x00]))
            ]
        );

        for (der, what) in [
            (&[0x30, 0x03, 0xa2, 0x01, b'a'][..], "a constructed dNSName"),
            (&[0x30, 0x03, 0x89, 0x01, b'a'], "a tag that no GeneralName has"),
            (&[0x30, 0x03, 0x82, 0x05, b'a'], "a name longer than the extension"),
            (&[0x30, 0x04, 0xa4, 0x02, 0x31, 0x00], "a directoryName that is no Name"),
            (
                &[
                    0x30, 0x10, 0xa4, 0x0e, 0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c,
                    0x01, 0xff,
                ],
                "a directoryName that is no text",
            ),
            (&[0x30, 0x02, 0x88, 0x00], "a registeredID without content"),
            (&[0x30, 0x03, 0x88, 0x01, 0x80], "a registeredID that does not end"),
            (&[0x30, 0x04, 0x88, 0x02, 0x80, 0x01], "a registeredID with a leading zero"),
            (&[0x30, 0x02, 0xa0, 0x00], "an otherName without type"),
            (&[0x30, 0x05, 0xa0, 0x03, 0x06, 0x01, 0x2a], "an otherName without value"),
            (&[0x30, 0x07, 0xa0, 0x05, 0x06, 0x01, 0x2a, 0xa0, 0x00], "an otherName with an empty value"),
            (&[0x30, 0x02, 0xa5, 0x00], "an ediPartyName without party"),
            (&[0x30, 0x06, 0xa5, 0x04, 0xa0, 0x02, 0x0c, 0x00], "an ediPartyName with an assigner only"),
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
