//! Judging a chain without a connection, as a handshake of the same context would. It gathers what libssl would have
//! brought; the verdict is [`verdict`]'s.

use openssl::x509::X509;
use openssl::x509::store::X509StoreRef;

use crate::chain::bundle::Bundle;
use crate::chain::verdict;
use crate::chain::waivers::Waiver;
use crate::chain::wishes::Wishes;
use crate::error::{Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::handshake::expected_host;
use crate::handshake::ocsp_status::{Measure, Shown};
use crate::host::Reference;
use crate::libssl::queue::{self, Kept};
use crate::libssl::verification::{self, OutOfMemory};
use crate::libssl::{Ctx, store};
use crate::role::Role;

/// Judges the chain in `bytes` for `host`.
pub fn verify(ctx: Ctx<'_>, guard: &Guard, bytes: &[u8], host: Option<Reference>) -> Result<()> {
    judge(ctx, guard, bytes, host, |_, _| Ok(()))
}

/// The same, with the answer that came beside the peer's certificate, if one did.
pub fn verify_with_staple(
    ctx: Ctx<'_>,
    guard: &Guard,
    bytes: &[u8],
    host: Option<Reference>,
    staple: Option<&[u8]>,
) -> Result<()> {
    judge(ctx, guard, bytes, host, |store, chain| {
        let (Role::Client, Some(measure)) = (guard.role, Measure::of(guard)) else { return Ok(()) };
        // As in a handshake: what is its own anchor has no issuer to ask.
        let [leaf, issuer, ..] = chain else { return Ok(()) };
        let wished = Wishes::read(ctx.param()).flags();
        measure.judge(&Shown { leaf, issuer, staple }, wished, || Ok(store)).map(|_| ())
    })
}

fn judge(
    ctx: Ctx<'_>,
    guard: &Guard,
    bytes: &[u8],
    host: Option<Reference>,
    further: impl FnOnce(&X509StoreRef, &[X509]) -> Result<()>,
) -> Result<()> {
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
    let judged = verdict::judge(&case).map_err(|refusal| refusal.error);
    judged.and_then(|chain| further(&store, &chain)).map_err(|error| match queue::tells_of_no_memory() {
        true => OutOfMemory.into(),
        false => error,
    })
}
