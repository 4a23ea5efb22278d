//! A session, as long as a connection has it.

use std::ffi::c_long;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::{SslSession, SslSessionRef};
use openssl_sys as ffi;

use crate::libssl::ctx::Ctx;
use crate::libssl::suite::Suite;
use crate::libssl::sys;

/// SSL_MAX_SID_CTX_LENGTH: how many bytes an id context may have.
pub const LONGEST_ID: usize = 32;

/// An `SSL_SESSION`, for as long as it is known to live.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    session: NonNull<ffi::SSL_SESSION>,
    life: PhantomData<&'a ()>,
}

/// Calls functions of libssl that ask for nothing but a live session.
macro_rules! call {
    ($this:expr, $function:path $(, $argument:expr)*) => {
        // SAFETY: whoever made the view promised such a session; the other arguments are numbers.
        unsafe { $function($this.session.as_ptr() $(, $argument)*) }
    };
}

impl Session<'_> {
    /// A view of `session`; `None` for NULL.
    ///
    /// # Safety
    /// `session` is NULL, or lives for as long as the view.
    pub unsafe fn new<'a>(session: *mut ffi::SSL_SESSION) -> Option<Session<'a>> {
        Some(Session { session: NonNull::new(session)?, life: PhantomData })
    }

    /// The pointer.
    pub(super) fn as_ptr(self) -> *mut ffi::SSL_SESSION {
        self.session.as_ptr()
    }

    /// Whether libssl would resume it.
    #[doc(alias = "SSL_SESSION_is_resumable")]
    pub fn is_resumable(self) -> bool {
        call!(self, sys::SSL_SESSION_is_resumable) == 1
    }

    /// Whether it has a key: one that a handshake is about to make has none.
    #[doc(alias = "SSL_SESSION_get_master_key")]
    pub fn has_key(self) -> bool {
        // With no room the length of the key is answered.
        call!(self, ffi::SSL_SESSION_get_master_key, ptr::null_mut(), 0) > 0
    }

    /// When it was made, in Unix seconds.
    #[doc(alias = "SSL_SESSION_get_time")]
    pub fn time(self) -> c_long {
        call!(self, ffi::SSL_SESSION_get_time)
    }

    /// How many seconds it may be resumed for.
    #[doc(alias = "SSL_SESSION_get_timeout")]
    pub fn timeout(self) -> c_long {
        call!(self, ffi::SSL_SESSION_get_timeout)
    }

    /// Sets that. A limit of 0 makes libssl end the handshake.
    #[doc(alias = "SSL_SESSION_set_timeout")]
    pub fn set_timeout(self, seconds: c_long) {
        call!(self, sys::SSL_SESSION_set_timeout, seconds);
    }

    /// The last second in which its ticket may be offered (RFC 8446 4.6.1); `None` where the server gave no limit.
    #[doc(alias = "SSL_SESSION_get_ticket_lifetime_hint")]
    pub fn ticket_end(self) -> Option<i64> {
        let life = call!(self, sys::SSL_SESSION_get_ticket_lifetime_hint);
        (life > 0).then(|| self.time().saturating_add(i64::try_from(life).unwrap_or(i64::MAX)))
    }

    /// Whether it may be offered once only: those of TLS 1.3 (RFC 8446 C.4).
    #[doc(alias = "SSL_SESSION_get_protocol_version")]
    pub fn is_single(self) -> bool {
        call!(self, ffi::SSL_SESSION_get_protocol_version) >= ffi::TLS1_3_VERSION
    }

    /// Its suite.
    #[doc(alias = "SSL_SESSION_get0_cipher")]
    pub fn suite(self) -> Option<Suite> {
        // SAFETY: the view promises the session; NULL, or a suite of libssl's own table.
        unsafe { Suite::new(sys::SSL_SESSION_get0_cipher(self.session.as_ptr())) }
    }

    /// The id context that it bears.
    #[doc(alias = "SSL_SESSION_get0_id_context")]
    pub fn id_context(self) -> Vec<u8> {
        let mut len = 0;
        // SAFETY: the view promises the session; the pointer is into it.
        let context = unsafe { sys::SSL_SESSION_get0_id_context(self.session.as_ptr(), &mut len) };
        if context.is_null() {
            return Vec::new();
        }
        // SAFETY: OpenSSL says that so many bytes are there; they are copied before it can change them.
        unsafe { std::slice::from_raw_parts(context, len as usize) }.to_vec()
    }

    /// Sets that.
    #[doc(alias = "SSL_SESSION_set1_id_context")]
    pub fn set_id_context<const LEN: usize>(self, id: &[u8; LEN]) {
        const { assert!(LEN <= LONGEST_ID) };
        // SAFETY: the view promises the session; so many bytes are there, and are copied.
        unsafe { sys::SSL_SESSION_set1_id_context(self.session.as_ptr(), id.as_ptr(), LEN as u32) };
    }

    /// Takes the id context away.
    #[doc(alias = "SSL_SESSION_set1_id_context")]
    pub fn clear_id_context(self) {
        // SAFETY: the view promises the session; of no bytes none are read.
        unsafe { sys::SSL_SESSION_set1_id_context(self.session.as_ptr(), [0].as_ptr(), 0) };
    }

    /// Takes the server name away: libssl gives it, in TLS 1.2, as that of a connection that names none and offers this
    /// session.
    #[doc(alias = "SSL_SESSION_set1_hostname")]
    pub fn clear_server_name(self) {
        call!(self, sys::SSL_SESSION_set1_hostname, ptr::null());
    }

    /// A copy of it, which stays as it is whatever becomes of the connection that made it.
    #[doc(alias = "SSL_SESSION_dup")]
    pub fn copied(self) -> Option<SslSession> {
        let copy = call!(self, sys::SSL_SESSION_dup);
        // SAFETY: it is not NULL, and ours.
        (!copy.is_null()).then(|| unsafe { SslSession::from_ptr(copy) })
    }

    /// Makes it one that cannot be resumed, whether it is in the cache of `ctx` or not.
    #[doc(alias = "SSL_CTX_remove_session")]
    pub fn forget(self, ctx: Ctx<'_>) {
        // SAFETY: both views promise what they stand for.
        unsafe { ffi::SSL_CTX_remove_session(ctx.as_ptr(), self.session.as_ptr()) };
    }
}

impl<'a> From<&'a SslSessionRef> for Session<'a> {
    fn from(session: &'a SslSessionRef) -> Session<'a> {
        // SAFETY: the reference says that it lives, and is not NULL.
        Session { session: unsafe { NonNull::new_unchecked(session.as_ptr()) }, life: PhantomData }
    }
}

#[cfg(test)]
impl Session<'_> {
    /// An empty one of this version.
    pub fn scratch(version: std::ffi::c_int) -> SslSession {
        // SAFETY: it is new, and ours; only its version is set.
        unsafe {
            let session = sys::SSL_SESSION_new();
            assert_eq!(sys::SSL_SESSION_set_protocol_version(session, version), 1);
            SslSession::from_ptr(session)
        }
    }
}
