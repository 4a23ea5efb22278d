//! One function decides whether a chain is valid and belongs to the host asked for. The handshake's callback and the
//! call without a connection both use it, so that their verdicts cannot differ.
//!
//! It verifies with parameters of its own: what a program asked for can make them stricter, never laxer.

use std::ffi::c_ulong;

use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::chain::by_key::Issuers;
use crate::chain::case::Case;
use crate::chain::exact;
use crate::chain::known_signatures::Signatures;
use crate::chain::messages::{self, Shown};
use crate::chain::openssl_verify::{self, Material};
use crate::chain::path_search::{self, Ends};
use crate::chain::pins;
use crate::chain::public_suffix;
use crate::chain::tree;
use crate::chain::unknown_issuer;
use crate::chain::waivers::Waiver;
use crate::chain::whole_chain::{self, Extent};
use crate::error::{Error, Result};
use crate::libssl::{certificate, certificate_words};
use crate::host::mismatch_of_client;
use crate::policy::Check;
use crate::role::Role;
use crate::trust::{list, store};

/// A refusal, with the chain as far as it was built.
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The chain from the leaf upwards; may be empty.
    pub chain: Vec<X509>,
    extent: Extent,
    reached_anchor: bool,
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
    let host = check_host(case);
    // Before the memory is asked: else whoever shows another site's chain could tell by the clock whether this process has
    // met it.
    let is_for_host = case.wanted.is_some() && !case.waivers.has(Waiver::HostName) && host.is_ok();
    let signatures = Signatures::new(is_for_host);
    let chain = if case.waivers.has(Waiver::Chain) {
        vec![case.leaf.to_owned()]
    } else if case.exact.accept(case.leaf) {
        if !case.waivers.has(Waiver::Time) {
            exact::check_dates(case.role, case.leaf, case.time)?;
        }
        vec![case.leaf.to_owned()]
    } else {
        find_chain(case, &signatures).map_err(|refusal| nothing_trusted(case, signed_only(case, refusal)))?
    };
    match host.and_then(|()| pins::check(&chain, &case.pins)) {
        Ok(()) => {
            signatures.remember();
            Ok(chain)
        }
        Err(error) => {
            let reached_anchor = !case.waivers.has(Waiver::Chain);
            Err(Refusal { error, chain, extent: Extent::Leaf, reached_anchor })
        }
    }
}

/// Where nothing is trusted at all, that is the reason.
fn nothing_trusted(case: &Case<'_>, refusal: Refusal) -> Refusal {
    match messages::is_untrusted(refusal.error.x509_code()) && store::is_empty(case.store) {
        true if !case.exact.is_empty() => Refusal { error: exact::another(case.role, case.leaf), ..refusal },
        true => Refusal { error: store::nothing_in_it(), ..refusal },
        false => refusal,
    }
}

