//! The C ABI: one file per section of the header. It converts pointers and calls the core; it decides nothing.
#![allow(non_camel_case_types)]

pub mod audit;
pub mod boundary;
pub mod certdata;
pub mod connection;
pub mod context;
pub mod errors;
pub mod harden;
pub mod host;
pub mod insecure;
pub mod library;
pub mod pins;
pub mod revocation;
pub mod seal;
pub mod statuses;
pub mod trust;
pub mod verify;

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
use boundary::not_null;

/// The guard of a context argument.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of any libssl, and outlives the result.
unsafe fn guard_of<'a>(ctx: *mut hostlock_ctx) -> Result<&'a Guard> {
    // SAFETY: as the caller promises.
    unsafe { check_handle(ctx)? };
    // SAFETY: as the caller promises; it is of our libssl.
    if let Some(guard) = unsafe { Guard::of(ctx) } {
        return Ok(guard);
    }
    // SAFETY: the caller promises a live context, which was found to be of our libssl.
    unsafe { check_known(ctx)? };
    Err(Error::new(Status::EState, "this SSL_CTX was not made by hostlock")
        .with_hint("make it with hostlock_client_new, or harden it with hostlock_harden"))
}

/// Refuses a connection argument that our libssl did not make.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of any libssl.
unsafe fn check_conn(conn: *const hostlock_conn) -> Result<()> {
    not_null(conn, "conn")?;
    // SAFETY: as the caller promises.
    unsafe { check_handle(conn) }
}
