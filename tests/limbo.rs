//! The outside test vectors in x509-limbo's form, through the C ABI as any caller would. Every verdict that differs from
//! a vector's is listed in tests/data/limbo_differences.txt with the rule that makes it differ: a new difference fails,
//! and so does a line that is no longer true. Skipped where the vectors are not beside the project.
//!
//! The large file of name constraints is sampled; HOSTLOCK_LONG=1 runs all of it.

#![allow(deprecated, reason = "the test cases ask for less than a program should")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_int};
use std::io::Read;
use std::path::PathBuf;

use hostlock::chain::known_signatures::watch;
use hostlock::ffi::context::{hostlock_client_new, hostlock_ctx_free, hostlock_server_new};
use hostlock::ffi::errors::{hostlock_error_json, hostlock_error_message, hostlock_last_error};
use hostlock::ffi::hostlock_ctx;
use hostlock::ffi::insecure::{hostlock_insecure_any_purpose, hostlock_insecure_no_hostname};
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use hostlock::ffi::verify::{hostlock_ctx_set_verify_depth, hostlock_ctx_set_verify_time, hostlock_ctx_verify_chain};
use serde_json::Value;

const DIFFERENCES: &str = include_str!("data/limbo_differences.txt");

fn vectors(file: &str) -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("HOSTLOCK_SHARED").map_or(beside, PathBuf::from).join("vectors").join(file);
    let Ok(packed) = std::fs::File::open(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let mut json = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut json).expect("the file is gzip");
    let mut file: Value = serde_json::from_str(&json).expect("the file is JSON");
    match file["testcases"].take() {
        Value::Array(cases) if !cases.is_empty() => Some(cases),
        _ => panic!("the file holds no test cases"),
    }
}

fn list<'a>(case: &'a Value, key: &str) -> Vec<&'a str> {
    case[key].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

struct Context(*mut hostlock_ctx);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by hostlock, freed once.
        unsafe { hostlock_ctx_free(self.0) };
    }
}

/// Whether the case is accepted; `None` where it asks what a program of ours cannot.
fn verdict(case: &Value, policy: &CStr) -> Option<Result<(), String>> {
    judge(case, policy, true, last_message)
}

