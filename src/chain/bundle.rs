//! The certificates that a caller hands over to be judged without a connection: PEM, the peer's own first and then
//! whatever else came with it; or the same as DER, one certificate behind the other. It parses; it trusts nothing.

use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::libssl::queue::Quiet;
use crate::trust::pem::{self, Damage};
use crate::x509::der::{Reader, SEQUENCE};

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
                .with_hint("pass the certificates as PEM or DER, the peer's own first"));
        }
        let _quiet = Quiet::begin();
        if bytes.first() == Some(&0x30) {
            return Bundle::from_der(bytes);
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
                .ok_or_else(|| Error::new(Status::EBadPem, format!("{block} of the chain is no certificate")))?;
            match leaf {
                None => leaf = Some(certificate),
                Some(_) => others.push(certificate),
            }
        }
        let leaf = leaf.ok_or_else(|| without_certificate(key))?;
        Ok(Bundle { leaf, others })
    }

    fn from_der(bytes: &[u8]) -> Result<Bundle> {
        let mut rest = Reader::new(bytes);
        let mut certificates = Vec::new();
        while !rest.is_empty() {
            let one = rest.element(SEQUENCE).ok().and_then(from_der).ok_or_else(|| {
                let which = certificates.len() + 1;
                Error::new(Status::EBadPem, format!("the chain begins like DER, but certificate {which} of it cannot be read"))
                    .with_hint("it may be cut off; nothing may stand between the certificates or behind them")
            })?;
            certificates.push(one);
        }
        let mut certificates = certificates.into_iter();
        let leaf = certificates.next().ok_or_else(|| without_certificate(false))?;
        Ok(Bundle { leaf, others: certificates.collect() })
    }
}

fn from_der(bytes: &[u8]) -> Option<X509> {
    let certificate = X509::from_der(bytes).ok()?;
    // OpenSSL reads the first element and ignores what follows.
    certificate.to_der().is_ok_and(|der| der.len() == bytes.len()).then_some(certificate)
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
