//! Finds the blocks in PEM text (RFC 7468, with the white space and the explanatory text between blocks that it lets a
//! parser accept) and decodes their base64. It says where a block is damaged, and never guesses what was meant. [`scan`] is
//! the use of it for bundles in the common form, at little cost.

mod base64;
mod body;
pub mod scan;

use std::fmt;

use memchr::memchr;

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
    /// What it says that it holds, such as "CERTIFICATE"; printable ASCII.
    pub label: &'a str,
    text: &'a [u8],
    begin: Boundary<'a>,
    end: Boundary<'a>,
}

/// What is wrong with PEM text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which block, and what is wrong with it.
    pub what: String,
    is_joined: bool,
}

impl Damage {
    /// A block that is damaged.
    pub fn new(what: impl Into<String>) -> Damage {
        Damage { what: what.into(), is_joined: false }
    }

    /// What can be done about it; `usual` is what mends most damage of such a text.
    pub fn hint_or(&self, usual: &'static str) -> &'static str {
        if self.is_joined {
            "a line break is missing between the two: files were joined of which one had none at its end; nothing was loaded"
        } else {
            usual
        }
    }
}

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} ({}, line {})", self.number, self.label, line_number(self.text, self.begin.start))
    }
}

/// Whether there is a line in `text` that begins or ends a block.
pub fn has_boundary(text: &[u8]) -> bool {
    Boundary::find(text, 0).is_some()
}

/// The number of the line at `position`, from 1. Whoever finds no damage never pays for it.
fn line_number(text: &[u8], position: usize) -> usize {
    1 + text.iter().take(position).filter(|&&byte| byte == b'\n').count()
}

/// A line that begins or ends a block.
#[derive(Clone, Copy, Debug)]
struct Boundary<'a> {
    /// From its hyphens on, without the white space behind them.
    line: &'a [u8],
    /// Where it starts.
    start: usize,
    /// Where its hyphens stand.
    hyphens: usize,
    /// Where the next line starts.
    next: usize,
}

impl<'a> Boundary<'a> {
    /// The first one from `position` on, where a line starts.
    fn find(text: &'a [u8], mut position: usize) -> Option<Boundary<'a>> {
        loop {
            let rest = text.get(position..)?;
            let hyphen = memchr(b'-', rest)?;
            let start = rest.get(..hyphen)?.iter().rposition(|&byte| byte == b'\n').map_or(0, |before| before + 1);
            let next = memchr(b'\n', rest.get(hyphen..)?).map_or(rest.len(), |after| hyphen + after + 1);
            let whole = unmarked(rest.get(start..next)?.trim_ascii_start());
            let line = whole.trim_ascii_end();
            if line.starts_with(BEGIN) || line.starts_with(END) {
                let [start, hyphens, next] = [start, next - whole.len(), next].map(|offset| position + offset);
                return Some(Boundary { line, start, hyphens, next });
            }
            position += next;
        }
    }

    /// Whether a byte-order mark stands before it.
    fn is_marked(self, text: &[u8]) -> bool {
        text.get(self.start..self.hyphens).is_some_and(|before| !before.trim_ascii().is_empty())
    }
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
    Blocks { text, position: 0, number: 0, ended: false }
}

/// See [`blocks`].
pub struct Blocks<'a> {
    text: &'a [u8],
    position: usize,
    number: usize,
    ended: bool,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let begin = Boundary::find(self.text, self.position);
        let item = begin.map(|begin| self.block(begin));
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

impl<'a> Blocks<'a> {
    fn block(&mut self, begin: Boundary<'a>) -> Result<Block<'a>, Damage> {
        let text = self.text;
        let number_of = |boundary: Boundary<'_>| line_number(text, boundary.start);
        let Some(rest) = begin.line.strip_prefix(BEGIN) else {
            return Err(Damage::new(format!("line {} ends a block that never began", number_of(begin))));
        };
        let Some(label) = label_of(rest) else {
            return Err(Damage::new(format!("line {} is not a well-formed BEGIN line", number_of(begin))));
        };
        self.number += 1;
        let block = Block { number: self.number, label, text, begin, end: begin };
        let cut_off = |why: String| Err(Damage::new(format!("{block} is cut off: {why}")));
        let mut position = begin.next;
        loop {
            let Some(end) = Boundary::find(text, position) else {
                return cut_off("the text ends before its END line".to_owned());
            };
            let Some(rest) = end.line.strip_prefix(END) else {
                return cut_off(format!("line {} begins another block", number_of(end)));
            };
            position = end.next;
            // A byte-order mark may stand before a block, and not inside of one.
            if end.is_marked(text) {
                continue;
            }
            if rest.strip_suffix(HYPHENS) != Some(label.as_bytes()) {
                return match rest.strip_prefix(label.as_bytes()).and_then(|rest| rest.strip_prefix(HYPHENS)) {
                    Some(behind) if behind.starts_with(BEGIN) => {
                        let what = format!("{block}: END and BEGIN stand on one line (line {})", number_of(end));
                        Err(Damage { what, is_joined: true })
                    }
                    Some(_) => Err(Damage::new(format!("{block}: text stands behind its END (line {})", number_of(end)))),
                    None => cut_off(format!("line {} ends another kind of block", number_of(end))),
                };
            }
            self.position = position;
            return Ok(Block { end, ..block });
        }
    }
}

fn label_of(rest: &[u8]) -> Option<&str> {
    let label = rest.strip_suffix(HYPHENS)?;
    if label == b"CERTIFICATE" {
        return Some("CERTIFICATE");
    }
    let printable = label.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let plausible = !label.is_empty() && label.len() <= LONGEST_LABEL && printable;
    plausible.then(|| std::str::from_utf8(label).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<(String, Vec<u8>), String>> {
        blocks(text.as_bytes())
            .map(|block| {
                let block = block.map_err(|damage| damage.what)?;
                Ok((block.to_string(), block.decode().map_err(|damage| damage.what)?))
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
