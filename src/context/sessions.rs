//! How long a server's sessions may be resumed, and by which keys its tickets are sealed.

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;

use crate::credential::ticket_keys::KeyFile;
use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard, Regime};
use crate::libssl::Ctx;
use crate::role::Role;

/// What RFC 8446 section 4.6.1 permits: a week.
const LONGEST: u32 = 604_800;

/// Has tickets sealed with the keys in a file.
pub fn set_ticket_key_file<'a>(guard: &Guard, call: &'static str, path: impl FnOnce() -> Result<&'a Path>) -> Result<()> {
    check_server(guard)?;
    guard.check_not_frozen(call).map_err(|error| error.with_hint("hostlock_ctx_reload reads the file again"))?;
    let _one_at_a_time = guard.loading();
    let prepare = || KeyFile::read(path()?).map(Arc::new);
    guard.configure(Family::Setting(call), call, prepare, |settings, keys| settings.ticket_keys = Some(keys))
}

/// Lets sessions be resumed for so many seconds; 0 is never.
pub fn set_life(ctx: Ctx<'_>, guard: &Guard, call: &'static str, seconds: c_int) -> Result<()> {
    check_server(guard)?;
    guard.check_not_frozen(call)?;
    let prepare = || {
        let life = u32::try_from(seconds).ok().filter(|life| *life <= LONGEST).ok_or_else(|| {
            Error::new(Status::EArg, format!("sessions cannot be resumed for {seconds} seconds"))
                .with_hint("from 0, which is never, to 604800, which is a week (RFC 8446 4.6.1)")
        })?;
        match life {
            0 => ctx.make_no_sessions(),
            life => {
                ctx.make_sessions();
                guard.renew_own_ticket_keys(life)?;
                ctx.set_session_timeout(life.into());
            }
        }
        Ok(life)
    };
    guard.configure(Family::Setting(call), call, prepare, |settings, life| settings.session_life = Some(life))
}

fn check_server(guard: &Guard) -> Result<()> {
    if guard.role == Role::Server && guard.regime() == Regime::Own {
        return Ok(());
    }
    Err(Error::new(Status::EState, "only a context of hostlock_server_new gives tickets by hostlock's keys")
        .with_hint("make one with hostlock_server_new"))
}
