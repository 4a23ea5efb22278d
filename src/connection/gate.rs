//! Whether a connection may be used at all: only where its handshake was begun under a guard. Every call of ours that
//! moves bytes, or tells what a handshake agreed on, asks here before it asks libssl.

use std::ffi::CStr;
use std::sync::Arc;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::sys;
use crate::verify::begin;
use crate::verify::guard::{Guard, Regime, Role};
use crate::verify::open;
use crate::verify::watch::{Verdict, Watch};

/// The way that a read or write takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight to libssl.
    Direct,
    /// The same, but the program's socket might make it wait: our transport stands in for it.
    Socket,
    /// The gate has to be asked first.
    Ask,
}

/// The way for `ssl`. It is asked before each read and write, so it does little.
///
/// # Safety
/// `ssl` is NULL or a live `SSL` of our libssl that no other thread uses now.
#[inline]
pub unsafe fn way(ssl: *mut ffi::SSL) -> Way {
    // SAFETY: `ssl` as the caller promises.
    if !open::knows(ssl) && !unsafe { is_open(ssl) } {
        return Way::Ask;
    }
    // SAFETY: `ssl` is live; after SSL_clear and after a fatal error libssl says no.
    if unsafe { ffi::SSL_is_init_finished(ssl) } != 1 {
        return Way::Ask;
    }
    // SAFETY: `ssl` is live; NULL where it has no BIO.
    let bio = unsafe { ffi::SSL_get_rbio(ssl) };
    // SAFETY: not NULL, and the SSL keeps it.
    if !bio.is_null() && unsafe { sys::BIO_method_type(bio) } == sys::BIO_TYPE_SOCKET {
        return Way::Socket;
    }
    Way::Direct
}

/// Whether `ssl` is open though nobody remembers it: another connection may have taken its place in the memory.
///
/// # Safety
/// As for [`way`].
#[cold]
#[inline(never)]
unsafe fn is_open(ssl: *mut ffi::SSL) -> bool {
    // SAFETY: `ssl` is live where it is not NULL, and keeps its watch.
    let is_open = !ssl.is_null() && unsafe { Watch::of(ssl) }.is_some_and(Watch::is_open);
    if is_open {
        open::remember(ssl);
    }
    is_open
}

/// The guard under which the handshake of `ssl` was begun, or would begin now.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn guard(ssl: *mut ffi::SSL) -> Result<Arc<Guard>> {
    // SAFETY: `ssl` is live, and keeps its watch.
    let watch = unsafe { Watch::of(ssl) };
    // SAFETY: `ssl` is live.
    if unsafe { sys::SSL_in_before(ssl) } == 1 {
        // SAFETY: `ssl` is live, and keeps its context.
        return match unsafe { Guard::of_ssl(ssl) } {
            Some(guard) => Ok(guard.share()),
            // Only a connection that once was ours has a watch.
            None if watch.is_some() => Err(begin::unverified(begin::CONTEXT_REPLACED)),
            None => Err(Error::new(Status::EState, "this SSL belongs to a context that was not made by hostlock")
                .with_hint("make it from a context of hostlock_client_new, or one that hostlock_harden hardened")),
        };
    }
    let Some(watch) = watch else { return Err(unguarded()) };
    let state = watch.state();
    match (&state.guard, &state.verdict) {
        (Some(guard), _) => Ok(guard.clone()),
        (None, Verdict::Refused(error)) => Err(error.clone()),
        (None, _) => Err(unguarded()),
    }
}

fn unguarded() -> Error {
    Error::new(Status::EState, "the handshake of this SSL was not begun on a context of hostlock's")
        .with_hint("make the SSL from a context of hostlock_client_new, or one that hostlock_harden hardened before")
}

/// Whether the complete handshake of `ssl`, begun under `guard`, also was verified.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn verified(ssl: *mut ffi::SSL, guard: &Guard) -> Result<()> {
    if guard.regime() == Regime::Watched {
        return Ok(());
    }
    // SAFETY: `ssl` is live, and keeps its watch.
    let verdict = unsafe { Watch::of(ssl) }.map(|watch| watch.state().verdict.clone());
    match verdict {
        Some(Verdict::Refused(error)) => Err(error),
        Some(Verdict::Verified { .. } | Verdict::Excused(_)) => Ok(()),
        // SAFETY: `ssl` is live.
        Some(Verdict::Pending) | None if unsafe { guard.role_on(ssl) } == Role::Server => Ok(()),
        Some(Verdict::Pending) | None => {
            // SAFETY: `ssl` is live; after this libssl itself refuses to read and write.
            unsafe { ffi::SSL_set_shutdown(ssl, ffi::SSL_SENT_SHUTDOWN | ffi::SSL_RECEIVED_SHUTDOWN) };
            Err(Error::new(Status::EUnverified, "the handshake ended without hostlock's verification"))
        }
    }
}

/// Opens the way for what comes after a complete and verified handshake, unless a write is unfinished.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn open(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live, and keeps its watch.
    if let Some(watch) = unsafe { Watch::of(ssl) } {
        let idle = watch.state().unfinished.is_none();
        watch.set_open(ssl, idle);
    }
}

/// Whether libssl has given the connection up: a fatal error of either side came before.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn given_up(ssl: *const ffi::SSL) -> bool {
    // SAFETY: `ssl` is live; the answer is a static text.
    let state = unsafe { CStr::from_ptr(ffi::SSL_state_string(ssl)) };
    state == c"SSLERR"
}
