//! The verify callback. A connection copies its context's when it is made, and keeps it when the program gives it another
//! context, where no other hook of ours is left. There this one refuses; elsewhere [`cert_verify`](super::cert_verify)
//! decides before it.

use std::ffi::c_int;
use std::ptr;

use openssl_sys as ffi;

use crate::guard::Guard;
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::hooks::{Tripwire, UNDECIDED, Undecided};
use crate::handshake::refusals::{CONTEXT_REPLACED, unverified};
use crate::libssl::callback::Callback;
use crate::libssl::{StoreCtx, queue};

impl Callback for Tripwire {
    type Question<'a> = (c_int, StoreCtx<'a>);
    type Answer = c_int;
    const CLOSED: c_int = 0;

    fn answer((ok, store_ctx): (c_int, StoreCtx<'_>)) -> c_int {
        if is_guarded(store_ctx) { ok } else { 0 }
    }
}

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

fn is_guarded(store_ctx: StoreCtx<'_>) -> bool {
    crate::nets::here!("tripwire");
    let Some(conn) = store_ctx.conn() else { return false };
    if Guard::of_conn(conn).is_some() {
        return true;
    }
    // libssl reads the mode only after this callback has returned.
    conn.set_verify_mode(ffi::SSL_VERIFY_PEER);
    store_ctx.set_error(ffi::X509_V_ERR_APPLICATION_VERIFICATION);
    if let Ok(state) = ConnectionState::ensure(conn) {
        let error = unverified(CONTEXT_REPLACED);
        queue::raise_refusal(&error);
        state.known().verdict = Verdict::Refused(error);
    }
    false
}
