//! Reads the certificate that a context shows to its peers, the chain behind it, and whether the private key is there.

use openssl::x509::X509Ref;

use crate::audit::facts::{Key, OwnCertificate, Shown};
use crate::credential;
use crate::libssl::certificate::signature_bits;
use crate::libssl::{self, certificate_words};
use crate::moment;
use crate::x509::certificate::Certificate;
use crate::x509::key::{self, Flaw};

/// What is shown of it.
pub fn read(own: &libssl::OwnCertificate<'_>) -> OwnCertificate {
    let others = own.others.into_iter().flat_map(|others| others.iter());
    OwnCertificate {
        chain: std::iter::once(own.leaf).chain(others).map(shown).collect(),
        key: match own.key_fits {
            None => Key::Missing,
            Some(true) => Key::Fits,
            Some(false) => Key::DoesNotFit,
        },
    }
}

/// The same of what hostlock has loaded, whose key fits.
pub fn of_credential(own: &credential::Shown) -> OwnCertificate {
    let chain = std::iter::once(&own.leaf).chain(&own.others);
    OwnCertificate { chain: chain.map(|one| shown(one)).collect(), key: Key::Fits }
}

fn shown(certificate: &X509Ref) -> Shown {
    // Peers do not look at the signature of a root, for they have it already or do not trust it.
    let is_root = certificate_words::subject_text(certificate) == certificate_words::issuer_of(certificate);
    Shown {
        subject: certificate_words::subject_text(certificate),
        not_before: moment::unix_seconds(certificate.not_before()),
        not_after: moment::unix_seconds(certificate.not_after()),
        key_flaw: key_flaw(certificate),
        signature_bits: if is_root { None } else { signature_bits(certificate) },
    }
}

fn key_flaw(certificate: &X509Ref) -> Option<String> {
    let der = certificate.to_der().ok()?;
    let fields = Certificate::parse(&der).ok()?;
    Some(match key::check(&fields).err()? {
        Flaw::Small(bits) => format!("an RSA key of {bits} bits"),
        Flaw::Kind(kind) => format!("a key of {kind}"),
        Flaw::Exponent => "an RSA key with an exponent that is even or below 3".to_owned(),
        Flaw::Malformed => "a key that cannot be read".to_owned(),
    })
}
