//! The doors of OpenSSL through which old code names its trust anchors: whichever it takes, the system's roots stand
//! back, and what it chose is honoured. The "system" here is a CA of the test's own, in the file of `SSL_CERT_FILE`; so
//! every test runs in a child process.

mod support;

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr;

use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::trust::store_functions::SETTERS;
use openssl_sys as ffi;
use support::child;
use support::doors::{DOORS, EMPTY, Given, set_cert_store};
use support::loopback::{Client, HOST, World, serve};
use support::pki::Recipe;
use support::scratch::Scratch;

unsafe extern "C" {
    fn X509_STORE_set_verify_cb(
        store: *mut ffi::X509_STORE,
        function: unsafe extern "C" fn(c_int, *mut ffi::X509_STORE_CTX) -> c_int,
    );
    fn X509_STORE_set_check_crl(store: *mut ffi::X509_STORE, function: *const c_void);
}

const SYSTEM: &str = "system.pem";

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
            let is_of_environment = name.starts_with("default paths");
            assert_eq!(refusal.hint().contains("SSL_CERT_FILE names"), is_of_environment, "{name}: {}", refusal.hint());
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

#[test]
fn every_function_that_a_program_can_put_into_a_store_is_decided_by_name() {
    if cfg!(feature = "private-libssl") {
        eprintln!("skipped: no program reaches the libcrypto inside");
        return;
    }
    let mut info = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: dladdr only compares the address with the ranges of the loaded objects.
    assert_ne!(unsafe { libc::dladdr(ffi::X509_STORE_new as *const c_void, &mut info) }, 0);
    // SAFETY: a NUL-terminated path that lives as long as the object is loaded.
    let path = unsafe { std::ffi::CStr::from_ptr(info.dli_fname) }.to_str().unwrap();
    let Ok(listed) = std::process::Command::new("nm").args(["-D", "--defined-only", path]).output() else {
        eprintln!("skipped: there is no nm to list libcrypto's functions");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names = listed.lines().filter_map(|line| line.split_whitespace().last()?.split('@').next());
    let setters: Vec<&str> = names.filter(|name| name.starts_with("X509_STORE_set")).collect();
    assert!(setters.len() > 10, "{path}: {setters:?}");
    for setter in setters {
        assert!(SETTERS.iter().any(|known| known.name == setter), "{setter} is not decided");
    }
}
