//! Finds the blocks in PEM text (RFC 7468, with the white space and the explanatory text between blocks that it lets a
//! parser accept) and decodes their base64. It says where a block is damaged, and never guesses what was meant.

use std::fmt;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const HYPHENS: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Longer than any label in use; what is longer is no label.
const LONGEST_LABEL: usize = 64;

/// One block between its BEGIN and END lines.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Its position among the blocks, from 1.
    pub number: usize,
    /// The line of its BEGIN, from 1.
    pub line: usize,
    /// What it says that it holds, such as "CERTIFICATE"; printable ASCII.
    pub label: &'a str,
    body: &'a [u8],
}

/// What is wrong with PEM text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage(pub String);

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} ({}, line {})", self.number, self.label, self.line)
    }
}

/// Whether there is a line in `text` that begins or ends a block.
pub fn has_boundary(text: &[u8]) -> bool {
    Lines::new(text).map(|(_, line)| unmarked(line)).any(|line| line.starts_with(BEGIN) || line.starts_with(END))
}

/// A line without the byte-order mark before it: where files are joined, one stands before any of their blocks.
fn unmarked(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_prefix(BYTE_ORDER_MARK) {
        line = rest.trim_ascii_start();
    }
    line
}

/// The blocks of `text`, in order. After the first damage there is nothing more.
pub fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks { text, lines: Lines::new(text), number: 0, ended: false }
}

/// See [`blocks`].
pub struct Blocks<'a> {
    text: &'a [u8],
    lines: Lines<'a>,
    number: usize,
    ended: bool,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.find();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

impl<'a> Blocks<'a> {
    fn find(&mut self) -> Option<Result<Block<'a>, Damage>> {
        let (line, label) = loop {
            let (number, line) = self.lines.next()?;
            let line = unmarked(line);
            if line.starts_with(END) {
                return Some(Err(Damage(format!("line {number} ends a block that never began"))));
            }
            if let Some(rest) = line.strip_prefix(BEGIN) {
                match label_of(rest) {
                    Some(label) => break (number, label),
                    None => return Some(Err(Damage(format!("line {number} is not a well-formed BEGIN line")))),
                }
            }
        };
        self.number += 1;
        let mut block = Block { number: self.number, line, label, body: &[] };
        let start = self.lines.position;
        loop {
            let before = self.lines.position;
            let Some((number, line)) = self.lines.next() else {
                return Some(Err(Damage(format!("{block} is cut off: the text ends before its END line"))));
            };
            if unmarked(line).starts_with(BEGIN) {
                return Some(Err(Damage(format!("{block} is cut off: line {number} begins another block"))));
            }
            if let Some(rest) = line.strip_prefix(END) {
                if label_of(rest) != Some(block.label) {
                    return Some(Err(Damage(format!("{block} is cut off: line {number} ends another kind of block"))));
                }
                block.body = self.text.get(start..before).unwrap_or_default();
                return Some(Ok(block));
            }
        }
    }
}

fn label_of(rest: &[u8]) -> Option<&str> {
    let label = rest.strip_suffix(HYPHENS)?;
    let printable = label.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let plausible = !label.is_empty() && label.len() <= LONGEST_LABEL && printable;
    plausible.then(|| std::str::from_utf8(label).ok()).flatten()
}

impl Block<'_> {
    /// The bytes that the block's base64 stands for.
    pub fn decode(&self) -> Result<Vec<u8>, Damage> {
        let mut decoder = Decoder::default();
        let mut in_headers = None;
        for (index, line) in Lines::new(self.body) {
            let number = self.line + index;
            // RFC 1421 headers: lines up to the first empty one, where the first has a colon, which base64 never has.
            if *in_headers.get_or_insert_with(|| line.contains(&b':')) {
                if line.windows(9).any(|word| word == b"ENCRYPTED") {
                    return Err(Damage(format!("{self} is encrypted (line {number})")));
                }
                in_headers = Some(!line.is_empty());
                continue;
            }
            for &byte in line {
                decoder.push(byte).map_err(|what| Damage(format!("{self}: {what} in line {number}")))?;
            }
        }
        decoder.finish().map_err(|what| Damage(format!("{self}: {what}")))
    }
}

/// Base64 (RFC 4648 section 4), padding required.
#[derive(Default)]
struct Decoder {
    bytes: Vec<u8>,
    bits: u32,
    digits: usize,
    padding: usize,
}

impl Decoder {
    fn push(&mut self, byte: u8) -> Result<(), &'static str> {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.padding += 1;
                return if self.padding <= 2 { Ok(()) } else { Err("too much padding") };
            }
            b' ' | b'\t' => return Ok(()),
            0 => return Err("a NUL byte"),
            _ => return Err("a character that is not base64"),
        };
        if self.padding > 0 {
            return Err("text after the padding");
        }
        self.bits = self.bits << 6 | u32::from(digit);
        self.digits += 1;
        if self.digits.is_multiple_of(4) {
            let [_, high, middle, low] = self.bits.to_be_bytes();
            self.bytes.extend([high, middle, low]);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, &'static str> {
        match (self.digits % 4, self.padding) {
            (0, 0) => {}
            (2, 2) => self.bytes.push((self.bits >> 4) as u8),
            (3, 1) => self.bytes.extend([(self.bits >> 10) as u8, (self.bits >> 2) as u8]),
            _ => return Err("its base64 is incomplete"),
        }
        if self.bytes.is_empty() { Err("it is empty") } else { Ok(self.bytes) }
    }
}

