//! The certificate that one side shows, with its chain and its private key: read from files or memory, and found good
//! before any context has it. It judges no peer.
#![forbid(unsafe_code)]

mod check;
mod describe;
mod key;
pub mod names;
mod read;
pub mod staple;
pub mod ticket_keys;

use std::fmt;
use std::sync::Arc;

use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;

pub use describe::json;
pub use read::{Files, Input};

use crate::error::{Error, Result, Status};
use crate::libssl::certificate_words::subject_of;
use crate::policy::Policy;

/// A certificate with its key, ready to be shown.
pub struct Credential {
    /// What peers get to see.
    pub shown: Arc<Shown>,
    /// The key of the first of them.
    pub key: PKey<Private>,
    /// The files that all of it came from; `None` where it came from memory.
    files: Option<Files>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

/// What peers get to see, and where it came from.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The certificate of this side.
    pub leaf: X509,
    /// Those above it, each behind one that it issued.
    pub others: Vec<X509>,
    /// Where the certificates came from, for words.
    pub origin: String,
    /// The file of the private key, where others than its owner and its group can read that.
    pub open_key_file: Option<String>,
}

impl Credential {
    /// Reads `input`, and refuses what no peer could accept.
    pub fn load(input: &Input<'_>, policy: &Policy) -> Result<Credential> {
        let found = input.read()?;
        check::leaf(&found.leaf, &found.origin)?;
        let others = check::chain(&found.leaf, found.others, &found.origin)?;
        let key = check::fitting(&found.leaf, found.keys, &others, &found.origin)?;
        check::strength(&found.leaf, &others, policy)?;
        let shown = Shown { leaf: found.leaf, others, origin: found.origin, open_key_file: found.open_key_file };
        Ok(Credential { shown: Arc::new(shown), key, files: input.files() })
    }

    /// What its files hold now; `None` where it came from memory.
    pub fn read_again(&self, policy: &Policy) -> Result<Option<Credential>> {
        let Some(files) = &self.files else { return Ok(None) };
        let again = Credential::load(&files.input(), policy)?;
        check::not_cut(&again.shown.leaf, &again.shown.others, &self.shown.others, &again.shown.origin)?;
        Ok(Some(again))
    }

    /// Whether peers get to see the same.
    pub fn shows_the_same_as(&self, other: &Credential) -> bool {
        let all = |credential: &Credential| {
            let shown = &credential.shown;
            std::iter::once(&shown.leaf).chain(&shown.others).map(|one| one.to_der().ok()).collect::<Option<Vec<_>>>()
        };
        all(self).is_some_and(|certificates| all(other) == Some(certificates))
    }

    /// Whether both have keys of one kind, of which one side shows one certificate.
    pub fn is_of_kind_of(&self, other: &Credential) -> bool {
        self.key.id() == other.key.id()
    }
}

/// Refuses a second certificate for one kind of key.
pub fn check_kind(shown: &[Arc<Credential>], credential: &Credential) -> Result<()> {
    let Some(other) = shown.iter().find(|other| other.is_of_kind_of(credential)) else { return Ok(()) };
    let kind = match credential.key.id() {
        Id::RSA => "an RSA key",
        Id::RSA_PSS => "an RSA-PSS key",
        Id::EC => "an EC key",
        _ => "a key of this kind",
    };
    let who = subject_of(&other.shown.leaf);
    Err(Error::new(Status::EState, format!("this context shows a certificate with {kind} already, that of {who}"))
        .with_hint("a context shows one certificate for each kind of key; make another context for another certificate"))
}
