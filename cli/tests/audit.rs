//! `hostlock audit` against servers on the loopback interface, good and bad.

#[path = "../../tests/support/pki.rs"]
mod pki;
mod ran;
#[path = "../../tests/support/scratch.rs"]
mod scratch;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use openssl::hash::MessageDigest;
use openssl::ssl::{SslAcceptor, SslMethod, SslOptions, SslVerifyMode, SslVersion};
use pki::{DAY, Identity, Recipe};
use ran::{BINARY, Ran};
use scratch::Scratch;
use serde_json::Value;

fn run(arguments: &[&str]) -> Ran {
    Command::new(BINARY).arg("audit").args(arguments).output().unwrap().into()
}

/// A CA in a file, and what is asked of servers that it certified.
struct World {
    ca: Identity,
    scratch: Scratch,
}

impl World {
    fn new() -> World {
        let (ca, scratch) = (Recipe::ca("Audit CA").self_signed(), Scratch::new());
        scratch.file("ca.pem", ca.pem());
        World { ca, scratch }
    }

    fn audit(&self, target: &str, more: &[&str]) -> Ran {
        let ca = self.scratch.join("ca.pem");
        run(&[&[target, "--ca", ca.to_str().unwrap()], more].concat())
    }

    /// The server of `recipe`, asked for "localhost".
    fn ask(&self, recipe: Recipe, more: &[&str]) -> Ran {
        let port = serve(&recipe.issued_by(&self.ca), &[], None);
        self.audit(&format!("localhost:{port}"), more)
    }
}

fn good() -> Recipe {
    Recipe::server("localhost", &["localhost"])
}

/// Serves handshakes and nothing else.
fn serve(identity: &Identity, chain: &[&Identity], version: Option<SslVersion>) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    for other in chain {
        acceptor.add_extra_chain_cert(other.certificate.clone()).unwrap();
    }
    if version.is_some() {
        acceptor.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
        acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        acceptor.set_min_proto_version(version).unwrap();
        acceptor.set_max_proto_version(version).unwrap();
    }
    let acceptor = acceptor.build();
    listen(move |stream| {
        if let Ok(mut tls) = acceptor.accept(stream) {
            let _ = tls.read(&mut [0; 16]);
        }
    })
}

/// Gives every connection to `behave`, each in a thread.
fn listen(behave: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behave = behave.clone();
            thread::spawn(move || behave(stream));
        }
    });
    port
}

/// Which of the careless clients would have let the server through: no verification, the chain only, the common name.
fn careless(json: &Value) -> [bool; 3] {
    let clients = json["careless"].as_array().unwrap();
    assert_eq!(
        clients.iter().map(|c| &c["client"]).collect::<Vec<_>>(),
        ["no-verification", "chain-only", "common-name"]
    );
    std::array::from_fn(|index| clients[index]["accepts"].as_bool().unwrap())
}

