//! Base64 (RFC 4648 section 4) at the speed that an index of all roots needs: four characters a step, through tables made
//! by the compiler, or 32 where the processor has AVX2. It takes whole groups only, and refuses what is not base64; it
//! never guesses.

/// How many characters a usual line of PEM has, and how many bytes they stand for.
pub const LINE: usize = 64;
const LINE_BYTES: usize = LINE / 4 * 3;
/// A group is written as four bytes of which the last is written again by the next, so a line needs one byte more.
pub const SLACK: usize = 1;

/// No group of valid characters sets any of these bits.
const INVALID: u32 = 0xff00_0000;

/// For each of the four positions in a group, what a character adds to its three bytes, in the order of memory.
static DIGITS: [[u32; 256]; 4] = tables();

const fn tables() -> [[u32; 256]; 4] {
    let mut tables = [[INVALID; 256]; 4];
    let mut character = 0;
    while character < 128u8 {
        if let Some(digit) = digit(character) {
            let mut position = 0;
            while position < 4 {
                let bits = (digit as u32) << (18 - 6 * position);
                let [_, first, second, third] = bits.to_be_bytes();
                tables[position][character as usize] = u32::from_le_bytes([first, second, third, 0]);
                position += 1;
            }
        }
        character += 1;
    }
    tables
}

/// The digit that a character stands for.
const fn digit(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[inline(always)]
fn group(characters: [u8; 4]) -> u32 {
    let [a, b, c, d] = characters;
    DIGITS[0][usize::from(a)] | DIGITS[1][usize::from(b)] | DIGITS[2][usize::from(c)] | DIGITS[3][usize::from(d)]
}

/// Decodes full lines from the start of `text`, as many as there are and as `out` has room for: how many bytes of text
/// were read, line ends among them, and how many were written. It stops before a line that is not base64.
pub fn decode_lines(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just said that it has the instructions; the function asks nothing else.
        return unsafe { wide::decode_lines(text, out) };
    }
    decode_lines_by_groups(text, out)
}

fn decode_lines_by_groups(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    while let Some((line, len)) = full_line(text.get(read..).unwrap_or_default())
        && let Some(room) = out.get_mut(written..).and_then(|room| room.first_chunk_mut())
        && decode_line(line, room)
    {
        read += len;
        written += LINE_BYTES;
    }
    (read, written)
}

/// The line that `text` starts with, where it has the usual length, and how long it is with its end.
#[inline(always)]
fn full_line(text: &[u8]) -> Option<(&[u8; LINE], usize)> {
    match text.split_first_chunk()? {
        (line, [b'\n', ..]) => Some((line, LINE + 1)),
        (line, [b'\r', b'\n', ..]) => Some((line, LINE + 2)),
        _ => None,
    }
}

/// Decodes one full line, and says whether it is base64 without padding; else `out` holds nothing of worth.
#[inline]
fn decode_line(line: &[u8; LINE], out: &mut [u8; LINE_BYTES + SLACK]) -> bool {
    let mut seen = 0;
    for index in 0..LINE / 4 {
        let from = 4 * index;
        let bits = group([line[from], line[from + 1], line[from + 2], line[from + 3]]);
        seen |= bits;
        let [first, second, third, over] = bits.to_le_bytes();
        let to = 3 * index;
        out[to] = first;
        out[to + 1] = second;
        out[to + 2] = third;
        out[to + 3] = over;
    }
    seen & INVALID == 0
}

