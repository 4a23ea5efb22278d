//! What a program asks for in an `X509_VERIFY_PARAM` that OpenSSL does not show on every version: the purpose, the trust
//! setting and the certificate policies. Each is read from the place that scratch parameters have proved to hold it.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::libssl::{Param, sys};

/// What was asked for; zero and `None` where nothing was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `X509_PURPOSE_*`.
    pub purpose: c_int,
    /// `X509_TRUST_*`.
    pub trust: c_int,
    /// The policies of which one must hold, where one is required.
    pub policies: Option<Policies<'a>>,
}

/// Certificate policies that belong to live parameters.
#[derive(Clone, Copy, Debug)]
pub struct Policies<'a> {
    stack: NonNull<ffi::OPENSSL_STACK>,
    life: PhantomData<&'a ()>,
}

impl Policies<'_> {
    pub(in crate::libssl) fn as_ptr(self) -> *mut ffi::OPENSSL_STACK {
        self.stack.as_ptr()
    }

    /// Calls `sink` with the octets of each object identifier.
    pub fn each(self, mut sink: impl FnMut(&[u8])) {
        // SAFETY: the stack is that of live parameters.
        let count = unsafe { ffi::OPENSSL_sk_num(self.as_ptr()) };
        for index in 0..count {
            // SAFETY: the stack holds so many objects, which live as long as it does.
            let octets = unsafe {
                let object = ffi::OPENSSL_sk_value(self.as_ptr(), index).cast::<ffi::ASN1_OBJECT>();
                let (start, length) = (ffi::OBJ_get0_data(object), ffi::OBJ_length(object));
                if start.is_null() { &[][..] } else { std::slice::from_raw_parts(start, length) }
            };
            sink(octets);
        }
    }
}

impl<'a> Asked<'a> {
    /// Reads them; `None` where this OpenSSL keeps them in a way that is not known.
    pub(in crate::libssl) fn read(param: Param<'a>) -> Option<Asked<'a>> {
        let (places, param) = (places()?, param.as_ptr());
        // SAFETY: the view promises the parameters, and each place was found within them.
        let (purpose, trust) = unsafe { (number(param, places.purpose), number(param, places.trust)) };
        // SAFETY: the view promises the parameters, and the place was found within them.
        let policies = unsafe { word(param, places.policies) };
        let policies = NonNull::new(policies.cast_mut().cast()).map(|stack| Policies { stack, life: PhantomData });
        Some(Asked { purpose, trust, policies })
    }

    /// What either asks for; the first counts where both speak of the same.
    pub fn or(self, other: Self) -> Self {
        let first = |one, other| if one == 0 { other } else { one };
        Asked {
            purpose: first(self.purpose, other.purpose),
            trust: first(self.trust, other.trust),
            policies: self.policies.or(other.policies),
        }
    }
}

/// So many words are looked at; the parameters of every OpenSSL have more.
const WORDS: usize = 12;
const NUMBERS: usize = 2 * WORDS;

struct Places {
    purpose: usize,
    trust: usize,
    policies: usize,
}

/// # Safety
/// `param` is live and `place` below [`WORDS`].
unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
    // SAFETY: the caller promises that the word lies inside of live parameters.
    unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
}

/// # Safety
/// `param` is live and `place` below [`NUMBERS`].
unsafe fn number(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> c_int {
    // SAFETY: the caller promises that the number lies inside of live parameters.
    unsafe { ptr::read_volatile(param.cast::<c_int>().add(place)) }
}

fn places() -> Option<&'static Places> {
    static PLACES: OnceLock<Option<Places>> = OnceLock::new();
    crate::nets::unproved!("asked");
    PLACES.get_or_init(probe).as_ref()
}

fn probe() -> Option<Places> {
    if size_of::<*const u8>() != 2 * size_of::<c_int>() {
        return None;
    }
    // SAFETY: no arguments.
    let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if scratch.is_null() {
        return None;
    }
    let numbers = || -> [c_int; NUMBERS] {
        // SAFETY: the scratch parameters are live, and the places below their end.
        std::array::from_fn(|place| unsafe { number(scratch, place) })
    };
    let words = || -> [*const u8; WORDS] {
        // SAFETY: the scratch parameters are live, and the places below their end.
        std::array::from_fn(|place| unsafe { word(scratch, place) })
    };
    let number_changed = |before: [c_int; NUMBERS], value: c_int| {
        let after = numbers();
        let mut changed = (0..NUMBERS).filter(|&place| before[place] != after[place]);
        changed.next().filter(|&place| changed.next().is_none() && (before[place], after[place]) == (0, value))
    };
    let fresh = numbers();
    // SAFETY: stores one number in the scratch parameters.
    let set = unsafe { ffi::X509_VERIFY_PARAM_set_purpose(scratch, ffi::X509_PURPOSE_SMIME_SIGN) } == 1;
    let purpose = number_changed(fresh, ffi::X509_PURPOSE_SMIME_SIGN).filter(|_| set);
    let before = numbers();
    // SAFETY: stores one number in the scratch parameters.
    let set = unsafe { sys::X509_VERIFY_PARAM_set_trust(scratch, sys::X509_TRUST_SSL_SERVER) } == 1;
    let trust = number_changed(before, sys::X509_TRUST_SSL_SERVER).filter(|_| set);
    let before = words();
    // SAFETY: the object is static, and the scratch parameters take it.
    let set = unsafe { sys::X509_VERIFY_PARAM_add0_policy(scratch, ffi::OBJ_nid2obj(sys::NID_ANY_POLICY)) } == 1;
    let after = words();
    let mut changed = (0..WORDS).filter(|&place| before[place] != after[place]);
    let policies = changed.next().filter(|&place| {
        // SAFETY: the one word that changed from NULL is the list in which the policy was put.
        set && changed.next().is_none()
            && before[place].is_null()
            && unsafe { ffi::OPENSSL_sk_num(after[place].cast()) } == 1
    });
    // SAFETY: nothing refers to them any more.
    unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
    Some(Places { purpose: purpose?, trust: trust?, policies: policies? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_openssl_shows_where_it_keeps_purpose_trust_and_policies() {
        // SAFETY: the parameters are live until they are freed; the object is static.
        unsafe {
            let param = ffi::X509_VERIFY_PARAM_new();
            let asked = Asked::read(Param::new(param)).unwrap();
            assert_eq!((asked.purpose, asked.trust), (0, 0));
            assert!(asked.policies.is_none());
            ffi::X509_VERIFY_PARAM_set_purpose(param, ffi::X509_PURPOSE_SMIME_ENCRYPT);
            sys::X509_VERIFY_PARAM_set_trust(param, sys::X509_TRUST_SSL_CLIENT);
            sys::X509_VERIFY_PARAM_add0_policy(param, ffi::OBJ_nid2obj(sys::NID_ANY_POLICY));
            let asked = Asked::read(Param::new(param)).unwrap();
            assert_eq!(asked.purpose, ffi::X509_PURPOSE_SMIME_ENCRYPT);
            assert_eq!(asked.trust, sys::X509_TRUST_SSL_CLIENT);
            assert_eq!(ffi::OPENSSL_sk_num(asked.policies.unwrap().as_ptr()), 1);
            ffi::X509_VERIFY_PARAM_free(param);
        }
    }
}
