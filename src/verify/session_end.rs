//! How long a session may be resumed: as long as everything lasts that its verification rests on, and no longer than the
//! policy's greatest age. No renewal extends it.
//!
//! libssl's clients ignore a session's own time limit, so a client's [`mark`](crate::verify::mark) carries the end. Its
//! servers keep to it, and write it into their tickets.

use std::ffi::c_long;
use std::{ptr, slice};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::asn1::Asn1TimeRef;
use openssl::x509::{X509, X509Crl, X509Ref};
use openssl_sys as ffi;

use crate::error::{Result, Status};
use crate::moment;
use crate::queue::Quiet;
use crate::sys;
use crate::verify::guard::{Guard, Role};
use crate::verify::insecure::Waiver;
use crate::verify::judge::{self, Case, Wishes};
use crate::verify::{demand, explain, mark, revocation};

/// This machine's clock, in Unix seconds.
pub fn now() -> i64 {
    // SAFETY: NULL asks for the number only.
    unsafe { libc::time(ptr::null_mut()) }
}

/// The first moment at which `chain`, which was verified just now for `guard`, carries no session any more.
///
/// The clock and the waivers are the verdict's: where no date was looked at, or one of another moment, only the greatest
/// age counts.
///
/// # Safety
/// `store_ctx` is live, and the one that libssl brought the peer's certificate in.
pub unsafe fn of(store_ctx: *mut ffi::X509_STORE_CTX, guard: &Guard, chain: &[X509]) -> i64 {
    let now = now();
    let greatest = now.saturating_add(guard.policy.session_age.into());
    let (revocation, flags) = {
        let settings = guard.settings();
        let dateless = settings.waivers.has(Waiver::Time) || settings.waivers.has(Waiver::Chain);
        if dateless || settings.verify_time.is_some() {
            return greatest;
        }
        (settings.revocation.clone(), settings.verify_flags)
    };
    let mut end = greatest;
    for certificate in chain {
        // SAFETY: the certificate is live, and so is its date.
        let until = unsafe { seconds(ffi::X509_getm_notAfter(certificate.as_ptr())) };
        // It is valid through its notAfter (RFC 5280 4.1.2.5). What cannot be read carries nothing.
        end = end.min(until.map_or(now, |until| until.saturating_add(1)));
    }
    // SAFETY: `store_ctx` and its parameters are live.
    let wished = unsafe { ffi::X509_VERIFY_PARAM_get_flags(sys::X509_STORE_CTX_get0_param(store_ctx)) };
    let flags = revocation.flags(flags | wished) | flags | wished;
    let may_be_expired = revocation.in_force().is_some_and(|mode| mode.expired);
    if flags & ffi::X509_V_FLAG_CRL_CHECK == 0 || may_be_expired {
        return end;
    }
    let asked_about = if flags & ffi::X509_V_FLAG_CRL_CHECK_ALL != 0 { chain.len().saturating_sub(1) } else { 1 };
    let mut consider = |crl: *mut ffi::X509_CRL| {
        // SAFETY: the caller's CRL is live.
        let next = unsafe { ffi::X509_CRL_get0_nextUpdate(crl) };
        if !next.is_null() {
            // SAFETY: the date belongs to the CRL.
            let next = unsafe { seconds(next) }.unwrap_or(now);
            // One that had run out is not what the verdict rests on.
            if next > now {
                end = end.min(next);
            }
        }
    };
    for certificate in chain.iter().take(asked_about) {
        let of_context = revocation.crls.iter().filter(|crl| crl.is_indirect() || crl.names_issuer_of(certificate));
        of_context.for_each(|crl| consider(crl.as_ptr()));
        // SAFETY: `store_ctx` is live.
        unsafe { each_of_store(store_ctx, certificate, &mut consider) };
    }
    end
}

/// Each CRL of the store that bears the name of the certificate's issuer.
unsafe fn each_of_store(
    store_ctx: *mut ffi::X509_STORE_CTX,
    certificate: &X509,
    consider: &mut impl FnMut(*mut ffi::X509_CRL),
) {
    let _quiet = Quiet::begin();
    // SAFETY: the caller promises that it is live.
    if unsafe { sys::X509_STORE_CTX_get0_store(store_ctx) }.is_null() {
        return;
    }
    // SAFETY: it has a store; the name belongs to the certificate; each CRL of the new stack has one more owner.
    let crls = unsafe { sys::X509_STORE_CTX_get1_crls(store_ctx, ffi::X509_get_issuer_name(certificate.as_ptr())) };
    if crls.is_null() {
        return;
    }
    loop {
        // SAFETY: the stack is ours, and live.
        let crl = unsafe { ffi::OPENSSL_sk_pop(crls.cast()) };
        if crl.is_null() {
            break;
        }
        // SAFETY: the stack held one owner of it, which is ours now.
        consider(unsafe { X509Crl::from_ptr(crl.cast()) }.as_ptr());
    }
    // SAFETY: the stack is ours, and empty.
    unsafe { ffi::OPENSSL_sk_free(crls.cast()) };
}

/// Unix seconds, at little cost where the time has the usual form.
///
/// # Safety
/// `time` is live.
unsafe fn seconds(time: *const ffi::ASN1_TIME) -> Option<i64> {
    // SAFETY: the caller promises that the time is live.
    let (data, length) = unsafe { (ffi::ASN1_STRING_get0_data(time.cast()), ffi::ASN1_STRING_length(time.cast())) };
    if data.is_null() || length <= 0 {
        return None;
    }
    // SAFETY: OpenSSL says that so many bytes are there.
    let digits = unsafe { slice::from_raw_parts(data, length as usize) };
    moment::of_digits(digits).or_else(|| {
        let _quiet = Quiet::begin();
        // SAFETY: the caller promises that the time is live.
        moment::unix_seconds(unsafe { Asn1TimeRef::from_ptr(time.cast_mut()) })
    })
}

