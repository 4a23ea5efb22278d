//! One function decides whether a chain is valid and belongs to the host asked for. The handshake's callback and the
//! call without a connection both use it, so that their verdicts cannot differ.
//!
//! It verifies with parameters of its own: what a program asked for can make them stricter, never laxer.

use std::ffi::{c_int, c_ulong};
use std::sync::Arc;

use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::chain::exact::{self, ExactCertificates};
use crate::chain::messages;
use crate::chain::openssl_verify::{self, Material};
use crate::chain::path_search::{self, Ends};
use crate::chain::pins::{self, Pin};
use crate::chain::public_suffix;
use crate::chain::rules::{Purpose, Rules};
use crate::chain::tree;
use crate::chain::waivers::{Waiver, Waivers};
use crate::chain::whole_chain::{self, KnownAnchor};
use crate::error::{Error, Result, Status};
use crate::host::Wanted;
use crate::libssl::layout::Asked;
use crate::libssl::{Param, certificate, certificate_words};
use crate::policy::{Check, Policy};
use crate::revocation::Revocation;
use crate::role::Role;
use crate::trust::distrust::Distrust;
use crate::trust::store;

/// What is to be judged, and by which measure.
pub struct Case<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The side that judges: a client judges servers.
    pub role: Role,
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// What else the peer sent; it may hold the leaf again.
    pub untrusted: Option<&'a StackRef<X509>>,
    /// The trust anchors.
    pub store: &'a X509StoreRef,
    /// Whose certificate it must be.
    pub wanted: Option<&'a Wanted>,
    /// What the program asked for beyond the policy.
    pub wishes: Wishes,
    /// The moment to judge for, in Unix seconds; `None` is now.
    pub time: Option<i64>,
    /// The most intermediates, in place of the policy's number.
    pub most_intermediates: Option<c_int>,
    /// What certificates must keep besides the policy's checks.
    pub checks: Vec<Check>,
    /// The checks that the program gave up.
    pub waivers: Waivers,
    /// CRLs and how they are used.
    pub revocation: Revocation,
    /// The keys of which the chain must have one, where there are any.
    pub pins: Vec<Pin>,
    /// Certificates that are trusted as they are.
    pub exact: ExactCertificates,
    /// What the sources of the anchors say against certificates.
    pub distrust: Arc<Distrust>,
    /// The anchor that kept the rules last.
    pub(crate) known_anchor: &'a KnownAnchor,
}

impl<'a> Case<'a> {
    /// What certificates must keep.
    pub(crate) fn rules(&self) -> Rules {
        let purpose = match self.role {
            _ if self.waivers.has(Waiver::Purpose) => None,
            Role::Client => Some(Purpose::Server),
            Role::Server => Some(Purpose::Client),
        };
        Rules::new(self.policy.checks.iter().chain(&self.checks), purpose)
    }

    /// The most intermediates between the leaf and the anchor.
    pub fn depth(&self) -> c_int {
        let depth = self.most_intermediates.unwrap_or(self.policy.verify_depth);
        self.wishes.depth.map_or(depth, |wish| wish.min(depth))
    }

    /// The most certificates that a chain may have, self-issued ones included.
    pub fn most_certificates(&self) -> usize {
        usize::try_from(self.depth()).unwrap_or(0) + 2 + SELF_ISSUED_ALLOWANCE
    }
}

/// Self-issued certificates do not count for the depth (RFC 5280 6.1.4 (l)), but even of them no chain needs many.
pub const SELF_ISSUED_ALLOWANCE: usize = 8;

/// The stricter wishes of a program, read from its verification parameters.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    flags: c_ulong,
    depth: Option<c_int>,
    auth_level: c_int,
    /// `None` where it cannot be read.
    asked: Option<Asked>,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes { flags: 0, depth: None, auth_level: 0, asked: Some(Asked::default()) }
    }
}

/// A refusal, with the chain as far as it was built.
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The chain from the leaf upwards; may be empty.
    pub chain: Vec<X509>,
    extent: Extent,
    reached_anchor: bool,
}

/// How far a refused chain reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The leaf alone is to blame, so no other chain can help.
    Leaf,
    /// To an anchor, but something is wrong with it.
    Anchor,
    /// Not to any anchor.
    Nowhere,
}

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

impl Wishes {
    /// Reads them from `param`.
    pub fn read(param: Param<'_>) -> Wishes {
        let depth = param.depth();
        Wishes {
            flags: param.flags() & !WEAKENING,
            depth: (depth >= 0).then_some(depth),
            auth_level: param.auth_level(),
            asked: param.asked(),
        }
    }

