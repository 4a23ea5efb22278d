//! Which anchors a context trusts now. Roots that a program chose, by our calls or through any door of OpenSSL, are its
//! decision; only where it chose none do the system's roots stand in.

use std::ffi::c_int;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue::Quiet;
use crate::sys;
use crate::trust::source;

/// The trust anchors of one context.
pub struct Anchors {
    /// The store that the context was born with, kept alive so that its address stays its own.
    born: X509Store,
    /// Lookups of that store which its own directories and URIs would be added to; they live as long as the store.
    directories: *const sys::X509_LOOKUP,
    uris: *const sys::X509_LOOKUP,
    /// Whether one of our own trust calls has succeeded.
    chosen: AtomicBool,
    /// The system's roots, loaded when they are first needed.
    implicit: OnceLock<X509Store>,
}

// SAFETY: the lookups belong to `born`, are never written through these pointers, and OpenSSL's stores may be used from
// several threads.
unsafe impl Send for Anchors {}
// SAFETY: as above.
unsafe impl Sync for Anchors {}

impl Anchors {
    /// The anchors of a context that has just been made.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl that no other thread uses yet.
    pub unsafe fn of_new_context(ctx: *mut ffi::SSL_CTX) -> Result<Anchors> {
        // SAFETY: the caller promises `ctx`, which owns the store; we add an owner.
        let born = unsafe {
            let raw = ffi::SSL_CTX_get_cert_store(ctx);
            sys::X509_STORE_up_ref(raw);
            X509Store::from_ptr(raw)
        };
        // SAFETY: the store is live; the methods are OpenSSL's own. Where a program adds a directory or a URI later,
        // OpenSSL uses these lookups instead of making others.
        let (directories, uris) = unsafe {
            (
                sys::X509_STORE_add_lookup(born.as_ptr(), sys::X509_LOOKUP_hash_dir()),
                sys::X509_STORE_add_lookup(born.as_ptr(), sys::X509_LOOKUP_store()),
            )
        };
        if directories.is_null() || uris.is_null() {
            return Err(Error::new(Status::EInternal, "OpenSSL could not prepare the certificate store"));
        }
        Ok(Anchors { born, directories, uris, chosen: AtomicBool::new(false), implicit: OnceLock::new() })
    }

    /// Adds anchors to the store that the context has now; from here on the system's roots stand back.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn add(&self, ctx: *mut ffi::SSL_CTX, certificates: &[X509]) -> Result<()> {
        // SAFETY: the caller promises `ctx`.
        let store = unsafe { ffi::SSL_CTX_get_cert_store(ctx) };
        let _quiet = Quiet::begin();
        for certificate in certificates {
            // SAFETY: both are live; the store adds an owner. A certificate that is there already is no error.
            if unsafe { ffi::X509_STORE_add_cert(store, certificate.as_ptr()) } != 1 {
                return Err(Error::new(Status::EInternal, "OpenSSL could not add a certificate to the store"));
            }
        }
        self.chosen.store(true, Ordering::Release);
        Ok(())
    }

    /// The store to verify with, where libssl brought `offered`.
    ///
    /// # Safety
    /// `offered` is NULL or a live store that outlives the result.
    pub unsafe fn in_force(&self, offered: *mut ffi::X509_STORE) -> Result<&X509StoreRef> {
        // SAFETY: as the caller promises, here and below.
        if offered.is_null() || (offered == self.born.as_ptr() && unsafe { self.is_untouched() }) {
            return self.implicit();
        }
        // SAFETY: as above.
        unsafe { check_plain(offered)? };
        // SAFETY: as above.
        Ok(unsafe { X509StoreRef::from_ptr(offered) })
    }

    /// How many anchors are in force on `ctx`, without those that a directory or URI would give when asked.
    ///
    /// # Safety
    /// `ctx` is the live context of these anchors.
    pub unsafe fn count(&self, ctx: *mut ffi::SSL_CTX) -> Result<usize> {
        // SAFETY: the caller promises `ctx`.
        let store = unsafe { self.in_force(ffi::SSL_CTX_get_cert_store(ctx))? };
        Ok(store.all_certificates().len())
    }

    fn implicit(&self) -> Result<&X509StoreRef> {
        if let Some(store) = self.implicit.get() {
            return Ok(store);
        }
        let _quiet = Quiet::begin();
        let store = store_of(&source::system_or_bundled()?)?;
        Ok(self.implicit.get_or_init(|| store))
    }

    /// Whether nobody has put anything into the store that the context was born with.
    ///
    /// # Safety
    /// No other thread adds to the store at this moment.
    unsafe fn is_untouched(&self) -> bool {
        if self.chosen.load(Ordering::Acquire) {
            return false;
        }
        // SAFETY: reads the length of the store's list.
        let objects = unsafe { ffi::OPENSSL_sk_num(ffi::X509_STORE_get0_objects(self.born.as_ptr()).cast()) };
        // SAFETY: the lookup lives as long as the store; OpenSSL hangs a list on it with the first URI.
        let uris = unsafe { sys::X509_LOOKUP_get_method_data(self.uris) };
        // SAFETY: the lookup lives as long as the store.
        objects <= 0 && uris.is_null() && !unsafe { directory_list(self.directories) }
    }
}

