//! A server's session tickets (RFC 5077, RFC 8446 4.6.1): by which keys they are sealed and opened, and whether one that was
//! opened counts. libssl does the sealing; what is asked is the key.

use std::ffi::{c_int, c_long, c_uchar, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignTypeRef;
use openssl::cipher_ctx::CipherCtxRef;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::libssl::callback::{Callback, stopped};
use crate::libssl::session::Session;
use crate::libssl::ticket_ciphers::{IV, TicketCiphers};
use crate::libssl::{Conn, Ctx, sys};

/// How many bytes the name of a key has.
pub const NAME: usize = 16;
const MAC_KEY: usize = 32;
const CIPHER_KEY: usize = 32;
/// How many bytes a key has: its name, and those of HMAC-SHA256 and AES-256, in libssl's order.
pub const WHOLE: usize = NAME + MAC_KEY + CIPHER_KEY;

/// A key, which leaves no trace in memory when it is done with.
pub struct TicketKey {
    bytes: [u8; WHOLE],
    /// What it seals and opens with, made when it is first used.
    ciphers: OnceLock<TicketCiphers>,
}

impl TicketKey {
    /// The key in so many bytes.
    pub fn new(bytes: [u8; WHOLE]) -> TicketKey {
        TicketKey { bytes, ciphers: OnceLock::new() }
    }

    /// Its name, which tickets show.
    pub fn name(&self) -> &[u8] {
        self.bytes.get(..NAME).unwrap_or_default()
    }

    /// `None` where there is no memory for them now.
    fn ciphers(&self) -> Option<&TicketCiphers> {
        if let Some(ciphers) = self.ciphers.get() {
            return Some(ciphers);
        }
        let (mac_key, cipher_key) = self.bytes.get(NAME..)?.split_at_checked(MAC_KEY)?;
        let made = TicketCiphers::new(mac_key, cipher_key)?;
        Some(self.ciphers.get_or_init(|| made))
    }

    /// Whether both are the same. Only keys of this server are compared, so nobody learns from how long it takes.
    pub fn is(&self, bytes: &[u8; WHOLE]) -> bool {
        self.bytes == *bytes
    }
}

impl Drop for TicketKey {
    fn drop(&mut self) {
        // SAFETY: so many bytes are its own.
        unsafe { sys::OPENSSL_cleanse(self.bytes.as_mut_ptr().cast::<c_void>(), self.bytes.len()) };
    }
}

/// What is asked about keys.
#[derive(Clone, Copy)]
pub struct KeyQuestion<'a> {
    /// The server's connection.
    pub conn: Conn<'a>,
    /// The name of the key that a ticket was sealed with; `None` where one is to be sealed.
    pub name: Option<&'a [u8]>,
}

/// What is answered.
pub enum KeyAnswer {
    /// This key.
    Use(Arc<TicketKey>),
    /// This key; and the client gets a new ticket.
    Renew(Arc<TicketKey>),
    /// There is none of this name: the ticket counts for nothing.
    Unknown,
    /// The handshake ends.
    Fail,
}

