//! hostlock_ctx_verify_chain and its settings through the C ABI: what it takes, what it refuses before it judges, and that
//! it judges as the context would.

#![allow(deprecated, reason = "waivers are part of what is tested")]

mod support;

use std::ffi::{CStr, CString};
use std::ptr;

use hostlock::error::Status;
use hostlock::ffi::context::{hostlock_client_new, hostlock_ctx_free, hostlock_server_new};
use hostlock::ffi::errors::{hostlock_error_chain_text, hostlock_error_message, hostlock_last_error};
use hostlock::ffi::host::hostlock_ctx_set_host;
use hostlock::ffi::hostlock_ctx;
use hostlock::ffi::insecure::hostlock_insecure_no_hostname;
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use hostlock::ffi::verify::*;
use openssl_sys as ffi;
use support::pki;
use support::raw::*;

const HOST: &str = "www.example.com";

struct Context(*mut hostlock_ctx);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by hostlock, freed once.
        unsafe { hostlock_ctx_free(self.0) };
    }
}

impl Context {
    fn trusting(raw: *mut hostlock_ctx, root: &Made) -> Context {
        assert!(!raw.is_null());
        let pem = root.pem();
        // SAFETY: the context is live, and the buffer as long as it says.
        assert_eq!(unsafe { hostlock_ctx_trust_mem(raw, pem.as_ptr(), pem.len()) }, 0);
        Context(raw)
    }

    fn client(root: &Made) -> Context {
        // SAFETY: NULL is the default policy.
        Context::trusting(unsafe { hostlock_client_new(ptr::null()) }, root)
    }

    fn server(root: &Made) -> Context {
        // SAFETY: as above.
        Context::trusting(unsafe { hostlock_server_new(ptr::null()) }, root)
    }

    fn judge(&self, chain: &[u8], host: Option<&str>) -> Result<(), Status> {
        let host = host.map(|host| CString::new(host).unwrap());
        let host = host.as_ref().map_or(ptr::null(), |host| host.as_ptr());
        // SAFETY: every pointer is live for the call, and the length is the buffer's.
        match unsafe { hostlock_ctx_verify_chain(self.0, chain.as_ptr(), chain.len(), host) } {
            0 => Ok(()),
            code => Err(Status::from_code(code).unwrap()),
        }
    }
}

fn message() -> String {
    // SAFETY: the text lives until the thread's next failure.
    unsafe { CStr::from_ptr(hostlock_error_message(hostlock_last_error())) }.to_string_lossy().into_owned()
}

fn made() -> (Made, Made, Made) {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw::ca("Middle").issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    (root, middle, leaf)
}

#[test]
fn pem_in_any_order_after_the_leaf_and_a_key_among_it_are_taken() {
    let (root, middle, leaf) = made();
    let context = Context::client(&root);
    let key = leaf.key.private_key_to_pem_pkcs8().unwrap();
    context.judge(&[leaf.pem(), key.clone(), middle.pem()].concat(), Some(HOST)).unwrap();
    context.judge(&[key, leaf.pem(), root.pem(), middle.pem()].concat(), Some(HOST)).unwrap();
    let text = [b"subject: the leaf\n".to_vec(), leaf.pem(), b"\n\n".to_vec(), middle.pem()].concat();
    context.judge(&text, Some(HOST)).unwrap();
}

#[test]
fn der_is_taken_one_certificate_behind_the_other_and_nothing_else_may_follow() {
    let (root, middle, leaf) = made();
    let context = Context::client(&root);
    let chain = [&leaf.der[..], &middle.der].concat();
    context.judge(&chain, Some(HOST)).unwrap();
    context.judge(&[&leaf.der[..], &root.der, &middle.der].concat(), Some(HOST)).unwrap();
    assert_eq!(context.judge(&leaf.der, Some(HOST)), Err(Status::EUnknownIssuer));
    let garbage: &[u8] = &[0x30, 0];
    for (input, which) in [
        ([&chain[..], b"x"].concat(), "certificate 3"),
        ([&chain[..], b"\n"].concat(), "certificate 3"),
        ([&chain[..], garbage].concat(), "certificate 3"),
        ([&leaf.der[..], garbage, &middle.der].concat(), "certificate 2"),
        ([&leaf.der[..], &middle.pem()].concat(), "certificate 2"),
        (chain[..chain.len() - 1].to_vec(), "certificate 2"),
        (leaf.der[..leaf.der.len() - 1].to_vec(), "certificate 1"),
        (garbage.to_vec(), "certificate 1"),
    ] {
        assert_eq!(context.judge(&input, Some(HOST)), Err(Status::EBadPem), "{which}");
        assert!(message().contains(which), "{which}: {}", message());
    }
}

