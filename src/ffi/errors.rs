//! Section "Errors" of the header: what failed and why, in words and as facts
//!
//! What looks at an error neither resets nor sets this thread's last one, and takes NULL for an error without facts.
//! The texts belong to the error that lends them.

use std::ffi::{CString, c_char, c_int, c_long};
use std::ptr;
use std::sync::Arc;

use super::boundary::{accessor, last};
use super::{conn_of, hostlock_conn, hostlock_error};
use crate::error::{Error, Status};
use crate::handshake::connection_state::{ConnectionState, Verdict};

/// This thread's last failure, or NULL where none has failed yet: of a hostlock call, or of a handshake on a hostlock
/// context that plain OpenSSL calls drove (SSL_connect, SSL_do_handshake, a first SSL_read), so that a caller who has lost
/// the `SSL` still finds why it was refused. The pointer lives until the thread's next failure of either kind; `_free`
/// functions neither reset nor set it. Keep one with hostlock_error_dup.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_last_error() -> *const hostlock_error {
    accessor(ptr::null(), last)
}

/// Why the last handshake on `conn` was refused or failed, whatever ended it; NULL where it did neither, or only waits.
/// Also after a plain SSL_connect or SSL_accept. The pointer lives until the next handshake on `conn`, or until `conn` is
/// freed.
///
/// # Safety
/// `conn` is NULL or a live `SSL` that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_conn_error(conn: *const hostlock_conn) -> *const hostlock_error {
    accessor(ptr::null(), || {
        // SAFETY: the caller promises NULL or a live connection of any libssl.
        let Ok(conn) = (unsafe { conn_of(conn) }) else { return ptr::null() };
        match ConnectionState::of(conn).map(|state| state.known()) {
            Some(known) => match &known.verdict {
                Verdict::Refused(error) => error.as_ptr(),
                // What a call of ours has said of it, in more words than libssl's callbacks know.
                _ if known.failure.is_some() && known.ended.is_some() => {
                    known.ended.as_ref().map_or(ptr::null(), Error::as_ptr)
                }
                _ => known.failure.as_ref().map_or(ptr::null(), Error::as_ptr),
            },
            None => ptr::null(),
        }
    })
}

/// A copy of `error` that lives until hostlock_error_free. NULL for NULL.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_dup(error: *const hostlock_error) -> *mut hostlock_error {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, ptr::null_mut(), |error| Arc::into_raw(error.clone().into_shared()) as *mut hostlock_error) }
}

/// Frees a copy that hostlock_error_dup made. NULL is fine.
///
/// # Safety
/// `error` is NULL or came from hostlock_error_dup, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_free(error: *mut hostlock_error) {
    accessor((), || {
        if !error.is_null() {
            // SAFETY: it is not NULL, and the caller gives up its owner.
            drop(unsafe { Arc::from_raw(error) });
        }
    })
}

/// The status: a negative hostlock_status; 0 for NULL.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_status(error: *const hostlock_error) -> c_int {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, Status::Ok.code(), |error| error.status().code()) }
}

/// What happened, in one line of UTF-8 without a full stop; "" for NULL.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_message(error: *const hostlock_error) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| Some(&error.rendered().message)) }.unwrap_or(c"".as_ptr())
}

/// What can be done about it, in UTF-8; "" where nothing useful is known.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_hint(error: *const hostlock_error) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| Some(&error.rendered().hint)) }.unwrap_or(c"".as_ptr())
}

/// The host that was asked for (the reference identity, RFC 9525), or NULL.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_host(error: *const hostlock_error) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| error.rendered().host.as_ref()) }.unwrap_or(ptr::null())
}

/// How many names the certificate holds (presented identifiers), where the error speaks of them; else 0.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_name_count(error: *const hostlock_error) -> usize {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, 0, |error| error.names().len()) }
}

/// One of the certificate's names: a DNS name, an IP address in its usual form, or an e-mail address, with every
/// unprintable byte escaped; NULL where `index` is too large.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_name(error: *const hostlock_error, index: usize) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| error.rendered().names.get(index)) }.unwrap_or(ptr::null())
}

/// OpenSSL's X509_V_ERR_* number of the failure, or 0.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_x509_code(error: *const hostlock_error) -> c_long {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, 0, |error| error.x509_code().into()) }
}

/// The moment that the failure is about, in seconds since 1970-01-01 UTC: when a certificate expired, or when it
/// becomes valid. 0 where there is none.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_time(error: *const hostlock_error) -> i64 {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, 0, |error| error.time().unwrap_or(0)) }
}

/// Which certificate of the chain is to blame: 0 is the peer's own, -1 where the failure is about none.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_depth(error: *const hostlock_error) -> c_long {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, -1, |error| error.certificate().map_or(-1, |culprit| culprit.depth as c_long)) }
}

/// The chain that was refused, as an indented tree in several lines of UTF-8: as the peer presented it, and as it was
/// built from the peer's certificate upwards, with a mark where it broke. "" where the failure is about no chain.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_chain_text(error: *const hostlock_error) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| Some(&error.rendered().chain_text)) }.unwrap_or(c"".as_ptr())
}

/// All of it as one JSON object: "status" (its name, as hostlock_status_name gives it), "code" (its number), "message",
/// "hint", and where they are known "host", "names", "x509_code", "time" and "certificate" ("depth", "subject",
/// which has no quotes of its own). "{}" for NULL.
///
/// # Safety
/// `error` is NULL or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_error_json(error: *const hostlock_error) -> *const c_char {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { lend(error, |error| Some(&error.rendered().json)) }.unwrap_or(c"{}".as_ptr())
}

/// One more owner of the error behind a pointer that C holds.
///
/// # Safety
/// `error` is live.
pub unsafe fn share(error: *const hostlock_error) -> Error {
    // SAFETY: the caller promises that it lives; the count is raised for the owner that is made.
    Error::from_shared(unsafe {
        Arc::increment_strong_count(error);
        Arc::from_raw(error)
    })
}

/// # Safety
/// `error` is NULL or live.
unsafe fn read<T>(error: *const hostlock_error, fallback: T, body: impl FnOnce(&Error) -> T) -> T {
    if error.is_null() {
        return fallback;
    }
    // SAFETY: it is not NULL, and the caller promises that it lives.
    let error = unsafe { share(error) };
    accessor(fallback, || body(&error))
}

/// # Safety
/// `error` is NULL or live, and outlives the string.
unsafe fn lend(error: *const hostlock_error, body: impl FnOnce(&Error) -> Option<&CString>) -> Option<*const c_char> {
    // SAFETY: the caller promises NULL or a live error.
    unsafe { read(error, None, |error| body(error).map(|text| text.as_ptr())) }
}
