//! The comparison as a table: clean facts, one change, and the findings that it adds. What plain OpenSSL calls bring about
//! is in tests/audit; here are the edges, and what no OpenSSL at hand can be made to show.

use crate::audit::compare::findings;
use crate::audit::facts::*;
use crate::libssl::method::Carrier;
use crate::audit::hello::Hello;
use crate::libssl::sys;
use crate::policy::{POLICIES, Policy};

/// The suites of the trial hellos here.
const OFFERED: [u16; 4] = [0x1301, 0x0042, 0xc0ae, 0xc02f];

fn policy() -> &'static Policy {
    POLICIES[0]
}

fn suite(name: &str, id: u16, key_exchange: i32) -> Suite {
    Suite {
        name: name.to_owned(),
        id,
        key_exchange,
        authentication: 1046,
        cipher: 895,
        digest: 0,
        bits: 128,
        aead: true,
        permitted: true,
    }
}

/// A client's context that follows the policy.
fn clean() -> Facts {
    let policy = policy();
    Facts {
        object: Object::Context,
        method: Method { name: Some("TLS_client_method"), only: None, carrier: Carrier::Stream },
        side: Side::Client,
        verification: Verification {
            mode: openssl_sys::SSL_VERIFY_PEER,
            hosts: vec!["host.example".to_owned()],
            host_flags: 0x20 | 0x4,
            flags: policy.verify_flags,
            depth: Some(policy.verify_depth),
            purpose: Some(0),
            ..Verification::default()
        },
        protocol: Protocol {
            min: policy.min_version,
            options: policy.options_to_set(false),
            level: policy.security_level,
            permitted: vec![0x0304, 0x0303, 0x0302, 0x0301],
            ..Protocol::default()
        },
        suites: vec![suite("TLS_AES_128_GCM_SHA256", 0x1301, sys::NID_KX_ANY)],
        trust: Trust::Holds(1),
        own: None,
        habits: Habits::default(),
        guarded: None,
        handshake: None,
        probe: Probe::Hello(Box::new(Hello { suites: OFFERED.to_vec(), ..Hello::default() })),
        now: 1_700_000_000,
    }
}

/// The ids that a change of clean facts adds.
fn added(change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
    let mut facts = clean();
    change(&mut facts);
    findings(&facts, policy()).into_iter().map(|finding| finding.kind.id).collect()
}

fn offers(change: impl FnOnce(&mut Hello)) -> Vec<&'static str> {
    let mut hello = Hello { suites: OFFERED.to_vec(), ..Hello::default() };
    change(&mut hello);
    added(|facts| facts.probe = Probe::Hello(Box::new(hello)))
}

#[test]
fn clean_facts_have_no_finding() {
    assert_eq!(added(|_| {}), [""; 0]);
}

#[test]
fn what_could_not_be_found_out_is_said() {
    assert_eq!(added(|f| f.verification.replaced = Replaced::Unknown), ["cert-verify-callback-unknown"]);
    assert_eq!(added(|f| f.trust = Trust::Unknown("x".to_owned())), ["trust-store-unknown"]);
    assert_eq!(added(|f| f.probe = Probe::NotMade), ["groups-unknown"]);
    assert_eq!(added(|f| f.probe = Probe::Impossible("x".to_owned())), ["probe-impossible"]);
    assert_eq!(added(|f| f.verification.purpose = None), [""; 0], "a purpose that OpenSSL does not show is no fault");
}

#[test]
fn suites_that_are_broken_come_before_what_else_is_wrong_with_them() {
    let class = |change: fn(&mut Suite)| {
        let mut odd = suite("ODD", 0x0042, sys::NID_KX_ECDHE);
        change(&mut odd);
        added(|facts| facts.suites.push(odd))
    };
    assert_eq!(class(|_| {}), ["other-ciphers"]);
    assert_eq!(class(|s| s.cipher = 0), ["null-ciphers"]);
    assert_eq!(class(|s| s.authentication = sys::NID_AUTH_NULL), ["anonymous-ciphers"]);
    assert_eq!(class(|s| s.bits = 56), ["weak-ciphers"]);
    assert_eq!(class(|s| s.cipher = sys::NID_RC4), ["weak-ciphers"]);
    assert_eq!(class(|s| s.cipher = sys::NID_DES_EDE3_CBC), ["weak-ciphers"]);
    assert_eq!(class(|s| s.digest = sys::NID_MD5), ["weak-ciphers"]);
    assert_eq!(class(|s| (s.bits, s.key_exchange) = (40, sys::NID_KX_RSA)), ["weak-ciphers"]);
    assert_eq!(class(|s| s.key_exchange = sys::NID_KX_RSA_PSK), ["psk-ciphers"]);
    assert_eq!(class(|s| s.authentication = sys::NID_AUTH_PSK), ["psk-ciphers"]);
    assert_eq!(class(|s| s.authentication = sys::NID_AUTH_SRP), ["srp-ciphers"]);
    assert_eq!(class(|s| (s.key_exchange, s.aead) = (sys::NID_KX_RSA, false)), ["static-rsa-ciphers"]);
    assert_eq!(class(|s| s.aead = false), ["cbc-ciphers"]);
    assert_eq!(class(|s| s.id = 0xc0ae), ["short-tag-ciphers"]);
    assert_eq!(class(|s| s.key_exchange = sys::NID_KX_DHE), ["dhe-ciphers"]);
    assert_eq!(class(|s| s.id = 0xc02f), [""; 0], "the policy's own");
}

