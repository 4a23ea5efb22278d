//! Section "Handles inside of other objects" of the header: for front ends in other languages
//!
//! An object of a language's own (a Python SSLSocket, a wrapper of SWIG or cffi) holds its `SSL_CTX *` or `SSL *` in
//! one of its words, at a place that differs between versions. These functions look at each aligned word of the object,
//! read what it leads to without faulting, and give the one that proves to be such a handle of the libssl that hostlock
//! uses. HOSTLOCK_E_FOREIGN_LIBSSL: there is none (the language has another copy of libssl). HOSTLOCK_E_STATE: there is
//! more than one. HOSTLOCK_E_UNSUPPORTED: this libssl was built in a way that allows no proof, or hostlock has a libssl
//! of its own inside. The handle stays the object's, and no reference is counted: use it only while the object lives
//! and keeps it.

use std::ffi::{c_int, c_void};

use super::boundary::{clear, not_null, status};
use super::{hostlock_conn, hostlock_ctx};
use crate::libssl::{find, ours};

/// The `SSL_CTX` that an object of another language holds. `object` is of `size` bytes, 65,536 at most.
///
/// # Safety
/// `object` is NULL or lives during the call, and no other thread frees what it holds; `ctx` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_find(object: *const c_void, size: usize, ctx: *mut *mut hostlock_ctx) -> c_int {
    // SAFETY: the caller promises NULL or a place.
    unsafe { clear(ctx) };
    status(|| {
        not_null(object, "object")?;
        not_null(ctx, "ctx")?;
        ours::check_shared()?;
        let found = find::context(object.expose_provenance(), size / size_of::<usize>())?;
        // SAFETY: not NULL, and the caller promises that it is writable.
        unsafe { ctx.write(found) };
        Ok(())
    })
}

/// The `SSL` of the context `ctx` that an object of another language holds. `object` is of `size` bytes, 65,536 at most.
///
/// # Safety
/// `object` is NULL or lives during the call, and no other thread frees or uses what it holds; `ctx` is NULL or a live
/// `SSL_CTX`; `conn` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_conn_find(
    object: *const c_void,
    size: usize,
    ctx: *mut hostlock_ctx,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises NULL or a place.
    unsafe { clear(conn) };
    status(|| {
        not_null(object, "object")?;
        not_null(conn, "conn")?;
        // SAFETY: the caller promises NULL or a live context of any libssl.
        let ctx = unsafe { ours::ctx(ctx)? };
        let found = find::connection(object.expose_provenance(), size / size_of::<usize>(), ctx)?;
        // SAFETY: not NULL, and the caller promises that it is writable.
        unsafe { conn.write(found) };
        Ok(())
    })
}
