//! Parameters of a verification of ours, made from nothing.

use std::ffi::{c_int, c_ulong};
use std::mem;

use openssl_sys as ffi;

use crate::libssl::layout::Policies;
use crate::libssl::sys;

/// An `X509_VERIFY_PARAM` that is ours.
pub struct OwnParam(*mut ffi::X509_VERIFY_PARAM);

/// Calls functions of libcrypto that ask for nothing but live parameters.
macro_rules! set {
    ($this:expr, $function:path $(, $argument:expr)*) => {
        // SAFETY: the parameters are live and ours alone; the other arguments are numbers.
        unsafe { $function($this.0 $(, $argument)*) }
    };
}

impl OwnParam {
    /// Ones that ask for nothing; `None` where there is no memory.
    pub fn new() -> Option<OwnParam> {
        // SAFETY: no arguments.
        let param = unsafe { ffi::X509_VERIFY_PARAM_new() };
        (!param.is_null()).then_some(OwnParam(param))
    }

    /// `X509_V_FLAG_*`.
    #[doc(alias = "X509_VERIFY_PARAM_set_flags")]
    pub fn set_flags(&mut self, flags: c_ulong) {
        set!(self, ffi::X509_VERIFY_PARAM_set_flags, flags);
    }

    /// `X509_PURPOSE_*`.
    #[doc(alias = "X509_VERIFY_PARAM_set_purpose")]
    pub fn set_purpose(&mut self, purpose: c_int) {
        set!(self, ffi::X509_VERIFY_PARAM_set_purpose, purpose);
    }

    /// `X509_TRUST_*`.
    #[doc(alias = "X509_VERIFY_PARAM_set_trust")]
    pub fn set_trust(&mut self, trust: c_int) {
        set!(self, sys::X509_VERIFY_PARAM_set_trust, trust);
    }

    /// The most intermediates.
    #[doc(alias = "X509_VERIFY_PARAM_set_depth")]
    pub fn set_depth(&mut self, depth: c_int) {
        set!(self, ffi::X509_VERIFY_PARAM_set_depth, depth);
    }

    /// The security level of keys and signatures.
    #[doc(alias = "X509_VERIFY_PARAM_set_auth_level")]
    pub fn set_auth_level(&mut self, level: c_int) {
        set!(self, ffi::X509_VERIFY_PARAM_set_auth_level, level);
    }

    /// `X509_CHECK_FLAG_*`.
    #[doc(alias = "X509_VERIFY_PARAM_set_hostflags")]
    pub fn set_host_flags(&mut self, flags: u32) {
        set!(self, ffi::X509_VERIFY_PARAM_set_hostflags, flags);
    }

    /// The moment to verify for, in Unix seconds.
    #[doc(alias = "X509_VERIFY_PARAM_set_time")]
    pub fn set_time(&mut self, time: i64) {
        set!(self, ffi::X509_VERIFY_PARAM_set_time, time as libc::time_t);
    }

    /// Any policy will do.
    #[doc(alias = "X509_VERIFY_PARAM_add0_policy")]
    pub fn permit_any_policy(&mut self) {
        // SAFETY: the parameters are live and ours alone; the object is static.
        unsafe { sys::X509_VERIFY_PARAM_add0_policy(self.0, ffi::OBJ_nid2obj(sys::NID_ANY_POLICY)) };
    }

    /// One of these policies must hold.
    #[doc(alias = "X509_VERIFY_PARAM_set1_policies")]
    pub fn set_policies(&mut self, policies: Policies<'_>) {
        // SAFETY: both are live; the policies are copied.
        unsafe { sys::X509_VERIFY_PARAM_set1_policies(self.0, policies.as_ptr()) };
    }

    /// Gives them away.
    pub(super) fn into_raw(self) -> *mut ffi::X509_VERIFY_PARAM {
        let raw = self.0;
        mem::forget(self);
        raw
    }
}

impl Drop for OwnParam {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_VERIFY_PARAM_free(self.0) };
    }
}
