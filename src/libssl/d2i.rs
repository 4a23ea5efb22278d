//! Certificates and CRLs from DER that must be theirs to the last byte. A failure is told in words.

use std::ffi::{c_long, c_uchar};
use std::ptr;

use foreign_types::ForeignType;
use openssl::x509::{X509, X509Crl};
use openssl_sys as ffi;

use crate::libssl::queue::Quiet;
use crate::libssl::sys;

/// The certificate that `der` is.
pub fn certificate(der: &[u8], quiet: &Quiet) -> Result<X509, String> {
    // SAFETY: the reader answers a certificate that is ours to free.
    read(der, quiet, ffi::d2i_X509, |raw| unsafe { X509::from_ptr(raw) })
}

/// The certificate that `der` is, with OpenSSL's trust settings behind it where there are any.
pub fn trusted_certificate(der: &[u8], quiet: &Quiet) -> Result<X509, String> {
    // SAFETY: the reader answers a certificate that is ours to free.
    read(der, quiet, sys::d2i_X509_AUX, |raw| unsafe { X509::from_ptr(raw) })
}

/// The CRL that `der` is.
pub fn crl(der: &[u8], quiet: &Quiet) -> Result<X509Crl, String> {
    // SAFETY: the reader answers a CRL that is ours to free.
    read(der, quiet, sys::d2i_X509_CRL, |raw| unsafe { X509Crl::from_ptr(raw) })
}

type Reader<R> = unsafe extern "C" fn(*mut *mut R, *mut *const c_uchar, c_long) -> *mut R;

fn read<R, T>(der: &[u8], quiet: &Quiet, reader: Reader<R>, own: impl FnOnce(*mut R) -> T) -> Result<T, String> {
    let length = c_long::try_from(der.len()).map_err(|_| "it is too long".to_owned())?;
    let mut rest = der.as_ptr();
    // SAFETY: `rest` points to so many readable bytes, and is moved to the first that was not read; NULL asks for a new
    // object.
    let raw = unsafe { reader(ptr::null_mut(), &mut rest, length) };
    if raw.is_null() {
        let reason = quiet.newest_reason().unwrap_or_else(|| "no reason".to_owned());
        return Err(format!("OpenSSL says \"{reason}\""));
    }
    let object = own(raw);
    match (der.as_ptr().addr() + der.len()).checked_sub(rest.addr()) {
        Some(0) => Ok(object),
        left => Err(format!("{} bytes follow it", left.unwrap_or_default())),
    }
}
