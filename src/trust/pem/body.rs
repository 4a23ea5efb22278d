//! What stands between the BEGIN and the END line of a block.

use super::{Block, Damage, base64, line_number};

impl<'a> Block<'a> {
    /// The bytes that the block's base64 stands for.
    pub fn decode(&self) -> Result<Vec<u8>, Damage> {
        let body = self.without_headers()?;
        let mut bytes = Vec::with_capacity(body.len());
        for (_, line) in lines(body) {
            bytes.extend(line.iter().filter(|byte| !is_space(byte)));
        }
        let len = base64::decode(&mut bytes).ok_or_else(|| self.fault(body))?;
        bytes.truncate(len);
        Ok(bytes)
    }

    /// All of it, from its BEGIN line to its END line.
    pub fn text(&self) -> &'a [u8] {
        self.text.get(self.begin.hyphens..self.end.next).unwrap_or_default()
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.text.get(self.begin.next..self.end.start).unwrap_or_default()
    }

    /// The body behind RFC 1421 headers: lines up to the first empty one, where the first has a colon, which base64 never
    /// has.
    fn without_headers(&self) -> Result<&'a [u8], Damage> {
        let body = self.body();
        let mut rest = body;
        for (index, (after, line)) in lines(body).enumerate() {
            if index == 0 && !line.contains(&b':') {
                return Ok(body);
            }
            if line.windows(9).any(|word| word == b"ENCRYPTED") {
                return Err(Damage::new(format!("{self} is encrypted (line {})", self.line_of(rest))));
            }
            rest = after;
            if line.is_empty() {
                break;
            }
        }
        Ok(rest)
    }

    /// What is wrong with base64 that cannot be decoded.
    fn fault(&self, body: &[u8]) -> Damage {
        let (mut digits, mut padding) = (0, 0);
        let mut rest = body;
        for (after, line) in lines(body) {
            for byte in line.iter().filter(|byte| !is_space(byte)) {
                let what = match byte {
                    b'=' if padding == 2 => "too much padding",
                    b'=' => {
                        padding += 1;
                        continue;
                    }
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                        digits += 1;
                        continue;
                    }
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => "text after the padding",
                    0 => "a NUL byte",
                    _ => "a character that is not base64",
                };
                return Damage::new(format!("{self}: {what} in line {}", self.line_of(rest)));
            }
            rest = after;
        }
        let what = if (digits, padding) == (0, 0) { "it is empty" } else { "its base64 is incomplete" };
        Damage::new(format!("{self}: {what}"))
    }

    /// The number of the line at which what is left of the body starts.
    fn line_of(&self, rest: &[u8]) -> usize {
        line_number(self.text, self.end.start - rest.len())
    }
}

fn is_space(byte: &&u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Each line without the white space around it, and behind it what follows.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = split_line(rest);
        rest = after;
        Some((after, line.trim_ascii()))
    })
}

/// The first line, and what follows.
pub(super) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}
