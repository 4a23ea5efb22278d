//! Section "Library" of the header: version, status names, and whether the program uses the same libssl.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::boundary::{accessor, not_null, status};
use super::ssl_method_st;
use crate::error::{Error, Result, Status};

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
    status(|| {
        not_null(method, "method")?;
        // SAFETY: no arguments; gives a pointer into libssl's data.
        let ours = unsafe { openssl_sys::TLS_method() };
        if ours == method || image_of(ours.cast())?.0 == image_of(method.cast())?.0 {
            return Ok(());
        }
        Err(Error::new(
            Status::EForeignLibssl,
            format!(
                "the program uses the libssl in {:?}, but hostlock the one in {:?}",
                image_of(method.cast())?.1,
                image_of(ours.cast())?.1
            ),
        )
        .with_hint("build hostlock against the libssl that the program loads; contexts of two copies cannot be mixed"))
    })
}

/// The load address and the path of the shared object that `address` lies in.
fn image_of(address: *const c_void) -> Result<(*mut c_void, String)> {
    let mut info = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: dladdr only compares the address with the loaded objects' ranges.
    if unsafe { libc::dladdr(address, &mut info) } == 0 || info.dli_fname.is_null() {
        return Err(Error::new(Status::EForeignLibssl, "the method does not belong to any libssl that is loaded now"));
    }
    // SAFETY: dladdr answered with a NUL-terminated path that lives as long as the object is loaded.
    let path = unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy().into_owned();
    Ok((info.dli_fbase, path))
}
