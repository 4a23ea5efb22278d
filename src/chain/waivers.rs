//! What a program gave up by a `hostlock_insecure_*` call, with the reason that it gave. A waiver takes away the one
//! check that it names and nothing else; it can be seen in the audit, and it cannot be taken back.

use std::ffi::{CStr, CString};

use crate::error::{Error, Result, Status};

/// A check that a program may give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiver {
    /// The chain: who issued the certificate, its dates, its purpose, its revocation. The host name is still compared.
    Chain,
    /// The host name. The chain is still verified.
    HostName,
    /// Dates: of certificates, CRLs and OCSP answers.
    Time,
    /// The purpose (extended key usage) of the peer's certificate.
    Purpose,
    /// No check, but the secrecy of the connections: their keys are written to a file.
    KeyLog,
}

impl Waiver {
    /// The name of the C function behind `hostlock_insecure_`.
    pub fn name(self) -> &'static CStr {
        match self {
            Waiver::Chain => c"no_verify",
            Waiver::HostName => c"no_hostname",
            Waiver::Time => c"no_time",
            Waiver::Purpose => c"any_purpose",
            Waiver::KeyLog => c"keylog_file",
        }
    }
}

/// The waivers of a context, in the order in which they were given. Entries are never removed or changed, so that the C
/// ABI can lend their texts out as long as the context lives.
#[derive(Clone, Debug, Default)]
pub struct Waivers(Vec<(Waiver, CString)>);

impl Waivers {
    /// Whether the check was given up.
    pub fn has(&self, waiver: Waiver) -> bool {
        self.0.iter().any(|(given, _)| *given == waiver)
    }

    /// Gives a check up, and keeps the reason.
    pub fn give(&mut self, waiver: Waiver, reason: CString) {
        if !self.0.iter().any(|(given, why)| *given == waiver && *why == reason) {
            self.0.push((waiver, reason));
        }
    }

    /// Every waiver with its reason.
    pub fn iter(&self) -> impl Iterator<Item = (Waiver, &CStr)> {
        self.0.iter().map(|(waiver, reason)| (*waiver, reason.as_c_str()))
    }

    /// The waiver at `index`.
    pub fn get(&self, index: usize) -> Option<(Waiver, &CStr)> {
        self.iter().nth(index)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was given up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A reason that a reader of the audit can use: text, and not only blanks.
pub fn reason(text: &str) -> Result<CString> {
    if text.trim().is_empty() {
        return Err(Error::new(Status::EArg, "the reason is empty")
            .with_hint("say in a few words why this connection needs no such check; the audit shows it"));
    }
    CString::new(text).map_err(|_| Error::new(Status::EArg, "the reason holds a NUL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_must_say_something() {
        assert_eq!(reason("").unwrap_err().status(), Status::EArg);
        assert_eq!(reason(" \t\n").unwrap_err().status(), Status::EArg);
        assert_eq!(reason("lab only").unwrap().as_c_str(), c"lab only");
    }

    #[test]
    fn a_waiver_gives_up_its_own_check_only_and_keeps_every_reason() {
        let mut waivers = Waivers::default();
        waivers.give(Waiver::Time, c"no clock".into());
        waivers.give(Waiver::Time, c"no clock".into());
        waivers.give(Waiver::Time, c"still none".into());
        assert!(waivers.has(Waiver::Time));
        assert!(!waivers.has(Waiver::Chain) && !waivers.has(Waiver::HostName) && !waivers.has(Waiver::Purpose));
        let reasons: Vec<_> = waivers.iter().map(|(_, reason)| reason.to_owned()).collect();
        assert_eq!(reasons, [c"no clock".to_owned(), c"still none".to_owned()]);
    }
}
