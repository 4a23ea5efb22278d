//! The border between C and Rust: every export passes here. A panic stops here and becomes a refusal, NULL is an error
//! and not a crash, and a failure is kept as this thread's last error.

use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use crate::connection::drive::Progress;
use crate::error::{self, Detail, Error, Result, Status, remember};

/// The thread's last error, or NULL.
pub fn last() -> *const Detail {
    error::last(Error::as_ptr).unwrap_or(ptr::null())
}

/// Runs an export that answers 0 or a negative status.
pub fn status(body: impl FnOnce() -> Result<()>) -> c_int {
    match attempt(body) {
        Ok(()) => Status::Ok.code(),
        Err(error) => fail(error),
    }
}

/// Runs an export that reads or writes: bytes, 0 for a clean end, "want" (which is no failure), or a negative status.
pub fn io(body: impl FnOnce() -> Result<Progress>) -> libc::ssize_t {
    match attempt(body) {
        Ok(Progress::Done(amount)) => libc::ssize_t::try_from(amount).unwrap_or(libc::ssize_t::MAX),
        Ok(Progress::End) => 0,
        Ok(Progress::WantRead) => Status::WantRead.code() as libc::ssize_t,
        Ok(Progress::WantWrite) => Status::WantWrite.code() as libc::ssize_t,
        Err(error) => fail(error) as libc::ssize_t,
    }
}

/// A string for C to own, until hostlock_string_free.
pub fn string_for_c(text: String) -> Result<*mut c_char> {
    match CString::new(text) {
        Ok(text) => Ok(text.into_raw()),
        Err(_) => Err(Error::new(Status::EInternal, "a NUL in a text for C")),
    }
}

/// Writes NULL to the place for a handle, before anything can fail: after a failure nobody finds an old one there.
///
/// # Safety
/// `place` is NULL or writable.
pub unsafe fn clear<T>(place: *mut *mut T) {
    if !place.is_null() {
        // SAFETY: the caller promises that a place which is not NULL is writable.
        unsafe { place.write(ptr::null_mut()) };
    }
}

/// Runs an export that answers a pointer, NULL on failure.
pub fn pointer<T>(body: impl FnOnce() -> Result<*mut T>) -> *mut T {
    attempt(body).unwrap_or_else(|error| {
        remember(error);
        ptr::null_mut()
    })
}

/// Runs an accessor, which cannot fail and leaves the last error alone.
pub fn accessor<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// Keeps `error` and gives its number.
pub fn fail(error: Error) -> c_int {
    let code = error.status().code();
    remember(error);
    code
}

fn attempt<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(Status::EInternal, "a defect inside hostlock was stopped at its border")
            .with_hint("please report it, with the call that led here"))
    })
}

/// A string argument.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and outlives the result.
pub unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    let bytes = unsafe { text_bytes(text, name)? };
    std::str::from_utf8(bytes).map_err(|_| Error::new(Status::EArg, format!("{name} is not UTF-8")))
}

/// A string argument, as bytes.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and outlives the result.
pub unsafe fn text_bytes<'a>(text: *const c_char, name: &str) -> Result<&'a [u8]> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: it is not NULL, and the caller promises a text that ends.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A buffer argument.
///
/// # Safety
/// `data` is NULL or `len` readable bytes that outlive the result.
pub unsafe fn bytes<'a>(data: *const u8, len: usize, name: &str) -> Result<&'a [u8]> {
    if data.is_null() {
        return Err(null(name));
    }
    if len > isize::MAX as usize {
        return Err(Error::new(Status::EArg, format!("the length of {name} is larger than any memory")));
    }
    // SAFETY: it is not NULL, and the caller promises so many readable bytes; no memory is longer than the limit.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// The error for an argument that is NULL.
pub fn null(name: &str) -> Error {
    Error::new(Status::EArg, format!("{name} is NULL"))
}

/// Refuses a NULL pointer.
pub fn not_null<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() { Err(null(name)) } else { Ok(()) }
}
