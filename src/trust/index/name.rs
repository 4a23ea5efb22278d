//! The key under which a name is indexed: names that X509_NAME_cmp calls equal have the same key. OpenSSL compares names
//! in a canonical form (strings as UTF-8, case folded, white space compressed); the key is made of what that form always
//! leaves as it is, so any encoding of a name gives the same key. Different names may share one, which costs a look.

use crate::x509::der::{Malformed, OID, Reader, SEQUENCE, SET};

const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// The key of a Name (RFC 5280 section 4.1.2.4), given as its whole DER.
pub(crate) fn key(name: &[u8]) -> Result<u64, Malformed> {
    key_of_rdns(Reader::whole(name, SEQUENCE)?, |_, _, _| Ok(()))
}

/// The key of a Name, given as the relative distinguished names inside it. `check` sees the type, the tag and the value of
/// each attribute.
///
/// The sum does not depend on the order, so neither does it on how a multi-valued RDN is sorted.
#[inline]
pub(crate) fn key_of_rdns(
    mut rdns: Reader<'_>,
    check: impl Fn(&[u8], u8, &[u8]) -> Result<(), Malformed>,
) -> Result<u64, Malformed> {
    let mut key = 0u64;
    while !rdns.is_empty() {
        let mut attributes = Reader::new(rdns.expect(SET)?);
        loop {
            let mut attribute = Reader::new(attributes.expect(SEQUENCE)?);
            let oid = attribute.expect(OID)?;
            let (tag, value) = attribute.next()?;
            if !attribute.is_empty() {
                return Err(Malformed);
            }
            check(oid, tag, value)?;
            key = key.wrapping_add(attribute_key(oid, tag, value));
            if attributes.is_empty() {
                break;
            }
        }
    }
    Ok(key)
}

fn attribute_key(oid: &[u8], tag: u8, value: &[u8]) -> u64 {
    let of_type = oid.iter().fold(0u64, |all, &byte| all << 8 | u64::from(byte));
    let of_value = match tag {
        BMP_STRING => sum(value.as_chunks::<2>().0.iter().map(|&unit| u16::from_be_bytes(unit).into())),
        UNIVERSAL_STRING => sum(value.as_chunks::<4>().0.iter().map(|&unit| u32::from_be_bytes(unit))),
        // One byte a character, or UTF-8: either way the ASCII characters are the bytes below 128, and only they count.
        _ => value.iter().fold(0u64, |sum, &byte| sum.wrapping_add(WORTH[usize::from(byte)])),
    };
    spread(of_value ^ spread(of_type))
}

fn sum(characters: impl Iterator<Item = u32>) -> u64 {
    let worth = |character: u32| u8::try_from(character).map_or(0, |byte| WORTH[usize::from(byte)]);
    characters.fold(0u64, |sum, character| sum.wrapping_add(worth(character)))
}

/// Brings each bit's worth to many others, so that sums tell apart what was summed.
const fn spread(number: u64) -> u64 {
    let mixed = (number ^ number >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// What a character adds to the key. Only visible ASCII counts, in lower case: white space is compressed in the canonical
/// form, and the rest is coded differently from type to type. Where a character stands does not count, which hardly two
/// roots' names need.
static WORTH: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        // Twice, as the first result is nearly a multiple of the number.
        table[byte] = spread(spread((byte as u8).to_ascii_lowercase() as u64));
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, contents.len() as u8][..], contents].concat()
    }

    fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[tlv(OID, oid), tlv(tag, value)].concat())
    }

    fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &tlv(SET, &attribute(&[0x55, 4, 3], tag, value)))
    }

    #[test]
    fn one_name_has_one_key_however_it_is_encoded() {
        let wide: Vec<u8> = "Żółw Root".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let universal: Vec<u8> = "Żółw Root".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        let plain = key(&common_name(0x0c, "Żółw Root".as_bytes())).unwrap();
        for other in
            [common_name(0x1e, &wide), common_name(0x1c, &universal), common_name(0x0c, "  Żółw \t ROOT ".as_bytes())]
        {
            assert_eq!(key(&other), Ok(plain));
        }
        assert_eq!(key(&common_name(0x13, b"Root")), key(&common_name(0x16, b" rOOt")));
    }

    #[test]
    fn the_order_inside_of_a_multi_valued_rdn_does_not_count() {
        let (cn, ou) = (attribute(&[0x55, 4, 3], 0x13, b"a"), attribute(&[0x55, 4, 11], 0x13, b"b"));
        let one = tlv(SEQUENCE, &tlv(SET, &[cn.clone(), ou.clone()].concat()));
        let other = tlv(SEQUENCE, &tlv(SET, &[ou, cn].concat()));
        assert_eq!(key(&one), key(&other));
    }

    #[test]
    fn names_of_other_characters_or_attributes_have_other_keys() {
        let name = key(&common_name(0x13, b"Root 1")).unwrap();
        assert_ne!(Ok(name), key(&common_name(0x13, b"Root 2")));
        assert_ne!(Ok(name), key(&tlv(SEQUENCE, &tlv(SET, &attribute(&[0x55, 4, 10], 0x13, b"Root 1")))));
        assert_ne!(Ok(name), key(&tlv(SEQUENCE, &[])));
    }

    #[test]
    fn what_is_no_name_has_no_key() {
        for wrong in [&[][..], &[0x30], &[0x31, 0], &[0x30, 0, 0], &[0x30, 2, 0x31, 1], &[0x30, 4, 0x31, 2, 0x30, 0]] {
            assert_eq!(key(wrong), Err(Malformed), "{wrong:?}");
        }
    }
}
