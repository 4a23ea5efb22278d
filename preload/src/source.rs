//! What the library calls: see `hostlock_seal_set_host_source` in its header.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use crate::answers::{self, Count};
use crate::{rules, watch};

const UNKNOWN: c_int = -1;

/// Answers which hosts a connection is meant for.
///
/// # Safety
/// `random` is NULL or 32 readable bytes, `names` is `room` writable bytes.
pub unsafe extern "C" fn ask(
    fd: c_int,
    random: *const u8,
    names: *mut c_char,
    room: usize,
    _arg: *mut c_void,
) -> c_int {
    // SAFETY: the library promises so many bytes.
    let (random, room) = unsafe { (random_at(random), slice::from_raw_parts_mut(names.cast::<u8>(), room)) };
    let count = catch_unwind(AssertUnwindSafe(|| answers::write(fd, random, rules::of_process(), room)));
    match count {
        Ok(Count::Hosts(count)) => c_int::try_from(count).unwrap_or(UNKNOWN),
        Ok(Count::Unknown) | Err(_) => UNKNOWN,
    }
}

/// Hears of a refusal.
///
/// # Safety
/// `random` is NULL or 32 readable bytes.
pub unsafe extern "C" fn refused(fd: c_int, random: *const u8, _arg: *mut c_void) {
    // SAFETY: the library promises so many bytes.
    let random = unsafe { random_at(random) };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let Some((fd, descriptor)) = watch::find(fd, random) {
            watch::refused(fd, descriptor);
        }
    }));
}

/// # Safety
/// `random` is NULL or 32 readable bytes.
unsafe fn random_at<'a>(random: *const u8) -> Option<&'a [u8; 32]> {
    // SAFETY: the caller promises it; bytes need no alignment.
    unsafe { random.cast::<[u8; 32]>().as_ref() }
}
