//! Whether a server demands a certificate of its client, and how that comes about.
//!
//! The program says it by the verify mode, as ever; or by naming whom it trusts, or who the client must be, with
//! functions of hostlock. Until then a context of `hostlock_server_new` asks for none.

use std::ffi::{c_long, c_void};
use std::ptr;
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::chain::waivers::Waiver;
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::Watch;
use crate::handshake::{expected_host, id_context, install, session, start};
use crate::libssl::certificate;
use crate::libssl::library::Library;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::role::Role;
use crate::trust::anchors::effective_store;

const REQUIRED: i32 = ffi::SSL_VERIFY_PEER | ffi::SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

/// Whether the client of `ssl`, a server's connection, must show a certificate.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl in the thread that uses it.
pub unsafe fn of(ssl: *const ffi::SSL, guard: &Guard, watch: Option<&Watch>) -> bool {
    // SAFETY: reads one field of the live connection.
    let mode = unsafe { ffi::SSL_get_verify_mode(ssl) };
    mode & REQUIRED == REQUIRED || names_client(guard, watch)
}

/// Whether a function of hostlock named the client, on the connection or on a context that only serves. A naming that
/// failed counts: nobody may pass then.
pub fn names_client(guard: &Guard, watch: Option<&Watch>) -> bool {
    let by_connection = watch.is_some_and(|watch| {
        let state = watch.state();
        state.host.is_some() || state.poison.is_some()
    });
    by_connection || guard.role == Role::Server && guard.settings().host.is_some()
}

/// The program has said on `ctx` whom it trusts, or who the client must be: a certificate is required from here on,
/// unless it chose the verify mode itself. Later calls change nothing.
///
/// # Safety
/// `ctx` is the live context of `guard`, whose set-up no other thread changes now.
pub unsafe fn require(ctx: *mut ffi::SSL_CTX, guard: &Guard) {
    // SAFETY: `ctx` is live.
    if guard.regime() == Regime::Own && guard.role == Role::Server && unsafe { install::mode_is_open(ctx) } {
        // SAFETY: `ctx` is live, and the callback stays loaded.
        unsafe { sys::SSL_CTX_set_verify(ctx, REQUIRED, Some(install::tripwire)) };
    }
}

/// Sets the verify mode of a server's connection whose handshake begins.
///
/// # Safety
/// `ssl` is a live `SSL` of `guard`'s context in the thread that uses it.
pub unsafe fn arm(ssl: *mut ffi::SSL, guard: &Guard, watch: Option<&Watch>) {
    // SAFETY: reads one field of the live connection.
    let mut mode = unsafe { ffi::SSL_get_verify_mode(ssl) };
    let before = mode;
    // SAFETY: `ssl` is live in its own thread.
    if guard.regime() == Regime::Own && unsafe { install::mode_is_open_on(ssl) } {
        // SAFETY: the connection keeps its context alive.
        let ctx = unsafe { ffi::SSL_get_SSL_CTX(ssl) };
        // The connection may be older than what its context was told.
        // SAFETY: reads one field of the live context.
        mode |= unsafe { ffi::SSL_CTX_get_verify_mode(ctx) };
        // SAFETY: `ssl` is live, and so is its context.
        if unsafe { guard.anchors.named_by_openssl(ctx) || !own_store(ssl).is_null() } {
            mode |= ffi::SSL_VERIFY_PEER;
        }
    }
    if names_client(guard, watch) {
        mode |= REQUIRED;
    }
    if mode != before {
        // SAFETY: `ssl` is live in its own thread; a NULL callback leaves the one that it has.
        unsafe { ffi::SSL_set_verify(ssl, mode, None) };
    }
}

/// The store that the program gave to this connection alone, or NULL.
unsafe fn own_store(ssl: *mut ffi::SSL) -> *mut ffi::X509_STORE {
    let mut store: *mut ffi::X509_STORE = ptr::null_mut();
    // SAFETY: `ssl` is live; the control writes one pointer, and adds no owner.
    unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut store).cast()) };
    store
}

/// The store that libssl verifies the client of `ssl` with; may be NULL.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl in the thread that uses it.
pub unsafe fn store_of(ssl: *mut ffi::SSL) -> *mut ffi::X509_STORE {
    // SAFETY: as the caller promises.
    let own = unsafe { own_store(ssl) };
    // SAFETY: the connection keeps its context alive.
    if own.is_null() { unsafe { effective_store(ffi::SSL_get_SSL_CTX(ssl)) } } else { own }
}

/// A resumed session may come from a context that demanded nothing, where a servername callback has exchanged the context
/// after libssl found the session (CVE-2025-23419): a certificate that is demanded must be there.
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it, its handshake complete.
pub unsafe fn review_presence(ssl: *mut ffi::SSL, guard: &Guard, watch: Option<&Watch>) -> Result<()> {
    // SAFETY: `ssl` is live in its own thread.
    if !unsafe { of(ssl, guard, watch) } || unsafe { shows_who_it_is(ssl) } {
        return Ok(());
    }
    Err(Error::new(Status::ENoCertificate, "the client showed no certificate, and one is demanded here")
        .with_hint(
            "it resumed a session of a server's name that demands none; it must connect anew, with its certificate",
        )
        .with_x509_code(sys::X509_V_ERR_APPLICATION_VERIFICATION))
}

