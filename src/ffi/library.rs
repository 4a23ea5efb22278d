//! Section "Library" of the header: version, status names, and whether the program uses the same libssl.

use std::ffi::{c_char, c_int};

use super::boundary::{accessor, status};
use super::ssl_method_st;
use crate::bridge::libssl::check_method;
use crate::error::Status;

/// The version of the library that runs, such as "0.1.0". Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// A short phrase for a status, such as "host mismatch"; "unknown status" for a number that is none. Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_status_text(status: c_int) -> *const c_char {
    accessor(c"unknown status".as_ptr(), || {
        Status::from_code(status).map_or(c"unknown status".as_ptr(), Status::c_title)
    })
}

/// Whether the program and hostlock use the same copy of libssl. Two copies in one process fail silently before they
/// crash, so a program that mixes OpenSSL calls with hostlock's asks once, at its start:
/// `hostlock_check_libssl(TLS_method())`.
///
/// `method` is what the caller's own `TLS_method()` (or `TLS_client_method()`) gives. 0, HOSTLOCK_E_FOREIGN_LIBSSL or
/// HOSTLOCK_E_ARG.
///
/// # Safety
/// `method` is NULL or a pointer that a libssl gave; it is not dereferenced.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_check_libssl(method: *const ssl_method_st) -> c_int {
    status(|| check_method(method))
}
