//! A certificate that is parsed when it is first wanted, and once for all threads. No thread ever waits here, so a
//! process may fork at any moment: where two parse at the same time, one of the results is dropped.

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use foreign_types::ForeignType;
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::libssl::d2i;
use crate::libssl::queue::Quiet;

/// See the module's text.
#[derive(Default)]
pub struct Parsed(AtomicPtr<ffi::X509>);

impl Parsed {
    /// One that has been parsed already.
    pub fn done(certificate: X509) -> Parsed {
        Parsed(AtomicPtr::new(into_raw(certificate)))
    }

    /// The certificate that `der` is; `None` where OpenSSL cannot read it. The errors of that do not stay on the queue,
    /// where a handshake would find them.
    pub fn get_or_parse(&self, der: &[u8]) -> Option<X509> {
        if let Some(certificate) = self.get() {
            return Some(certificate);
        }
        let raw = into_raw(d2i::certificate(der, &Quiet::begin()).ok()?);
        if self.0.compare_exchange(ptr::null_mut(), raw, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: another thread was first, so this pointer is still ours alone.
            drop(unsafe { X509::from_ptr(raw) });
        }
        self.get()
    }

    fn get(&self) -> Option<X509> {
        let raw = self.0.load(Ordering::Acquire);
        if raw.is_null() {
            return None;
        }
        // SAFETY: a pointer, once stored, stays and is live as long as `self`.
        unsafe { ffi::X509_up_ref(raw) };
        // SAFETY: the count was raised for this owner.
        Some(unsafe { X509::from_ptr(raw) })
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        let raw = *self.0.get_mut();
        if !raw.is_null() {
            // SAFETY: the pointer came from `into_raw`, and its one count is given back here.
            drop(unsafe { X509::from_ptr(raw) });
        }
    }
}

fn into_raw(certificate: X509) -> *mut ffi::X509 {
    let raw = certificate.as_ptr();
    mem::forget(certificate);
    raw
}
