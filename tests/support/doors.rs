//! The calls of OpenSSL by which old code names its trust anchors, as a table; and those that leave it without any.
#![allow(dead_code, reason = "each test uses its part")]

use std::ffi::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use foreign_types::ForeignType;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl_sys as ffi;

use super::loopback::{World, c_path};

type Lookup = c_void;
type LookupMethod = c_void;

unsafe extern "C" {
    fn SSL_CTX_load_verify_file(ctx: *mut ffi::SSL_CTX, path: *const c_char) -> c_int;
    fn SSL_CTX_load_verify_dir(ctx: *mut ffi::SSL_CTX, path: *const c_char) -> c_int;
    fn SSL_CTX_load_verify_store(ctx: *mut ffi::SSL_CTX, uri: *const c_char) -> c_int;
    fn SSL_CTX_set_default_verify_file(ctx: *mut ffi::SSL_CTX) -> c_int;
    fn SSL_CTX_set_default_verify_dir(ctx: *mut ffi::SSL_CTX) -> c_int;
    fn X509_STORE_up_ref(store: *mut ffi::X509_STORE) -> c_int;
    fn X509_STORE_add_lookup(store: *mut ffi::X509_STORE, method: *mut LookupMethod) -> *mut Lookup;
    fn X509_LOOKUP_meth_new(name: *const c_char) -> *mut LookupMethod;
    fn X509_LOOKUP_meth_set_get_by_subject(method: *mut LookupMethod, function: BySubject) -> c_int;
    fn X509_OBJECT_set1_X509(object: *mut ffi::X509_OBJECT, certificate: *mut ffi::X509) -> c_int;
}

type BySubject = unsafe extern "C" fn(*mut Lookup, c_int, *const ffi::X509_NAME, *mut ffi::X509_OBJECT) -> c_int;

/// What a door can be given: a CA in each of its forms.
pub struct Given {
    pub file: PathBuf,
    pub directory: PathBuf,
    pub certificate: X509,
}

impl Given {
    pub fn new(directory: &Path, world: &World) -> Given {
        let hashed = directory.join("hashed");
        std::fs::create_dir(&hashed).unwrap();
        let file = hashed.join(format!("{:08x}.0", world.ca.certificate.subject_name_hash()));
        std::fs::write(&file, world.ca.pem()).unwrap();
        Given { file, directory: hashed, certificate: world.ca.certificate.clone() }
    }

    pub fn store(&self) -> X509Store {
        let mut builder = X509StoreBuilder::new().unwrap();
        builder.add_cert(self.certificate.clone()).unwrap();
        builder.build()
    }
}

/// Gives `ctx` an owner of `store`.
pub unsafe fn set_cert_store(ctx: *mut ffi::SSL_CTX, store: &X509Store) {
    // SAFETY: both are live; the context takes the owner that is added.
    unsafe {
        X509_STORE_up_ref(store.as_ptr());
        ffi::SSL_CTX_set_cert_store(ctx, store.as_ptr());
    }
}

unsafe fn set1_verify_cert_store(ctx: *mut ffi::SSL_CTX, store: *mut ffi::X509_STORE) {
    const ADD_OWNER: i64 = 1;
    // SAFETY: both are live.
    assert_eq!(unsafe { ffi::SSL_CTX_ctrl(ctx, ffi::SSL_CTRL_SET_VERIFY_CERT_STORE, ADD_OWNER, store.cast()) }, 1);
}

/// A lookup of the program's own, which answers every question with the one certificate that it was given.
static FOUND: AtomicPtr<ffi::X509> = AtomicPtr::new(ptr::null_mut());
/// The method of that lookup, which OpenSSL does not own.
static METHOD: AtomicPtr<LookupMethod> = AtomicPtr::new(ptr::null_mut());

unsafe extern "C" fn find(
    _lookup: *mut Lookup,
    kind: c_int,
    name: *const ffi::X509_NAME,
    object: *mut ffi::X509_OBJECT,
) -> c_int {
    const X509_LU_X509: c_int = 1;
    let found = FOUND.load(Ordering::SeqCst);
    // SAFETY: OpenSSL hands a live name; the certificate is never freed.
    if kind != X509_LU_X509 || unsafe { ffi::X509_NAME_cmp(name, ffi::X509_get_subject_name(found)) } != 0 {
        return 0;
    }
    // SAFETY: OpenSSL hands an object to be filled; the certificate is as above.
    unsafe { X509_OBJECT_set1_X509(object, found) }
}

