//! How a guard hangs on its context: in the ex_data of the `SSL_CTX`, which owns it. libssl asks the security callback some
//! eighty times a handshake, so a thread remembers the guard that it found last.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use openssl_sys as ffi;

use crate::error::Result;
use crate::ex_data::Place;
use crate::verify::guard::Guard;

static GUARDS: Place<ffi::SSL_CTX, Guard> = Place::not_copied();

/// Another context may be made at the address of one that is gone, so what was found before a context was freed is looked
/// up again.
#[derive(Clone, Copy)]
struct Found {
    ctx: *const ffi::SSL_CTX,
    guard: *const Guard,
    freed: u64,
}

thread_local! {
    static LAST: Cell<Found> = const { Cell::new(Found { ctx: ptr::null(), guard: ptr::null(), freed: 0 }) };
}

impl Guard {
    /// Hangs the guard on `ctx`, which owns it from now on.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl.
    pub unsafe fn attach(self: Arc<Guard>, ctx: *mut ffi::SSL_CTX) -> Result<()> {
        // SAFETY: the caller promises `ctx`.
        unsafe { GUARDS.hang(ctx, self) }
    }

    /// The guard of `ctx`, or `None` for a context that is not ours.
    ///
    /// # Safety
    /// `ctx` is NULL or a live `SSL_CTX` of our libssl, and outlives the reference.
    #[inline(always)]
    pub unsafe fn of<'a>(ctx: *const ffi::SSL_CTX) -> Option<&'a Guard> {
        if ctx.is_null() {
            return None;
        }
        let freed = GUARDS.ended();
        let last = LAST.get();
        if last.ctx == ctx && last.freed == freed {
            // SAFETY: no context was freed since it was found on this one, which the caller promises to be live.
            return unsafe { last.guard.as_ref() };
        }
        // SAFETY: the caller promises that the context is live and outlives the reference.
        unsafe { Guard::look_up(ctx, freed) }
    }

    /// # Safety
    /// As for [`Guard::of`]; `ctx` is not NULL.
    #[cold]
    #[inline(never)]
    unsafe fn look_up<'a>(ctx: *const ffi::SSL_CTX, freed: u64) -> Option<&'a Guard> {
        // SAFETY: the caller promises that the context is live and outlives the reference.
        let guard: Option<&'a Guard> = unsafe { GUARDS.of(ctx) };
        if let Some(guard) = guard {
            LAST.set(Found { ctx, guard, freed });
        }
        guard
    }

    /// The guard of the context of `ssl`.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, and outlives the reference.
    #[inline(always)]
    pub unsafe fn of_ssl<'a>(ssl: *const ffi::SSL) -> Option<&'a Guard> {
        // SAFETY: as the caller promises.
        unsafe { Guard::of(ffi::SSL_get_SSL_CTX(ssl)) }
    }

    /// One more owner of a guard that was found with [`Guard::of`].
    pub fn share(&self) -> Arc<Guard> {
        GUARDS.share(self)
    }
}
