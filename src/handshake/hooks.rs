//! The callbacks that hostlock puts on contexts and connections, as libssl sees them. What each does stands where its type
//! answers; here is only where it is told from a program's, so that whoever sets or seeks one needs to know no more.

use std::ptr;

use openssl_sys as ffi;

use crate::libssl::callback;
use crate::libssl::{Conn, Ctx, sys};

/// Judges certificates: see [`cert_verify`](super::cert_verify).
pub struct Verify;

/// The certificate verify callback.
pub static VERIFY: sys::CertVerifyCallback = callback::cert_verify::<Verify>;

/// Refuses where no guard stands any more: see [`tripwire`](super::tripwire).
pub struct Tripwire;

/// The verify callback.
pub static TRIPWIRE: sys::VerifyCallback = callback::verify::<Tripwire>;

/// The same, where nobody has chosen the verify mode.
pub struct Undecided;

/// Stands in the place of [`TRIPWIRE`] on our servers until the verify mode has been chosen. SSL_CTX_set_verify takes it
/// away, SSL_new copies it: so a program's SSL_VERIFY_NONE is told from that of a context which waits to hear whom to
/// trust.
pub static UNDECIDED: sys::VerifyCallback = callback::verify::<Undecided>;

/// Keeps the policy's floor: see [`security`](super::security).
pub struct Decide;

/// The security callback.
pub static DECIDE: sys::SecurityCallback = callback::security::<Decide>;

/// The same, and asks the program's.
pub struct DecideWithApplication;

/// [`DECIDE`], for connections whose program has put a security callback of its own in its place: that is asked too.
pub static DECIDE_WITH_APPLICATION: sys::SecurityCallback = callback::security::<DecideWithApplication>;

/// Prepares handshakes and looks at their end: see [`progress`](super::progress).
pub struct Observe;

/// The info callback.
pub static OBSERVE: sys::InfoCallback = callback::info::<Observe>;

/// The same, and tells the program's.
pub struct ObserveWithApplication;

/// [`OBSERVE`], where the program had an info callback of its own on the connection or the context before ours.
pub static OBSERVE_WITH_APPLICATION: sys::InfoCallback = callback::info::<ObserveWithApplication>;

/// Judges stapled answers: see [`ocsp_status`](super::ocsp_status).
pub struct Staple;

/// The status callback.
pub static STAPLE: sys::StatusCallback = callback::status::<Staple>;

/// Which of ours to set where the program has had `application` there.
pub fn info(application: Option<sys::InfoCallback>) -> sys::InfoCallback {
    if application.is_some() { OBSERVE_WITH_APPLICATION } else { OBSERVE }
}

/// Whether `callback` is one of our info callbacks.
pub fn is_info(callback: sys::InfoCallback) -> bool {
    [OBSERVE, OBSERVE_WITH_APPLICATION].iter().any(|ours| std::ptr::fn_addr_eq(callback, *ours))
}

/// Whether one of ours is what libssl calls for `conn`.
pub fn info_is_in_place(conn: Conn<'_>) -> bool {
    match conn.info_callback() {
        Some(own) => is_info(own),
        None => conn.ctx().info_callback().is_some_and(is_info),
    }
}

/// Whether `callback` is one of our security callbacks.
pub fn is_security(callback: sys::SecurityCallback) -> bool {
    [DECIDE, DECIDE_WITH_APPLICATION].iter().any(|ours| ptr::fn_addr_eq(callback, *ours))
}

/// Whether neither the program nor a call of ours has chosen the verify mode of `ctx`.
pub fn mode_is_open(ctx: Ctx<'_>) -> bool {
    ctx.verify_mode() == ffi::SSL_VERIFY_NONE && ctx.verify_callback().is_some_and(is_undecided)
}

/// Whether the program has not chosen the verify mode of `conn`, and its context's was not chosen when it was made.
pub fn mode_is_open_on(conn: Conn<'_>) -> bool {
    conn.verify_mode() == ffi::SSL_VERIFY_NONE && conn.verify_callback().is_some_and(is_undecided)
}

fn is_undecided(callback: sys::VerifyCallback) -> bool {
    ptr::fn_addr_eq(callback, UNDECIDED)
}

/// Whether `callback` is [`TRIPWIRE`], or stands in its place.
pub fn is_tripwire(callback: sys::VerifyCallback) -> bool {
    ptr::fn_addr_eq(callback, TRIPWIRE) || is_undecided(callback)
}