/// Ends a client's session earlier: at `end`, when the stapled answer does that it rests on.
///
/// # Safety
/// `ssl` is a live client's `SSL` in the thread that uses it.
pub unsafe fn shorten(ssl: *mut ffi::SSL, end: i64) {
    // SAFETY: the caller promises a live connection in its own thread.
    unsafe { mark::shorten(ssl, end) };
}

/// Lets the session of a server's client, whose certificate was verified just now, end by `end`.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl in the thread that uses it.
pub unsafe fn limit(ssl: *mut ffi::SSL, guard: &Guard, end: i64) {
    // SAFETY: the caller promises a live connection.
    // libssl resumes a session through the second at which its limit ends.
    unsafe { leave(ssl, guard, end.saturating_sub(1).saturating_sub(now())) };
}

/// Lets the session of `ssl` last for `left` seconds more, where it would last longer.
unsafe fn leave(ssl: *mut ffi::SSL, guard: &Guard, left: i64) {
    // SAFETY: the connection is live; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    if session.is_null() {
        return;
    }
    if left < 1 {
        // SAFETY: one number of the live connection: TLS 1.3 writes no ticket, where it has not begun to.
        unsafe { ffi::SSL_set_num_tickets(ssl, 0) };
        let nobodys = guard.unmatchable_mark();
        // A ticket that is written all the same leads to a full handshake.
        // SAFETY: the session is live; the bytes are copied.
        unsafe { sys::SSL_SESSION_set1_id_context(session, nobodys.as_ptr(), nobodys.len() as u32) };
        // SAFETY: both are live; marks the session as not resumable, whether it is in the cache or not.
        unsafe { ffi::SSL_CTX_remove_session(ffi::SSL_get_SSL_CTX(ssl), session) };
    }
    // A limit of 0 would make libssl end the handshake.
    let left = left.max(1) as c_long;
    // SAFETY: the session is live; reads one number.
    if left < unsafe { ffi::SSL_SESSION_get_timeout(session) } {
        // SAFETY: the session is live; sets one number.
        unsafe { sys::SSL_SESSION_set_timeout(session, left) };
    }
}

/// Keeps the end of a resumed session of TLS 1.3 that holds a client's certificate: libssl counts the session's limit anew
/// for the ticket that it writes next.
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it, its handshake complete.
pub unsafe fn keep(ssl: *mut ffi::SSL, guard: &Guard) {
    // SAFETY: the connection is live; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    // SAFETY: reads two fields of the live connection.
    let (resumed, version) = unsafe { (ffi::SSL_session_reused(ssl) == 1, ffi::SSL_version(ssl)) };
    if session.is_null() || !resumed || version < ffi::TLS1_3_VERSION {
        return;
    }
    // SAFETY: `ssl` is live in its own thread.
    if unsafe { certificate_of(ssl) }.is_none() {
        return;
    }
    // SAFETY: the session is live; reads two numbers.
    let (time, timeout) = unsafe { (ffi::SSL_SESSION_get_time(session), ffi::SSL_SESSION_get_timeout(session)) };
    // SAFETY: `ssl` is live in its own thread.
    unsafe { leave(ssl, guard, time.saturating_add(timeout).saturating_sub(now())) };
}

/// The certificate that the client has shown, or that its session holds.
unsafe fn certificate_of(ssl: *mut ffi::SSL) -> Option<X509> {
    // SAFETY: the connection is live; the reference is made for us.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    // SAFETY: not NULL, and owned from here on.
    (!certificate.is_null()).then(|| unsafe { X509::from_ptr(certificate) })
}

/// Refuses a client that resumes a session although its certificate has been revoked since.
///
/// Judges the certificate as in a full handshake, by today's CRLs. Where the session does not hold what the chain is built
/// of, those CRLs count that bear the issuer's name.
///
/// # Safety
/// As for [`keep`].
pub unsafe fn check_not_revoked(ssl: *mut ffi::SSL, guard: &Guard) -> Result<()> {
    // SAFETY: reads one field of the live connection.
    if unsafe { ffi::SSL_session_reused(ssl) } != 1 {
        return Ok(());
    }
    let (revocation, flags) = {
        let settings = guard.settings();
        if settings.waivers.has(Waiver::Chain) {
            return Ok(());
        }
        (settings.revocation.clone(), settings.verify_flags)
    };
    // SAFETY: the connection owns its parameters.
    let wishes = unsafe { Wishes::read(ffi::SSL_get0_param(ssl)) };
    if revocation.flags(wishes.flags() | flags) == 0 {
        return Ok(());
    }
    // SAFETY: `ssl` is live in its own thread.
    let Some(certificate) = (unsafe { certificate_of(ssl) }) else { return Ok(()) };
    let certificate: &X509Ref = &certificate;
    let _quiet = Quiet::begin();
    // SAFETY: the connection keeps its store alive.
    let store = unsafe { guard.anchors.in_force(demand::store_of(ssl), false)? };
    // SAFETY: the connection is live, and keeps what its session holds.
    let sent = unsafe { ffi::SSL_get_peer_cert_chain(ssl) };
    // Its names are compared by `demand::review_names`.
    let case = Case::of(guard, Role::Server, certificate, sent, store, None, wishes);
    let Err(refusal) = judge::judge(&case) else { return Ok(()) };
    if !explain::is_untrusted(refusal.error.x509_code()) && refusal.error.status() != Status::EUnknownIssuer {
        return Err(refusal.error);
    }
    revocation::revoked_by(&case, certificate)
}