/// The same, 32 characters at a time.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    use super::{LINE, LINE_BYTES, digit, full_line};

    #[target_feature(enable = "avx2")]
    pub fn decode_lines(text: &[u8], out: &mut [u8]) -> (usize, usize) {
        let (mut read, mut written) = (0, 0);
        while let Some((line, len)) = full_line(text.get(read..).unwrap_or_default())
            && let Some(room) = out.get_mut(written..).and_then(|room| room.first_chunk_mut())
            && decode_line(line, room)
        {
            read += len;
            written += LINE_BYTES;
        }
        (read, written)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn decode_line(line: &[u8; LINE], out: &mut [u8; LINE_BYTES]) -> bool {
        let ([first, second], []) = line.as_chunks::<32>() else { return false };
        let ([to_first, to_second], []) = out.as_chunks_mut::<24>() else { return false };
        let (first, wrong_first) = digits(load(first));
        let (second, wrong_second) = digits(load(second));
        store(first, to_first);
        store(second, to_second);
        let wrong = _mm256_or_si256(wrong_first, wrong_second);
        _mm256_testz_si256(wrong, wrong) == 1
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; 32]) -> __m256i {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |index: usize| words.get(index).map_or(0, |word| i64::from_le_bytes(*word));
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    }

    /// For the high half of a character the bit of its row in the code table, and for the low half the rows in which it
    /// makes no digit. A row without any digit has the last bit, which every low half has too.
    const ROWS: ([u8; 16], [u8; 16]) = rows();
    const NO_ROW: u8 = 0x80;
    /// For the high half of a character what is added to it to give its digit, in the order of memory. '/' shares its row
    /// with '+', and takes the place before it, whose row has no digit.
    const OFFSETS: [u8; 16] = offsets();
    const SLASH_ROW: usize = 2;

    const fn rows() -> ([u8; 16], [u8; 16]) {
        let (mut high, mut low) = ([NO_ROW; 16], [NO_ROW; 16]);
        let mut row = 2;
        while row < 8 {
            high[row] = 1 << (row - 2);
            let mut column = 0;
            while column < 16 {
                if digit((row << 4 | column) as u8).is_none() {
                    low[column] |= high[row];
                }
                column += 1;
            }
            row += 1;
        }
        (high, low)
    }

    const fn offsets() -> [u8; 16] {
        let mut offsets = [0; 16];
        let mut character = 0;
        while character < 128u8 {
            if let Some(digit) = digit(character) {
                let row = if character == b'/' { SLASH_ROW - 1 } else { (character >> 4) as usize };
                offsets[row] = digit.wrapping_sub(character);
            }
            character += 1;
        }
        offsets
    }

    /// The digits that characters stand for, and a vector that is zero where all of them are digits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn digits(characters: __m256i) -> (__m256i, __m256i) {
        let half = _mm256_set1_epi8(0x0f);
        let high = _mm256_and_si256(_mm256_srli_epi32::<4>(characters), half);
        let low = _mm256_and_si256(characters, half);
        let wrong =
            _mm256_and_si256(_mm256_shuffle_epi8(twice(&ROWS.0), high), _mm256_shuffle_epi8(twice(&ROWS.1), low));
        // Where a character is '/', the comparison gives -1.
        let row = _mm256_add_epi8(high, _mm256_cmpeq_epi8(characters, _mm256_set1_epi8(b'/' as i8)));
        (_mm256_add_epi8(characters, _mm256_shuffle_epi8(twice(&OFFSETS), row)), wrong)
    }

    /// A table of 16 bytes for both halves of a vector.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn twice(table: &[u8; 16]) -> __m256i {
        let (words, _) = table.as_chunks::<8>();
        let word = |index: usize| words.get(index).map_or(0, |word| i64::from_le_bytes(*word));
        _mm256_set_epi64x(word(1), word(0), word(1), word(0))
    }

    /// Writes the three bytes of each four digits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(digits: __m256i, out: &mut [u8; 24]) {
        // Two digits make twelve bits, and twice twelve a group of 24, its first byte the highest.
        let twelves = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x0140));
        let groups = _mm256_madd_epi16(twelves, _mm256_set1_epi32(0x0001_1000));
        let order = _mm256_setr_epi8(
            2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1,
            -1,
        );
        let ordered = _mm256_shuffle_epi8(groups, order);
        let together = _mm256_permutevar8x32_epi32(ordered, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
        let (words, _) = out.as_chunks_mut::<8>();
        let values = [
            _mm256_extract_epi64::<0>(together),
            _mm256_extract_epi64::<1>(together),
            _mm256_extract_epi64::<2>(together),
        ];
        for (word, value) in words.iter_mut().zip(values) {
            *word = value.to_le_bytes();
        }
    }
}

