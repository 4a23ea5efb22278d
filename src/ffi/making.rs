//! What all functions that make a connection do alike: with the context and the host before it is made, and with the place for
//! it.

use std::ffi::{c_char, c_int};

use super::boundary::{clear, not_null, status, text_bytes};
use super::{guarded, hostlock_conn, hostlock_ctx};
use crate::connection::open::Connection;
use crate::error::Result;
use crate::guard::Guard;
use crate::host::Reference;
use crate::libssl::Ctx;

/// Puts into `*conn` what `making` makes of the context; after a failure NULL stands there.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of any libssl; `conn` is NULL or writable.
pub(super) unsafe fn make(
    ctx: *mut hostlock_ctx,
    conn: *mut *mut hostlock_conn,
    making: impl FnOnce(Ctx<'_>, &Guard) -> Result<Connection>,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises that `conn` is NULL or writable.
        unsafe { clear(conn) };
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        not_null(conn, "conn")?;
        let made = making(ctx, guard)?;
        // SAFETY: it is not NULL, and the caller promises that it is writable.
        unsafe { *conn = made.into_raw() };
        Ok(())
    })
}

/// The same for a client, which names its host.
///
/// # Safety
/// As for [`make`]; and `host` is NULL or NUL-terminated.
pub(super) unsafe fn to_host(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    conn: *mut *mut hostlock_conn,
    making: impl FnOnce(Ctx<'_>, &Guard, Reference) -> Result<Connection>,
) -> c_int {
    let with_host = |ctx: Ctx<'_>, guard: &Guard| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = Reference::parse_bytes(unsafe { text_bytes(host, "host")? })?;
        making(ctx, guard, host)
    };
    // SAFETY: the caller's promise is the same.
    unsafe { make(ctx, conn, with_host) }
}
