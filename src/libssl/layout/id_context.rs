//! The session id context of a connection and of a context: OpenSSL has setters, and no getter. They are found on scratch
//! objects, where a probe appears, and only ever read.

use std::sync::OnceLock;
use std::{ptr, slice};

use openssl_sys as ffi;

use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx, new_context, sys};

/// OpenSSL keeps the length before the bytes.
const LONGEST: usize = 32;

/// So many words are looked at; a connection has more than twice as many, a context somewhat more.
const WORDS_OF_CONNECTION: usize = 384;
const WORDS_OF_CONTEXT: usize = 112;

impl Conn<'_> {
    /// The session id context that was set on it; `None` where this OpenSSL does not show it.
    pub fn session_id_context(self) -> Option<Vec<u8>> {
        // SAFETY: the place was found within the words that every connection has.
        unsafe { read(self.as_ptr().cast(), places()?.0) }
    }
}

impl Ctx<'_> {
    /// The session id context that was set on it; `None` where this OpenSSL does not show it.
    pub fn session_id_context(self) -> Option<Vec<u8>> {
        // SAFETY: the place was found within the words that every context has.
        unsafe { read(self.as_ptr().cast(), places()?.1) }
    }
}

/// # Safety
/// `object` is live, and `place` lies so far before its end that the longest id context fits.
unsafe fn read(object: *const usize, place: usize) -> Option<Vec<u8>> {
    // SAFETY: the caller promises that this word is the object's.
    let length = unsafe { ptr::read_volatile(object.add(place)) };
    // SAFETY: OpenSSL has room for so many bytes behind the length.
    (length <= LONGEST).then(|| unsafe { slice::from_raw_parts(object.add(place + 1).cast::<u8>(), length) }.to_vec())
}

/// Where a connection and a context keep them, in words.
fn places() -> Option<(usize, usize)> {
    static PLACES: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    crate::nets::unproved!("id context");
    *PLACES.get_or_init(probe)
}

/// The one place where an id context appears on scratch objects, whichever it is.
fn probe() -> Option<(usize, usize)> {
    let _quiet = Quiet::begin();
    // SAFETY: the method is static.
    let ctx = unsafe { new_context::new_context(ffi::TLS_method()) };
    if ctx.is_null() {
        return None;
    }
    // SAFETY: the context is live.
    let ssl = unsafe { ffi::SSL_new(ctx) };
    let found = (!ssl.is_null()).then(|| {
        let on_connection = place(ssl.cast(), WORDS_OF_CONNECTION, |id| {
            // SAFETY: the connection is live; the bytes are copied.
            unsafe { sys::SSL_set_session_id_context(ssl, id.as_ptr(), id.len() as u32) == 1 }
        });
        let on_context = place(ctx.cast(), WORDS_OF_CONTEXT, |id| {
            // SAFETY: the context is live; the bytes are copied.
            unsafe { ffi::SSL_CTX_set_session_id_context(ctx, id.as_ptr(), id.len() as u32) == 1 }
        });
        on_connection.zip(on_context)
    });
    // SAFETY: it is ours; NULL is fine.
    unsafe { ffi::SSL_free(ssl) };
    // SAFETY: the connection is gone, and this is the last owner.
    unsafe { ffi::SSL_CTX_free(ctx) };
    found.flatten()
}

fn place(object: *const usize, words: usize, set: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let find = |id: &[u8]| {
        if !set(id) {
            return None;
        }
        // SAFETY: the object is live, and the first place that fits lies within it.
        let bears = |at: &usize| unsafe { read(object, *at) }.is_some_and(|found| found == id);
        (0..words - 1 - LONGEST / size_of::<usize>()).find(bears)
    };
    let one = find(b"hostlock looks for these bytes")?;
    let other = find(b"and then for others")?;
    (one == other).then_some(one)
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignTypeRef;
    use openssl::ssl::{Ssl, SslContext, SslMethod};

    use super::*;

    #[test]
    fn this_openssl_shows_the_id_context_that_a_program_sets() {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        builder.set_session_id_context(b"of the context").unwrap();
        let context = builder.build();
        let ssl = Ssl::new(&context).unwrap();
        // SAFETY: both are live, and this thread's alone.
        let (conn, ctx) = unsafe { (Conn::new(ssl.as_ptr()).unwrap(), Ctx::new(context.as_ptr()).unwrap()) };
        assert_eq!(ctx.session_id_context().as_deref(), Some(&b"of the context"[..]));
        assert_eq!(conn.session_id_context().as_deref(), Some(&b"of the context"[..]));
        assert!(conn.set_session_id_context(&[7; 32]));
        assert_eq!(conn.session_id_context().as_deref(), Some(&[7; 32][..]));
    }
}
