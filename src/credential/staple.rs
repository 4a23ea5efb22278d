//! An OCSP answer that a server staples to one of its certificates (RFC 6066 section 8, RFC 6960), read from a file and found
//! good before any client gets it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::{X509, X509Ref};

use crate::credential::Credential;
use crate::credential::names::Names;
use crate::error::{Error, Result, Status};
use crate::json::Object;
use crate::libssl::certificate_words::subject_of;
use crate::moment;
use crate::os::clock;
use crate::revocation::crls::Crls;
use crate::revocation::ocsp::{self, Question};
use crate::trust::named::absolute;
use crate::trust::{one_file, pem};

/// See the module's text.
#[derive(Debug)]
pub struct Staple {
    /// The name under which the certificate is shown; `None` for a server's own.
    pub host: Option<String>,
    /// The certificate that it is about.
    pub leaf: X509,
    /// The OCSPResponse.
    pub der: Vec<u8>,
    /// The moment from which on no client takes it, in Unix seconds.
    pub until: Option<i64>,
    path: PathBuf,
}

/// An answer takes a few kilobytes, with the certificate of its signer.
const LARGEST: usize = 256 << 10;

impl Staple {
    /// Reads the file at `path`. It must say that one of `shown` is good, now, by the word of who may say so.
    pub fn load(path: &Path, host: Option<String>, shown: &[Arc<Credential>], crls: &Crls) -> Result<Staple> {
        let origin = format!("{path:?}");
        let der = one_file::read_regular(path, &origin, LARGEST)?.ok_or_else(|| {
            Error::new(Status::EFileIo, format!("{origin} is larger than an OCSP answer can be")).with_hint("it may take up to 256 KiB")
        })?;
        if der.trim_ascii().is_empty() {
            return Err(Error::new(Status::EEmpty, format!("{origin} holds nothing at all"))
                .with_hint("fetch the answer again: openssl ocsp -respout writes it"));
        }
        if pem::has_boundary(&der) {
            return Err(Error::new(Status::EWrongPem, format!("{origin} is PEM, and an OCSP answer is DER"))
                .with_hint("openssl ocsp -respout writes it as it must be"));
        }
        // Where it names none of them, it is refused as the first one's.
        let is_named = |credential: &&Arc<Credential>| ocsp::names(&der, &credential.shown.leaf);
        let credential = shown.iter().find(is_named).or(shown.first()).ok_or_else(|| {
            Error::new(Status::EState, "there is no certificate that an OCSP answer could be stapled to")
                .with_hint("load the certificate first")
        })?;
        let leaf = &credential.shown.leaf;
        let issuer = issuer_of(credential)?;
        let end = ocsp::check(&der, &Question { leaf, issuer, time: Some(clock::now()), crls })?;
        let until = end.map(|end| end.saturating_sub(ocsp::SKEW));
        Ok(Staple { host, leaf: leaf.clone(), der, until, path: absolute(path) })
    }

    /// What its file holds now, for the certificates that are shown now.
    pub fn read_again(&self, shown: &[Arc<Credential>], crls: &Crls) -> Result<Staple> {
        Staple::load(&self.path, self.host.clone(), shown, crls)
    }

    /// Whether it is about `leaf`, and clients still take it.
    pub fn serves(&self, leaf: &X509Ref, now: i64) -> bool {
        *self.leaf == *leaf && !self.has_run_out(now)
    }

    fn has_run_out(&self, now: i64) -> bool {
        self.until.is_some_and(|until| until < now)
    }

    /// It as a JSON object. What is wrong with it is added to `warnings`.
    pub fn json(&self, now: i64, warnings: &mut Vec<String>) -> String {
        const DAY: i64 = 86_400;
        let mut object = Object::new();
        object.optional("host", self.host.as_deref());
        object.text("certificate", &subject_of(&self.leaf));
        if let Some(until) = self.until {
            object.number("until", until).number("days_left", (until - now).div_euclid(DAY));
            if self.has_run_out(now) {
                let (path, when) = (&self.path, moment::text(until));
                warnings.push(format!("the OCSP answer in {path:?} has run out, on {when}: it is stapled no more"));
            }
        }
        object.text("source", &format!("{:?}", self.path));
        object.finish()
    }
}

/// The certificates that are shown for `host`, of a server's own and those of its names.
pub fn shown_for<'a>(host: Option<&str>, own: &'a [Arc<Credential>], names: &'a Names) -> Option<&'a [Arc<Credential>]> {
    match host {
        None => Some(own),
        Some(host) => names.of(host),
    }
}

/// Those of `staples` whose certificates are shown.
pub fn of_shown(staples: &[Arc<Staple>], own: &[Arc<Credential>], names: &Names) -> Arc<[Arc<Staple>]> {
    let is_shown = |staple: &&Arc<Staple>| {
        let shown = shown_for(staple.host.as_deref(), own, names);
        shown.is_some_and(|shown| shown.iter().any(|credential| credential.shown.leaf == staple.leaf))
    };
    staples.iter().filter(is_shown).cloned().collect()
}

/// Who issued the certificate: the next of the chain that is shown, or a root that came with it.
fn issuer_of(credential: &Credential) -> Result<&X509Ref> {
    let issuer = credential.shown.others.first();
    issuer.map(|issuer| &**issuer).ok_or_else(|| {
        let (who, origin) = (subject_of(&credential.shown.leaf), &credential.shown.origin);
        Error::new(
            Status::EMissingIntermediate,
            format!("{origin} holds the certificate of {who} alone, so nothing shows who may sign its OCSP answer"),
        )
        .with_hint("put the certificate of its issuer behind it, also where that is a root")
    })
}
