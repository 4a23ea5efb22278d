//! The doors of OpenSSL through which old code names its trust anchors: whichever it takes, the system's roots stand
//! back, and what it chose is honoured. The "system" here is a CA of the test's own, in the file of `SSL_CERT_FILE`; so
//! every test runs in a child process.

mod support;

use std::ffi::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

use foreign_types::ForeignType;
use hostlock::error::Status;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl_sys as ffi;
use support::child;
use support::loopback::{Client, HOST, World, c_path, serve};
use support::pki::Recipe;
use support::scratch::Scratch;

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
    fn X509_STORE_set_verify_cb(
        store: *mut ffi::X509_STORE,
        function: unsafe extern "C" fn(c_int, *mut ffi::X509_STORE_CTX) -> c_int,
    );
    fn X509_STORE_set_check_crl(store: *mut ffi::X509_STORE, function: *const c_void);
}

type BySubject = unsafe extern "C" fn(*mut Lookup, c_int, *const ffi::X509_NAME, *mut ffi::X509_OBJECT) -> c_int;

const SYSTEM: &str = "system.pem";

/// What a door can be given: a CA in each of its forms.
struct Given {
    file: PathBuf,
    directory: PathBuf,
    certificate: X509,
}

impl Given {
    fn new(directory: &Path, world: &World) -> Given {
        let hashed = directory.join("hashed");
        std::fs::create_dir(&hashed).unwrap();
        let file = hashed.join(format!("{:08x}.0", world.ca.certificate.subject_name_hash()));
        std::fs::write(&file, world.ca.pem()).unwrap();
        Given { file, directory: hashed, certificate: world.ca.certificate.clone() }
    }

    fn store(&self) -> X509Store {
        let mut builder = X509StoreBuilder::new().unwrap();
        builder.add_cert(self.certificate.clone()).unwrap();
        builder.build()
    }
}

