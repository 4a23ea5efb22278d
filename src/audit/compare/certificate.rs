//! The certificate that the program shows to its peers.

use crate::audit::facts::{Facts, Key, Shown};
use crate::audit::kinds;
use crate::audit::report::Finding;
use crate::moment;
use crate::policy::Policy;

/// What is wrong with it.
pub fn findings(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let Some(own) = &facts.own else { return Vec::new() };
    let mut found = Vec::new();
    let out_of_date: Vec<String> = own.chain.iter().filter_map(|shown| dates(shown, facts.now)).collect();
    if !out_of_date.is_empty() {
        found.push(kinds::OWN_CERTIFICATE_EXPIRED.found().with_items(out_of_date));
    }
    let weak: Vec<String> = own.chain.iter().filter_map(|shown| weakness(shown, policy)).collect();
    if !weak.is_empty() {
        found.push(kinds::OWN_CERTIFICATE_WEAK.found().with_items(weak));
    }
    match own.key {
        Key::Fits => {}
        Key::DoesNotFit => {
            found.push(kinds::OWN_KEY_WRONG.found().with_detail("the key is that of another certificate"))
        }
        Key::Missing => found.push(kinds::OWN_KEY_WRONG.found().with_detail("there is a certificate and no key")),
    }
    found
}

fn dates(shown: &Shown, now: i64) -> Option<String> {
    match (shown.not_before, shown.not_after) {
        (Some(begin), _) if begin > now => Some(format!("{}: not valid before {}", shown.subject, moment::text(begin))),
        (_, Some(end)) if end < now => Some(format!("{}: expired {}", shown.subject, moment::text(end))),
        (Some(_), Some(_)) => None,
        _ => Some(format!("{}: its dates cannot be read", shown.subject)),
    }
}

fn weakness(shown: &Shown, policy: &Policy) -> Option<String> {
    if let Some(flaw) = &shown.key_flaw {
        return Some(format!("{}: {flaw}", shown.subject));
    }
    let bits = shown.signature_bits.filter(|bits| *bits < policy.security_bits)?;
    Some(format!("{}: a signature of {bits} bits of strength", shown.subject))
}
