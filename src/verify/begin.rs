//! What must hold before the first byte of a handshake: our callbacks in place, the policy's values on the connection,
//! no pre-shared key, and a session only where it is this host's own. What cannot be so ends the handshake here.

use std::ffi::{c_int, c_long};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::policy::Policy;
use crate::queue::{self, Quiet};
use crate::sys;
use crate::verify::guard::{Guard, Regime, Role};
use crate::verify::hidden::{self, Found};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{demand, ech, id_context, info, mark, open, outer, security, session_end, staple, wanted};

/// Prepares the handshake that begins on `ssl` now.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it, inside of a handshake.
pub unsafe fn prepare(ssl: *mut ffi::SSL) {
    // After the first handshake libssl reports a start also where it declines a server's wish to renegotiate: no hello is
    // built then, and the connection goes on as it was. Where one is, `review_hello` looks at what is left out here.
    // A server's start is always a real one.
    // SAFETY: reads fields of the live connection.
    let in_earnest = unsafe { sys::SSL_in_before(ssl) == 1 || ffi::SSL_is_server(ssl) == 1 };
    // SAFETY: the caller promises a live connection in its own thread.
    unsafe { prepare_for(ssl, in_earnest) };
}

/// [`prepare`]; `in_earnest`: whether a hello will be built or read, beyond doubt.
unsafe fn prepare_for(ssl: *mut ffi::SSL, in_earnest: bool) {
    // What passed before passes no more, also where the watch is lost.
    open::forget(ssl);
    // SAFETY: `ssl` is live in its own thread, here and in every call below.
    let Ok(watch) = (unsafe { Watch::ensure(ssl) }) else { return };
    // SAFETY: as above.
    let guard = unsafe { Guard::of_ssl(ssl) };
    {
        let mut state = watch.state();
        let earlier = std::mem::take(&mut state.verdict);
        state.earlier = match earlier {
            // SAFETY: as above.
            Verdict::Verified { .. } | Verdict::Excused(_) => Some((earlier, unsafe { finished(ssl) })),
            _ => None,
        };
        state.failure = None;
        state.told = false;
        (state.sent_alert, state.end_reported) = (None, false);
        // SAFETY: as above; a renegotiation must not forget them.
        if unsafe { sys::SSL_in_before(ssl) } == 1 {
            (state.ended, state.unfinished) = (None, None);
        }
        watch.set_open(ssl, false);
        state.staple_judged = false;
        state.generation = guard.map_or(0, Guard::generation);
        state.guard = guard.map(Guard::share);
    }
    // SAFETY: as above.
    unsafe { pin_info(ssl) };
    // SAFETY: as above.
    unsafe { pin_security(ssl, watch) };
    let Some(guard) = guard else {
        // The security callback refuses everything on a connection without a guard, so no byte is sent.
        return halt(watch, unverified(CONTEXT_REPLACED));
    };
    // SAFETY: as above.
    unsafe { keep_cert_verify(ffi::SSL_get_SSL_CTX(ssl), guard) };
    if guard.regime() == Regime::Watched {
        return;
    }
    if let (true, Err(error)) = (in_earnest, check_not_poisoned(guard, watch)) {
        return halt(watch, error);
    }
    // SAFETY: as above.
    unsafe { enforce(ssl, guard) };
    // SAFETY: as above.
    if guard.role == Role::Client && unsafe { ffi::SSL_is_server(ssl) } != 1 {
        // SAFETY: `ssl` is a client's, in its own thread, and its handshake begins.
        if let Err(error) = unsafe { ech::note_names(ssl, watch) } {
            return halt(watch, error);
        }
        // SAFETY: as above.
        unsafe { staple::prepare(ssl, guard) };
        if in_earnest {
            // SAFETY: `ssl` is live in its own thread, and its first handshake begins.
            unsafe { admit_session(ssl, guard, watch) };
        }
    } else {
        // SAFETY: as above.
        unsafe { demand::arm(ssl, guard, Some(watch)) };
        // SAFETY: as above.
        unsafe { id_context::give(ssl, guard, watch) };
    }
}

/// Refuses where a set-up call failed, on the context or on the connection, and nothing has cured it since.
pub fn check_not_poisoned(guard: &Guard, watch: &Watch) -> Result<()> {
    guard.check_not_poisoned()?;
    watch.state().poison.clone().map_or(Ok(()), Err)
}