impl Ctx<'_> {
    /// Has `C` asked for the keys of tickets. Not while connections of the context are made or used.
    ///
    /// libssl's newer callback is given an EVP_MAC_CTX, which can only be given its key anew for each ticket.
    #[doc(alias = "SSL_CTX_set_tlsext_ticket_key_cb")]
    pub fn on_ticket_key<C>(self) -> bool
    where
        C: for<'a> Callback<Question<'a> = KeyQuestion<'a>, Answer = KeyAnswer>,
    {
        const SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB: c_int = 72;
        let callback: sys::TicketKeyCallback = ticket_key::<C>;
        // SAFETY: libssl casts the function back to this type, which is the control's, before it calls it.
        let callback = unsafe { std::mem::transmute::<sys::TicketKeyCallback, unsafe extern "C" fn()>(callback) };
        // SAFETY: the view promises the context; the callback stays loaded (the library is linked with -z nodelete).
        unsafe { ffi::SSL_CTX_callback_ctrl__fixed_rust(self.as_ptr(), SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB, Some(callback)) == 1 }
    }

    /// Has `C` asked whether a ticket that was opened counts. Not while connections of the context are made or used.
    #[doc(alias = "SSL_CTX_set_session_ticket_cb")]
    pub fn on_ticket<C>(self) -> bool
    where
        C: for<'a> Callback<Question<'a> = (Conn<'a>, Session<'a>), Answer = bool>,
    {
        let (opened, none) = (Some(ticket_opened::<C> as _), ptr::null_mut());
        // SAFETY: the view promises the context; the callback stays loaded. NULL is allowed for the function that adds to a ticket.
        unsafe { sys::SSL_CTX_set_session_ticket_cb(self.as_ptr(), None, opened, none) == 1 }
    }

    /// The key that libssl has made, or the program has set.
    #[doc(alias = "SSL_CTX_get_tlsext_ticket_keys")]
    pub fn ticket_key(self) -> Option<[u8; WHOLE]> {
        const SSL_CTRL_GET_TLSEXT_TICKET_KEYS: c_int = 58;
        let mut key = [0; WHOLE];
        let place = key.as_mut_ptr().cast();
        // SAFETY: the view promises the context; so many bytes may be written to.
        let done = unsafe { ffi::SSL_CTX_ctrl(self.as_ptr(), SSL_CTRL_GET_TLSEXT_TICKET_KEYS, WHOLE as c_long, place) };
        (done == 1).then_some(key)
    }

    /// How many seconds a session of a new connection may be resumed for.
    #[doc(alias = "SSL_CTX_set_timeout")]
    pub fn set_session_timeout(self, seconds: c_long) {
        // SAFETY: the view promises the context.
        unsafe { sys::SSL_CTX_set_timeout(self.as_ptr(), seconds) };
    }

    /// Makes sessions again.
    pub fn make_sessions(self) {
        self.set_sessions(2, ffi::SSL_SESS_CACHE_SERVER);
        self.clear_options(ffi::SSL_OP_NO_TICKET);
    }

    /// Makes no sessions.
    #[doc(alias = "SSL_CTX_set_num_tickets")]
    #[doc(alias = "SSL_CTX_set_session_cache_mode")]
    pub fn make_no_sessions(self) {
        self.set_sessions(0, ffi::SSL_SESS_CACHE_OFF);
        self.set_options(ffi::SSL_OP_NO_TICKET);
    }

    fn set_sessions(self, tickets: usize, cache: c_long) {
        const SSL_CTRL_SET_SESS_CACHE_MODE: c_int = 44;
        // SAFETY: the view promises the context; the control takes a number.
        unsafe {
            sys::SSL_CTX_set_num_tickets(self.as_ptr(), tickets);
            ffi::SSL_CTX_ctrl(self.as_ptr(), SSL_CTRL_SET_SESS_CACHE_MODE, cache, ptr::null_mut());
        }
    }
}

