//! Sessions are bound to the host, the policy and the context that verified them.
//!
//! Only a verified handshake puts the mark on its session. Until then the connection and its new session bear one that
//! fits nothing, so that a handshake whose verification was missed leaves nothing that could be resumed.
//!
//! The mark is the session's *id context*, which libssl itself compares when a session is resumed, copies into the
//! sessions that TLS 1.3 tickets make, and keeps when a program stores or duplicates a session. So there is no ex_data
//! on `SSL_SESSION` objects, which programs own and duplicate in ways of their own.

use std::ffi::c_uint;
use std::{ptr, slice};

use openssl_sys as ffi;

use crate::guard::Guard;
use crate::host::Wanted;
use crate::libssl::sys;

/// The mark of sessions that `guard` verified for `wanted`, in a handshake that began with this generation of settings:
/// a change meanwhile neither refuses what has begun, nor lets its session outlive it.
pub fn compute(guard: &Guard, generation: u64, wanted: &Wanted) -> [u8; 32] {
    let mut meaning = Vec::with_capacity(96);
    meaning.extend_from_slice(&generation.to_be_bytes());
    meaning.extend_from_slice(guard.policy.name.as_bytes());
    wanted.describe(|bytes| meaning.extend_from_slice(bytes));
    // Where another thread looks just now, nobody waits.
    let mut last = guard.last_mark.0.try_lock().ok();
    if let Some(Some((known, mark))) = last.as_deref()
        && *known == meaning
    {
        return *mark;
    }
    let mut hash = openssl::sha::Sha256::new();
    hash.update(&guard.mark_nonce());
    hash.update(&meaning);
    let mark = hash.finish();
    if let Some(last) = last.as_deref_mut() {
        *last = Some((meaning, mark));
    }
    mark
}

/// What a client's session bears: when it ends, in Unix seconds, and what it was verified for. The end needs no secret: the
/// session lies with the program, and only its mistakes are meant.
pub fn with_end(meaning: &[u8; 32], end: i64) -> [u8; 32] {
    let mut mark = [0; 32];
    mark[..END].copy_from_slice(&end.to_be_bytes());
    mark[END..].copy_from_slice(&meaning[..32 - END]);
    mark
}

/// How many bytes of a client's mark say when its session ends.
const END: usize = size_of::<i64>();

/// The mark that the session of `ssl` bears, where it was verified for `meaning` and has not ended at `now`; `None` also
/// where there is no session.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn of_session(ssl: *const ffi::SSL, meaning: &[u8; 32], now: i64) -> Option<[u8; 32]> {
    // SAFETY: the caller promises a live connection.
    let mark: [u8; 32] = unsafe { id_context(ssl) }?.try_into().ok()?;
    let (end, rest) = mark.split_first_chunk::<END>()?;
    (*rest == meaning[..32 - END] && now < i64::from_be_bytes(*end)).then_some(mark)
}

/// Ends the session of `ssl`, which bears a client's mark, at `end` at the latest.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn shorten(ssl: *mut ffi::SSL, end: i64) {
    // SAFETY: the caller promises a live connection.
    let Some(mut mark) = (unsafe { id_context(ssl) }).and_then(|mark| <[u8; 32]>::try_from(mark).ok()) else { return };
    let Some((of_session, _)) = mark.split_first_chunk_mut::<END>() else { return };
    if end < i64::from_be_bytes(*of_session) {
        *of_session = end.to_be_bytes();
        // SAFETY: the caller promises a live connection.
        unsafe { put(ssl, &mark) };
    }
}

/// Makes libssl refuse to resume a session on `ssl` that does not bear `mark`.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl whose handshake has not begun to read.
pub unsafe fn require(ssl: *mut ffi::SSL, mark: &[u8; 32]) {
    // SAFETY: 32 bytes are the most that OpenSSL takes (SSL_MAX_SID_CTX_LENGTH), and they are copied.
    unsafe { sys::SSL_set_session_id_context(ssl, mark.as_ptr(), mark.len() as c_uint) };
}

/// Marks the session of `ssl` as verified, for the one that the handshake just made.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn put(ssl: *mut ffi::SSL, mark: &[u8; 32]) {
    // SAFETY: as the caller promises; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    if !session.is_null() {
        // SAFETY: the session is live; the bytes are copied.
        unsafe { sys::SSL_SESSION_set1_id_context(session, mark.as_ptr(), mark.len() as c_uint) };
    }
}

/// Whether `ssl` holds a session that it would offer.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn offers_session(ssl: *const ffi::SSL) -> bool {
    // SAFETY: as the caller promises; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    // SAFETY: the session is live.
    if session.is_null() || unsafe { sys::SSL_SESSION_is_resumable(session) } != 1 {
        return false;
    }
    // For Encrypted ClientHello libssl gives the session that the handshake is about to make an id at once. It has no
    // key yet, so there is nothing to resume.
    // SAFETY: the session is live; with no room the length of its key is answered.
    unsafe { ffi::SSL_SESSION_get_master_key(session, ptr::null_mut(), 0) > 0 }
}

/// Whether the session that `ssl` holds bears `mark`; `None` where it holds no session.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn session_bears(ssl: *const ffi::SSL, mark: &[u8; 32]) -> Option<bool> {
    // SAFETY: the caller promises a live connection.
    unsafe { id_context(ssl) }.map(|context| context == mark)
}

/// The id context of the session that `ssl` holds.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl; the bytes live until its session is marked or exchanged.
unsafe fn id_context<'a>(ssl: *const ffi::SSL) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    if session.is_null() {
        return None;
    }
    let mut len: c_uint = 0;
    // SAFETY: `session` is live; the pointer is into it.
    let context = unsafe { sys::SSL_SESSION_get0_id_context(session, &mut len) };
    if context.is_null() {
        return Some(&[]);
    }
    // SAFETY: OpenSSL says that `len` bytes are there.
    Some(unsafe { slice::from_raw_parts(context, len as usize) })
}

/// Makes the session of `ssl` worthless: no mark, not resumable.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl.
pub unsafe fn spoil_session(ssl: *mut ffi::SSL) {
    // SAFETY: as the caller promises; the session is borrowed from it.
    let session = unsafe { ffi::SSL_get_session(ssl) };
    if session.is_null() {
        return;
    }
    // SAFETY: an empty context is allowed; nothing is read.
    unsafe { sys::SSL_SESSION_set1_id_context(session, [0u8].as_ptr(), 0) };
    // SAFETY: marks the session as not resumable, whether it is in the cache or not.
    unsafe { ffi::SSL_CTX_remove_session(ffi::SSL_get_SSL_CTX(ssl), session) };
}
