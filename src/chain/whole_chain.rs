//! Our rules for a whole chain that OpenSSL finds good: each certificate's own, the depth, and the name constraints. And
//! better reasons than OpenSSL's code for one that it does not. Every function looks at bytes and decides nothing twice.

use openssl::x509::X509;
use openssl_sys as ffi;

use crate::chain::case::Case;
use crate::chain::messages;
use crate::chain::openssl_verify::Outcome;
use crate::chain::rules::{self, Place};
use crate::error::{Error, Result, Status};
use crate::libssl::layout::SignedPart;
use crate::libssl::verification::{OutOfMemory, certificates_named};
use crate::libssl::{issuing, sys};
use crate::role::Role;
use crate::trust::distrust;
use crate::x509::certificate::{Certificate, Known};
use crate::x509::{Budget, NameConstraints, same_name};

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

/// Our rules for a chain that OpenSSL finds good.
pub fn check(case: &Case<'_>, chain: &[X509]) -> std::result::Result<(), (Error, Extent)> {
    check_asked(case, chain)?;
    let rules = case.rules();
    let mut signed = SignedPart::new();
    let mut is_constrained = false;
    for (depth, certificate) in chain.iter().enumerate() {
        let extent = if depth == 0 { Extent::Leaf } else { Extent::Anchor };
        let bytes = signed.of(certificate).ok_or_else(|| (OutOfMemory.into(), extent))?;
        let place = place(depth, chain.len());
        if place == Place::Anchor && case.known_anchor.is(rules, bytes) {
            continue;
        }
        let parsed = Certificate::parse_signed(bytes).map_err(|_| (messages::not_der(case.role, depth, certificate), extent))?;
        rules.check(&parsed, place).map_err(|breach| (messages::breach(case.role, breach, depth, certificate), extent))?;
        let constrains = depth > 0 && parsed.extension(Known::NameConstraints).is_some();
        if place == Place::Anchor && !constrains {
            case.known_anchor.remember(rules, bytes);
        }
        is_constrained |= constrains;
    }
    // Few chains need to be looked at as a whole.
    if is_constrained || chain.len() > most_intermediates(case) + 2 {
        check_together(case, chain).map_err(|error| (error, Extent::Anchor))?;
    }
    distrust::check(chain.iter().map(|certificate| &**certificate), &case.distrust)
        .map_err(|error| (error, Extent::Anchor))
}

/// The purpose and the trust setting that the program chose hold besides our own, as they would without hostlock.
fn check_asked(case: &Case<'_>, chain: &[X509]) -> std::result::Result<(), (Error, Extent)> {
    let asked = case.wishes.asked().map_err(|error| (error, Extent::Leaf))?;
    let (purpose, trust) = match case.role {
        Role::Client => (ffi::X509_PURPOSE_SSL_SERVER, sys::X509_TRUST_SSL_SERVER),
        Role::Server => (ffi::X509_PURPOSE_SSL_CLIENT, sys::X509_TRUST_SSL_CLIENT),
    };
    if ![0, ffi::X509_PURPOSE_ANY, purpose].contains(&asked.purpose) {
        for (depth, certificate) in chain.iter().enumerate() {
            if issuing::check_purpose(certificate, asked.purpose, depth > 0) != 1 {
                let extent = if depth == 0 { Extent::Leaf } else { Extent::Anchor };
                return Err((messages::asked_purpose(case.role, asked.purpose, depth, certificate), extent));
            }
        }
    }
    match chain.last() {
        Some(anchor) if ![0, trust].contains(&asked.trust) && issuing::rejects_trust(anchor, asked.trust) => {
            Err((messages::asked_trust(case.role, chain.len() - 1, anchor), Extent::Anchor))
        }
        _ => Ok(()),
    }
}

/// What one certificate of the chain says about the others.
fn check_together(case: &Case<'_>, chain: &[X509]) -> Result<()> {
    let mut encoded = Vec::with_capacity(chain.len());
    for certificate in chain {
        encoded.push(certificate.to_der().map_err(|_| OutOfMemory)?);
    }
    let mut certificates = Vec::with_capacity(chain.len());
    for (depth, (certificate, der)) in chain.iter().zip(&encoded).enumerate() {
        certificates.push(Certificate::parse(der).map_err(|_| messages::not_der(case.role, depth, certificate))?);
    }
    check_depth(case, &certificates, chain)?;
    check_name_constraints(&certificates, chain)
}

