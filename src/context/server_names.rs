//! Adds and removes the names of a server, also while it serves. What fails changes nothing and poisons nothing: a running
//! server goes on.

use std::sync::Arc;

use crate::credential::names::{self, Names};
use crate::credential::staple;
use crate::credential::{Credential, Input};
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::server_names;
use crate::libssl::Ctx;
use crate::role::Role;

/// Adds the certificate in `input` for `name`.
pub fn add(ctx: Ctx<'_>, guard: &Guard, call: &'static str, name: &[u8], input: &Input<'_>) -> Result<()> {
    check_server(guard)?;
    let _one_at_a_time = guard.loading();
    let is_first = guard.settings().names.is_empty() && !guard.has_names();
    if is_first {
        guard.check_not_frozen(call)
            .map_err(|error| error.with_hint("add the first name before the first connection; further ones at any time"))?;
    }
    let name = names::normal(name)?;
    let credential = Credential::load(input, guard.policy)?;
    names::check(&credential, &name)?;
    if is_first {
        server_names::install(ctx);
        guard.note_names();
    }
    replace(guard, |names| Ok(names.with(name, credential)))
}

/// Removes `name`.
pub fn remove(guard: &Guard, name: &[u8]) -> Result<()> {
    check_server(guard)?;
    let _one_at_a_time = guard.loading();
    let name = names::normal(name)?;
    replace(guard, |names| {
        names.without(&name).ok_or_else(|| {
            Error::new(Status::EArg, format!("this server has no certificate that was added for \"{name}\""))
                .with_hint("hostlock_ctx_info lists the names")
        })
    })
}

fn replace(guard: &Guard, change: impl FnOnce(&Names) -> Result<Names>) -> Result<()> {
    let current = guard.settings().names.clone();
    let next = Arc::new(change(&current)?);
    guard.update(|settings| {
        settings.names = next;
        settings.staples = staple::of_shown(&settings.staples, &settings.own, &settings.names);
    });
    Ok(())
}

/// Says what becomes of clients that ask for another name: "default" or "refuse".
pub fn set_unknown(ctx: Ctx<'_>, guard: &Guard, call: &'static str, word: &str) -> Result<()> {
    check_server(guard)?;
    let refuses = match word {
        "default" => false,
        "refuse" => true,
        other => {
            return Err(Error::new(Status::EArg, format!("{other:?} says nothing about unknown names"))
                .with_hint("\"default\" and \"refuse\" are known"));
        }
    };
    if !guard.has_names() {
        guard.check_not_frozen(call)?;
        server_names::install(ctx);
        guard.note_names();
    }
    guard.update(|settings| settings.refuses_unknown_names = refuses);
    Ok(())
}

/// Refuses a context that serves nobody, or that a program made.
pub fn check_server(guard: &Guard) -> Result<()> {
    if guard.role == Role::Server && guard.regime() == Regime::Own {
        return Ok(());
    }
    Err(Error::new(Status::EState, "only a context of hostlock_server_new has names and staples").with_hint("make one with hostlock_server_new"))
}
