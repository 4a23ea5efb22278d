//! Gives a context the certificate of its own side. All is read and found good before the context has any of it.

use std::sync::Arc;

use crate::credential::{Credential, Input, check_kind};
use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard};
use crate::libssl::callback;
use crate::libssl::certificate_words::subject_of;
use crate::libssl::queue::Quiet;
use crate::libssl::trial::Trial;
use crate::libssl::{Ctx, verification};
use crate::role::Role;

/// Adds what `input` names to what `ctx` shows. A context shows one certificate for each kind of key.
pub fn add<'a>(ctx: Ctx<'_>, guard: &Guard, call: &'static str, input: impl FnOnce() -> Result<Input<'a>>) -> Result<()> {
    guard.check_not_frozen(call)?;
    let _one_at_a_time = guard.loading();
    let load = || Credential::load(&input()?, guard.policy);
    let loaded = callback::stopped(load)
        .unwrap_or_else(|| Err(Error::new(Status::EInternal, "a defect inside hostlock stopped the call")));
    if let Ok(credential) = &loaded {
        // What comes second is no failure of what is shown: it changes nothing, and poisons nothing.
        check_kind(&guard.settings().own, credential)?;
    }
    let prepare = || {
        let credential = loaded?;
        show(ctx, &credential)?;
        if guard.role == Role::Client {
            ctx.offer_late_certificate();
        }
        Ok(Arc::new(credential))
    };
    guard.configure(Family::OwnCertificate, call, prepare, |settings, credential| settings.own.push(credential))
}

fn show(ctx: Ctx<'_>, credential: &Credential) -> Result<()> {
    let quiet = Quiet::begin();
    let shown = &credential.shown;
    let others = verification::stack(&shown.others)?;
    if ctx.show(&shown.leaf, &credential.key, &others) { Ok(()) } else { Err(refused_by_openssl(credential, &quiet)) }
}

/// Refuses what OpenSSL would not take, and leaves `ctx` as it is: it may be in use.
pub fn try_out(ctx: Ctx<'_>, credentials: &[Arc<Credential>]) -> Result<()> {
    let quiet = Quiet::begin();
    let trial = Trial::of(ctx).ok_or_else(|| Error::no_memory("a connection"))?;
    for credential in credentials {
        let others = verification::stack(&credential.shown.others)?;
        if !trial.conn().show(&credential.shown.leaf, &credential.key, Some(&others)) {
            return Err(refused_by_openssl(credential, &quiet));
        }
    }
    Ok(())
}

fn refused_by_openssl(credential: &Credential, quiet: &Quiet) -> Error {
    let shown = &credential.shown;
    let reason = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
    let status = match &*reason {
        reason if reason.contains("key too small") => Status::EWeakKey,
        reason if reason.contains("md too weak") => Status::EWeakSignature,
        _ => Status::EUnsupported,
    };
    Error::new(status, format!("OpenSSL does not take the certificate of {} ({} bits): {reason}", subject_of(&shown.leaf), credential.key.bits()))
}
