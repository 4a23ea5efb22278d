//! Pinned keys and exact certificates in real handshakes, through the C ABI.

mod support;

use hostlock::error::Status;
use hostlock::ffi::pins::{hostlock_ctx_add_pin, hostlock_ctx_trust_exact};
use openssl::base64::encode_block;
use openssl::sha::sha256;
use support::peer::{Client, serve, status};
use support::pki::{DAY, Identity, Recipe};

const HOST: &str = "site.example";

fn pin(identity: &Identity) -> String {
    format!("sha256/{}", encode_block(&sha256(&identity.key.public_key_to_der().unwrap())))
}

#[test]
fn a_pin_of_any_certificate_of_the_chain_lets_it_pass_and_a_pin_of_none_refuses() {
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    let stranger = Recipe::ca("Stranger").self_signed();
    let server = serve(&leaf, &[&middle, &stranger]);
    for pinned in [&root, &middle, &leaf] {
        let client = Client::trusting(&[&root]);
        client.set_text(hostlock_ctx_add_pin, &pin(pinned)).unwrap();
        assert_eq!(client.connect(Some(HOST), server.port).unwrap(), "hello");
    }
    let client = Client::trusting(&[&root]);
    // The stranger's certificate is sent, but it is not part of the verified chain.
    client.set_text(hostlock_ctx_add_pin, &pin(&stranger)).unwrap();
    let error = client.connect(Some(HOST), server.port).unwrap_err();
    assert_eq!(error.status(), Status::EPinMismatch);
    for certificate in [&root, &middle, &leaf] {
        assert!(error.hint().contains(&pin(certificate)), "{}", error.hint());
    }
    assert!(!error.hint().contains(&pin(&stranger)));
    client.set_text(hostlock_ctx_add_pin, &pin(&middle)).unwrap();
    assert_eq!(client.connect(Some(HOST), server.port).unwrap(), "hello", "one of several pins is enough");
}

#[test]
fn a_pin_does_not_stand_for_trust_or_for_the_host() {
    let root = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&root);
    let server = serve(&leaf, &[]);
    let client = Client::trusting(&[&root]);
    client.set_text(hostlock_ctx_add_pin, &pin(&leaf)).unwrap();
    assert_eq!(status(client.connect(Some("other.example"), server.port)), Some(Status::EHostMismatch));
    let client = Client::trusting(&[&Recipe::ca("Another CA").self_signed()]);
    client.set_text(hostlock_ctx_add_pin, &pin(&leaf)).unwrap();
    assert_eq!(status(client.connect(Some(HOST), server.port)), Some(Status::EUnknownIssuer));
}

#[test]
fn a_malformed_pin_is_an_argument_error_and_stops_every_handshake() {
    let root = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&root);
    let server = serve(&leaf, &[]);
    let client = Client::trusting(&[&root]);
    assert_eq!(status(client.set_text(hostlock_ctx_add_pin, "sha256/short")), Some(Status::EArg));
    assert_eq!(status(client.connect(Some(HOST), server.port)), Some(Status::EPoisoned));
    client.set_text(hostlock_ctx_add_pin, &pin(&leaf)).unwrap();
    assert_eq!(client.connect(Some(HOST), server.port).unwrap(), "hello");
}

