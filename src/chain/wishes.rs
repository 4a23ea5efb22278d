//! What a program asks for in its verification parameters beyond the policy.

use std::ffi::{c_int, c_ulong};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::Param;
use crate::libssl::layout::Asked;

/// The bits of a program's flags that make verification laxer, or that hostlock decides by itself. All others hold, those
/// of a newer OpenSSL included: it honours what it knows.
pub const WEAKENING: c_ulong =
    // A moment of the program's own. hostlock_ctx_set_verify_time sets one.
    ffi::X509_V_FLAG_USE_CHECK_TIME
    // No dates at all. hostlock_insecure_no_time_check says so aloud.
    | ffi::X509_V_FLAG_NO_CHECK_TIME
    // A critical extension that nobody understands would be passed over.
    | ffi::X509_V_FLAG_IGNORE_CRITICAL
    // A peer's own certificate would be an issuer (RFC 3820).
    | ffi::X509_V_FLAG_ALLOW_PROXY_CERTS
    // A CA in the store would hide its root's constraints; `judge` takes one for an anchor where no root is.
    | ffi::X509_V_FLAG_PARTIAL_CHAIN;

/// The stricter wishes of a program, read from its verification parameters.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    flags: c_ulong,
    depth: Option<c_int>,
    auth_level: c_int,
    /// `None` where it cannot be read.
    asked: Option<Asked<'a>>,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Wishes { flags: 0, depth: None, auth_level: 0, asked: Some(Asked::default()) }
    }
}

impl<'a> Wishes<'a> {
    /// Reads them from `param`.
    pub fn read(param: Param<'a>) -> Wishes<'a> {
        let depth = param.depth();
        Wishes {
            flags: param.flags() & !WEAKENING,
            depth: (depth >= 0).then_some(depth),
            auth_level: param.auth_level(),
            asked: param.asked(),
        }
    }

    /// What either of the two asks for.
    pub fn and(self, other: Self) -> Self {
        let depth = match (self.depth, other.depth) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Wishes {
            flags: self.flags | other.flags,
            depth,
            auth_level: self.auth_level.max(other.auth_level),
            asked: self.asked.zip(other.asked).map(|(one, other)| one.or(other)),
        }
    }

    /// Flags that are asked for besides.
    pub fn with_flags(self, flags: c_ulong) -> Self {
        Wishes { flags: self.flags | flags, ..self }
    }

    /// A security level that is asked for.
    pub fn at_level(self, level: c_int) -> Self {
        Wishes { auth_level: self.auth_level.max(level), ..self }
    }

    /// The flags without what weakens.
    pub fn flags(self) -> c_ulong {
        self.flags & !WEAKENING
    }

    /// Purpose, trust setting and policies. An error where they cannot be read, as they may be stricter than ours.
    pub(crate) fn asked(self) -> Result<Asked<'a>> {
        self.asked.ok_or_else(|| {
            Error::new(
                Status::EUnsupported,
                "this OpenSSL keeps a program's purpose and policies where they cannot be read",
            )
            .with_hint("use hostlock with an OpenSSL that docs/openssl-versions.md lists")
        })
    }

    /// The most intermediates.
    pub fn depth(self) -> Option<c_int> {
        self.depth
    }

    /// OpenSSL's security level.
    pub fn auth_level(self) -> c_int {
        self.auth_level
    }

    /// Feeds all of it to a session's mark, each part with its length before it.
    pub fn describe(self, mut sink: impl FnMut(&[u8])) {
        let (flags, depth) = (self.flags(), self.depth.unwrap_or(-1));
        let (purpose, trust) = self.asked.map_or((-1, -1), |asked| (asked.purpose, asked.trust));
        sink(&flags.to_be_bytes());
        for number in [depth, self.auth_level, purpose, trust] {
            sink(&number.to_be_bytes());
        }
        if let Some(policies) = self.asked.and_then(|asked| asked.policies) {
            policies.each(|policy| {
                sink(&(policy.len() as u64).to_be_bytes());
                sink(policy);
            });
        }
    }
}
