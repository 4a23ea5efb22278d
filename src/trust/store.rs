//! What a program has done to an `X509_STORE`: put anything into it, or given it ways to find certificates. It only
//! looks; it never changes a store.

use std::ptr;
use std::sync::OnceLock;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::store::{X509StoreBuilder, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::trust::index::hooks;
use crate::trust::system;

/// Whether nobody has put a certificate into `store`, or given it a way to find one. A call that tried and failed
/// counts too: a program that names a file which is not there has named its roots, as raw OpenSSL code expects.
pub fn is_untouched(store: &X509StoreRef) -> Result<bool> {
    // SAFETY: the store is live.
    if unsafe { lookup_count(store.as_ptr())? } > 0 {
        return Ok(false);
    }
    let has_finders = !hooks::is_ours(store);
    // SAFETY: the store is live.
    Ok(!has_finders && unsafe { object_count(store.as_ptr())? } == 0)
}

/// Whether `store` holds no certificate now, and no index that it would find one in. One with directories may still
/// find some.
pub fn is_empty(store: &X509StoreRef) -> bool {
    hooks::indexes(store).is_empty() && store.all_certificates().is_empty()
}

/// How many objects `store` holds now, and how many ways it has to find others, where this OpenSSL shows that.
pub fn contents(store: &X509StoreRef) -> (usize, Option<usize>) {
    // SAFETY: the store is live.
    let (objects, lookups) = unsafe { (object_count(store.as_ptr()), lookup_count(store.as_ptr())) };
    let indexes = hooks::indexes(store).len();
    (objects.unwrap_or(0), lookups.ok().map(|lookups| usize::try_from(lookups).unwrap_or(0) + indexes))
}

/// The error for a store that holds nothing. Where the program took OpenSSL's default paths, the environment may be why.
pub fn nothing_in_it() -> Error {
    let hint = "load the CA's certificate with hostlock_ctx_trust_file, and look at the answers of the calls that load certificates";
    let hint = system::missing().map_or_else(|| hint.to_owned(), |missing| format!("{missing}; {hint}"));
    Error::new(Status::ENoTrustAnchors, "the certificate store holds no trust anchor, so nothing can be verified")
        .with_hint(hint)
        .with_x509_code(ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
}

/// How many certificates and CRLs are in `store` now.
///
/// # Safety
/// `store` is live.
#[cfg(not(ossl400))]
unsafe fn object_count(store: *mut ffi::X509_STORE) -> Result<usize> {
    // SAFETY: the lock keeps other threads from adding while the length is read.
    let count = unsafe {
        sys::X509_STORE_lock(store);
        let count = ffi::OPENSSL_sk_num(ffi::X509_STORE_get0_objects(store).cast());
        sys::X509_STORE_unlock(store);
        count
    };
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The same where objects are kept by name: X509_STORE_get0_objects would turn the store back into a list, for good.
///
/// # Safety
/// `store` is live.
#[cfg(ossl400)]
unsafe fn object_count(store: *mut ffi::X509_STORE) -> Result<usize> {
    // SAFETY: as the caller promises; the list is our own.
    let objects = unsafe { sys::X509_STORE_get1_objects(store) };
    if objects.is_null() {
        return Err(Error::new(Status::EInternal, "OpenSSL could not list what is in the certificate store"));
    }
    let objects = objects.cast::<ffi::OPENSSL_STACK>();
    // SAFETY: the list is ours, and so is each object on it.
    let count = unsafe { ffi::OPENSSL_sk_num(objects) };
    for _ in 0..count {
        // SAFETY: as above.
        unsafe { ffi::X509_OBJECT_free(ffi::OPENSSL_sk_pop(objects).cast()) };
    }
    // SAFETY: as above; nothing is on it any more.
    unsafe { ffi::OPENSSL_sk_free(objects) };
    Ok(usize::try_from(count).unwrap_or(0))
}

/// How many lookups (files, directories, URIs, the program's own) have been hung on `store`.
///
/// Every call that loads certificates hangs one on, also when it then fails. OpenSSL has no function that tells, but
/// keeps the list before the store's parameters. [`place_of_lookups`] sees to that on a scratch store before it is
/// relied upon, and where it is not so, the question is answered by an error.
///
/// # Safety
/// `store` is live.
unsafe fn lookup_count(store: *mut ffi::X509_STORE) -> Result<i32> {
    let Some(place) = place_of_lookups() else {
        return Err(Error::new(
            Status::EUnsupported,
            "this OpenSSL does not show whether the program named trust anchors of its own",
        )
        .with_hint("name them with hostlock_ctx_trust_system, or another hostlock_ctx_trust_ function"));
    };
    // SAFETY: the layout was checked, and OpenSSL's stacks know their own length.
    Ok(unsafe { ffi::OPENSSL_sk_num(word(store, place)) })
}

/// Where a store's parameters may be, in words: at 3 since 1.1.0, and at 4 since 4.0.
const PARAMETERS: std::ops::RangeInclusive<usize> = 3..=4;

/// # Safety
/// `store` is live, and `index` within the words that every OpenSSL's store has.
unsafe fn word<T>(store: *mut ffi::X509_STORE, index: usize) -> *const T {
    // SAFETY: as the caller promises.
    unsafe { ptr::read_volatile((store as *const *const T).add(index)) }
}

fn place_of_lookups() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("lookups");
    *PLACE.get_or_init(probe_layout)
}

/// The words on both sides of the list must be what OpenSSL's own getters say; then a lookup must appear on the list.
fn probe_layout() -> Option<usize> {
    let _quiet = Quiet::begin();
    let scratch = X509StoreBuilder::new().ok()?;
    let store = scratch.as_ptr();
    // SAFETY: the store is live for the whole function; the list is followed only when its neighbours are right.
    unsafe {
        let parameters = sys::X509_STORE_get0_param(store).cast_const();
        let place = PARAMETERS.into_iter().find(|&place| word(store, place) == parameters)? - 1;
        let objects = ffi::X509_STORE_get0_objects(store).cast_const();
        if objects.is_null() || objects != word(store, place - 1) {
            return None;
        }
        let list: *const ffi::OPENSSL_STACK = word(store, place);
        if list.is_null() || ffi::OPENSSL_sk_num(list) != 0 {
            return None;
        }
        let lookup = sys::X509_STORE_add_lookup(store, sys::X509_LOOKUP_hash_dir());
        let appeared = !lookup.is_null() && ffi::OPENSSL_sk_num(list) == 1;
        (appeared && ffi::OPENSSL_sk_value(list, 0).cast() == lookup).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_openssl_shows_whether_a_program_named_roots() {
        assert!(place_of_lookups().is_some());
    }

    #[test]
    fn a_new_store_is_untouched_and_empty() {
        let store = X509StoreBuilder::new().unwrap().build();
        assert!(is_untouched(&store).unwrap());
        assert!(is_empty(&store));
    }
}
