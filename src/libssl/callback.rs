//! How a type becomes a callback of libssl's: C's pointers become views, and a panic becomes the answer that fails closed.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::libssl::conn::Conn;
use crate::libssl::ctx::Ctx;
use crate::libssl::security::Question;
use crate::libssl::store_ctx::StoreCtx;
use crate::libssl::sys;

/// What answers where libssl or libcrypto asks.
///
/// A callback is told from a program's by its address, so each is named once, in a constant of its own.
pub trait Callback {
    /// What it is asked.
    type Question<'a>: Copy;
    /// What it answers.
    type Answer;
    /// The answer where nothing else can be said: the one that fails closed.
    const CLOSED: Self::Answer;

    /// Answers.
    fn answer(question: Self::Question<'_>) -> Self::Answer;

    /// Answers where [`Callback::answer`] has panicked.
    fn answer_panicked(_question: Self::Question<'_>) -> Self::Answer {
        Self::CLOSED
    }
}

/// Runs `body`; `None` where it panics.
#[inline(always)]
pub fn stopped<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

#[inline(always)]
fn answered<C: Callback>(question: C::Question<'_>) -> C::Answer {
    stopped(|| C::answer(question)).or_else(|| stopped(|| C::answer_panicked(question))).unwrap_or(C::CLOSED)
}

/// A certificate verify callback (`SSL_CTX_set_cert_verify_callback`).
///
/// # Safety
/// For libssl to call, with its own live context of verification.
#[doc(alias = "SSL_CTX_set_cert_verify_callback")]
pub unsafe extern "C" fn cert_verify<C>(context: *mut ffi::X509_STORE_CTX, _argument: *mut c_void) -> c_int
where
    C: for<'a> Callback<Question<'a> = StoreCtx<'a>, Answer = c_int>,
{
    // SAFETY: libssl hands its own live context of verification, in the connection's thread.
    unsafe { StoreCtx::new(context) }.map_or(C::CLOSED, answered::<C>)
}

/// A verify callback (`SSL_CTX_set_verify`), asked with what libcrypto found so far.
#[doc(alias = "SSL_CTX_set_verify")]
#[allow(clippy::not_unsafe_ptr_arg_deref, reason = "openssl-sys declares verify callbacks as safe")]
pub extern "C" fn verify<C>(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int
where
    C: for<'a> Callback<Question<'a> = (c_int, StoreCtx<'a>), Answer = c_int>,
{
    // SAFETY: libcrypto hands its own live context of verification, in the thread that verifies.
    unsafe { StoreCtx::new(context) }.map_or(C::CLOSED, |context| answered::<C>((ok, context)))
}

/// A security callback (`SSL_CTX_set_security_callback`).
///
/// # Safety
/// For libssl to call, with a live connection or a live context.
#[doc(alias = "SSL_CTX_set_security_callback")]
pub unsafe extern "C" fn security<C>(
    ssl: *const ffi::SSL,
    ctx: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    extra: *mut c_void,
) -> c_int
where
    C: for<'a> Callback<Question<'a> = Question<'a>, Answer = bool>,
{
    // SAFETY: libssl asks, and the connection is in its own thread.
    let question = unsafe { Question::new((ssl, ctx), (operation, bits, nid), (other, extra)) };
    answered::<C>(question).into()
}

/// A report of libssl's about a handshake.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// Whose.
    pub conn: Conn<'a>,
    /// `SSL_CB_*`.
    pub place: c_int,
    /// What it says about that place.
    pub value: c_int,
}

impl Report<'_> {
    /// Passes it on to an info callback of the program's.
    pub fn pass_on(self, callback: sys::InfoCallback) {
        // SAFETY: the program set it for such reports, and libssl would have called it so.
        unsafe { callback(self.conn.as_ptr(), self.place, self.value) }
    }
}

/// An info callback (`SSL_CTX_set_info_callback`).
///
/// # Safety
/// For libssl to call, with a live connection.
#[doc(alias = "SSL_CTX_set_info_callback")]
pub unsafe extern "C" fn info<C>(ssl: *const ffi::SSL, place: c_int, value: c_int)
where
    C: for<'a> Callback<Question<'a> = Report<'a>, Answer = ()>,
{
    // SAFETY: libssl hands a live connection, in its own thread.
    if let Some(conn) = unsafe { Conn::new(ssl) } {
        answered::<C>(Report { conn, place, value });
    }
}

/// What a status callback says.
pub enum Status {
    /// 1: the handshake goes on.
    GoOn,
    /// 0: it does not.
    Refuse,
    /// A server has nothing to staple.
    Nothing,
    /// A server has given libssl what it staples.
    Stapled,
    /// What the program's own callback says.
    Ask(sys::StatusCallback),
}

thread_local! {
    /// The connection about which the program's status callback is asked now. One that calls the callback it replaced, which
    /// is ours, must not be called by it again.
    static IN_APP_STATUS: Cell<*mut ffi::SSL> = const { Cell::new(ptr::null_mut()) };
}

/// A status callback (`SSL_CTX_set_tlsext_status_cb`): clients are asked about the stapled answer, servers for one.
///
/// # Safety
/// For libssl to call, with a live connection.
#[doc(alias = "SSL_CTX_set_tlsext_status_cb")]
pub unsafe extern "C" fn status<C>(ssl: *mut ffi::SSL, argument: *mut c_void) -> c_int
where
    C: for<'a> Callback<Question<'a> = Conn<'a>, Answer = Status>,
{
    const SSL_TLSEXT_ERR_OK: c_int = 0;
    const SSL_TLSEXT_ERR_ALERT_FATAL: c_int = 2;
    const SSL_TLSEXT_ERR_NOACK: c_int = 3;
    // SAFETY: libssl hands a live connection, in its own thread.
    let conn = unsafe { Conn::new(ssl) };
    let answer = match conn {
        Some(conn) if IN_APP_STATUS.get() == ssl && conn.is_server() => Status::Nothing,
        Some(_) if IN_APP_STATUS.get() == ssl => Status::GoOn,
        _ => conn.map_or(C::CLOSED, answered::<C>),
    };
    match answer {
        Status::GoOn => 1,
        Status::Refuse if conn.is_some_and(Conn::is_server) => SSL_TLSEXT_ERR_ALERT_FATAL,
        Status::Refuse => 0,
        Status::Stapled => SSL_TLSEXT_ERR_OK,
        Status::Nothing => SSL_TLSEXT_ERR_NOACK,
        Status::Ask(own) => {
            let outer = IN_APP_STATUS.replace(ssl);
            // SAFETY: the program set it for such questions, with this argument.
            let answer = unsafe { own(ssl, argument) };
            IN_APP_STATUS.set(outer);
            answer
        }
    }
}

/// What is said of an extension when a hello is built.
pub enum Extension {
    /// It is not in this hello.
    Absent,
    /// It is, with nothing in it.
    Empty,
    /// The handshake ends.
    Refuse,
}

/// Has `C` asked whenever a connection of `ctx` builds a ClientHello; libssl has no function that takes it away again.
#[doc(alias = "SSL_CTX_add_custom_ext")]
pub fn on_client_hello<C>(ctx: Ctx<'_>, extension: c_uint) -> bool
where
    C: for<'a> Callback<Question<'a> = Conn<'a>, Answer = Extension> + 'static,
{
    let (kinds, add) = (ffi::SSL_EXT_CLIENT_HELLO, Some(client_hello::<C> as _));
    // SAFETY: the view promises the context; the callback stays loaded (the library is linked with -z nodelete).
    let added = unsafe {
        let none = ptr::null_mut();
        ffi::SSL_CTX_add_custom_ext(ctx.as_ptr(), extension, kinds, add, None, none, None, none)
    };
    added == 1
}

extern "C" fn client_hello<C>(
    ssl: *mut ffi::SSL,
    _kind: c_uint,
    _context: c_uint,
    out: *mut *const u8,
    out_len: *mut usize,
    _certificate: *mut ffi::X509,
    _position: usize,
    alert: *mut c_int,
    _argument: *mut c_void,
) -> c_int
where
    C: for<'a> Callback<Question<'a> = Conn<'a>, Answer = Extension>,
{
    const TLS_ALERT_INTERNAL_ERROR: c_int = 80;
    // SAFETY: libssl hands the live connection whose hello it builds, in its own thread.
    let answer = unsafe { Conn::new(ssl) }.map_or(C::CLOSED, answered::<C>);
    if matches!(answer, Extension::Refuse) {
        // SAFETY: libssl hands a place for the alert.
        unsafe { *alert = TLS_ALERT_INTERNAL_ERROR };
        return -1;
    }
    // SAFETY: libssl hands places for the contents and their length.
    unsafe { (*out, *out_len) = (ptr::null(), 0) };
    matches!(answer, Extension::Empty).into()
}

/// Has `C` asked whenever this libssl makes a context: OpenSSL constructs the ex_data of an index inside of every
/// `SSL_CTX_new`, when the context can be used, and before the system's configuration is applied to it. `false` where
/// OpenSSL gives no index.
pub fn on_new_context<C>() -> bool
where
    C: for<'a> Callback<Question<'a> = Ctx<'a>, Answer = ()> + 'static,
{
    let (class, none) = (ffi::CRYPTO_EX_INDEX_SSL_CTX, ptr::null_mut());
    // SAFETY: the constructor stays loaded (the library is linked with -z nodelete), and takes no argument.
    unsafe { ffi::CRYPTO_get_ex_new_index(class, 0, none, Some(construct::<C>), None, None) >= 0 }
}

unsafe extern "C" fn construct<C>(
    ctx: *mut c_void,
    _data: *mut c_void,
    _all: *mut ffi::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) where
    C: for<'a> Callback<Question<'a> = Ctx<'a>, Answer = ()>,
{
    // SAFETY: OpenSSL hands the context that it makes now, which no other thread knows.
    if let Some(ctx) = unsafe { Ctx::new(ctx.cast()) } {
        answered::<C>(ctx);
    }
}
