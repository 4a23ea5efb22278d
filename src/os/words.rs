//! The operating system's words, in the form of ours.

use std::io;

/// What went wrong.
pub fn of(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(characters).collect(),
        (None, _) => "no reason given".to_owned(),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_begin_in_lower_case_unless_they_begin_with_an_abbreviation() {
        assert_eq!(of(&io::Error::from_raw_os_error(libc::ENOENT)), "no such file or directory");
        assert!(of(&io::Error::other("I/O error (os error 5)")).starts_with("I/O error"));
        assert_eq!(of(&io::Error::other("")), "no reason given");
    }
}
