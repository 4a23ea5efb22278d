//! Installs the hooks on a context. What they do is in [`cert_verify`], [`security`], [`progress`], [`client_hello`] and [`tripwire`].
//! A server of our own asks for no certificate until [`demand`](crate::handshake::client_certificate) says so.

use std::ffi::{c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::start::{self, CONTEXT_REPLACED, unverified};
use crate::handshake::{cert_verify, client_hello, id_context, ocsp_status, progress, security};
use crate::libssl::queue;
use crate::libssl::sys;
use crate::libssl::verify_param;
use crate::role::Role;

/// Puts the hooks in place and turns verification on.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that carries `guard` and is not in use by another thread.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX, guard: &Guard) -> Result<()> {
    // SAFETY: the hooks find the guard through ex_data and stop panics at their border; `ctx` as the caller promises.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(cert_verify::verify), ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_security_callback(ctx, Some(security::decide)) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_info_callback(ctx, Some(progress::callback(guard.app_info()))) };
    let regime = guard.regime();
    if regime == Regime::Own && guard.role == Role::Server {
        // SAFETY: as above.
        unsafe { sys::SSL_CTX_set_verify(ctx, ffi::SSL_VERIFY_NONE, Some(undecided)) };
    } else if regime != Regime::Watched {
        // SAFETY: as above.
        unsafe { set_verify(ctx, guard) };
    }
    if regime != Regime::Watched {
        // SAFETY: `ctx` is live and in no other thread's use, and so are its parameters.
        unsafe { verify_param::take_every_name(ffi::SSL_CTX_get0_param(ctx)) };
    }
    if guard.role == Role::Server {
        // SAFETY: as above.
        if regime == Regime::Own && !unsafe { id_context::install(ctx, guard) } {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's session id context"));
        }
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { client_hello::install(ctx)? };
    if regime == Regime::Own {
        // SAFETY: as above. On other contexts each connection does so, as they may hold a callback of the program.
        unsafe { ocsp_status::install(ctx) };
    }
    if !guard.either_side && regime != Regime::Watched {
        // Every connection begins with a mark that no session bears, so that none is resumed unseen.
        let mark = guard.unmatchable_mark();
        // SAFETY: as above; the bytes are copied.
        if unsafe { ffi::SSL_CTX_set_session_id_context(ctx, mark.as_ptr(), mark.len() as c_uint) } != 1 {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's session mark"));
        }
    }
    Ok(())
}

/// Puts back what may be put back without losing what a program has set since: its security and info callbacks are called
/// by ours on each connection.
///
/// # Safety
/// As for [`install`].
pub unsafe fn restore(ctx: *mut ffi::SSL_CTX, guard: &Guard) {
    if guard.regime() == Regime::Own {
        // SAFETY: as the caller promises.
        unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(cert_verify::verify), ptr::null_mut()) };
    } else {
        // SAFETY: as above.
        unsafe { start::keep_cert_verify(ctx, guard) };
    }
    // SAFETY: as above.
    unsafe { set_verify(ctx, guard) };
    // SAFETY: `ctx` is live and in no other thread's use, and so are its parameters.
    unsafe { verify_param::take_every_name(ffi::SSL_CTX_get0_param(ctx)) };
}

/// A program's own verify callback stays, and is called by ours. Where a context may serve, its mode stays too: a server
/// would ask for client certificates. A client's is turned on in every handshake.
unsafe fn set_verify(ctx: *mut ffi::SSL_CTX, guard: &Guard) {
    // SAFETY: `ctx` is live, here and below.
    let (mode, own) = unsafe { (ffi::SSL_CTX_get_verify_mode(ctx), sys::SSL_CTX_get_verify_callback(ctx)) };
    let mode = match guard.regime() {
        Regime::Own if guard.role == Role::Client => ffi::SSL_VERIFY_PEER,
        Regime::Hardened if guard.role == Role::Client && !guard.either_side => mode | ffi::SSL_VERIFY_PEER,
        _ => mode,
    };
    // SAFETY: as above; the callback is ours or the program's.
    unsafe { sys::SSL_CTX_set_verify(ctx, mode, own.or(Some(tripwire))) };
}

