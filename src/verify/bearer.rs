//! How a guard hangs on its context: in the ex_data of the `SSL_CTX`, which owns it. libssl asks the security callback some
//! eighty times a handshake, so a thread remembers the guard that it found last.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::verify::guard::Guard;

/// How many guards have been freed. Another context may be made at the address of one that is gone, so what was found
/// before a guard was freed is looked up again.
static FREED: AtomicU64 = AtomicU64::new(0);

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
        let raw = Arc::into_raw(self) as *mut c_void;
        // SAFETY: the caller promises `ctx`; the index is ours; `free` gives the count back when the context goes.
        if unsafe { ffi::SSL_CTX_set_ex_data(ctx, index(), raw) } != 1 {
            // SAFETY: OpenSSL did not take the pointer, so the count is still ours to drop.
            drop(unsafe { Arc::from_raw(raw as *const Guard) });
            return Err(Error::new(Status::EInternal, "OpenSSL could not store the context's data"));
        }
        Ok(())
    }

    /// The guard of `ctx`, or `None` for a context that is not ours.
    ///
    /// # Safety
    /// `ctx` is NULL or a live `SSL_CTX` of our libssl, and outlives the reference.
    pub unsafe fn of<'a>(ctx: *const ffi::SSL_CTX) -> Option<&'a Guard> {
        if ctx.is_null() {
            return None;
        }
        let freed = FREED.load(Ordering::Acquire);
        let last = LAST.get();
        if last.ctx == ctx && last.freed == freed {
            // SAFETY: no guard was freed since it was found on this context, which the caller promises to be live.
            return unsafe { last.guard.as_ref() };
        }
        // SAFETY: what is stored under our index is NULL or came from `attach` and lives as long as the context.
        let guard = unsafe { ffi::SSL_CTX_get_ex_data(ctx, index()) } as *const Guard;
        if !guard.is_null() {
            LAST.set(Found { ctx, guard, freed });
        }
        // SAFETY: as above.
        unsafe { guard.as_ref() }
    }

    /// The guard of the context of `ssl`.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, and outlives the reference.
    pub unsafe fn of_ssl<'a>(ssl: *const ffi::SSL) -> Option<&'a Guard> {
        // SAFETY: as the caller promises.
        unsafe { Guard::of(ffi::SSL_get_SSL_CTX(ssl)) }
    }

    /// One more owner of a guard that was found with [`Guard::of`].
    pub fn share(&self) -> Arc<Guard> {
        let this: *const Guard = self;
        // SAFETY: every Guard that is reachable by `of` was made by `Arc::into_raw` in `attach`.
        unsafe {
            Arc::increment_strong_count(this);
            Arc::from_raw(this)
        }
    }
}

fn index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    *INDEX.get_or_init(|| {
        // SAFETY: the callbacks are ours and stay loaded (the library is linked with -z nodelete).
        unsafe {
            ffi::CRYPTO_get_ex_new_index(ffi::CRYPTO_EX_INDEX_SSL_CTX, 0, ptr::null_mut(), None, None, Some(free))
        }
    })
}

unsafe extern "C" fn free(
    _ctx: *mut c_void,
    data: *mut c_void,
    _all: *mut ffi::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        FREED.fetch_add(1, Ordering::Release);
        // SAFETY: `data` came from `Arc::into_raw` in `attach`, and OpenSSL calls this once.
        drop(unsafe { Arc::from_raw(data as *const Guard) });
    }
}
