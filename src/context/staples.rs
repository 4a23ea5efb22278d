//! Gives a server the OCSP answers that it staples, also while it serves. What fails changes nothing and poisons nothing: a
//! running server goes on.

use std::path::Path;
use std::sync::Arc;

use crate::context::server_names::check_server;
use crate::credential::Credential;
use crate::credential::names::{self, Names};
use crate::credential::staple::{self, Staple};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::revocation::crls::Crls;

/// Staples what is in the file at `path` to the certificate that it is about, of those of `host` or of the server's own; with
/// no path nothing more is stapled to any of them.
pub fn set(guard: &Guard, host: Option<&[u8]>, path: Option<&Path>) -> Result<()> {
    check_server(guard)?;
    let _one_at_a_time = guard.loading();
    let host = host.map(names::normal).transpose()?;
    let (own, names, staples, crls) = {
        let settings = guard.settings();
        (settings.own.clone(), settings.names.clone(), settings.staples.clone(), settings.revocation.crls.clone())
    };
    let shown = staple::shown_for(host.as_deref(), &own, &names).ok_or_else(|| {
        let host = host.as_deref().unwrap_or_default();
        Error::new(Status::EArg, format!("this server has no certificate that was added for \"{host}\""))
            .with_hint("hostlock_ctx_info lists the names; hostlock_server_add_name adds one")
    })?;
    let fresh = path.map(|path| Staple::load(path, host.clone(), shown, &crls)).transpose()?;
    let takes_place = |old: &Staple| {
        old.host == host && fresh.as_ref().is_none_or(|fresh| fresh.leaf == old.leaf)
    };
    let mut list: Vec<Arc<Staple>> = staples.iter().filter(|old| !takes_place(old)).cloned().collect();
    list.extend(fresh.map(Arc::new));
    guard.reload(false, |settings| settings.staples = list.into());
    Ok(())
}

/// Reads all of them again, for the certificates `own` and `names`.
pub fn read_again(staples: &[Arc<Staple>], own: &[Arc<Credential>], names: &Names, crls: &Crls) -> Result<Arc<[Arc<Staple>]>> {
    let again = |one: &Arc<Staple>| {
        let shown = staple::shown_for(one.host.as_deref(), own, names).unwrap_or_default();
        one.read_again(shown, crls).map(Arc::new)
    };
    staples.iter().map(again).collect()
}
