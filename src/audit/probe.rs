//! A trial hello: a client's connection of the context writes its ClientHello into memory, and is thrown away. It runs
//! what the program hung on the context (info, message, security and ex_data callbacks), so it is made only where it is
//! asked for. libssl empties the error queue when a handshake begins; what was on it is put back.

use std::ffi::c_char;
use std::ptr;

use openssl_sys as ffi;

use crate::audit::facts::{Facts, Probe, Side};
use crate::audit::hello::Hello;
use crate::libssl::method::Carrier;
use crate::libssl::queue::Kept;

/// The hello that a connection of `ctx` would begin with.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl whose set-up no other thread changes now; `facts` are its.
pub unsafe fn hello(ctx: *mut ffi::SSL_CTX, facts: &Facts) -> Probe {
    if facts.side == Side::Server {
        return Probe::Impossible("the context is a server's, and servers send no hello".to_owned());
    }
    if facts.method.carrier != Carrier::Stream {
        return Probe::Impossible("the method is not one for streams".to_owned());
    }
    let kept = Kept::take();
    // SAFETY: as the caller promises.
    let wire = unsafe { first_flight(ctx) };
    let why = crate::libssl::queue::newest_reason();
    drop(kept);
    match wire.as_deref().and_then(Hello::parse) {
        Some(hello) => Probe::Hello(Box::new(hello)),
        None => Probe::Impossible(format!("libssl sent none: {}", why.as_deref().unwrap_or("no reason given"))),
    }
}

/// # Safety
/// As for [`hello`].
unsafe fn first_flight(ctx: *mut ffi::SSL_CTX) -> Option<Vec<u8>> {
    // SAFETY: as the caller promises.
    let trial = Trial(unsafe { ffi::SSL_new(ctx) });
    if trial.0.is_null() {
        return None;
    }
    // SAFETY: the method is static.
    let (input, output) = unsafe { (ffi::BIO_new(ffi::BIO_s_mem()), ffi::BIO_new(ffi::BIO_s_mem())) };
    if input.is_null() || output.is_null() {
        // SAFETY: both are NULL or ours.
        unsafe {
            ffi::BIO_free_all(input);
            ffi::BIO_free_all(output);
        }
        return None;
    }
    // SAFETY: the connection is live and ours alone; it owns the two from here on.
    unsafe { ffi::SSL_set_bio(trial.0, input, output) };
    // SAFETY: as above.
    unsafe { ffi::SSL_set_connect_state(trial.0) };
    // There is nothing to read, so it comes back with the hello written.
    // SAFETY: as above.
    unsafe { ffi::SSL_do_handshake(trial.0) };
    let mut data: *mut c_char = ptr::null_mut();
    // SAFETY: the connection keeps the BIO alive, which owns the octets.
    let len = usize::try_from(unsafe { ffi::BIO_get_mem_data(output, &mut data) }).ok().filter(|len| *len > 0)?;
    if data.is_null() {
        return None;
    }
    // SAFETY: OpenSSL says that `len` octets are there.
    Some(unsafe { std::slice::from_raw_parts(data as *const u8, len) }.to_vec())
}

struct Trial(*mut ffi::SSL);

impl Drop for Trial {
    fn drop(&mut self) {
        // SAFETY: made in `first_flight`, freed once; NULL is fine.
        unsafe { ffi::SSL_free(self.0) };
    }
}
