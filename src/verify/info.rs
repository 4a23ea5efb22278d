//! The info callback: it prepares a handshake when it starts, refuses at its end what no certificate callback has seen,
//! and keeps the reason where libssl ended the handshake. It never takes a program's own info callback away: it calls it.
//!
//! Where a handshake is refused at its very end `SSL_connect` still returns 1. Refused then means: no application byte
//! leaves or arrives, the reason is on OpenSSL's error queue and in `hostlock_conn_error`.

use std::ffi::{c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue::{self, Quiet};
use crate::sys;
use crate::verify::begin::{self, unverified};
use crate::verify::guard::{Guard, Regime};
use crate::verify::wanted::{self, Wanted};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{demand, ech, ends, failure, mark, session_end, staple};

/// See the module's text.
///
/// # Safety
/// For libssl to call, with a live `SSL`.
pub unsafe extern "C" fn observe(ssl: *const ffi::SSL, place: c_int, value: c_int) {
    // Most reports are of a step between, which only a program's own callback wants to hear of.
    // SAFETY: libssl hands a live SSL.
    let another = unsafe { context_has_another(ssl) };
    if another || is_turn(place, value) {
        // SAFETY: as the caller promises.
        unsafe { heed(ssl as *mut ffi::SSL, place, value, another) };
    }
}

/// [`observe`], where the program had an info callback of its own on the connection or the context before ours.
///
/// # Safety
/// As for [`observe`].
pub unsafe extern "C" fn observe_with_application(ssl: *const ffi::SSL, place: c_int, value: c_int) {
    // SAFETY: as the caller promises.
    unsafe { heed(ssl as *mut ffi::SSL, place, value, true) };
}

/// # Safety
/// As for [`observe`]. `for_application`: whether the program may have a callback of its own.
unsafe fn heed(ssl: *mut ffi::SSL, place: c_int, value: c_int, for_application: bool) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        crate::nets::here!("info");
        // libssl would call the program's own: that one has called us, as the callback which it replaced.
        // SAFETY: libssl calls from the connection's own thread.
        let by_program = !unsafe { is_in_place(ssl) };
        if place & sys::SSL_CB_HANDSHAKE_START != 0 {
            // SAFETY: libssl calls from the connection's own thread, before it builds or reads anything.
            unsafe { begin::prepare(ssl) };
        }
        if place & sys::SSL_CB_HANDSHAKE_DONE != 0 {
            // SAFETY: as above, when the handshake is complete.
            unsafe { review_client(ssl) };
            // SAFETY: as above.
            unsafe { finish(ssl) };
        }
        if place == sys::SSL_CB_WRITE_ALERT && value >> 8 == FATAL {
            // SAFETY: as above.
            if let Some(watch) = unsafe { Watch::of(ssl) } {
                watch.state().sent_alert = Some(value as u8);
            }
        }
        if place == sys::SSL_CB_CONNECT_EXIT && value <= 0 {
            // SAFETY: as above, when the handshake has stopped.
            unsafe { stopped(ssl) };
        }
        // SAFETY: as above.
        unsafe { ends::tell(ssl, place, value) };
        // SAFETY: as above.
        if by_program || !for_application { None } else { unsafe { application_callback(ssl) } }
    }));
    match outcome {
        Ok(Some(application)) => {
            // SAFETY: the program's own info callback, called as libssl would have called it.
            unsafe { application(ssl, place, value) };
            // SAFETY: as above.
            if let Some(watch) = unsafe { Watch::of(ssl) } {
                watch.state().in_app_info = false;
            }
        }
        Ok(None) => {}
        // SAFETY: `ssl` is live; without a judgement nothing may pass.
        Err(_) => unsafe { shut(ssl) },
    }
}

/// The level of an alert that ends the connection (RFC 8446 section 6).
const FATAL: c_int = 2;

/// Whether a handshake starts, is complete or has stopped, or an alert ends the connection.
fn is_turn(place: c_int, value: c_int) -> bool {
    place & (sys::SSL_CB_HANDSHAKE_START | sys::SSL_CB_HANDSHAKE_DONE) != 0
        || place == sys::SSL_CB_CONNECT_EXIT && value <= 0
        || place == sys::SSL_CB_WRITE_ALERT && value >> 8 == FATAL
}

/// Which of ours to set where the program has had `application` there.
pub fn callback(application: Option<sys::InfoCallback>) -> sys::InfoCallback {
    if application.is_some() { observe_with_application } else { observe }
}

