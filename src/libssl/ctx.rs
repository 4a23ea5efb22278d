//! A context. Making the view is the promise; what it answers and sets needs none.

use std::ffi::{CStr, c_int, c_long};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::{Ssl, SslContextRef};
use openssl::x509::store::X509StoreRef;
use openssl_sys as ffi;

use crate::libssl::layout::{self, Found};
use crate::libssl::method::{self, Method, Side};
use crate::libssl::own_certificate::OwnCertificate;
use crate::libssl::param::Param;
use crate::libssl::suite::Suite;
use crate::libssl::{store, sys};

/// An `SSL_CTX`, for as long as it is known to live.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    ctx: NonNull<ffi::SSL_CTX>,
    life: PhantomData<&'a ()>,
}

/// Calls functions of libssl that ask for nothing but a live context.
macro_rules! call {
    ($this:expr, $function:path $(, $argument:expr)*) => {
        // SAFETY: whoever made the view promised such a context; the other arguments are numbers or functions.
        unsafe { $function($this.as_ptr() $(, $argument)*) }
    };
}

impl<'a> Ctx<'a> {
    /// A view of `ctx`; `None` for NULL.
    ///
    /// # Safety
    /// `ctx` is NULL, or an `SSL_CTX` of our libssl that lives for `'a`. Other threads may use it meanwhile as OpenSSL
    /// permits: while it is being set up, one thread does so and no other uses it.
    pub unsafe fn new(ctx: *const ffi::SSL_CTX) -> Option<Ctx<'a>> {
        Some(Ctx { ctx: NonNull::new(ctx.cast_mut())?, life: PhantomData })
    }

    /// The same for a context that is not NULL.
    ///
    /// # Safety
    /// As for [`Ctx::new`], and `ctx` is not NULL.
    pub unsafe fn live(ctx: *mut ffi::SSL_CTX) -> Ctx<'a> {
        // SAFETY: the caller promises that it is not NULL.
        Ctx { ctx: unsafe { NonNull::new_unchecked(ctx) }, life: PhantomData }
    }

    /// The pointer, for the program's own callbacks.
    pub fn as_ptr(self) -> *mut ffi::SSL_CTX {
        self.ctx.as_ptr()
    }

    /// What its connections ask of certificates.
    #[doc(alias = "SSL_CTX_get0_param")]
    pub fn param(self) -> Param<'a> {
        let found = call!(self, ffi::SSL_CTX_get0_param);
        // SAFETY: a context owns its parameters, which live as long.
        unsafe { Param::new(found) }
    }

    /// Its certificate store.
    #[doc(alias = "SSL_CTX_get_cert_store")]
    pub fn cert_store(self) -> Option<&'a X509StoreRef> {
        let found = call!(self, ffi::SSL_CTX_get_cert_store);
        // SAFETY: NULL, or a store that the context keeps alive.
        unsafe { store::at(found) }
    }

    /// The store that stands before its certificate store where peers are verified.
    pub fn verify_store(self) -> Option<&'a X509StoreRef> {
        let mut store: *mut ffi::X509_STORE = ptr::null_mut();
        // SAFETY: the view promises the context; the control writes one pointer, and adds no owner.
        unsafe { ffi::SSL_CTX_ctrl(self.as_ptr(), sys::SSL_CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut store).cast()) };
        // SAFETY: NULL, or a store that the context keeps alive.
        unsafe { store::at(store) }
    }

    /// The store that libssl verifies peers with.
    pub fn effective_store(self) -> Option<&'a X509StoreRef> {
        self.verify_store().or_else(|| self.cert_store())
    }

    /// Whether a callback of the program's chooses the certificate that a client shows.
    #[doc(alias = "SSL_CTX_get_client_cert_cb")]
    pub fn has_client_certificate_callback(self) -> bool {
        call!(self, sys::SSL_CTX_get_client_cert_cb).is_some()
    }

    /// `SSL_VERIFY_*`.
    #[doc(alias = "SSL_CTX_get_verify_mode")]
    pub fn verify_mode(self) -> c_int {
        call!(self, ffi::SSL_CTX_get_verify_mode)
    }

    /// The verify callback.
    #[doc(alias = "SSL_CTX_get_verify_callback")]
    pub fn verify_callback(self) -> Option<sys::VerifyCallback> {
        call!(self, sys::SSL_CTX_get_verify_callback)
    }

    /// Sets both.
    #[doc(alias = "SSL_CTX_set_verify")]
    pub fn set_verify(self, mode: c_int, callback: sys::VerifyCallback) {
        call!(self, sys::SSL_CTX_set_verify, mode, Some(callback));
    }

    /// What stands in place of libssl's own verification; `ours` is told from the program's.
    pub fn cert_verify_callback(self, ours: sys::CertVerifyCallback) -> Found {
        // SAFETY: the view promises the context.
        unsafe { layout::cert_verify_callback(self.as_ptr(), ours) }
    }

    /// Sets that, without an argument.
    #[doc(alias = "SSL_CTX_set_cert_verify_callback")]
    pub fn set_cert_verify_callback(self, callback: sys::CertVerifyCallback) {
        call!(self, sys::SSL_CTX_set_cert_verify_callback, Some(callback), ptr::null_mut());
    }

    /// The security callback.
    #[doc(alias = "SSL_CTX_get_security_callback")]
    pub fn security_callback(self) -> Option<sys::SecurityCallback> {
        call!(self, sys::SSL_CTX_get_security_callback)
    }

    /// Sets that.
    #[doc(alias = "SSL_CTX_set_security_callback")]
    pub fn set_security_callback(self, callback: sys::SecurityCallback) {
        call!(self, sys::SSL_CTX_set_security_callback, Some(callback));
    }

    /// The info callback.
    #[doc(alias = "SSL_CTX_get_info_callback")]
    pub fn info_callback(self) -> Option<sys::InfoCallback> {
        call!(self, sys::SSL_CTX_get_info_callback)
    }

    /// Sets that.
    #[doc(alias = "SSL_CTX_set_info_callback")]
    pub fn set_info_callback(self, callback: sys::InfoCallback) {
        call!(self, sys::SSL_CTX_set_info_callback, Some(callback));
    }

    /// The callback for stapled OCSP answers.
    pub fn status_callback(self) -> Option<sys::StatusCallback> {
        let mut current: Option<sys::StatusCallback> = None;
        // SAFETY: the view promises the context; the control writes one function pointer.
        unsafe {
            ffi::SSL_CTX_ctrl(self.as_ptr(), sys::SSL_CTRL_GET_TLSEXT_STATUS_REQ_CB, 0, (&raw mut current).cast())
        };
        current
    }

    /// Sets that.
    pub fn set_status_callback(self, callback: sys::StatusCallback) {
        // SAFETY: libssl calls what is stored under this command with the callback's own type.
        let callback = unsafe { std::mem::transmute::<sys::StatusCallback, unsafe extern "C" fn()>(callback) };
        call!(self, ffi::SSL_CTX_callback_ctrl__fixed_rust, ffi::SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, Some(callback));
    }

    /// Whether new connections ask for an OCSP answer.
    pub fn set_asks_for_ocsp(self, asks: bool) {
        const NOTHING: c_long = -1;
        let kind = if asks { ffi::TLSEXT_STATUSTYPE_ocsp.into() } else { NOTHING };
        self.control(ffi::SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, kind);
    }

    /// The function that is told the keys of connections.
    #[doc(alias = "SSL_CTX_get_keylog_callback")]
    pub fn keylog_callback(self) -> Option<sys::KeylogCallback> {
        call!(self, sys::SSL_CTX_get_keylog_callback)
    }

    /// Whether connections end without a close_notify.
    #[doc(alias = "SSL_CTX_get_quiet_shutdown")]
    pub fn is_quiet_at_shutdown(self) -> bool {
        call!(self, sys::SSL_CTX_get_quiet_shutdown) != 0
    }

    /// The certificate, the key and the further certificates of its chain that its connections show.
    #[doc(alias = "SSL_CTX_get0_certificate")]
    #[doc(alias = "SSL_CTX_get0_privatekey")]
    pub fn own_certificate(self) -> Option<OwnCertificate<'a>> {
        let mut others: *mut ffi::stack_st_X509 = ptr::null_mut();
        let out = (&raw mut others).cast();
        // SAFETY: the view promises the context; the control writes one pointer, and adds no owner.
        unsafe { ffi::SSL_CTX_ctrl(self.as_ptr(), sys::SSL_CTRL_GET_CHAIN_CERTS, 0, out) };
        let (certificate, key) =
            (call!(self, ffi::SSL_CTX_get0_certificate), call!(self, ffi::SSL_CTX_get0_privatekey));
        // SAFETY: all three belong to the context, if they are there.
        unsafe { OwnCertificate::new(certificate, key, others) }
    }

    /// `SSL_OP_*`.
    #[doc(alias = "SSL_CTX_get_options")]
    pub fn options(self) -> u64 {
        call!(self, ffi::SSL_CTX_get_options)
    }

    /// Sets those bits.
    #[doc(alias = "SSL_CTX_set_options")]
    pub fn set_options(self, bits: u64) {
        call!(self, ffi::SSL_CTX_set_options, bits);
    }

    /// Takes those bits away.
    #[doc(alias = "SSL_CTX_clear_options")]
    pub fn clear_options(self, bits: u64) {
        call!(self, ffi::SSL_CTX_clear_options, bits);
    }

    /// OpenSSL's security level.
    #[doc(alias = "SSL_CTX_get_security_level")]
    pub fn security_level(self) -> c_int {
        call!(self, ffi::SSL_CTX_get_security_level)
    }

    /// Sets that.
    #[doc(alias = "SSL_CTX_set_security_level")]
    pub fn set_security_level(self, level: c_int) {
        call!(self, ffi::SSL_CTX_set_security_level, level);
    }

    /// The suites that its connections may speak.
    #[doc(alias = "SSL_CTX_get_ciphers")]
    pub fn suites(self) -> Vec<Suite> {
        let found = call!(self, sys::SSL_CTX_get_ciphers);
        // SAFETY: NULL, or a stack of suites that the context keeps.
        unsafe { Suite::all(found) }
    }

    /// Chooses suites of TLS 1.2 and below, as `openssl ciphers` reads them.
    #[doc(alias = "SSL_CTX_set_cipher_list")]
    pub fn set_old_suites(self, list: &CStr) -> bool {
        // SAFETY: the view promises the context; libssl reads the text during the call.
        unsafe { ffi::SSL_CTX_set_cipher_list(self.as_ptr(), list.as_ptr()) == 1 }
    }

    /// Chooses suites of TLS 1.3.
    #[doc(alias = "SSL_CTX_set_ciphersuites")]
    pub fn set_suites_13(self, list: &CStr) -> bool {
        // SAFETY: the view promises the context; libssl reads the text during the call.
        unsafe { ffi::SSL_CTX_set_ciphersuites(self.as_ptr(), list.as_ptr()) == 1 }
    }

    /// Sets what one of libssl's controls takes as a list in text.
    pub fn set_list(self, command: c_int, list: &CStr) -> bool {
        // SAFETY: the view promises the context; libssl reads the text during the call.
        unsafe { ffi::SSL_CTX_ctrl(self.as_ptr(), command, 0, list.as_ptr().cast_mut().cast()) == 1 }
    }

    /// A control of libssl's that takes a number and nothing else.
    pub fn control(self, command: c_int, number: c_long) -> c_long {
        call!(self, ffi::SSL_CTX_ctrl, command, number, ptr::null_mut())
    }

    /// Gives it the method that speaks all versions on this side. It forgets the suites.
    #[doc(alias = "SSL_CTX_set_ssl_version")]
    pub fn set_method_of_all_versions(self, side: Side) -> bool {
        let method = method::of_all_versions(side);
        // SAFETY: the view promises the context; the method is static.
        unsafe { sys::SSL_CTX_set_ssl_version(self.as_ptr(), method) == 1 }
    }

    /// The method that it was made with, and the side that it is for.
    #[doc(alias = "SSL_CTX_get_ssl_method")]
    pub fn method(self) -> (Method, Side) {
        method::known(call!(self, sys::SSL_CTX_get_ssl_method))
    }

    /// A new connection; `None` where OpenSSL makes none.
    #[doc(alias = "SSL_new")]
    pub fn new_connection(self) -> Option<Ssl> {
        let ssl = call!(self, ffi::SSL_new);
        // SAFETY: it is not NULL, and ours.
        (!ssl.is_null()).then(|| unsafe { Ssl::from_ptr(ssl) })
    }

    /// Sets the id context that a session must bear to be resumed by its connections; libssl takes 32 bytes at most.
    #[doc(alias = "SSL_CTX_set_session_id_context")]
    pub fn set_session_id_context(self, id: &[u8]) -> bool {
        let Ok(len) = u32::try_from(id.len()) else { return false };
        // SAFETY: the view promises the context; so many bytes are there, and are copied.
        unsafe { ffi::SSL_CTX_set_session_id_context(self.as_ptr(), id.as_ptr(), len) == 1 }
    }
}

impl<'a> From<&'a SslContextRef> for Ctx<'a> {
    fn from(ctx: &'a SslContextRef) -> Ctx<'a> {
        // SAFETY: the reference says that it lives, and is not NULL.
        unsafe { Ctx::live(ctx.as_ptr()) }
    }
}
