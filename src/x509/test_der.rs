//! DER for the unit tests: names and extensions written by hand, right or wrong as the case needs it.

/// One element, of less than 64 KiB.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    match u16::try_from(contents.len()).unwrap().to_be_bytes() {
        [0, short @ ..0x80] => [&[tag, short], contents].concat(),
        [0, long] => [&[tag, 0x81, long], contents].concat(),
        [high, low] => [&[tag, 0x82, high, low], contents].concat(),
    }
}

pub(crate) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

pub(crate) fn email(name: &str) -> Vec<u8> {
    element(0x81, name.as_bytes())
}

pub(crate) fn dns(name: &str) -> Vec<u8> {
    element(0x82, name.as_bytes())
}

pub(crate) fn uri(name: &str) -> Vec<u8> {
    element(0x86, name.as_bytes())
}

pub(crate) fn ip(octets: &[u8]) -> Vec<u8> {
    element(0x87, octets)
}

pub(crate) fn directory(name: &[u8]) -> Vec<u8> {
    element(0xa4, name)
}

/// An AttributeTypeAndValue.
pub(crate) fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    sequence(&[element(0x06, oid), element(tag, value)])
}

/// A Name, from the attributes of each of its RDNs.
pub(crate) fn name(rdns: &[&[Vec<u8>]]) -> Vec<u8> {
    sequence(&rdns.iter().map(|rdn| element(0x31, &rdn.concat())).collect::<Vec<_>>())
}

/// A Name of single-valued RDNs with UTF8String values.
pub(crate) fn plain_name(attributes: &[(&[u8], &str)]) -> Vec<u8> {
    let rdn = |(oid, value): &(&[u8], &str)| element(0x31, &attribute(oid, 0x0c, value.as_bytes()));
    sequence(&attributes.iter().map(rdn).collect::<Vec<_>>())
}
