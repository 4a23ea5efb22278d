//! What "+skip-broken" leaves out, and what it does not.

mod support;

use std::ffi::CString;
use std::sync::Arc;

use hostlock::error::Status;
use hostlock::ffi::context::{hostlock_client_new, hostlock_ctx_free};
use hostlock::ffi::trust::{
    hostlock_ctx_trust_count, hostlock_ctx_trust_dir, hostlock_ctx_trust_file, hostlock_ctx_trust_mem,
};
use hostlock::trust::decode::Broken;
use hostlock::trust::source::{self, Input};
use support::pem;
use support::pki::Recipe;
use support::scratch::Scratch;

const BROKEN: &[u8] = b"\x30\x82\x01\x00 not a certificate";

/// What loading answers under a policy, and how many anchors there are then.
struct Loaded {
    file: i32,
    directory: i32,
    memory: i32,
    count: usize,
}

fn load(policy: &str, data: &[u8]) -> Loaded {
    let scratch = Scratch::new();
    let directory = scratch.directory("roots");
    std::fs::write(directory.join("a.pem"), data).unwrap();
    let c_text = |text: &str| CString::new(text).unwrap();
    let (policy, path) = (c_text(policy), c_text(directory.to_str().unwrap()));
    let file = c_text(directory.join("a.pem").to_str().unwrap());
    // SAFETY: NUL-terminated strings, a live context, and as many bytes as said.
    unsafe {
        let ctx = hostlock_client_new(policy.as_ptr());
        assert!(!ctx.is_null());
        let memory = hostlock_ctx_trust_mem(ctx, data.as_ptr(), data.len());
        let mut count = 0;
        assert!(matches!(hostlock_ctx_trust_count(ctx, &mut count), 0 | -6));
        let loaded = Loaded {
            file: hostlock_ctx_trust_file(ctx, file.as_ptr()),
            directory: hostlock_ctx_trust_dir(ctx, path.as_ptr()),
            memory,
            count,
        };
        hostlock_ctx_free(ctx);
        loaded
    }
}

fn answers(loaded: &Loaded) -> [i32; 3] {
    [loaded.file, loaded.directory, loaded.memory]
}

#[test]
fn a_broken_certificate_refuses_its_file_unless_the_policy_says_to_skip_it() {
    let good = |name: &str| String::from_utf8(Recipe::ca(name).self_signed().pem()).unwrap();
    let broken = pem::block("CERTIFICATE", BROKEN);
    let bad_base64 = good("Bad").replacen("MI", "M*", 1);
    for damage in [broken, bad_base64, pem::block("TRUSTED CERTIFICATE", b"x")] {
        let bundle = format!("{}{damage}{}", good("One"), good("Two"));
        assert_eq!(answers(&load("default", bundle.as_bytes())), [Status::EBadPem.code(); 3]);
        let loaded = load("default+skip-broken", bundle.as_bytes());
        assert_eq!(answers(&loaded), [0; 3]);
        assert_eq!(loaded.count, 2);
    }
}

#[test]
fn a_file_that_is_cut_off_or_holds_nothing_good_is_refused_whatever_the_policy_says() {
    let good = String::from_utf8(Recipe::ca("One").self_signed().pem()).unwrap();
    let broken = pem::block("CERTIFICATE", BROKEN);
    let cut = good.split("-----END").next().unwrap();
    for bundle in [
        broken.clone(),
        format!("{good}{cut}"),
        format!("{broken}{cut}{good}"),
        format!("{good}{}", pem::block("X509 CRL", BROKEN)),
    ] {
        assert_eq!(answers(&load("default+skip-broken", bundle.as_bytes())), [Status::EBadPem.code(); 3], "{bundle}");
    }
}

#[test]
fn a_file_of_a_directory_that_holds_only_broken_certificates_is_passed_over() {
    let scratch = Scratch::new();
    let directory = scratch.directory("roots");
    std::fs::write(directory.join("a.pem"), pem::block("CERTIFICATE", BROKEN)).unwrap();
    std::fs::write(directory.join("b.pem"), Recipe::ca("One").self_signed().pem()).unwrap();
    let path = CString::new(directory.to_str().unwrap()).unwrap();
    for (policy, answer, count) in
        [(c"default+skip-broken", 0, (0, 1)), (c"default", Status::EBadPem.code(), (Status::EPoisoned.code(), 0))]
    {
        // SAFETY: NUL-terminated strings and a live context.
        unsafe {
            let ctx = hostlock_client_new(policy.as_ptr());
            assert_eq!(hostlock_ctx_trust_dir(ctx, path.as_ptr()), answer);
            let mut counted = 0;
            assert_eq!((hostlock_ctx_trust_count(ctx, &mut counted), counted), count);
            hostlock_ctx_free(ctx);
        }
    }
}

#[test]
fn what_one_context_skips_another_that_did_not_ask_for_it_still_refuses() {
    let good = String::from_utf8(Recipe::ca("One").self_signed().pem()).unwrap();
    let bundle = format!("{good}{}", pem::block("CERTIFICATE", BROKEN));
    let scratch = Scratch::new();
    let file = scratch.directory("roots").join("a.pem");
    std::fs::write(&file, &bundle).unwrap();
    for _ in 0..2 {
        for (broken, count) in [(Broken::Skip, Some(1)), (Broken::Refuse, None)] {
            for input in [Input::Memory(bundle.as_bytes()), Input::File(&file)] {
                let index = source::index(input, broken).ok();
                assert_eq!(index.map(|index| index.certificates().count()), count, "{input:?}");
            }
        }
    }
}

#[test]
fn where_nothing_is_broken_contexts_that_skip_share_the_index_of_those_that_refuse() {
    let good = Recipe::ca("One").self_signed().pem();
    let [one, other] =
        [Broken::Refuse, Broken::Skip].map(|broken| source::index(Input::Memory(&good), broken).unwrap());
    assert!(Arc::ptr_eq(&one, &other));
}
