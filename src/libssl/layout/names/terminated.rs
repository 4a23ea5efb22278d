//! OpenSSL's functions for a first and only address, and for strings with a NUL behind them.

use std::ffi::{CStr, c_char};
use std::net::IpAddr;

use openssl_sys as ffi;

use crate::libssl::{Param, sys};

/// The hosts; where copies of parameters have no NUL behind each, this is not asked.
#[cfg(not(ossl400))]
pub fn hosts(param: Param<'_>) -> Vec<&[u8]> {
    // SAFETY: the view promises the parameters; an index past the last host gives NULL.
    let host = |index| unsafe { sys::X509_VERIFY_PARAM_get0_host(param.as_ptr(), index) };
    // SAFETY: NULL, or a string that lives as long as the parameters.
    (0..).map_while(|index| unsafe { text(host(index)) }).collect()
}

/// The e-mail address, on the same condition.
#[cfg(not(ossl400))]
pub fn email(param: Param<'_>) -> Option<&[u8]> {
    // SAFETY: the view promises the parameters.
    let email = unsafe { sys::X509_VERIFY_PARAM_get0_email(param.as_ptr()) };
    // SAFETY: NULL, or a string that lives as long as the parameters.
    unsafe { text(email) }
}

/// The first address, as OpenSSL writes it; always with a NUL, as it is made for the caller.
pub fn address(param: Param<'_>) -> Option<Result<IpAddr, String>> {
    // SAFETY: the view promises the parameters; what comes is NULL or a string that is ours to free.
    let written = unsafe { sys::X509_VERIFY_PARAM_get1_ip_asc(param.as_ptr()) };
    // SAFETY: NULL or NUL-terminated, and not freed yet.
    let copy = unsafe { text(written) }.map(|text| String::from_utf8_lossy(text).into_owned());
    // SAFETY: allocated by OpenSSL for us, and not used after this; NULL is fine.
    unsafe { ffi::CRYPTO_free(written.cast(), c"hostlock".as_ptr(), 0) };
    copy.map(|text| text.parse().map_err(|_| text))
}

/// # Safety
/// `pointer` is NULL or NUL-terminated, and outlives the result.
unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL here, and the caller promises the NUL at its end.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
}