#[test]
fn a_good_server_ends_with_0_and_is_shown_with_its_chain() {
    let world = World::new();
    let middle = Recipe { path_len: Some(0), ..Recipe::ca("Middle CA") }.issued_by(&world.ca);
    let leaf = Recipe { not_after: 20 * DAY + 3600, ..good() }.issued_by(&middle);
    let port = serve(&leaf, &[&middle], None);
    let ran = world.audit(&format!("localhost:{port}"), &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    for wanted in [
        "verdict  verified for \"localhost\"\n",
        "agreed   TLSv1.3, TLS_AES_128_GCM_SHA256, ",
        "chain, as presented:\n  CN=localhost\n  |  names  localhost\n",
        "(20 days left)\n",
        "\n  +- CN=Middle CA\n",
        "\n     +- CN=Audit CA (not presented)\n",
        "key    EC of 256 bits, signed with ecdsa-with-SHA256\n",
        "nothing                         accepts\n",
    ] {
        assert!(ran.stdout.contains(wanted), "{wanted:?} in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\x1b'));
}

#[test]
fn json_has_its_documented_keys_for_good_servers_and_for_bad() {
    let world = World::new();
    let keys = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let wanted = [
        "agreed",
        "agreed_without_verification",
        "careless",
        "chain",
        "chain_verified",
        "client_certificate",
        "error",
        "host",
        "policy",
        "port",
        "starttls",
        "verified",
    ];
    let json = world.ask(good(), &["--json"]).json();
    assert_eq!(keys(&json), wanted);
    assert_eq!((&json["verified"], &json["error"]), (&Value::Bool(true), &Value::Null));
    assert_eq!((&json["chain_verified"], &json["client_certificate"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(json["agreed"]["verified_host"], "localhost");
    assert_eq!(careless(&json), [true; 3]);
    let json = world.ask(Recipe::server("other", &["other.example"]), &["--json", "--policy", "2026-11-webpki"]).json();
    assert_eq!(keys(&json), wanted);
    assert_eq!((&json["verified"], &json["agreed"]), (&Value::Bool(false), &Value::Null));
    assert_eq!((&json["host"], &json["policy"]), (&Value::from("localhost"), &Value::from("2026-11-webpki")));
    assert_eq!(json["error"]["status"], "HOSTLOCK_E_HOST_MISMATCH");
    let chain = json["chain"][0].clone();
    let of_certificate = ["issuer", "key", "names", "not_after", "not_before", "sha256", "signature", "subject"];
    assert_eq!(keys(&chain), of_certificate);
    assert_eq!((&chain["subject"], &chain["names"][0]), (&Value::from("CN=other"), &Value::from("other.example")));
    assert_eq!(chain["sha256"].as_str().unwrap().len(), 2 * MessageDigest::sha256().size());
}

/// The tags of a page, without their texts.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).collect()
}

#[test]
fn the_page_says_what_the_text_says_and_a_certificate_adds_no_markup_to_it() {
    let world = World::new();
    let file = world.scratch.join("page.html");
    let page_of = |recipe: Recipe| {
        let ran = world.ask(recipe, &["--html", file.to_str().unwrap()]);
        (ran, std::fs::read_to_string(&file).unwrap())
    };
    let (ran, page) = page_of(good());
    assert!(ran.code == 0 && ran.stdout.contains("verdict  verified"), "{}", ran.stdout);
    for wanted in
        ["<strong>verified</strong>", "CN=localhost", "CN=Audit CA", " days left)", "stroke-dasharray", "accepts"]
    {
        assert!(page.contains(wanted), "{wanted:?} in\n{page}");
    }
    let innocent = page_of(Recipe::server("name", &["name.example"])).1;
    let hostile =
        Recipe::server("</text><script>alert(1)</script>&\"'", &["<img src=x onerror=alert(1)>", "a\"b'.example"]);
    let (ran, hostile) = page_of(hostile);
    assert_eq!(ran.code, 1);
    assert_eq!(tags(&hostile), tags(&innocent));
    assert!(innocent.contains("<g class=\"bad\">"), "the certificate of another host is to blame");
    for wanted in [
        "<strong>refused</strong>",
        "&lt;img src=x onerror=alert(1)&gt;",
        "would have been fooled: accepts",
        "What to do: ",
    ] {
        assert!(hostile.contains(wanted), "{wanted:?} in\n{hostile}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_and_of_a_program_there_is_none() {
    let world = World::new();
    let ran = world.ask(good(), &["--html", "/nonexistent/page.html"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("/nonexistent/page.html"), "{}", ran.stderr);
    assert_eq!(run(&["--command", "true", "--html", "x.html"]).code, 2);
}

#[test]
fn each_bad_server_is_refused_for_its_fault_and_careless_clients_are_judged() {
    let world = World::new();
    let [everyone, unverified, chain] = [[true; 3], [true, false, false], [true, true, false]];
    let cases: [(&str, Recipe, &str, [bool; 3]); 5] = [
        ("another host", Recipe::server("other", &["other.example"]), "HOSTLOCK_E_HOST_MISMATCH", chain),
        (
            "the right common name and another host",
            Recipe::server("localhost", &["other.example"]),
            "HOSTLOCK_E_HOST_MISMATCH",
            everyone,
        ),
        ("no name but the common one", Recipe::server("localhost", &[]), "HOSTLOCK_E_HOST_MISMATCH", everyone),
        ("expired", Recipe { not_before: -9 * DAY, not_after: -DAY, ..good() }, "HOSTLOCK_E_EXPIRED", unverified),
        (
            "a client's",
            Recipe { server_auth: false, client_auth: true, ..good() },
            "HOSTLOCK_E_WRONG_PURPOSE",
            unverified,
        ),
    ];
    for (name, recipe, fault, wanted) in cases {
        let ran = world.ask(recipe, &["--json"]);
        assert_eq!(ran.code, 1, "{name}");
        let json = ran.json();
        assert_eq!(json["error"]["status"], fault, "{name}");
        assert_eq!(careless(&json), wanted, "{name}: {json:#}");
    }
    let port = serve(&good().self_signed(), &[], None);
    let ran = world.audit(&format!("localhost:{port}"), &[]);
    assert_eq!(ran.code, 1);
    for wanted in [
        "verdict  refused: self-signed certificate: ",
        "\nhint     if the server is yours, name its certificate with --ca",
        "\nchain, as judged:\n  \"CN=localhost\" ",
        "nothing                         would have let it through\n",
        "the chain, and no host          refuses: self-signed certificate\n",
    ] {
        assert!(ran.stdout.contains(wanted), "{wanted:?} in\n{}", ran.stdout);
    }
}

#[test]
fn a_ca_in_der_lets_careless_clients_be_judged_as_one_in_pem_does() {
    let world = World::new();
    let der = world.scratch.file("ca.der", world.ca.certificate.to_der().unwrap());
    let port = serve(&good().issued_by(&world.ca), &[], None);
    let ran = run(&[&format!("127.0.0.1:{port}"), "--ca", der.to_str().unwrap(), "--json"]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, careless(&json)), (1, [true, true, false]), "{}", ran.stdout);
}

#[test]
fn a_server_of_an_old_version_is_refused_and_its_chain_shown_all_the_same() {
    let world = World::new();
    let port = serve(&good().issued_by(&world.ca), &[], Some(SslVersion::TLS1));
    let ran = world.audit(&format!("localhost:{port}"), &["--json"]);
    assert_eq!(ran.code, 1);
    let json = ran.json();
    assert_eq!(json["error"]["status"], "HOSTLOCK_E_NO_COMMON_VERSION");
    assert_eq!(json["agreed_without_verification"]["version"], "TLSv1");
    assert_eq!(json["chain"][0]["subject"], "CN=localhost");
    assert_eq!(careless(&json), [true; 3]);
}

#[test]
fn what_is_no_server_of_tls_ends_with_3_and_says_why() {
    let world = World::new();
    let http = listen(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let begins = listen(|mut stream| {
        let _ = stream.write_all(&[22, 3, 3, 0, 80, 2]);
        while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
    });
    let stalls = listen(|mut stream| while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {});
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let starttls: &[&str] = &["--starttls", "smtp"];
    for (port, more, wanted) in [
        (http, &[][..], "plain"),
        (stalls, &[], "--timeout allows more time"),
        (
            begins,
            &[],
            "it began to speak TLS and stopped: it may be overloaded, or cut off on the way; --timeout allows more",
        ),
        (stalls, starttls, "leave --starttls out"),
        (closed, &[], "connection refused"),
    ] {
        let ran = world.audit(&format!("localhost:{port}"), &[more, &["--timeout", "1"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{wanted}");
        assert!(ran.stderr.starts_with("hostlock: ") && ran.stderr.contains(wanted), "{}", ran.stderr);
        assert!(!ran.stderr.contains("SSL_") && !ran.stderr.contains("hostlock_"), "{}", ran.stderr);
    }
    let ran = run(&["nowhere.invalid", "--timeout", "2"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("nowhere.invalid"), "{}", ran.stderr);
    let ran = run(&["localhost", "--ca", "/nonexistent/ca.pem"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("/nonexistent/ca.pem"), "{}", ran.stderr);
    let ran = run(&["localhost", "--ca", "/"]);
    assert!(ran.stderr.contains("--ca takes a file"), "{}", ran.stderr);
}

/// A server that asks its clients for a certificate; `demands`: and takes none without.
fn asking(identity: &Identity, version: SslVersion, demands: bool) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    if version == SslVersion::TLS1 {
        acceptor.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
        acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    }
    acceptor.set_min_proto_version(Some(version)).unwrap();
    acceptor.set_max_proto_version(Some(version)).unwrap();
    let wants = if demands { SslVerifyMode::FAIL_IF_NO_PEER_CERT } else { SslVerifyMode::empty() };
    acceptor.set_verify(SslVerifyMode::PEER | wants);
    let acceptor = acceptor.build();
    listen(move |stream| {
        if let Ok(mut tls) = acceptor.accept(stream) {
            let _ = tls.read(&mut [0; 16]);
        }
    })
}

#[test]
fn a_server_that_demands_a_client_certificate_is_shown_with_its_chain_and_the_demand_is_told() {
    let world = World::new();
    let right = good().issued_by(&world.ca);
    let other = Recipe::server("other", &["other.example"]).issued_by(&world.ca);
    let (tls12, tls13, tls10) = (SslVersion::TLS1_2, SslVersion::TLS1_3, SslVersion::TLS1);
    let (demanded, asked) = ("the server demands a client certificate", "the server asks for a client certificate");
    for (name, identity, version, demands, code, verified, chain, words) in [
        ("1.3", &right, tls13, true, 0, true, true, demanded),
        ("1.3, optional", &right, tls13, false, 0, true, true, asked),
        ("1.2", &right, tls12, true, 3, false, true, demanded),
        ("1.2, optional", &right, tls12, false, 0, true, true, asked),
        ("1.3, another host", &other, tls13, true, 1, false, false, demanded),
        ("1.2, another host", &other, tls12, true, 1, false, false, demanded),
        ("1.0", &right, tls10, true, 1, false, false, demanded),
    ] {
        let target = format!("localhost:{}", asking(identity, version, demands));
        let ran = world.audit(&target, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{name}: {}", ran.stdout);
        let (subject, words) = (if verified || chain { "CN=localhost" } else { "CN=" }, format!("\nclients  {words}"));
        for wanted in [&words, "\nchain, as presented:\n  ", subject] {
            assert!(ran.stdout.contains(wanted), "{name}: {wanted:?} in\n{}", ran.stdout);
        }
        if chain && !verified {
            assert!(
                ran.stdout.contains("\nverdict  not complete: the chain is valid, and it is this host's"),
                "{}",
                ran.stdout
            );
        }
        let json = world.audit(&target, &["--json"]).json();
        let wanted = if demands { "demanded" } else { "asked" };
        assert_eq!(json["client_certificate"], wanted, "{name}");
        assert_eq!((&json["verified"], &json["chain_verified"]), (&verified.into(), &chain.into()), "{name}");
        assert_eq!(json["chain"].as_array().unwrap().len(), 1, "{name}");
    }
    let page = world.scratch.join("page.html");
    let target = format!("localhost:{}", asking(&right, tls12, true));
    assert_eq!(world.audit(&target, &["--html", page.to_str().unwrap()]).code, 3);
    let page = std::fs::read_to_string(page).unwrap();
    for wanted in ["<strong>not complete</strong>", "the server demands a client certificate", "CN=localhost"] {
        assert!(page.contains(wanted), "{wanted:?} in\n{page}");
    }
    assert!(!page.contains("refused") && !page.contains("verified<"), "{page}");
}

#[test]
fn what_is_not_understood_ends_with_2() {
    for wrong in [
        &["https://example.com/"][..],
        &["example.com:0"],
        &["a..b"],
        &["localhost", "--policy", "2019-01"],
        &["localhost", "--timeout", "0"],
        &["localhost", "--timeout", "soon"],
        &["localhost", "--starttls", "http"],
        &["localhost", "--starttls", "SMTP"],
        &["--command", "true", "--starttls", "smtp"],
        &["localhost", "other"],
        &[],
    ] {
        let ran = run(wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong:?}");
        assert_ne!(ran.stderr, "");
    }
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Exit codes:\n  0  all is well\n"), "{}", help.stdout);
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 120), "{}", help.stdout);
}

#[test]
fn nothing_but_a_handshake_is_sent() {
    let world = World::new();
    let (sender, received) = std::sync::mpsc::channel();
    let identity = good().issued_by(&world.ca);
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    let acceptor = acceptor.build();
    let port = listen(move |stream| {
        let mut data = Vec::new();
        if let Ok(mut tls) = acceptor.accept(stream) {
            let _ = tls.read_to_end(&mut data);
        }
        sender.send(data).unwrap();
    });
    assert_eq!(world.audit(&format!("localhost:{port}"), &[]).code, 0);
    for _ in 0..2 {
        assert_eq!(received.recv().unwrap(), b"");
    }
}

/// A mail server: it says `answer` to STARTTLS, and goes over to TLS where that is 220.
fn mail_server(identity: &Identity, offers: &'static str, answer: &'static str) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    let acceptor = acceptor.build();
    listen(move |mut stream| {
        let mut said = |text: &str| {
            let _ = stream.write_all(text.as_bytes());
            let mut line = [0; 200];
            stream.read(&mut line).unwrap_or(0) > 0
        };
        if said("220 mail\r\n") && said(offers) {
            let _ = stream.write_all(answer.as_bytes());
            if let Ok(mut tls) = acceptor.accept(stream) {
                let _ = tls.read(&mut [0; 16]);
            }
        }
    })
}

#[test]
fn a_server_that_begins_tls_later_is_audited_by_starttls() {
    let world = World::new();
    let (offers, go_on) = ("250-mail\r\n250 STARTTLS\r\n", "220 go on\r\n");
    let right = good().issued_by(&world.ca);
    let other = Recipe::server("other", &["other.example"]).issued_by(&world.ca);
    for (identity, offers, answer, code, wanted) in [
        (&right, offers, go_on, 0, "by STARTTLS of smtp, judged by"),
        (&other, offers, go_on, 1, "the chain, and no host          would have let it through\n"),
        (&right, "250 nothing\r\n", go_on, 3, "does not offer STARTTLS"),
        (&right, offers, "454 not now\r\n", 3, "does not begin TLS"),
        (&right, offers, "220 go on\r\n250 injected\r\n", 3, "said more in the clear"),
    ] {
        let port = mail_server(identity, offers, answer);
        let ran = world.audit(&format!("localhost:{port}"), &["--starttls", "smtp"]);
        assert_eq!(ran.code, code, "{wanted}: {} {}", ran.stdout, ran.stderr);
        assert!(
            format!("{}{}", ran.stdout, ran.stderr).contains(wanted),
            "{wanted:?} in\n{}{}",
            ran.stdout,
            ran.stderr
        );
    }
    let port = mail_server(&right, offers, go_on);
    let json = world.audit(&format!("localhost:{port}"), &["--starttls", "smtp", "--json"]).json();
    assert_eq!((&json["starttls"], &json["verified"]), (&Value::from("smtp"), &Value::Bool(true)));
    assert_eq!(careless(&json), [true; 3]);
    let ran = world.audit(&format!("localhost:{port}"), &[]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("--starttls smtp"), "{}", ran.stderr);
}
