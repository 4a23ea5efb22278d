//! The purpose in an `X509_VERIFY_PARAM`, for which OpenSSL has had no getter before 3.5. Its place is found on scratch
//! parameters, once per process, and only ever read; where the place is not certain the answer is "unknown".

use std::ffi::c_int;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

/// The purpose of `param`: 0 where none was set, `None` where this OpenSSL does not show it.
///
/// # Safety
/// `param` is live and not changed by another thread.
pub unsafe fn of(param: *const ffi::X509_VERIFY_PARAM) -> Option<c_int> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    let place = (*PLACE.get_or_init(find_place))?;
    // SAFETY: as the caller promises; the place lies within what all parameters have.
    Some(unsafe { number(param, place) })
}

/// How many numbers are looked at: the first 64 octets. The structure has had more than a hundred since OpenSSL 1.1.0.
const NUMBERS: usize = 16;

/// # Safety
/// `param` is live and `index` below [`NUMBERS`].
unsafe fn number(param: *const ffi::X509_VERIFY_PARAM, index: usize) -> c_int {
    // SAFETY: as the caller promises; the structure is aligned as pointers are.
    unsafe { ptr::read_volatile((param as *const c_int).add(index)) }
}

/// The one number that follows when the purpose is set to two values, one after the other.
fn find_place() -> Option<usize> {
    let scratch = Scratch::new()?;
    let purposes = [9, 4];
    let [unset, first, second] = [None, Some(purposes[0]), Some(purposes[1])].map(|purpose| scratch.with(purpose));
    let follows = |at: &usize| unset[*at] == 0 && first[*at] == purposes[0] && second[*at] == purposes[1];
    let mut places = (0..NUMBERS).filter(follows);
    let place = places.next()?;
    places.next().is_none().then_some(place)
}

struct Scratch(*mut ffi::X509_VERIFY_PARAM);

impl Scratch {
    fn new() -> Option<Scratch> {
        // SAFETY: no arguments.
        let param = unsafe { ffi::X509_VERIFY_PARAM_new() };
        (!param.is_null()).then_some(Scratch(param))
    }

    fn with(&self, purpose: Option<c_int>) -> [c_int; NUMBERS] {
        if let Some(purpose) = purpose {
            // SAFETY: the parameters are live and ours alone.
            unsafe { ffi::X509_VERIFY_PARAM_set_purpose(self.0, purpose) };
        }
        // SAFETY: as above.
        std::array::from_fn(|index| unsafe { number(self.0, index) })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_VERIFY_PARAM_free(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_purpose_that_was_set_is_read_back() {
        let scratch = Scratch::new().unwrap();
        // SAFETY: the parameters are live.
        unsafe {
            assert_eq!(of(scratch.0), Some(0));
            for purpose in 1..=9 {
                ffi::X509_VERIFY_PARAM_set_purpose(scratch.0, purpose);
                ffi::X509_VERIFY_PARAM_set_depth(scratch.0, purpose + 3);
                assert_eq!(of(scratch.0), Some(purpose));
            }
        }
    }
}
