//! Versions, options and the security level.

use crate::audit::facts::{Facts, Security, Side};
use crate::audit::kinds;
use crate::audit::report::{Finding, Kind};
use crate::audit::versions::{Spoken, Version, names};
use crate::libssl::method::Carrier;
use crate::policy::{OptionBit, Policy};

/// The versions that are spoken.
pub fn versions(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    if facts.method.carrier == Carrier::Datagrams {
        return vec![kinds::DATAGRAMS.found()];
    }
    let mut found = Vec::new();
    if let (Some(name), Some(_)) = (facts.method.name, facts.method.only) {
        found.push(kinds::ONE_VERSION_METHOD.found().with_items([name]));
    }
    let spoken = Spoken::of(facts);
    if spoken.enabled.is_empty() {
        found.push(kinds::NO_VERSION.found());
        return found;
    }
    let least = Version::of(policy.min_version).map_or("TLS1_2_VERSION", |version| version.constant);
    let fix = format!("SSL_CTX_set_min_proto_version(ctx, {least})");
    let count = if facts.side == Side::Client { &spoken.offered } else { &spoken.enabled };
    let old: Vec<&'static Version> = count.iter().copied().filter(|v| v.number < policy.min_version).collect();
    if !old.is_empty() {
        found.push(kinds::OLD_VERSIONS.found().with_items(names(&old)).with_fix(fix.clone()));
    }
    if facts.side.may_connect() && spoken.has_hole() {
        let lost =
            spoken.enabled.iter().filter(|version| !spoken.offered.iter().any(|other| other.number == version.number));
        let lost: Vec<&str> = lost.map(|version| version.name).collect();
        let detail = format!("only {} is offered, not {}", names(&spoken.offered).join(", "), lost.join(", "));
        let fix = format!("{fix}, and SSL_CTX_clear_options of the SSL_OP_NO_* bits");
        found.push(kinds::VERSION_HOLE.found().with_detail(detail).with_fix(fix));
    } else if !spoken.enabled.iter().any(|version| version.number == policy.max_version) && facts.method.only.is_none()
    {
        found.push(kinds::NO_TLS13.found());
    }
    found
}

/// The options that the policy sets or clears.
pub fn options(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let set = |option: &&OptionBit| facts.protocol.options & option.bit != 0;
    let weakening = policy.clear_options.iter().filter(set);
    let missing = policy.set_options.iter().filter(|option| !set(option));
    let mut found: Vec<Finding> = Vec::new();
    let mut others = Vec::new();
    for option in weakening {
        match kind_of_set(option.name, facts.side) {
            Some(kind) => found.push(kind.found()),
            None => others.push(format!("SSL_OP_{}", option.name)),
        }
    }
    found.extend(missing.filter_map(|option| kind_of_missing(option.name)).map(Kind::found));
    if !others.is_empty() {
        let fix = format!("SSL_CTX_clear_options(ctx, {})", others.join(" | "));
        found.push(kinds::WEAKENING_OPTIONS.found().with_items(others).with_fix(fix));
    }
    found
}

/// What an option means that the policy clears; the others are told by their names.
fn kind_of_set(name: &str, side: Side) -> Option<&'static Kind> {
    match name {
        "ALLOW_UNSAFE_LEGACY_RENEGOTIATION" => Some(&kinds::UNSAFE_RENEGOTIATION),
        "LEGACY_SERVER_CONNECT" if side.may_connect() => Some(&kinds::LEGACY_SERVER_CONNECT),
        "IGNORE_UNEXPECTED_EOF" => Some(&kinds::UNEXPECTED_EOF),
        "NO_EXTENDED_MASTER_SECRET" => Some(&kinds::NO_EXTENDED_MASTER_SECRET),
        _ => None,
    }
}

/// What the lack of an option means that the policy sets. Versions are judged by what is spoken, whatever switches them off.
fn kind_of_missing(name: &str) -> Option<&'static Kind> {
    match name {
        "NO_COMPRESSION" => Some(&kinds::COMPRESSION),
        "NO_RENEGOTIATION" => Some(&kinds::RENEGOTIATION),
        _ => None,
    }
}

/// The security level, and what decides in its place.
pub fn level(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let protocol = &facts.protocol;
    let mut found = Vec::new();
    let fix = format!("SSL_CTX_set_security_level(ctx, {})", policy.security_level);
    if protocol.level <= 0 {
        found.push(kinds::LEVEL_ZERO.found().with_fix(fix));
    } else if protocol.level < policy.security_level {
        let detail = format!("the level is {}, the policy's is {}", protocol.level, policy.security_level);
        found.push(kinds::LEVEL_LOW.found().with_detail(detail).with_fix(fix));
    }
    if protocol.security == Security::Program {
        let detail = format!("the level of {} may count for nothing", protocol.level);
        found.push(kinds::OWN_SECURITY_CALLBACK.found().with_detail(detail));
    }
    found
}