#[test]
fn the_pin_of_the_openssl_command_is_the_same() {
    let root = Recipe { key: support::pki::rsa(2048), ..Recipe::ca("Root CA") }.self_signed();
    let mut command = std::process::Command::new("openssl")
        // The command belongs to the system's libssl.
        .env_remove("LD_LIBRARY_PATH")
        .args(["x509", "-pubkey", "-noout"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut command.stdin.take().unwrap(), &root.pem()).unwrap();
    let printed = command.wait_with_output().unwrap().stdout;
    let key = openssl::pkey::PKey::public_key_from_pem(&printed).unwrap();
    let text = format!("sha256/{}", encode_block(&sha256(&key.public_key_to_der().unwrap())));
    assert_eq!(hostlock::chain::pins::Pin::of(&root.certificate).unwrap().text(), text);
}

fn device(recipe: Recipe) -> Identity {
    recipe.self_signed()
}

fn exactly(certificate: &[u8]) -> Client {
    let client = Client::trusting(&[]);
    client.set_bytes(hostlock_ctx_trust_exact, certificate).unwrap();
    client
}

#[test]
fn an_exact_certificate_needs_no_chain_and_still_belongs_to_its_host() {
    let device = device(Recipe::server("device.example", &["device.example"]));
    let server = serve(&device, &[]);
    for form in [device.pem(), device.certificate.to_der().unwrap()] {
        let client = exactly(&form);
        assert_eq!(client.connect(Some("device.example"), server.port).unwrap(), "hello");
        assert_eq!(status(client.connect(Some("other.example"), server.port)), Some(Status::EHostMismatch));
    }
}

#[test]
fn an_exact_certificate_need_not_be_self_signed() {
    let ca = Recipe::ca("Factory CA").self_signed();
    let device = Recipe::server("device.example", &["device.example"]).issued_by(&ca);
    let server = serve(&device, &[]);
    assert_eq!(exactly(&device.pem()).connect(Some("device.example"), server.port).unwrap(), "hello");
}

#[test]
fn a_twin_with_the_same_names_or_even_the_same_key_is_refused() {
    let original = device(Recipe::server("device.example", &["device.example"]));
    let client = exactly(&original.pem());
    let same_key = Recipe { key: original.key.clone(), ..Recipe::server("device.example", &["device.example"]) };
    for twin in [device(Recipe::server("device.example", &["device.example"])), device(same_key)] {
        let server = serve(&twin, &[]);
        let error = client.connect(Some("device.example"), server.port).unwrap_err();
        assert_eq!(error.status(), Status::EUnknownIssuer, "{}", error.message());
        assert!(error.message().contains("none of those that are trusted as they are"), "{}", error.message());
        assert_eq!(server.requests.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
}

#[test]
fn an_exact_certificate_is_no_ca() {
    let ca = Recipe::ca("Device CA").self_signed();
    let issued = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let server = serve(&issued, &[&ca]);
    assert_eq!(status(exactly(&ca.pem()).connect(Some(HOST), server.port)), Some(Status::EUnknownIssuer));
}

#[test]
fn the_dates_of_an_exact_certificate_hold() {
    let old = device(Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::server("old", &["old.example"]) });
    let server = serve(&old, &[]);
    assert_eq!(status(exactly(&old.pem()).connect(Some("old.example"), server.port)), Some(Status::EExpired));
    let new = device(Recipe { not_before: DAY, ..Recipe::server("new", &["new.example"]) });
    let server = serve(&new, &[]);
    assert_eq!(status(exactly(&new.pem()).connect(Some("new.example"), server.port)), Some(Status::ENotYetValid));
}

#[test]
fn an_exact_certificate_stands_beside_a_ca_and_a_pin_holds_for_it_too() {
    let ca = Recipe::ca("Root CA").self_signed();
    let site = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let device = device(Recipe::server("device.example", &["device.example"]));
    let (site_server, device_server) = (serve(&site, &[]), serve(&device, &[]));
    let client = Client::trusting(&[&ca]);
    client.set_bytes(hostlock_ctx_trust_exact, &device.pem()).unwrap();
    assert_eq!(client.connect(Some(HOST), site_server.port).unwrap(), "hello");
    assert_eq!(client.connect(Some("device.example"), device_server.port).unwrap(), "hello");
    client.set_text(hostlock_ctx_add_pin, &pin(&ca)).unwrap();
    assert_eq!(client.connect(Some(HOST), site_server.port).unwrap(), "hello");
    assert_eq!(status(client.connect(Some("device.example"), device_server.port)), Some(Status::EPinMismatch));
}

#[test]
fn an_exact_certificate_that_cannot_be_read_stops_every_handshake() {
    let device = device(Recipe::server("device.example", &["device.example"]));
    let server = serve(&device, &[]);
    let client = Client::trusting(&[]);
    let pem = device.pem();
    for wrong in [&b""[..], b"nonsense", &pem[..pem.len() / 2], &device.key_pem()] {
        client.set_bytes(hostlock_ctx_trust_exact, wrong).unwrap_err();
        assert_eq!(status(client.connect(Some("device.example"), server.port)), Some(Status::EPoisoned));
    }
    client.set_bytes(hostlock_ctx_trust_exact, &pem).unwrap();
    assert_eq!(client.connect(Some("device.example"), server.port).unwrap(), "hello");
}
