//! Each finding about a context, brought about with plain OpenSSL calls: a table of what is done, and of what is found.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "of the rows of the tables: their contexts are live, and no one else's"
)]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;

use foreign_types::ForeignType;
use hostlock::audit::report::Severity;
use hostlock::libssl::sys;
use openssl::hash::MessageDigest;
use openssl_sys as ffi;

use crate::plain::*;
use crate::support::pki::{self, DAY, Recipe};

unsafe extern "C" {
    fn SSL_CTX_set_psk_client_callback(ctx: *mut ffi::SSL_CTX, callback: Option<sys::PskClientCallback>);
}

extern "C" fn accept_all(_: c_int, _: *mut ffi::X509_STORE_CTX) -> c_int {
    1
}

unsafe extern "C" fn verify_nothing(_: *mut ffi::X509_STORE_CTX, _: *mut c_void) -> c_int {
    1
}

unsafe extern "C" fn permit_all(
    _: *const ffi::SSL,
    _: *const ffi::SSL_CTX,
    _: c_int,
    _: c_int,
    _: c_int,
    _: *mut c_void,
    _: *mut c_void,
) -> c_int {
    1
}

unsafe extern "C" fn write_keys(_: *const ffi::SSL, _: *const c_char) {}

unsafe extern "C" fn a_key(
    _: *mut ffi::SSL,
    _: *const c_char,
    _: *mut c_char,
    _: c_uint,
    _: *mut u8,
    _: c_uint,
) -> c_uint {
    0
}

/// What is done to a clean client's context, and the findings that this adds.
type Row = (&'static [&'static str], unsafe fn(&Plain));

/// Opens the context to what a low level permits.
unsafe fn at_level_0(plain: &Plain) {
    // SAFETY: the context is live, here and in every row.
    unsafe { SSL_CTX_set_security_level(plain.0, 0) };
}

unsafe fn suites_at_level_0(plain: &Plain, list: &std::ffi::CStr) {
    // SAFETY: see `at_level_0`.
    unsafe {
        at_level_0(plain);
        assert_eq!(ffi::SSL_CTX_set_cipher_list(plain.0, list.as_ptr()), 1);
    }
}

unsafe fn host_flags(plain: &Plain, flags: u32) {
    // SAFETY: see `at_level_0`.
    unsafe { ffi::X509_VERIFY_PARAM_set_hostflags(plain.param(), flags) };
}

unsafe fn flag(plain: &Plain, flag: std::ffi::c_ulong) {
    // SAFETY: see `at_level_0`.
    unsafe { ffi::X509_VERIFY_PARAM_set_flags(plain.param(), flag) };
}

unsafe fn options(plain: &Plain, options: u64) {
    // SAFETY: see `at_level_0`.
    unsafe { ffi::SSL_CTX_set_options(plain.0, options) };
}

