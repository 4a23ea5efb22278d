//! The blocks of a bundle in the common form, in which every reader of PEM sees the same, decoded into one buffer. Of any
//! other text it says nothing: then [`decode`](crate::trust::decode) reads it, which knows all forms and names what is wrong.

use std::ops::Range;

use super::body::split_line;
use super::{BYTE_ORDER_MARK, HYPHENS, base64, blocks};

/// How long a line of base64 is in nearly every bundle.
const USUAL_LINE: usize = 64;
/// The same with either line end.
const LF: usize = USUAL_LINE + 1;
const CRLF: usize = USUAL_LINE + 2;
/// OpenSSL reads lines in pieces of 254 bytes; in what is longer, another reader may see something else.
const LONGEST_LINE: usize = 250;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate.
    Certificate,
    /// A certificate, and OpenSSL's trust settings behind it.
    Trusted,
    /// A certificate revocation list.
    Crl,
}

/// A block.
#[derive(Debug)]
pub struct Block<'a> {
    /// What it holds.
    pub kind: Kind,
    /// Where its bytes lie in the buffer.
    pub der: Range<usize>,
    /// All of it, from its BEGIN line to its END line.
    pub text: &'a [u8],
}

/// The blocks of `text`, whose bytes are appended to `der`; `None` where it is not in the common form.
pub fn scan<'a>(text: &'a [u8], der: &mut Vec<u8>) -> Option<Vec<Block<'a>>> {
    let start = der.len();
    if der.is_empty() {
        // Fresh memory is zero already.
        *der = vec![0; text.len()];
    } else {
        der.resize(start + text.len(), 0);
    }
    let room = der.get_mut(start..)?;
    let mut found = Vec::with_capacity(text.len() / 1200);
    let (mut position, mut end) = (0, 0);
    loop {
        let rest = text.get(position..)?;
        let (kind, place, count) = match usual(rest, room.get_mut(end..)?) {
            Some((length, count)) => (Kind::Certificate, 0..length, count),
            None => {
                let Some(block) = blocks(rest).next() else { break };
                let block = block.ok()?;
                let kind = kind_of(block.label)?;
                // An indented END line ends the block for us, and for others not.
                if !is_common_between(rest.get(..block.begin.hyphens)?) || block.end.start != block.end.hyphens {
                    return None;
                }
                (kind, block.begin.hyphens..block.end.next, join(block.body(), room.get_mut(end..)?)?)
            }
        };
        let padding = base64::fill(room.get_mut(end..end + count)?)?;
        let [first, last] = [end, end + count].map(|characters| start + characters / 4 * 3);
        found.push(Block { kind, der: first..last - padding, text: rest.get(place.clone())? });
        position += place.end;
        end += count;
    }
    if !is_common_after(text.get(position..)?) {
        return None;
    }
    // All at once: to begin costs as much as ten lines.
    let decoded = base64::decode_groups(room.get_mut(..end)?)?;
    der.truncate(start + decoded);
    Some(found)
}

/// A certificate as nearly every bundle has it, at the very start of `text`: how long it is there, and how many characters of
/// its lines are now in `room`. Whatever stands in them that is no base64 will not be decoded.
fn usual(text: &[u8], room: &mut [u8]) -> Option<(usize, usize)> {
    let body = text.strip_prefix(b"-----BEGIN CERTIFICATE-----\n")?;
    let lines = usual_lines::<LF>(body, room);
    let rest = body.get(lines * LF..)?;
    let (last, end) = if rest.starts_with(HYPHENS) { (&[][..], rest) } else { split_line(rest) };
    let count = lines * USUAL_LINE + last.len();
    let after = end.strip_prefix(b"-----END CERTIFICATE-----\n")?;
    if last.len() > USUAL_LINE || !last.len().is_multiple_of(4) {
        return None;
    }
    room.get_mut(lines * USUAL_LINE..count)?.copy_from_slice(last);
    Some((text.len() - after.len(), count))
}

fn kind_of(label: &str) -> Option<Kind> {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => Some(Kind::Certificate),
        "TRUSTED CERTIFICATE" => Some(Kind::Trusted),
        "X509 CRL" => Some(Kind::Crl),
        _ => None,
    }
}

