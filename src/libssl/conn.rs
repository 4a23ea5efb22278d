//! A connection that is being used. Making the view is the promise; what it answers and sets needs none.

use std::ffi::{CStr, c_int, c_long, c_uchar, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::SslRef;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl::x509::store::X509StoreRef;
use openssl_sys as ffi;

use crate::libssl::ctx::Ctx;
use crate::libssl::library::Library;
use crate::libssl::own_certificate::OwnCertificate;
use crate::libssl::param::Param;
use crate::libssl::session::{LONGEST_ID, Session};
use crate::libssl::store;
use crate::libssl::suite::Suite;
use crate::libssl::sys;

/// An `SSL`, for as long as it is known to live.
#[derive(Clone, Copy)]
pub struct Conn<'a> {
    ssl: NonNull<ffi::SSL>,
    life: PhantomData<&'a ()>,
}

/// Calls functions of libssl that ask for nothing but a live connection, in the thread that uses it.
macro_rules! call {
    ($this:expr, $function:expr $(, $argument:expr)*) => {
        // SAFETY: whoever made the view promised such a connection; the other arguments are numbers or functions.
        unsafe { $function($this.as_ptr() $(, $argument)*) }
    };
}

pub(super) use call;

impl<'a> Conn<'a> {
    /// A view of `ssl`; `None` for NULL.
    ///
    /// # Safety
    /// `ssl` is NULL, or an `SSL` of our libssl that lives for `'a` and that no other thread uses meanwhile. Nor does its
    /// context end in that time, unless the connection is given another one by a callback of the program.
    pub unsafe fn new(ssl: *const ffi::SSL) -> Option<Conn<'a>> {
        Some(Conn { ssl: NonNull::new(ssl.cast_mut())?, life: PhantomData })
    }

    /// The same for a connection that is not NULL.
    ///
    /// # Safety
    /// As for [`Conn::new`], and `ssl` is not NULL.
    pub unsafe fn live(ssl: *const ffi::SSL) -> Conn<'a> {
        // SAFETY: the caller promises that it is not NULL.
        Conn { ssl: unsafe { NonNull::new_unchecked(ssl.cast_mut()) }, life: PhantomData }
    }

    /// The pointer, for the program's own callbacks.
    pub fn as_ptr(self) -> *mut ffi::SSL {
        self.ssl.as_ptr()
    }

    /// The context that it has now.
    #[doc(alias = "SSL_get_SSL_CTX")]
    pub fn ctx(self) -> Ctx<'a> {
        let found = call!(self, ffi::SSL_get_SSL_CTX);
        // SAFETY: a connection has a context, and keeps it alive.
        unsafe { Ctx::live(found) }
    }

    /// Whether it accepts.
    #[doc(alias = "SSL_is_server")]
    pub fn is_server(self) -> bool {
        call!(self, ffi::SSL_is_server) == 1
    }

    /// Whether no handshake has begun since it was made or cleared.
    #[doc(alias = "SSL_in_before")]
    pub fn is_in_before(self) -> bool {
        call!(self, sys::SSL_in_before) == 1
    }

    /// Whether no handshake goes on.
    #[doc(alias = "SSL_is_init_finished")]
    pub fn is_init_finished(self) -> bool {
        call!(self, ffi::SSL_is_init_finished) == 1
    }

    /// Whether the handshake resumed a session.
    #[doc(alias = "SSL_session_reused")]
    pub fn is_resumed(self) -> bool {
        call!(self, ffi::SSL_session_reused) == 1
    }

    /// The version that is spoken, as a number.
    #[doc(alias = "SSL_version")]
    pub fn version(self) -> c_int {
        call!(self, ffi::SSL_version)
    }

    /// Its name.
    #[doc(alias = "SSL_get_version")]
    pub fn version_text(self) -> &'static CStr {
        let found = call!(self, ffi::SSL_get_version);
        // SAFETY: libssl answers with a text of its own that never ends.
        unsafe { CStr::from_ptr(found) }
    }

    /// The suite that was agreed upon.
    #[doc(alias = "SSL_get_current_cipher")]
    pub fn suite(self) -> Option<Suite> {
        let found = call!(self, ffi::SSL_get_current_cipher);
        // SAFETY: NULL, or a suite of libssl's own table.
        unsafe { Suite::new(found) }
    }

    /// `SSL_VERIFY_*`.
    #[doc(alias = "SSL_get_verify_mode")]
    pub fn verify_mode(self) -> c_int {
        call!(self, ffi::SSL_get_verify_mode)
    }

    /// Sets that, and leaves the callback.
    #[doc(alias = "SSL_set_verify")]
    pub fn set_verify_mode(self, mode: c_int) {
        call!(self, ffi::SSL_set_verify, mode, None);
    }

    /// The verify callback of this connection.
    #[doc(alias = "SSL_get_verify_callback")]
    pub fn verify_callback(self) -> Option<sys::VerifyCallback> {
        call!(self, sys::SSL_get_verify_callback)
    }

    /// What the verification came to: `X509_V_*`.
    #[doc(alias = "SSL_get_verify_result")]
    pub fn verify_result(self) -> c_long {
        call!(self, ffi::SSL_get_verify_result)
    }

    /// Sets that.
    #[doc(alias = "SSL_set_verify_result")]
    pub fn set_verify_result(self, code: c_int) {
        call!(self, sys::SSL_set_verify_result, code.into());
    }

    /// `SSL_OP_*`.
    #[doc(alias = "SSL_get_options")]
    pub fn options(self) -> u64 {
        call!(self, sys::SSL_get_options)
    }

    /// Sets those bits.
    #[doc(alias = "SSL_set_options")]
    pub fn set_options(self, bits: u64) {
        call!(self, sys::SSL_set_options, bits);
    }

    /// Takes those bits away.
    #[doc(alias = "SSL_clear_options")]
    pub fn clear_options(self, bits: u64) {
        call!(self, sys::SSL_clear_options, bits);
    }

    /// OpenSSL's security level.
    #[doc(alias = "SSL_get_security_level")]
    pub fn security_level(self) -> c_int {
        call!(self, ffi::SSL_get_security_level)
    }

    /// Sets that.
    #[doc(alias = "SSL_set_security_level")]
    pub fn set_security_level(self, level: c_int) {
        call!(self, sys::SSL_set_security_level, level);
    }

    /// The info callback of this connection alone.
    #[doc(alias = "SSL_get_info_callback")]
    pub fn info_callback(self) -> Option<sys::InfoCallback> {
        call!(self, sys::SSL_get_info_callback)
    }

    /// Sets that.
    #[doc(alias = "SSL_set_info_callback")]
    pub fn set_info_callback(self, callback: sys::InfoCallback) {
        call!(self, sys::SSL_set_info_callback, Some(callback));
    }

    /// The security callback.
    #[doc(alias = "SSL_get_security_callback")]
    pub fn security_callback(self) -> Option<sys::SecurityCallback> {
        call!(self, sys::SSL_get_security_callback)
    }

    /// Sets that.
    #[doc(alias = "SSL_set_security_callback")]
    pub fn set_security_callback(self, callback: sys::SecurityCallback) {
        call!(self, sys::SSL_set_security_callback, Some(callback));
    }

    /// A pre-shared key names no host: none is offered, and no early data goes out under one.
    #[doc(alias = "SSL_set_psk_client_callback")]
    #[doc(alias = "SSL_set_psk_use_session_callback")]
    pub fn drop_pre_shared_keys(self) {
        call!(self, sys::SSL_set_psk_client_callback, None);
        call!(self, sys::SSL_set_psk_use_session_callback, None);
    }

    /// What it asks of certificates.
    #[doc(alias = "SSL_get0_param")]
    pub fn param(self) -> Param<'a> {
        let found = call!(self, ffi::SSL_get0_param);
        // SAFETY: a connection owns its parameters, which live as long.
        unsafe { Param::new(found) }
    }

    /// The lowest version that may be spoken; 0 where none is set.
    pub fn min_version(self) -> c_long {
        self.control(ffi::SSL_CTRL_GET_MIN_PROTO_VERSION, 0)
    }

    /// Sets that.
    pub fn set_min_version(self, version: c_long) {
        self.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, version);
    }

    /// The highest version that may be spoken; 0 for the highest that libssl knows.
    pub fn max_version(self) -> c_long {
        self.control(ffi::SSL_CTRL_GET_MAX_PROTO_VERSION, 0)
    }

    /// Sets that.
    pub fn set_max_version(self, version: c_long) {
        self.control(ffi::SSL_CTRL_SET_MAX_PROTO_VERSION, version);
    }

    /// A control of libssl's that takes a number.
    fn control(self, command: c_int, number: c_long) -> c_long {
        call!(self, ffi::SSL_ctrl, command, number, ptr::null_mut())
    }

    /// The session that it has, to be offered or just made.
    #[doc(alias = "SSL_get_session")]
    pub fn session(self) -> Option<Session<'a>> {
        let found = call!(self, ffi::SSL_get_session);
        // SAFETY: NULL, or a session that the connection keeps alive until it gets another.
        unsafe { Session::new(found) }
    }

    /// Gives the session up that would be offered.
    #[doc(alias = "SSL_set_session")]
    pub fn give_up_session(self) {
        call!(self, ffi::SSL_set_session, ptr::null_mut());
    }

    /// Sets the id context that a session must bear to be resumed here; 32 bytes are the most that libssl takes.
    #[doc(alias = "SSL_set_session_id_context")]
    pub fn set_session_id_context<const LEN: usize>(self, id: &[u8; LEN]) -> bool {
        const { assert!(LEN <= LONGEST_ID) };
        // SAFETY: the view promises the connection; so many bytes are there, and are copied.
        unsafe { sys::SSL_set_session_id_context(self.as_ptr(), id.as_ptr(), LEN as u32) == 1 }
    }

    /// How many tickets a server of TLS 1.3 writes after the handshake.
    #[doc(alias = "SSL_set_num_tickets")]
    pub fn set_ticket_count(self, count: usize) {
        call!(self, sys::SSL_set_num_tickets, count);
    }

    /// The certificate that the peer showed, or that its session holds.
    #[doc(alias = "SSL_get1_peer_certificate")]
    pub fn peer_certificate(self) -> Option<X509> {
        let certificate = call!(self, ffi::SSL_get1_peer_certificate);
        // SAFETY: not NULL, and the reference was made for us.
        (!certificate.is_null()).then(|| unsafe { X509::from_ptr(certificate) })
    }

    /// The certificates that the peer sent.
    #[doc(alias = "SSL_get_peer_cert_chain")]
    pub fn peer_chain(self) -> Option<&'a StackRef<X509>> {
        let found = call!(self, ffi::SSL_get_peer_cert_chain);
        // SAFETY: NULL, or a stack that the connection keeps until another handshake.
        unsafe { store::stack_at(found) }
    }

    /// The chain that was verified, from the leaf to its anchor.
    #[doc(alias = "SSL_get0_verified_chain")]
    pub fn verified_chain(self) -> Option<&'a StackRef<X509>> {
        let found = call!(self, ffi::SSL_get0_verified_chain);
        // SAFETY: NULL, or a stack that the connection keeps until another handshake.
        unsafe { store::stack_at(found) }
    }

    /// The store that the program gave to this connection alone.
    pub fn own_store(self) -> Option<&'a X509StoreRef> {
        let mut store: *mut ffi::X509_STORE = ptr::null_mut();
        // SAFETY: the view promises the connection; the control writes one pointer, and adds no owner.
        unsafe { ffi::SSL_ctrl(self.as_ptr(), sys::SSL_CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut store).cast()) };
        // SAFETY: NULL, or a store that the connection keeps alive.
        unsafe { store::at(store) }
    }

    /// The store that libssl verifies the peer with. A context's verify store counts where the connection got it when it
    /// was made.
    pub fn effective_store(self) -> Option<&'a X509StoreRef> {
        self.own_store().or_else(|| self.ctx().cert_store())
    }

    /// Whether the peer has shown a raw public key (RFC 7250), which OpenSSL knows since 3.2.
    pub fn has_raw_key(self) -> bool {
        type Getter = unsafe extern "C" fn(*const ffi::SSL) -> *mut ffi::EVP_PKEY;
        static GETTER: OnceLock<Option<Getter>> = OnceLock::new();
        let getter = *GETTER.get_or_init(|| {
            let symbol = Library::ours()?.symbol(c"SSL_get0_peer_rpk");
            // SAFETY: every libssl that has this function has it in this form.
            (!symbol.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Getter>(symbol) })
        });
        getter.is_some_and(|getter| !call!(self, getter).is_null())
    }

    /// The server name that it asks for, or was asked for.
    #[doc(alias = "SSL_get_servername")]
    pub fn server_name(self) -> Option<&'a [u8]> {
        let name = call!(self, ffi::SSL_get_servername, ffi::TLSEXT_NAMETYPE_host_name);
        // SAFETY: NULL, or a text that lives until the name is set anew.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes())
    }

    /// Sets the server name that is asked for, `None` for none (RFC 6066 section 3).
    pub fn set_server_name(self, name: Option<&CStr>) -> bool {
        let name = name.map_or(ptr::null(), CStr::as_ptr);
        let (command, kind) = (ffi::SSL_CTRL_SET_TLSEXT_HOSTNAME, ffi::TLSEXT_NAMETYPE_host_name.into());
        // SAFETY: the view promises the connection; libssl copies the name, and takes NULL.
        unsafe { ffi::SSL_ctrl(self.as_ptr(), command, kind, name.cast_mut().cast()) == 1 }
    }

    /// Asks the server for an OCSP answer.
    #[doc(alias = "SSL_set_tlsext_status_type")]
    pub fn ask_for_ocsp(self) {
        call!(self, ffi::SSL_set_tlsext_status_type, ffi::TLSEXT_STATUSTYPE_ocsp);
    }

    /// The OCSP answer that the server stapled to its certificate.
    #[doc(alias = "SSL_get_tlsext_status_ocsp_resp")]
    pub fn ocsp_answer(self) -> Option<&'a [u8]> {
        let mut data = ptr::null_mut();
        // SAFETY: the view promises the connection; the control gives a pointer into it.
        let len = unsafe { ffi::SSL_get_tlsext_status_ocsp_resp(self.as_ptr(), &mut data) };
        let len = usize::try_from(len).ok().filter(|len| *len > 0 && !data.is_null())?;
        // SAFETY: libssl says that so many bytes are there, until another handshake.
        Some(unsafe { std::slice::from_raw_parts(data, len) })
    }

    /// Staples `answer` to the certificate that a server shows on this connection; `false` where libssl does not take it.
    #[doc(alias = "SSL_set_tlsext_status_ocsp_resp")]
    pub fn staple(self, answer: &[u8]) -> bool {
        let Ok(len) = c_int::try_from(answer.len()) else { return false };
        // SAFETY: takes a number; the place and line are for debugging.
        let copy = unsafe { ffi::CRYPTO_malloc(answer.len(), c"hostlock".as_ptr(), 0) };
        if copy.is_null() {
            return false;
        }
        // SAFETY: the copy is new, and has room for all of it.
        unsafe { ptr::copy_nonoverlapping(answer.as_ptr(), copy.cast(), answer.len()) };
        // SAFETY: the view promises the connection, which becomes the owner of the copy where it takes it.
        let taken = unsafe { ffi::SSL_set_tlsext_status_ocsp_resp(self.as_ptr(), copy.cast(), len.into()) } == 1;
        if !taken {
            // SAFETY: it is still ours.
            unsafe { ffi::CRYPTO_free(copy, c"hostlock".as_ptr(), 0) };
        }
        taken
    }

    /// The certificate that it shows; inside of a server's handshake, the one that was chosen for the client.
    #[doc(alias = "SSL_get_certificate")]
    pub fn own_leaf(self) -> Option<&'a X509Ref> {
        let found = call!(self, ffi::SSL_get_certificate);
        // SAFETY: NULL, or a certificate that the connection keeps for the length of its handshake.
        (!found.is_null()).then(|| unsafe { X509Ref::from_ptr(found) })
    }

    /// The Finished message that it sent last; empty where it sent none. Each handshake's is another.
    #[doc(alias = "SSL_get_finished")]
    pub fn finished(self) -> Vec<u8> {
        let mut bytes = vec![0; 2 * ffi::EVP_MAX_MD_SIZE as usize];
        // SAFETY: the view promises the connection; libssl writes at most as many bytes as it is told.
        let length = unsafe { ffi::SSL_get_finished(self.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) };
        bytes.truncate(length);
        bytes
    }

    /// The random value of its own hello (RFC 8446 4.1.2): another one in each handshake, and the peer has no say in it.
    #[doc(alias("SSL_get_client_random", "SSL_get_server_random"))]
    pub fn own_random(self) -> [u8; 32] {
        let get = if self.is_server() { ffi::SSL_get_server_random } else { ffi::SSL_get_client_random };
        let mut random = [0; 32];
        // SAFETY: the view promises the connection; libssl writes at most as many bytes as it is told.
        unsafe { get(self.as_ptr(), random.as_mut_ptr(), random.len()) };
        random
    }

    /// From here on `SSL_read` and `SSL_write` refuse.
    #[doc(alias = "SSL_set_shutdown")]
    pub fn close(self) {
        call!(self, ffi::SSL_set_shutdown, ffi::SSL_SENT_SHUTDOWN | ffi::SSL_RECEIVED_SHUTDOWN);
    }

    /// Whether it ends without a close_notify.
    #[doc(alias = "SSL_get_quiet_shutdown")]
    pub fn is_quiet_at_shutdown(self) -> bool {
        call!(self, sys::SSL_get_quiet_shutdown) != 0
    }

    /// The certificate, the key and the further certificates of its chain that it shows.
    #[doc(alias = "SSL_get_certificate")]
    #[doc(alias = "SSL_get_privatekey")]
    pub fn own_certificate(self) -> Option<OwnCertificate<'a>> {
        let mut others: *mut ffi::stack_st_X509 = ptr::null_mut();
        let out = (&raw mut others).cast::<c_void>();
        // SAFETY: the view promises the connection; the control writes one pointer, and adds no owner.
        unsafe { ffi::SSL_ctrl(self.as_ptr(), sys::SSL_CTRL_GET_CHAIN_CERTS, 0, out) };
        let (certificate, key) = (call!(self, ffi::SSL_get_certificate), call!(self, ffi::SSL_get_privatekey));
        // SAFETY: all three belong to the connection, if they are there.
        unsafe { OwnCertificate::new(certificate, key, others) }
    }

    /// Whether its server has asked for a certificate of this client. What the question must hold tells: the signature
    /// algorithms, and before TLS 1.2 the kinds of keys.
    #[doc(alias = "SSL_get_sigalgs")]
    #[doc(alias = "SSL_get0_certificate_types")]
    pub fn was_asked_for_certificate(self) -> bool {
        let none: *mut c_int = ptr::null_mut();
        let raw: *mut c_uchar = ptr::null_mut();
        !self.is_server()
            && (call!(self, sys::SSL_get_sigalgs, -1, none, none, none, raw, raw) > 0
                || self.control(sys::SSL_CTRL_GET_CLIENT_CERT_TYPES, 0) > 0)
    }

    /// The suites that it may speak.
    #[doc(alias = "SSL_get_ciphers")]
    pub fn suites(self) -> Vec<Suite> {
        let found = call!(self, sys::SSL_get_ciphers);
        // SAFETY: NULL, or a stack of suites that the connection keeps.
        unsafe { Suite::all(found) }
    }
}

impl<'a> From<&'a SslRef> for Conn<'a> {
    fn from(ssl: &'a SslRef) -> Conn<'a> {
        // SAFETY: the reference says that it lives, and is not NULL.
        unsafe { Conn::live(ssl.as_ptr()) }
    }
}
