//! Installs the hooks on a context; what they do is in [`cert_verify`](super::cert_verify), [`security`](super::security),
//! [`progress`](super::progress), [`client_hello`] and [`tripwire`](super::tripwire). A server of our
//! own asks for no certificate until [`client_certificate`](super::client_certificate) says so.

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::hooks::{self, TRIPWIRE, UNDECIDED};
use crate::handshake::{client_hello, id_context, ocsp_status, start, tickets};
use crate::libssl::Ctx;
use crate::role::Role;

/// Puts the hooks in place and turns verification on.
pub fn install(ctx: Ctx<'_>, guard: &Guard) -> Result<()> {
    ctx.set_cert_verify_callback(hooks::VERIFY);
    ctx.set_security_callback(hooks::DECIDE);
    ctx.set_info_callback(hooks::info(guard.app_info()));
    let regime = guard.regime();
    if regime == Regime::Own && guard.role == Role::Server {
        ctx.set_verify(ffi::SSL_VERIFY_NONE, UNDECIDED);
    } else if regime != Regime::ReportOnly {
        set_verify(ctx, guard);
    }
    if regime != Regime::ReportOnly {
        ctx.param().take_every_name();
    }
    if guard.role == Role::Server {
        if regime == Regime::Own && !id_context::install(ctx, guard) {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's session id context"));
        }
        guard.note_ticket_key(ctx);
        if regime == Regime::Own && !tickets::install(ctx) {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's ticket callback"));
        }
        if regime == Regime::Own {
            ocsp_status::install_on_server(ctx);
        }
        return Ok(());
    }
    client_hello::install(ctx)?;
    if regime == Regime::Own {
        // On other contexts each connection does so, as they may hold a callback of the program.
        ocsp_status::install(ctx);
    }
    if !guard.either_side && regime != Regime::ReportOnly {
        // Every connection begins with a mark that no session bears, so that none is resumed unseen.
        if !ctx.set_session_id_context(&guard.unmatchable_mark()) {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's session mark"));
        }
    }
    Ok(())
}

/// Puts back what may be put back without losing what a program has set since: its security and info callbacks are called
/// by ours on each connection.
pub fn restore(ctx: Ctx<'_>, guard: &Guard) {
    if guard.regime() == Regime::Own {
        ctx.set_cert_verify_callback(hooks::VERIFY);
    } else {
        start::keep_cert_verify(ctx, guard);
    }
    set_verify(ctx, guard);
    ctx.param().take_every_name();
}

/// A program's own verify callback stays, and is called by ours. Where a context may serve, its mode stays too: a server
/// would ask for client certificates. A client's is turned on in every handshake.
fn set_verify(ctx: Ctx<'_>, guard: &Guard) {
    let (mode, own) = (ctx.verify_mode(), ctx.verify_callback());
    let mode = match guard.regime() {
        Regime::Own if guard.role == Role::Client => ffi::SSL_VERIFY_PEER,
        Regime::Hardened if guard.role == Role::Client && !guard.either_side => mode | ffi::SSL_VERIFY_PEER,
        _ => mode,
    };
    ctx.set_verify(mode, own.unwrap_or(TRIPWIRE));
}
