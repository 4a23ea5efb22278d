//! Roots as PEM with a header for people above each. Nothing of the moment or the machine goes in, so that the same
//! roots always give the same bytes.

use openssl::x509::X509Ref;

use super::{Purpose, Root};
use crate::error::{Error, Result, Status};
use crate::identity::name_text;
use crate::moment;

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
    let subject = root.certificate.subject_name().to_der().map(|der| name_text(&der)).unwrap_or_default();
    let mut text = format!(
        "\n# {}\n# subject: {subject}\n# SHA-256: {}\n# expires: {}\n",
        one_line(&root.label),
        fingerprint(&root.sha256),
        expiry(&root.certificate)?,
    );
    if let Some(seconds) = root.distrust_after(purpose) {
        text.push_str(&format!("# only for certificates issued up to: {}\n", moment::text(seconds)));
    }
    let pem = root.certificate.to_pem().ok().and_then(|pem| String::from_utf8(pem).ok());
    text.push_str(&pem.ok_or_else(|| Error::new(Status::EInternal, "OpenSSL could not write a certificate as PEM"))?);
    Ok(text)
}

fn expiry(certificate: &X509Ref) -> Result<String> {
    moment::unix_seconds(certificate.not_after())
        .map(moment::text)
        .ok_or_else(|| Error::new(Status::EBadCertificate, "the notAfter of a root is not a time"))
}

/// Octets in the way that people compare them.
fn fingerprint(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}

/// A label is the file's own text: it must not end the comment.
fn one_line(label: &str) -> String {
    label.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