const VERIFICATION: &[Row] = &[
    (&["verification-off"], |c| unsafe { ffi::SSL_CTX_set_verify(c.0, ffi::SSL_VERIFY_NONE, None) }),
    (&["own-cert-verify-callback"], |c| unsafe {
        sys::SSL_CTX_set_cert_verify_callback(c.0, Some(verify_nothing), ptr::null_mut());
    }),
    (&["own-verify-callback"], |c| unsafe { ffi::SSL_CTX_set_verify(c.0, ffi::SSL_VERIFY_PEER, Some(accept_all)) }),
    (&["own-verify-callback"], |c| unsafe { X509_STORE_set_verify_cb(c.store(), Some(accept_all)) }),
    (&["own-store-functions"], |c| unsafe {
        X509_STORE_set_check_issued(c.store(), accept_all as *const c_void);
    }),
    (&["no-host-on-context"], |c| unsafe {
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(c.param(), ptr::null(), 0), 1);
    }),
    (&["lax-host"], |c| unsafe {
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(c.param(), c".host.example".as_ptr(), 0), 1);
    }),
    (&["cn-fallback"], |c| unsafe { host_flags(c, NO_PARTIAL_WILDCARDS) }),
    (&["cn-always"], |c| unsafe { host_flags(c, NO_PARTIAL_WILDCARDS | 0x1) }),
    (&["partial-wildcards"], |c| unsafe { host_flags(c, NEVER_CHECK_SUBJECT) }),
    (&["multi-label-wildcards"], |c| unsafe { host_flags(c, NEVER_CHECK_SUBJECT | NO_PARTIAL_WILDCARDS | 0x8) }),
    (&[], |c| unsafe { host_flags(c, NEVER_CHECK_SUBJECT | 0x2) }),
    (&["no-check-time"], |c| unsafe { flag(c, ffi::X509_V_FLAG_NO_CHECK_TIME) }),
    (&["no-check-time"], |c| unsafe {
        ffi::X509_STORE_set_flags(c.store(), ffi::X509_V_FLAG_NO_CHECK_TIME);
    }),
    (&["fixed-time"], |c| unsafe { ffi::X509_VERIFY_PARAM_set_time(c.param(), 1_000_000_000) }),
    (&["crl-check-without-effect"], |c| unsafe { flag(c, ffi::X509_V_FLAG_CRL_CHECK_ALL) }),
    (&[], |c| unsafe { flag(c, ffi::X509_V_FLAG_CRL_CHECK | ffi::X509_V_FLAG_CRL_CHECK_ALL) }),
    (&["partial-chain"], |c| unsafe { flag(c, ffi::X509_V_FLAG_PARTIAL_CHAIN) }),
    (&["proxy-certificates"], |c| unsafe { flag(c, ffi::X509_V_FLAG_ALLOW_PROXY_CERTS) }),
    (&["lenient-chains"], |c| unsafe {
        ffi::X509_VERIFY_PARAM_clear_flags(c.param(), ffi::X509_V_FLAG_X509_STRICT);
    }),
    (&["wrong-purpose"], |c| unsafe { assert_eq!(SSL_CTX_set_purpose(c.0, 7), 1) }),
    (&["wrong-purpose"], |c| unsafe { assert_eq!(SSL_CTX_set_purpose(c.0, 1), 1) }),
    (&[], |c| unsafe { assert_eq!(SSL_CTX_set_purpose(c.0, 2), 1) }),
    (&["long-chains"], |c| unsafe { ffi::SSL_CTX_set_verify_depth(c.0, 50) }),
    (&["auth-level"], |c| unsafe { ffi::X509_VERIFY_PARAM_set_auth_level(c.param(), 0) }),
    (&["empty-trust-store"], |c| unsafe { ffi::SSL_CTX_set_cert_store(c.0, ffi::X509_STORE_new()) }),
    (&["trust-store-unknown"], |c| unsafe {
        ffi::SSL_CTX_set_cert_store(c.0, ffi::X509_STORE_new());
        assert_eq!(ffi::SSL_CTX_load_verify_locations(c.0, ptr::null(), c"/".as_ptr()), 1);
    }),
];

