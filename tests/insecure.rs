//! What each hostlock_insecure_* call gives up in real handshakes, and what it leaves alone.
#![allow(deprecated, reason = "these functions warn whoever calls them")]

mod support;

use std::ffi::{c_char, c_int};

use hostlock::error::Status;
use hostlock::ffi::hostlock_ctx;
use hostlock::ffi::insecure::*;
use hostlock::ffi::pins::hostlock_ctx_add_pin;
use hostlock::ffi::revocation::hostlock_ctx_add_crl_mem;
use support::crl::CrlRecipe;
use support::peer::{Client, lent, serve, status};
use support::pki::{DAY, Identity, Recipe};

type Waive = unsafe extern "C" fn(*mut hostlock_ctx, *const c_char) -> c_int;

/// Every way in which a server's certificate can be wrong, one at a time.
struct World {
    ca: Identity,
    good: u16,
    stranger: u16,
    other_host: u16,
    expired: u16,
    wrong_purpose: u16,
    revoked: u16,
    revoked_identity: Identity,
}

const HOST: &str = "site.example";

fn world() -> World {
    let ca = Recipe::ca("Root CA").self_signed();
    let of = |recipe: Recipe| serve(&recipe.issued_by(&ca), &[]).port;
    let site = || Recipe::server(HOST, &[HOST]);
    let revoked_identity = site().issued_by(&ca);
    World {
        good: of(site()),
        stranger: serve(&site().self_signed(), &[]).port,
        other_host: of(Recipe::server("other.example", &["other.example"])),
        expired: of(Recipe { not_before: -9 * DAY, not_after: -DAY, ..site() }),
        wrong_purpose: of(Recipe { server_auth: false, client_auth: true, ..site() }),
        revoked: serve(&revoked_identity, &[]).port,
        revoked_identity,
        ca,
    }
}

impl World {
    fn client(&self, waivers: &[Waive]) -> Client {
        let client = Client::trusting(&[&self.ca]);
        let crl = CrlRecipe::of(&self.ca).revoking(&self.revoked_identity);
        client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap();
        for waive in waivers {
            client.set_text(*waive, "a test").unwrap();
        }
        client
    }

    /// What becomes of: good, stranger, other host, expired, wrong purpose, revoked.
    fn outcomes(&self, waivers: &[Waive]) -> [Option<Status>; 6] {
        let client = self.client(waivers);
        [self.good, self.stranger, self.other_host, self.expired, self.wrong_purpose, self.revoked]
            .map(|port| status(client.connect(Some(HOST), port)))
    }
}

const NOTHING_GIVEN_UP: [Option<Status>; 6] = [
    None,
    Some(Status::ESelfSigned),
    Some(Status::EHostMismatch),
    Some(Status::EExpired),
    Some(Status::EWrongPurpose),
    Some(Status::ERevoked),
];

/// The same with some of them let through.
fn but(passing: &[usize]) -> [Option<Status>; 6] {
    let mut outcomes = NOTHING_GIVEN_UP;
    for index in passing {
        outcomes[*index] = None;
    }
    outcomes
}

#[test]
fn without_a_waiver_each_fault_is_refused() {
    assert_eq!(world().outcomes(&[]), NOTHING_GIVEN_UP);
}

#[test]
fn no_verify_gives_up_the_chain_and_keeps_the_host() {
    assert_eq!(world().outcomes(&[hostlock_insecure_no_verify]), but(&[1, 3, 4, 5]));
}

#[test]
fn no_hostname_gives_up_the_host_and_keeps_the_chain() {
    assert_eq!(world().outcomes(&[hostlock_insecure_no_hostname]), but(&[2]));
}

#[test]
fn no_time_gives_up_the_dates_alone() {
    assert_eq!(world().outcomes(&[hostlock_insecure_no_time]), but(&[3]));
}

#[test]
fn any_purpose_gives_up_the_purpose_alone() {
    assert_eq!(world().outcomes(&[hostlock_insecure_any_purpose]), but(&[4]));
}

#[test]
fn together_no_verify_and_no_hostname_give_up_everything() {
    assert_eq!(world().outcomes(&[hostlock_insecure_no_verify, hostlock_insecure_no_hostname]), [None; 6]);
}

#[test]
fn no_host_need_be_named_after_no_hostname_only() {
    let world = world();
    assert_eq!(status(world.client(&[]).connect(None, world.good)), Some(Status::ENoHost));
    assert_eq!(status(world.client(&[hostlock_insecure_no_verify]).connect(None, world.good)), Some(Status::ENoHost));
    let client = world.client(&[hostlock_insecure_no_hostname]);
    assert_eq!(client.connect(None, world.good).unwrap(), "hello");
    assert_eq!(status(client.connect(None, world.stranger)), Some(Status::ESelfSigned));
}

