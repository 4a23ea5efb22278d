//! What is asked of certificates: an `X509_VERIFY_PARAM` that belongs to something which lives.

use std::ffi::{c_int, c_ulong};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::ptr::NonNull;

use openssl_sys as ffi;

use crate::error::{Error, Result};
use crate::libssl::layout::{Asked, names};
use crate::libssl::sys;

/// The parameters, for as long as they are known to live.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    param: NonNull<ffi::X509_VERIFY_PARAM>,
    life: PhantomData<&'a ()>,
}

/// Calls functions of libcrypto that ask for nothing but live parameters.
macro_rules! call {
    ($this:expr, $function:path) => {
        // SAFETY: whoever made the view promised such parameters.
        unsafe { $function($this.as_ptr()) }
    };
}

impl<'a> Param<'a> {
    /// A view of `param`.
    ///
    /// # Safety
    /// `param` is not NULL, lives for `'a`, and is not changed by another thread meanwhile.
    pub unsafe fn new(param: *mut ffi::X509_VERIFY_PARAM) -> Param<'a> {
        // SAFETY: the caller promises that it is not NULL.
        Param { param: unsafe { NonNull::new_unchecked(param) }, life: PhantomData }
    }

    /// The pointer.
    pub fn as_ptr(self) -> *mut ffi::X509_VERIFY_PARAM {
        self.param.as_ptr()
    }

    /// Takes over all that `other` asks.
    #[doc(alias = "X509_VERIFY_PARAM_set1")]
    pub fn take_all_of(self, other: Param<'_>) -> Result<()> {
        // SAFETY: whoever made the views promised both.
        match unsafe { sys::X509_VERIFY_PARAM_set1(self.as_ptr(), other.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::no_memory("the parameters of a certificate store")),
        }
    }

    /// `X509_V_FLAG_*`.
    #[doc(alias = "X509_VERIFY_PARAM_get_flags")]
    pub fn flags(self) -> c_ulong {
        call!(self, ffi::X509_VERIFY_PARAM_get_flags)
    }

    /// The most intermediates; negative where nothing is asked.
    #[doc(alias = "X509_VERIFY_PARAM_get_depth")]
    pub fn depth(self) -> c_int {
        call!(self, sys::X509_VERIFY_PARAM_get_depth)
    }

    /// The security level that signatures and keys must have; negative where nothing is asked.
    #[doc(alias = "X509_VERIFY_PARAM_get_auth_level")]
    pub fn auth_level(self) -> c_int {
        call!(self, ffi::X509_VERIFY_PARAM_get_auth_level)
    }

    /// `X509_CHECK_FLAG_*`.
    #[doc(alias = "X509_VERIFY_PARAM_get_hostflags")]
    pub fn host_flags(self) -> u32 {
        call!(self, sys::X509_VERIFY_PARAM_get_hostflags)
    }

    /// Purpose, trust setting and policies; `None` where this OpenSSL keeps them in a way that is not known.
    pub fn asked(self) -> Option<Asked<'a>> {
        Asked::read(self)
    }

    /// The hosts. To look is to leave entries on OpenSSL's queue.
    pub fn hosts(self) -> Result<Vec<&'a [u8]>> {
        names::hosts(self)
    }

    /// The IP addresses.
    pub fn addresses(self) -> Result<Vec<IpAddr>> {
        names::addresses(self)
    }

    /// The e-mail addresses.
    pub fn emails(self) -> Result<Vec<&'a [u8]>> {
        names::emails(self)
    }

    /// Has every name taken that a program sets, so that hostlock judges it: before OpenSSL 4.0 every name is.
    #[cfg(not(ossl400))]
    pub fn take_every_name(self) {}
}