/// Looks again when the ClientHello is built, as a program's callbacks may have run since [`prepare`]; and does what
/// `prepare` would have done where our info callback was replaced. `false` ends the handshake.
///
/// # Safety
/// As for [`prepare`].
pub unsafe fn review_hello(ssl: *mut ffi::SSL) -> bool {
    crate::nets::here!("client_hello");
    // SAFETY: `ssl` is live in its own thread, here and in every call below.
    let Ok(watch) = (unsafe { Watch::ensure(ssl) }) else { return false };
    // SAFETY: as above.
    let seen = unsafe { info::is_in_place(ssl) };
    if !seen {
        // SAFETY: `ssl` is live in its own thread, and its hello is built now.
        unsafe { prepare_for(ssl, true) };
    } else {
        // A verdict belongs to an earlier handshake of this connection: this one has shown no certificate yet.
        if matches!(watch.state().verdict, Verdict::Verified { .. } | Verdict::Excused(_)) {
            let mut state = watch.state();
            state.verdict = Verdict::Pending;
            state.staple_judged = false;
            state.told = false;
        }
        // SAFETY: as above.
        unsafe { pin_security(ssl, watch) };
        // SAFETY: as above.
        if let Some(guard) = unsafe { Guard::of_ssl(ssl) } {
            // SAFETY: as above.
            unsafe { keep_cert_verify(ffi::SSL_get_SSL_CTX(ssl), guard) };
            if guard.regime() == Regime::Watched {
                return true;
            }
            if let Err(error) = check_not_poisoned(guard, watch) {
                halt(watch, error);
                return false;
            }
            // SAFETY: as above.
            unsafe { drop_pre_shared_keys(ssl) };
            // SAFETY: as above; most connections offer no session, and nothing is computed for them.
            if unsafe { mark::offers_session(ssl) } {
                // SAFETY: as above.
                unsafe { admit_session(ssl, guard, watch) };
            }
        }
    }
    !matches!(watch.state().verdict, Verdict::Refused(_))
}

/// Whether the context of `ssl` is one where nothing is to be changed or refused.
///
/// # Safety
/// As for [`prepare`].
pub unsafe fn is_only_watched(ssl: *const ffi::SSL) -> bool {
    // SAFETY: as the caller promises.
    unsafe { Guard::of_ssl(ssl) }.is_some_and(|guard| guard.regime() == Regime::Watched)
}

/// A program's context keeps the certificate verify callback that the program gives it, however late: ours takes its
/// place and calls it. On a context of hostlock's own a replaced callback ends the handshake instead.
///
/// # Safety
/// `ctx` is the live context of `guard`.
pub unsafe fn keep_cert_verify(ctx: *mut ffi::SSL_CTX, guard: &Guard) {
    if guard.regime() == Regime::Own {
        return;
    }
    let mut slot = guard.app_cert_verify();
    // SAFETY: as the caller promises; the lock keeps other connections from doing the same.
    let current = unsafe { hidden::cert_verify_callback(ctx) };
    *slot = match current {
        Found::Ours | Found::Unknown => return,
        Found::None => None,
        Found::Program(own) => Some(own),
    };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(outer::verify), ptr::null_mut()) };
}

/// Puts our info callback on the connection itself, where it stays when the context is replaced; a program's own is
/// kept, and called by ours.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it, and not under construction.
pub unsafe fn pin_info(ssl: *mut ffi::SSL) {
    // SAFETY: as the caller promises, here and below.
    let Ok(watch) = (unsafe { Watch::ensure(ssl) }) else { return };
    // SAFETY: as above.
    let current = unsafe { sys::SSL_get_info_callback(ssl) };
    if !current.is_some_and(info::is_ours) {
        watch.state().app_info = current;
        // SAFETY: as above.
        let displaced = || unsafe { Guard::of_ssl(ssl) }.and_then(Guard::app_info);
        // SAFETY: as above.
        unsafe { sys::SSL_set_info_callback(ssl, Some(info::callback(current.or_else(displaced)))) };
    }
}

/// The same for the security callback.
unsafe fn pin_security(ssl: *mut ffi::SSL, watch: &Watch) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    let current = unsafe { sys::SSL_get_security_callback(ssl) };
    if !current.is_some_and(security::is_ours) {
        watch.state().app_security = current;
        let ours = if current.is_some() { security::decide_with_application } else { security::decide };
        // SAFETY: as above.
        unsafe { sys::SSL_set_security_callback(ssl, Some(ours)) };
    }
}