/// Whether the client has shown who it is, or will be asked later, or need not be: it holds a key that the program shared
/// with it.
///
/// # Safety
/// `ssl` is a live server's `SSL` in the thread that uses it, its handshake complete.
unsafe fn shows_who_it_is(ssl: *mut ffi::SSL) -> bool {
    // SAFETY: `ssl` is live; the reference was made for us.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    // SAFETY: gives up that reference; NULL is fine.
    unsafe { ffi::X509_free(certificate) };
    // SAFETY: reads fields of the live connection.
    let (mode, resumed, result) =
        unsafe { (ffi::SSL_get_verify_mode(ssl), ffi::SSL_session_reused(ssl), ffi::SSL_get_verify_result(ssl)) };
    // In a full handshake libssl itself demands the certificate. A session that libssl made of a handshake notes a verdict,
    // one that a program made for a pre-shared key notes none.
    let by_shared_key = resumed != 1 || result == c_long::from(ffi::X509_V_ERR_UNSPECIFIED);
    // SAFETY: `ssl` is live.
    !certificate.is_null() || mode & VERIFY_POST_HANDSHAKE != 0 || by_shared_key || unsafe { has_raw_key(ssl) }
}

/// `SSL_VERIFY_POST_HANDSHAKE`: the certificate is asked for later (RFC 8446 4.6.2).
const VERIFY_POST_HANDSHAKE: i32 = 0x08;

/// Whether the client has shown a raw public key (RFC 7250), which OpenSSL knows since 3.2.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
unsafe fn has_raw_key(ssl: *mut ffi::SSL) -> bool {
    type Getter = unsafe extern "C" fn(*const ffi::SSL) -> *mut ffi::EVP_PKEY;
    static GETTER: OnceLock<Option<Getter>> = OnceLock::new();
    let getter = *GETTER.get_or_init(|| {
        let symbol = Library::ours()?.symbol(c"SSL_get0_peer_rpk");
        // SAFETY: every libssl that has this function has it in this form.
        (!symbol.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Getter>(symbol) })
    });
    // SAFETY: `ssl` is live; the key is only looked at.
    getter.is_some_and(|getter| !unsafe { getter(ssl) }.is_null())
}

/// Gives the session of an own server the id context of the context in force, before its ticket is written: OpenSSL leaves
/// that of the first one on it where a servername callback has exchanged the context. Another name's session then leads to
/// a full handshake.
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it, its handshake complete.
pub unsafe fn mark_session(ssl: *mut ffi::SSL, guard: &Guard) {
    // SAFETY: `ssl` is live in its own thread.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return };
    // SAFETY: `ssl` is a live server's in its own thread.
    if let Some(mark) = unsafe { id_context::in_force(ssl, guard, watch) } {
        // SAFETY: `ssl` is live.
        unsafe { session::put(ssl, &mark) };
    }
}

/// A certificate in a resumed session was verified by the context that the session is marked for, which must be the one in
/// force.
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it, its handshake complete.
pub unsafe fn review_mark(ssl: *mut ffi::SSL, guard: &Guard, watch: Option<&Watch>) -> Result<()> {
    // SAFETY: `ssl` is live; the reference was made for us.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    // SAFETY: gives up that reference; NULL is fine.
    unsafe { ffi::X509_free(certificate) };
    // SAFETY: reads one field of the live connection.
    let resumed = unsafe { ffi::SSL_session_reused(ssl) } == 1;
    let (true, false, Some(watch)) = (resumed, certificate.is_null(), watch) else { return Ok(()) };
    // SAFETY: `ssl` is a live server's in its own thread.
    let Some(mark) = (unsafe { id_context::in_force(ssl, guard, watch) }) else { return Ok(()) };
    // SAFETY: `ssl` is live.
    match unsafe { session::session_bears(ssl, &mark) } {
        Some(true) => Ok(()),
        _ => Err(start::unverified("the client's session was verified for another of this server's names")
            .with_hint("it must connect anew, with its certificate")),
    }
}

/// A resumed client shows no certificate: the one in its session must be for the names that are asked for now.
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it, its handshake complete.
pub unsafe fn review_names(ssl: *mut ffi::SSL, guard: &Guard, watch: Option<&Watch>) -> Result<()> {
    // SAFETY: reads one field of the live connection.
    if unsafe { ffi::SSL_session_reused(ssl) } != 1 || guard.settings().waivers.has(Waiver::HostName) {
        return Ok(());
    }
    if guard.regime() == Regime::Sealed && !names_client(guard, watch) {
        return Ok(());
    }
    // SAFETY: `ssl` is live in its own thread.
    let Some(wanted) = (unsafe { expected_host::of_client(ssl, guard, watch, &Quiet::begin())? }) else {
        return Ok(());
    };
    // SAFETY: `ssl` is live; the reference was made for us.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    if certificate.is_null() {
        return Ok(());
    }
    // SAFETY: the certificate is live until it is freed below.
    let matched =
        certificate::presented(unsafe { X509Ref::from_ptr(certificate) }).and_then(|names| wanted.check(&names));
    // SAFETY: gives up the reference that was made for us.
    unsafe { ffi::X509_free(certificate) };
    matched.map(|_| ())
}