/// Gives `ctx` an owner of `store`.
unsafe fn set_cert_store(ctx: *mut ffi::SSL_CTX, store: &X509Store) {
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
static FOUND: std::sync::atomic::AtomicPtr<ffi::X509> = std::sync::atomic::AtomicPtr::new(ptr::null_mut());

unsafe extern "C" fn find(
    _lookup: *mut Lookup,
    kind: c_int,
    _name: *const ffi::X509_NAME,
    object: *mut ffi::X509_OBJECT,
) -> c_int {
    const X509_LU_X509: c_int = 1;
    if kind != X509_LU_X509 {
        return 0;
    }
    // SAFETY: OpenSSL hands an object to be filled; the certificate is never freed.
    unsafe { X509_OBJECT_set1_X509(object, FOUND.load(std::sync::atomic::Ordering::SeqCst)) }
}

/// A name, what old code would do to a context, and whether the context keeps the store it was born with.
type Door = (&'static str, unsafe fn(*mut ffi::SSL_CTX, &Given), bool);

// SAFETY: every door is used with a live context that no other thread uses; all they are given outlives the call.
const DOORS: &[Door] = unsafe {
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
                FOUND.store(given.certificate.as_ptr(), std::sync::atomic::Ordering::SeqCst);
                std::mem::forget(given.certificate.clone());
                let method = X509_LOOKUP_meth_new(c"the program's".as_ptr());
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

/// Runs `test` once for every row number below `rows`, each in a child whose system roots are one CA, not made yet.
fn in_children(name: &str, rows: usize, test: impl Fn(usize, &Path, World)) {
    if let Some(directory) = child::directory() {
        let row = std::env::var("HOSTLOCK_TEST_ROW").unwrap().parse().unwrap();
        let system = World::new("System CA");
        std::fs::write(directory.join(SYSTEM), system.ca.pem()).unwrap();
        return test(row, &directory, system);
    }
    for row in 0..rows {
        let scratch = Scratch::new();
        let mut command = child::command(name, scratch.path());
        child::passes(command.env("SSL_CERT_FILE", scratch.join(SYSTEM)).env("HOSTLOCK_TEST_ROW", row.to_string()));
    }
}

/// A store that only asks a lookup of the program's holds nothing itself, and says so.
fn is_unknown(status: Status) -> bool {
    matches!(status, Status::EMissingIntermediate | Status::EUnknownIssuer | Status::ENoTrustAnchors)
}

#[test]
fn the_system_roots_stand_back_whichever_door_the_program_takes() {
    in_children(
        "the_system_roots_stand_back_whichever_door_the_program_takes",
        DOORS.len(),
        |row, directory, system| {
            let (name, open, _) = DOORS[row];
            let chosen = World::new("Chosen CA");
            let given = Given::new(directory, &chosen);
            let client = Client::new();
            client.connect(system.port).unwrap();
            assert!(is_unknown(client.status(chosen.port)), "{name}");
            // SAFETY: see DOORS.
            unsafe { open(client.as_ptr(), &given) };
            client.connect(chosen.port).unwrap_or_else(|error| panic!("{name}: {error}"));
            let status = client.status(system.port);
            assert!(is_unknown(status), "{name}: {status:?}");
        },
    );
}

#[test]
fn our_calls_before_a_door_add_up_with_it_unless_it_replaces_the_store() {
    in_children(
        "our_calls_before_a_door_add_up_with_it_unless_it_replaces_the_store",
        DOORS.len(),
        |row, directory, system| {
            let (name, open, keeps_store) = DOORS[row];
            let (ours, chosen) = (World::new("Our CA"), World::new("Chosen CA"));
            let given = Given::new(directory, &chosen);
            let client = Client::new();
            client.trust_mem(&ours.ca.pem()).unwrap();
            // SAFETY: see DOORS.
            unsafe { open(client.as_ptr(), &given) };
            client.connect(chosen.port).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(client.status(ours.port) == Status::Ok, keeps_store, "{name}");
            assert!(is_unknown(client.status(system.port)), "{name}");
        },
    );
}

#[test]
fn our_calls_after_a_door_add_up_with_it_and_refuse_a_store_that_others_may_share() {
    in_children(
        "our_calls_after_a_door_add_up_with_it_and_refuse_a_store_that_others_may_share",
        DOORS.len(),
        |row, directory, system| {
            let (name, open, keeps_store) = DOORS[row];
            let (ours, chosen) = (World::new("Our CA"), World::new("Chosen CA"));
            let given = Given::new(directory, &chosen);
            let client = Client::new();
            // SAFETY: see DOORS.
            unsafe { open(client.as_ptr(), &given) };
            let outcome = client.trust_mem(&ours.ca.pem());
            if !keeps_store {
                let failure = outcome.unwrap_err();
                assert_eq!(failure.status, Status::EState, "{name}");
                assert!(failure.message.contains(name), "{failure:?}");
                assert_eq!(client.status(chosen.port), Status::EPoisoned, "{name}");
                return;
            }
            outcome.unwrap();
            client.connect(chosen.port).unwrap_or_else(|error| panic!("{name}: {error}"));
            client.connect(ours.port).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(is_unknown(client.status(system.port)), "{name}");
        },
    );
}

#[test]
fn a_door_that_succeeds_does_not_cure_a_call_of_ours_that_failed() {
    in_children("a_door_that_succeeds_does_not_cure_a_call_of_ours_that_failed", DOORS.len(), |row, directory, _| {
        let (name, open, _) = DOORS[row];
        let chosen = World::new("Chosen CA");
        let given = Given::new(directory, &chosen);
        let client = Client::new();
        client.trust_mem(b"").unwrap_err();
        // SAFETY: see DOORS.
        unsafe { open(client.as_ptr(), &given) };
        assert_eq!(client.status(chosen.port), Status::EPoisoned, "{name}");
    });
}

/// A name, and what leaves a context without a single anchor.
type Emptying = (&'static str, unsafe fn(*mut ffi::SSL_CTX, &Path));

// SAFETY: as for DOORS.
const EMPTY: &[Emptying] = unsafe {
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

#[test]
fn a_context_without_a_single_anchor_refuses_and_says_that_it_has_none() {
    in_children(
        "a_context_without_a_single_anchor_refuses_and_says_that_it_has_none",
        EMPTY.len(),
        |row, directory, system| {
            let (name, empty) = EMPTY[row];
            let client = Client::new();
            // SAFETY: see EMPTY.
            unsafe { empty(client.as_ptr(), directory) };
            let refusal = client.connect(system.port).unwrap_err();
            assert_eq!(refusal.status(), Status::ENoTrustAnchors, "{name}: {refusal}");
            assert!(refusal.message().contains("holds no trust anchor"), "{name}: {refusal}");
            assert_eq!(client.trust_count(), Ok(0), "{name}");
        },
    );
}

#[test]
fn a_store_of_the_program_that_contexts_share_gets_nothing_from_us() {
    in_children("a_store_of_the_program_that_contexts_share_gets_nothing_from_us", 1, |_, directory, _| {
        let (ours, chosen) = (World::new("Our CA"), World::new("Chosen CA"));
        let store = Given::new(directory, &chosen).store();
        let (one, other) = (Client::new(), Client::new());
        // SAFETY: the contexts and the store are live.
        unsafe {
            set_cert_store(one.as_ptr(), &store);
            set_cert_store(other.as_ptr(), &store);
        }
        assert_eq!(one.trust_mem(&ours.ca.pem()).unwrap_err().status, Status::EState);
        assert_eq!(store.all_certificates().len(), 1);
        assert!(is_unknown(other.status(ours.port)));
        other.connect(chosen.port).unwrap();
    });
}

#[test]
fn a_ca_that_one_context_was_given_is_not_trusted_by_another() {
    in_children("a_ca_that_one_context_was_given_is_not_trusted_by_another", 1, |_, _, system| {
        let ours = World::new("Our CA");
        let (one, other, third) = (Client::new(), Client::new(), Client::new());
        one.connect(system.port).unwrap();
        third.trust_system().unwrap();
        third.trust_mem(&ours.ca.pem()).unwrap();
        assert_eq!(third.trust_count(), Ok(2));
        third.connect(ours.port).unwrap();
        third.connect(system.port).unwrap();
        assert!(is_unknown(one.status(ours.port)) && is_unknown(other.status(ours.port)));
        assert_eq!((one.trust_count(), other.trust_count()), (Ok(1), Ok(1)));
    });
}

#[test]
fn a_store_whose_checking_the_program_replaced_is_no_measure() {
    in_children("a_store_whose_checking_the_program_replaced_is_no_measure", 1, |_, directory, _| {
        unsafe extern "C" fn fine(_: *mut c_void, _: *mut c_void) -> c_int {
            1
        }
        let chosen = World::new("Chosen CA");
        let store = Given::new(directory, &chosen).store();
        let client = Client::new();
        // SAFETY: the store is live; the function is never called.
        unsafe {
            X509_STORE_set_check_crl(store.as_ptr(), fine as *const c_void);
            set_cert_store(client.as_ptr(), &store);
        }
        assert_eq!(client.status(chosen.port), Status::EUnsupported);
    });
}

#[test]
fn a_verify_callback_that_the_program_put_on_a_store_cannot_accept() {
    const NAME: &str = "a_verify_callback_that_the_program_put_on_a_store_cannot_accept";
    unsafe extern "C" fn accept_all(_: c_int, store_ctx: *mut ffi::X509_STORE_CTX) -> c_int {
        // SAFETY: OpenSSL hands its own live X509_STORE_CTX.
        unsafe { ffi::X509_STORE_CTX_set_error(store_ctx, ffi::X509_V_OK) };
        1
    }
    in_children(NAME, 2, |row, directory, system| {
        let (chosen, stranger) = (World::new("Chosen CA"), World::new("Stranger CA"));
        let client = Client::new();
        let expired = Recipe { not_after: -60, ..Recipe::server(HOST, &[HOST]) }.issued_by(&chosen.ca);
        let expired = serve(&expired);
        // SAFETY: the context and the stores are live.
        unsafe {
            if row == 0 {
                client.trust_mem(&chosen.ca.pem()).unwrap();
            } else {
                set_cert_store(client.as_ptr(), &Given::new(directory, &chosen).store());
            }
            X509_STORE_set_verify_cb(ffi::SSL_CTX_get_cert_store(client.as_ptr()), accept_all);
        }
        client.connect(chosen.port).unwrap();
        assert!(is_unknown(client.status(stranger.port)) && is_unknown(client.status(system.port)));
        assert_eq!(client.status(expired), Status::EExpired);
    });
}
