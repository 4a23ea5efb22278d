//! Judging a chain without a connection, as a handshake of the same context would. It gathers what libssl would have
//! brought; the verdict is [`verdict`]'s.

use foreign_types::ForeignTypeRef;
use openssl_sys as ffi;

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
use crate::libssl::sys;
use crate::role::Role;
use crate::trust::anchors::effective_store;

/// Judges the chain in `bytes` for `host`.
///
/// # Safety
/// `ctx` is the live context of `guard`, and no other thread changes its parameters now.
pub unsafe fn verify(ctx: *mut ffi::SSL_CTX, guard: &Guard, bytes: &[u8], host: Option<Reference>) -> Result<()> {
    guard.check_not_poisoned()?;
    // On a server a name is optional.
    let may_lack = || guard.role == Role::Server || guard.settings().waivers.has(Waiver::HostName);
    // SAFETY: as the caller promises.
    let wanted = match unsafe { expected_host::of_context(ctx, guard, host) } {
        Ok(wanted) => Some(wanted),
        Err(error) if error.status() == Status::ENoHost && may_lack() => None,
        Err(error) => return Err(error),
    };
    let bundle = Bundle::parse(bytes)?;
    let quiet = Quiet::begin();
    let others = openssl_verify::stack(&bundle.others)?;
    // SAFETY: as the caller promises, here and below.
    let offered = unsafe { effective_store(ctx) };
    // SAFETY: as above; the store lives as long as the context.
    let store = unsafe { guard.anchors.in_force(offered, guard.role == Role::Client)? };
    let wanted = match wanted {
        None if guard.role != Role::Server => None,
        // SAFETY: as above; both live as long as the context.
        wanted => unsafe {
            let of_store = sys::X509_STORE_get0_param(store.as_ptr());
            expected_host::with_store(wanted, ffi::SSL_CTX_get0_param(ctx), of_store, guard, &quiet)?
        },
    };
    // SAFETY: as above.
    let wishes = unsafe {
        Wishes::read(ffi::SSL_CTX_get0_param(ctx))
            .and(Wishes::read(sys::X509_STORE_get0_param(store.as_ptr())))
            .at_level(ffi::SSL_CTX_get_security_level(ctx))
    };
    let case = case::of(guard, guard.role, &bundle.leaf, others.as_ptr(), store, wanted.as_ref(), wishes);
    verdict::judge(&case).map(|_| ()).map_err(|refusal| refusal.error)
}
