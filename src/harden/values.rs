//! The policy's values on a context that a program made: what it chose stays where it is strong enough, in its own order;
//! what is weak is taken out. It touches no callback and no trust anchor.

use std::ffi::c_int;

use openssl_sys as ffi;

use crate::context::{c_string, demand, set_groups, set_signature_algorithms};
use crate::error::Result;
use crate::libssl::method::{Method, Side};
use crate::libssl::{Ctx};
use crate::policy::{Policy, is_of_tls13, suite_list};

/// Makes every value of `ctx` at least the policy's.
pub fn apply(ctx: Ctx<'_>, policy: &Policy, method: Method, side: Side) -> Result<()> {
    let suites = Suites::of(ctx, policy);
    if method.only.is_some() {
        demand(ctx.set_method_of_all_versions(side), "method for all versions")?;
    }
    {
        set_versions(ctx, policy, method.only)?;
        ctx.set_options(policy.options_to_set(side == Side::Server));
        ctx.clear_options(policy.options_to_clear());
        let level = ctx.security_level().max(policy.security_level);
        ctx.set_security_level(level);
        suites.put(ctx, policy, method.only.is_some())?;
        set_groups(ctx, policy)?;
        set_signature_algorithms(ctx, policy)
    }
}

/// Gives a context of a method that speaks only versions below the policy's the method for all versions. Its suites stay.
pub fn lift_method(ctx: Ctx<'_>, policy: &Policy, method: Method, side: Side) -> Result<()> {
    if method.only.is_none_or(|version| version >= policy.min_version) {
        return Ok(());
    }
    let suites = Suites::all_of(ctx);
    demand(ctx.set_method_of_all_versions(side), "method for all versions")?;
    suites.put(ctx, policy, false)
}

fn set_versions(ctx: Ctx<'_>, policy: &Policy, only: Option<c_int>) -> Result<()> {
    let least = ctx.control(ffi::SSL_CTRL_GET_MIN_PROTO_VERSION, 0).max(policy.min_version.into());
    let most = match (only, ctx.control(ffi::SSL_CTRL_GET_MAX_PROTO_VERSION, 0)) {
        (Some(version), _) if version >= policy.min_version => version.into(),
        (None, most) if most >= least => most.min(policy.max_version.into()),
        _ => policy.max_version.into(),
    };
    demand(ctx.control(ffi::SSL_CTRL_SET_MAX_PROTO_VERSION, most) == 1, "maximum version")?;
    demand(ctx.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, least) == 1, "minimum version")?;
    let options = ctx.options();
    let switched_off = Policy::options_that_leave_no_version(least as c_int, most as c_int, options);
    if switched_off != 0 {
        ctx.clear_options(switched_off);
    }
    Ok(())
}

/// The suites of a context that the policy permits, in its own order; `None` where all of a kind are permitted.
struct Suites {
    tls12: Option<String>,
    tls13: Option<String>,
}

impl Suites {
    fn of(ctx: Ctx<'_>, policy: &Policy) -> Suites {
        let (tls12, tls13) = Suites::kept(ctx, |id| policy.permits_suite(id));
        Suites { tls12: tls12.changed(), tls13: tls13.changed() }
    }

    fn all_of(ctx: Ctx<'_>) -> Suites {
        let (tls12, tls13) = Suites::kept(ctx, |_| true);
        let all = |kept: Kept| (!kept.names.is_empty()).then(|| kept.names.join(":"));
        Suites { tls12: all(tls12), tls13: all(tls13) }
    }

    /// The suites of TLS 1.2 and of TLS 1.3 that are permitted.
    fn kept(ctx: Ctx<'_>, permits: impl Fn(u16) -> bool) -> (Kept, Kept) {
        let (mut tls12, mut tls13) = (Kept::default(), Kept::default());
        for suite in ctx.suites() {
            let kept = if is_of_tls13(suite.id()) { &mut tls13 } else { &mut tls12 };
            kept.add(suite.name(), permits(suite.id()));
        }
        (tls12, tls13)
    }

    fn put(self, ctx: Ctx<'_>, policy: &Policy, forgotten: bool) -> Result<()> {
        let or_policy = |kept: String, all| if kept.is_empty() { suite_list(all) } else { kept };
        let everything = || forgotten.then(String::new);
        if let Some(kept) = self.tls12.or_else(everything) {
            let list = c_string(or_policy(kept, policy.suites_tls12))?;
            demand(ctx.set_old_suites(&list), "TLS 1.2 cipher suites")?;
        }
        if let Some(kept) = self.tls13.or_else(everything) {
            let list = c_string(or_policy(kept, policy.suites_tls13))?;
            demand(ctx.set_suites_13(&list), "TLS 1.3 cipher suites")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Kept {
    names: Vec<String>,
    dropped: bool,
}

impl Kept {
    fn add(&mut self, name: &str, permitted: bool) {
        if permitted { self.names.push(name.to_owned()) } else { self.dropped = true }
    }

    /// A context without any suite of the kind, as one made for TLS 1.3 only, is left so.
    fn changed(self) -> Option<String> {
        self.dropped.then(|| self.names.join(":"))
    }
}