#[test]
fn each_kind_of_bad_input_has_its_own_error() {
    let (root, _, leaf) = made();
    let context = Context::client(&root);
    let key = leaf.key.private_key_to_pem_pkcs8().unwrap();
    let pem = leaf.pem();
    for (input, status, words) in [
        (&b""[..], Status::EEmpty, "empty"),
        (b" \n\t", Status::EEmpty, "empty"),
        (b"garbage", Status::EBadPem, "neither PEM nor DER"),
        (&key, Status::EWrongPem, "a private key and no certificate"),
        (&pem[..pem.len() / 2], Status::EBadPem, "cut off"),
        (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", Status::EBadPem, "damaged"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", Status::EBadPem, "no certificate"),
    ] {
        assert_eq!(context.judge(input, Some(HOST)), Err(status), "{words}");
        assert!(message().contains(words), "{:?} says nothing of {words:?}", message());
    }
    // SAFETY: NULL is refused before anything is read.
    unsafe {
        let host = c"www.example.com".as_ptr();
        assert_eq!(hostlock_ctx_verify_chain(context.0, ptr::null(), 5, host), Status::EArg.code());
        assert_eq!(hostlock_ctx_verify_chain(ptr::null_mut(), pem.as_ptr(), pem.len(), host), Status::EArg.code());
    }
}

#[test]
fn a_client_context_needs_a_host_unless_it_has_one_or_gave_it_up() {
    let (root, middle, leaf) = made();
    let chain = pem(&[&leaf, &middle]);
    let context = Context::client(&root);
    assert_eq!(context.judge(&chain, None), Err(Status::ENoHost));
    assert_eq!(context.judge(&chain, Some("mail.example.com")), Err(Status::EHostMismatch));
    assert_eq!(context.judge(&chain, Some("")), Err(Status::EBadHost));
    // SAFETY: the context is live, here and below.
    assert_eq!(unsafe { hostlock_ctx_set_host(context.0, c"mail.example.com".as_ptr()) }, 0);
    assert_eq!(context.judge(&chain, None), Err(Status::EHostMismatch));
    // SAFETY: as above.
    assert_eq!(unsafe { hostlock_ctx_set_host(context.0, c"www.example.com".as_ptr()) }, 0);
    context.judge(&chain, None).unwrap();
    let context = Context::client(&root);
    // SAFETY: as above.
    assert_eq!(unsafe { hostlock_insecure_no_hostname(context.0, c"a test".as_ptr()) }, 0);
    context.judge(&chain, None).unwrap();
    assert_eq!(context.judge(&Raw::leaf(HOST).self_signed().pem(), None), Err(Status::ESelfSigned));
}

#[test]
fn addresses_and_mail_addresses_are_hosts_too() {
    let root = Raw::ca("Root").self_signed();
    let names = sequence(&[&der(0x87, &[192, 0, 2, 1]), &der(0x81, b"user@example.com")]);
    let leaf = Raw::leaf("x").instead(SUBJECT_ALT_NAME, false, &names).issued_by(&root);
    let context = Context::client(&root);
    context.judge(&leaf.pem(), Some("192.0.2.1")).unwrap();
    context.judge(&leaf.pem(), Some("email:user@example.com")).unwrap();
    assert_eq!(context.judge(&leaf.pem(), Some("192.0.2.2")), Err(Status::EHostMismatch));
    assert_eq!(context.judge(&leaf.pem(), Some("email:other@example.com")), Err(Status::EHostMismatch));
}

#[test]
fn a_server_context_judges_clients_and_needs_no_host() {
    let root = Raw::ca("Root").self_signed();
    let client = Raw::leaf("client").instead(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH])).issued_by(&root);
    let server = Raw::leaf(HOST).issued_by(&root);
    let context = Context::server(&root);
    context.judge(&client.pem(), None).unwrap();
    assert_eq!(context.judge(&server.pem(), None), Err(Status::EWrongPurpose));
    assert!(message().contains("clientAuth"), "{}", message());
    assert_eq!(Context::client(&root).judge(&client.pem(), Some("client")), Err(Status::EWrongPurpose));
}

#[test]
fn the_public_roots_never_stand_in_for_a_servers_clients() {
    // SAFETY: NULL is the default policy.
    let context = Context(unsafe { hostlock_server_new(ptr::null()) });
    let (_, _, leaf) = made();
    assert_eq!(context.judge(&leaf.pem(), None), Err(Status::ENoTrustAnchors));
}

