//! Contexts share the index of a source and the certificates parsed from it, and nothing else; and programs that look
//! into a context's certificate store, or verify with it, find what they would in one that OpenSSL filled.

mod support;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ptr;
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::error::Status;
use hostlock::ffi::library::hostlock_string_free;
use hostlock::ffi::trust::{hostlock_ctx_trust_list, hostlock_ctx_trust_materialize};
use hostlock::guard::Guard;
use hostlock::libssl::Ctx;
use hostlock::trust::index::hooks;
use hostlock::trust::named::Origin;
use hostlock::trust::{Index, source};
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;
use support::child;
use support::loopback::{Client, HOST, World, c_path};
use support::pki::Recipe;
use support::scratch::Scratch;

/// The store that old code gets from the context.
fn store(client: &Client) -> &X509StoreRef {
    // SAFETY: the context owns the store and outlives the reference.
    unsafe { X509StoreRef::from_ptr(ffi::SSL_CTX_get_cert_store(client.as_ptr())) }
}

/// What X509_verify_cert says of `certificate` with `store`: 0, or the error.
fn verify(store: &X509StoreRef, certificate: &X509Ref) -> i32 {
    // SAFETY: everything is live until the context is freed.
    unsafe {
        let context = ffi::X509_STORE_CTX_new();
        assert_eq!(ffi::X509_STORE_CTX_init(context, store.as_ptr(), certificate.as_ptr(), ptr::null_mut()), 1);
        let accepted = ffi::X509_verify_cert(context) == 1;
        let error = ffi::X509_STORE_CTX_get_error(context);
        assert_eq!(accepted, error == 0);
        ffi::X509_STORE_CTX_free(context);
        error
    }
}

fn add(store: &X509StoreRef, certificate: &X509Ref) {
    // SAFETY: both are live; the store adds an owner.
    assert_eq!(unsafe { ffi::X509_STORE_add_cert(store.as_ptr(), certificate.as_ptr()) }, 1);
}

fn materialize(client: &Client) {
    // SAFETY: the context is live.
    assert_eq!(unsafe { hostlock_ctx_trust_materialize(client.as_ptr()) }, 0);
}

fn list(client: &Client) -> serde_json::Value {
    // SAFETY: the context is live; the string is read before it is freed.
    unsafe {
        let text = hostlock_ctx_trust_list(client.as_ptr());
        assert!(!text.is_null());
        let list = serde_json::from_slice(CStr::from_ptr(text).to_bytes()).unwrap();
        hostlock_string_free(text);
        list
    }
}

fn bundle(certificates: &[&X509Ref]) -> Vec<u8> {
    certificates.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect()
}

fn indexed(index: Arc<Index>) -> X509Store {
    let store = X509StoreBuilder::new().unwrap().build();
    hooks::install(&store, None).unwrap();
    hooks::attach(&store, index).unwrap();
    store
}

#[test]
fn an_anchor_that_one_context_is_given_is_not_trusted_by_another_with_the_same_file() {
    let (shared, private) = (World::new("Shared CA"), World::new("Private CA"));
    let (one, other) = (Client::new(), Client::new());
    for client in [&one, &other] {
        client.trust_mem(&shared.ca.pem()).unwrap();
        client.connect(shared.port).unwrap();
    }
    add(store(&one), &private.ca.certificate);
    one.connect(private.port).unwrap();
    assert_eq!(other.status(private.port), Status::EUnknownIssuer);
    materialize(&other);
    assert_eq!(other.status(private.port), Status::EUnknownIssuer);
}

#[test]
fn a_root_is_parsed_once_for_all_contexts() {
    let ca = Recipe::ca("Parsed CA").self_signed();
    let address = |client: &Client| {
        client.trust_mem(&ca.pem()).unwrap();
        materialize(client);
        store(client).all_certificates().iter().map(|certificate| certificate.as_ptr() as usize).collect::<Vec<_>>()
    };
    let (one, other) = (Client::new(), Client::new());
    let (one, other) = (address(&one), address(&other));
    assert_eq!(one.len(), 1);
    assert_eq!(one, other);
}

