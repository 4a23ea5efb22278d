//! Where parameters keep an address and an e-mail address up to OpenSSL 3.x, which does not tell whether there is the one and
//! how long the other is. It is found on scratch parameters: the one word that setting a name changes from NULL to a copy of
//! it, with its length behind it.

use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::libssl::{Param, sys};

/// All words that parameters have since OpenSSL 1.1.1.
const WORDS: usize = 14;

/// The words of the two pointers; the lengths lie behind them.
#[derive(Clone, Copy)]
pub struct Places {
    address: usize,
    email: usize,
}

/// Whether there is an address, or it cannot be told.
pub fn may_hold_address(param: Param<'_>) -> bool {
    // SAFETY: the view promises the parameters, and the place was found within them.
    found().is_none_or(|places| !unsafe { word(param.as_ptr(), places.address) }.is_null())
}

/// How many bytes the e-mail address has; `None` where it cannot be told.
pub fn email_length(param: Param<'_>) -> Option<usize> {
    // SAFETY: the view promises the parameters, and the place was found within them.
    found().map(|places| unsafe { word(param.as_ptr(), places.email + 1) }.addr())
}

/// # Safety
/// `param` is live and `place` below [`WORDS`].
unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
    // SAFETY: the caller promises live parameters and a word within them.
    unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
}

/// The places, where they are certain.
pub(super) fn found() -> Option<Places> {
    static PLACES: OnceLock<Option<Places>> = OnceLock::new();
    crate::nets::unproved!("address");
    *PLACES.get_or_init(probe)
}

fn probe() -> Option<Places> {
    // SAFETY: no arguments.
    let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if scratch.is_null() {
        return None;
    }
    let words = || -> [*const u8; WORDS] {
        // SAFETY: the scratch parameters are live.
        std::array::from_fn(|place| unsafe { word(scratch, place) })
    };
    let find = |length: usize, set: &dyn Fn() -> bool| {
        let before = words();
        let is_set = set();
        let after = words();
        let changed: Vec<usize> = (0..WORDS).filter(|&place| before[place] != after[place]).collect();
        match *changed.as_slice() {
            [place, behind] if is_set && behind == place + 1 => {
                (before[place].is_null() && before[behind].is_null() && after[behind].addr() == length).then_some(place)
            }
            _ => None,
        }
    };
    let (octets, name) = ([192u8, 0, 2, 1], "name@host.example");
    // SAFETY: the scratch parameters are live, and the octets are copied.
    let address =
        find(octets.len(), &|| unsafe { ffi::X509_VERIFY_PARAM_set1_ip(scratch, octets.as_ptr(), octets.len()) == 1 });
    // SAFETY: the scratch parameters are live, and the bytes are copied.
    let email = find(name.len(), &|| unsafe {
        sys::X509_VERIFY_PARAM_set1_email(scratch, name.as_ptr().cast(), name.len()) == 1
    });
    // SAFETY: nothing refers to them any more.
    unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
    Some(Places { address: address?, email: email? })
}
