//! Turns the bytes of a file or of memory into trust anchors: PEM with any number of blocks, or one certificate in DER.
//! It takes all or nothing: a bundle with one broken certificate is refused whole, with the block named.

use std::collections::{BTreeSet, HashSet};

use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::libssl::crl::{DELTA_WITHOUT_NUMBER, is_delta_without_number};
use crate::libssl::d2i;
use crate::libssl::queue::Quiet;
use crate::trust::anchor_set::AnchorSet;
use crate::trust::certdata;
use crate::trust::one_file::LARGEST_INPUT;
use crate::trust::pem::{self, Damage};

/// What becomes of a broken certificate among good ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Broken {
    /// The whole input is refused.
    #[default]
    Refuse,
    /// It is left out. Text that is cut off inside a block is refused all the same: nobody knows what else is missing.
    Skip,
}

/// Reads several inputs into one set, parsing what they share once.
#[derive(Default)]
pub struct Reader {
    set: AnchorSet,
    broken: Broken,
    seen: HashSet<Vec<u8>>,
}

/// What `data` holds: at least one certificate. `origin` is what errors call the input.
pub fn parse(data: &[u8], origin: &str) -> Result<AnchorSet> {
    let mut reader = Reader::default();
    reader.read(data, origin)?;
    Ok(reader.finish())
}

impl Reader {
    /// A reader that does so about broken certificates.
    pub fn new(broken: Broken) -> Reader {
        Reader { broken, ..Reader::default() }
    }

    /// Whether `error` of [`Reader::read`] says no more than that each certificate of that input was left out.
    pub fn is_last_skipped(&self, error: &Error) -> bool {
        self.set.skipped.last().is_some_and(|last| last == error.message())
    }

    /// What was read.
    pub fn finish(self) -> AnchorSet {
        self.set
    }

    /// Adds what `data` holds. After a failure the reader is of no more use, except where the status is
    /// [`Status::EWrongPem`]: then there was no certificate, and CRLs were added if there were any.
    pub fn read(&mut self, data: &[u8], origin: &str) -> Result<()> {
        if data.len() > LARGEST_INPUT {
            return Err(Error::new(Status::EArg, format!("{origin} is {} bytes long, which is too much", data.len()))
                .with_hint("trust anchors may take up to 64 MiB"));
        }
        if data.trim_ascii().is_empty() {
            let what = if data.is_empty() { "is empty" } else { "holds nothing but white space" };
            return Err(Error::new(Status::EEmpty, format!("{origin} {what}"))
                .with_hint("write the CA's certificate into it, or name another"));
        }
        if begins_like_der(data) {
            return self.read_der(data, origin);
        }
        if !pem::has_boundary(data) {
            return Err(not_text(data, origin));
        }
        self.read_pem(data, origin)
    }

