//! A context that a program made becomes hostlock's in place: the hooks of [`install`], the policy's values, and roots
//! where it has none. What the program chose stays where it is strong enough, and its callbacks are called by ours: they
//! may refuse, never accept.
#![forbid(unsafe_code)]

pub mod intact;
pub mod values;

use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::guard::{Displaced, Family, Guard, Post, Regime};
use crate::handshake::cert_verify;
use crate::handshake::install;
use crate::host::Reference;
use crate::libssl::Ctx;
use crate::libssl::layout::{CertVerify, Found};
use crate::libssl::method::{Carrier, Method, Side};
use crate::libssl::queue::Quiet;
use crate::policy::Choice;
use crate::role::Role;
use crate::trust::Anchors;

const NAME: &str = "hostlock_harden";

/// Hardens `ctx`; `host` gives the host of connections that name none of their own, if there is to be one.
pub fn harden(ctx: Ctx<'_>, choice: Choice, host: Option<impl FnOnce() -> Result<Reference>>) -> Result<()> {
    let _quiet = Quiet::begin();
    let (method, side) = stream_method(ctx)?;
    if host.is_some() && side == Side::Server {
        return Err(Error::new(Status::EState, "this context is for a server, which asks for no host")
            .with_hint("pass NULL as the host of a server's context"));
    }
    let guard = match Guard::of(ctx) {
        Some(guard) => {
            check_same_policy(guard, choice)?;
            guard.harden();
            install::restore(ctx, guard);
            guard
        }
        None => install_hooks(ctx, choice, Regime::Hardened, side)?,
    };
    let apply = || values::apply(ctx, guard.policy, method, side);
    guard.configure(Family::Setting(NAME), NAME, apply, |_, ()| ())?;
    match host {
        Some(host) => guard.configure(Family::Host, NAME, host, |settings, host| settings.host = Some(host)),
        None => Ok(()),
    }
}

/// The method of `ctx` and its side; an error for contexts of DTLS, of QUIC, and of methods that are not known.
pub fn stream_method(ctx: Ctx<'_>) -> Result<(Method, Side)> {
    let (method, side) = ctx.method();
    if method.carrier == Carrier::Stream { Ok((method, side)) } else { Err(method.unsupported()) }
}

/// Puts a guard and the hooks on a context that has none, and no value: also while SSL_CTX_new is still at work on it.
pub fn install_hooks<'a>(ctx: Ctx<'a>, choice: Choice, regime: Regime, side: Side) -> Result<&'a Guard> {
    let _quiet = Quiet::begin();
    let displaced = displaced(ctx, choice)?;
    let role = if side == Side::Server { Role::Server } else { Role::Client };
    let anchors = Anchors::of_foreign_context(ctx, role == Role::Client)?;
    let post = Post { role, either_side: side == Side::Either, regime, displaced };
    Arc::new(Guard::new(choice, anchors, post)?).attach(ctx)?;
    let guard = Guard::of(ctx).ok_or_else(|| Error::new(Status::EInternal, "the context lost its guard"))?;
    install::install(ctx, guard)?;
    Ok(guard)
}

/// What the hooks will stand in front of. A program's own certificate verify callback that cannot be seen may be what
/// pins its server's key: it is not dropped without a word.
fn displaced(ctx: Ctx<'_>, choice: Choice) -> Result<Displaced> {
    let cert_verify = kept(ctx.cert_verify_callback(cert_verify::VERIFY), choice.replace)?;
    let (security, info) = (ctx.security_callback(), ctx.info_callback());
    Ok(Displaced { security, info, cert_verify })
}

/// The program's certificate verify callback, to be called by ours.
fn kept(found: Found, replace: bool) -> Result<Option<CertVerify>> {
    match found {
        Found::Program(own) => Ok(Some(own)),
        Found::None | Found::Ours => Ok(None),
        Found::Unknown if replace => Ok(None),
        Found::Unknown => Err(Error::new(
            Status::EUnsupported,
            "this OpenSSL does not show whether the program verifies certificates by a callback of its own",
        )
        .with_hint(
            "if it has none (SSL_CTX_set_cert_verify_callback), or one that may go, add \"+replace\" to the policy",
        )),
    }
}

fn check_same_policy(guard: &Guard, choice: Choice) -> Result<()> {
    if guard.policy.name == choice.policy.name {
        return Ok(());
    }
    Err(Error::new(
        Status::EState,
        format!(
            "this context keeps the policy {:?} already, and cannot change to {:?}",
            guard.policy.name, choice.policy.name
        ),
    )
    .with_hint("make a new context for another policy"))
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use openssl_sys as ffi;

    use super::*;

    extern "C" fn of_program(_: *mut ffi::X509_STORE_CTX, _: *mut std::ffi::c_void) -> std::ffi::c_int {
        1
    }

    #[test]
    fn a_callback_that_cannot_be_seen_is_dropped_only_where_the_policy_says_so() {
        let own = || Found::Program(CertVerify { function: of_program, argument: ptr::null_mut() });
        assert!(kept(own(), false).unwrap().is_some() && kept(own(), true).unwrap().is_some());
        assert!(kept(Found::None, false).unwrap().is_none() && kept(Found::Ours, false).unwrap().is_none());
        let refused = kept(Found::Unknown, false).unwrap_err();
        assert_eq!(refused.status(), Status::EUnsupported);
        assert!(refused.hint().contains("+replace"));
        assert!(kept(Found::Unknown, true).unwrap().is_none());
    }
}
