//! Section "Library" of the header: its version, its strings, and whether the program uses the same libssl

use std::ffi::{CString, c_char, c_int};

use super::boundary::{accessor, status};
use super::ssl_method_st;
use crate::libssl::ours::check_method;

/// The version of the library that runs, such as "0.1.0". Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The version of the running library's interface: MAJOR * 1000 + MINOR. Compare it with HOSTLOCK_ABI_VERSION, which is
/// that of the header. A library serves every program whose header has the same MAJOR and no higher number; while MAJOR
/// is 0, the numbers must be equal.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_abi_version() -> u32 {
    const VERSION: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1000 + number(env!("CARGO_PKG_VERSION_MINOR"));
    VERSION
}

/// Frees a string that a hostlock function made for its caller. NULL is fine.
///
/// # Safety
/// `string` is NULL or came from such a function, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hostlock_string_free(string: *mut c_char) {
    accessor((), || {
        if !string.is_null() {
            // SAFETY: the caller promises that `string_for_c` made it, and that it is not used again.
            drop(unsafe { CString::from_raw(string) });
        }
    })
}

/// Whether the program and hostlock use the same copy of libssl. Two copies in one process fail silently before they
/// crash. A program that mixes OpenSSL calls with hostlock's asks once, at its start:
/// hostlock_check_libssl(TLS_method()).
///
/// `method` is what the caller's own `TLS_method()` (or `TLS_client_method()`) gives.
///
/// # Safety
/// `method` is NULL or a pointer that a libssl gave; it is not dereferenced.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_check_libssl(method: *const ssl_method_st) -> c_int {
    status(|| check_method(method))
}

const fn number(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("cargo gives numbers"),
    }
}
