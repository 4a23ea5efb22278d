//! Whether DANE was switched on for a connection. OpenSSL tells it only to those who add a record, at the price of an entry
//! on its error queue. Servers want to know several times a handshake, so they ask only where a look does not say "no". A
//! client asks at once: it wants to know once or twice, and the proof takes a context, more than a hundred questions do.

use std::sync::OnceLock;
use std::ptr;

use openssl_sys as ffi;

use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, new_context, sys};

/// So many words of the state are looked at; it has more than twice as many.
const WORDS: usize = 2;

impl Conn<'_> {
    /// Whether DANE was switched on.
    pub fn has_dane(self) -> bool {
        !(self.is_server() && self.looks_free_of_dane()) && self.is_told_of_dane()
    }

    fn looks_free_of_dane(self) -> bool {
        let state = state(self);
        // SAFETY: the place was found within the words that every state has.
        !state.is_null() && place().is_some_and(|place| unsafe { ptr::read_volatile(state.add(place)) } == 0)
    }

    /// The same by OpenSSL's word: a record of an unknown usage is refused otherwise (0) than any record without DANE (-1).
    #[doc(alias = "SSL_dane_tlsa_add")]
    fn is_told_of_dane(self) -> bool {
        let _quiet = Quiet::begin();
        // SAFETY: the view promises the connection; no data is given.
        unsafe { sys::SSL_dane_tlsa_add(self.as_ptr(), u8::MAX, 0, 0, ptr::null(), 0) >= 0 }
    }
}

/// What OpenSSL keeps of DANE for `conn`.
#[doc(alias = "SSL_get0_dane")]
fn state(conn: Conn<'_>) -> *const usize {
    // SAFETY: the view promises the connection, which owns the state.
    unsafe { sys::SSL_get0_dane(conn.as_ptr()) }.cast()
}

/// The word of the state that is 0 as long as DANE is off.
fn place() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("dane");
    *PLACE.get_or_init(|| {
        let _quiet = Quiet::begin();
        // SAFETY: the method is static.
        let ctx = unsafe { new_context::new_context(ffi::TLS_method()) };
        if ctx.is_null() {
            return None;
        }
        // SAFETY: the context is live.
        let is_able = unsafe { sys::SSL_CTX_dane_enable(ctx) } == 1;
        let found = is_able.then(|| (filled(ctx), filled(ctx)));
        // SAFETY: the connections are gone, and this is the last owner.
        unsafe { ffi::SSL_CTX_free(ctx) };
        let (one, other) = found?;
        if one == other { one } else { None }
    })
}

/// The first word that switching DANE on fills, on a new connection of `ctx`.
fn filled(ctx: *mut ffi::SSL_CTX) -> Option<usize> {
    // SAFETY: the context is live.
    let ssl = unsafe { ffi::SSL_new(ctx) };
    // SAFETY: it is this function's alone.
    let conn = unsafe { Conn::new(ssl) }?;
    let words = || {
        let state = state(conn);
        // SAFETY: the state has more words than that.
        (!state.is_null()).then(|| unsafe { ptr::read_volatile(state.cast::<[usize; WORDS]>()) })
    };
    let (before, was_off) = (words(), !conn.is_told_of_dane());
    // SAFETY: the connection is live; the name ends with NUL.
    let is_on = unsafe { sys::SSL_dane_enable(ssl, c"dane.example".as_ptr()) } == 1;
    let (after, is_told) = (words(), conn.is_told_of_dane());
    // SAFETY: it is ours, and freed once.
    unsafe { ffi::SSL_free(ssl) };
    let (before, after) = before.zip(after).filter(|_| was_off && is_on && is_told)?;
    before.iter().zip(after).position(|(before, after)| *before == 0 && after != 0)
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignTypeRef;
    use openssl::ssl::{Ssl, SslContext, SslMethod};

    use super::*;

    #[test]
    fn a_look_says_of_dane_what_openssl_says() {
        assert!(place().is_some());
        let context = SslContext::builder(SslMethod::tls_server()).unwrap().build();
        // SAFETY: the context is live.
        assert_eq!(unsafe { sys::SSL_CTX_dane_enable(context.as_ptr()) }, 1);
        let ssl = Ssl::new(&context).unwrap();
        // SAFETY: it is live, and this thread's alone.
        let conn = unsafe { Conn::new(ssl.as_ptr()) }.unwrap();
        assert!(conn.looks_free_of_dane() && !conn.has_dane() && !conn.is_told_of_dane());
        // SAFETY: the connection is live; the name ends with NUL.
        assert_eq!(unsafe { sys::SSL_dane_enable(ssl.as_ptr(), c"dane.example".as_ptr()) }, 1);
        assert!(!conn.looks_free_of_dane() && conn.has_dane() && conn.is_told_of_dane());
    }
}
