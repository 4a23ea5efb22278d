//! The C ABI: one file per section of the header. It converts pointers and calls the core; it decides nothing.
#![allow(non_camel_case_types)]

pub mod audit;
pub mod bindings;
pub mod boundary;
pub mod certdata;
pub mod connection;
pub mod context;
pub mod errors;
pub mod find;
pub mod functions;
pub mod harden;
pub mod host;
pub mod insecure;
pub mod library;
mod making;
pub mod memory;
pub mod names;
pub mod own_side;
pub mod pins;
pub mod revocation;
pub mod server;
pub mod seal;
pub mod sessions;
pub mod starttls;
pub mod statuses;
pub mod trust;
pub mod verify;
mod ways;

/// A context: OpenSSL's own `SSL_CTX`.
pub type hostlock_ctx = openssl_sys::SSL_CTX;
/// A connection: OpenSSL's own `SSL`.
pub type hostlock_conn = openssl_sys::SSL;
/// A failure, with its words and facts.
pub type hostlock_error = crate::error::Detail;
/// What was found wrong with a context or a connection.
pub type hostlock_report = crate::audit::report::Report;
/// C's `bool`, as a byte: what a careless foreign caller passes may be neither 0 nor 1, which Rust's own may not.
pub type c_bool = u8;
/// OpenSSL's `SSL_METHOD`.
pub type ssl_method_st = openssl_sys::SSL_METHOD;

use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::libssl::method::check_known;
use crate::libssl::ours::check_handle;
use crate::libssl::{Conn, Ctx};
use boundary::not_null;

/// A view of a context argument, and its guard.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of any libssl, and outlives the result.
unsafe fn guarded<'a>(ctx: *mut hostlock_ctx) -> Result<(Ctx<'a>, &'a Guard)> {
    // SAFETY: the caller's promise is the same.
    unsafe { check_handle(ctx)? };
    // SAFETY: the caller promises a live context, which was found to be of our libssl, and not NULL.
    let ctx = unsafe { Ctx::live(ctx) };
    if let Some(guard) = Guard::of(ctx) {
        return Ok((ctx, guard));
    }
    check_known(ctx)?;
    Err(Error::new(Status::EState, "this SSL_CTX was not made by hostlock")
        .with_hint("make it with hostlock_client_new, or harden it with hostlock_harden"))
}

/// The guard of a context argument.
///
/// # Safety
/// As for [`guarded`].
unsafe fn guard_of<'a>(ctx: *mut hostlock_ctx) -> Result<&'a Guard> {
    // SAFETY: the caller's promise is the same.
    Ok(unsafe { guarded(ctx)? }.1)
}

/// A view of a connection argument.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of any libssl, which no other thread uses meanwhile.
unsafe fn conn_of<'a>(conn: *const hostlock_conn) -> Result<Conn<'a>> {
    // SAFETY: the caller's promise is the same.
    unsafe { check_conn(conn)? };
    // SAFETY: the caller promises a live connection, which was found to be of our libssl, and not NULL.
    Ok(unsafe { Conn::live(conn) })
}

/// Refuses a connection argument that our libssl did not make.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of any libssl.
unsafe fn check_conn(conn: *const hostlock_conn) -> Result<()> {
    not_null(conn, "conn")?;
    // SAFETY: the caller's promise is the same.
    unsafe { check_handle(conn) }
}
