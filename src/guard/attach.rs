//! How a guard hangs on its context: in the ex_data of the `SSL_CTX`, which owns it.

use std::sync::Arc;

use openssl_sys as ffi;

use crate::error::Result;
use crate::guard::Guard;
use crate::libssl::ex_data::{Last, Place};
use crate::libssl::{Conn, Ctx};

static GUARDS: Place<ffi::SSL_CTX, Guard> = Place::not_copied();

thread_local! {
    /// libssl asks the security callback some eighty times a handshake.
    static LAST: Last<ffi::SSL_CTX, Guard> = const { Last::nothing() };
}

impl Guard {
    /// Hangs the guard on `ctx`, which owns it from now on.
    pub fn attach(self: Arc<Guard>, ctx: Ctx<'_>) -> Result<()> {
        GUARDS.hang(ctx, self)
    }

    /// The guard of `ctx`, or `None` for a context that is not ours.
    #[inline(always)]
    pub fn of(ctx: Ctx<'_>) -> Option<&Guard> {
        GUARDS.of_last(ctx, &LAST)
    }

    /// The guard of the context that `conn` has now.
    #[inline(always)]
    pub fn of_conn(conn: Conn<'_>) -> Option<&Guard> {
        Guard::of(conn.ctx())
    }

    /// One more owner of a guard that was found with [`Guard::of`].
    pub fn share(&self) -> Arc<Guard> {
        GUARDS.share(self)
    }
}