#[test]
fn time_depth_and_flags_are_checked_and_used() {
    let (root, middle, leaf) = made();
    let chain = pem(&[&leaf, &middle]);
    let context = Context::client(&root);
    // SAFETY: the context is live, here and in every call below.
    unsafe {
        assert_eq!(hostlock_ctx_set_verify_time(context.0, pki::now() + 60 * pki::DAY), 0);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EExpired));
        assert_eq!(hostlock_ctx_set_verify_time(context.0, pki::now()), 0);
        context.judge(&chain, Some(HOST)).unwrap();
        assert_eq!(hostlock_ctx_set_verify_depth(context.0, 0), 0);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EChainTooLong));
        assert_eq!(hostlock_ctx_set_verify_depth(context.0, 1), 0);
        context.judge(&chain, Some(HOST)).unwrap();
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, c"explicit-policy".as_ptr()), 0);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EBadCertificate));
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, c"crl-check-all".as_ptr()), 0);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::ERevocationUnknown));
        let unstated = Raw::leaf(HOST).without(EXT_KEY_USAGE).issued_by(&root).pem();
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, c"stated-purpose".as_ptr()), 0);
        assert_eq!(context.judge(&unstated, Some(HOST)), Err(Status::EWrongPurpose));
        context.judge(&chain, Some(HOST)).unwrap();
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, c"".as_ptr()), 0);
        context.judge(&unstated, Some(HOST)).unwrap();
        context.judge(&chain, Some(HOST)).unwrap();
    }
}

#[test]
fn a_setting_that_fails_poisons_the_context_until_it_succeeds() {
    let (root, middle, leaf) = made();
    let chain = pem(&[&leaf, &middle]);
    let context = Context::client(&root);
    // SAFETY: the context is live, here and in every call below.
    unsafe {
        assert_eq!(hostlock_ctx_set_verify_depth(context.0, -1), Status::EArg.code());
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EPoisoned));
        assert_eq!(hostlock_ctx_set_verify_depth(context.0, 3), 0);
        context.judge(&chain, Some(HOST)).unwrap();
        assert_eq!(hostlock_ctx_set_verify_time(context.0, -1), Status::EArg.code());
        assert_eq!(hostlock_ctx_set_verify_time(context.0, pki::now()), 0);
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, c"no-check-time".as_ptr()), Status::EArg.code());
        assert!(message().contains("no-check-time"));
        assert_eq!(hostlock_ctx_set_verify_flags(context.0, ptr::null()), Status::EArg.code());
    }
}

#[test]
fn what_legacy_code_sets_on_the_context_counts_where_it_is_stricter_only() {
    let (root, middle, leaf) = made();
    let chain = pem(&[&leaf, &middle]);
    let context = Context::client(&root);
    // SAFETY: the context is live, here and in every call below.
    unsafe {
        let param = ffi::SSL_CTX_get0_param(context.0);
        ffi::X509_VERIFY_PARAM_set_flags(param, ffi::X509_V_FLAG_NO_CHECK_TIME | ffi::X509_V_FLAG_PARTIAL_CHAIN);
        ffi::X509_VERIFY_PARAM_set_time(param, 0);
        ffi::X509_VERIFY_PARAM_set_auth_level(param, 0);
        let weak = Raw::leaf(HOST).keyed(&pki::rsa(1024)).issued_by(&root);
        assert_eq!(context.judge(&weak.pem(), Some(HOST)), Err(Status::EWeakKey));
        let old = Raw { not_before: -30 * pki::DAY, not_after: -pki::DAY, ..Raw::leaf(HOST) }.issued_by(&root);
        assert_eq!(context.judge(&old.pem(), Some(HOST)), Err(Status::EExpired));
        context.judge(&chain, Some(HOST)).unwrap();
        ffi::X509_VERIFY_PARAM_set_depth(param, 0);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EChainTooLong));
        ffi::X509_VERIFY_PARAM_set_depth(param, 5);
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, c"mail.example.com".as_ptr(), 0), 1);
        assert_eq!(context.judge(&chain, Some(HOST)), Err(Status::EHostMismatch), "both hosts must hold");
    }
}

#[test]
fn the_picture_of_the_chain_belongs_to_the_error() {
    let (root, middle, leaf) = made();
    let context = Context::client(&root);
    assert_eq!(context.judge(&leaf.pem(), Some(HOST)), Err(Status::EUnknownIssuer));
    let _ = middle;
    // SAFETY: the texts live until the thread's next failure; NULL gives "".
    unsafe {
        let text = CStr::from_ptr(hostlock_error_chain_text(hostlock_last_error())).to_str().unwrap();
        assert!(text.starts_with("presented:\n"), "{text}");
        assert!(text.contains("<== unknown issuer"), "{text}");
        assert_eq!(CStr::from_ptr(hostlock_error_chain_text(ptr::null())), c"");
    }
}
