//! Judging a chain without a connection, as a handshake of the same context would. It gathers what libssl would have
//! brought; the verdict is [`verdict`]'s.

use crate::chain::bundle::Bundle;
use crate::chain::openssl_verify;
use crate::chain::verdict::{self, Wishes};
use crate::chain::waivers::Waiver;
use crate::error::{Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::handshake::expected_host;
use crate::host::Reference;
use crate::libssl::queue::Quiet;
use crate::libssl::{Ctx, store};
use crate::role::Role;

/// Judges the chain in `bytes` for `host`.
pub fn verify(ctx: Ctx<'_>, guard: &Guard, bytes: &[u8], host: Option<Reference>) -> Result<()> {
    guard.check_not_poisoned()?;
    // On a server a name is optional.
    let may_lack = || guard.role == Role::Server || guard.settings().waivers.has(Waiver::HostName);
    let wanted = match expected_host::of_context(ctx, guard, host) {
        Ok(wanted) => Some(wanted),
        Err(error) if error.status() == Status::ENoHost && may_lack() => None,
        Err(error) => return Err(error),
    };
    let bundle = Bundle::parse(bytes)?;
    let quiet = Quiet::begin();
    let others = openssl_verify::stack(&bundle.others)?;
    let store = guard.anchors.in_force(ctx.effective_store(), guard.role == Role::Client)?;
    let wanted = match wanted {
        None if guard.role != Role::Server => None,
        wanted => expected_host::with_store(wanted, ctx.param(), store::param(store), guard, &quiet)?,
    };
    let wishes = Wishes::read(ctx.param()).and(Wishes::read(store::param(store))).at_level(ctx.security_level());
    let case = case::of(guard, guard.role, &bundle.leaf, Some(&others), store, wanted.as_ref(), wishes);
    verdict::judge(&case).map(|_| ()).map_err(|refusal| refusal.error)
}