/// # Safety
/// For libssl to call, with a live connection, places of the sizes that it documents, and contexts of its own.
unsafe extern "C" fn ticket_key<C>(
    ssl: *mut ffi::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut ffi::EVP_CIPHER_CTX,
    mac: *mut ffi::HMAC_CTX,
    seals: c_int,
) -> c_int
where
    C: for<'a> Callback<Question<'a> = KeyQuestion<'a>, Answer = KeyAnswer>,
{
    const FAILED: c_int = -1;
    const UNKNOWN: c_int = 0;
    const SEALED: c_int = 1;
    const OPENED: c_int = 1;
    const OPENED_AND_TO_BE_RENEWED: c_int = 2;
    // SAFETY: libssl hands the live connection that it serves, in its own thread.
    let Some(conn) = (unsafe { Conn::new(ssl) }) else { return FAILED };
    // SAFETY: libssl hands the name that stands in the ticket.
    let of_ticket = (seals == 0).then(|| unsafe { std::slice::from_raw_parts(name, NAME) });
    let (key, opened) = match stopped(|| C::answer(KeyQuestion { conn, name: of_ticket })).unwrap_or(C::CLOSED) {
        KeyAnswer::Use(key) => (key, OPENED),
        KeyAnswer::Renew(key) => (key, OPENED_AND_TO_BE_RENEWED),
        KeyAnswer::Unknown => return UNKNOWN,
        KeyAnswer::Fail => return FAILED,
    };
    let Some(ciphers) = key.ciphers() else { return FAILED };
    // SAFETY: both contexts are libssl's own, made for this ticket.
    let (cipher, is_keyed) = unsafe { (CipherCtxRef::from_ptr_mut(cipher), ciphers.give_mac(mac)) };
    if !is_keyed {
        return FAILED;
    }
    let iv = iv.cast::<[u8; IV]>();
    if seals == 0 {
        // SAFETY: in the ticket there are so many bytes.
        let iv = unsafe { &*iv };
        return if ciphers.opens(cipher, iv) { opened } else { FAILED };
    }
    // SAFETY: libssl has room for the iv of any algorithm, and for the name.
    let iv = unsafe {
        ptr::copy_nonoverlapping(key.name().as_ptr(), name, NAME);
        &mut *iv
    };
    if openssl::rand::rand_bytes(iv).is_ok() && ciphers.seals(cipher, iv) { SEALED } else { FAILED }
}

/// # Safety
/// For libssl to call, with a live connection, and with a session where the status says that there is one.
unsafe extern "C" fn ticket_opened<C>(
    ssl: *mut ffi::SSL,
    session: *mut ffi::SSL_SESSION,
    _name: *const c_uchar,
    _name_len: usize,
    status: c_int,
    _argument: *mut c_void,
) -> c_int
where
    C: for<'a> Callback<Question<'a> = (Conn<'a>, Session<'a>), Answer = bool>,
{
    const SSL_TICKET_SUCCESS: c_int = 5;
    const SSL_TICKET_SUCCESS_RENEW: c_int = 6;
    const IGNORE_RENEW: c_int = 2;
    const USE: c_int = 3;
    const USE_RENEW: c_int = 4;
    let good = match status {
        SSL_TICKET_SUCCESS => USE,
        SSL_TICKET_SUCCESS_RENEW => USE_RENEW,
        _ => return IGNORE_RENEW,
    };
    // SAFETY: libssl hands the live connection that it serves, in its own thread, and the session that it has made.
    let question = unsafe { Conn::new(ssl).zip(Session::new(session)) };
    let counts = question.and_then(|question| stopped(|| C::answer(question))).unwrap_or(C::CLOSED);
    if counts { good } else { IGNORE_RENEW }
}

impl Session<'_> {
    /// The peer's certificate in it.
    #[doc(alias = "SSL_SESSION_get0_peer")]
    pub fn peer_certificate(&self) -> Option<&X509Ref> {
        // SAFETY: the view promises the session, which owns the certificate.
        unsafe {
            let certificate = sys::SSL_SESSION_get0_peer(self.as_ptr());
            (!certificate.is_null()).then(|| X509Ref::from_ptr(certificate))
        }
    }

    /// Puts `data` into the tickets that will be made of it.
    #[doc(alias = "SSL_SESSION_set1_ticket_appdata")]
    pub fn set_ticket_data(self, data: &[u8]) -> bool {
        // SAFETY: the view promises the session; so many bytes are there, and are copied.
        unsafe { sys::SSL_SESSION_set1_ticket_appdata(self.as_ptr(), data.as_ptr().cast(), data.len()) == 1 }
    }

    /// What was put there.
    #[doc(alias = "SSL_SESSION_get0_ticket_appdata")]
    pub fn ticket_data(self) -> Vec<u8> {
        let (mut data, mut len) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: the view promises the session; both places are written to.
        let done = unsafe { sys::SSL_SESSION_get0_ticket_appdata(self.as_ptr(), &mut data, &mut len) };
        if done != 1 || data.is_null() {
            return Vec::new();
        }
        // SAFETY: OpenSSL says that so many bytes are there; they are copied before it can change them.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec()
    }
}
