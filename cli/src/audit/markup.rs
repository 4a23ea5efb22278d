//! HTML and SVG in which text stays text: whatever a peer wrote into its certificate is shown, and never obeyed.

use std::fmt::Write;

/// `text` fit for the content and for the quoted attributes of HTML and SVG.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            _ if letter.is_control() || is_reordering(letter) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(letter));
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// Letters that change the order in which others are shown (Unicode's bidirectional controls), or cannot be seen.
fn is_reordering(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// An element with text in it.
pub fn element(name: &str, class: &str, text: &str) -> String {
    match class {
        "" => format!("<{name}>{}</{name}>", escape(text)),
        _ => format!("<{name} class=\"{class}\">{}</{name}>", escape(text)),
    }
}

/// As much of `text` as has room.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_browser_obeys_is_left() {
        assert_eq!(
            escape("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;"
        );
        assert_eq!(escape("a\u{202e}b\0\x1b\u{fc}\n"), "a\\u{202e}b\\u{0}\\u{1b}\u{fc}\n");
        assert_eq!(element("td", "bad", "<"), "<td class=\"bad\">&lt;</td>");
    }

    #[test]
    fn what_is_too_long_ends_with_a_sign_of_that() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("longer", 5), "long\u{2026}");
    }
}
