//! The info callback: it prepares a handshake when it starts, and refuses at its end what no certificate callback has
//! seen: a resumed session of another host, anonymous and pre-shared-key handshakes, a replaced verify callback.
//!
//! `SSL_connect` may still return 1 for such a handshake. Refused then means: no application byte leaves or arrives,
//! the reason is on OpenSSL's error queue and in `hostlock_conn_error`.

use std::ffi::{c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue;
use crate::sys;
use crate::verify::guard::{Guard, Role};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{mark, security, staple, wanted};

/// See the module's text.
///
/// # Safety
/// For libssl to call, with a live `SSL`.
pub unsafe extern "C" fn observe(ssl: *const ffi::SSL, place: c_int, value: c_int) {
    let ssl = ssl as *mut ffi::SSL;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if place & sys::SSL_CB_HANDSHAKE_START != 0 {
            // SAFETY: libssl calls from the connection's own thread, before it builds or reads anything.
            unsafe { begin(ssl, true) };
        }
        if place & sys::SSL_CB_HANDSHAKE_DONE != 0 {
            // SAFETY: as above, when the handshake is complete.
            unsafe { finish(ssl) };
        }
        // SAFETY: `ssl` is live.
        unsafe { Watch::of(ssl) }.and_then(|watch| watch.state().app_info)
    }));
    match outcome {
        // SAFETY: the program's own info callback, called as libssl would have called it.
        Ok(Some(application)) => unsafe { application(ssl, place, value) },
        Ok(None) => {}
        // SAFETY: `ssl` is live; without a judgement nothing may pass.
        Err(_) => unsafe { shut(ssl) },
    }
}

/// Whether `callback` is [`observe`].
pub fn is_ours(callback: sys::InfoCallback) -> bool {
    std::ptr::fn_addr_eq(callback, observe as sys::InfoCallback)
}

/// Takes the place of the program's info callback again, keeping it as the one that ours calls.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
pub unsafe fn adopt(ssl: *mut ffi::SSL, theirs: Option<sys::InfoCallback>) {
    // SAFETY: as the caller promises.
    if let Ok(watch) = unsafe { Watch::ensure(ssl) } {
        watch.state().app_info = theirs;
        // SAFETY: as the caller promises.
        unsafe { sys::SSL_set_info_callback(ssl, Some(observe)) };
        // SAFETY: as the caller promises; the hello may be half built, so its session stays as it is.
        unsafe { begin(ssl, false) };
    }
}

/// What must hold before a client's first byte: the policy's values on the connection, a session only if it is this
/// host's own.
unsafe fn begin(ssl: *mut ffi::SSL, may_drop_session: bool) {
    // SAFETY: `ssl` is live in its own thread, here and in every call below.
    let Ok(watch) = (unsafe { Watch::ensure(ssl) }) else { return };
    // SAFETY: as above.
    let guard = unsafe { Guard::of_ssl(ssl) };
    {
        let mut state = watch.state();
        state.verdict = Verdict::Pending;
        state.staple_judged = false;
        state.mark = None;
        state.guard = guard.map(Guard::share);
    }
    let Some(guard) = guard else { return };
    // SAFETY: as above.
    unsafe { enforce(ssl, guard, watch) };
    // SAFETY: as above.
    if guard.role != Role::Client || unsafe { ffi::SSL_is_server(ssl) } == 1 {
        return;
    }
    // SAFETY: as above.
    unsafe { staple::prepare(ssl, guard) };
    // SAFETY: as above.
    let mark = match unsafe { wanted::of_connection(ssl, guard, Some(watch)) } {
        Ok(wanted) => mark::compute(guard, &wanted),
        Err(_) => mark::unmatchable(),
    };
    watch.state().mark = Some(mark);
    // SAFETY: as above.
    unsafe { mark::require(ssl, &mark) };
    // SAFETY: as above.
    if may_drop_session && unsafe { mark::session_bears(ssl, &mark) } == Some(false) {
        // SAFETY: the handshake has not begun, so giving the session up leads to a full handshake.
        unsafe { ffi::SSL_set_session(ssl, ptr::null_mut()) };
    }
}

