//! A store that finds its roots in an index gives the verdict, the error and the chain of one that OpenSSL filled at
//! once. Generated stores and chains prove it: a sample always, many more where HOSTLOCK_LONG is set.

mod support;

use std::collections::HashMap;
use std::ffi::{CString, c_int, c_ulong};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::trust::index::hooks;
use hostlock::trust::{Index, list};
use openssl::hash::MessageDigest;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;
use support::pki::{DAY, now};
use support::scratch::Scratch;
use support::universe::{Chain, universe};

unsafe extern "C" {
    fn X509_STORE_load_file(store: *mut ffi::X509_STORE, path: *const std::ffi::c_char) -> c_int;
    fn X509_STORE_CTX_get0_param(context: *mut ffi::X509_STORE_CTX) -> *mut ffi::X509_VERIFY_PARAM;
}

fn empty_store() -> X509Store {
    X509StoreBuilder::new().unwrap().build()
}

/// The store as OpenSSL fills it from files; `None` where it refuses one.
fn eager(paths: &[std::path::PathBuf]) -> Option<X509Store> {
    let store = empty_store();
    for path in paths {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the store is live, and the path outlives the call.
        if unsafe { X509_STORE_load_file(store.as_ptr(), path.as_ptr()) } != 1 {
            let _ = openssl::error::ErrorStack::get();
            return None;
        }
    }
    Some(store)
}

/// The store that will find the same in indexes.
fn lazy(files: &[Vec<u8>]) -> Option<X509Store> {
    let store = empty_store();
    hooks::install(&store, None).unwrap();
    for file in files {
        hooks::attach(&store, Arc::new(Index::read(file, "the file").ok()?)).unwrap();
    }
    Some(store)
}

/// How to verify: OpenSSL's flags, whether as a TLS client does, and the moment.
#[derive(Clone, Copy, Debug)]
struct Way {
    flags: c_ulong,
    as_client: bool,
    time: Option<i64>,
}

fn ways() -> Vec<Way> {
    let way = |flags, as_client| Way { flags, as_client, time: None };
    let at = |days: i64| Way { time: Some(now() + days * DAY), ..way(ffi::X509_V_FLAG_TRUSTED_FIRST, true) };
    vec![
        way(ffi::X509_V_FLAG_TRUSTED_FIRST, true),
        way(0, false),
        way(ffi::X509_V_FLAG_PARTIAL_CHAIN, true),
        way(ffi::X509_V_FLAG_X509_STRICT | ffi::X509_V_FLAG_CHECK_SS_SIGNATURE, true),
        way(ffi::X509_V_FLAG_CRL_CHECK, true),
        way(ffi::X509_V_FLAG_CRL_CHECK | ffi::X509_V_FLAG_CRL_CHECK_ALL | ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT, false),
        way(ffi::X509_V_FLAG_NO_CHECK_TIME | ffi::X509_V_FLAG_NO_ALT_CHAINS, false),
        at(-60),
        at(60),
    ]
}

/// What OpenSSL answers: its return value, error, depth, and the chain that it built, by serial numbers and digests.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    accepted: c_int,
    error: c_int,
    depth: c_int,
    chain: Vec<String>,
}

fn verify(store: &X509StoreRef, chain: &Chain, way: Way) -> Answer {
    let mut untrusted = Stack::new().unwrap();
    for certificate in &chain.untrusted {
        untrusted.push(certificate.clone()).unwrap();
    }
    // SAFETY: everything is live until the context is freed at the end; the built chain is copied before that.
    unsafe {
        let context = ffi::X509_STORE_CTX_new();
        assert_eq!(ffi::X509_STORE_CTX_init(context, store.as_ptr(), chain.leaf.as_ptr(), untrusted.as_ptr()), 1);
        let param = X509_STORE_CTX_get0_param(context);
        // TRUSTED_FIRST is on where nothing else is said.
        ffi::X509_VERIFY_PARAM_clear_flags(param, ffi::X509_V_FLAG_TRUSTED_FIRST);
        ffi::X509_VERIFY_PARAM_set_flags(param, way.flags);
        if way.as_client {
            ffi::X509_VERIFY_PARAM_set_purpose(param, ffi::X509_PURPOSE_SSL_SERVER);
            hostlock::libssl::sys::X509_VERIFY_PARAM_set_trust(param, hostlock::libssl::sys::X509_TRUST_SSL_SERVER);
        }
        if let Some(time) = way.time {
            ffi::X509_VERIFY_PARAM_set_time(param, time);
        }
        let accepted = ffi::X509_verify_cert(context);
        let error = ffi::X509_STORE_CTX_get_error(context);
        let depth = ffi::X509_STORE_CTX_get_error_depth(context);
        let built = ffi::X509_STORE_CTX_get0_chain(context);
        let chain = if built.is_null() {
            Vec::new()
        } else {
            openssl::stack::StackRef::<X509>::from_ptr(built).iter().map(in_short).collect()
        };
        ffi::X509_STORE_CTX_free(context);
        let _ = openssl::error::ErrorStack::get();
        Answer { accepted, error, depth, chain }
    }
}

fn in_short(certificate: &X509Ref) -> String {
    let serial = certificate.serial_number().to_bn().unwrap();
    let digest = certificate.digest(MessageDigest::sha256()).unwrap();
    format!("{serial}:{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

fn in_store(store: &X509StoreRef) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = store.all_certificates().iter().map(|c| c.to_der().unwrap()).collect();
    all.sort();
    // OpenSSL 4.0 keeps a certificate twice where a CRL of the same name was added between the two.
    all.dedup();
    all
}

fn stores() -> std::ops::Range<u64> {
    if std::env::var_os("HOSTLOCK_LONG").is_some() { 0..1500 } else { 0..100 }
}

#[test]
fn an_indexed_store_answers_as_a_store_that_was_filled_at_once() {
    let scratch = Scratch::new();
    let (mut refused, mut compared) = (0, 0);
    let mut codes: HashMap<c_int, usize> = HashMap::new();
    for seed in stores() {
        let universe = universe(seed);
        let paths: Vec<_> =
            (0..).zip(&universe.files).map(|(i, file)| scratch.file(&format!("{i}.pem"), file)).collect();
        let (Some(eager), Some(lazy)) = (match (eager(&paths), lazy(&universe.files)) {
            (None, None) => {
                refused += 1;
                continue;
            }
            both => both,
        }) else {
            panic!("seed {seed}: one of the two refuses a file that the other takes");
        };
        assert_eq!(list::of(&lazy).unwrap().len(), in_store(&eager).len(), "seed {seed}: the count");
        for (number, chain) in universe.chains.iter().enumerate() {
            for way in ways() {
                let expected = verify(&eager, chain, way);
                *codes.entry(expected.error).or_default() += 1;
                let found = verify(&lazy, chain, way);
                assert_eq!(found, expected, "seed {seed}, chain {number}, {way:?}");
                compared += 1;
            }
        }
        hooks::materialize(&lazy).unwrap();
        assert_eq!(in_store(&lazy), in_store(&eager), "seed {seed}: the contents");
    }
    let kinds = codes.values().filter(|&&count| count >= 5).count();
    println!("{compared} answers compared, {refused} stores refused by both, by error: {codes:?}");
    assert!(codes.get(&0).is_some_and(|&accepted| accepted * 10 > compared), "too few are accepted: {codes:?}");
    assert!(kinds >= 10, "too few kinds of failure: {codes:?}");
}
