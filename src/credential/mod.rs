//! The certificate that one side shows, with its chain and its private key: read from files or memory, and found good
//! before any context has it. It judges no peer.
#![forbid(unsafe_code)]

mod check;
mod describe;
mod key;
pub mod names;
mod read;

use std::sync::Arc;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

pub use describe::json;
pub use read::Input;

use crate::error::Result;
use crate::policy::Policy;

/// A certificate with its key, ready to be shown.
pub struct Credential {
    /// What peers get to see.
    pub shown: Arc<Shown>,
    /// The key of the first of them.
    pub key: PKey<Private>,
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
        Ok(Credential { shown: Arc::new(shown), key })
    }
}
