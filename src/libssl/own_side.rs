//! What a context shows and offers of its own: certificates with their keys, and application protocols (RFC 7301).

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::mem;
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::SslSessionRef;
use openssl::stack::{Stack, StackRef};
use openssl::x509::{X509, X509Name, X509Ref};
use openssl_sys as ffi;

use crate::libssl::callback::{Callback, stopped};
use crate::libssl::{Conn, Ctx, sys};

impl Ctx<'_> {
    /// Shows `leaf` with the chain `others` where the peer can do with a key of its kind. All is taken, or nothing: libssl
    /// compares the key, and asks the security callback about each certificate. Not while connections of the context are
    /// made or used.
    #[doc(alias = "SSL_CTX_use_cert_and_key")]
    pub fn show(self, leaf: &X509Ref, key: &PKeyRef<Private>, others: &StackRef<X509>) -> bool {
        const OVERRIDE: c_int = 1;
        // SAFETY: the view promises the context, and the references what they stand for; libssl takes owners of its own.
        unsafe {
            sys::SSL_CTX_use_cert_and_key(self.as_ptr(), leaf.as_ptr(), key.as_ptr(), others.as_ptr(), OVERRIDE) == 1
        }
    }

    /// Lets a server of TLS 1.3 ask for the certificate after the handshake (RFC 8446 4.6.2).
    #[doc(alias = "SSL_CTX_set_post_handshake_auth")]
    pub fn offer_late_certificate(self) {
        // SAFETY: the view promises the context.
        unsafe { ffi::SSL_CTX_set_post_handshake_auth(self.as_ptr(), 1) };
    }

    /// Names the CAs whose certificates clients are asked for (RFC 8446 4.2.4). A list that the program sets by
    /// SSL_CTX_set_client_CA_list comes before it. Not while connections of the context are made or used.
    #[doc(alias = "SSL_CTX_set0_CA_list")]
    pub fn ask_for_certificates_of(self, names: Stack<X509Name>) {
        let raw = names.as_ptr();
        mem::forget(names);
        // SAFETY: the view promises the context, which becomes the owner of the names.
        unsafe { sys::SSL_CTX_set0_CA_list(self.as_ptr(), raw) };
    }

    /// What new connections that go out offer: names with their length before each.
    #[doc(alias = "SSL_CTX_set_alpn_protos")]
    pub fn offer_protocols(self, list: &[u8]) -> bool {
        let Ok(len) = c_uint::try_from(list.len()) else { return false };
        // SAFETY: the view promises the context; so many bytes are there, and are copied. Here 0 is success.
        unsafe { ffi::SSL_CTX_set_alpn_protos(self.as_ptr(), list.as_ptr(), len) == 0 }
    }

    /// Has `C` choose among what the clients of the context offer.
    #[doc(alias = "SSL_CTX_set_alpn_select_cb")]
    pub fn choose_protocol<C>(self)
    where
        C: for<'a> Callback<Question<'a> = Offer<'a>, Answer = Choice>,
    {
        // SAFETY: the view promises the context; the callback stays loaded (the library is linked with -z nodelete).
        unsafe {
            ffi::SSL_CTX_set_alpn_select_cb__fixed_rust(self.as_ptr(), Some(choose::<C>), ptr::null_mut());
        }
    }
}