/// Whether `callback` is one of ours.
pub fn is_ours(callback: sys::InfoCallback) -> bool {
    [observe as sys::InfoCallback, observe_with_application].iter().any(|ours| std::ptr::fn_addr_eq(callback, *ours))
}

/// Whether a program has put an info callback of its own on the context, in place of ours.
///
/// # Safety
/// `ssl` is live, in the thread that uses it.
unsafe fn context_has_another(ssl: *const ffi::SSL) -> bool {
    // SAFETY: as the caller promises.
    let callback = unsafe { sys::SSL_CTX_get_info_callback(ffi::SSL_get_SSL_CTX(ssl)) };
    callback.is_some_and(|callback| !is_ours(callback))
}

/// Whether one of ours is what libssl calls for `ssl`.
///
/// # Safety
/// `ssl` is live, in the thread that uses it.
pub unsafe fn is_in_place(ssl: *const ffi::SSL) -> bool {
    // SAFETY: as the caller promises, here and below.
    match unsafe { sys::SSL_get_info_callback(ssl) } {
        Some(own) => is_ours(own),
        // SAFETY: as above.
        None => unsafe { sys::SSL_CTX_get_info_callback(ffi::SSL_get_SSL_CTX(ssl)) }.is_some_and(is_ours),
    }
}

/// The program's callback for this connection, if it does not run already.
unsafe fn application_callback(ssl: *mut ffi::SSL) -> Option<sys::InfoCallback> {
    // SAFETY: `ssl` is live in its own thread, here and below.
    let watch = unsafe { Watch::of(ssl) };
    let own = match watch {
        Some(watch) if watch.state().in_app_info => return None,
        Some(watch) => watch.state().app_info,
        None => None,
    };
    // SAFETY: as above.
    let context = || unsafe { sys::SSL_CTX_get_info_callback(ffi::SSL_get_SSL_CTX(ssl)) };
    // SAFETY: as above.
    let displaced = || unsafe { Guard::of_ssl(ssl) }.and_then(Guard::app_info);
    let context = || context().filter(|callback| !is_ours(*callback)).or_else(displaced);
    let callback = own.filter(|callback| !is_ours(*callback)).or_else(context)?;
    watch?.state().in_app_info = true;
    Some(callback)
}