    /// What either of the two asks for.
    pub fn and(self, other: Wishes) -> Wishes {
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
    pub fn at_level(self, level: c_int) -> Wishes {
        Wishes { auth_level: self.auth_level.max(level), ..self }
    }

    /// The flags without what weakens.
    pub fn flags(self) -> c_ulong {
        self.flags & !WEAKENING
    }

    /// Purpose, trust setting and policies. An error where they cannot be read, as they may be stricter than ours.
    pub(crate) fn asked(self) -> Result<Asked> {
        self.asked.ok_or_else(|| {
            Error::new(
                Status::EUnsupported,
                "this OpenSSL keeps a program's purpose and policies where they cannot be read",
            )
            .with_hint("use hostlock with an OpenSSL that docs/openssl-versions.md lists")
        })
    }

    /// OpenSSL's security level.
    pub fn auth_level(self) -> c_int {
        self.auth_level
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { error, chain: Vec::new(), extent: Extent::Leaf, reached_anchor: false }
    }
}

type Verdict = std::result::Result<Vec<X509>, Refusal>;

/// Judges `case`: the verified chain from the leaf to its anchor, or the refusal.
pub fn judge(case: &Case<'_>) -> Verdict {
    decide(case).map_err(|refusal| {
        let text = tree::draw(case, &refusal.chain, refusal.reached_anchor, &refusal.error);
        Refusal { error: refusal.error.with_chain_text(text), ..refusal }
    })
}

fn decide(case: &Case<'_>) -> Verdict {
    let chain = if case.waivers.has(Waiver::Chain) {
        vec![case.leaf.to_owned()]
    } else if case.exact.accept(case.leaf) {
        if !case.waivers.has(Waiver::Time) {
            exact::check_dates(case.leaf, case.time)?;
        }
        vec![case.leaf.to_owned()]
    } else {
        find_chain(case).map_err(|refusal| nothing_trusted(case, refusal))?
    };
    match check_host(case).and_then(|()| pins::check(&chain, &case.pins)) {
        Ok(()) => Ok(chain),
        Err(error) => {
            let reached_anchor = !case.waivers.has(Waiver::Chain);
            Err(Refusal { error, chain, extent: Extent::Leaf, reached_anchor })
        }
    }
}

/// Where nothing is trusted at all, that is the reason.
fn nothing_trusted(case: &Case<'_>, refusal: Refusal) -> Refusal {
    match messages::is_untrusted(refusal.error.x509_code()) && store::is_empty(case.store) {
        true if !case.exact.is_empty() => Refusal { error: exact::another(case.leaf), ..refusal },
        true => Refusal { error: store::nothing_in_it(), ..refusal },
        false => refusal,
    }
}

/// OpenSSL's chain where it is good; else another to a self-signed anchor; where none leads to such an anchor at all,
/// one that ends at a certificate of the store that is not self-signed.
fn find_chain(case: &Case<'_>) -> Verdict {
    let refusal = match attempt(case, &Material::Everything, 0)? {
        Ok(chain) => return Ok(chain),
        Err(refusal) if refusal.extent == Extent::Leaf => return Err(refusal),
        Err(refusal) => refusal,
    };
    let refusal = match search(case, Ends::SelfSigned)? {
        (Some(chain), _) => return Ok(chain),
        (None, _) if refusal.extent == Extent::Anchor => return Err(refusal),
        (None, Some(nearer)) => return Err(nearer),
        (None, None) => refusal,
    };
    let partial = match attempt(case, &Material::Everything, ffi::X509_V_FLAG_PARTIAL_CHAIN)? {
        Ok(chain) => return Ok(chain),
        Err(partial) => partial,
    };
    match search(case, Ends::Anywhere)? {
        (Some(chain), _) => Ok(chain),
        (None, _) if partial.extent != Extent::Nowhere => Err(partial),
        (None, Some(nearer)) => Err(nearer),
        (None, None) => Err(refusal),
    }
}

fn search(case: &Case<'_>, ends: Ends) -> Result<(Option<Vec<X509>>, Option<Refusal>)> {
    let flags = if ends == Ends::Anywhere { ffi::X509_V_FLAG_PARTIAL_CHAIN } else { 0 };
    let found =
        path_search::search(case, ends, |between, anchor| attempt(case, &Material::Path { anchor, between }, flags))?;
    Ok((found.good, found.first_refusal))
}

/// One chain by OpenSSL, and held against our own rules.
fn attempt(case: &Case<'_>, material: &Material<'_>, flags: c_ulong) -> Result<Verdict> {
    let outcome = openssl_verify::run(case, material, flags)?;
    if outcome.is_good() {
        return Ok(match whole_chain::check(case, &outcome.chain) {
            Ok(()) => Ok(outcome.chain),
            Err((error, extent)) => Err(Refusal { error, chain: outcome.chain, extent, reached_anchor: true }),
        });
    }
    let untrusted = messages::is_untrusted(outcome.code);
    let error = outcome
        .refusal
        .clone()
        .or_else(|| whole_chain::reason(case, &outcome))
        .unwrap_or_else(|| messages::x509_error(outcome.code, outcome.depth, &outcome.chain, case.leaf));
    let leaf_alone = outcome.depth == 0
        && matches!(
            outcome.code,
            ffi::X509_V_ERR_CERT_HAS_EXPIRED
                | ffi::X509_V_ERR_CERT_NOT_YET_VALID
                | ffi::X509_V_ERR_INVALID_PURPOSE
                | messages::EE_KEY_TOO_SMALL
        );
    let extent = match (leaf_alone, untrusted) {
        (true, _) => Extent::Leaf,
        (_, true) => Extent::Nowhere,
        _ => Extent::Anchor,
    };
    let reached_anchor = !untrusted && outcome.code != ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG;
    Ok(Err(Refusal { error, chain: outcome.chain, extent, reached_anchor }))
}

fn check_host(case: &Case<'_>) -> Result<()> {
    let Some(wanted) = case.wanted.filter(|_| !case.waivers.has(Waiver::HostName)) else { return Ok(()) };
    let matched = certificate::presented(case.leaf).and_then(|names| {
        wanted.check(&names)?;
        if case.policy.demands(Check::PublicSuffix) { public_suffix::check_wildcards(wanted, &names) } else { Ok(()) }
    });
    matched.map_err(|error| {
        let subject = certificate_words::subject_of(case.leaf);
        error.with_certificate(0, subject)
    })
}
