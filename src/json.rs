//! Writes the few JSON objects that the C ABI hands out. It only writes, and its output is ASCII.

use std::fmt::Write;

/// An object under construction.
#[derive(Debug)]
pub struct Object(String);

impl Object {
    /// An empty object.
    #[allow(clippy::new_without_default, reason = "an unfinished object is not a value")]
    pub fn new() -> Object {
        Object(String::from("{"))
    }

    /// Adds a string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Object {
        self.raw(key, &quote(value))
    }

    /// Adds a string, or null.
    pub fn optional(&mut self, key: &str, value: Option<&str>) -> &mut Object {
        self.raw(key, &value.map_or_else(|| "null".to_owned(), quote))
    }

    /// Adds a list of strings.
    pub fn texts<S: AsRef<str>>(&mut self, key: &str, values: &[S]) -> &mut Object {
        let items: Vec<String> = values.iter().map(|value| quote(value.as_ref())).collect();
        self.raw(key, &format!("[{}]", items.join(",")))
    }

    /// Adds a number.
    pub fn number(&mut self, key: &str, value: i64) -> &mut Object {
        self.raw(key, &value.to_string())
    }

    /// Adds true or false.
    pub fn truth(&mut self, key: &str, value: bool) -> &mut Object {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// Adds a value that is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quote(key));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    /// The finished object.
    pub fn finish(&self) -> String {
        format!("{}}}", self.0)
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JSON string (RFC 8259 section 7); everything outside of printable ASCII is escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_string_or_a_line_is_escaped() {
        assert_eq!(quote("a\"b\\c\nd\u{1f512}"), r#""a\"b\\c\u000ad\ud83d\udd12""#);
    }

    #[test]
    fn members_are_separated_by_commas() {
        let mut object = Object::new();
        object.text("a", "x").number("b", -1).texts("c", &["y", "z"]).truth("d", true).optional("e", None);
        assert_eq!(object.finish(), r#"{"a":"x","b":-1,"c":["y","z"],"d":true,"e":null}"#);
    }
}
