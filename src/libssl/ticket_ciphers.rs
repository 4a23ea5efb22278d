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
// SAFETY: threads that share it only copy from it, and a copy reads.
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

#[cfg(test)]
mod tests {
    use std::thread;

    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;
    use openssl::symm;

    use super::*;

    fn mac_of(ciphers: &TicketCiphers, text: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        // SAFETY: the context is made, used and freed here; the text and the MAC have their lengths.
        unsafe {
            let context = ffi::HMAC_CTX_new();
            assert!(ciphers.give_mac(context));
            assert_eq!(ffi::HMAC_Update(context, text.as_ptr(), text.len()), 1);
            assert_eq!(ffi::HMAC_Final(context, mac.as_mut_ptr(), ptr::null_mut()), 1);
            ffi::HMAC_CTX_free(context);
        }
        mac
    }

    fn through(text: &[u8], begin: impl FnOnce(&mut CipherCtxRef) -> bool) -> Vec<u8> {
        let mut cipher = CipherCtx::new().unwrap();
        assert!(begin(&mut cipher));
        let mut out = Vec::new();
        cipher.cipher_update_vec(text, &mut out).unwrap();
        cipher.cipher_final_vec(&mut out).unwrap();
        out
    }

    #[test]
    fn every_ticket_is_sealed_and_opened_as_by_a_key_that_was_given_anew_in_threads_too() {
        let (mac_key, cipher_key) = ([1; 32], [2; 32]);
        let ciphers = TicketCiphers::new(&mac_key, &cipher_key).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let ciphers = &ciphers;
                scope.spawn(move || {
                    for turn in 0..100 {
                        let (iv, text) = ([thread; IV], vec![turn; 10 * usize::from(turn)]);
                        let sealed = symm::encrypt(symm::Cipher::aes_256_cbc(), &cipher_key, Some(&iv), &text).unwrap();
                        assert_eq!(through(&text, |cipher| ciphers.seals(cipher, &iv)), sealed);
                        assert_eq!(through(&sealed, |cipher| ciphers.opens(cipher, &iv)), text);
                        let key = PKey::hmac(&mac_key).unwrap();
                        let signer = Signer::new(MessageDigest::sha256(), &key);
                        assert_eq!(mac_of(ciphers, &sealed).to_vec(), signer.unwrap().sign_oneshot_to_vec(&sealed).unwrap());
                    }
                });
            }
        });
    }
}
