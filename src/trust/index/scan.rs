//! Finds the certificates in PEM text and decodes them into one buffer. It reads the common form of a bundle, in which
//! every reader of PEM sees the same blocks, and says nothing of any other: then [`decode`](crate::trust::decode) reads
//! the text, which knows all forms and names what is wrong.

use std::ops::Range;

use crate::trust::index::base64::{self, LINE, SLACK};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const USUAL_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----\n";
const HYPHENS: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const LINE_BYTES: usize = LINE / 4 * 3;
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
    let mut rest = unmarked(text);
    let mut end = der.len();
    // Four characters give three bytes; the last line of a block may be written with some slack.
    let room = end + text.len() / 4 * 3 + LINE_BYTES + SLACK;
    if der.is_empty() {
        // Fresh memory is zero already.
        *der = vec![0; room];
    } else {
        der.resize(room, 0);
    }
    let mut blocks = Vec::with_capacity(text.len() / 1200);
    while !rest.is_empty() {
        let (first, start) = (rest, end);
        let text = |rest: &[u8]| first.get(..first.len() - rest.len()).unwrap_or_default();
        if let Some(after) = rest.strip_prefix(USUAL_BEGIN) {
            (end, rest) = body(after, b"CERTIFICATE", der, start)?;
            blocks.push(Block { kind: Kind::Certificate, der: start..end, text: text(rest) });
            rest = unmarked(rest);
            continue;
        }
        let (line, after) = split_line(rest);
        rest = after;
        if let Some(label) = line.strip_prefix(BEGIN) {
            let label = trim_end(label).strip_suffix(HYPHENS)?;
            let kind = kind_of(label)?;
            (end, rest) = body(rest, label, der, start)?;
            blocks.push(Block { kind, der: start..end, text: text(rest) });
            rest = unmarked(rest);
        } else if !is_comment(line) {
            return None;
        }
    }
    der.truncate(end);
    Some(blocks)
}

/// What follows without the byte-order mark before it: OpenSSL passes over one where it begins to look for a block.
fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

fn kind_of(label: &[u8]) -> Option<Kind> {
    match label {
        b"CERTIFICATE" | b"X509 CERTIFICATE" => Some(Kind::Certificate),
        b"TRUSTED CERTIFICATE" => Some(Kind::Trusted),
        b"X509 CRL" => Some(Kind::Crl),
        _ => None,
    }
}

/// Decodes the lines of a block up to its END line into `der` from `end` on: where the bytes end, and what follows.
fn body<'a>(mut rest: &'a [u8], label: &[u8], der: &mut [u8], start: usize) -> Option<(usize, &'a [u8])> {
    let mut end = start;
    let mut ended = false;
    loop {
        if !ended {
            let (read, written) = base64::decode_lines(rest, der.get_mut(end..)?);
            rest = rest.get(read..)?;
            end += written;
        }
        if rest.is_empty() {
            return None;
        }
        let (line, after) = split_line(rest);
        let line = trim_end(line);
        rest = after;
        if let Some(found) = line.strip_prefix(END) {
            let whole = found.strip_suffix(HYPHENS)? == label && end > start;
            return whole.then_some((end, rest));
        }
        // An empty line would make headers of what stands before it.
        if ended || line.is_empty() || line.len() > LONGEST_LINE {
            return None;
        }
        let decoded = base64::decode(line, der.get_mut(end..)?)?;
        end += decoded.len;
        ended = decoded.padded;
    }
}

/// Whether every reader passes over `line`: it neither begins nor ends a block in a way that some accept.
fn is_comment(line: &[u8]) -> bool {
    let plain = !line.contains(&0) && !line.trim_ascii_start().starts_with(HYPHENS);
    plain && (line.len() <= LONGEST_LINE || !line.windows(HYPHENS.len()).any(|window| window == HYPHENS))
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == b'\n') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
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
