//! Reads the lines of a certdata.txt: comments, attributes of one line, and attributes whose octets fill the lines up to
//! an END. What is none of these is an error that names the line; nothing is guessed or passed over.

use std::fmt;

/// One attribute of an object.
#[derive(Debug)]
pub struct Attribute<'a> {
    /// The line that it begins in, from 1.
    pub line: usize,
    /// Its name, such as "CKA_LABEL".
    pub name: &'a str,
    /// What it holds.
    pub value: Value<'a>,
}

/// What an attribute holds.
#[derive(Debug)]
pub enum Value<'a> {
    /// Octets (`MULTILINE_OCTAL`).
    Octets(Vec<u8>),
    /// Text (`UTF8`).
    Text(String),
    /// CK_TRUE or CK_FALSE (`CK_BBOOL`).
    Truth(bool),
    /// The name of a constant (`CK_OBJECT_CLASS`, `CK_TRUST` and others).
    Constant(&'a str),
}

/// What is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    line: usize,
    what: String,
}

impl Damage {
    /// Something wrong in `line`.
    pub fn new(line: usize, what: impl Into<String>) -> Damage {
        Damage { line, what: what.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// More of a line is not shown in an error.
const SHOWN: usize = 40;

/// The attributes of `text`, which begin after its BEGINDATA line. After the first damage there is nothing more.
pub struct Attributes<'a> {
    rest: &'a [u8],
    line: usize,
    has_begun: bool,
    has_ended: bool,
}

impl<'a> Attributes<'a> {
    /// See the type's text.
    pub fn new(text: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: text, line: 0, has_begun: false, has_ended: false }
    }

    /// The next line, without the white space around it. The last one must end like the others: else it was cut off.
    fn line(&mut self) -> Option<Result<&'a [u8], Damage>> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') else {
            return Some(Err(self.damage("the text is cut off: its last line has no end")));
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(Ok(line.trim_ascii()))
    }

    fn damage(&self, what: impl Into<String>) -> Damage {
        Damage::new(self.line, what)
    }

    fn begin(&mut self) -> Result<(), Damage> {
        while let Some(line) = self.line() {
            if line? == BEGIN {
                self.has_begun = true;
                return Ok(());
            }
        }
        Err(self.damage("the text ends, and no line was BEGINDATA"))
    }

    fn find(&mut self) -> Result<Option<Attribute<'a>>, Damage> {
        if !self.has_begun {
            self.begin()?;
        }
        while let Some(line) = self.line() {
            match line? {
                [] | [b'#', ..] => {}
                line => return self.attribute(line).map(Some),
            }
        }
        Ok(None)
    }

    fn attribute(&mut self, line: &'a [u8]) -> Result<Attribute<'a>, Damage> {
        let number = self.line;
        let text = std::str::from_utf8(line).map_err(|_| self.damage("this is not UTF-8"))?;
        let (name, rest) = split_word(text);
        let (kind, rest) = split_word(rest);
        let is_name = name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        if !name.starts_with("CKA_") || !is_name || kind.is_empty() {
            return Err(self.damage(format!("{} is neither a comment nor an attribute", shown(text))));
        }
        let value = match kind {
            "MULTILINE_OCTAL" if rest.is_empty() => Value::Octets(self.octets(name)?),
            "UTF8" => Value::Text(self.quoted(rest)?),
            "CK_BBOOL" if rest == "CK_TRUE" => Value::Truth(true),
            "CK_BBOOL" if rest == "CK_FALSE" => Value::Truth(false),
            _ if kind.starts_with("CK_") && kind != "CK_BBOOL" && is_constant(rest) => Value::Constant(rest),
            _ => return Err(self.damage(format!("{} is not a value of type {}", shown(rest), shown(kind)))),
        };
        Ok(Attribute { line: number, name, value })
    }

    /// The octets of the lines up to END, each a backslash and three octal digits.
    fn octets(&mut self, name: &str) -> Result<Vec<u8>, Damage> {
        let start = self.line;
        let mut octets = Vec::new();
        while let Some(line) = self.line() {
            let line = line?;
            if line == b"END" {
                return Ok(octets);
            }
            if line.is_empty() || line.len() % 4 != 0 {
                return Err(self.not_octal(line, start));
            }
            for digits in line.chunks_exact(4) {
                let &[b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7'] = digits else {
                    return Err(self.not_octal(line, start));
                };
                octets.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
            }
        }
        Err(Damage::new(start, format!("the text ends before the END of {name}")))
    }

    fn not_octal(&self, line: &[u8], start: usize) -> Damage {
        let line = String::from_utf8_lossy(line);
        self.damage(format!("{} is not octal (\\ooo), in the value that begins in line {start}", shown(&line)))
    }

    /// Text between quotes, with `\"`, `\\` and `\xNN` in it.
    fn quoted(&self, text: &str) -> Result<String, Damage> {
        let broken = || self.damage(format!("{} is not text between quotes", shown(text)));
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(broken)?;
        let mut bytes = Vec::with_capacity(inner.len());
        let mut rest = inner.as_bytes();
        while let [first, more @ ..] = rest {
            rest = match (first, more) {
                (b'\\', [escaped @ (b'"' | b'\\'), more @ ..]) => {
                    bytes.push(*escaped);
                    more
                }
                (b'\\', [b'x', high, low, more @ ..]) => {
                    bytes.push(hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low).ok_or_else(broken)?);
                    more
                }
                (b'\\' | b'"', _) => return Err(broken()),
                (byte, more) => {
                    bytes.push(*byte);
                    more
                }
            };
        }
        String::from_utf8(bytes).map_err(|_| broken())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let item = self.find().transpose();
        self.has_ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The line after which the objects begin.
pub const BEGIN: &[u8] = b"BEGINDATA";

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_ascii_start())
}

