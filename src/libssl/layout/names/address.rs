//! Where parameters keep an address, found on scratch parameters: the one word that setting one changes from NULL to a
//! copy of it, with its length behind it.

use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::libssl::Param;

/// All words that parameters have since OpenSSL 1.1.1.
const WORDS: usize = 14;

/// Whether there may be one; where the place is not known there may be.
pub fn may_be_in(param: Param<'_>) -> bool {
    // SAFETY: the view promises the parameters, and the place was found within them.
    place().is_none_or(|place| !unsafe { word(param.as_ptr(), place) }.is_null())
}

/// # Safety
/// `param` is live and `place` below [`WORDS`].
unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
    // SAFETY: the caller promises live parameters and a word within them.
    unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
}

pub(super) fn place() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("address");
    *PLACE.get_or_init(probe)
}

fn probe() -> Option<usize> {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    // SAFETY: no arguments.
    let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if scratch.is_null() {
        return None;
    }
    let words = || -> [*const u8; WORDS] {
        // SAFETY: the scratch parameters are live.
        std::array::from_fn(|place| unsafe { word(scratch, place) })
    };
    let before = words();
    // SAFETY: the scratch parameters are live, and the octets are copied.
    let set = unsafe { ffi::X509_VERIFY_PARAM_set1_ip(scratch, ADDRESS.as_ptr(), ADDRESS.len()) } == 1;
    let after = words();
    let changed: Vec<usize> = (0..WORDS).filter(|&place| before[place] != after[place]).collect();
    let found = match *changed.as_slice() {
        [place, length] if set && length == place + 1 => {
            (before[place].is_null() && before[length].is_null() && after[length].addr() == ADDRESS.len())
                .then_some(place)
        }
        _ => None,
    };
    // SAFETY: nothing refers to them any more.
    unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
    found
}