unsafe fn finish(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    if unsafe { ffi::SSL_is_server(ssl) == 1 || begin::is_only_watched(ssl) } {
        return;
    }
    // libssl also calls when a client has sent its hello and may send early data.
    // SAFETY: as above.
    if unsafe { ffi::SSL_is_init_finished(ssl) } != 1 {
        // SAFETY: as above.
        if let Err(error) = unsafe { review_early(ssl) } {
            // SAFETY: as above.
            unsafe { refuse(ssl, error) };
        }
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

/// A server refuses a client that resumes a session as another than it must be now.
unsafe fn review_client(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    if unsafe { ffi::SSL_is_server(ssl) } != 1 || unsafe { begin::is_only_watched(ssl) } {
        return;
    }
    // SAFETY: as above.
    let Some(guard) = (unsafe { Guard::of_ssl(ssl) }) else { return };
    // SAFETY: `ssl` is a live server's in its own thread, its handshake complete.
    let reviewed = guard.check_not_poisoned().and_then(|()| unsafe {
        let watch = Watch::of(ssl);
        demand::review_presence(ssl, guard, watch).and_then(|()| demand::review_names(ssl, guard, watch))
    });
    let reviewed = reviewed.and_then(|()| {
        if guard.regime() != Regime::Sealed {
            // SAFETY: `ssl` is a live server's in its own thread, its handshake complete.
            unsafe { session_end::check_not_revoked(ssl, guard)? };
            // SAFETY: `ssl` is a live server's in its own thread, its handshake complete.
            unsafe { demand::review_mark(ssl, guard, Watch::of(ssl))? };
            // SAFETY: `ssl` is live, and a ticket of TLS 1.3 is not written yet.
            unsafe { demand::mark_session(ssl, guard) };
        }
        // SAFETY: `ssl` is live, and a ticket of TLS 1.3 is not written yet.
        unsafe { session_end::keep(ssl, guard) };
        Ok(())
    });
    // SAFETY: as above.
    if let Err(error) = reviewed {
        // SAFETY: as above.
        unsafe { refuse(ssl, error) };
    }
}

/// Whether the completed handshake of a client was verified, by us, for the host that was asked for.
unsafe fn review(ssl: *mut ffi::SSL, watch: &Watch) -> Result<Verdict> {
    let (guard, verdict) = {
        let state = watch.state();
        (state.guard.clone(), state.verdict.clone())
    };
    let Some(guard) = guard else {
        return Err(unverified(begin::CONTEXT_REPLACED));
    };
    guard.check_not_poisoned()?;
    // SAFETY: `ssl` is live in its own thread, and the server has answered.
    if unsafe { ech::public_name(ssl) }.is_some() {
        return Err(ech::rejected());
    }
    ech::forget_names(watch);
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
        // What was excused is not verified either: no staple is asked for, and its session bears no mark.
        Verdict::Excused(_) => return Ok(verdict),
        Verdict::Refused(error) => return Err(error),
        Verdict::Pending => {}
    }
    // SAFETY: as above.
    if let Some(earlier) = unsafe { earlier_verdict(ssl, watch) } {
        return Ok(earlier);
    }
    // SAFETY: as above.
    if unsafe { ffi::SSL_session_reused(ssl) } != 1 {
        return Err(unverified(NOT_CALLED));
    }
    // SAFETY: as above.
    if unsafe { ffi::SSL_get_verify_result(ssl) } != ffi::X509_V_OK as c_long {
        return Err(unverified("the resumed session carries a failed verification"));
    }
    // SAFETY: as above.
    let wanted = unsafe { own_session(ssl, &guard, watch)? };
    Ok(Verdict::Verified { host: wanted.first().map(|host| host.text().into_owned()) })
}

/// The verdict on the handshake before, where no other took place since: libssl reports a start and an end also where it
/// declined a server's wish to renegotiate.
///
/// # Safety
/// `ssl` is live in its own thread.
unsafe fn earlier_verdict(ssl: *mut ffi::SSL, watch: &Watch) -> Option<Verdict> {
    let (verdict, its_finished) = watch.state().earlier.take()?;
    // SAFETY: as the caller promises.
    (!its_finished.is_empty() && its_finished == unsafe { begin::finished(ssl) }).then_some(verdict)
}

/// Early data goes to whoever holds the session's keys, so the session must be this host's own.
unsafe fn review_early(ssl: *mut ffi::SSL) -> Result<()> {
    // SAFETY: `ssl` is live in its own thread, here and below.
    let watch = unsafe { Watch::ensure(ssl)? };
    // SAFETY: as above.
    let guard = unsafe { Guard::of_ssl(ssl) }.ok_or_else(|| unverified(begin::CONTEXT_REPLACED))?;
    guard.check_not_poisoned()?;
    // SAFETY: as above.
    unsafe { own_session(ssl, guard, watch) }.map(|_| ())
}

/// Refuses a session that was not verified for the host that is asked for now: it may have been changed since the
/// handshake began.
unsafe fn own_session(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) -> Result<Wanted> {
    // SAFETY: `ssl` is live in its own thread, here and below.
    let wanted = unsafe { wanted::of_connection(ssl, guard, Some(watch), &Quiet::begin())? };
    let generation = watch.state().generation;
    // Its end was looked at when the hello was built, and may lie within the handshake.
    // SAFETY: `ssl` is live in its own thread.
    match unsafe { mark::of_session(ssl, &mark::compute(guard, generation, &wanted), i64::MIN) } {
        Some(_) => Ok(wanted),
        None => Err(begin::foreign_session()),
    }
}

/// For a handshake in which the peer's certificate went past us.
pub const NOT_CALLED: &str = "hostlock's verification was not called: the certificate verify callback was replaced";

/// A handshake has stopped: to wait, or for good.
unsafe fn stopped(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live in its own thread, here and below.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return };
    // SAFETY: as above.
    if matches!(watch.state().verdict, Verdict::Refused(_)) || unsafe { begin::is_only_watched(ssl) } {
        return;
    }
    let Some(found) = failure::of_handshake() else { return };
    let mut state = watch.state();
    match found {
        failure::Found::Verdict(error) => {
            queue::raise(&error);
            state.verdict = Verdict::Refused(error);
        }
        failure::Found::Libssl(error) => state.failure = Some(error),
    }
}

/// Lets nothing pass any more and says why.
unsafe fn refuse(ssl: *mut ffi::SSL, error: Error) {
    // SAFETY: `ssl` is live.
    if let Some(watch) = unsafe { Watch::of(ssl) } {
        let already = matches!(watch.state().verdict, Verdict::Refused(_));
        if !already {
            queue::raise_whole_refusal(&error);
        }
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
