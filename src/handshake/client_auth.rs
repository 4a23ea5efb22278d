//! What a server asks of its clients, where the program says it: a certificate or none, and whose.

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard};
use crate::handshake::client_certificate;
use crate::handshake::hooks::{self, TRIPWIRE};
use crate::host::Reference;
use crate::libssl::Ctx;
use crate::role::Role;

/// Sets whether a certificate is asked for: "off", "optional" or "require".
pub fn set_mode(ctx: Ctx<'_>, guard: &Guard, call: &'static str, word: impl FnOnce() -> Result<String>) -> Result<()> {
    check_server(guard)?;
    guard.check_not_frozen(call)?;
    let prepare = || {
        let mode = match word()?.as_str() {
            "off" => ffi::SSL_VERIFY_NONE,
            "optional" => ffi::SSL_VERIFY_PEER,
            "require" => ffi::SSL_VERIFY_PEER | ffi::SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
            other => {
                return Err(Error::new(Status::EArg, format!("{other:?} is no way to ask for client certificates"))
                    .with_hint("\"off\", \"optional\" and \"require\" are known"));
            }
        };
        let own = ctx.verify_callback().filter(|own| !hooks::is_tripwire(*own));
        ctx.set_verify(mode, own.unwrap_or(TRIPWIRE));
        Ok(())
    };
    guard.configure(Family::Setting(call), call, prepare, |_, ()| ())
}

/// Sets whom clients must be: one of the names in `list`, between commas.
pub fn set_names(ctx: Ctx<'_>, guard: &Guard, call: &'static str, list: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
    check_server(guard)?;
    let prepare = || list()?.split(|byte| *byte == b',').map(client_name).collect();
    guard.configure(Family::Host, call, prepare, |settings, names: Vec<Reference>| settings.client_names = names)?;
    client_certificate::require(ctx, guard);
    Ok(())
}

fn client_name(name: &[u8]) -> Result<Reference> {
    Reference::parse_any_bytes(name).map_err(|error| match name.contains(&b'@') && !name.starts_with(b"email:") {
        true => error.with_hint(format!("an e-mail address is written \"email:{}\"", name.escape_ascii())),
        false => error,
    })
}

fn check_server(guard: &Guard) -> Result<()> {
    match guard.role {
        Role::Server => Ok(()),
        Role::Client => Err(Error::new(Status::EState, "this context is for a client, which nobody connects to")
            .with_hint("make one with hostlock_server_new")),
    }
}
