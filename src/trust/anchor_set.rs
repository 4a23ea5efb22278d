//! What one source brings.

use openssl::x509::{X509, X509Crl};

/// Trust anchors that were read together, and the CRLs that lay beside them.
#[derive(Default)]
pub struct AnchorSet {
    /// The anchors; one from a TRUSTED CERTIFICATE block keeps its trust settings.
    pub certificates: Vec<X509>,
    /// Revocation lists; OpenSSL asks them where a program asks for CRL checking.
    pub crls: Vec<X509Crl>,
    /// The certificates that were left out because they are broken, in words.
    pub skipped: Vec<String>,
}

impl AnchorSet {
    /// Adds the anchors and CRLs of `other`.
    pub fn absorb(&mut self, other: AnchorSet) {
        // What two sets share is left out by X509_STORE_add_cert.
        self.certificates.extend(other.certificates);
        self.crls.extend(other.crls);
        self.skipped.extend(other.skipped);
    }
}
