//! The policy, by name.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::policy::Choice;

/// What "secure" means, by a dated name that keeps its meaning, and the options that a program takes with it.
///
/// ```
/// use hostlock::{Policy, Status};
///
/// let policy: Policy = "2026-11+cn-fallback".parse().unwrap();
/// assert_eq!(policy.to_string(), "2026-11+cn-fallback");
/// assert_eq!(policy.name(), "2026-11");
/// assert_eq!("1999-01".parse::<Policy>().unwrap_err().status(), Status::EArg);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Policy(pub(super) Choice);

impl Policy {
    /// The dated name, without options.
    pub fn name(&self) -> &'static str {
        self.0.policy.name
    }
}

impl Default for Policy {
    /// The newest policy of this version of hostlock.
    fn default() -> Policy {
        Policy(Choice::from(crate::policy::POLICIES[0]))
    }
}

impl FromStr for Policy {
    type Err = Error;

    /// The policy in a text such as "default" or "2026-11+cn-fallback".
    fn from_str(text: &str) -> Result<Policy> {
        Choice::parse(text).map(Policy)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name())
    }
}
