//! What a program expects of a peer's certificate: the names of which one of each group must be in it.

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::host::{MatchRules, Reference, check};
use crate::x509::Presented;

/// What a certificate must be for: each group must hold, and one name of a group is enough for it.
#[derive(Clone, Debug, Default)]
pub struct ExpectedHost {
    pub(crate) groups: Vec<Vec<Reference>>,
    /// How names are matched.
    pub rules: MatchRules,
}

impl ExpectedHost {
    /// One host and nothing else.
    pub fn one(reference: Reference, rules: MatchRules) -> ExpectedHost {
        ExpectedHost { groups: vec![vec![reference]], rules }
    }

    /// The host that errors and facts name.
    pub fn first(&self) -> Option<&Reference> {
        self.groups.first().and_then(|group| group.first())
    }

    /// Every name that was asked for.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.groups.iter().flatten()
    }

    /// Every group must find one of its names in the certificate.
    pub fn check(&self, presented: &Presented<'_>) -> Result<String> {
        let mut matched = None;
        for group in &self.groups {
            let found = one_of(group, presented, self.rules)?;
            matched.get_or_insert(found);
        }
        matched.ok_or_else(no_host)
    }

    /// Feeds everything that the verdict depends on to a session's mark.
    pub fn describe(&self, mut sink: impl FnMut(&[u8])) {
        sink(&[self.rules.cn_fallback as u8, self.rules.wildcards as u8]);
        for group in &self.groups {
            for reference in group {
                sink(reference.text().as_bytes());
                sink(b"|");
            }
            sink(b"&");
        }
    }
}

fn one_of(group: &[Reference], presented: &Presented<'_>, rules: MatchRules) -> Result<String> {
    let mut refusal = None;
    for reference in group {
        match check(reference, presented, rules) {
            Ok(_) => return Ok(reference.text().into_owned()),
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    Err(refusal.unwrap_or_else(no_host))
}

/// The error for a connection that names no host at all.
pub fn no_host() -> Error {
    Error::new(Status::ENoHost, "no host was named for this connection, so its certificate cannot be matched with one")
        .with_hint("call hostlock_conn_set_host or SSL_set1_host before the handshake, or hostlock_ctx_set_host once")
        // Not that of a mismatch, of which CPython, Ruby and curl make that the certificate is for another host.
        .with_x509_code(ffi::X509_V_ERR_APPLICATION_VERIFICATION)
}