/// A name, what old code would do to a context, and whether the context keeps the store it was born with.
pub type Door = (&'static str, unsafe fn(*mut ffi::SSL_CTX, &Given), bool);

// SAFETY: every door is used with a live context that no other thread uses; all they are given outlives the call.
pub const DOORS: &[Door] = unsafe {
    &[
        (
            "SSL_CTX_load_verify_locations with a file",
            |ctx, given| {
                let path = c_path(&given.file);
                assert_eq!(ffi::SSL_CTX_load_verify_locations(ctx, path.as_ptr(), ptr::null()), 1);
            },
            true,
        ),
        (
            "SSL_CTX_load_verify_locations with a directory",
            |ctx, given| {
                let path = c_path(&given.directory);
                assert_eq!(ffi::SSL_CTX_load_verify_locations(ctx, ptr::null(), path.as_ptr()), 1);
            },
            true,
        ),
        (
            "SSL_CTX_load_verify_file",
            |ctx, given| assert_eq!(SSL_CTX_load_verify_file(ctx, c_path(&given.file).as_ptr()), 1),
            true,
        ),
        (
            "SSL_CTX_load_verify_dir",
            |ctx, given| assert_eq!(SSL_CTX_load_verify_dir(ctx, c_path(&given.directory).as_ptr()), 1),
            true,
        ),
        (
            "SSL_CTX_load_verify_store",
            |ctx, given| assert_eq!(SSL_CTX_load_verify_store(ctx, c_path(&given.file).as_ptr()), 1),
            true,
        ),
        (
            "SSL_CTX_set_default_verify_paths",
            |ctx, given| {
                std::env::set_var("SSL_CERT_FILE", &given.file);
                assert_eq!(ffi::SSL_CTX_set_default_verify_paths(ctx), 1);
            },
            true,
        ),
        (
            "SSL_CTX_set_default_verify_paths with a directory",
            |ctx, given| {
                std::env::set_var("SSL_CERT_FILE", "/nonexistent");
                std::env::set_var("SSL_CERT_DIR", &given.directory);
                assert_eq!(ffi::SSL_CTX_set_default_verify_paths(ctx), 1);
            },
            true,
        ),
        (
            "SSL_CTX_set_default_verify_file",
            |ctx, given| {
                std::env::set_var("SSL_CERT_FILE", &given.file);
                assert_eq!(SSL_CTX_set_default_verify_file(ctx), 1);
            },
            true,
        ),
        (
            "SSL_CTX_set_default_verify_dir",
            |ctx, given| {
                std::env::set_var("SSL_CERT_DIR", &given.directory);
                assert_eq!(SSL_CTX_set_default_verify_dir(ctx), 1);
            },
            true,
        ),
        (
            "SSL_CTX_get_cert_store and X509_STORE_add_cert",
            |ctx, given| {
                let store = ffi::SSL_CTX_get_cert_store(ctx);
                assert_eq!(ffi::X509_STORE_add_cert(store, given.certificate.as_ptr()), 1);
            },
            true,
        ),
        (
            "a lookup method of the program's own",
            |ctx, given| {
                FOUND.store(given.certificate.as_ptr(), Ordering::SeqCst);
                std::mem::forget(given.certificate.clone());
                let method = X509_LOOKUP_meth_new(c"the program's".as_ptr());
                METHOD.store(method, Ordering::SeqCst);
                assert_eq!(X509_LOOKUP_meth_set_get_by_subject(method, find), 1);
                assert!(!X509_STORE_add_lookup(ffi::SSL_CTX_get_cert_store(ctx), method).is_null());
            },
            true,
        ),
        ("SSL_CTX_set_cert_store", |ctx, given| set_cert_store(ctx, &given.store()), false),
        ("SSL_CTX_set1_verify_cert_store", |ctx, given| set1_verify_cert_store(ctx, given.store().as_ptr()), false),
        (
            "SSL_CTX_set1_verify_cert_store with the context's own store",
            |ctx, given| {
                let store = ffi::SSL_CTX_get_cert_store(ctx);
                assert_eq!(ffi::X509_STORE_add_cert(store, given.certificate.as_ptr()), 1);
                set1_verify_cert_store(ctx, store);
            },
            true,
        ),
    ]
};

/// A name, and what leaves a context without a single anchor.
pub type Emptying = (&'static str, unsafe fn(*mut ffi::SSL_CTX, &Path));

// SAFETY: as for DOORS.
pub const EMPTY: &[Emptying] = unsafe {
    &[
        ("an empty store", |ctx, _| set_cert_store(ctx, &X509StoreBuilder::new().unwrap().build())),
        ("no store", |ctx, _| ffi::SSL_CTX_set_cert_store(ctx, ptr::null_mut())),
        ("an empty verification store", |ctx, _| {
            set1_verify_cert_store(ctx, X509StoreBuilder::new().unwrap().build().as_ptr())
        }),
        ("a file that is not there", |ctx, _| {
            assert_eq!(SSL_CTX_load_verify_file(ctx, c"/nonexistent".as_ptr()), 0);
            ffi::ERR_clear_error();
        }),
        ("a file that holds nothing", |ctx, directory| {
            let path = directory.join("empty.pem");
            std::fs::write(&path, "").unwrap();
            let path = c_path(&path);
            assert_eq!(ffi::SSL_CTX_load_verify_locations(ctx, path.as_ptr(), ptr::null()), 0);
            ffi::ERR_clear_error();
        }),
        ("an empty directory", |ctx, directory| {
            let path = directory.join("empty");
            std::fs::create_dir(&path).unwrap();
            assert_eq!(SSL_CTX_load_verify_dir(ctx, c_path(&path).as_ptr()), 1);
        }),
        ("default paths where nothing is", |ctx, _| {
            std::env::set_var("SSL_CERT_FILE", "/nonexistent");
            std::env::set_var("SSL_CERT_DIR", "/nonexistent");
            assert_eq!(ffi::SSL_CTX_set_default_verify_paths(ctx), 1);
        }),
    ]
};
