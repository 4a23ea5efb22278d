//! Whether the connections of a client's context go on from each other's sessions.

use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard};
use crate::role::Role;

/// Sets it: "on" or "off". Whatever is kept is given up.
pub fn set(guard: &Guard, call: &'static str, word: impl FnOnce() -> Result<String>) -> Result<()> {
    if guard.role != Role::Client {
        return Err(Error::new(Status::EState, "this context is for a server, whose clients choose what they resume")
            .with_hint("make one with hostlock_client_new"));
    }
    let prepare = || match word()?.as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(Error::new(Status::EArg, format!("{other:?} says nothing about resumption"))
            .with_hint("\"on\" and \"off\" are known")),
    };
    guard.configure(Family::Setting(call), call, prepare, |settings, resumes| settings.resumes = resumes)?;
    guard.kept_sessions.clear();
    Ok(())
}