#[test]
fn the_store_is_filled_when_that_is_asked_for_and_count_and_list_do_not_need_it() {
    let scratch = Scratch::new();
    let authorities: Vec<_> = (0..3).map(|n| Recipe::ca(&format!("Listed CA {n}")).self_signed()).collect();
    let certificates: Vec<&X509Ref> = authorities.iter().map(|ca| &*ca.certificate).collect();
    let path = scratch.file("three.pem", [bundle(&certificates), bundle(&certificates[..1])].concat());
    let client = Client::new();
    client.trust_file(&path).unwrap();
    assert_eq!(client.trust_count(), Ok(3));
    let listed = list(&client);
    assert_eq!(listed.as_array().unwrap().len(), 3);
    for (entry, ca) in listed.as_array().unwrap().iter().zip(&authorities) {
        let digest = ca.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let epoch = openssl::asn1::Asn1Time::from_unix(0).unwrap();
        let until = epoch.diff(ca.certificate.not_after()).unwrap();
        let name = ca.certificate.subject_name().entries().next().unwrap().data().to_string().unwrap();
        assert_eq!(entry["subject"], format!("CN={name}"));
        assert_eq!(entry["expires"], i64::from(until.days) * 86_400 + i64::from(until.secs));
        assert_eq!(entry["sha256"], hex);
        assert_eq!(entry["source"], format!("{path:?}"));
        assert_eq!(entry["distrust_after"], serde_json::Value::Null);
    }
    assert_eq!(store(&client).all_certificates().len(), 0);
    materialize(&client);
    let found: BTreeSet<Vec<u8>> = store(&client).all_certificates().iter().map(|c| c.to_der().unwrap()).collect();
    assert_eq!(found, certificates.iter().map(|c| c.to_der().unwrap()).collect());
    assert_eq!(client.trust_count(), Ok(3));
    assert_eq!(list(&client), listed);
}

#[test]
fn what_a_handshake_may_find_in_hashed_directories_is_counted_and_listed_once() {
    let scratch = Scratch::new();
    let [first, second, unnamed] = ["First CA", "Second CA", "Unnamed CA"].map(World::new);
    let directory = scratch.directory("hashed");
    for world in [&first, &second] {
        let hash = world.ca.certificate.subject_name_hash();
        std::fs::write(directory.join(format!("{hash:08x}.0")), world.ca.pem()).unwrap();
    }
    std::fs::write(directory.join("unnamed.pem"), unnamed.ca.pem()).unwrap();
    std::fs::write(directory.join("01234567.0"), "no certificate").unwrap();
    std::fs::write(directory.join("01234567.1"), unnamed.ca.certificate.to_der().unwrap()).unwrap();
    let directories = vec![c_path(&directory), c_path(&scratch.join("missing"))];
    let index = Arc::new(Index::read(&first.ca.pem(), "the file").unwrap().with_directories(directories));
    let client = Client::new();
    let ctx = Ctx::from(&*client.0);
    Guard::of(ctx).unwrap().anchors.add_index(ctx, Arc::clone(&index), Origin::Fixed).unwrap();
    for _ in 0..2 {
        assert_eq!(client.trust_count(), Ok(2));
        let listed = list(&client);
        let told = |key: &str| listed.as_array().unwrap().iter().map(|entry| entry[key].clone()).collect::<Vec<_>>();
        assert_eq!(told("source"), ["the file".to_owned(), format!("{directory:?}")]);
        assert_eq!(told("subject"), ["CN=First CA", "CN=Second CA"]);
        assert_eq!(index.parsed().unwrap().len(), 2);
        // OpenSSL finds the second in the directory, and it stands in the store from then on.
        client.connect(first.port).unwrap();
        client.connect(second.port).unwrap();
        assert_eq!(client.status(unnamed.port), Status::EUnknownIssuer);
    }
}

#[test]
fn a_certificate_in_the_store_does_not_hide_the_indexed_roots_of_its_name() {
    let ca = Recipe::ca("Hidden CA").self_signed();
    let stale = Recipe {
        not_before: -60 * support::pki::DAY,
        not_after: -30 * support::pki::DAY,
        key: ca.key.clone(),
        ..Recipe::ca("Hidden CA")
    };
    let rekeyed = Recipe::ca("Hidden CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    for hiding in [stale.self_signed(), rekeyed] {
        let store = X509StoreBuilder::new().unwrap().build();
        hooks::install(&store, None).unwrap();
        add(&store, &hiding.certificate);
        assert_ne!(verify(&store, &leaf.certificate), 0);
        hooks::attach(&store, source::memory(&ca.pem()).unwrap()).unwrap();
        assert_eq!(verify(&store, &leaf.certificate), 0);
    }
}

#[test]
fn a_store_with_the_programs_own_search_is_filled_at_once() {
    unsafe extern "C" fn nothing(_: *mut *mut ffi::X509, _: *mut ffi::X509_STORE_CTX, _: *mut ffi::X509) -> i32 {
        0
    }
    let ca = Recipe::ca("Searched CA").self_signed();
    let store = X509StoreBuilder::new().unwrap().build();
    // SAFETY: the store is new, and the function is of the type that OpenSSL wants.
    unsafe {
        hooks::install(&store, None).unwrap();
        hostlock::libssl::sys::X509_STORE_set_get_issuer(store.as_ptr(), Some(nothing));
    }
    hooks::attach(&store, source::memory(&ca.pem()).unwrap()).unwrap();
    assert_eq!(store.all_certificates().len(), 1);
}