/// Puts the characters of the lines of `body` together: how many there are. `None` where a line is not whole groups of them,
/// padding among them.
fn join(body: &[u8], room: &mut [u8]) -> Option<usize> {
    let first = body.len() - split_line(body).1.len();
    let (lines, width) = match first {
        LF => (usual_lines::<LF>(body, room), LF),
        CRLF => (usual_lines::<CRLF>(body, room), CRLF),
        _ => (0, 0),
    };
    let (mut count, mut rest) = (lines * USUAL_LINE, body.get(lines * width..)?);
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        let line = trim_end(line);
        // An empty line would make headers of what stands before it.
        if line.is_empty() || line.len() > LONGEST_LINE || !line.len().is_multiple_of(4) {
            return None;
        }
        room.get_mut(count..count + line.len())?.copy_from_slice(line);
        count += line.len();
        rest = after;
    }
    Some(count)
}

/// Puts together lines of the usual length, which are `N` bytes with their ends, up to the first other one: how many there
/// are.
fn usual_lines<const N: usize>(text: &[u8], room: &mut [u8]) -> usize {
    let (lines, _) = text.as_chunks::<N>();
    let (room, _) = room.as_chunks_mut();
    let mut count = 0;
    for (line, to) in lines.iter().zip(room) {
        let Some((characters, b"\n" | b"\r\n")) = line.split_first_chunk::<USUAL_LINE>() else { break };
        *to = *characters;
        count += 1;
    }
    count
}

/// Whether every reader passes over what stands before a BEGIN line, which it then sees at the start of its line. OpenSSL
/// passes over one byte-order mark where it begins to look for a block.
fn is_common_between(text: &[u8]) -> bool {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    text.is_empty() || (text.ends_with(b"\n") && are_comments(text))
}

