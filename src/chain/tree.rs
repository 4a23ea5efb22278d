//! A refused chain as a picture in text: what the peer presented, what was built from it, and where it broke. It is for
//! people; it decides nothing, and it is drawn only when a verification fails.

use std::fmt::Write;

use openssl::x509::{X509, X509Ref};

use crate::chain::case::Case;
use crate::error::Error;
use crate::libssl::certificate_words;

/// More certificates than that tell nobody anything.
const MOST_LINES: usize = 24;

/// Draws the chain of `case` that `error` refused; `built` is as far as it came.
pub fn draw(case: &Case<'_>, built: &[X509], reached_anchor: bool, error: &Error) -> String {
    let mut text = String::from("presented:\n");
    let sent = sent(case);
    presented(&mut text, 0, case.leaf);
    for (index, certificate) in sent.iter().enumerate().take(MOST_LINES) {
        presented(&mut text, index + 1, certificate);
    }
    if sent.len() > MOST_LINES {
        let _ = writeln!(text, "  and {} more", sent.len() - MOST_LINES);
    }
    text.push_str("built:\n");
    let culprit = error.certificate().map_or(0, |culprit| culprit.depth as usize);
    let leaf = [case.leaf.to_owned()];
    let chain = if built.is_empty() { &leaf[..] } else { built };
    for (depth, certificate) in chain.iter().enumerate().take(MOST_LINES) {
        branch(&mut text, depth, &certificate_words::subject_text(certificate));
        if reached_anchor && depth + 1 == chain.len() {
            text.push_str(" (trust anchor)");
        }
        if depth == culprit {
            let _ = write!(text, "  <== {}", error.status().title());
        }
        text.push('\n');
    }
    if let (false, Some(last)) = (reached_anchor, chain.last()) {
        let depth = chain.len().min(MOST_LINES);
        branch(&mut text, depth, &certificate_words::issuer_of(last));
        text.push_str(" (no trust anchor)\n");
    }
    text
}

fn sent<'a>(case: &Case<'a>) -> Vec<&'a X509Ref> {
    let all = case.untrusted.into_iter().flat_map(|all| all.iter());
    all.filter(|certificate| *certificate != case.leaf).collect()
}

fn presented(text: &mut String, index: usize, certificate: &X509Ref) {
    let (subject, issuer) = (certificate_words::subject_text(certificate), certificate_words::issuer_of(certificate));
    let _ = match subject == issuer {
        true => writeln!(text, "  {index}: {subject}, self-issued"),
        false => writeln!(text, "  {index}: {subject}, issued by {issuer}"),
    };
}

fn branch(text: &mut String, depth: usize, subject: &str) {
    let stem = if depth == 0 { "  " } else { "  +- " };
    let _ = write!(text, "{:indent$}{stem}{subject}", "", indent = 3 * depth.saturating_sub(1));
}
