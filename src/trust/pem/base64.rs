//! Base64 (RFC 4648 section 4), padding required. Bits that the padding leaves over may be anything, as for OpenSSL.

use base64_simd::STANDARD_NO_PAD;

/// Decodes characters in place, all of one text: how many bytes they stand for. `None` where they are no base64, or where
/// there are none; then what stands there is of no worth.
pub fn decode(characters: &mut [u8]) -> Option<usize> {
    let padding = fill(characters)?;
    Some(decode_groups(characters)? - padding)
}

/// Puts a character in the place of padding, so that there are whole groups: how many bytes they stand for in excess. `None`
/// where padding does not make a group whole, or where there is none.
pub fn fill(characters: &mut [u8]) -> Option<usize> {
    if characters.is_empty() || !characters.len().is_multiple_of(4) {
        return None;
    }
    let padding = characters.iter().rev().take(2).take_while(|&&character| character == b'=').count();
    characters.iter_mut().rev().take(padding).for_each(|character| *character = b'A');
    Some(padding)
}

/// Decodes whole groups in place: how many bytes they stand for.
pub fn decode_groups(groups: &mut [u8]) -> Option<usize> {
    Some(STANDARD_NO_PAD.decode_inplace(groups).ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = text.to_vec();
        let len = decode(&mut bytes)?;
        bytes.truncate(len);
        Some(bytes)
    }

    #[test]
    fn characters_stand_for_the_bytes_that_openssl_encoded() {
        for seed in 0..64u8 {
            let original: Vec<u8> = (0..100u8).map(|i| i.wrapping_mul(37).wrapping_add(seed.wrapping_mul(5))).collect();
            for len in 1..original.len() {
                assert_eq!(bytes(openssl::base64::encode_block(&original[..len]).as_bytes()).unwrap(), original[..len]);
            }
        }
        assert_eq!((bytes(b"AB=="), bytes(b"AAB=")), (Some(vec![0]), Some(vec![0, 0])), "bits left over");
    }

    #[test]
    fn what_is_not_whole_groups_of_base64_is_refused() {
        for wrong in [
            "", "A", "AA", "AAA", "AAAAA", "AA=A", "A===", "====", "AA==AAAA", "AAA=AAA=", "AA-A", "AA_A", "AA A",
            "\0AAA",
        ] {
            assert_eq!(bytes(wrong.as_bytes()), None, "{wrong:?}");
        }
        for position in 0..100 {
            for byte in 0..=255u8 {
                let is_digit = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
                let is_padding = byte == b'=' && position == 99;
                let mut text = [b'A'; 100];
                text[position] = byte;
                assert_eq!(bytes(&text).is_some(), is_digit || is_padding, "{byte} at {position}");
            }
        }
    }
}