/// What a run of characters stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes were written.
    pub len: usize,
    /// Whether there was padding, after which nothing may follow.
    pub padded: bool,
}

/// Decodes whole groups of any number, of which the last may be padded. `None` where that is not what `text` is, or
/// where `out` is too small. As OpenSSL does, it does not look at bits that padding leaves over.
pub fn decode(text: &[u8], out: &mut [u8]) -> Option<Decoded> {
    let (groups, []) = text.as_chunks::<4>() else { return None };
    let mut len = 0;
    let mut rest = groups.iter();
    while let Some(&[a, b, c, d]) = rest.next() {
        let take = match (c, d) {
            (b'=', b'=') => 1,
            (_, b'=') => 2,
            _ => 3,
        };
        if take < 3 && rest.len() > 0 {
            return None;
        }
        let bits = group([a, b, if take == 1 { b'A' } else { c }, if take < 3 { b'A' } else { d }]);
        if bits & INVALID != 0 {
            return None;
        }
        let end = len + take;
        out.get_mut(len..end)?.copy_from_slice(bits.to_le_bytes().get(..take)?);
        len = end;
        if take < 3 {
            return Some(Decoded { len, padded: true });
        }
    }
    Some(Decoded { len, padded: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<Vec<u8>> {
        let mut out = vec![0; text.len()];
        let decoded = decode(text.as_bytes(), &mut out)?;
        out.truncate(decoded.len);
        Some(out)
    }

    #[test]
    fn lines_and_groups_stand_for_the_bytes_that_openssl_encoded() {
        for seed in 0..64u8 {
            let original: Vec<u8> =
                (0..2 * LINE_BYTES as u8).map(|i| i.wrapping_mul(37).wrapping_add(seed.wrapping_mul(5))).collect();
            let text = openssl::base64::encode_block(&original);
            let (first, second) = text.split_at(LINE);
            let lines = format!("{first}\n{second}\r\n{first}");
            for decode in [decode_lines, decode_lines_by_groups] {
                let mut out = [0; 200];
                assert_eq!(decode(lines.as_bytes(), &mut out), (2 * LINE + 3, 2 * LINE_BYTES));
                assert_eq!(out[..2 * LINE_BYTES], original);
                assert_eq!(decode(lines.as_bytes(), &mut out[..LINE_BYTES + SLACK]), (LINE + 1, LINE_BYTES));
                assert_eq!(decode(lines.as_bytes(), &mut []), (0, 0));
            }
            for len in 0..original.len() {
                assert_eq!(bytes(&openssl::base64::encode_block(&original[..len])).unwrap(), original[..len]);
            }
        }
    }

    #[test]
    fn what_is_not_whole_groups_of_base64_is_refused() {
        for wrong in
            ["A", "AA", "AAA", "AAAAA", "AA=A", "A===", "====", "AA==AAAA", "AAA=AAA=", "AA-A", "AA_A", "AA A", "\0AAA"]
        {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
        for position in 0..LINE {
            for byte in 0..=255u8 {
                let is_digit = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
                let expected = if is_digit { (LINE + 1, LINE_BYTES) } else { (0, 0) };
                let mut line = [b'A'; LINE + 1];
                line[LINE] = b'\n';
                line[position] = byte;
                for decode in [decode_lines, decode_lines_by_groups] {
                    assert_eq!(decode(&line, &mut [0; LINE_BYTES + SLACK]), expected, "{byte} at {position}");
                }
            }
        }
    }
}
