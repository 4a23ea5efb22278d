//! OpenSSL's error queue: our reasons go on it so that an old program which prints `ERR_error_string` shows them too,
//! and set-up calls leave the caller's own entries as they were.

use std::ffi::{CStr, CString, c_char, c_int, c_ulong};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::libssl::sys;

/// Puts `error` on this thread's queue, under the library name "hostlock", its message as the entry's data.
#[doc(alias = "ERR_new")]
#[doc(alias = "ERR_set_debug")]
#[doc(alias = "ERR_set_error")]
pub fn raise(error: &Error) {
    let Ok(message) = CString::new(error.message().replace('\0', "\\0")) else { return };
    // SAFETY: the format is a literal with one %s, and `message` outlives the call, which copies it.
    unsafe {
        ffi::ERR_new();
        ffi::ERR_set_debug(c"hostlock".as_ptr(), 0, c"hostlock".as_ptr());
        ffi::ERR_set_error(library(), -error.status().code(), c"%s".as_ptr(), message.as_ptr());
    }
}

/// Puts a refusal of the peer on the queue: OpenSSL's own words for it first, which programs that read the oldest entry
/// (curl, PHP) know, then `error`. Inside of its verification libssl adds the same words behind, for those that read the
/// newest (Python).
pub fn raise_refusal(error: &Error) {
    raise_verify_failed();
    raise(error);
}

/// The same where libssl adds nothing: its words stand on both sides.
pub fn raise_whole_refusal(error: &Error) {
    raise_refusal(error);
    raise_verify_failed();
}

fn raise_verify_failed() {
    // SAFETY: OpenSSL copies the strings; there is no format, so no argument is read.
    unsafe {
        ffi::ERR_new();
        ffi::ERR_set_debug(c"hostlock".as_ptr(), 0, c"hostlock".as_ptr());
        ffi::ERR_set_error(sys::ERR_LIB_SSL, sys::SSL_R_CERTIFICATE_VERIFY_FAILED, ptr::null());
    }
}

/// The number that this process gave to the library "hostlock", with its reasons registered.
#[doc(alias = "ERR_get_next_error_library")]
#[doc(alias = "ERR_load_strings")]
pub fn library() -> c_int {
    static LIBRARY: OnceLock<c_int> = OnceLock::new();
    // OpenSSL forgets the table when the process ends; kept here it is no leak for those who look for leaks.
    static TABLE: AtomicPtr<ffi::ERR_STRING_DATA> = AtomicPtr::new(ptr::null_mut());
    *LIBRARY.get_or_init(|| {
        // SAFETY: takes no arguments and touches only OpenSSL's own counter.
        let library = unsafe { ffi::ERR_get_next_error_library() };
        let entry = |reason: i32, text: &str| ffi::ERR_STRING_DATA {
            error: ffi::ERR_PACK(library, 0, reason),
            string: CString::new(text).unwrap_or_default().into_raw(),
        };
        let mut table = vec![entry(0, "hostlock")];
        table.extend(Status::ALL.iter().filter(|s| s.code() < 0).map(|s| entry(-s.code(), s.title())));
        table.push(ffi::ERR_STRING_DATA { error: 0, string: ptr::null() });
        let table = Vec::leak(table).as_mut_ptr();
        TABLE.store(table, Ordering::Relaxed);
        // SAFETY: OpenSSL keeps pointers into the table, which is leaked on purpose: it lives as long as the process.
        unsafe { ffi::ERR_load_strings(library, table) };
        library
    })
}

/// While it lives, entries that are added to the queue are ours; dropped, it takes them away again.
///
/// For set-up and accessors only: a handshake, read or write must leave the queue to libssl.
pub struct Quiet(());

impl Quiet {
    /// Marks the queue as it is now.
    #[doc(alias = "ERR_set_mark")]
    pub fn begin() -> Quiet {
        // SAFETY: no arguments; a mark on an empty queue is remembered as "empty".
        unsafe { sys::ERR_set_mark() };
        Quiet(())
    }

    /// The newest entry that was added since [`Quiet::begin`], in OpenSSL's words.
    pub fn newest_reason(&self) -> Option<String> {
        newest_reason()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: pops back to the mark of `begin`; where the queue was empty then, it is emptied.
        unsafe { sys::ERR_pop_to_mark() };
    }
}

