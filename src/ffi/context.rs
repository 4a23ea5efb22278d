//! Section "Contexts" of the header: how connections are to be, made once and shared by all of them
//!
//! A context is safe without another call. It *is* an SSL_CTX: give it to hostlock_connect, or to SSL_new. Every
//! `policy` below is the name of a dated policy such as "2026-11"; NULL or "default" is the newest. "2026-11-webpki"
//! adds the rules of the public web (CA/Browser Forum). "+cn-fallback" behind a name lets a certificate without any
//! subjectAltName be matched by its common name (for old devices; RFC 9525 forbids it). "+skip-broken" leaves broken
//! certificates out of what hostlock_ctx_trust_file, _dir and _mem name, instead of refusing it whole.

use std::ffi::{c_char, c_int, c_void};

use super::boundary::{accessor, pointer, status, text};
use super::{guard_of, guarded, hostlock_conn, hostlock_ctx};
use crate::context::{Context, reload};
use crate::error::{Error, Result, Status};
use crate::guard::Family;
use crate::handshake::events;
use crate::libssl::listener::Listener;
use crate::libssl::ours::check_handle;
use crate::os::interrupt::Interrupt;
use crate::policy::{Choice, Policy};

/// A context for clients: TLS 1.2 and 1.3, strong suites, the system's roots, and every certificate checked against the
/// host inside the handshake. Free it with hostlock_ctx_free or SSL_CTX_free.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_client_new(policy: *const c_char) -> *mut hostlock_ctx {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    pointer(|| Ok(Context::client(unsafe { policy_of(policy)? })?.into_raw()))
}

/// A context for servers, with the same policy. Clients are asked for no certificate until the program says whom to trust:
/// the first call that succeeds of hostlock_ctx_trust_*, hostlock_ctx_add_pin or hostlock_ctx_set_host makes a certificate
/// required, unless the program has set the verify mode itself (SSL_CTX_set_verify); no later call changes the mode. Where it
/// names anchors through OpenSSL and sets no mode, a certificate is asked for, and judged if one is shown. The public roots
/// never stand in.
///
/// Sessions are resumed from the start: their id context is a digest of the policy, the anchors' keys, the names that the
/// client must have, what else is asked of certificates (pins, depth, flags, a moment, the CRL mode, waivers), and the id
/// context that the program sets. Machines that are set up alike have the same.
///
/// Free it with hostlock_ctx_free or SSL_CTX_free.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_server_new(policy: *const c_char) -> *mut hostlock_ctx {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    pointer(|| Ok(Context::server(unsafe { policy_of(policy)? })?.into_raw()))
}

/// Frees a context, like SSL_CTX_free: connections that still use it keep it alive. NULL is fine; a
/// context of another copy of libssl is left as it is.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of which the caller owns a reference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_ctx_free(ctx: *mut hostlock_ctx) {
    accessor((), || {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        if unsafe { check_handle(ctx) }.is_ok() {
            // SAFETY: it is of our libssl, and the caller gives up a reference to it.
            unsafe { openssl_sys::SSL_CTX_free(ctx) }
        }
    })
}

/// How long this context's connections may take, in milliseconds: resolving, connecting and the handshake together, and
/// then each single read or write by hostlock's functions. 0 waits for ever. The default is 30000.
///
/// It holds for the connections of hostlock_connect and hostlock_connect_fd, and for every SSL over a plain socket BIO (what
/// SSL_set_fd gives it), client or server: while a function of hostlock's runs, its own transport stands in for that BIO.
/// It does not hold for plain SSL_connect, SSL_accept, SSL_read and SSL_write; for other BIOs, which wait as they please
/// (a BIO of the program's own, a chain of several, SSL_set_rfd and SSL_set_wfd with two descriptors); for
/// descriptors that are no stream sockets; where the kernel encrypts (SSL_OP_ENABLE_KTLS); or where the program has a
/// callback on its BIO.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_timeout(ctx: *mut hostlock_ctx, milliseconds: c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        let prepare = || {
            u32::try_from(milliseconds)
                .map_err(|_| Error::new(Status::EArg, format!("a timeout of {milliseconds} ms is negative")))
        };
        guard.configure(
            Family::Setting("hostlock_ctx_set_timeout"),
            "hostlock_ctx_set_timeout",
            prepare,
            |settings, value| settings.timeout_ms = value,
        )
    })
}

/// What hostlock_ctx_set_on_interrupt has called. Not 0 ends the call that was interrupted.
pub type hostlock_on_interrupt = Option<unsafe extern "C" fn(argument: *mut c_void) -> c_int>;

