//! Gives a context the certificate of its own side. All is read and found good before the context has any of it.

use std::sync::Arc;

use openssl::pkey::Id;

use crate::credential::{Credential, Input, Shown};
use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard};
use crate::libssl::callback;
use crate::libssl::certificate_words::subject_of;
use crate::libssl::queue::Quiet;
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
        check_first_of_its_kind(guard, credential)?;
    }
    let prepare = || {
        let credential = loaded?;
        show(ctx, &credential)?;
        if guard.role == Role::Client {
            ctx.offer_late_certificate();
        }
        Ok(credential.shown)
    };
    guard.configure(Family::OwnCertificate, call, prepare, |settings, shown| settings.own.push(shown))
}

/// What comes second is no failure of what is shown: it changes nothing, and poisons nothing.
fn check_first_of_its_kind(guard: &Guard, credential: &Credential) -> Result<()> {
    let kind = credential.key.id();
    let settings = guard.settings();
    let is_of_kind = |shown: &&Arc<Shown>| shown.leaf.public_key().is_ok_and(|key| key.id() == kind);
    settings.own.iter().find(is_of_kind).map_or(Ok(()), |other| Err(second_of_a_kind(&subject_of(&other.leaf), kind)))
}

fn second_of_a_kind(subject: &str, kind: Id) -> Error {
    let kind = match kind {
        Id::RSA => "an RSA key",
        Id::RSA_PSS => "an RSA-PSS key",
        Id::EC => "an EC key",
        _ => "a key of this kind",
    };
    Error::new(Status::EState, format!("this context shows a certificate with {kind} already, that of {subject}"))
        .with_hint("a context shows one certificate for each kind of key; make another context for another certificate")
}

fn show(ctx: Ctx<'_>, credential: &Credential) -> Result<()> {
    let quiet = Quiet::begin();
    let shown = &credential.shown;
    let others = verification::stack(&shown.others)?;
    if ctx.show(&shown.leaf, &credential.key, &others) {
        return Ok(());
    }
    let reason = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
    let status = match &*reason {
        reason if reason.contains("key too small") => Status::EWeakKey,
        reason if reason.contains("md too weak") => Status::EWeakSignature,
        _ => Status::EUnsupported,
    };
    Err(Error::new(status, format!("OpenSSL does not take the certificate of {} ({} bits): {reason}", subject_of(&shown.leaf), credential.key.bits())))
}