fn store_of(certificates: &[X509]) -> Result<X509Store> {
    let failed = |_| Error::new(Status::EInternal, "OpenSSL could not make a certificate store");
    let mut builder = X509StoreBuilder::new().map_err(failed)?;
    for certificate in certificates {
        builder.add_cert(certificate.clone()).map_err(failed)?;
    }
    Ok(builder.build())
}

/// A store whose program replaced OpenSSL's own checking is no measure for anything.
///
/// # Safety
/// `store` is live.
unsafe fn check_plain(store: *mut ffi::X509_STORE) -> Result<()> {
    // SAFETY: each call reads one field of the live store.
    let replaced = unsafe {
        !sys::X509_STORE_get_verify(store).is_null()
            || !sys::X509_STORE_get_check_issued(store).is_null()
            || !sys::X509_STORE_get_check_revocation(store).is_null()
    };
    if replaced {
        return Err(Error::new(
            Status::EUnsupported,
            "the program's X509_STORE replaces OpenSSL's own verification by functions of its own",
        )
        .with_hint("use a store without X509_STORE_set_verify, _set_check_issued and _set_check_revocation"));
    }
    Ok(())
}

/// Whether a hashed directory has been added to `lookup`.
///
/// OpenSSL has no function that tells. Its data for this method is `{ BUF_MEM *buffer; STACK *dirs; lock }` since 1.1.0;
/// [`layout_is_known`] checks that on a scratch store before it is relied upon.
///
/// # Safety
/// `lookup` is a live hash-dir lookup.
unsafe fn directory_list(lookup: *const sys::X509_LOOKUP) -> bool {
    if !layout_is_known() {
        return false;
    }
    // SAFETY: the layout was checked; reading an aligned pointer is sound even where a program adds to the list.
    unsafe { second_word(lookup).is_some_and(|word| !word.is_null()) }
}

/// # Safety
/// `lookup` is a live hash-dir lookup.
unsafe fn second_word(lookup: *const sys::X509_LOOKUP) -> Option<*const u8> {
    // SAFETY: as the caller promises.
    let data = unsafe { sys::X509_LOOKUP_get_method_data(lookup) } as *const *const u8;
    // SAFETY: OpenSSL's structure has at least three words.
    (!data.is_null()).then(|| unsafe { ptr::read_volatile(data.add(1)) })
}

fn layout_is_known() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| probe_layout().unwrap_or(false))
}

/// Adds a directory to a scratch store, and sees whether the second word tells.
fn probe_layout() -> Option<bool> {
    const X509_L_ADD_DIR: c_int = 2;
    let _quiet = Quiet::begin();
    let store = X509StoreBuilder::new().ok()?;
    // SAFETY: the store is live for the whole function, and the lookup with it.
    unsafe {
        let lookup = sys::X509_STORE_add_lookup(store.as_ptr(), sys::X509_LOOKUP_hash_dir());
        if lookup.is_null() {
            return None;
        }
        let before = second_word(lookup)?;
        let directory = c"/nonexistent";
        let added = sys::X509_LOOKUP_ctrl(
            lookup,
            X509_L_ADD_DIR,
            directory.as_ptr(),
            ffi::X509_FILETYPE_PEM.into(),
            ptr::null_mut(),
        );
        let after = second_word(lookup)?;
        Some(added == 1 && before.is_null() && !after.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_openssl_shows_whether_a_directory_was_added() {
        assert!(layout_is_known());
    }
}