const PROTOCOL: &[Row] = &[
    (&["old-versions", "security-level-zero"], |c| unsafe {
        at_level_0(c);
        ffi::SSL_CTX_clear_options(c.0, ffi::SSL_OP_NO_TLSv1 | ffi::SSL_OP_NO_TLSv1_1);
        c.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, ffi::TLS1_VERSION);
    }),
    (&["old-versions", "security-level-zero"], |c| unsafe {
        at_level_0(c);
        ffi::SSL_CTX_clear_options(c.0, ffi::SSL_OP_NO_TLSv1_1);
        c.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, ffi::TLS1_1_VERSION);
    }),
    (&["old-versions", "security-level-zero", "version-hole"], |c| unsafe {
        at_level_0(c);
        ffi::SSL_CTX_clear_options(c.0, ffi::SSL_OP_NO_TLSv1);
        c.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, ffi::TLS1_VERSION);
    }),
    (&["no-version"], |c| unsafe { options(c, ffi::SSL_OP_NO_TLSv1_2 | ffi::SSL_OP_NO_TLSv1_3) }),
    (&["no-tls13"], |c| unsafe { options(c, ffi::SSL_OP_NO_TLSv1_3) }),
    (&["no-tls13"], |c| c.control(ffi::SSL_CTRL_SET_MAX_PROTO_VERSION, ffi::TLS1_2_VERSION)),
    (&["compression"], |c| unsafe {
        ffi::SSL_CTX_clear_options(c.0, ffi::SSL_OP_NO_COMPRESSION);
    }),
    (&["unsafe-renegotiation"], |c| unsafe { options(c, 1 << 18) }),
    (&["legacy-server-connect"], |c| unsafe { options(c, 1 << 2) }),
    (&["renegotiation"], |c| unsafe {
        ffi::SSL_CTX_clear_options(c.0, 1 << 30);
    }),
    (&["unexpected-eof-ignored"], |c| unsafe { options(c, 1 << 7) }),
    (&["no-extended-master-secret"], |c| unsafe { options(c, 1) }),
    (&["weakening-options"], |c| unsafe { options(c, 1 << 19) }),
    (&["security-level-zero"], |c| unsafe { at_level_0(c) }),
    (&["security-level-zero"], |c| unsafe {
        let list = c"ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, list.as_ptr()), 1);
    }),
    (&["security-level-low"], |c| unsafe { SSL_CTX_set_security_level(c.0, 1) }),
    (&["own-security-callback"], |c| unsafe { sys::SSL_CTX_set_security_callback(c.0, Some(permit_all)) }),
];

const SUITES: &[Row] = &[
    (&["null-ciphers", "security-level-zero"], |c| unsafe { suites_at_level_0(c, c"NULL-SHA256") }),
    (&[], |c| unsafe { assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"NULL-SHA256".as_ptr()), 1) }),
    (&["anonymous-ciphers", "security-level-zero"], |c| unsafe { suites_at_level_0(c, c"ADH-AES128-SHA") }),
    (&[], |c| unsafe { assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ADH-AES128-SHA".as_ptr()), 1) }),
    (&["static-rsa-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"AES128-GCM-SHA256".as_ptr()), 1);
    }),
    (&["cbc-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ECDHE-RSA-AES128-SHA".as_ptr()), 1);
    }),
    (&["psk-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ECDHE-PSK-CHACHA20-POLY1305".as_ptr()), 1);
    }),
    (&["srp-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"SRP-RSA-AES-128-CBC-SHA".as_ptr()), 1);
    }),
    (&["dhe-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"DHE-RSA-AES128-GCM-SHA256".as_ptr()), 1);
    }),
    // Newer releases count the short tag against the level.
    (&["security-level-zero", "short-tag-ciphers"], |c| unsafe {
        at_level_0(c);
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ECDHE-ECDSA-AES128-CCM8".as_ptr()), 1);
    }),
    (&["security-level-zero", "short-tag-ciphers"], |c| unsafe {
        at_level_0(c);
        assert_eq!(ffi::SSL_CTX_set_ciphersuites(c.0, c"TLS_AES_128_CCM_8_SHA256".as_ptr()), 1);
    }),
    (&["other-ciphers"], |c| unsafe {
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ECDHE-ECDSA-AES128-CCM".as_ptr()), 1);
    }),
];

