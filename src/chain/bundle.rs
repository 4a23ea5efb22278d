//! The certificates that a caller hands over to be judged without a connection: PEM, the peer's own first and then
//! whatever else came with it, or one certificate as DER. It parses; it trusts nothing.

use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::libssl::queue::Quiet;
use crate::trust::pem::{self, Damage};

/// What a peer would have shown.
pub struct Bundle {
    /// The peer's own certificate.
    pub leaf: X509,
    /// The others, in the order in which they came.
    pub others: Vec<X509>,
}

impl Bundle {
    /// Reads PEM or DER. Blocks that are no certificates, such as a private key, are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Bundle> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::new(Status::EEmpty, "the chain is empty")
                .with_hint("pass the certificates as PEM, the peer's own first, or one certificate as DER"));
        }
        let _quiet = Quiet::begin();
        if bytes.first() == Some(&0x30) {
            return Ok(Bundle { leaf: from_der(bytes)?, others: Vec::new() });
        }
        if !pem::has_boundary(bytes) {
            return Err(Error::new(Status::EBadPem, "the chain is neither PEM nor DER")
                .with_hint("PEM begins with -----BEGIN CERTIFICATE-----"));
        }
        let (mut leaf, mut others, mut key) = (None, Vec::new(), false);
        for block in pem::blocks(bytes) {
            let block = block.map_err(damaged)?;
            key |= block.label.ends_with("PRIVATE KEY");
            if !matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE") {
                continue;
            }
            let certificate = from_der(&block.decode().map_err(damaged)?)
                .map_err(|error| Error::new(error.status(), format!("{block} of the chain is no certificate")))?;
            match leaf {
                None => leaf = Some(certificate),
                Some(_) => others.push(certificate),
            }
        }
        let leaf = leaf.ok_or_else(|| without_certificate(key))?;
        Ok(Bundle { leaf, others })
    }
}

fn from_der(bytes: &[u8]) -> Result<X509> {
    let certificate = X509::from_der(bytes).map_err(|_| {
        Error::new(Status::EBadPem, "the chain begins like DER, but is not one certificate")
            .with_hint("it may be cut off; several certificates must be passed as PEM")
    })?;
    // OpenSSL reads the first element and ignores what follows.
    match certificate.to_der() {
        Ok(der) if der.len() == bytes.len() => Ok(certificate),
        _ => Err(Error::new(Status::EBadPem, "there are bytes after the DER certificate")
            .with_hint("several certificates must be passed as PEM")),
    }
}

fn damaged(damage: Damage) -> Error {
    Error::new(Status::EBadPem, format!("the chain is damaged: {}", damage.what))
        .with_hint(damage.hint_or("pass all of it, up to and including the last -----END CERTIFICATE-----"))
}

fn without_certificate(key: bool) -> Error {
    let what = if key { "a private key and no certificate" } else { "no certificate" };
    Error::new(Status::EWrongPem, format!("the PEM holds {what}"))
        .with_hint("pass the peer's certificate, and after it its intermediates")
}