/// The same; where the case's moment does not count, it is now. `say` puts a refusal into words.
fn judge(case: &Value, policy: &CStr, at_its_time: bool, say: fn() -> String) -> Option<Result<(), String>> {
    let (usages, features) = (list(case, "extended_key_usage"), list(case, "features"));
    let known = [&[][..], &["serverAuth"], &["clientAuth"], &["anyExtendedKeyUsage"]];
    let plain_usage = list(case, "key_usage").is_empty() || list(case, "key_usage") == ["digitalSignature"];
    if !known.contains(&&usages[..])
        || features.contains(&"pkits-policy-input")
        || !list(case, "signature_algorithms").is_empty()
        || !plain_usage
    {
        return None;
    }
    let judges_servers = case["validation_kind"] == "SERVER";
    // SAFETY: every pointer of this function is live for its call, and the lengths are those of the buffers.
    let ctx = Context(unsafe {
        if judges_servers { hostlock_client_new(policy.as_ptr()) } else { hostlock_server_new(policy.as_ptr()) }
    });
    assert!(!ctx.0.is_null());
    let refused = |step: &str| Some(Err(format!("{step}: {}", say())));
    let trusted = list(case, "trusted_certs").join("\n");
    // SAFETY: as above.
    if unsafe { hostlock_ctx_trust_mem(ctx.0, trusted.as_ptr(), trusted.len()) } != 0 {
        return refused("trust");
    }
    let crls = list(case, "crls").join("\n");
    if !crls.is_empty() {
        // SAFETY: as above.
        if unsafe { hostlock_ctx_add_crl_mem(ctx.0, crls.as_ptr(), crls.len()) } != 0 {
            return refused("crl");
        }
        let mut mode = String::from(if features.contains(&"crl-depth:leaf") { "leaf" } else { "chain" });
        for (feature, word) in [("crl-expired:ignore", "+expired"), ("crl-unknown:allow", "+soft")] {
            if features.contains(&feature) {
                mode.push_str(word);
            }
        }
        let mode = CString::new(mode).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_ctx_set_crl_mode(ctx.0, mode.as_ptr()) }, 0);
    }
    if let Some(time) = case["validation_time"].as_str().filter(|_| at_its_time) {
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_ctx_set_verify_time(ctx.0, unix_seconds(time)) }, 0);
    }
    if let Some(depth) = case["max_chain_depth"].as_i64() {
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_ctx_set_verify_depth(ctx.0, c_int::try_from(depth).unwrap()) }, 0);
    }
    if usages == ["anyExtendedKeyUsage"] {
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_insecure_any_purpose(ctx.0, c"test case".as_ptr()) }, 0);
    }
    let mut names: Vec<&Value> = case["expected_peer_names"].as_array().into_iter().flatten().collect();
    if case["expected_peer_name"].is_object() {
        names.push(&case["expected_peer_name"]);
    }
    if judges_servers && names.is_empty() {
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_insecure_no_hostname(ctx.0, c"test case".as_ptr()) }, 0);
    }
    let mut chain = case["peer_certificate"].as_str().unwrap().to_owned();
    for part in case["peer_certificate_key"].as_str().into_iter().chain(list(case, "untrusted_intermediates")) {
        chain.push('\n');
        chain.push_str(part);
    }
    let hosts: Vec<Option<CString>> = match names.is_empty() {
        true => vec![None],
        false => names.into_iter().map(|name| Some(host(name))).collect(),
    };
    for host in hosts {
        let host = host.as_ref().map_or(std::ptr::null(), |host| host.as_ptr());
        // SAFETY: as above.
        if unsafe { hostlock_ctx_verify_chain(ctx.0, chain.as_ptr(), chain.len(), host) } != 0 {
            return refused("chain");
        }
    }
    Some(Ok(()))
}

fn last_message() -> String {
    // SAFETY: the call before failed, so there is an error; its text lives until the next failure.
    unsafe { CStr::from_ptr(hostlock_error_message(hostlock_last_error())) }.to_string_lossy().into_owned()
}

fn last_json() -> String {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(hostlock_error_json(hostlock_last_error())) }.to_string_lossy().into_owned()
}

/// The vectors write one byte as one character (Latin-1).
fn host(name: &Value) -> CString {
    let prefix: &[u8] = if name["kind"] == "RFC822" { b"email:" } else { b"" };
    let value = name["value"].as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
    CString::new(prefix.iter().copied().chain(value).collect::<Vec<u8>>()).unwrap()
}

/// "2024-03-01T00:00:00.999+00:00", whose fraction a certificate does not know.
fn unix_seconds(iso: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| iso[range].parse::<i64>().unwrap();
    let (mut year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days from the civil calendar, years beginning in March.
    year -= i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
}

/// The listed differences of `file` under `policy`: by id, what hostlock says, and whether that may change with the clock.
fn listed(file: &str, policy: &str) -> BTreeMap<String, (String, bool)> {
    let mut listed = BTreeMap::new();
    for line in DIFFERENCES.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let (facts, rule) = line.split_once(" | ").expect("each line has a rule");
        let [in_file, under, says, id] = facts.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("a line has a file, a policy, a verdict and an id: {line}")
        };
        assert!(!rule.trim().is_empty(), "{line}");
        if in_file == file && (under == policy || under == "both") {
            listed.insert(id.to_owned(), (says.trim_end_matches('?').to_owned(), says.ends_with('?')));
        }
    }
    listed
}

