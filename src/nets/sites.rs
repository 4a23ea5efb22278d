//! Every function that libssl or libcrypto calls has a net, or a reason to need none: read from the sources, so that a new
//! one without a net is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The hooks that panic in a test of `panics`.
const PANICKING: &[&str] = &[
    "alpn",
    "cert_verify",
    "cert_verify arms",
    "chain verify callback",
    "client_hello",
    "event",
    "info",
    "key log",
    "known signatures",
    "observer hears of a refusal",
    "ocsp_status",
    "seal constructor",
    "security",
    "security asks the program",
    "server names",
    "stapling",
    "store lookup",
    "ticket",
    "ticket key",
    "transport read",
    "transport write",
    "tripwire",
];

/// Those whose panic has no consequence that a connection could feel.
const OF_NO_CONSEQUENCE: &[&str] = &["seal at exit"];

/// The places whose proof fails in a test of `layouts`.
const UNPROVED: &[&str] = &[
    "address",
    "asked",
    "cert_verify_callback",
    "dane",
    "id context",
    "lookups",
    "method names",
    "names",
    "signed part",
];

/// The functions with C's calling convention, besides the exports: how often each name stands in the sources. What libssl
/// asks of a type of ours goes through `libssl/callback.rs`, which stops panics for all of them.
const CALLED_FROM_C: &[&str] = &[
    "add", // for the loader's list of images
    "cert_verify",
    "check_signatures",
    "choose",
    "client_hello",
    "construct",
    "control", // of the transport: answers from fields
    "destroy", // of the transport: frees
    "dup",     // of ex_data: a copy that cannot be made is left out
    "end",
    "free", // of ex_data
    "get_issuer",
    "hello",
    "info",
    "key_log",
    "lookup_certs",
    "may_have_issued", // of paths by key: compares what libcrypto answers
    "read",
    "review",
    "security",
    "sentinel", // of scratch contexts, never called
    "status",
    "take_international", // names of parameters, which are judged later
    "take_octets",
    "take_text",
    "ticket_key",
    "ticket_opened",
    "verify",
    "write",
];

/// The types that answer libssl, each with the hook that panics for it in a test of `panics`.
const ANSWERING: &[(&str, &str)] = &[
    ("AskKeys", "ticket key"),
    ("Choose", "alpn"),
    ("Choose", "server names"),
    ("Construct", "seal constructor"),
    ("Decide", "security"),
    ("DecideWithApplication", "security asks the program"),
    ("Observe", "info"),
    ("ObserveWithApplication", "info"),
    ("Review", "client_hello"),
    ("ReviewTicket", "ticket"),
    ("Roots", "store lookup"),
    ("Staple", "ocsp_status"),
    ("Tripwire", "tripwire"),
    ("Undecided", "tripwire"),
    ("Verify", "cert_verify"),
    ("Write", "key log"),
];

/// How many times a panic is stopped: at the border of the C ABI (two), at the one place behind which all callbacks stand, and
/// in ex_data, which copies and drops data of ours (two).
const PLACES: usize = 5;

fn sources(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name() != Some("nets".as_ref()) {
                sources(&path, all);
            }
        } else if path.extension() == Some("rs".as_ref()) {
            all.push(path);
        }
    }
}

/// The sources without their tests.
fn code() -> String {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all.iter()
        .filter(|path| !path.file_stem().unwrap().to_string_lossy().ends_with("tests"))
        .map(|path| fs::read_to_string(path).unwrap().split("#[cfg(test)]\nmod tests").next().unwrap().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What stands between `before` and `after`, wherever it does.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    let mut found: Vec<_> = text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_hook_and_every_layout_has_its_test() {
    let code = code();
    let hooks = between(&code, "nets::here!(\"", '"');
    let mut expected: Vec<_> = PANICKING.iter().chain(OF_NO_CONSEQUENCE).copied().collect();
    expected.sort_unstable();
    assert_eq!(hooks, expected, "each hook stands once, and panics in a test of src/nets/panics.rs");
    let places: Vec<_> = between(&code, "nets::unproved!(\"", '"');
    assert_eq!(places, UNPROVED, "each place stands once, and its proof fails in a test of src/nets/layouts.rs");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nets");
    let (panics, layouts) = ("panics.rs", "layouts.rs");
    for (file, names) in [(panics, PANICKING), (layouts, UNPROVED)] {
        let text = fs::read_to_string(tests.join(file)).unwrap();
        let missing: BTreeSet<_> = names.iter().filter(|name| !text.contains(&format!("\"{name}\""))).collect();
        assert!(missing.is_empty(), "{file} has no test of {missing:?}");
    }
}

#[test]
fn every_function_that_c_calls_is_known_here() {
    let code = code();
    let exports = between(&code, "extern \"C\" fn hostlock_", '(').len();
    let mut called: Vec<_> = between(&code, "extern \"C\" fn ", '(')
        .into_iter()
        .filter(|name| !name.is_empty() && !name.starts_with("hostlock_"))
        .map(|name| name.split('<').next().unwrap())
        .collect();
    called.sort_unstable();
    assert!(exports > 50);
    assert_eq!(called, CALLED_FROM_C, "a new callback needs catch_unwind, a hook and a test in src/nets/panics.rs");
}

#[test]
fn every_type_that_answers_libssl_has_a_hook_that_panics() {
    let code = code();
    let mut names = between(&code, "impl Callback for ", ' ');
    names.extend(between(&code, "impl Search for ", ' '));
    names.sort_unstable();
    let known: Vec<_> = ANSWERING.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known, "a new one needs a hook and a test in src/nets/panics.rs");
    for (name, hook) in ANSWERING {
        assert!(PANICKING.contains(hook), "{name}");
    }
}

#[test]
fn every_place_that_stops_a_panic_is_counted() {
    let stopped = code().matches("catch_unwind(").count();
    assert_eq!(stopped, PLACES, "a new one needs a hook and a test in src/nets/panics.rs");
}