/// Stands in the place of [`tripwire`] on our servers until the verify mode has been chosen. SSL_CTX_set_verify takes it
/// away, SSL_new copies it: so a program's SSL_VERIFY_NONE is told from that of a context which waits to hear whom to
/// trust.
#[allow(clippy::not_unsafe_ptr_arg_deref, reason = "openssl-sys declares verify callbacks as safe")]
pub extern "C" fn undecided(ok: c_int, store_ctx: *mut ffi::X509_STORE_CTX) -> c_int {
    // Two functions that do the same may become one, at one address.
    std::hint::black_box(UNDECIDED);
    tripwire(ok, store_ctx)
}

const UNDECIDED: u8 = 1;

/// Whether neither the program nor a call of ours has chosen the verify mode of `ctx`.
///
/// # Safety
/// `ctx` is live.
pub unsafe fn mode_is_open(ctx: *const ffi::SSL_CTX) -> bool {
    // SAFETY: reads two fields of the live context.
    let (mode, callback) = unsafe { (ffi::SSL_CTX_get_verify_mode(ctx), sys::SSL_CTX_get_verify_callback(ctx)) };
    mode == ffi::SSL_VERIFY_NONE && callback.is_some_and(is_undecided)
}

/// Whether the program has not chosen the verify mode of `ssl`, and its context's was not chosen when it was made.
///
/// # Safety
/// `ssl` is live.
pub unsafe fn mode_is_open_on(ssl: *const ffi::SSL) -> bool {
    // SAFETY: reads two fields of the live connection.
    let (mode, callback) = unsafe { (ffi::SSL_get_verify_mode(ssl), sys::SSL_get_verify_callback(ssl)) };
    mode == ffi::SSL_VERIFY_NONE && callback.is_some_and(is_undecided)
}

fn is_undecided(callback: sys::VerifyCallback) -> bool {
    std::ptr::fn_addr_eq(callback, undecided as sys::VerifyCallback)
}

/// A connection copies its context's verify callback when it is made, and keeps it when the program gives it another
/// context, where no other hook of ours is left. There this one refuses; elsewhere [`cert_verify`] decides before it.
#[allow(clippy::not_unsafe_ptr_arg_deref, reason = "openssl-sys declares verify callbacks as safe")]
pub extern "C" fn tripwire(ok: c_int, store_ctx: *mut ffi::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL hands its own live X509_STORE_CTX, in the connection's thread.
    let guarded = catch_unwind(AssertUnwindSafe(|| unsafe { refuse_without_guard(store_ctx) }));
    if guarded.unwrap_or(false) { ok } else { 0 }
}

/// Whether `callback` is [`tripwire`], or stands in its place.
pub fn is_tripwire(callback: sys::VerifyCallback) -> bool {
    std::ptr::fn_addr_eq(callback, tripwire as sys::VerifyCallback) || is_undecided(callback)
}

unsafe fn refuse_without_guard(store_ctx: *mut ffi::X509_STORE_CTX) -> bool {
    crate::nets::here!("tripwire");
    // SAFETY: `store_ctx` is live, here and below.
    let ssl = unsafe { cert_verify::connection(store_ctx) };
    // SAFETY: `ssl` is NULL or live in this thread, here and below.
    if ssl.is_null() || unsafe { Guard::of_ssl(ssl) }.is_some() {
        return !ssl.is_null();
    }
    // libssl reads the mode only after this callback has returned.
    // SAFETY: as above.
    unsafe { ffi::SSL_set_verify(ssl, ffi::SSL_VERIFY_PEER, None) };
    // SAFETY: as above.
    unsafe { ffi::X509_STORE_CTX_set_error(store_ctx, sys::X509_V_ERR_APPLICATION_VERIFICATION) };
    // SAFETY: as above.
    if let Ok(watch) = unsafe { Watch::ensure(ssl) } {
        let error = unverified(CONTEXT_REPLACED);
        queue::raise_refusal(&error);
        watch.state().verdict = Verdict::Refused(error);
    }
    false
}
