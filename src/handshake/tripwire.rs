//! The verify callback. A connection copies its context's when it is made, and keeps it when the program gives it another
//! context, where no other hook of ours is left. There this one refuses; elsewhere [`cert_verify`](super::cert_verify)
//! decides before it.

use std::ffi::c_int;
use std::ptr;

use openssl_sys as ffi;

use crate::guard::Guard;
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::start::{CONTEXT_REPLACED, unverified};
use crate::libssl::callback::{self, Callback};
use crate::libssl::{Conn, Ctx, StoreCtx, queue, sys};

struct Tripwire;

/// See the module's text.
pub static TRIPWIRE: sys::VerifyCallback = callback::verify::<Tripwire>;

impl Callback for Tripwire {
    type Question<'a> = (c_int, StoreCtx<'a>);
    type Answer = c_int;
    const CLOSED: c_int = 0;

    fn answer((ok, store_ctx): (c_int, StoreCtx<'_>)) -> c_int {
        if is_guarded(store_ctx) { ok } else { 0 }
    }
}

struct Undecided;

/// Stands in the place of [`TRIPWIRE`] on our servers until the verify mode has been chosen. SSL_CTX_set_verify takes it
/// away, SSL_new copies it: so a program's SSL_VERIFY_NONE is told from that of a context which waits to hear whom to
/// trust.
pub static UNDECIDED: sys::VerifyCallback = callback::verify::<Undecided>;

impl Callback for Undecided {
    type Question<'a> = (c_int, StoreCtx<'a>);
    type Answer = c_int;
    const CLOSED: c_int = 0;

    fn answer(question: (c_int, StoreCtx<'_>)) -> c_int {
        // Two functions that do the same may become one, at one address.
        std::hint::black_box(ptr::from_ref(&UNDECIDED));
        Tripwire::answer(question)
    }
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
pub fn is_ours(callback: sys::VerifyCallback) -> bool {
    ptr::fn_addr_eq(callback, TRIPWIRE) || is_undecided(callback)
}

fn is_guarded(store_ctx: StoreCtx<'_>) -> bool {
    crate::nets::here!("tripwire");
    let Some(conn) = store_ctx.conn() else { return false };
    if Guard::of_conn(conn).is_some() {
        return true;
    }
    // libssl reads the mode only after this callback has returned.
    conn.set_verify_mode(ffi::SSL_VERIFY_PEER);
    store_ctx.set_error(sys::X509_V_ERR_APPLICATION_VERIFICATION);
    if let Ok(watch) = Watch::ensure(conn) {
        let error = unverified(CONTEXT_REPLACED);
        queue::raise_refusal(&error);
        watch.state().verdict = Verdict::Refused(error);
    }
    false
}
