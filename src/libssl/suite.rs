//! A cipher suite. They stand in tables of libssl's that never end.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use openssl_sys as ffi;

use crate::libssl::sys;

/// An `SSL_CIPHER`.
#[derive(Clone, Copy)]
pub struct Suite(NonNull<ffi::SSL_CIPHER>);

/// Reads one fact of a suite.
macro_rules! call {
    ($this:expr, $function:path) => {
        // SAFETY: whoever made the view promised a suite of libssl's tables.
        unsafe { $function($this.0.as_ptr()) }
    };
}

impl Suite {
    /// A view of `suite`; `None` for NULL.
    ///
    /// # Safety
    /// `suite` is NULL, or of libssl's tables.
    pub unsafe fn new(suite: *const ffi::SSL_CIPHER) -> Option<Suite> {
        NonNull::new(suite.cast_mut()).map(Suite)
    }

    /// All suites of a stack.
    ///
    /// # Safety
    /// `stack` is NULL or live, and holds suites of libssl's tables.
    pub unsafe fn all(stack: *mut ffi::stack_st_SSL_CIPHER) -> Vec<Suite> {
        // SAFETY: the caller promises the stack; NULL has -1 members.
        let count = unsafe { ffi::OPENSSL_sk_num(stack.cast()) };
        // SAFETY: the caller promises what it holds; the index is below its length.
        (0..count).filter_map(|at| unsafe { Suite::new(ffi::OPENSSL_sk_value(stack.cast(), at).cast()) }).collect()
    }

    /// The pointer.
    pub(super) fn as_ptr(self) -> *mut ffi::SSL_CIPHER {
        self.0.as_ptr()
    }

    /// The number that stands for it in hellos.
    pub fn id(self) -> u16 {
        call!(self, ffi::SSL_CIPHER_get_protocol_id)
    }

    /// OpenSSL's name of it.
    pub fn name(self) -> &'static str {
        self.name_text().to_str().unwrap_or("an unknown suite")
    }

    /// The same, for C.
    pub fn name_text(self) -> &'static CStr {
        let found = call!(self, ffi::SSL_CIPHER_get_name);
        // SAFETY: a text of libssl's own that never ends.
        unsafe { CStr::from_ptr(found) }
    }

    /// The strength of its cipher, in bits.
    pub fn bits(self) -> c_int {
        // SAFETY: whoever made the view promised a suite of libssl's tables; NULL asks for no second number.
        unsafe { ffi::SSL_CIPHER_get_bits(self.0.as_ptr(), std::ptr::null_mut()) }
    }

    /// How keys are exchanged, as a NID.
    pub fn key_exchange(self) -> c_int {
        call!(self, sys::SSL_CIPHER_get_kx_nid)
    }

    /// How the server shows who it is, as a NID.
    pub fn authentication(self) -> c_int {
        call!(self, sys::SSL_CIPHER_get_auth_nid)
    }

    /// Its cipher, as a NID.
    pub fn cipher(self) -> c_int {
        call!(self, ffi::SSL_CIPHER_get_cipher_nid)
    }

    /// Its digest, as a NID.
    pub fn digest(self) -> c_int {
        call!(self, ffi::SSL_CIPHER_get_digest_nid)
    }

    /// Whether its cipher protects what it encrypts, too.
    pub fn is_aead(self) -> bool {
        call!(self, sys::SSL_CIPHER_is_aead) == 1
    }
}
