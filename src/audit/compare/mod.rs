//! From facts to findings, by the policy's table alone: pure functions, each with the facts of one kind. Nothing here
//! reads a context.

mod certificate;
mod guarded;
mod offer;
mod protocol;
mod suites;
#[cfg(test)]
mod tests;
mod verification;

pub use verification::store_functions;

use crate::audit::facts::Facts;
use crate::audit::report::Finding;
use crate::policy::Policy;

/// Everything that `facts` are weak in, compared with `policy`.
pub fn findings(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let settings = [verification::mode(facts), values(facts, policy)].concat();
    let mut found = match &facts.guarded {
        Some(guarded) if guarded.in_place => guarded::enforced(settings),
        _ => [settings, verification::names(facts), verification::parameters(facts, policy)].concat(),
    };
    found.extend(verification::trust(facts));
    found.extend(offer::findings(facts, policy));
    found.extend(certificate::findings(facts, policy));
    found.extend(guarded::findings(facts));
    found.extend(verification::outcome(facts));
    found.extend(habits(facts));
    found
}

/// The values of the policy's table that `facts` lack.
pub fn values(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    [
        protocol::versions(facts, policy),
        protocol::options(facts, policy),
        protocol::level(facts, policy),
        suites::findings(facts, policy),
    ]
    .concat()
}

fn habits(facts: &Facts) -> Vec<Finding> {
    use super::kinds;
    let mut found = Vec::new();
    let bound = facts.guarded.as_ref().is_some_and(|guarded| guarded.in_place);
    if facts.habits.client_sessions && facts.side.may_connect() && !bound {
        found.push(kinds::UNBOUND_SESSIONS.found());
    }
    if facts.habits.key_log {
        found.push(kinds::KEY_LOG.found());
    }
    if facts.habits.quiet_shutdown {
        found.push(kinds::QUIET_SHUTDOWN.found());
    }
    found
}
