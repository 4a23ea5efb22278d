//! What a program has done to an `X509_STORE`: put anything into it, given it ways to find certificates, or replaced
//! OpenSSL's own checking. It only looks; it never changes a store.

use std::ptr;
use std::sync::OnceLock;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::store::{X509StoreBuilder, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue::Quiet;
use crate::sys;
use crate::trust::index::hooks;

/// Whether nobody has put a certificate into `store`, or given it a way to find one. A call that tried and failed
/// counts too: a program that names a file which is not there has named its roots, as raw OpenSSL code expects.
///
/// # Safety
/// `store` is live.
pub unsafe fn is_untouched(store: *mut ffi::X509_STORE) -> Result<bool> {
    // SAFETY: as the caller promises, here and below.
    if unsafe { lookup_count(store)? } > 0 {
        return Ok(false);
    }
    // SAFETY: as above.
    let has_finders = !hooks::is_ours(unsafe { X509StoreRef::from_ptr(store) });
    // SAFETY: as above.
    Ok(unsafe { object_count(store) } == 0 && !has_finders)
}

/// # Safety
/// `store` is live.
unsafe fn object_count(store: *mut ffi::X509_STORE) -> usize {
    // SAFETY: as the caller promises; the lock keeps other threads from adding while the length is read.
    let count = unsafe {
        sys::X509_STORE_lock(store);
        let count = ffi::OPENSSL_sk_num(ffi::X509_STORE_get0_objects(store).cast());
        sys::X509_STORE_unlock(store);
        count
    };
    usize::try_from(count).unwrap_or(0)
}

/// Whether `store` holds no certificate now, and no index that it would find one in. One with directories may still
/// find some.
pub fn is_empty(store: &X509StoreRef) -> bool {
    hooks::indexes(store).is_empty() && store.all_certificates().is_empty()
}

/// How many objects `store` holds now, and how many ways it has to find others, where this OpenSSL shows that.
///
/// # Safety
/// `store` is live.
pub unsafe fn contents(store: *mut ffi::X509_STORE) -> (usize, Option<usize>) {
    // SAFETY: as the caller promises, here and below.
    let (objects, lookups) = unsafe { (object_count(store), lookup_count(store)) };
    let indexes = hooks::indexes(unsafe { X509StoreRef::from_ptr(store) }).len();
    (objects, lookups.ok().map(|lookups| usize::try_from(lookups).unwrap_or(0) + indexes))
}

/// The error for a store that holds nothing.
pub fn nothing_in_it() -> Error {
    Error::new(Status::ENoTrustAnchors, "the certificate store holds no trust anchor, so nothing can be verified")
        .with_hint("load the CA's certificate with hostlock_ctx_trust_file, and look at the answers of the calls that load certificates")
        .with_x509_code(ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
}

/// A store whose program replaced OpenSSL's own checking is no measure for anything.
///
/// # Safety
/// `store` is live.
pub unsafe fn check_plain(store: *mut ffi::X509_STORE) -> Result<()> {
    // SAFETY: each call reads one field of the live store.
    let replaced = unsafe {
        [
            sys::X509_STORE_get_verify(store),
            sys::X509_STORE_get_check_issued(store),
            sys::X509_STORE_get_check_revocation(store),
            sys::X509_STORE_get_check_crl(store),
            sys::X509_STORE_get_cert_crl(store),
            sys::X509_STORE_get_check_policy(store),
        ]
    };
    if replaced.iter().all(|function| function.is_null()) {
        return Ok(());
    }
    Err(Error::new(
        Status::EUnsupported,
        "the program's X509_STORE replaces OpenSSL's own verification by functions of its own",
    )
    .with_hint(
        "use a store without X509_STORE_set_verify, _set_check_* and _set_cert_crl; X509_STORE_set_verify_cb is fine",
    ))
}

/// How many lookups (files, directories, URIs, the program's own) have been hung on `store`.
///
/// Every call that loads certificates hangs one on, also when it then fails. OpenSSL has no function that tells; since
/// 1.1.0 the list is the third word of a store. [`layout_is_known`] sees to that on a scratch store before it is relied
/// upon, and where it is not so, the question is answered by an error.
///
/// # Safety
/// `store` is live.
unsafe fn lookup_count(store: *mut ffi::X509_STORE) -> Result<i32> {
    if !layout_is_known() {
        return Err(Error::new(
            Status::EUnsupported,
            "this OpenSSL does not show whether the program named trust anchors of its own",
        )
        .with_hint("name them with hostlock_ctx_trust_system, or another hostlock_ctx_trust_ function"));
    }
    // SAFETY: the layout was checked, and OpenSSL's stacks know their own length.
    Ok(unsafe { ffi::OPENSSL_sk_num(word(store, LOOKUPS)) })
}

const OBJECTS: usize = 1;
const LOOKUPS: usize = 2;
const PARAMETERS: usize = 3;

/// # Safety
/// `store` is live, and `index` within the words that every OpenSSL's store has.
unsafe fn word<T>(store: *mut ffi::X509_STORE, index: usize) -> *const T {
    // SAFETY: as the caller promises.
    unsafe { ptr::read_volatile((store as *const *const T).add(index)) }
}

fn layout_is_known() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| probe_layout().unwrap_or(false))
}

/// The words on both sides of the list must be what OpenSSL's own getters say; then a lookup must appear on the list.
fn probe_layout() -> Option<bool> {
    let _quiet = Quiet::begin();
    let scratch = X509StoreBuilder::new().ok()?;
    let store = scratch.as_ptr();
    // SAFETY: the store is live for the whole function; the third word is followed only when its neighbours are right.
    unsafe {
        let objects = word::<ffi::stack_st_X509_OBJECT>(store, OBJECTS);
        let parameters = word::<ffi::X509_VERIFY_PARAM>(store, PARAMETERS);
        if objects.is_null()
            || objects != ffi::X509_STORE_get0_objects(store).cast_const()
            || parameters != sys::X509_STORE_get0_param(store).cast_const()
        {
            return None;
        }
        let list: *const ffi::OPENSSL_STACK = word(store, LOOKUPS);
        if list.is_null() || ffi::OPENSSL_sk_num(list) != 0 {
            return None;
        }
        let lookup = sys::X509_STORE_add_lookup(store, sys::X509_LOOKUP_hash_dir());
        let appeared = !lookup.is_null() && ffi::OPENSSL_sk_num(list) == 1;
        Some(appeared && ffi::OPENSSL_sk_value(list, 0).cast() == lookup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_openssl_shows_whether_a_program_named_roots() {
        assert!(layout_is_known());
    }

    #[test]
    fn a_new_store_is_untouched_plain_and_empty() {
        let store = X509StoreBuilder::new().unwrap().build();
        // SAFETY: the store is live.
        unsafe {
            assert!(is_untouched(store.as_ptr()).unwrap());
            check_plain(store.as_ptr()).unwrap();
        }
        assert!(is_empty(&store));
    }
}
