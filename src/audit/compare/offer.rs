//! What a trial hello offers beyond suites: groups, signature algorithms, pre-shared keys.

use crate::audit::facts::{Facts, Object, Probe};
use crate::audit::hello::Hello;
use crate::audit::kinds;
use crate::audit::registry::{Group, Signature};
use crate::audit::report::{Finding, Kind};
use crate::policy::Policy;

const PRE_SHARED_KEY: u16 = 41;

/// What the hello offers that the policy does not.
pub fn findings(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    match &facts.probe {
        Probe::NotMade if facts.object == Object::Context && facts.side.may_connect() && facts.guarded.is_none() => {
            vec![kinds::GROUPS_UNKNOWN.found()]
        }
        Probe::NotMade => Vec::new(),
        Probe::Impossible(why) => vec![kinds::PROBE_IMPOSSIBLE.found().with_detail(why.as_str())],
        Probe::Hello(hello) => [groups(hello, policy), signatures(hello, policy), shared_keys(facts, hello)].concat(),
    }
}

fn groups(hello: &Hello, policy: &Policy) -> Vec<Finding> {
    let lists = [policy.groups, policy.groups_hybrid].map(|list| list.to_string_lossy());
    let is_weak = |id: u16| Group::of(id).is_some_and(|group| i32::from(group.bits) < policy.security_bits);
    let is_policys = |id: u16| Group::of(id).is_some_and(|group| lists.iter().any(|list| group.is_in(list)));
    let name = |id: u16| Group::of(id).map_or_else(|| format!("{id:#06x}"), |group| group.name.to_owned());
    let fix = format!("SSL_CTX_set1_groups_list(ctx, {:?})", lists[0]);
    sorted_out(&hello.groups, is_weak, is_policys, name, [&kinds::WEAK_GROUPS, &kinds::OTHER_GROUPS], &fix)
}

fn signatures(hello: &Hello, policy: &Policy) -> Vec<Finding> {
    let lists = [policy.signature_algorithms, policy.signature_algorithms_mldsa].map(|list| list.to_string_lossy());
    let is_weak = |id: u16| Signature::of(id).is_some_and(|signature| signature.broken);
    let is_policys =
        |id: u16| Signature::of(id).is_some_and(|signature| lists.iter().any(|list| signature.is_in(list)));
    let name = |id: u16| Signature::of(id).map_or_else(|| format!("{id:#06x}"), |signature| signature.name.to_owned());
    let fix = format!("SSL_CTX_set1_sigalgs_list(ctx, {:?})", lists[0]);
    sorted_out(&hello.signatures, is_weak, is_policys, name, [&kinds::WEAK_SIGNATURES, &kinds::OTHER_SIGNATURES], &fix)
}

/// The weak ones and those that are only not the policy's, as one finding each.
fn sorted_out(
    offered: &[u16],
    is_weak: impl Fn(u16) -> bool,
    is_policys: impl Fn(u16) -> bool,
    name: impl Fn(u16) -> String,
    [weak, other]: [&'static Kind; 2],
    fix: &str,
) -> Vec<Finding> {
    let (weak_ones, rest): (Vec<u16>, Vec<u16>) = offered.iter().partition(|id| is_weak(**id));
    let others: Vec<u16> = rest.into_iter().filter(|id| !is_policys(*id) && !is_grease(*id)).collect();
    [(weak, weak_ones), (other, others)]
        .into_iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(kind, ids)| kind.found().with_items(ids.into_iter().map(&name)).with_fix(fix.to_owned()))
        .collect()
}

/// Numbers that mean nothing and are there to be ignored (RFC 8701).
fn is_grease(id: u16) -> bool {
    id & 0x0f0f == 0x0a0a && id >> 8 == id & 0xff
}

/// Suites or an extension for pre-shared keys. A trial hello has no session to resume, so the key is the program's.
fn shared_keys(facts: &Facts, hello: &Hello) -> Vec<Finding> {
    let of_suites = facts.suites.iter().filter(|suite| hello.suites.contains(&suite.id) && suite.name.contains("PSK-"));
    let mut items: Vec<String> = of_suites.map(|suite| suite.name.clone()).collect();
    if hello.extensions.contains(&PRE_SHARED_KEY) {
        items.push("the extension pre_shared_key".to_owned());
    }
    if items.is_empty() { Vec::new() } else { vec![kinds::PSK_OFFERED.found().with_items(items)] }
}