impl Conn<'_> {
    /// Whether it shows the certificate that its context gave it.
    #[doc(alias = "SSL_get_certificate")]
    pub fn shows_what_its_context_does(self) -> bool {
        // SAFETY: the view promises the connection, which keeps its context alive; the pointers are only compared.
        unsafe { ffi::SSL_get_certificate(self.as_ptr()) == ffi::SSL_CTX_get0_certificate(self.ctx().as_ptr()) }
    }

    /// As [`Ctx::ask_for_certificates_of`], for this connection alone.
    #[doc(alias = "SSL_set0_CA_list")]
    pub fn ask_for_certificates_of(self, names: Stack<X509Name>) {
        let raw = names.as_ptr();
        mem::forget(names);
        // SAFETY: the view promises the connection, which becomes the owner of the names.
        unsafe { sys::SSL_set0_CA_list(self.as_ptr(), raw) };
    }

    /// Whether its secrets are bound to its handshake (RFC 7627); TLS 1.3 has no others.
    #[doc(alias = "SSL_get_extms_support")]
    pub fn has_extended_master_secret(self) -> bool {
        const SSL_CTRL_GET_EXTMS_SUPPORT: c_int = 122;
        // SAFETY: the view promises the connection; the control takes no argument.
        unsafe { ffi::SSL_ctrl(self.as_ptr(), SSL_CTRL_GET_EXTMS_SUPPORT, 0, ptr::null_mut()) == 1 }
    }

    /// Fills `out` with a secret of both sides (RFC 5705).
    #[doc(alias = "SSL_export_keying_material")]
    pub fn export(self, label: &[u8], context: Option<&[u8]>, out: &mut [u8]) -> bool {
        let (at, len) = context.map_or((ptr::null(), 0), |context| (context.as_ptr(), context.len()));
        // SAFETY: the view promises the connection; so many bytes are there of each, and may be written to.
        let done = unsafe {
            ffi::SSL_export_keying_material(
                self.as_ptr(),
                out.as_mut_ptr(),
                out.len(),
                label.as_ptr().cast(),
                label.len(),
                at,
                len,
                context.is_some().into(),
            )
        };
        done == 1
    }

    /// Offers `session` in the handshake that comes.
    #[doc(alias = "SSL_set_session")]
    pub fn offer_session(self, session: &SslSessionRef) -> bool {
        // SAFETY: the view promises the connection, and the reference the session; libssl takes an owner of its own.
        unsafe { ffi::SSL_set_session(self.as_ptr(), session.as_ptr()) == 1 }
    }

    /// Prepares new keys for both directions (RFC 8446 4.6.3); the next handshake call, or write, sends the message.
    #[doc(alias = "SSL_key_update")]
    pub fn ask_for_new_keys(self) -> bool {
        const SSL_KEY_UPDATE_REQUESTED: c_int = 1;
        // SAFETY: the view promises the connection.
        unsafe { sys::SSL_key_update(self.as_ptr(), SSL_KEY_UPDATE_REQUESTED) == 1 }
    }

    /// Whether that message is still to be sent.
    #[doc(alias = "SSL_get_key_update_type")]
    pub fn asks_for_new_keys(self) -> bool {
        const SSL_KEY_UPDATE_NONE: c_int = -1;
        // SAFETY: the view promises the connection.
        unsafe { sys::SSL_get_key_update_type(self.as_ptr()) != SSL_KEY_UPDATE_NONE }
    }

    /// Prepares a server's question for the client's certificate after the handshake (RFC 8446 4.6.2); the next handshake
    /// call sends it.
    #[doc(alias = "SSL_verify_client_post_handshake")]
    pub fn ask_for_certificate(self) -> bool {
        // SAFETY: the view promises the connection.
        unsafe { sys::SSL_verify_client_post_handshake(self.as_ptr()) == 1 }
    }
}

/// What a client offers.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// The server's connection.
    pub conn: Conn<'a>,
    /// The names, each with its length before it.
    pub list: &'a [u8],
}

/// What a server makes of it.
pub enum Choice {
    /// The name that has so many bytes before it in the offer.
    At(usize),
    /// It speaks by none.
    Ignore,
    /// The handshake ends, with the alert no_application_protocol.
    Refuse,
}

unsafe extern "C" fn choose<C>(
    ssl: *mut ffi::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    list: *const c_uchar,
    len: c_uint,
    _argument: *mut c_void,
) -> c_int
where
    C: for<'a> Callback<Question<'a> = Offer<'a>, Answer = Choice>,
{
    const ALERT_FATAL: c_int = 2;
    const NOACK: c_int = 3;
    if list.is_null() {
        return ALERT_FATAL;
    }
    // SAFETY: libssl hands the client's own list, of so many bytes, for the length of the call.
    let list = unsafe { std::slice::from_raw_parts(list, len as usize) };
    // SAFETY: libssl hands the live connection that it serves, in its own thread.
    let Some(conn) = (unsafe { Conn::new(ssl) }) else { return ALERT_FATAL };
    match stopped(|| C::answer(Offer { conn, list })).unwrap_or(C::CLOSED) {
        Choice::At(at) => {
            let Some((length, rest)) = list.get(at..).and_then(<[u8]>::split_first) else { return ALERT_FATAL };
            if rest.len() < usize::from(*length) {
                return ALERT_FATAL;
            }
            // SAFETY: libssl hands places for the name, which lies in its own list, and for its length.
            unsafe { (*out, *out_len) = (rest.as_ptr(), *length) };
            0
        }
        Choice::Ignore => NOACK,
        Choice::Refuse => ALERT_FATAL,
    }
}
