//! The names that a server has certificates for beside its own first one, and which of them a client's wish leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::credential::Credential;
use crate::error::{Error, Result, Status};
use crate::host::{MatchRules, Reference};
use crate::libssl::certificate;
use crate::policy::Policy;
use crate::x509::dns::DnsName;

/// Each name in normal form, or "*." and the rest of one, and its certificates: one for each kind of key.
#[derive(Clone, Default)]
pub struct Names(BTreeMap<String, Vec<Arc<Credential>>>);

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Names {
    /// The same, with `credential` for `name`. It takes the place of one for a key of the same kind.
    pub fn with(&self, name: String, credential: Credential) -> Names {
        let mut names = self.clone();
        let of_name = names.0.entry(name).or_default();
        of_name.retain(|other| other.key.id() != credential.key.id());
        of_name.push(Arc::new(credential));
        names
    }

    /// The same, with every file read again.
    pub fn read_again(&self, policy: &Policy) -> Result<Names> {
        let mut names = Names::default();
        for (name, credentials) in &self.0 {
            let mut fresh: Vec<Arc<Credential>> = Vec::with_capacity(credentials.len());
            for credential in credentials {
                let one = credential.read_again(policy)?.map_or_else(|| Arc::clone(credential), Arc::new);
                check(&one, name)?;
                super::check_kind(&fresh, &one)?;
                fresh.push(one);
            }
            names.0.insert(name.clone(), fresh);
        }
        Ok(names)
    }

    /// The same without `name`; `None` where it is not there.
    pub fn without(&self, name: &str) -> Option<Names> {
        let mut names = self.clone();
        names.0.remove(name).map(|_| names)
    }

    /// The certificates of exactly this name.
    pub fn of(&self, name: &str) -> Option<&[Arc<Credential>]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Arc<Credential>])> {
        self.0.iter().map(|(name, credentials)| (name.as_str(), credentials.as_slice()))
    }

    /// What there is for the host `asked`: its own name before a wildcard, which stands for one label (RFC 9525 6.3).
    pub fn find(&self, asked: &DnsName) -> Option<(&str, &[Arc<Credential>])> {
        let wildcard = || {
            let parent = std::str::from_utf8(asked.parent()?).ok()?;
            self.0.get_key_value(&format!("*{parent}"))
        };
        let found = self.0.get_key_value(asked.as_str()).or_else(wildcard);
        found.map(|(name, credentials)| (name.as_str(), credentials.as_slice()))
    }
}

/// `name` in normal form: a DNS name, or one with "*" as its whole left-most label. `check` below tells whether a certificate
/// is for it.
pub fn normal(name: &[u8]) -> Result<String> {
    let (wildcard, rest) = match name.strip_prefix(b"*.") {
        Some(rest) => ("*.", rest),
        None => ("", name),
    };
    match Reference::parse_bytes(rest)? {
        // "*" needs two labels behind it, as in certificates.
        Reference::Dns(rest) if wildcard.is_empty() || rest.as_str().contains('.') => Ok(format!("{wildcard}{}", rest.as_str())),
        _ => Err(no_name(name)),
    }
}

/// Refuses a certificate that no client would take for `name`, which is in normal form.
pub fn check(credential: &Credential, name: &str) -> Result<()> {
    let one = name.strip_prefix("*.").map(|rest| format!("any-name.{rest}"));
    let reference = Reference::parse(one.as_deref().unwrap_or(name))?;
    let rules = MatchRules { wildcards: true, ..MatchRules::default() };
    certificate::check_host(&credential.shown.leaf, &reference, rules).map_err(|error| match error.status() {
        // It is this side's own, and no impostor's.
        Status::EHostMismatch => error.with_hint(format!("name the certificate and the key that were issued for \"{name}\"")),
        _ => error,
    })
}

fn no_name(name: &[u8]) -> Error {
    let what = format!("\"{}\" is no name that a client asks a server for", name.escape_ascii());
    Error::new(Status::EBadHost, what).with_hint("give a DNS name such as www.example.com, or *.example.com; clients send no addresses")
}