/// Says what happens when a signal interrupts a wait of one of this context's connections, or of hostlock_connect, its
/// resolving included: `function` is called with `argument`, in the thread that waits and outside of the signal handler. Not
/// 0 ends the call with HOSTLOCK_E_INTERRUPTED; with 0 the wait goes on. A NULL `function` ends it always: so Ctrl-C takes
/// effect at once in Python, whose callbacks cannot pass on what they raise. Without this call signals end no wait.
///
/// After HOSTLOCK_E_INTERRUPTED the connection can go on: make the call again (a write with the same data; of hostlock_read_all
/// and hostlock_write_all it is not known how much was moved). After hostlock_connect there is none. A signal that comes when
/// nothing waits yet interrupts nothing: who must not miss one looks at a flag of the handler's too, and sets a short timeout.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `function` is NULL, or may be called with `argument` from any thread that uses the
/// context, for as long as the context lives. It must return, and use none of the context's connections.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_on_interrupt(
    ctx: *mut hostlock_ctx,
    function: hostlock_on_interrupt,
    argument: *mut c_void,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises that it may be called so.
        let interrupt = unsafe { Interrupt::new(function, argument) };
        guard.configure(
            Family::Setting("hostlock_ctx_set_on_interrupt"),
            "hostlock_ctx_set_on_interrupt",
            || Ok(interrupt),
            |settings, interrupt| settings.interrupt = Some(interrupt),
        )
    })
}

/// What hostlock_ctx_set_on_event has called.
pub type hostlock_on_event = Option<
    unsafe extern "C" fn(conn: *mut hostlock_conn, kind: *const c_char, text: *const c_char, argument: *mut c_void),
>;

/// Has `function` called with `argument` when something happens on one of this context's connections; NULL: no more. `kind`
/// says what, and `text` says it in words for a log. Both live for the call. A later version may tell of further kinds.
///
/// "started": a handshake begins. "done": it is complete, and what had to be verified is. "refused": hostlock refuses; `text`
/// is the message of hostlock_conn_error. "failed": libssl, the peer, the network or the time ended it. "alert": one was sent,
/// or received; the text begins with that word, says whether it is fatal, and names it ("received fatal unknown_ca: ..."). The
/// peer's goodbye is one, too (close_notify). "ticket": a session ticket was sent or received. "key-update": new keys of TLS
/// 1.3 were sent or received (RFC 8446 4.6.3). Every "started" is followed by one of "done", "refused" and "failed", unless the
/// connection is freed before; a certificate that a server asks for later can be "refused" after "done".
///
/// It is called in the thread that uses the connection, inside of the call that did so: several threads call it at once where
/// they use connections of the context. It may ask for facts (hostlock_conn_info, _error, _sni, _fd, _verified_host, ...) and do
/// what it likes with other connections. On `conn` itself no byte can be moved meanwhile: hostlock_read and the like answer
/// HOSTLOCK_E_STATE, hostlock_conn_free does nothing, and OpenSSL's own functions must not be called. It must return: no
/// longjmp, no C++ exception. It changes no verdict. After it was taken back, a call that another thread had begun may still run.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `function` is NULL, or may be called with `argument` from any thread that uses
/// connections of the context, for as long as one of them or the context lives.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_on_event(
    ctx: *mut hostlock_ctx,
    function: hostlock_on_event,
    argument: *mut c_void,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises that it may be called so.
        let listener = function.map(|function| unsafe { Listener::new(function, argument) });
        events::listen(guard, "hostlock_ctx_set_on_event", listener)
    })
}

/// Reads again everything that the context has from files: its own certificates and keys (hostlock_ctx_add_cert_file), those
/// of its names (hostlock_server_add_name), trust anchors (hostlock_ctx_trust_file, _dir, _certdata; the system's roots, named
/// or not) and CRLs (hostlock_ctx_add_crl_file). All of it is put in force, or nothing: after a failure everything is as it
/// was, and the context is not poisoned, so that a running server goes on. What came from memory stays. Relative paths start
/// where the process stood when the file was named; links are followed anew.
///
/// It may be called at any time, in any thread, while others connect and serve. No connection is lost: each uses what was
/// there when its handshake began. Sessions live on as far as what they rest on still holds. Call it outside of a signal
/// handler. In a program that forks its workers each reloads its own context.
///
/// 0, also where nothing came from files; or what the call that named the file answers; or HOSTLOCK_E_STATE: the anchors have
/// changed, and the program has put some into the context's store through OpenSSL too, which cannot be told from them.
/// Once anchors have changed so, they are named by hostlock's calls only: what the program puts into the store by OpenSSL's
/// functions refuses handshakes. HOSTLOCK_E_NOT_FOUND also: a process that has changed its root directory sees the system's
/// roots no more. HOSTLOCK_E_MISSING_INTERMEDIATE also: a certificate stands alone now in a file where its intermediate stood
/// behind it, as when the file is half written.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_reload(ctx: *mut hostlock_ctx) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        reload::reload(ctx, guard)
    })
}

/// # Safety
/// `name` is NULL or NUL-terminated.
pub(super) unsafe fn policy_of(name: *const c_char) -> Result<Choice> {
    if name.is_null() {
        return Policy::named("default").map(Choice::from);
    }
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    Choice::parse(unsafe { text(name, "policy")? })
}
