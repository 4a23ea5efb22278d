//! Until when a session may be resumed: no longer than what its verification rests on, and no longer than the policy's
//! greatest age since then. A renewed ticket extends neither.
//!
//! libssl's clients ignore a session's own time limit, so there the end stands in the mark. On servers the session's timeout
//! holds, if it is shortened before the ticket is written.

use std::ffi::c_long;
use std::time::{SystemTime, UNIX_EPOCH};

use foreign_types::ForeignType;
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::chain::waivers::Waiver;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::handshake::session;
use crate::libssl::sys;
use crate::moment;
use crate::revocation;

/// Now, in Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// The end of a session whose verification rests on `chain`.
///
/// Where the program waived the time, or fixed it, certificates and CRLs do not end: only the age counts.
pub fn of(guard: &Guard, chain: &[X509]) -> i64 {
    let oldest = now().saturating_add(guard.policy.session_age.into());
    let settings = guard.settings();
    if settings.waivers.has(Waiver::Time) || settings.verify_time.is_some() {
        return oldest;
    }
    let certificates = chain.iter().filter_map(|certificate| moment::unix_seconds(certificate.not_after()));
    certificates.chain(settings.revocation.end_of_crls(chain)).fold(oldest, i64::min)
}

/// Ends a client's session earlier: at `end`, when the stapled answer does that it rests on.
///
/// # Safety
/// `ssl` is a live client's `SSL` in the thread that uses it.
pub unsafe fn shorten(ssl: *mut ffi::SSL, end: i64) {
    // SAFETY: the caller promises a live connection in its own thread.
    unsafe { session::shorten(ssl, end) };
}

/// Ends a server's session at `end`, where that is earlier than its timeout. One that has less than a second left is not
/// to be resumed at all, and no ticket is written for it: a timeout of 0 would end the handshake.
///
/// # Safety
/// `ssl` is a live server's `SSL` in the thread that uses it, before its ticket is written.
pub unsafe fn limit(ssl: *mut ffi::SSL, end: i64) {
    // SAFETY: `ssl` is live; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    if session.is_null() {
        return;
    }
    let left = end.saturating_sub(now());
    if left < 1 {
        // SAFETY: changes fields of the live connection.
        unsafe { sys::SSL_set_num_tickets(ssl, 0) };
        // SAFETY: changes a field of the live connection.
        unsafe { sys::SSL_set_options(ssl, ffi::SSL_OP_NO_TICKET) };
        // SAFETY: both are live; whether the session is in the cache does not matter.
        unsafe { ffi::SSL_CTX_remove_session(ffi::SSL_get_SSL_CTX(ssl), session) };
        return;
    }
    // SAFETY: reads a field of the live session.
    let timeout: i64 = unsafe { ffi::SSL_SESSION_get_timeout(session) };
    if left < timeout {
        // SAFETY: changes a field of the live session.
        unsafe { sys::SSL_SESSION_set_timeout(session, left as c_long) };
    }
}

/// Keeps the end of a resumed session of TLS 1.3: the ticket that is written next counts its time from now.
///
/// # Safety
/// As for [`limit`].
pub unsafe fn keep(ssl: *mut ffi::SSL) {
    // SAFETY: `ssl` is live; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    // SAFETY: reads a field of the live connection.
    if session.is_null() || unsafe { ffi::SSL_session_reused(ssl) } != 1 {
        return;
    }
    // SAFETY: reads two fields of the live session.
    let (time, timeout) = unsafe { (ffi::SSL_SESSION_get_time(session), ffi::SSL_SESSION_get_timeout(session)) };
    let left = time.saturating_add(timeout).saturating_sub(now()).max(1);
    if left < timeout {
        // SAFETY: changes a field of the live session.
        unsafe { sys::SSL_SESSION_set_timeout(session, left as c_long) };
    }
}

/// Refuses a client that resumes a session although its certificate has been revoked since. Its chain is gone with the
/// handshake that verified it, so a CRL of its issuer's name is believed.
///
/// # Safety
/// `ssl` is a live server's `SSL` in the thread that uses it, its handshake complete.
pub unsafe fn check_not_revoked(ssl: *mut ffi::SSL, guard: &Guard) -> Result<()> {
    // SAFETY: reads a field of the live connection.
    if unsafe { ffi::SSL_session_reused(ssl) } != 1 {
        return Ok(());
    }
    let revocation = guard.settings().revocation.clone();
    if revocation.crls.is_empty() {
        return Ok(());
    }
    // SAFETY: `ssl` is live; the reference was made for us.
    let certificate = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
    if certificate.is_null() {
        return Ok(());
    }
    // SAFETY: not NULL, and owned from here on.
    let certificate = unsafe { X509::from_ptr(certificate) };
    let refusal: Option<Error> = revocation::revoked_by(&revocation.crls, &certificate);
    refusal.map_or(Ok(()), Err)
}