fn hold(file: &str, policy: &str, every: usize) {
    let Some(cases) = vectors(file) else { return };
    let policy_name = CString::new(policy).unwrap();
    let mut expected = listed(file, policy);
    let (mut news, mut asked) = (BTreeSet::new(), 0);
    for (index, case) in cases.iter().enumerate() {
        let id = case["id"].as_str().unwrap();
        if id.contains("nameconstraints") && index % every != 0 {
            continue;
        }
        let Some(ours) = verdict(case, &policy_name) else { continue };
        asked += 1;
        let agrees = ours.is_ok() == (case["expected_result"] == "SUCCESS");
        let says = if ours.is_ok() { "accepts" } else { "refuses" };
        match expected.remove(id) {
            Some((listed, _)) if !agrees && listed == says => {}
            Some((_, true)) if agrees => {}
            None if agrees => {}
            _ => {
                news.insert(format!("{says} {id} {}", ours.err().unwrap_or_default()));
            }
        }
    }
    assert!(asked > 0);
    assert!(news.is_empty(), "{file} under {policy}: unlisted, or listed but no longer so:\n{news:#?}");
    assert!(expected.is_empty(), "{file} under {policy}: listed but not there: {expected:#?}");
}

#[test]
fn every_difference_to_x509_limbo_is_listed_with_its_rule() {
    let long = std::env::var_os("HOSTLOCK_LONG").is_some();
    for policy in ["default", "2026-11-webpki"] {
        match long {
            true => hold("limbo.json.gz", policy, 1),
            false => hold("limbo-small.json.gz", policy, 1),
        }
    }
    if !long {
        println!("skipped: the whole of limbo.json.gz; HOSTLOCK_LONG=1 runs it");
    }
}

#[test]
fn every_difference_to_the_host_name_suites_is_listed_with_its_rule() {
    hold("hostname_limbo.json.gz", "default", 1);
    hold("hostname_openssl_limbo.json.gz", "default", 1);
}

#[test]
fn every_difference_to_go_pkits_webpki_and_boringssl_is_listed_with_its_rule() {
    for file in ["go_limbo.json.gz", "pkits_limbo.json.gz", "webpki_limbo.json.gz", "bssl_pki_limbo.json.gz"] {
        hold(file, "default", 1);
    }
}

#[test]
fn every_difference_to_bettertls_is_listed_with_its_rule() {
    hold("bettertls_hs_limbo.json.gz", "default", 1);
}

/// Judged for now, as no signature is remembered for another moment: with nothing remembered, with what the case itself left,
/// and with all that the cases before left.
#[test]
fn remembered_signatures_change_no_verdict_and_no_error_of_any_vector() {
    let (mut compared, mut accepted, mut answered) = (0, 0, 0);
    for file in [
        "limbo-small.json.gz",
        "go_limbo.json.gz",
        "pkits_limbo.json.gz",
        "webpki_limbo.json.gz",
        "bssl_pki_limbo.json.gz",
        "bettertls_hs_limbo.json.gz",
        "hostname_limbo.json.gz",
        "hostname_openssl_limbo.json.gz",
    ] {
        let Some(cases) = vectors(file) else { return };
        for case in &cases {
            watch::forget();
            let ask = || judge(case, c"default", false, last_json);
            let Some(cold) = ask() else { continue };
            let before = watch::answered();
            assert_eq!(ask(), Some(cold.clone()), "{file} {}: with its own chain remembered", case["id"]);
            answered += usize::from(watch::answered() > before);
            accepted += usize::from(cold.is_ok());
            compared += 1;
        }
        watch::forget();
        for round in 0..2 {
            for case in &cases {
                let Some(found) = judge(case, c"default", false, last_json) else { continue };
                let again = || {
                    let kept = watch::set_aside();
                    let cold = judge(case, c"default", false, last_json);
                    watch::put_back(kept);
                    cold
                };
                assert_eq!(Some(found), again(), "{file} {}: with all others remembered, round {round}", case["id"]);
            }
        }
    }
    println!("{compared} compared, {accepted} accepted, {answered} from memory");
    assert!(answered * 3 > accepted, "{answered} of {accepted}");
}
