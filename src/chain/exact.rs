//! Certificates that are trusted as they are: the peer's own must be one of them, byte for byte, and then no chain is
//! asked for. Its dates hold, and the host name is checked as for any other.

use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::chain::messages::{self, Shown};
use crate::error::{Error, Result, Status};
use crate::libssl::certificate_words;
use crate::libssl::issuing::compare_time;
use crate::os::clock;
use crate::role::Role;

/// The DER of each.
#[derive(Clone, Debug, Default)]
pub struct ExactCertificates(Vec<Vec<u8>>);

impl ExactCertificates {
    /// Trusts one more.
    pub fn add(&mut self, der: Vec<u8>) {
        if !self.0.contains(&der) {
            self.0.push(der);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The SHA-256 of each.
    pub fn digests(&self) -> Vec<[u8; 32]> {
        self.0.iter().map(|der| openssl::sha::sha256(der)).collect()
    }

    /// Whether `leaf` is one of them.
    pub fn accept(&self, leaf: &X509Ref) -> bool {
        !self.0.is_empty() && leaf.to_der().is_ok_and(|der| self.0.contains(&der))
    }
}

/// Whether `leaf` is valid at `time`, in Unix seconds; `None` is now. Both ends are inclusive (RFC 5280 4.1.2.5).
pub fn check_dates(judge: Role, leaf: &X509Ref, time: Option<i64>) -> Result<()> {
    let now = time.unwrap_or_else(clock::now);
    let refuse = |code| Err(messages::x509_error(code, 0, &Shown { judge, chain: &[], leaf, anchor: None }));
    match (compare_time(leaf.not_before(), now), compare_time(leaf.not_after(), now.saturating_sub(1))) {
        (-1, 1) => Ok(()),
        (1, _) => refuse(ffi::X509_V_ERR_CERT_NOT_YET_VALID),
        (_, -1) => refuse(ffi::X509_V_ERR_CERT_HAS_EXPIRED),
        _ => Err(Error::new(Status::EBadCertificate, "the dates of the certificate cannot be read")),
    }
}

/// The error for a certificate that is none of those trusted, where nothing else is.
pub fn another(judge: Role, leaf: &X509Ref) -> Error {
    let who = certificate_words::position(judge, 0, leaf);
    Error::new(
        Status::EUnknownIssuer,
        format!("{who} is none of those that are trusted as they are"),
    )
    .with_hint("if the device has a new certificate, trust that one with hostlock_ctx_trust_exact")
    .with_x509_code(ffi::X509_V_ERR_CERT_UNTRUSTED)
    .with_certificate(0, certificate_words::subject_of(leaf))
}