#[test]
fn a_suite_counts_only_where_it_can_be_agreed_on() {
    let weak = || suite("WEAK", 0x0042, sys::NID_KX_RSA);
    assert_eq!(added(|f| f.suites.push(weak())), ["static-rsa-ciphers"]);
    assert_eq!(added(|f| (f.suites, f.protocol.min) = (vec![weak()], openssl_sys::TLS1_3_VERSION)), [""; 0]);
    let below_level = added(|f| f.suites.push(Suite { permitted: false, ..weak() }));
    assert_eq!(below_level, [""; 0], "the level keeps it out");
    let not_offered = Hello { suites: vec![0x1301], ..Hello::default() };
    let found = added(|f| {
        f.suites.push(weak());
        f.probe = Probe::Hello(Box::new(not_offered));
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn groups_and_signature_algorithms_are_weak_or_only_not_the_policys() {
    assert_eq!(offers(|h| h.groups = vec![29, 23, 24, 4588]), [""; 0]);
    assert_eq!(offers(|h| h.groups = vec![29, 19]), ["weak-groups"]);
    assert_eq!(offers(|h| h.groups = vec![30, 0xfe00]), ["other-groups"]);
    assert_eq!(offers(|h| h.groups = vec![0x3a3a]), [""; 0], "GREASE");
    assert_eq!(offers(|h| h.signatures = vec![0x0403, 0x0807, 0x0804, 0x0809, 0x0401]), [""; 0]);
    assert_eq!(offers(|h| h.signatures = vec![0x0201, 0x0101]), ["weak-signature-algorithms"]);
    assert_eq!(offers(|h| h.signatures = vec![0x0402]), ["other-signature-algorithms"]);
    assert_eq!(offers(|h| h.extensions = vec![41]), ["psk-offered"]);
}

#[test]
fn which_side_it_is_decides_what_counts() {
    let bare = |side| {
        added(move |facts| {
            facts.side = side;
            facts.verification = Verification { purpose: Some(0), ..Verification::default() };
            facts.trust = Trust::Empty;
        })
    };
    assert_eq!(bare(Side::Server), [""; 0]);
    let client = bare(Side::Client);
    for id in ["verification-off", "no-host-on-context", "cn-fallback", "empty-trust-store", "long-chains"] {
        assert!(client.contains(&id), "{id}: {client:?}");
    }
    assert_eq!(bare(Side::Either), client);
}

#[test]
fn a_hole_is_a_clients_and_a_server_speaks_what_is_enabled() {
    let hole = |side| {
        added(move |facts| {
            facts.side = side;
            facts.protocol.min = 0;
            facts.protocol.options &= !openssl_sys::SSL_OP_NO_TLSv1;
        })
    };
    assert!(hole(Side::Client).contains(&"version-hole"));
    let server = hole(Side::Server);
    assert!(!server.contains(&"version-hole") && server.contains(&"old-versions"), "{server:?}");
}

#[test]
fn a_hosts_that_is_lax_is_told_from_one_that_is_plain() {
    for host in ["", ".example.com", "a..b", "host:443", "127.1"] {
        assert_eq!(added(|f| f.verification.hosts = vec![host.to_owned()]), ["lax-host"], "{host:?}");
    }
    for host in ["host.example", "192.0.2.1", "2001:db8::1"] {
        assert_eq!(added(|f| f.verification.hosts = vec![host.to_owned()]), [""; 0], "{host:?}");
    }
    let by_address = |f: &mut Facts| {
        f.verification.hosts.clear();
        f.verification.other_names = vec!["192.0.2.1".to_owned()];
    };
    assert_eq!(added(by_address), [""; 0]);
}

#[test]
fn of_a_guarded_context_only_what_the_hooks_do_not_make_good_is_told() {
    let guarded = |in_place: bool, change: fn(&mut Facts)| {
        added(move |facts| {
            facts.guarded = Some(Guarded { in_place, ..Guarded::default() });
            facts.verification = Verification { mode: 1, purpose: Some(0), ..Verification::default() };
            change(facts);
        })
    };
    assert_eq!(guarded(true, |_| {}), [""; 0], "hosts, flags and depth are hostlock's own");
    assert_eq!(guarded(true, |f| f.verification.mode = 0), ["enforced-anyway"]);
    assert_eq!(guarded(true, |f| f.protocol.options = 0), ["enforced-anyway"]);
    assert_eq!(guarded(true, |f| f.habits.client_sessions = true), [""; 0], "its sessions are bound to the host");
    assert_eq!(guarded(true, |f| f.habits.key_log = true), ["key-log"]);
    let written = |f: &mut Facts| f.guarded.as_mut().unwrap().waivers.push(("keylog_file".to_owned(), "a capture".to_owned()));
    assert_eq!(guarded(true, written), ["waiver-keylog-file"]);
    assert!(guarded(false, |f| f.verification.mode = 0).contains(&"verification-off"));
    assert!(guarded(false, |_| {}).contains(&"hooks-removed"));
}
