//! Whether a server demands a certificate of its client, and how that comes about.
//!
//! The program says it by the verify mode, as ever; or by naming whom it trusts, or who the client must be, with
//! functions of hostlock. Until then a context of `hostlock_server_new` asks for none.

use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::error::Result;
use crate::queue::Quiet;
use crate::sys;
use crate::trust::anchors::effective_store;
use crate::verify::guard::{Guard, Regime, Role};
use crate::verify::insecure::Waiver;
use crate::verify::watch::Watch;
use crate::verify::{certificate, recipe, wanted};

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
    if guard.regime() == Regime::Own && guard.role == Role::Server && unsafe { recipe::mode_is_open(ctx) } {
        // SAFETY: `ctx` is live, and the callback stays loaded.
        unsafe { sys::SSL_CTX_set_verify(ctx, REQUIRED, Some(recipe::tripwire)) };
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
    if guard.regime() == Regime::Own && unsafe { recipe::mode_is_open_on(ssl) } {
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
    let Some(wanted) = (unsafe { wanted::of_client(ssl, guard, watch, &Quiet::begin())? }) else { return Ok(()) };
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
