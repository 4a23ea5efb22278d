//! Roots as PEM with a header for people above each. Nothing of the moment or the machine goes in, so that the same
//! roots always give the same bytes.

use super::{Purpose, Root};
use crate::error::{Error, Result};
use crate::moment;
use crate::trust::describe::{Description, one_line};
use crate::trust::distrust::Distrust;

/// The bundle, ordered by label and hash.
pub fn text(mut roots: Vec<&Root>, purpose: Purpose) -> Result<String> {
    roots.sort_by(|one, other| (&one.label, one.sha256).cmp(&(&other.label, other.sha256)));
    let mut text = format!("# {} roots of NSS's certdata.txt that are trusted for {}.\n", roots.len(), purpose.name());
    if roots.iter().any(|root| root.distrust_after(purpose).is_some()) {
        text.push_str(
            "# Some count only for certificates issued up to a date. PEM cannot say so to a program: one that reads this\n\
             # file trusts them for all. hostlock_ctx_trust_certdata keeps to the dates.\n",
        );
    }
    for root in roots {
        text.push_str(&block(root, purpose)?);
    }
    Ok(text)
}

fn block(root: &Root, purpose: Purpose) -> Result<String> {
    let facts = Description::of(&root.certificate, &Distrust::default())?;
    let mut text = format!(
        "\n# {}\n# subject: {}\n# SHA-256: {}\n# expires: {}\n",
        one_line(&root.label),
        facts.subject,
        fingerprint(&root.sha256),
        moment::text(facts.not_after),
    );
    if let Some(seconds) = root.distrust_after(purpose) {
        text.push_str(&format!("# only for certificates issued up to: {}\n", moment::text(seconds)));
    }
    let pem = root.certificate.to_pem().ok().and_then(|pem| String::from_utf8(pem).ok());
    text.push_str(&pem.ok_or_else(|| Error::no_memory("a certificate as PEM"))?);
    Ok(text)
}

/// Octets in the way that people compare them.
fn fingerprint(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}