#[test]
fn old_code_that_verifies_with_the_contexts_store_finds_the_systems_roots_until_others_are_named() {
    const NAME: &str = "old_code_that_verifies_with_the_contexts_store_finds_the_systems_roots_until_others_are_named";
    let Some(directory) = child::directory() else {
        let scratch = Scratch::new();
        let ca = Recipe::ca("System CA").self_signed();
        scratch.file("leaf.pem", Recipe::server(HOST, &[HOST]).issued_by(&ca).pem());
        let mut command = child::command(NAME, scratch.path());
        command.env("SSL_CERT_FILE", scratch.file("system.pem", ca.pem()));
        return child::passes(&mut command);
    };
    const UNABLE_TO_GET_ISSUER_CERT_LOCALLY: i32 = 20;
    let leaf = X509::from_pem(&std::fs::read(directory.join("leaf.pem")).unwrap()).unwrap();
    let client = Client::new();
    assert_eq!(verify(store(&client), &leaf), 0);
    assert_eq!(store(&client).all_certificates().len(), 0, "the context's own store stays as it was");
    assert_eq!(client.trust_count(), Ok(1));
    let private = World::new("Private CA");
    assert_eq!(client.status(private.port), Status::EUnknownIssuer);
    add(store(&client), &private.ca.certificate);
    client.connect(private.port).unwrap();
    assert_eq!(verify(store(&client), &leaf), UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    // The store outlives the context, and with it what the store needs of the context.
    let outliving = {
        let client = Client::new();
        // SAFETY: the count is raised for the owner that is made.
        unsafe {
            hostlock::libssl::sys::X509_STORE_up_ref(store(&client).as_ptr());
            X509Store::from_ptr(store(&client).as_ptr())
        }
    };
    assert_eq!(verify(&outliving, &leaf), 0);
    let client = Client::new();
    materialize(&client);
    assert_eq!(store(&client).all_certificates().len(), 1);
    assert_eq!(verify(store(&client), &leaf), 0);
}

#[test]
fn the_systems_index_holds_the_roots_that_rustls_native_certs_finds() {
    const NAME: &str = "the_systems_index_holds_the_roots_that_rustls_native_certs_finds";
    if child::directory().is_none() {
        let scratch = Scratch::new();
        let mut command = child::command(NAME, scratch.path());
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        return child::passes(&mut command);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        println!("skipped: this system has no roots");
        return;
    }
    let index = source::system().unwrap();
    let held: BTreeSet<&[u8]> = index.certificates().collect();
    // OpenSSL finds a root that lies only in a directory when it is asked for, so it need not be in the index.
    let store = indexed(Arc::clone(&index));
    for der in &found {
        let root = X509::from_der(der).unwrap();
        assert!(held.contains(der.as_ref()) || verify(&store, &root) != 18, "{:?}", root.subject_name());
    }
    assert!(held.iter().all(|der| found.iter().any(|other| other.as_ref() == *der)));
    assert!(Arc::ptr_eq(&index, &source::system().unwrap()), "it is read once");
}

#[test]
fn threads_that_ask_at_the_same_time_all_find_their_roots() {
    let authorities: Vec<_> = (0..24).map(|n| Recipe::ca(&format!("Thread CA {}", n % 12)).self_signed()).collect();
    let leaves: Vec<_> = authorities.iter().map(|ca| Recipe::server(HOST, &[HOST]).issued_by(ca).certificate).collect();
    let certificates: Vec<&X509Ref> = authorities.iter().map(|ca| &*ca.certificate).collect();
    for round in 0..10 {
        let text = [format!("# round {round}\n").into_bytes(), bundle(&certificates)].concat();
        let store = &indexed(source::memory(&text).unwrap());
        std::thread::scope(|scope| {
            for first in 0..8 {
                let leaves = &leaves;
                scope.spawn(move || {
                    for step in 0..leaves.len() {
                        assert_eq!(verify(store, &leaves[(first * 3 + step) % leaves.len()]), 0);
                    }
                });
            }
        });
        assert_eq!(store.all_certificates().len(), authorities.len());
    }
}

#[test]
fn a_child_that_was_forked_goes_on_with_the_index() {
    const NAME: &str = "a_child_that_was_forked_goes_on_with_the_index";
    if child::directory().is_none() {
        let scratch = Scratch::new();
        return child::passes(&mut child::command(NAME, scratch.path()));
    }
    let (before, after) = (Recipe::ca("Before CA").self_signed(), Recipe::ca("After CA").self_signed());
    let leaf = |ca| Recipe::server(HOST, &[HOST]).issued_by(ca).certificate;
    let (leaf_before, leaf_after) = (leaf(&before), leaf(&after));
    let text = bundle(&[&before.certificate, &after.certificate]);
    let store = indexed(source::memory(&text).unwrap());
    assert_eq!(verify(&store, &leaf_before), 0);
    // SAFETY: the child calls nothing but the library and _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let again = indexed(source::memory(&text).unwrap());
        let good = [&store, &again].iter().all(|s| verify(s, &leaf_before) == 0 && verify(s, &leaf_after) == 0);
        // SAFETY: ends the child without running the harness's handlers.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: waits for the child that was made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(verify(&store, &leaf_after), 0);
}