fn place(depth: usize, length: usize) -> Place {
    match depth {
        0 if length == 1 => Place::TrustedLeaf,
        0 => Place::Leaf,
        _ if depth + 1 == length => Place::Anchor,
        _ => Place::Intermediate,
    }
}

fn most_intermediates(case: &Case<'_>) -> usize {
    usize::try_from(case.depth()).unwrap_or(0)
}

/// RFC 5280 6.1.4 (l): self-issued certificates do not count.
fn check_depth(case: &Case<'_>, certificates: &[Certificate<'_>], chain: &[X509]) -> Result<()> {
    let most = most_intermediates(case);
    if certificates.len() <= most + 2 {
        return Ok(());
    }
    let below_anchor = certificates.get(1..certificates.len() - 1).unwrap_or_default();
    let intermediates = below_anchor.iter().filter(|certificate| !is_self_issued(certificate)).count();
    if intermediates <= most { Ok(()) } else { Err(messages::too_deep(intermediates, most, chain)) }
}

fn is_self_issued(certificate: &Certificate<'_>) -> bool {
    same_name(certificate.subject, certificate.issuer).unwrap_or(false)
}

/// RFC 5280 6.1.3 (b) and (c): each CA's constraints hold for all below it but self-issued intermediates.
fn check_name_constraints(certificates: &[Certificate<'_>], chain: &[X509]) -> Result<()> {
    let mut budget = Budget::default();
    for (above, certificate) in certificates.iter().enumerate().skip(1) {
        let Some(extension) = certificate.extension(Known::NameConstraints) else { continue };
        let blame = |error: Error, depth: usize| match chain.get(depth) {
            Some(culprit) => messages::at(error, depth, culprit),
            None => error,
        };
        let constraints = NameConstraints::parse(extension.value).map_err(|error| blame(error, above))?;
        for (depth, below) in certificates.iter().enumerate().take(above) {
            if depth == 0 || !is_self_issued(below) {
                constraints.check(&below.presented(), &mut budget).map_err(|error| blame(error, depth))?;
            }
        }
    }
    Ok(())
}

/// A better reason for `outcome` than its code, where there is one.
pub fn reason(case: &Case<'_>, outcome: &Outcome) -> Option<Error> {
    if messages::is_untrusted(outcome.code) { find_broken(case, &outcome.chain) } else { find_breach(case, outcome) }
}

/// OpenSSL takes no certificate for an issuer or a subject if one of its extensions is damaged, and then says only that
/// the chain ends. The damage is the better reason.
fn find_broken(case: &Case<'_>, chain: &[X509]) -> Option<Error> {
    let next = chain.last().map_or(case.leaf.issuer_name(), |last| last.issuer_name());
    let above = certificates_named(case.store, next).unwrap_or_default();
    let leaf = chain.is_empty().then(|| case.leaf.to_owned());
    let below = leaf.iter().chain(chain).enumerate();
    let above = above.iter().map(|anchor| (chain.len().max(1), anchor));
    below.chain(above).find_map(|(depth, certificate)| {
        let der = certificate.to_der().ok()?;
        let Ok(parsed) = Certificate::parse(&der) else { return Some(messages::not_der(case.role, depth, certificate)) };
        rules::well_formed(&parsed).err().map(|breach| messages::breach(case.role, breach, depth, certificate))
    })
}

/// OpenSSL has one code for much; our rules know which extension it is, and which usage is missing.
fn find_breach(case: &Case<'_>, outcome: &Outcome) -> Option<Error> {
    let culprit = outcome.chain.get(outcome.depth).filter(|_| messages::is_form(outcome.code))?;
    let der = culprit.to_der().ok()?;
    let place = place(outcome.depth, outcome.chain.len());
    let breach = case.rules().find(&Certificate::parse(&der).ok()?, place).err()?;
    let is_purpose = outcome.code == ffi::X509_V_ERR_INVALID_PURPOSE;
    (is_purpose || breach.status != Status::EWrongPurpose).then(|| messages::breach(case.role, breach, outcome.depth, culprit))
}
