//! Contexts of hostlock's own: what its hooks make good, and what the program gave up knowingly.

use crate::audit::compare::verification;
use crate::audit::facts::{Facts, Side};
use crate::audit::kinds;
use crate::audit::report::{Finding, Severity};
use crate::moment;

/// Settings that hostlock's hooks keep from counting, as one finding; what only might be better is not worth telling.
pub fn enforced(settings: Vec<Finding>) -> Vec<Finding> {
    // With such functions in its store every handshake is refused: that is told by itself.
    let counts = |finding: &&Finding| finding.kind.id != kinds::OWN_STORE_FUNCTIONS.id;
    let undone = settings.iter().filter(|finding| finding.kind.severity <= Severity::Medium).filter(counts);
    let ids: Vec<&str> = undone.map(|finding| finding.kind.id).collect();
    if ids.is_empty() { Vec::new() } else { vec![kinds::ENFORCED.found().with_items(ids)] }
}

/// What the program gave up, and what stands in the way.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(guarded) = &facts.guarded else { return Vec::new() };
    let mut found = Vec::new();
    if !guarded.in_place {
        found.push(kinds::HOOKS_REMOVED.found());
    } else {
        found.extend(verification::store_functions(facts));
    }
    for (name, reason) in &guarded.waivers {
        let kind = match name.as_str() {
            "no_hostname" => &kinds::WAIVER_NO_HOSTNAME,
            "no_time" => &kinds::WAIVER_NO_TIME,
            "any_purpose" => &kinds::WAIVER_ANY_PURPOSE,
            "keylog_file" => &kinds::WAIVER_KEYLOG_FILE,
            _ => &kinds::WAIVER_NO_VERIFY,
        };
        found.push(kind.found().with_detail(format!("the reason that it gave: {reason}")));
    }
    if guarded.cn_fallback && facts.side != Side::Server {
        found.push(kinds::COMMON_NAME_ALLOWED.found());
    }
    if let Some(time) = guarded.verify_time {
        found.push(kinds::TIME_SET.found().with_detail(format!("the moment is {}", moment::text(time))));
    }
    if let Some(why) = &guarded.poison {
        found.push(kinds::POISONED.found().with_detail(why.as_str()));
    }
    found
}
