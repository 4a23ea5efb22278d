//! A BIO that something of ours owns and may exchange.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use openssl_sys as ffi;

/// The place of such a BIO; it may be empty.
#[derive(Default)]
pub struct BioSlot(AtomicPtr<ffi::BIO>);

impl BioSlot {
    /// The BIO, or NULL.
    pub fn get(&self) -> *mut ffi::BIO {
        self.0.load(Ordering::Relaxed)
    }

    /// Gives the slot another one to own.
    ///
    /// # Safety
    /// `bio` is NULL, or a live BIO of which the caller gives one reference away. Nobody uses the one that was there.
    pub unsafe fn set(&self, bio: *mut ffi::BIO) {
        let old = self.0.swap(bio, Ordering::Relaxed);
        // SAFETY: gives up the reference that the slot owned; NULL is ignored.
        unsafe { ffi::BIO_free_all(old) };
    }
}

impl Drop for BioSlot {
    fn drop(&mut self) {
        // SAFETY: with the slot its only user goes.
        unsafe { self.set(ptr::null_mut()) };
    }
}
