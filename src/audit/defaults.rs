//! What a context is like that no program has touched: OpenSSL's defaults, as the distribution and its configuration have
//! them. A finding that every program has is not about the program.

use crate::audit::compare;
use crate::audit::facts::{Facts, Side};
use crate::audit::gather;
use crate::audit::kinds;
use crate::audit::report::{Finding, Kind};
use crate::libssl::{Ctx, new_context};
use crate::libssl::queue::Quiet;
use crate::policy::Policy;

/// What OpenSSL leaves to the program by its defaults: who does not ask for it has left it out.
const UP_TO_THE_PROGRAM: [&Kind; 4] =
    [&kinds::VERIFICATION_OFF, &kinds::NO_HOST, &kinds::NO_HOST_ON_CONTEXT, &kinds::EMPTY_TRUST_STORE];

/// The findings about untouched contexts, of clients and of servers.
#[derive(Debug, Default)]
pub struct Defaults {
    client: Vec<Finding>,
    server: Vec<Finding>,
}

impl Defaults {
    /// Makes a context for each side, looks at it, and throws it away.
    pub fn gather(policy: &Policy) -> Defaults {
        let _quiet = Quiet::begin();
        let of = |side: Side| {
            let Some(fresh) = new_context::new_for(side) else { return Vec::new() };
            let mut found = compare::findings(&gather::of_context(Ctx::from(&*fresh)), policy);
            found.retain(|finding| !UP_TO_THE_PROGRAM.iter().any(|kind| kind.id == finding.kind.id));
            found
        };
        Defaults { client: of(Side::Client), server: of(Side::Server) }
    }

    /// Whether an untouched context for the side of `facts` has this finding too.
    pub fn have(&self, facts: &Facts, finding: &Finding) -> bool {
        let all = if facts.side == Side::Server { &self.server } else { &self.client };
        // A program that asks for some of the checks that are missing leaves out no more than others do.
        let is_part = |other: &Finding| {
            finding.kind.id == kinds::LENIENT_CHAINS.id && finding.items.iter().all(|item| other.items.contains(item))
        };
        let is_same = |other: &Finding| {
            let same_items = other.items == finding.items || is_part(other);
            other.kind.id == finding.kind.id && other.detail == finding.detail && same_items
        };
        all.iter().any(is_same)
    }
}