/// The same behind the last block.
fn is_common_after(text: &[u8]) -> bool {
    are_comments(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

/// Whether every reader passes over each line: it neither begins nor ends a block in a way that some accept.
fn are_comments(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let (line, rest) = split_line(text);
        let plain = !line.contains(&0) && !line.trim_ascii_start().starts_with(HYPHENS);
        if !plain || (line.len() > LONGEST_LINE && line.windows(HYPHENS.len()).any(|window| window == HYPHENS)) {
            return false;
        }
        text = rest;
    }
    true
}

fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [before @ .., b' ' | b'\t' | b'\r'] = line {
        line = before;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::pem::BEGIN;

    fn found(text: &[u8]) -> Option<Vec<(Kind, Vec<u8>)>> {
        let mut der = b"what was there".to_vec();
        let blocks = scan(text, &mut der)?;
        assert!(der.starts_with(b"what was there"));
        for block in &blocks {
            let whole = text.windows(block.text.len()).any(|window| window == block.text);
            assert!(whole && block.text.starts_with(BEGIN) && block.text.trim_ascii_end().ends_with(HYPHENS));
        }
        Some(blocks.into_iter().map(|block| (block.kind, der[block.der].to_vec())).collect())
    }

    fn block(label: &str, bytes: &[u8], width: usize, newline: &str) -> String {
        let base64 = openssl::base64::encode_block(bytes);
        let lines: Vec<&str> = base64.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----{newline}{}{newline}-----END {label}-----{newline}", lines.join(newline))
    }

    #[test]
    fn the_common_forms_are_read() {
        for len in [1, 2, 3, 47, 48, 49, 95, 96, 97, 300] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let expected = Some(vec![(Kind::Certificate, bytes.clone())]);
            for (width, newline) in [(64, "\n"), (64, "\r\n"), (76, "\n"), (60, "\n"), (4, "\n"), (64, " \t\n")] {
                let text = block("CERTIFICATE", &bytes, width, newline);
                assert_eq!(found(text.as_bytes()), expected, "{text}");
                assert_eq!(found(format!("\u{feff}{}", text.trim_end()).as_bytes()), expected, "{text}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_may_stand_before_each_block() {
        let (one, other) = (block("CERTIFICATE", &[1; 60], 64, "\n"), block("X509 CRL", &[2; 60], 64, "\r\n"));
        let expected = || Some(vec![(Kind::Certificate, vec![1; 60]), (Kind::Crl, vec![2; 60])]);
        assert_eq!(found(format!("\u{feff}{one}\u{feff}{other}\u{feff}").as_bytes()), expected());
        assert_eq!(found(format!("{one}\u{feff}# words\n{other}").as_bytes()), expected());
        for text in [format!("{one}# words\n\u{feff}{other}"), format!("{one}\u{feff}\u{feff}{other}")] {
            assert_eq!(found(text.as_bytes()), None, "the other reader decides: {text}");
        }
    }

    #[test]
    fn several_blocks_with_comments_in_any_encoding_between_them_are_read() {
        let text = [
            b"# Root d\xe9 Paris \xff\n\n".to_vec(),
            block("X509 CERTIFICATE", &[1, 2, 3], 64, "\n").into_bytes(),
            b"\r\nsubject=CN = x - y -----\n   \n".to_vec(),
            block("TRUSTED CERTIFICATE", &[4; 48], 64, "\r\n").into_bytes(),
            vec![b'x'; 5000],
            b"\n".to_vec(),
            block("X509 CRL", &[5; 100], 64, "\n").into_bytes(),
            b"no newline at the end".to_vec(),
        ]
        .concat();
        let expected =
            vec![(Kind::Certificate, vec![1, 2, 3]), (Kind::Trusted, vec![4; 48]), (Kind::Crl, vec![5; 100])];
        assert_eq!(found(&text), Some(expected));
        assert_eq!(found(b"nothing at all"), Some(vec![]));
    }

    #[test]
    fn a_line_that_is_too_long_by_a_character_is_not_cut_to_the_usual_length() {
        for newline in ["\n", "\r\n"] {
            let good = block("CERTIFICATE", &[7; 150], 64, newline);
            let second = good.match_indices(newline).nth(2).unwrap().0;
            for end in ["B\n", "B\r\n", "\r\r\n", "B", ""] {
                let text = format!("{}{end}{}", &good[..second], &good[second + newline.len()..]);
                let eager = blocks(text.as_bytes()).next().unwrap().unwrap().decode();
                match found(text.as_bytes()) {
                    None => {}
                    Some(found) => assert_eq!(Ok(&found[0].1), eager.as_ref(), "{text}"),
                }
            }
        }
    }

    #[test]
    fn where_a_last_line_and_its_end_line_are_as_long_as_a_usual_line_both_are_seen() {
        for len in 1..200 {
            let text = [block("CERTIFICATE", &vec![1; len], 64, "\n"), block("CERTIFICATE", &[2; 99], 64, "\n")].concat();
            let commented = text.replace("-----BEGIN", "# 1\n-----BEGIN");
            for text in [text, commented] {
                assert_eq!(found(text.as_bytes()).unwrap()[0].1, vec![1; len], "{text}");
            }
        }
    }

    #[test]
    fn what_readers_see_differently_is_left_to_the_other_reader() {
        let good = block("CERTIFICATE", &[7; 60], 64, "\n");
        for (text, what) in [
            (block("PRIVATE KEY", &[7; 60], 64, "\n"), "another label"),
            (good.replace("-----END", " -----END"), "an indented END line"),
            (format!(" {good}"), "an indented BEGIN line"),
            (format!("-----END CERTIFICATE-----\n{good}"), "an END line that ends nothing"),
            (format!("-----BEGIN CERTIFICATE----\n{good}"), "a BEGIN line cut short"),
            (good.replace("-----END CERTIFICATE", "-----END X509 CRL"), "another END"),
            (good[..good.len() - 30].to_owned(), "a truncated block"),
            (good.replace("BwcH", "Bw=H"), "padding inside"),
            (good.replace("BwcH", "Bw*H"), "a character that is not base64"),
            (good.replacen("BwcH", "BwcHB", 1), "a group cut off"),
            (good.replacen("CERTIFICATE-----\n", "CERTIFICATE-----\n\n", 1), "an empty line"),
            (good.replacen("CERTIFICATE-----\n", "CERTIFICATE-----\nProc-Type: 4\n\n", 1), "a header"),
            ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(), "an empty block"),
            (format!("a\0b\n{good}"), "a NUL byte"),
            (format!("{}-----BEGIN\n{good}", "x".repeat(254)), "a BEGIN in a long line"),
        ] {
            assert_eq!(found(text.as_bytes()), None, "{what}");
        }
    }
}
