//! The stapled OCSP answer of a connection. Every client asks for one; libssl calls the status callback when the server
//! has sent its whole flight, in TLS 1.2 and 1.3 alike after the certificate was judged and before anything of the client's
//! own leaves: no certificate, no data. A program's own status callback is called after ours: it may refuse, never accept.

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue;
use crate::sys;
use crate::verify::guard::{Guard, Role};
use crate::verify::insecure::Waiver;
use crate::verify::judge::Wishes;
use crate::verify::revocation::ocsp::{self, Mode, Question};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{demand, ends, lookup, mark, session_end};

/// Puts the callback in place on a client's context, and has its connections ask for an answer.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that is not in use by another thread.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX) {
    // SAFETY: as the caller promises, here and below.
    unsafe { set_callback(ctx) };
    // SAFETY: as above.
    unsafe { request(ctx, Mode::default()) };
}

/// Whether new connections of the context ask for an answer.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl.
pub unsafe fn request(ctx: *mut ffi::SSL_CTX, mode: Mode) {
    const NOTHING: c_long = -1;
    let kind = if mode == Mode::Off { NOTHING } else { ffi::TLSEXT_STATUSTYPE_ocsp.into() };
    // SAFETY: as the caller promises; this control takes no pointer.
    unsafe { ffi::SSL_CTX_ctrl(ctx, ffi::SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, kind, ptr::null_mut()) };
}

/// Before a client's first byte: asks for an answer, and takes the callback's place again where a program has put its
/// own there, which ours then calls.
///
/// # Safety
/// `ssl` is a live `SSL` of `guard`'s context in its own thread.
pub unsafe fn prepare(ssl: *mut ffi::SSL, guard: &Guard) {
    // SAFETY: as the caller promises, here and below.
    let ctx = unsafe { ffi::SSL_get_SSL_CTX(ssl) };
    let mut slot = guard.app_status();
    // SAFETY: as above.
    let current = unsafe { callback(ctx) };
    if !current.is_some_and(is_ours) {
        *slot = current;
        // SAFETY: as above; the lock keeps other connections from doing the same.
        unsafe { set_callback(ctx) };
    }
    drop(slot);
    if guard.settings().ocsp != Mode::Off {
        // SAFETY: as above.
        unsafe { ffi::SSL_set_tlsext_status_type(ssl, ffi::TLSEXT_STATUSTYPE_ocsp) };
    }
}

