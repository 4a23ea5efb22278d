//! Judging a chain without a connection, as a handshake of the same context would. It gathers what libssl would have
//! brought; the verdict is [`verdict`]'s.

use crate::chain::bundle::Bundle;
use crate::chain::verdict;
use crate::chain::waivers::Waiver;
use crate::chain::wishes::Wishes;
use crate::error::{Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::handshake::expected_host;
use crate::host::Reference;
use crate::libssl::queue::{self, Kept};
use crate::libssl::verification::{self, OutOfMemory};
use crate::libssl::{Ctx, store};
use crate::role::Role;

/// Judges the chain in `bytes` for `host`.
pub fn verify(ctx: Ctx<'_>, guard: &Guard, bytes: &[u8], host: Option<Reference>) -> Result<()> {
    guard.check_not_poisoned()?;
    // On a server a name is optional.
    let may_lack = || guard.role == Role::Server || guard.settings().waivers.has(Waiver::HostName);
    let store = guard.anchors.in_force(ctx.effective_store(), guard.role == Role::Client)?;
    let wanted = match expected_host::of_context(ctx, &store, guard, host) {
        Ok(wanted) => Some(wanted),
        Err(error) if error.status() == Status::ENoHost && may_lack() => None,
        Err(error) => return Err(error),
    };
    let bundle = Bundle::parse(bytes)?;
    let _kept = Kept::take();
    let others = verification::stack(&bundle.others)?;
    let wishes = Wishes::read(ctx.param()).and(Wishes::read(store::param(&store))).at_level(ctx.security_level());
    let case = case::of(guard, guard.role, &bundle.leaf, Some(&others), &store, wanted.as_ref(), wishes);
    verdict::judge(&case).map(|_| ()).map_err(|refusal| match queue::tells_of_no_memory() {
        true => OutOfMemory.into(),
        false => refusal.error,
    })
}
