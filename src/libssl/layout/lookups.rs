//! How many lookups (files, directories, URIs, a program's own) hang on a store. Every call of OpenSSL's that loads
//! certificates hangs one on, also when it then fails. OpenSSL keeps the list before the store's parameters.

use std::ptr;
use std::sync::OnceLock;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::store::{X509StoreBuilder, X509StoreRef};
use openssl_sys as ffi;

use crate::libssl::queue::Quiet;
use crate::libssl::sys;

/// How many hang on `store`; `None` where this OpenSSL does not show it.
pub fn lookup_count(store: &X509StoreRef) -> Option<usize> {
    let place = place()?;
    // SAFETY: the store is live, and the place was found within the words that every store has.
    let list: *const ffi::OPENSSL_STACK = unsafe { word(store.as_ptr(), place) };
    // SAFETY: the list stood there on the scratch store, and lives as long as its store; a stack knows its own length.
    Some(usize::try_from(unsafe { ffi::OPENSSL_sk_num(list) }).unwrap_or(0))
}

/// Where a store's parameters may be, in words: at 3 since 1.1.0, and at 4 since 4.0.
const PARAMETERS: std::ops::RangeInclusive<usize> = 3..=4;

/// # Safety
/// `store` is live, and `index` within the words that every OpenSSL's store has.
unsafe fn word<T>(store: *mut ffi::X509_STORE, index: usize) -> *const T {
    // SAFETY: the caller promises that the word lies inside of a live store.
    unsafe { ptr::read_volatile((store as *const *const T).add(index)) }
}

fn place() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("lookups");
    *PLACE.get_or_init(probe)
}

/// The words on both sides of the list must be what OpenSSL's own getters say; then a lookup must appear on the list.
fn probe() -> Option<usize> {
    let _quiet = Quiet::begin();
    let scratch = X509StoreBuilder::new().ok()?;
    let store = scratch.as_ptr();
    // SAFETY: the scratch store lives to the end of the function.
    let parameters = unsafe { sys::X509_STORE_get0_param(store) }.cast_const();
    // SAFETY: every store has more words than are looked at.
    let place = PARAMETERS.into_iter().find(|&place| unsafe { word(store, place) } == parameters)? - 1;
    // SAFETY: the scratch store is live, and nobody else has it.
    let objects = unsafe { ffi::X509_STORE_get0_objects(store) }.cast_const();
    // SAFETY: the place lies before that of the parameters.
    if objects.is_null() || objects != unsafe { word(store, place - 1) } {
        return None;
    }
    // SAFETY: the place lies before that of the parameters.
    let list: *const ffi::OPENSSL_STACK = unsafe { word(store, place) };
    // SAFETY: both neighbours are what they are in every known OpenSSL, so what stands between them is the list.
    if list.is_null() || unsafe { ffi::OPENSSL_sk_num(list) } != 0 {
        return None;
    }
    // SAFETY: the scratch store is live, and the method is libcrypto's own static one.
    let lookup = unsafe { sys::X509_STORE_add_lookup(store, sys::X509_LOOKUP_hash_dir()) };
    // SAFETY: the list lives as long as the scratch store; an index past its end gives NULL.
    let (count, first) = unsafe { (ffi::OPENSSL_sk_num(list), ffi::OPENSSL_sk_value(list, 0)) };
    (!lookup.is_null() && count == 1 && first.cast() == lookup).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libssl::store;

    #[test]
    fn this_openssl_shows_the_lookups_of_a_store() {
        let store = X509StoreBuilder::new().unwrap().build();
        assert_eq!(lookup_count(&store), Some(0));
        store::add_directory(&store, c"/nonexistent").unwrap();
        assert_eq!(lookup_count(&store), Some(1));
    }
}