/// OpenSSL may have taken a namesake for an issuer: where another certificate that was sent did sign, its chain is the one
/// to speak of. Every chain that reaches an anchor has been tried by now.
fn signed_only(case: &Case<'_>, refusal: Refusal) -> Refusal {
    if refusal.error.x509_code() != ffi::X509_V_ERR_CERT_SIGNATURE_FAILURE {
        return refusal;
    }
    let found = unknown_issuer::explain(case, ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    let signed = signed_length(&refusal.chain);
    let is_longer = found.chain.len() > signed && found.chain.get(..signed) == refusal.chain.get(..signed);
    if !is_longer {
        return refusal;
    }
    Refusal { error: found.error, chain: found.chain, extent: Extent::Nowhere, reached_anchor: false }
}

/// OpenSSL's chain where it is good; else another to a self-signed anchor; where none leads to such an anchor at all,
/// one that ends at a certificate of the store that is not self-signed. Last, what only a key identifier stood against.
fn find_chain(case: &Case<'_>, signatures: &Signatures) -> Verdict {
    let refusal = match attempt(case, &Material::Everything, 0, signatures)? {
        Ok(chain) => return Ok(chain),
        Err(refusal) if refusal.extent == Extent::Leaf => return Err(refusal),
        Err(refusal) => refusal,
    };
    let to_root = search(case, Ends::SelfSigned, Issuers::ByIdentifier, signatures)?;
    let refusal = match (to_root.good, to_root.first_refusal) {
        (Some(chain), _) => return Ok(chain),
        // Of CAs with one name OpenSSL may have taken one that did not sign; the other path's reason is the true one.
        (None, Some(nearer)) if !is_signed(&refusal.chain) => return Err(nearer),
        (None, _) if refusal.extent == Extent::Anchor => return Err(refusal),
        (None, Some(nearer)) => return Err(nearer),
        (None, None) => refusal,
    };
    let partial = match attempt(case, &Material::Everything, ffi::X509_V_FLAG_PARTIAL_CHAIN, signatures)? {
        Ok(chain) => return Ok(chain),
        Err(partial) => partial,
    };
    let anywhere = search(case, Ends::Anywhere, Issuers::ByIdentifier, signatures)?;
    match (anywhere.good, anywhere.first_refusal) {
        (Some(chain), _) => return Ok(chain),
        (None, _) if partial.extent != Extent::Nowhere => return Err(partial),
        (None, Some(nearer)) => return Err(nearer),
        (None, None) => {}
    }
    if to_root.misidentified || anywhere.misidentified {
        for ends in [Ends::SelfSigned, Ends::Anywhere] {
            let found = search(case, ends, Issuers::ByKey, signatures)?;
            match (found.good, found.first_refusal) {
                (Some(chain), _) => return Ok(chain),
                (None, Some(nearer)) => return Err(nearer),
                (None, None) => {}
            }
        }
    }
    Err(refusal)
}

/// Whether the key of each certificate of the chain signed the one before it.
fn is_signed(chain: &[X509]) -> bool {
    signed_length(chain) == chain.len()
}

/// How many certificates of the chain, from the leaf upwards, each were signed by the next.
fn signed_length(chain: &[X509]) -> usize {
    let is_signed = |(certificate, issuer): &(&X509, &X509)| {
        issuer.public_key().is_ok_and(|key| certificate.verify(&key).unwrap_or(false))
    };
    let links = chain.iter().zip(chain.iter().skip(1)).take_while(is_signed).count();
    if chain.is_empty() { 0 } else { links + 1 }
}

fn search(
    case: &Case<'_>,
    ends: Ends,
    issuers: Issuers,
    signatures: &Signatures,
) -> Result<path_search::Found<Vec<X509>, Refusal>> {
    let flags = if ends == Ends::Anywhere { ffi::X509_V_FLAG_PARTIAL_CHAIN } else { 0 };
    path_search::search(case, ends, issuers, |between, anchor| {
        attempt(case, &Material::Path { anchor, between, issuers }, flags, signatures)
    })
}

/// One chain by OpenSSL, and held against our own rules.
fn attempt(case: &Case<'_>, material: &Material<'_>, flags: c_ulong, signatures: &Signatures) -> Result<Verdict> {
    let outcome = openssl_verify::run(case, material, flags, signatures)?;
    if outcome.is_good() {
        return Ok(match whole_chain::check(case, &outcome.chain) {
            Ok(()) => Ok(outcome.chain),
            Err((error, extent)) => Err(Refusal { error, chain: outcome.chain, extent, reached_anchor: true }),
        });
    }
    let untrusted = messages::is_untrusted(outcome.code);
    let reached_anchor = !untrusted && outcome.code != ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG;
    let known = outcome.refusal.clone().or_else(|| whole_chain::reason(case, &outcome));
    let (error, chain) = match known {
        Some(error) => (error, outcome.chain),
        None if untrusted => {
            let found = unknown_issuer::explain(case, outcome.code);
            (found.error, found.chain)
        }
        None => {
            let source = outcome.chain.last().filter(|_| reached_anchor).map(|anchor| source_of(case, anchor));
            let shown = Shown { judge: case.role, chain: &outcome.chain, leaf: case.leaf, anchor: source.as_deref() };
            (messages::x509_error(outcome.code, outcome.depth, &shown), outcome.chain)
        }
    };
    let leaf_alone = outcome.depth == 0
        && matches!(
            outcome.code,
            ffi::X509_V_ERR_CERT_HAS_EXPIRED
                | ffi::X509_V_ERR_CERT_NOT_YET_VALID
                | ffi::X509_V_ERR_INVALID_PURPOSE
                | ffi::X509_V_ERR_EE_KEY_TOO_SMALL
        );
    let extent = match (leaf_alone, untrusted) {
        (true, _) => Extent::Leaf,
        (_, true) => Extent::Nowhere,
        _ => Extent::Anchor,
    };
    Ok(Err(Refusal { error, chain, extent, reached_anchor }))
}

/// What the program loaded `anchor` from, in words.
fn source_of(case: &Case<'_>, anchor: &X509Ref) -> String {
    let der = anchor.to_der().unwrap_or_default();
    list::source_of(case.store, &der).unwrap_or_else(|| "the certificates that the program trusts".to_owned())
}

fn check_host(case: &Case<'_>) -> Result<()> {
    let Some(wanted) = case.wanted.filter(|_| !case.waivers.has(Waiver::HostName)) else { return Ok(()) };
    let matched = certificate::presented(case.leaf).and_then(|names| {
        wanted.check(&names)?;
        if case.policy.demands(Check::PublicSuffix) { public_suffix::check_wildcards(wanted, &names) } else { Ok(()) }
    });
    let matched = matched.map_err(|error| if case.role == Role::Server { mismatch_of_client(error) } else { error });
    matched.map_err(|error| {
        let subject = certificate_words::subject_of(case.leaf);
        error.with_certificate(0, subject)
    })
}