#[test]
fn a_host_that_could_not_be_set_refuses_also_after_no_hostname() {
    let world = world();
    let client = world.client(&[hostlock_insecure_no_hostname]);
    let outcome = client.connect_with(world.good, |ssl| {
        // SAFETY: the connection is live.
        unsafe { assert_ne!(hostlock::ffi::host::hostlock_conn_set_host(ssl, c"http://bad/".as_ptr()), 0) };
    });
    assert_eq!(status(outcome), Some(Status::EPoisoned));
}

#[test]
fn after_no_verify_a_pin_counts_for_the_peers_own_key() {
    let world = world();
    let client = world.client(&[hostlock_insecure_no_verify]);
    let pin = hostlock::chain::pins::Pin::of(&world.revoked_identity.certificate).unwrap().text();
    client.set_text(hostlock_ctx_add_pin, &pin).unwrap();
    assert_eq!(client.connect(Some(HOST), world.revoked).unwrap(), "hello");
    assert_eq!(status(client.connect(Some(HOST), world.stranger)), Some(Status::EPinMismatch));
}

#[test]
fn no_time_ignores_the_dates_of_crls_but_not_what_they_say() {
    let world = world();
    let client = Client::trusting(&[&world.ca]);
    let old = CrlRecipe { this_update: -9 * DAY, next_update: -DAY, ..CrlRecipe::of(&world.ca) };
    client.set_bytes(hostlock_ctx_add_crl_mem, &old.revoking(&world.revoked_identity).pem()).unwrap();
    assert_eq!(status(client.connect(Some(HOST), world.good)), Some(Status::ERevocationStale));
    client.set_text(hostlock_insecure_no_time, "no clock on board").unwrap();
    assert_eq!(client.connect(Some(HOST), world.good).unwrap(), "hello");
    assert_eq!(status(client.connect(Some(HOST), world.revoked)), Some(Status::ERevoked));
}

#[test]
fn every_waiver_is_listed_with_its_reason() {
    let client = Client::trusting(&[]);
    // SAFETY: the context is live, here and below.
    assert_eq!(unsafe { hostlock_ctx_insecure_count(client.0) }, 0);
    let all: [(Waive, &str); 4] = [
        (hostlock_insecure_no_verify, "no_verify"),
        (hostlock_insecure_no_hostname, "no_hostname"),
        (hostlock_insecure_no_time, "no_time"),
        (hostlock_insecure_any_purpose, "any_purpose"),
    ];
    for (waive, name) in all {
        client.set_text(waive, &format!("because of {name}")).unwrap();
    }
    for (index, (_, name)) in all.iter().enumerate() {
        // SAFETY: as above.
        let (listed, reason) =
            unsafe { (hostlock_ctx_insecure_name(client.0, index), hostlock_ctx_insecure_reason(client.0, index)) };
        assert_eq!(lent(listed).as_deref(), Some(*name));
        assert_eq!(lent(reason), Some(format!("because of {name}")));
    }
    // SAFETY: as above.
    unsafe {
        assert_eq!(hostlock_ctx_insecure_count(client.0), 4);
        assert!(hostlock_ctx_insecure_name(client.0, 4).is_null());
        assert!(hostlock_ctx_insecure_reason(client.0, 4).is_null());
        assert_eq!(hostlock_ctx_insecure_count(std::ptr::null_mut()), 0);
    }
}

#[test]
fn a_waiver_without_a_reason_is_refused_and_gives_nothing_up() {
    let world = world();
    let all: [Waive; 4] = [
        hostlock_insecure_no_verify,
        hostlock_insecure_no_hostname,
        hostlock_insecure_no_time,
        hostlock_insecure_any_purpose,
    ];
    for waive in all {
        let client = world.client(&[]);
        // SAFETY: the context is live.
        let null = client.set(|ctx| unsafe { waive(ctx, std::ptr::null()) });
        for outcome in [null, client.set_text(waive, ""), client.set_text(waive, "  ")] {
            assert_eq!(status(outcome), Some(Status::EArg));
        }
        // SAFETY: as above.
        assert_eq!(unsafe { hostlock_ctx_insecure_count(client.0) }, 0);
        assert_eq!(status(client.connect(Some(HOST), world.good)), Some(Status::EPoisoned));
    }
}

/// Compiles a C program against the header, with every warning an error.
fn compile(flags: &[&str]) -> Result<(), String> {
    let dir = std::env::temp_dir().join(format!("hostlock-insecure-{}-{}", std::process::id(), flags.len()));
    std::fs::create_dir_all(&dir).unwrap();
    let source = dir.join("main.c");
    let program = "#include <hostlock.h>\nint main(void) { return hostlock_insecure_no_verify(0, \"a lab\"); }\n";
    std::fs::write(&source, program).unwrap();
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include");
    let output = std::process::Command::new("cc")
        .args(["-Wall", "-Werror", "-fsyntax-only", include])
        .args(flags)
        .arg(&source)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_c_compiler_warns_unless_the_program_says_that_it_means_it() {
    let warning = compile(&[]).unwrap_err();
    assert!(warning.contains("anyone can pose as the server"), "{warning}");
    assert_eq!(compile(&["-DHOSTLOCK_ALLOW_INSECURE"]), Ok(()));
}
