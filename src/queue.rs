//! OpenSSL's error queue: our reasons go on it so that an old program which prints `ERR_error_string` shows them too,
//! and set-up calls leave the caller's own entries as they were.

use std::ffi::{CStr, CString, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::sys;

/// Puts `error` on this thread's queue, under the library name "hostlock", its message as the entry's data.
pub fn raise(error: &Error) {
    let Ok(message) = CString::new(error.message().replace('\0', "\\0")) else { return };
    // SAFETY: the format is a literal with one %s, and `message` outlives the call, which copies it.
    unsafe {
        ffi::ERR_new();
        ffi::ERR_set_debug(c"hostlock".as_ptr(), 0, c"hostlock".as_ptr());
        ffi::ERR_set_error(library(), -error.status().code(), c"%s".as_ptr(), message.as_ptr());
    }
}

/// The number that this process gave to the library "hostlock", with its reasons registered.
fn library() -> c_int {
    static LIBRARY: OnceLock<c_int> = OnceLock::new();
    // OpenSSL forgets the table when the process ends; kept here it is no leak for those who look for leaks.
    static TABLE: AtomicPtr<ffi::ERR_STRING_DATA> = AtomicPtr::new(std::ptr::null_mut());
    *LIBRARY.get_or_init(|| {
        // SAFETY: takes no arguments and touches only OpenSSL's own counter.
        let library = unsafe { ffi::ERR_get_next_error_library() };
        let entry = |reason: i32, text: &str| ffi::ERR_STRING_DATA {
            error: ffi::ERR_PACK(library, 0, reason),
            string: CString::new(text).unwrap_or_default().into_raw(),
        };
        let mut table = vec![entry(0, "hostlock")];
        table.extend(Status::ALL.iter().filter(|s| s.code() < 0).map(|s| entry(-s.code(), s.title())));
        table.push(ffi::ERR_STRING_DATA { error: 0, string: std::ptr::null() });
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
    pub fn begin() -> Quiet {
        // SAFETY: no arguments; a mark on an empty queue is remembered as "empty".
        unsafe { sys::ERR_set_mark() };
        Quiet(())
    }

    /// The newest entry that was added since [`Quiet::begin`], in OpenSSL's words.
    pub fn newest_reason(&self) -> Option<String> {
        // SAFETY: reads the newest entry of this thread's queue.
        let code = unsafe { ffi::ERR_peek_last_error() };
        reason_text(code)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: pops back to the mark of `begin`; where the queue was empty then, it is emptied.
        unsafe { sys::ERR_pop_to_mark() };
    }
}

/// OpenSSL's words for an error code.
pub fn reason_text(code: std::ffi::c_ulong) -> Option<String> {
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
}
