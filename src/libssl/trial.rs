//! A connection that goes nowhere: what libssl would send first.

use std::ffi::c_char;
use std::ptr;

use openssl_sys as ffi;

use crate::libssl::conn::Conn;
use crate::libssl::ctx::Ctx;

/// The first bytes that a client's connection of `ctx` would send. The program's callbacks may run.
#[doc(alias = "SSL_new")]
#[doc(alias = "BIO_new")]
#[doc(alias = "BIO_s_mem")]
pub fn first_flight(ctx: Ctx<'_>) -> Option<Vec<u8>> {
    let trial = Trial::of(ctx)?;
    // SAFETY: the method is static.
    let (input, output) = unsafe { (ffi::BIO_new(ffi::BIO_s_mem()), ffi::BIO_new(ffi::BIO_s_mem())) };
    if input.is_null() || output.is_null() {
        // SAFETY: each is NULL or ours.
        unsafe {
            ffi::BIO_free_all(input);
            ffi::BIO_free_all(output);
        }
        return None;
    }
    let mut data: *mut c_char = ptr::null_mut();
    // SAFETY: the connection is live and ours alone; it owns both BIOs from the first call on, and with them the octets.
    let len = unsafe {
        ffi::SSL_set_bio(trial.0, input, output);
        ffi::SSL_set_connect_state(trial.0);
        // There is nothing to read, so it comes back with the hello written.
        ffi::SSL_do_handshake(trial.0);
        ffi::BIO_get_mem_data(output, &mut data)
    };
    let len = usize::try_from(len).ok().filter(|len| *len > 0 && !data.is_null())?;
    // SAFETY: OpenSSL says that so many octets are there, as long as the connection lives.
    Some(unsafe { std::slice::from_raw_parts(data.cast(), len) }.to_vec())
}

/// A connection that is never made.
pub struct Trial(*mut ffi::SSL);

impl Trial {
    /// One of `ctx`; `None` where there is no memory.
    #[doc(alias = "SSL_new")]
    pub fn of(ctx: Ctx<'_>) -> Option<Trial> {
        // SAFETY: the view promises the context.
        let trial = Trial(unsafe { ffi::SSL_new(ctx.as_ptr()) });
        (!trial.0.is_null()).then_some(trial)
    }

    /// A view of it.
    pub fn conn(&self) -> Conn<'_> {
        // SAFETY: it is not NULL, and lives as long as the view.
        unsafe { Conn::live(self.0) }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once.
        unsafe { ffi::SSL_free(self.0) };
    }
}