    /// Adds the anchors of certificates in DER, leaving out those that OpenSSL cannot read.
    pub fn read_lenient<'a>(&mut self, certificates: impl Iterator<Item = &'a [u8]>) {
        let quiet = Quiet::begin();
        for der in certificates {
            let _ = self.add_certificate(der, d2i::certificate, &quiet);
        }
    }

    fn read_der(&mut self, data: &[u8], origin: &str) -> Result<()> {
        self.add_certificate(data, d2i::certificate, &Quiet::begin()).map_err(|why| {
            Error::new(Status::EBadPem, format!("{origin} is not a certificate in DER: {why}"))
                .with_hint("a file in DER holds exactly one certificate; PKCS#12 and PKCS#7 must be converted to PEM")
        })
    }

    fn read_pem(&mut self, data: &[u8], origin: &str) -> Result<()> {
        let damaged = |damage: Damage| {
            let hint = damage.hint_or("nothing was loaded from it; fetch it again or take the damaged block out");
            Error::new(Status::EBadPem, format!("{origin}: {}", damage.what)).with_hint(hint)
        };
        let quiet = Quiet::begin();
        let mut has_certificate = false;
        let mut all_broken = None;
        let mut others = BTreeSet::new();
        for block in pem::blocks(data) {
            let block = block.map_err(damaged)?;
            let broken = |kind: &str, why: String| damaged(Damage::new(format!("{block} is not {kind}: {why}")));
            match block.label {
                "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                    let read = match block.label {
                        "TRUSTED CERTIFICATE" => d2i::trusted_certificate,
                        _ => d2i::certificate,
                    };
                    let added = block.decode().map_err(damaged).and_then(|der| {
                        self.add_certificate(&der, read, &quiet).map_err(|why| broken("a certificate", why))
                    });
                    match added {
                        Ok(()) => has_certificate = true,
                        Err(error) if self.broken == Broken::Skip => {
                            self.set.skipped.push(error.message().to_owned());
                            all_broken = Some(error);
                        }
                        Err(error) => return Err(error),
                    }
                }
                "X509 CRL" => {
                    let der = block.decode().map_err(damaged)?;
                    self.add_crl(&der, &quiet).map_err(|why| broken("a CRL", why))?;
                    others.insert(block.label);
                }
                // A private key beside the certificates is none of our business, and is not even decoded.
                label => {
                    others.insert(label);
                }
            }
        }
        match all_broken {
            _ if has_certificate => Ok(()),
            Some(error) => Err(error),
            None => Err(no_certificate(&others, origin)),
        }
    }

    /// Adds one certificate, which `read` makes of its DER.
    pub(super) fn add_certificate(
        &mut self,
        der: &[u8],
        read: impl FnOnce(&[u8], &Quiet) -> std::result::Result<X509, String>,
        quiet: &Quiet,
    ) -> std::result::Result<(), String> {
        if self.seen.contains(der) {
            return Ok(());
        }
        let certificate = read(der, quiet)?;
        self.seen.insert(der.to_owned());
        self.set.certificates.push(certificate);
        Ok(())
    }

    /// Adds one CRL.
    pub(super) fn add_crl(&mut self, der: &[u8], quiet: &Quiet) -> std::result::Result<(), String> {
        let crl = d2i::crl(der, quiet)?;
        if is_delta_without_number(&crl) {
            return Err(format!("it is {DELTA_WITHOUT_NUMBER}"));
        }
        self.set.crls.push(crl);
        Ok(())
    }
}

/// A SEQUENCE whose length takes more than one byte, as every certificate's does; no text begins so.
fn begins_like_der(data: &[u8]) -> bool {
    matches!(data, [0x30, 0x81..=0x84, ..])
}

fn no_certificate(labels: &BTreeSet<&str>, origin: &str) -> Error {
    let found: Vec<&str> = labels.iter().copied().take(5).collect();
    let message = format!("{origin} holds no certificate, only: {}", found.join(", "));
    let hint = if found.iter().any(|label| label.ends_with("PRIVATE KEY")) {
        "this is the file of a key; name the file with the CA's certificate"
    } else if found.iter().any(|label| label.starts_with("PKCS")) {
        "take the certificates out first: openssl pkcs7 -print_certs"
    } else {
        "name a file with blocks that begin with -----BEGIN CERTIFICATE-----"
    };
    Error::new(Status::EWrongPem, message).with_hint(hint)
}

fn not_text(data: &[u8], origin: &str) -> Error {
    let error = Error::new(Status::EBadPem, format!("{origin} is neither PEM nor DER"));
    match data {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => error.with_hint("it is UTF-16 text; save it as ASCII or UTF-8"),
        _ if certdata::looks_like(data) => {
            error.with_hint("it is a certdata.txt of NSS; load it with hostlock_ctx_trust_certdata")
        }
        _ if data.contains(&0) => error.with_hint("it holds NUL bytes, which PEM text never does"),
        _ => error.with_hint("PEM text has a line -----BEGIN CERTIFICATE----- before each certificate"),
    }
}
