//! Bytes that leave no trace in memory when they are done with.

use std::ffi::c_void;

use crate::libssl::sys;

/// See the module's text.
pub struct Secret(pub Vec<u8>);

impl std::ops::Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // SAFETY: the vector owns so many bytes.
        unsafe { sys::OPENSSL_cleanse(self.0.as_mut_ptr().cast::<c_void>(), self.0.len()) };
    }
}
