//! Section "Statuses" of the header: what each number means, its name and its phrase
//!
//! A number is never reused, and a name never changes: programs may compare both.

use std::ffi::{c_char, c_int};

use super::boundary::accessor;
use crate::error::Status;

/// The name of a status in this header, such as "HOSTLOCK_E_HOST_MISMATCH", which is also the "status" in JSON;
/// "unknown status" for a number that is none. Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_status_name(status: c_int) -> *const c_char {
    accessor(c"unknown status".as_ptr(), || {
        Status::from_code(status).map_or(c"unknown status".as_ptr(), Status::c_name)
    })
}

/// A short phrase for a status, such as "host mismatch"; "unknown status" for a number that is none. Static; never
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hostlock_status_text(status: c_int) -> *const c_char {
    accessor(c"unknown status".as_ptr(), || {
        Status::from_code(status).map_or(c"unknown status".as_ptr(), Status::c_title)
    })
}