/// The code of the newest entry on this thread's queue; 0 where it is empty.
#[doc(alias = "ERR_peek_last_error")]
pub fn newest() -> c_ulong {
    // SAFETY: reads the newest entry of this thread's queue.
    unsafe { ffi::ERR_peek_last_error() }
}

/// Whether the newest entry says that there is no memory left.
pub fn newest_is_no_memory() -> bool {
    is_no_memory(newest())
}

/// Whether any entry says so: what OpenSSL makes of it is a damaged certificate, a wrong signature or an error of the
/// protocol. Marks on the queue are lost.
pub fn tells_of_no_memory() -> bool {
    newest() != 0 && Kept::take().0.iter().any(|entry| is_no_memory(entry.code))
}

/// Whether any entry tells of a failure on this side that no peer can bring about: of memory, mostly without saying so, or of
/// what provides the cryptography. Marks on the queue are lost.
pub fn tells_of_failure_here() -> bool {
    if newest() == 0 {
        return false;
    }
    let kept = Kept::take();
    let mut before = 0;
    kept.0.iter().map(|entry| entry.code).any(|code| {
        let is_peers = is_internal_error(code) && is_brought_about(before);
        before = code;
        is_no_memory(code) || is_failure_here(code) && !is_peers
    })
}

/// What the peer sent that libssl calls an internal error, where that is the newest entry. Marks on the queue are lost.
pub fn behind_internal_error() -> Option<c_ulong> {
    if !is_internal_error(newest()) {
        return None;
    }
    let kept = Kept::take();
    let before = kept.0.iter().rev().nth(1)?.code;
    is_brought_about(before).then_some(before)
}

fn is_no_memory(code: c_ulong) -> bool {
    // ERR_R_MALLOC_FAILURE: 256, with the flags of a fatal reason that all libraries share.
    const MALLOC_FAILURE: c_int = 256 | 0xc0000;
    ffi::ERR_GET_REASON(code) == MALLOC_FAILURE
}

fn is_failure_here(code: c_ulong) -> bool {
    const ERR_LIB_EVP: c_int = 6;
    const COPY_PARAMETERS_FAILED: c_int = 296;
    const INITIALIZATION_ERROR: c_int = 134;
    const NOT_ABLE_TO_COPY_CTX: c_int = 190;
    let found = (ffi::ERR_GET_LIB(code), ffi::ERR_GET_REASON(code));
    is_internal_error(code)
        || matches!(
            found,
            (sys::ERR_LIB_SSL, COPY_PARAMETERS_FAILED) | (ERR_LIB_EVP, INITIALIZATION_ERROR | NOT_ABLE_TO_COPY_CTX)
        )
}

fn is_internal_error(code: c_ulong) -> bool {
    const INTERNAL_ERROR: c_int = 259 | 0xc0000;
    ffi::ERR_GET_REASON(code) == INTERNAL_ERROR
}

/// Whether a peer can bring this about: by a record of TLS 1.2 that is too short to be sealed, by a point that is none.
fn is_brought_about(code: c_ulong) -> bool {
    const ERR_LIB_EC: c_int = 16;
    const ERR_LIB_PROV: c_int = 57;
    const POINT_AT_INFINITY: c_int = 106;
    const INVALID_AAD: c_int = 108;
    const INVALID_DATA: c_int = 115;
    let found = (ffi::ERR_GET_LIB(code), ffi::ERR_GET_REASON(code));
    matches!(found, (ERR_LIB_EC, POINT_AT_INFINITY) | (ERR_LIB_PROV, INVALID_AAD | INVALID_DATA))
}

/// The newest entry on this thread's queue, in OpenSSL's words.
#[doc(alias = "ERR_peek_last_error")]
pub fn newest_reason() -> Option<String> {
    // SAFETY: reads the newest entry of this thread's queue.
    reason_text(unsafe { ffi::ERR_peek_last_error() })
}

/// The entries of this thread's queue, taken off it for a call that empties the queue; dropped, they are all that is on
/// it again. Marks are not kept.
pub struct Kept(Vec<Entry>);

struct Entry {
    code: c_ulong,
    line: c_int,
    file: CString,
    function: CString,
    data: Option<CString>,
}

