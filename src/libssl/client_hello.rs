//! What a server is asked when a client's hello has come and nothing has been done about it: and what it can change on the
//! connection then.

use std::ffi::{c_int, c_void};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::pkey::{PKeyRef, Private};
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::libssl::callback::{Callback, stopped};
use crate::libssl::{Conn, Ctx, sys};

/// What becomes of the handshake.
pub enum Answer {
    /// It goes on.
    GoOn,
    /// It ends, with this alert.
    Refuse(u8),
}

impl Ctx<'_> {
    /// Has `C` asked when a client's hello has come. Not while connections of the context are made or used.
    #[doc(alias = "SSL_CTX_set_client_hello_cb")]
    pub fn on_hello_of_client<C>(self)
    where
        C: for<'a> Callback<Question<'a> = Conn<'a>, Answer = Answer>,
    {
        // SAFETY: the view promises the context; the callback stays loaded (the library is linked with -z nodelete).
        unsafe { ffi::SSL_CTX_set_client_hello_cb(self.as_ptr(), Some(hello::<C>), ptr::null_mut()) };
    }
}

unsafe extern "C" fn hello<C>(ssl: *mut ffi::SSL, alert: *mut c_int, _argument: *mut c_void) -> c_int
where
    C: for<'a> Callback<Question<'a> = Conn<'a>, Answer = Answer>,
{
    // SAFETY: libssl hands the live connection that it serves, in its own thread.
    let answer = unsafe { Conn::new(ssl) }.and_then(|conn| stopped(|| C::answer(conn))).unwrap_or(C::CLOSED);
    match answer {
        Answer::GoOn => ffi::SSL_CLIENT_HELLO_SUCCESS,
        Answer::Refuse(description) => {
            // SAFETY: libssl hands a place for the alert.
            unsafe { *alert = description.into() };
            ffi::SSL_CLIENT_HELLO_ERROR
        }
    }
}

impl<'a> Conn<'a> {
    /// The contents of an extension of the client's hello, while [`Ctx::on_hello_of_client`] asks.
    #[doc(alias = "SSL_client_hello_get0_ext")]
    pub fn extension_of_hello(self, kind: u16) -> Option<&'a [u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the view promises the connection; both places are written to where the extension is there.
        let found = unsafe { ffi::SSL_client_hello_get0_ext(self.as_ptr(), kind.into(), &mut data, &mut len) } == 1;
        // SAFETY: libssl says that so many bytes of the hello are there, until it has been answered.
        (found && !data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data, len) })
    }

    /// From here on it shows none of the certificates that it has from its context.
    #[doc(alias = "SSL_certs_clear")]
    pub fn forget_certificates(self) {
        // SAFETY: the view promises the connection, whose certificates are its own copy.
        unsafe { sys::SSL_certs_clear(self.as_ptr()) };
    }

    /// Shows `leaf` with the chain `others`, as [`Ctx::show`] does for all connections of a context; without one, with the chain
    /// that its context has for all.
    #[doc(alias = "SSL_use_cert_and_key")]
    pub fn show(self, leaf: &X509Ref, key: &PKeyRef<Private>, others: Option<&StackRef<X509>>) -> bool {
        const OVERRIDE: c_int = 1;
        let others = others.map_or(ptr::null_mut(), StackRef::as_ptr);
        // SAFETY: the view promises the connection, and the references what they stand for; libssl takes owners of its own.
        unsafe { sys::SSL_use_cert_and_key(self.as_ptr(), leaf.as_ptr(), key.as_ptr(), others, OVERRIDE) == 1 }
    }
}