/// Lines with their numbers, without the white space around them.
struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Lines<'a> {
        Lines { text, position: 0, number: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        self.position += (line.len() + 1).min(rest.len());
        self.number += 1;
        Some((self.number, line.trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<(String, Vec<u8>), String>> {
        blocks(text.as_bytes())
            .map(|block| {
                let block = block.map_err(|damage| damage.0)?;
                Ok((block.to_string(), block.decode().map_err(|damage| damage.0)?))
            })
            .collect()
    }

    fn damage(text: &str) -> String {
        read(text).pop().unwrap().unwrap_err()
    }

    #[test]
    fn blocks_are_found_between_other_text_with_any_line_end_indentation_or_byte_order_mark() {
        let text = "\u{feff}-----BEGIN A-----\r\nAAEC\r\n-----END A-----\r\nsubject: CN=x\n\n  -----BEGIN B C-----  \n  /w==\n  -----END B C-----";
        let expected = vec![
            Ok(("block 1 (A, line 1)".to_owned(), vec![0, 1, 2])),
            Ok(("block 2 (B C, line 6)".to_owned(), vec![255])),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_byte_order_mark_stands_before_any_block_and_never_inside_one() {
        let block = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
        let mark = "\u{feff}";
        for text in [
            format!("{mark}{block}{mark}{block}"),
            format!("{block}# words\n{mark}{block}"),
            format!("{mark}{mark}{block} {mark} {block}"),
            format!("{block}{mark}\n{mark}# words\n{block}{mark}"),
        ] {
            let found: Vec<Vec<u8>> = read(&text).into_iter().map(|block| block.unwrap().1).collect();
            assert_eq!(found, [[0, 1, 2], [0, 1, 2]], "{text:?}");
            assert!(has_boundary(text.as_bytes()));
        }
        for text in [block.replace("AAEC", "\u{feff}AAEC"), block.replace("AAEC", "AA\u{feff}EC")] {
            assert_eq!(damage(&text), "block 1 (A, line 1): a character that is not base64 in line 2");
        }
        assert_eq!(
            damage(&block.replace("-----END", "\u{feff}-----END")),
            "block 1 (A, line 1) is cut off: the text ends before its END line"
        );
        assert_eq!(
            damage(&format!("-----BEGIN A-----\nAAEC\n{mark}{block}")),
            "block 1 (A, line 1) is cut off: line 3 begins another block"
        );
    }

    #[test]
    fn base64_may_be_broken_into_lines_anywhere() {
        assert_eq!(read("-----BEGIN A-----\nA\nAE\nCA w==\n-----END A-----").pop().unwrap().unwrap().1, [0, 1, 2, 3]);
    }

    #[test]
    fn headers_of_rfc_1421_are_skipped_and_encryption_is_named() {
        let block = |header: &str| format!("-----BEGIN A-----\n{header}\n\nAAEC\n-----END A-----");
        assert_eq!(read(&block("Comment: x")).pop().unwrap().unwrap().1, [0, 1, 2]);
        assert_eq!(damage(&block("Proc-Type: 4,ENCRYPTED")), "block 1 (A, line 1) is encrypted (line 2)");
    }

    #[test]
    fn damage_is_named_with_its_block_and_line() {
        for (text, expected) in [
            ("-----BEGIN A-----\nAAEC\n", "block 1 (A, line 1) is cut off: the text ends before its END line"),
            (
                "-----BEGIN A-----\nAAEC\n-----BEGIN A-----\nAAEC\n-----END A-----",
                "block 1 (A, line 1) is cut off: line 3 begins another block",
            ),
            (
                "-----BEGIN A-----\nAAEC\n-----END B-----",
                "block 1 (A, line 1) is cut off: line 3 ends another kind of block",
            ),
            ("x\n-----END A-----", "line 2 ends a block that never began"),
            ("-----BEGIN A----\nAAEC\n-----END A-----", "line 1 is not a well-formed BEGIN line"),
            ("-----BEGIN -----\n", "line 1 is not a well-formed BEGIN line"),
            ("-----BEGIN \u{7}-----\n", "line 1 is not a well-formed BEGIN line"),
            (
                "-----BEGIN A-----\nAAEC\nAA*C\n-----END A-----",
                "block 1 (A, line 1): a character that is not base64 in line 3",
            ),
            ("-----BEGIN A-----\nAA\0C\n-----END A-----", "block 1 (A, line 1): a NUL byte in line 2"),
            ("-----BEGIN A-----\nAA==\nAAEC\n-----END A-----", "block 1 (A, line 1): text after the padding in line 3"),
            ("-----BEGIN A-----\nA===\n-----END A-----", "block 1 (A, line 1): too much padding in line 2"),
            ("-----BEGIN A-----\nAAE\n-----END A-----", "block 1 (A, line 1): its base64 is incomplete"),
            ("-----BEGIN A-----\nAAECA\n-----END A-----", "block 1 (A, line 1): its base64 is incomplete"),
            ("-----BEGIN A-----\n-----END A-----", "block 1 (A, line 1): it is empty"),
        ] {
            assert_eq!(damage(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_follows_a_damaged_block() {
        let mut found = blocks(b"-----END A-----\n-----BEGIN A-----\nAAEC\n-----END A-----");
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none());
    }
}
