//! What a key for tickets seals and opens with. Contexts that have the key already are copied for each ticket: to give a new
//! one its key, and to find the algorithms by their names, takes longer than the ticket itself.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use foreign_types::ForeignTypeRef;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::{CipherCtx, CipherCtxRef};
use openssl_sys as ffi;

/// How many bytes the iv of AES-256-CBC has.
pub const IV: usize = 16;

/// AES-256-CBC and HMAC-SHA256 with their keys.
pub struct TicketCiphers {
    sealing: CipherCtx,
    opening: CipherCtx,
    mac: Mac,
}

impl TicketCiphers {
    /// `None` where OpenSSL does not take the keys.
    pub fn new(mac_key: &[u8], cipher_key: &[u8]) -> Option<TicketCiphers> {
        let (mut sealing, mut opening) = (CipherCtx::new().ok()?, CipherCtx::new().ok()?);
        sealing.encrypt_init(Some(Cipher::aes_256_cbc()), Some(cipher_key), None).ok()?;
        opening.decrypt_init(Some(Cipher::aes_256_cbc()), Some(cipher_key), None).ok()?;
        Some(TicketCiphers { sealing, opening, mac: Mac::new(mac_key)? })
    }

    /// Has `cipher` seal with `iv`.
    pub fn seals(&self, cipher: &mut CipherCtxRef, iv: &[u8; IV]) -> bool {
        give(&self.sealing, cipher, iv)
    }

    /// Has `cipher` open what was sealed with `iv`.
    pub fn opens(&self, cipher: &mut CipherCtxRef, iv: &[u8; IV]) -> bool {
        give(&self.opening, cipher, iv)
    }

    /// Gives `mac` the key.
    ///
    /// # Safety
    /// `mac` is live, and in this thread's use alone.
    pub unsafe fn give_mac(&self, mac: *mut ffi::HMAC_CTX) -> bool {
        // SAFETY: the caller promises the copy. The original is only read: its state has not moved since the key was set.
        unsafe { ffi::HMAC_CTX_copy(mac, self.mac.0.as_ptr()) == 1 }
    }
}

/// Gives `cipher` key and direction of `keyed`, and `iv`. The crate's own functions ask for the iv's length each time.
fn give(keyed: &CipherCtxRef, cipher: &mut CipherCtxRef, iv: &[u8; IV]) -> bool {
    const AS_BEFORE: c_int = -1;
    let (none, no_key, no_engine) = (ptr::null(), ptr::null(), ptr::null_mut());
    // SAFETY: both contexts are live; the iv has as many bytes as the algorithm wants.
    cipher.copy(keyed).is_ok()
        && unsafe { ffi::EVP_CipherInit_ex(cipher.as_ptr(), none, no_engine, no_key, iv.as_ptr(), AS_BEFORE) == 1 }
}

/// An HMAC that has its key and has seen nothing yet.
struct Mac(NonNull<ffi::HMAC_CTX>);

// SAFETY: it belongs to no thread, and is only copied from, which changes nothing in it.
unsafe impl Send for Mac {}
// SAFETY: as above.
unsafe impl Sync for Mac {}

impl Mac {
    fn new(key: &[u8]) -> Option<Mac> {
        let len = c_int::try_from(key.len()).ok()?;
        // SAFETY: the function takes no argument, and answers a new context or NULL.
        let mac = Mac(NonNull::new(unsafe { ffi::HMAC_CTX_new() })?);
        // SAFETY: the context is live; so many bytes of a key are there.
        let done = unsafe { ffi::HMAC_Init_ex(mac.0.as_ptr(), key.as_ptr().cast(), len, ffi::EVP_sha256(), ptr::null_mut()) };
        (done == 1).then_some(mac)
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once; OpenSSL wipes what the key has become.
        unsafe { ffi::HMAC_CTX_free(self.0.as_ptr()) };
    }
}