fn is_constant(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The beginning of `text`, fit to be read in one line.
pub fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    let dots = if start.len() < text.len() { "..." } else { "" };
    format!("{:?}", format!("{start}{dots}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<String, String>> {
        Attributes::new(text)
            .map(|attribute| {
                attribute
                    .map(|Attribute { line, name, value }| format!("{line} {name} {value:?}"))
                    .map_err(|damage| damage.to_string())
            })
            .collect()
    }

    #[test]
    fn attributes_of_every_type_are_read_with_any_line_end() {
        let text = "an old header\nBEGINDATA\n# comment \u{e9}\n\nCKA_CLASS CK_OBJECT_CLASS CKO_CERTIFICATE\nCKA_TOKEN CK_BBOOL CK_TRUE\n\
                    CKA_LABEL UTF8 \"F\u{151} \\\"a\\\\b\\\" \\xc5\\x91\"\nCKA_VALUE MULTILINE_OCTAL\n\\060\\202\n\\377\nEND\n";
        let expected = [
            "5 CKA_CLASS Constant(\"CKO_CERTIFICATE\")",
            "6 CKA_TOKEN Truth(true)",
            "7 CKA_LABEL Text(\"F\u{151} \\\"a\\\\b\\\" \u{151}\")",
            "8 CKA_VALUE Octets([48, 130, 255])",
        ];
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            assert_eq!(read(text.as_bytes()), expected.map(|line| Ok(line.to_owned())));
        }
    }

    #[test]
    fn damage_is_named_with_its_line() {
        for (text, expected) in [
            ("", "line 0: the text ends, and no line was BEGINDATA"),
            ("CKA_TOKEN CK_BBOOL CK_TRUE\n", "line 1: the text ends, and no line was BEGINDATA"),
            ("BEGINDATA\nCKA_TOKEN CK_BBOOL CK_TR", "line 2: the text is cut off: its last line has no end"),
            ("BEGINDATA\nhello world\n", "line 2: \"hello world\" is neither a comment nor an attribute"),
            ("BEGINDATA\nCKA_TOKEN\n", "line 2: \"CKA_TOKEN\" is neither a comment nor an attribute"),
            (
                "BEGINDATA\nCKA_x CK_BBOOL CK_TRUE\n",
                "line 2: \"CKA_x CK_BBOOL CK_TRUE\" is neither a comment nor an attribute",
            ),
            ("BEGINDATA\nCKA_A CK_BBOOL TRUE\n", "line 2: \"TRUE\" is not a value of type \"CK_BBOOL\""),
            ("BEGINDATA\nCKA_A CK_TRUST\n", "line 2: \"\" is not a value of type \"CK_TRUST\""),
            ("BEGINDATA\nCKA_A BASE64 AAAA\n", "line 2: \"AAAA\" is not a value of type \"BASE64\""),
            ("BEGINDATA\nCKA_A UTF8 \"a\n", "line 2: \"\\\"a\" is not text between quotes"),
            ("BEGINDATA\nCKA_A UTF8 \"a\"b\"\n", "line 2: \"\\\"a\\\"b\\\"\" is not text between quotes"),
            ("BEGINDATA\nCKA_A UTF8 \"\\xff\"\n", "line 2: \"\\\"\\\\xff\\\"\" is not text between quotes"),
            ("BEGINDATA\nCKA_A MULTILINE_OCTAL\n\\060\n", "line 2: the text ends before the END of CKA_A"),
            (
                "BEGINDATA\nCKA_A MULTILINE_OCTAL\n\\060\\06\nEND\n",
                "line 3: \"\\\\060\\\\06\" is not octal (\\ooo), in the value that begins in line 2",
            ),
            (
                "BEGINDATA\nCKA_A MULTILINE_OCTAL\n\\400\nEND\n",
                "line 3: \"\\\\400\" is not octal (\\ooo), in the value that begins in line 2",
            ),
            (
                "BEGINDATA\nCKA_A MULTILINE_OCTAL\n\nEND\n",
                "line 3: \"\" is not octal (\\ooo), in the value that begins in line 2",
            ),
        ] {
            assert_eq!(read(text.as_bytes()), [Err(expected.to_owned())], "{text:?}");
        }
        assert_eq!(read(b"BEGINDATA\nCKA_A UTF8 \"\xff\"\n"), [Err("line 2: this is not UTF-8".to_owned())]);
    }
}