/// Values that were lowered on the connection, or by the system's configuration, become the policy's again.
unsafe fn enforce(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) {
    let policy = guard.policy;
    // SAFETY: `ssl` is live in its own thread, here and below.
    unsafe { sys::SSL_set_options(ssl, policy.options_to_set(guard.role == Role::Server)) };
    // SAFETY: as above.
    unsafe { sys::SSL_clear_options(ssl, policy.options_to_clear()) };
    // SAFETY: as above; this control takes no pointer.
    let least = unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_GET_MIN_PROTO_VERSION, 0, ptr::null_mut()) };
    if least < policy.min_version as c_long {
        // SAFETY: as above.
        unsafe {
            ffi::SSL_ctrl(ssl, sys::SSL_CTRL_SET_MIN_PROTO_VERSION, policy.min_version as c_long, ptr::null_mut())
        };
    }
    // SAFETY: as above.
    let current = unsafe { sys::SSL_get_security_callback(ssl) };
    if !current.is_some_and(|callback| std::ptr::fn_addr_eq(callback, security::decide as sys::SecurityCallback)) {
        watch.state().app_security = current;
        // SAFETY: as above.
        unsafe { sys::SSL_set_security_callback(ssl, Some(security::decide)) };
    }
}

unsafe fn finish(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    if unsafe { ffi::SSL_is_server(ssl) } == 1 {
        return;
    }
    // SAFETY: as above.
    let judged = unsafe { Watch::ensure(ssl).and_then(|watch| review(ssl, watch).map(|verdict| (watch, verdict))) };
    match judged {
        Ok((watch, verdict)) => watch.state().verdict = verdict,
        // SAFETY: as above.
        Err(error) => unsafe { refuse(ssl, error) },
    }
}

/// Whether the completed handshake of a client was verified, by us, for the host that was asked for.
unsafe fn review(ssl: *mut ffi::SSL, watch: &Watch) -> Result<Verdict> {
    let (guard, verdict, expected) = {
        let state = watch.state();
        (state.guard.clone(), state.verdict.clone(), state.mark)
    };
    let Some(guard) = guard else {
        return Err(unverified("the context of this connection was replaced, and with it the verification"));
    };
    guard.check_not_poisoned()?;
    // SAFETY: `ssl` is live in its own thread, here and below.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    if certificate.is_null() {
        return Err(Error::new(Status::ENoCertificate, "the peer showed no certificate, so nothing says who it is")
            .with_hint("anonymous and pre-shared-key handshakes name no host; the server needs a certificate"));
    }
    // SAFETY: the reference was made for us.
    unsafe { ffi::X509_free(certificate) };
    match verdict {
        Verdict::Verified { .. } => {
            // SAFETY: as above.
            unsafe { staple::judge_late(ssl, &guard, watch)? };
            return Ok(verdict);
        }
        Verdict::Refused(error) => return Err(error),
        Verdict::Pending => {}
    }
    // SAFETY: as above.
    if unsafe { ffi::SSL_session_reused(ssl) } != 1 {
        return Err(unverified("hostlock's verification was not called: the certificate verify callback was replaced"));
    }
    // SAFETY: as above.
    if unsafe { ffi::SSL_get_verify_result(ssl) } != ffi::X509_V_OK as c_long {
        return Err(unverified("the resumed session carries a failed verification"));
    }
    // SAFETY: as above.
    let bears = expected.and_then(|mark| unsafe { mark::session_bears(ssl, &mark) });
    if bears != Some(true) {
        return Err(unverified("the resumed session was not verified for this host, policy and context")
            .with_hint("resume a session only on the context and for the host that it was made with"));
    }
    // SAFETY: as above.
    let wanted = unsafe { wanted::of_connection(ssl, &guard, Some(watch))? };
    Ok(Verdict::Verified { host: wanted.first().map(|host| host.text().into_owned()) })
}

fn unverified(why: &str) -> Error {
    Error::new(Status::EUnverified, why).with_x509_code(sys::X509_V_ERR_APPLICATION_VERIFICATION)
}

/// Lets nothing pass any more and says why.
unsafe fn refuse(ssl: *mut ffi::SSL, error: Error) {
    queue::raise(&error);
    // SAFETY: `ssl` is live.
    if let Some(watch) = unsafe { Watch::of(ssl) } {
        watch.state().verdict = Verdict::Refused(error);
    }
    // SAFETY: as above.
    unsafe { shut(ssl) };
}

unsafe fn shut(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    unsafe { mark::spoil_session(ssl) };
    // SAFETY: as above.
    unsafe { sys::SSL_set_verify_result(ssl, sys::X509_V_ERR_APPLICATION_VERIFICATION as c_long) };
    // SAFETY: as above; after this SSL_read and SSL_write refuse.
    unsafe { ffi::SSL_set_shutdown(ssl, ffi::SSL_SENT_SHUTDOWN | ffi::SSL_RECEIVED_SHUTDOWN) };
}