impl Kept {
    /// Takes all entries.
    #[doc(alias = "ERR_get_error_all")]
    pub fn take() -> Kept {
        let mut entries = Vec::new();
        loop {
            let (mut file, mut function, mut data) = (ptr::null(), ptr::null(), ptr::null());
            let (mut line, mut flags) = (0, 0);
            // SAFETY: every place may be written to; the strings live until the next call of this thread, and are copied.
            let code = unsafe { ffi::ERR_get_error_all(&mut file, &mut line, &mut function, &mut data, &mut flags) };
            if code == 0 {
                return Kept(entries);
            }
            // SAFETY: NULL or NUL-terminated.
            let copy = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_owned());
            entries.push(Entry {
                code,
                line,
                file: copy(file).unwrap_or_default(),
                function: copy(function).unwrap_or_default(),
                data: copy(data).filter(|_| flags & ERR_TXT_STRING != 0),
            });
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: empties this thread's queue.
        unsafe { ffi::ERR_clear_error() };
        for entry in &self.0 {
            let (library, reason) = (ffi::ERR_GET_LIB(entry.code), ffi::ERR_GET_REASON(entry.code));
            // SAFETY: OpenSSL copies all strings; the format is a literal with one %s, or NULL for no data.
            unsafe {
                ffi::ERR_new();
                ffi::ERR_set_debug(entry.file.as_ptr(), entry.line, entry.function.as_ptr());
                match &entry.data {
                    Some(data) => ffi::ERR_set_error(library, reason, c"%s".as_ptr(), data.as_ptr()),
                    None => ffi::ERR_set_error(library, reason, ptr::null()),
                }
            }
        }
    }
}

/// That the data of an entry is a text.
const ERR_TXT_STRING: c_int = 0x02;

/// OpenSSL's words for an error code.
#[doc(alias = "ERR_reason_error_string")]
pub fn reason_text(code: c_ulong) -> Option<String> {
    if code == 0 {
        return None;
    }
    // SAFETY: returns NULL or a string that lives as long as libcrypto.
    let text = unsafe { ffi::ERR_reason_error_string(code) };
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, NUL-terminated, static.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_error_is_read_back_by_old_code() {
        raise(&Error::new(Status::EHostMismatch, "it is for \"a\""));
        let stack = openssl::error::ErrorStack::get();
        let entry = &stack.errors()[0];
        assert_eq!(entry.library(), Some("hostlock"));
        assert_eq!(entry.reason(), Some("host mismatch"));
        assert_eq!(entry.data(), Some("it is for \"a\""));
    }

    #[test]
    fn a_refusal_begins_with_openssls_own_words_and_ends_with_them_where_libssl_adds_none() {
        let read = || {
            let stack = openssl::error::ErrorStack::get();
            let named = |e: &openssl::error::Error| format!("{}: {}", e.library().unwrap(), e.reason().unwrap());
            stack.errors().iter().map(named).collect::<Vec<_>>()
        };
        let (failed, ours) = ("SSL routines: certificate verify failed", "hostlock: host mismatch");
        raise_refusal(&Error::new(Status::EHostMismatch, "it is for \"a\""));
        assert_eq!(read(), [failed, ours]);
        raise_whole_refusal(&Error::new(Status::EHostMismatch, "it is for \"a\""));
        assert_eq!(read(), [failed, ours, failed]);
    }

    #[test]
    fn quiet_takes_its_own_entries_away_and_leaves_the_callers() {
        raise(&Error::new(Status::EArg, "the caller's"));
        {
            let _quiet = Quiet::begin();
            raise(&Error::new(Status::EIo, "ours"));
        }
        let stack = openssl::error::ErrorStack::get();
        assert_eq!(stack.errors().len(), 1);
        assert_eq!(stack.errors()[0].data(), Some("the caller's"));
    }
    #[test]
    fn kept_entries_come_back_whole_and_alone() {
        raise(&Error::new(Status::EArg, "the caller's 100 %s"));
        raise(&Error::new(Status::EIo, ""));
        let all = || {
            let stack = openssl::error::ErrorStack::get();
            let described =
                stack.errors().iter().map(|e| (e.code(), e.line(), e.file().to_owned(), e.data().map(str::to_owned)));
            described.collect::<Vec<_>>()
        };
        let before = all();
        assert_eq!(before.len(), 2);
        raise(&Error::new(Status::EArg, "the caller's 100 %s"));
        raise(&Error::new(Status::EIo, ""));
        {
            let _kept = Kept::take();
            raise(&Error::new(Status::EState, "ours"));
        }
        assert_eq!(all(), before);
    }
}
