//! What kind of public key a certificate holds, read from its SubjectPublicKeyInfo without building the key.

use crate::x509::certificate::Certificate;
use crate::x509::der::{INTEGER, Malformed, OID, Reader, SEQUENCE};


/// The least RSA modulus, in bits (CA/B Forum BR 6.1.5); 112 bits of strength.
pub const LEAST_RSA_BITS: usize = 2048;

/// Why a key is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The algorithm or curve is none of the permitted.
    Kind(&'static str),
    /// An RSA modulus of so many bits.
    Small(usize),
    /// An RSA exponent that is even or below 3.
    Exponent,
    /// The key is not the DER that its algorithm says.
    Malformed,
}

impl From<Malformed> for Flaw {
    fn from(_: Malformed) -> Flaw {
        Flaw::Malformed
    }
}

/// Whether the key is of a permitted kind: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA.
pub fn check(certificate: &Certificate<'_>) -> Result<(), Flaw> {
    let mut algorithm = Reader::new(certificate.key_algorithm);
    match algorithm.expect(OID)? {
        // rsaEncryption, id-RSASSA-PSS.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 | 0x0a] => rsa(certificate.key),
        // id-ecPublicKey.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => match algorithm.next()? {
            // prime256v1, secp384r1, secp521r1.
            (OID, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] | [0x2b, 0x81, 0x04, 0x00, 0x22 | 0x23]) => Ok(()),
            (OID, _) => Err(Flaw::Kind("an elliptic curve other than P-256, P-384 and P-521")),
            _ => Err(Flaw::Kind("an elliptic curve that is not given by its name")),
        },
        // Ed25519, Ed448.
        [0x2b, 0x65, 0x70 | 0x71] => Ok(()),
        // id-ml-dsa-44, -65, -87.
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11..=0x13] => Ok(()),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => Err(Flaw::Kind("DSA")),
        _ => Err(Flaw::Kind("an algorithm that is none of RSA, ECDSA, EdDSA and ML-DSA")),
    }
}

/// The bits of the RSA modulus; `None` where the key is not an RSA key.
pub fn rsa_bits(certificate: &Certificate<'_>) -> Option<usize> {
    let oid = Reader::new(certificate.key_algorithm).expect(OID).ok()?;
    if !matches!(oid, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 | 0x0a]) {
        return None;
    }
    let modulus = Reader::whole(certificate.key, SEQUENCE).ok()?.expect(INTEGER).ok()?;
    Some(bits(modulus))
}

fn rsa(key: &[u8]) -> Result<(), Flaw> {
    let mut fields = Reader::whole(key, SEQUENCE)?;
    let modulus = fields.expect(INTEGER)?;
    let exponent = fields.expect(INTEGER)?;
    if bits(modulus) < LEAST_RSA_BITS {
        return Err(Flaw::Small(bits(modulus)));
    }
    let odd = exponent.last().is_some_and(|octet| octet & 1 == 1);
    if !odd || bits(exponent) < 2 { Err(Flaw::Exponent) } else { Ok(()) }
}

/// The bits of a positive INTEGER; 0 for what is not positive.
fn bits(integer: &[u8]) -> usize {
    let Some(first) = integer.iter().position(|&octet| octet != 0) else { return 0 };
    match integer {
        [0..=0x7f, ..] => {
            let leading = integer.get(first).map_or(0, |octet| octet.leading_zeros() as usize);
            (integer.len() - first) * 8 - leading
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_an_integer_are_counted_without_its_padding() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0]), 0);
        assert_eq!(bits(&[1]), 1);
        assert_eq!(bits(&[0, 0x80]), 8);
        assert_eq!(bits(&[0x0f, 0xff]), 12);
        assert_eq!(bits(&[0x80]), 0, "a negative number");
    }

    #[test]
    fn an_rsa_key_needs_an_odd_exponent_of_three_or_more() {
        let key = |exponent: &[u8]| {
            let modulus = [&[0x02, 0x82, 0x01, 0x01, 0x00][..], &[0xff; 256]].concat();
            let body = [&modulus[..], &[0x02, exponent.len() as u8], exponent].concat();
            [&[0x30, 0x82, (body.len() >> 8) as u8, body.len() as u8][..], &body].concat()
        };
        assert_eq!(rsa(&key(&[1, 0, 1])), Ok(()));
        assert_eq!(rsa(&key(&[3])), Ok(()));
        assert_eq!(rsa(&key(&[1])), Err(Flaw::Exponent));
        assert_eq!(rsa(&key(&[4])), Err(Flaw::Exponent));
        assert_eq!(rsa(&[0x30, 0x06, 0x02, 0x01, 0x7f, 0x02, 0x01, 0x03]), Err(Flaw::Small(7)));
        assert_eq!(rsa(&[0x04, 0x00]), Err(Flaw::Malformed));
    }
}