/// Values that were lowered on the connection, or by the system's configuration, become the policy's again.
unsafe fn enforce(ssl: *mut ffi::SSL, guard: &Guard) {
    let policy = guard.policy;
    // SAFETY: `ssl` is live in its own thread, here and below.
    let role = unsafe { guard.role_on(ssl) };
    // SAFETY: as above.
    unsafe { sys::SSL_set_options(ssl, policy.options_to_set(role == Role::Server)) };
    // SAFETY: as above.
    unsafe { sys::SSL_clear_options(ssl, policy.options_to_clear()) };
    // SAFETY: as above; these controls take no pointer.
    let control = |command, number: c_long| unsafe { ffi::SSL_ctrl(ssl, command, number, ptr::null_mut()) };
    let set = control(sys::SSL_CTRL_GET_MIN_PROTO_VERSION, 0);
    let least = set.max(policy.min_version.into());
    if guard.regime() != Regime::Own {
        // SAFETY: as above.
        unsafe { widen(ssl, policy, least) };
    }
    if least != set {
        let _quiet = Quiet::begin();
        control(sys::SSL_CTRL_SET_MIN_PROTO_VERSION, least);
    }
    if role == Role::Client {
        // SAFETY: as above.
        unsafe { drop_pre_shared_keys(ssl) };
    }
}

/// What stands for the highest version that libssl knows.
const HIGHEST_KNOWN: c_long = 0;

/// A program that knows only old versions, or switched the new ones off, gets those that the policy permits.
unsafe fn widen(ssl: *mut ffi::SSL, policy: &Policy, least: c_long) {
    // SAFETY: `ssl` is live in its own thread, here and below; these controls take no pointer.
    let control = |command, number: c_long| unsafe { ffi::SSL_ctrl(ssl, command, number, ptr::null_mut()) };
    let most = match control(sys::SSL_CTRL_GET_MAX_PROTO_VERSION, 0) {
        HIGHEST_KNOWN => policy.max_version.into(),
        most if most >= least => most,
        _ => {
            let _quiet = Quiet::begin();
            control(sys::SSL_CTRL_SET_MAX_PROTO_VERSION, policy.max_version.into());
            policy.max_version.into()
        }
    };
    // SAFETY: as above.
    let options = unsafe { sys::SSL_get_options(ssl) };
    let switched_off = Policy::options_that_leave_no_version(least as c_int, most as c_int, options);
    if switched_off != 0 {
        // SAFETY: as above.
        unsafe { sys::SSL_clear_options(ssl, switched_off) };
    }
}

/// The Finished message that `ssl` sent last; empty where it sent none. Each handshake's is another.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
pub unsafe fn finished(ssl: *const ffi::SSL) -> Vec<u8> {
    let mut bytes = vec![0; 2 * ffi::EVP_MAX_MD_SIZE as usize];
    // SAFETY: `ssl` as the caller promises; libssl writes at most as many bytes as it is told.
    let length = unsafe { ffi::SSL_get_finished(ssl, bytes.as_mut_ptr().cast(), bytes.len()) };
    bytes.truncate(length);
    bytes
}

/// A pre-shared key names no host: none is offered, and no early data goes out under one.
unsafe fn drop_pre_shared_keys(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    unsafe { sys::SSL_set_psk_client_callback(ssl, None) };
    // SAFETY: as above.
    unsafe { sys::SSL_set_psk_use_session_callback(ssl, None) };
}

/// A session of another host, policy or context is given up, or ends the handshake where it is too late for that.
unsafe fn admit_session(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    if unsafe { mark::offers_session(ssl) } {
        // SAFETY: as above.
        let own = unsafe { wanted::of_connection(ssl, guard, Some(watch), &Quiet::begin()) }.ok();
        let generation = watch.state().generation;
        let own = own.map(|wanted| mark::compute(guard, generation, &wanted));
        // SAFETY: `ssl` is live in its own thread.
        let borne = own.and_then(|own| unsafe { mark::of_session(ssl, &own, session_end::now()) });
        if let Some(borne) = borne {
            // SAFETY: as above.
            return unsafe { mark::require(ssl, &borne) };
        }
        // SAFETY: as above.
        if unsafe { sys::SSL_in_before(ssl) } == 1 {
            // SAFETY: as above; nothing of the hello exists, and giving the session up leads to a full handshake.
            unsafe { ffi::SSL_set_session(ssl, ptr::null_mut()) };
        } else {
            halt(watch, foreign_session());
        }
    }
    // SAFETY: as above.
    unsafe { mark::require(ssl, &guard.unmatchable_mark()) };
}

/// Ends the handshake: the security callback refuses whatever it is asked next.
fn halt(watch: &Watch, error: Error) {
    queue::raise(&error);
    watch.state().verdict = Verdict::Refused(error);
}

/// For a connection whose context is not hostlock's any more.
pub const CONTEXT_REPLACED: &str = "the context of this connection was replaced, and with it the verification";

/// The error for a session that may not be resumed here.
pub fn foreign_session() -> Error {
    unverified("the session to be resumed was not verified for this host, policy and context")
        .with_hint("resume a session only on the context and for the host that it was made with")
}

/// An error for a handshake that our verification did not see.
pub fn unverified(why: &str) -> Error {
    Error::new(Status::EUnverified, why).with_x509_code(sys::X509_V_ERR_APPLICATION_VERIFICATION)
}
