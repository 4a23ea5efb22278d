//! A reader of DER that borrows what it reads. It accepts only what X.690 calls DER in lengths and tags (definite,
//! minimal, low tag numbers), allocates nothing and never reads past its input.

// The universal tags (X.680 section 8.6), the constructed ones with their bit.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const TELETEX_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The bytes are not the DER that was expected. The caller knows what they should have been and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads one element after the other from a run of DER elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The contents of `bytes`, which must be one element with tag `tag` and nothing after it.
    pub(crate) fn whole(bytes: &'a [u8], tag: u8) -> Result<Reader<'a>, Malformed> {
        let mut outer = Reader::new(bytes);
        let contents = outer.expect(tag)?;
        outer.end()?;
        Ok(Reader::new(contents))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element's tag and contents.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let &[tag, length, ref rest @ ..] = self.rest else { return Err(Malformed) };
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        let (length, rest) = if length < 0x80 { (usize::from(length), rest) } else { long_length(length, rest)? };
        let (contents, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok((tag, contents))
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// One element must follow and nothing after it.
    pub(crate) fn only(mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let element = self.next()?;
        self.end()?;
        Ok(element)
    }

    /// The whole next element, whose tag must be `tag`: header and contents.
    pub(crate) fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let start = self.rest;
        self.expect(tag)?;
        start.get(..start.len() - self.rest.len()).ok_or(Malformed)
    }

    /// The contents of the next element, whose tag must be `tag`.
    #[inline]
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.next()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(Malformed),
        }
    }
}

/// X.690 10.1: the long form is definite and has no more octets than it needs. Four octets are more than any certificate has.
#[cold]
fn long_length(first: u8, rest: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    // Most of those in certificates.
    if let (0x82, &[high @ 1..=0xff, low, ref rest @ ..]) = (first, rest) {
        return Ok((u16::from_be_bytes([high, low]).into(), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Malformed)?;
    if octets.is_empty() || octets.len() > 4 || octets.first() == Some(&0) {
        return Err(Malformed);
    }
    let length = octets.iter().fold(0u64, |length, &octet| length << 8 | u64::from(octet));
    if length < 0x80 {
        return Err(Malformed);
    }
    Ok((usize::try_from(length).map_err(|_| Malformed)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_definite_and_minimal_lengths_inside_the_input_are_read() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(Reader::new(&long).next(), Ok((0x04, &[7u8; 128][..])));
        for (bytes, what) in [
            (&[][..], "nothing"),
            (&[0x04], "no length"),
            (&[0x04, 0x02, 0x00], "contents cut off"),
            (&[0x04, 0x80, 0x00, 0x00], "indefinite length"),
            (&[0x04, 0x81, 0x01, 0x00], "long form of a short length"),
            (&[0x04, 0x82, 0x00, 0x80], "leading zero in the length"),
            (&[0x04, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00], "five octets of length"),
            (&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff], "a length far beyond the input"),
            (&[0x1f, 0x01, 0x00], "high tag number"),
        ] {
            assert_eq!(Reader::new(bytes).next(), Err(Malformed), "{what}");
        }
    }

    #[test]
    fn whole_refuses_another_tag_and_bytes_after_the_element() {
        assert!(Reader::whole(&[0x30, 0x00], SEQUENCE).is_ok_and(|r| r.is_empty()));
        assert!(Reader::whole(&[0x31, 0x00], SEQUENCE).is_err());
        assert!(Reader::whole(&[0x30, 0x00, 0x00], SEQUENCE).is_err());
    }
}
