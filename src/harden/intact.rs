//! Whether a context is still as hostlock made it, or hardened it: what the program undid since, although the hooks keep
//! most of it from counting. It only looks.

use openssl_sys as ffi;

use crate::audit::compare;
use crate::audit::facts::{Facts, Replaced, Security};
use crate::audit::report::{Finding, Report, Severity};
use crate::audit::versions::Version;
use crate::audit::{self, kinds};
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::hooks;
use crate::libssl::Ctx;
use crate::libssl::method::check_known;
use crate::role::Role;

/// What was undone on `ctx`; a report without findings where nothing was.
pub fn check(ctx: Ctx<'_>) -> Result<Report> {
    check_known(ctx)?;
    let guard = Guard::of(ctx).filter(|guard| guard.regime() != Regime::ReportOnly).ok_or_else(|| {
        Error::new(
            Status::EState,
            "this SSL_CTX was neither made nor hardened by hostlock, so there is nothing to undo",
        )
        .with_hint("ask hostlock_audit about it, or harden it with hostlock_harden")
    })?;
    let facts = audit::facts_of(ctx);
    let mut found = hooks(&facts, guard);
    if !ctx.info_callback().is_some_and(hooks::is_info) {
        found.push(kinds::CALLBACK_DISPLACED.found().with_items(["SSL_CTX_set_info_callback"]));
    }
    found.extend(settings(facts, guard));
    let whose = if guard.regime() == Regime::Own { "an SSL_CTX of hostlock" } else { "a hardened SSL_CTX" };
    Ok(Report::new(whose, guard.policy.name, found))
}

fn hooks(facts: &Facts, guard: &Guard) -> Vec<Finding> {
    let mut found = Vec::new();
    match facts.verification.replaced {
        Replaced::ByHostlock => {}
        Replaced::Unknown => found.push(kinds::CERT_VERIFY_CALLBACK_UNKNOWN.found()),
        _ if guard.regime() == Regime::Own => found.push(kinds::HOOKS_REMOVED.found()),
        _ => found.push(kinds::CALLBACK_DISPLACED.found().with_items(["SSL_CTX_set_cert_verify_callback"])),
    }
    if facts.protocol.security != Security::Hostlock {
        found.push(kinds::CALLBACK_DISPLACED.found().with_items(["SSL_CTX_set_security_callback"]));
    }
    found.extend(compare::store_functions(facts));
    if let Err(error) = guard.check_not_poisoned() {
        found.push(kinds::POISONED.found().with_detail(error.message()));
    }
    found
}

/// The values as they would count without the hooks. A sealed context was given none.
fn settings(mut facts: Facts, guard: &Guard) -> Vec<Finding> {
    if guard.regime() == Regime::Sealed {
        return Vec::new();
    }
    facts.protocol.security = Security::Level;
    let mut weak = compare::values(&facts, guard.policy);
    weak.retain(|finding| finding.kind.severity <= Severity::Medium);
    // What keeps a lower version from being spoken may be the level alone.
    let old = &kinds::OLD_VERSIONS;
    let least = facts.protocol.min;
    if least < guard.policy.min_version && !weak.iter().any(|finding| finding.kind.id == old.id) {
        let name = Version::of(least).map_or("none", |version| version.name);
        weak.push(old.found().with_detail(format!("the lowest version is set to {name}")));
    }
    // A context for both sides was left in its own mode: a server would ask for client certificates.
    let ours_to_set = guard.role == Role::Client && !guard.either_side;
    if ours_to_set && facts.verification.mode & ffi::SSL_VERIFY_PEER == 0 {
        weak.push(kinds::VERIFICATION_OFF.found());
    }
    weak.into_iter()
        .map(|finding| {
            let detail = if finding.detail.is_empty() { finding.kind.what.to_owned() } else { finding.detail };
            let items = std::iter::once(finding.kind.id.to_owned()).chain(finding.items);
            kinds::UNDONE.found().with_detail(detail).with_items(items).with_fix(finding.fix)
        })
        .collect()
}