const HABITS: &[Row] = &[
    (&["unbound-sessions"], |c| unsafe {
        const SET_SESS_CACHE_MODE: c_int = 44;
        ffi::SSL_CTX_ctrl(c.0, SET_SESS_CACHE_MODE, 1, ptr::null_mut());
    }),
    (&["key-log"], |c| unsafe { SSL_CTX_set_keylog_callback(c.0, Some(write_keys)) }),
    (&["quiet-shutdown"], |c| unsafe { SSL_CTX_set_quiet_shutdown(c.0, 1) }),
    (&["own-certificate-expired"], |c| {
        c.show(&Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::server("me", &[]) }.self_signed())
    }),
    (&["own-certificate-expired"], |c| c.show(&Recipe { not_before: DAY, ..Recipe::server("me", &[]) }.self_signed())),
    (&["own-certificate-weak", "security-level-zero"], |c| unsafe {
        at_level_0(c);
        c.show(&Recipe { key: pki::rsa(1024), ..Recipe::server("me", &[]) }.self_signed())
    }),
    (&["own-certificate-weak", "security-level-zero"], |c| unsafe {
        at_level_0(c);
        let ca = Recipe::ca("CA").self_signed();
        c.show(&Recipe { digest: MessageDigest::sha1(), ..Recipe::server("me", &[]) }.issued_by(&ca))
    }),
    (&["own-key-wrong"], |c| unsafe {
        let identity = Recipe::server("me", &[]).self_signed();
        assert_eq!(SSL_CTX_use_certificate(c.0, identity.certificate.as_ptr()), 1);
    }),
    (&["own-key-wrong"], |c| unsafe {
        let (identity, other) = (Recipe::server("me", &[]).self_signed(), pki::p256());
        c.show(&identity);
        assert_eq!(ffi::X509_set_pubkey(ffi::SSL_CTX_get0_certificate(c.0), other.as_ptr()), 1);
    }),
    (&[], |c| c.show(&Recipe::server("me", &[]).self_signed())),
];

/// Seen in a trial hello only.
const OFFERS: &[Row] = &[
    (&["psk-ciphers", "psk-offered"], |c| unsafe {
        SSL_CTX_set_psk_client_callback(c.0, Some(a_key));
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, c"ECDHE-PSK-CHACHA20-POLY1305".as_ptr()), 1);
    }),
    (&[], |c| unsafe {
        // Without a callback libssl leaves them out of the hello.
        let list = c"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305";
        assert_eq!(ffi::SSL_CTX_set_cipher_list(c.0, list.as_ptr()), 1);
    }),
    (&["security-level-zero", "weak-groups"], |c| unsafe {
        at_level_0(c);
        c.list(ffi::SSL_CTRL_SET_GROUPS_LIST, c"X25519:prime192v1");
    }),
    (&["other-groups"], |c| c.list(ffi::SSL_CTRL_SET_GROUPS_LIST, c"X25519:X448")),
    (&["security-level-zero", "weak-signature-algorithms"], |c| unsafe {
        at_level_0(c);
        c.list(ffi::SSL_CTRL_SET_SIGALGS_LIST, c"ECDSA+SHA256:RSA+SHA1");
    }),
    (&["other-signature-algorithms"], |c| c.list(ffi::SSL_CTRL_SET_SIGALGS_LIST, c"ECDSA+SHA256:RSA+SHA224")),
];

#[test]
fn a_plain_context_that_follows_every_fix_has_nothing_above_info() {
    for plain in [Plain::client(), Plain::server()] {
        for report in [plain.audit(), plain.probe()] {
            assert_eq!(report.worst().filter(|worst| *worst != Severity::Info), None, "{}", report.to_text());
        }
    }
    assert_eq!(ids(&Plain::client().audit()).into_iter().collect::<Vec<_>>(), ["groups-unknown"]);
    assert_eq!(Plain::client().probe().count(None), 0);
    assert_eq!(ids(&Plain::server().probe()).into_iter().collect::<Vec<_>>(), ["probe-impossible"]);
}

#[test]
fn each_weakness_of_a_context_is_found_and_nothing_else() {
    for (wanted, spoil) in [VERIFICATION, PROTOCOL, SUITES, HABITS].concat() {
        let (clean, spoilt) = (Plain::client(), Plain::client());
        // SAFETY: the context is live and ours alone.
        unsafe { spoil(&spoilt) };
        assert_adds(&clean.audit(), &spoilt.audit(), wanted);
    }
}

