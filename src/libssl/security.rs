//! What libssl asks a security callback, and what its own would answer.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use openssl::ssl::Ssl;
use openssl_sys as ffi;

use crate::libssl::conn::Conn;
use crate::libssl::ctx::Ctx;
use crate::libssl::method::Side;
use crate::libssl::queue::Quiet;
use crate::libssl::scratch::Scratch;
use crate::libssl::suite::Suite;
use crate::libssl::{new_context, sys};

/// One question: about a connection, or about a context that is being set up.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The connection, where it is about one.
    pub conn: Option<Conn<'a>>,
    /// The context, where it is about one.
    pub ctx: Option<Ctx<'a>>,
    /// `SSL_SECOP_*`.
    pub operation: c_int,
    /// How strong the thing is that is asked about, in bits.
    pub bits: c_int,
    /// Its NID, or its version.
    pub nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
}

impl<'a> Question<'a> {
    /// # Safety
    /// libssl asks: both are NULL or live for `'a` in this thread, and the last two fit the operation.
    #[inline(always)]
    pub(super) unsafe fn new(
        (ssl, ctx): (*const ffi::SSL, *const ffi::SSL_CTX),
        (operation, bits, nid): (c_int, c_int, c_int),
        (other, extra): (*mut c_void, *mut c_void),
    ) -> Question<'a> {
        // SAFETY: the caller passes libssl's own promise on.
        let (conn, ctx) = unsafe { (Conn::new(ssl), Ctx::new(ctx)) };
        Question { conn, ctx, operation, bits, nid, other, extra }
    }

    /// A question of ours about a connection, and perhaps a suite.
    pub fn about(conn: Conn<'a>, (operation, bits, nid): (c_int, c_int, c_int), suite: Option<Suite>) -> Question<'a> {
        let other = suite.map_or(ptr::null_mut(), |suite| suite.as_ptr().cast());
        Question { conn: Some(conn), ctx: None, operation, bits, nid, other, extra: ptr::null_mut() }
    }

    /// The suite that it is about, where it is about one.
    pub fn suite(&self) -> Option<Suite> {
        if self.operation & sys::SSL_SECOP_OTHER_TYPE != sys::SSL_SECOP_OTHER_CIPHER {
            return None;
        }
        // SAFETY: for such operations libssl hands the suite in question.
        unsafe { Suite::new(self.other.cast()) }
    }

    /// The security level that is set.
    pub fn level(&self) -> c_int {
        match (self.conn, self.ctx) {
            (Some(conn), _) => conn.security_level(),
            (None, Some(ctx)) => ctx.security_level(),
            (None, None) => 0,
        }
    }

    /// Asks another security callback, libssl's or a program's, as libssl would.
    pub fn ask(&self, callback: sys::SecurityCallback) -> bool {
        let ssl = self.conn.map_or(ptr::null(), |conn| conn.as_ptr().cast_const());
        let ctx = self.ctx.map_or(ptr::null(), |ctx| ctx.as_ptr().cast_const());
        // SAFETY: it was set on this context or connection for such questions, and these are libssl's own arguments.
        unsafe { callback(ssl, ctx, self.operation, self.bits, self.nid, self.other, self.extra) == 1 }
    }
}

/// A connection at one security level, which libssl's own callback is asked about.
pub struct Level {
    ssl: Ssl,
    callback: sys::SecurityCallback,
}

impl Level {
    /// The level of that number; `None` where OpenSSL cannot be asked.
    pub fn at(level: c_int) -> Option<Level> {
        let (ctx, callback) = (new_context::new_for(Side::Either)?, openssls_own()?);
        let ssl = Ssl::new(&ctx).ok()?;
        Conn::from(&*ssl).set_security_level(level);
        Some(Level { ssl, callback })
    }

    /// Whether a version may be spoken.
    pub fn permits_version(&self, version: c_int) -> bool {
        self.permits((sys::SSL_SECOP_VERSION, 0, version), None)
    }

    /// Whether a suite may be used.
    pub fn permits_suite(&self, suite: Suite) -> bool {
        self.permits((sys::SSL_SECOP_CIPHER_SUPPORTED, suite.bits(), 0), Some(suite))
    }

    fn permits(&self, asked: (c_int, c_int, c_int), suite: Option<Suite>) -> bool {
        Question::about(Conn::from(&*self.ssl), asked, suite).ask(self.callback)
    }
}

/// OpenSSL's own security callback: that of a context which has just been made.
pub fn openssls_own() -> Option<sys::SecurityCallback> {
    static OWN: OnceLock<Option<sys::SecurityCallback>> = OnceLock::new();
    *OWN.get_or_init(|| {
        let _quiet = Quiet::begin();
        Ctx::from(&**Scratch::of(Side::Either)?).security_callback()
    })
}
