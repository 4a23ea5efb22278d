//! Names from a certificate or a caller, made fit to be read in one line: a hostile name must not be able to inject
//! text, line ends or terminal codes into what a program prints or logs.

/// More of one name is not shown; a DNS name and most addresses fit.
const SHOWN: usize = 255;
/// More names than these are counted, not listed.
const LISTED: usize = 4;

/// `bytes` as printable ASCII: everything else, quotes and backslashes as `\xNN`, and what is over-long cut off.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(SHOWN));
    for &byte in bytes.iter().take(SHOWN) {
        match byte {
            b'"' | b'\\' | ..0x20 | 0x7f.. => text.push_str(&format!("\\x{byte:02x}")),
            _ => text.push(char::from(byte)),
        }
    }
    if bytes.len() > SHOWN {
        text.push_str("...");
    }
    text
}

/// `bytes` escaped and between quotes.
pub(crate) fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", escape(bytes))
}

/// `"a"`, `"a" and "b"`, `"a", "b" and "c"`, and for many names the first few `and 17 more`. The names are escaped already.
pub(crate) fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let total = names.len();
    let shown = if total > LISTED + 1 { LISTED } else { total };
    let mut text = String::new();
    for (index, name) in names.take(shown).enumerate() {
        let before = match index {
            0 => "",
            _ if index + 1 == total => " and ",
            _ => ", ",
        };
        text.push_str(&format!("{before}\"{name}\""));
    }
    if shown < total {
        text.push_str(&format!(" and {} more", total - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_printable_ascii_gets_through() {
        assert_eq!(escape(b"www.example.com"), "www.example.com");
        assert_eq!(quote(b"a\"b\\c\r\n\x1b[31m\xe4\0"), "\"a\\x22b\\x5cc\\x0d\\x0a\\x1b[31m\\xe4\\x00\"");
        assert_eq!(escape(&[b'a'; 70_000]).len(), 258);
        let all: Vec<u8> = (0..=255).collect();
        assert!(escape(&all).bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"'));
    }

    #[test]
    fn few_names_are_listed_and_many_are_counted() {
        let words = |names: &[&str]| list(names.iter().copied());
        assert_eq!(words(&[]), "");
        assert_eq!(words(&["a"]), "\"a\"");
        assert_eq!(words(&["a", "b"]), "\"a\" and \"b\"");
        assert_eq!(words(&["a", "b", "c", "d", "e"]), "\"a\", \"b\", \"c\", \"d\" and \"e\"");
        assert_eq!(words(&["a", "b", "c", "d", "e", "f"]), "\"a\", \"b\", \"c\", \"d\" and 2 more");
    }
}