/// Judges the answer of a handshake whose certificate was judged good, where the callback has not done so: because a
/// program replaced it during the handshake.
///
/// # Safety
/// `ssl` is a live `SSL` of `guard`'s context in its own thread.
pub unsafe fn judge_late(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) -> Result<()> {
    // SAFETY: as the caller promises, here and below.
    if watch.state().staple_judged || unsafe { ffi::SSL_session_reused(ssl) } == 1 {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { judge(ssl, guard) }
}

fn is_ours(callback: sys::StatusCallback) -> bool {
    ptr::fn_addr_eq(callback, answer as sys::StatusCallback)
}

unsafe fn callback(ctx: *mut ffi::SSL_CTX) -> Option<sys::StatusCallback> {
    let mut current: Option<sys::StatusCallback> = None;
    // SAFETY: the context is live; the control writes one function pointer.
    unsafe { ffi::SSL_CTX_ctrl(ctx, sys::SSL_CTRL_GET_TLSEXT_STATUS_REQ_CB, 0, (&raw mut current).cast()) };
    current
}

unsafe fn set_callback(ctx: *mut ffi::SSL_CTX) {
    // SAFETY: libssl calls what is stored under this command with the callback's own type.
    unsafe {
        let callback = std::mem::transmute::<sys::StatusCallback, unsafe extern "C" fn()>(answer);
        ffi::SSL_CTX_callback_ctrl__fixed_rust(ctx, ffi::SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, Some(callback));
    }
}

/// SSL_TLSEXT_ERR_NOACK: what a server without an answer says.
const NOTHING_TO_STAPLE: c_int = 3;

/// libssl's question about the answer: positive lets the handshake go on, 0 refuses it.
unsafe extern "C" fn answer(ssl: *mut ffi::SSL, argument: *mut c_void) -> c_int {
    // SAFETY: libssl hands its own live SSL, in the connection's thread.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { decide(ssl) }));
    let refusal = match outcome {
        // SAFETY: as above; the argument is the program's own.
        Ok(Ok(Some(application))) => return unsafe { application(ssl, argument) },
        // SAFETY: as above.
        Ok(Ok(None)) if unsafe { ffi::SSL_is_server(ssl) } == 1 => return NOTHING_TO_STAPLE,
        Ok(Ok(None)) => return 1,
        Ok(Err(error)) => error,
        Err(_) => Error::new(Status::EInternal, "a defect inside hostlock stopped the check of the OCSP answer"),
    };
    let code = match refusal.x509_code() {
        ffi::X509_V_OK => sys::X509_V_ERR_APPLICATION_VERIFICATION,
        code => code,
    };
    // SAFETY: as above; the certificate was found good, and its session must not be used for that.
    unsafe { mark::spoil_session(ssl) };
    // SAFETY: as above.
    unsafe { sys::SSL_set_verify_result(ssl, code.into()) };
    // SAFETY: as above.
    if let Ok(Some(watch)) = catch_unwind(AssertUnwindSafe(|| unsafe { Watch::of(ssl) })) {
        queue::raise_refusal(&refusal);
        watch.state().verdict = Verdict::Refused(refusal);
    }
    // SAFETY: as above.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe { ends::tell_refusal(ssl) }));
    0
}

/// Judges, and gives the program's own callback, if there is one.
unsafe fn decide(ssl: *mut ffi::SSL) -> Result<Option<sys::StatusCallback>> {
    crate::nets::here!("ocsp_status");
    // SAFETY: the caller promises a live SSL in its own thread, here and below.
    let guard = unsafe { Guard::of_ssl(ssl) }
        .ok_or_else(|| Error::new(Status::EState, "the context of this connection is not hostlock's any more"))?;
    // SAFETY: as above.
    let watch = unsafe { Watch::ensure(ssl)? };
    // On a server the callback chooses what to staple. A resumed handshake has no certificate.
    // SAFETY: as above.
    let (on_server, resumed) = unsafe { (ffi::SSL_is_server(ssl) == 1, ffi::SSL_session_reused(ssl) == 1) };
    let is_judged = matches!(watch.state().verdict, Verdict::Verified { .. });
    if guard.role == Role::Client && !on_server && !resumed && is_judged {
        // SAFETY: as above.
        unsafe { judge(ssl, guard)? };
        watch.state().staple_judged = true;
    }
    Ok(*guard.app_status())
}

unsafe fn judge(ssl: *mut ffi::SSL, guard: &Guard) -> Result<()> {
    let (mode, timeless, time, exempt, revocation, flags) = {
        let settings = guard.settings();
        let waivers = &settings.waivers;
        (
            settings.ocsp,
            waivers.has(Waiver::Time),
            settings.verify_time,
            waivers.has(Waiver::Chain),
            settings.revocation.clone(),
            settings.verify_flags,
        )
    };
    if mode == Mode::Off || exempt {
        return Ok(());
    }
    // SAFETY: the caller promises a live SSL in its own thread, here and below.
    let chain = unsafe { ffi::SSL_get0_verified_chain(ssl) };
    if chain.is_null() {
        return Err(Error::new(Status::EUnverified, "there is no verified chain that the OCSP answer could belong to"));
    }
    // SAFETY: live as long as the connection keeps it.
    let chain = unsafe { StackRef::<X509>::from_ptr(chain) };
    // A leaf that is its own anchor is trusted because the program says so, and has no issuer to ask.
    let (Some(leaf), Some(issuer)) = (chain.get(0), chain.get(1)) else { return Ok(()) };
    // SAFETY: as above.
    let staple = unsafe { staple(ssl) }.filter(|staple| {
        // SAFETY: the caller promises a live SSL in its own thread.
        !unsafe { is_for_another_sent(ssl, leaf, staple) }
    });
    let Some(staple) = staple else {
        let demanded = ocsp::is_demanded_by(leaf);
        return match demanded || mode == Mode::Require {
            true => Err(ocsp::missing(leaf, demanded)),
            false => Ok(()),
        };
    };
    // SAFETY: NULL asks for the number only.
    let now = || time.unwrap_or_else(|| unsafe { libc::time(ptr::null_mut()) });
    let stopped = time.is_some();
    let time = (!timeless).then(now);
    // The store's CRLs, which may list the responder, count where CRLs are asked for.
    // SAFETY: the connection owns its parameters and keeps its store alive.
    let of_store = unsafe {
        let wished = Wishes::read(ffi::SSL_get0_param(ssl)).flags() | flags;
        match (wished | revocation.flags(wished)) & ffi::X509_V_FLAG_CRL_CHECK != 0 {
            true => lookup::crls_named(guard.anchors.in_force(demand::store_of(ssl), true)?, issuer.subject_name())?,
            false => Vec::new(),
        }
    };
    let together;
    let crls = match of_store.is_empty() {
        true => &*revocation.crls,
        false => {
            together = revocation.crls.with_lists(of_store)?;
            &together
        }
    };
    let end = ocsp::check(&staple, &Question { leaf, issuer, time, crls })?;
    // The session rests on an answer only where one is demanded; and a clock that was stopped ends nothing.
    let rests_on_it = mode == Mode::Require || ocsp::is_demanded_by(leaf);
    if let Some(end) = end.filter(|_| rests_on_it && !timeless && !stopped) {
        // SAFETY: `ssl` is a live client's in its own thread.
        unsafe { session_end::shorten(ssl, end) };
    }
    Ok(())
}

unsafe fn staple(ssl: *mut ffi::SSL) -> Option<Vec<u8>> {
    let mut data = ptr::null_mut();
    // SAFETY: the caller promises a live SSL; the control gives a pointer into it.
    let len = unsafe { ffi::SSL_get_tlsext_status_ocsp_resp(ssl, &mut data) };
    let len = usize::try_from(len).ok().filter(|len| *len > 0 && !data.is_null())?;
    // SAFETY: libssl says that `len` bytes are there.
    Some(unsafe { std::slice::from_raw_parts(data, len) }.to_vec())
}

/// Whether the answer is one that the server sent beside another certificate of its chain than its own. On TLS 1.3
/// OpenSSL 3.6 and later keep such answers, too, and where the leaf has none the first of them lies in its place.
///
/// # Safety
/// `ssl` is a live client's in its own thread, in or after its handshake.
unsafe fn is_for_another_sent(ssl: *mut ffi::SSL, leaf: &X509Ref, staple: &[u8]) -> bool {
    // SAFETY: the caller promises a live SSL; this reads one field.
    if openssl::version::number() < 0x3060_0000 || unsafe { ffi::SSL_version(ssl) } != ffi::TLS1_3_VERSION {
        return false;
    }
    // SAFETY: the caller promises a live SSL, which owns the chain.
    let sent = unsafe { ffi::SSL_get_peer_cert_chain(ssl) };
    if sent.is_null() {
        return false;
    }
    // SAFETY: libssl changes the chain only in a later handshake.
    let sent = unsafe { StackRef::<X509>::from_ptr(sent) };
    ocsp::is_for_others(staple, leaf, sent.iter().skip(1))
}