#[test]
fn each_weakness_of_a_hello_is_found_by_the_probe() {
    // OpenSSL 4.0 has no weak curve left that could be offered.
    let has_weak_curves = openssl::version::number() < 0x4000_0000;
    for (wanted, spoil) in OFFERS.iter().filter(|(wanted, _)| has_weak_curves || !wanted.contains(&"weak-groups")) {
        let (clean, spoilt) = (Plain::client(), Plain::client());
        // SAFETY: the context is live and ours alone.
        unsafe { spoil(&spoilt) };
        assert_adds(&clean.probe(), &spoilt.probe(), wanted);
    }
}

#[test]
fn a_context_of_plain_openssl_says_what_everybody_gets_by_default() {
    // SAFETY: no arguments.
    let report = Plain::of(unsafe { ffi::TLS_client_method() }).audit();
    for id in ["verification-off", "no-host-on-context", "cn-fallback", "empty-trust-store", "static-rsa-ciphers"] {
        assert!(report.has(id), "{id}: {}", report.to_text());
    }
    assert_eq!(report.worst(), Some(Severity::Critical));
    assert!(
        report.to_text().starts_with("a client's SSL_CTX of TLS_client_method, compared with the policy 2026-11: ")
    );
}

#[test]
fn suites_are_named_one_by_one() {
    let plain = Plain::client();
    // SAFETY: the context is live; the list is static.
    unsafe { suites_at_level_0(&plain, c"ALL:COMPLEMENTOFALL") };
    let report = plain.audit();
    let items = |id: &str| &report.findings().iter().find(|finding| finding.kind.id == id).unwrap().items;
    assert!(items("anonymous-ciphers").iter().any(|name| name == "ADH-AES256-GCM-SHA384"), "{}", report.to_text());
    assert!(items("null-ciphers").iter().any(|name| name == "NULL-SHA256"));
    assert!(items("static-rsa-ciphers").iter().any(|name| name == "AES128-SHA"));
    let mut all: Vec<&String> = report.findings().iter().flat_map(|finding| &finding.items).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "each is named once");
}

#[test]
fn a_server_is_not_asked_for_a_host_nor_for_verification() {
    // SAFETY: no arguments.
    let report = Plain::of(unsafe { ffi::TLS_server_method() }).audit();
    for id in ["verification-off", "no-host-on-context", "cn-fallback", "empty-trust-store", "long-chains"] {
        assert!(!report.has(id), "{id}");
    }
    let (clean, verifying) = (Plain::server(), Plain::server());
    // SAFETY: the contexts are live.
    unsafe {
        ffi::SSL_CTX_set_verify(verifying.0, ffi::SSL_VERIFY_PEER, Some(accept_all));
        assert_eq!(SSL_CTX_set_purpose(verifying.0, 7), 1);
    }
    assert_adds(&clean.audit(), &verifying.audit(), &["own-verify-callback", "wrong-purpose"]);
}

#[test]
fn methods_for_one_version_and_for_datagrams_are_named() {
    // SAFETY: no arguments.
    let datagrams = Plain::of(unsafe { ffi::DTLS_client_method() });
    assert!(datagrams.audit().has("datagrams"));
    assert!(datagrams.probe().has("probe-impossible"));
    type Method = unsafe extern "C" fn() -> *const ffi::SSL_METHOD;
    // SAFETY: the name is static; a function of this name has no arguments.
    let method: Option<Method> =
        unsafe { std::mem::transmute(libc::dlsym(libc::RTLD_DEFAULT, c"TLSv1_2_client_method".as_ptr())) };
    let Some(method) = method else {
        println!("skipped: this OpenSSL has no methods for one version");
        return;
    };
    // SAFETY: as above.
    let one = Plain::of(unsafe { method() });
    one.strengthen();
    let report = one.audit();
    assert_adds(&Plain::client().audit(), &report, &["version-specific-method"]);
    assert_eq!(
        report.findings().iter().find(|f| f.kind.id == "version-specific-method").unwrap().items,
        ["TLSv1_2_client_method"]
    );
}
