//! The search of a store for the certificates of a name. A type of ours says what must be in the store before OpenSSL
//! looks; then OpenSSL's own search decides, so that its answer is the one of a store that was filled at once. Nothing here
//! judges a certificate.

use std::ffi::{c_int, c_void};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result};
use crate::libssl::callback::stopped;
use crate::libssl::certificate::name_der;
use crate::libssl::store::{self, Function};
use crate::libssl::{StoreCtx, sys};

/// What sees to the contents of stores.
pub trait Search {
    /// Puts into `store` what has the name whose DER is `name`, or into another store, which is then searched in its place.
    /// An error ends the search as one that failed, which is not one that found nothing.
    fn prepare(store: &X509StoreRef, name: &[u8]) -> Result<Option<X509Store>>;
}

/// The two functions by which a type comes before OpenSSL's searches. They are told from a program's by their addresses, so
/// each type has them once, in a static of its own.
pub struct Searches {
    get_issuer: sys::GetIssuer,
    lookup_certs: sys::LookupCerts,
}

impl Searches {
    /// Those of `S`.
    pub const fn of<S: Search>() -> Searches {
        Searches { get_issuer: get_issuer::<S>, lookup_certs: lookup_certs::<S> }
    }

    /// Puts them into `store`.
    pub fn install(&self, store: &X509StoreRef) {
        // SAFETY: the store is live; the functions have the type that OpenSSL wants, and stay loaded (the library is linked
        // with -z nodelete).
        unsafe {
            sys::X509_STORE_set_get_issuer(store.as_ptr(), Some(self.get_issuer));
            sys::X509_STORE_set_lookup_certs(store.as_ptr(), Some(self.lookup_certs));
        }
    }

    /// Whether OpenSSL searches `store` through these functions or by its own, and not through a program's.
    pub fn is_plain(&self, store: &X509StoreRef) -> bool {
        let functions = [Function::GetIssuer, Function::LookupCerts].map(|function| store::function(store, function));
        functions.into_iter().all(|function| function.is_null() || self.contains(function))
    }

    /// Whether `function` is one of them.
    pub fn contains(&self, function: *const c_void) -> bool {
        [self.get_issuer as *const (), self.lookup_certs as *const ()].contains(&function.cast())
    }
}

/// Finds the issuer of `certificate`: 1 and one owner, 0, or -1 where that could not be found out.
///
/// # Safety
/// For libcrypto to call, with its own live context of verification.
unsafe extern "C" fn get_issuer<S: Search>(
    issuer: *mut *mut ffi::X509,
    context: *mut ffi::X509_STORE_CTX,
    certificate: *mut ffi::X509,
) -> c_int {
    let search = |context: *mut ffi::X509_STORE_CTX| {
        // SAFETY: libcrypto brought the place and the certificate; the context is its own, or a twin that is live.
        unsafe { sys::X509_STORE_CTX_get1_issuer(issuer, context, certificate) }
    };
    let outcome = stopped(|| {
        // SAFETY: libcrypto hands a live certificate, which has an issuer's name.
        let name = unsafe { ffi::X509_get_issuer_name(certificate) };
        // SAFETY: libcrypto hands a live context, and the name belongs to the certificate.
        unsafe { prepared::<S, _>(context, name, search) }
    });
    outcome.and_then(Result::ok).unwrap_or(-1)
}

/// Finds the certificates of a name: a list with owners of its own, or NULL.
///
/// # Safety
/// For libcrypto to call, with its own live context of verification.
unsafe extern "C" fn lookup_certs<S: Search>(
    context: *mut ffi::X509_STORE_CTX,
    name: *const ffi::X509_NAME,
) -> *mut ffi::stack_st_X509 {
    let search = |context: *mut ffi::X509_STORE_CTX| {
        // SAFETY: libcrypto brought the name; the context is its own, or a twin that is live.
        unsafe { sys::X509_STORE_CTX_get1_certs(context, name) }
    };
    let outcome = stopped(|| {
        // SAFETY: libcrypto hands a live context and a live name.
        unsafe { prepared::<S, _>(context, name, search) }
    });
    outcome.and_then(Result::ok).unwrap_or(ptr::null_mut())
}

/// Runs OpenSSL's own `search` when what has the name is in the store that is to be searched.
///
/// # Safety
/// `context` is NULL or live, and `name` is NULL or lives through the search.
unsafe fn prepared<S: Search, T>(
    context: *mut ffi::X509_STORE_CTX,
    name: *const ffi::X509_NAME,
    search: impl FnOnce(*mut ffi::X509_STORE_CTX) -> T,
) -> Result<T> {
    crate::nets::here!("store lookup");
    // SAFETY: the caller promises a context, which keeps its store alive.
    let Some(store) = (unsafe { StoreCtx::new(context) }).and_then(StoreCtx::store) else { return Ok(search(context)) };
    // SAFETY: the caller promises the name, which nobody changes during a search.
    match S::prepare(store, unsafe { name_der(name) })? {
        None => Ok(search(context)),
        Some(other) => {
            // SAFETY: the context is live, and the other store is dropped behind its twin.
            let twin = unsafe { Twin::of(context, &other)? };
            Ok(search(twin.0))
        }
    }
}

/// A context that searches another store by the same parameters (the time, above all).
struct Twin(*mut ffi::X509_STORE_CTX);

impl Twin {
    /// # Safety
    /// `context` is live, and `store` outlives the result.
    unsafe fn of(context: *mut ffi::X509_STORE_CTX, store: &X509StoreRef) -> Result<Twin> {
        let failed = || Error::no_memory("the verification");
        // SAFETY: no arguments.
        let twin = Twin(unsafe { ffi::X509_STORE_CTX_new() });
        let done = !twin.0.is_null()
            // SAFETY: the new context is ours, and the caller promises the store; NULL is a certificate that is not there.
            && unsafe { ffi::X509_STORE_CTX_init(twin.0, store.as_ptr(), ptr::null_mut(), ptr::null_mut()) } == 1
            // SAFETY: both are live, and each owns its parameters.
            && unsafe {
                sys::X509_VERIFY_PARAM_set1(
                    sys::X509_STORE_CTX_get0_param(twin.0),
                    sys::X509_STORE_CTX_get0_param(context),
                )
            } == 1;
        if done { Ok(twin) } else { Err(failed()) }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once; NULL is left alone.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}
