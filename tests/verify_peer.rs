//! hostlock_ctx_verify_peer says of a handshake that plain OpenSSL made what a handshake of hostlock's own says with the same
//! server: the same status, words, hint, names and tree.

mod support;

use std::ffi::{CString, c_int};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;
use std::thread;

use hostlock::error::{Error, Status};
use hostlock::ffi::connection::{hostlock_conn_free, hostlock_connect_fd};
use hostlock::ffi::context::hostlock_server_new;
use hostlock::ffi::errors::{hostlock_last_error, share};
use hostlock::ffi::hostlock_ctx;
use hostlock::ffi::pins::{hostlock_ctx_add_pin, hostlock_ctx_trust_exact};
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode, hostlock_ctx_set_ocsp_mode};
use hostlock::ffi::verify::{hostlock_ctx_set_verify_flags, hostlock_ctx_verify_peer};
use openssl::ssl::{Ssl, SslConnector, SslContext, SslMethod, SslVerifyMode, SslVersion, StatusType};
use support::crl::{CrlRecipe, extension};
use support::ocsp::{OcspRecipe, Says, extended, failure};
use support::peer::{Client, Manner, serve_in_manner};
use support::pki::{self, DAY, Identity, Recipe};

const HOST: &str = "site.example";
const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// What somebody else's handshake came to.
#[derive(Clone, Debug)]
struct Seen {
    pem: Vec<u8>,
    der: Vec<u8>,
    version: String,
    suite: String,
    staple: Vec<u8>,
}

/// A handshake of plain OpenSSL's that verifies nothing.
fn seen_by_plain_openssl(port: u16) -> Seen {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_security_level(0);
    builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    let suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";
    builder.set_ciphersuites(suites).unwrap();
    let mut configuration = builder.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    configuration.set_status_type(StatusType::OCSP).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let stream = configuration.connect(HOST, stream).unwrap();
    let ssl = stream.ssl();
    let chain = ssl.peer_cert_chain().unwrap();
    Seen {
        pem: chain.iter().flat_map(|one| one.to_pem().unwrap()).collect(),
        der: chain.iter().flat_map(|one| one.to_der().unwrap()).collect(),
        version: ssl.version_str().to_owned(),
        suite: ssl.current_cipher().unwrap().name().to_owned(),
        staple: ssl.ocsp_status().map(<[u8]>::to_vec).unwrap_or_default(),
    }
}

fn judge(ctx: *mut hostlock_ctx, seen: &Seen, chain: &[u8], host: Option<&str>) -> Result<(), Error> {
    let text = |text: &str| CString::new(text).unwrap();
    let (version, suite, host) = (text(&seen.version), text(&seen.suite), host.map(text));
    let staple = if seen.staple.is_empty() { ptr::null() } else { seen.staple.as_ptr() };
    // SAFETY: the context is live, every pointer is for the call, and the lengths are the buffers'.
    let code = unsafe {
        hostlock_ctx_verify_peer(
            ctx,
            chain.as_ptr(),
            chain.len(),
            host.as_ref().map_or(ptr::null(), |host| host.as_ptr()),
            version.as_ptr(),
            suite.as_ptr(),
            staple,
            seen.staple.len(),
        )
    };
    verdict(code)
}

fn verdict(code: c_int) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: this thread's last error lives until its next failure.
    let error = unsafe { share(hostlock_last_error()) };
    assert_eq!(error.status().code(), code);
    Err(error)
}

/// All that an error says. A handshake's also names the host for which it was.
fn said(error: Error) -> (Status, String, String, String, i32) {
    (
        error.status(),
        error.message().to_owned(),
        error.hint().to_owned(),
        error.chain_text().to_owned(),
        error.x509_code(),
    )
}

/// A server and a client, and what both verdicts must be.
#[derive(Clone, Copy)]
struct Row<'a> {
    name: &'a str,
    leaf: &'a Identity,
    others: &'a [&'a Identity],
    staple: Option<&'a [u8]>,
    client: &'a dyn Fn() -> Client,
    host: &'a str,
    expected: Option<Status>,
}

impl Row<'_> {
    fn run(&self) {
        for version in BOTH {
            let manner =
                Manner { staple: self.staple.map(<[u8]>::to_vec), version: Some(version), ..Manner::default() };
            let server = serve_in_manner(self.leaf, self.others, manner);
            let client = (self.client)();
            let own = client.connect(Some(self.host), server.port).map(|_| ()).map_err(said);
            let seen = seen_by_plain_openssl(server.port);
            let what = format!("{}, {version:?}, {seen:?}", self.name);
            assert_eq!(seen.staple.is_empty(), self.staple.is_none(), "{what}");
            for chain in [&seen.pem, &seen.der] {
                assert_eq!(judge(client.0, &seen, chain, Some(self.host)).map_err(said), own, "{what}");
            }
            assert_eq!(own.err().map(|error| error.0), self.expected, "{what}");
        }
    }
}

struct World {
    root: Identity,
    middle: Identity,
    leaf: Identity,
}

fn world() -> World {
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    World { root, middle, leaf }
}

#[test]
fn what_a_handshake_says_of_chains_hosts_lists_and_pins_verify_peer_says_too() {
    let World { root, middle, leaf } = world();
    let plain = || Client::trusting(&[&root]);
    let good =
        Row { name: "good", leaf: &leaf, others: &[&middle], staple: None, client: &plain, host: HOST, expected: None };
    let expired = Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::server(HOST, &[HOST]) }.issued_by(&middle);
    let for_clients =
        Recipe { server_auth: false, client_auth: true, ..Recipe::server(HOST, &[HOST]) }.issued_by(&middle);
    let alone = Recipe::server(HOST, &[HOST]).self_signed();
    let stranger = Recipe::ca("Stranger").self_signed();
    let strange = Recipe::server(HOST, &[HOST]).issued_by(&stranger);
    let with = |set: &dyn Fn(&Client)| {
        let client = plain();
        set(&client);
        client
    };
    let revoking = || {
        with(&|client| {
            client.set_bytes(hostlock_ctx_add_crl_mem, &CrlRecipe::of(&middle).revoking(&leaf).pem()).unwrap();
            client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap();
        })
    };
    let without_list = || with(&|client| client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap());
    let pinned = || {
        with(&|client| {
            let other = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
            client.set_text(hostlock_ctx_add_pin, other).unwrap();
        })
    };
    let strict = || with(&|client| client.set_text(hostlock_ctx_set_verify_flags, "explicit-policy").unwrap());
    let exact = || {
        let client = Client::trusting(&[]);
        client.set_bytes(hostlock_ctx_trust_exact, &alone.pem()).unwrap();
        client
    };
    let rows = [
        Row { name: "good", ..good },
        Row { name: "another host", host: "other.example", expected: Some(Status::EHostMismatch), ..good },
        Row { name: "an address", host: "127.0.0.1", expected: Some(Status::EHostMismatch), ..good },
        Row { name: "expired", leaf: &expired, expected: Some(Status::EExpired), ..good },
        Row { name: "for clients", leaf: &for_clients, expected: Some(Status::EWrongPurpose), ..good },
        Row { name: "self-signed", leaf: &alone, expected: Some(Status::ESelfSigned), ..good },
        Row { name: "exactly that one", leaf: &alone, client: &exact, ..good },
        Row {
            name: "a strange CA",
            leaf: &strange,
            others: &[&stranger],
            expected: Some(Status::EUnknownIssuer),
            ..good
        },
        Row { name: "intermediate missing", others: &[], expected: Some(Status::EUnknownIssuer), ..good },
        Row { name: "others in the way", others: &[&stranger, &root, &middle], ..good },
        Row { name: "revoked", client: &revoking, expected: Some(Status::ERevoked), ..good },
        Row { name: "no list", client: &without_list, expected: Some(Status::ERevocationUnknown), ..good },
        Row { name: "another key is pinned", client: &pinned, expected: Some(Status::EPinMismatch), ..good },
        Row { name: "a policy is demanded", client: &strict, expected: Some(Status::EBadCertificate), ..good },
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn what_a_handshake_says_of_staples_verify_peer_says_too() {
    let root = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&root);
    let demanding = extended(&leaf, &root, extension("1.3.6.1.5.5.7.1.24", false, &[0x30, 3, 2, 1, 5]));
    let if_present = || Client::trusting(&[&root]);
    let in_mode = |mode: &str| {
        let client = if_present();
        client.set_text(hostlock_ctx_set_ocsp_mode, mode).unwrap();
        client
    };
    let (require, off) = (|| in_mode("require"), || in_mode("off"));
    let of = |about| OcspRecipe::good(about, &root);
    let base =
        Row { name: "", leaf: &leaf, others: &[], staple: None, client: &if_present, host: HOST, expected: None };
    let revoked = OcspRecipe { says: Says::Revoked(Some(1)), ..of(&leaf) }.der();
    let old = OcspRecipe { this_update: -3 * DAY, next_update: Some(-DAY), ..of(&leaf) }.der();
    let unknown = OcspRecipe { says: Says::Unknown, ..of(&leaf) }.der();
    let other = Recipe::server(HOST, &[HOST]).issued_by(&root);
    let (good, of_demanding, of_other) = (of(&leaf).der(), of(&demanding).der(), of(&other).der());
    let try_later = failure(3);
    let mut rows = vec![
        Row { name: "none", ..base },
        Row { name: "good", staple: Some(&good), ..base },
        Row { name: "good and required", staple: Some(&good), client: &require, ..base },
        Row { name: "required", client: &require, expected: Some(Status::ERevocationUnknown), ..base },
        Row { name: "demanded", leaf: &demanding, expected: Some(Status::ERevocationUnknown), ..base },
        Row { name: "demanded and there", leaf: &demanding, staple: Some(&of_demanding), ..base },
        Row { name: "revoked", staple: Some(&revoked), expected: Some(Status::ERevoked), ..base },
        Row { name: "too old", staple: Some(&old), expected: Some(Status::ERevocationStale), ..base },
        Row { name: "unknown", staple: Some(&unknown), expected: Some(Status::ERevocationUnknown), ..base },
    ];
    // Newer servers leave out what they cannot read.
    if openssl::version::number() < 0x3060_0000 {
        let invalid = Some(Status::ERevocationInvalid);
        rows.extend([
            Row { name: "another's", staple: Some(&of_other), expected: invalid, ..base },
            Row { name: "garbage", staple: Some(b"garbage"), expected: invalid, ..base },
            Row { name: "try later", staple: Some(&try_later), expected: invalid, ..base },
        ]);
    }
    rows.iter().for_each(Row::run);
    // Who does not look asks for none; what somebody else was given is not looked at either.
    let seen = |staple: Option<Vec<u8>>| {
        seen_by_plain_openssl(serve_in_manner(&demanding, &[], Manner { staple, ..Manner::default() }).port)
    };
    for staple in [None, Some(revoked)] {
        let seen = seen(staple);
        judge(off().0, &seen, &seen.pem, Some(HOST)).unwrap();
    }
}

/// A server of one version and these suites, however weak.
fn serve_weakly(identity: &Identity, version: SslVersion, suites: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    builder.set_security_level(0);
    builder.set_private_key(&identity.key).unwrap();
    builder.set_certificate(&identity.certificate).unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    match version {
        SslVersion::TLS1_3 => builder.set_ciphersuites(suites).unwrap(),
        _ => builder.set_cipher_list(&format!("{suites}:@SECLEVEL=0")).unwrap(),
    }
    let context = builder.build();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut tls) = Ssl::new(&context).unwrap().accept(stream) else { continue };
            let _ = tls.write_all(b"hello");
            let _ = tls.shutdown();
        }
    });
    port
}

/// The status of hostlock's own handshake with the server.
fn own_verdict(client: &Client, port: u16) -> Option<Status> {
    let mut conn = ptr::null_mut();
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // SAFETY: the context is live, the descriptor open and the connection freed once.
    unsafe {
        let host = c"site.example".as_ptr();
        let status = hostlock_connect_fd(client.0, socket.as_raw_fd(), host, &mut conn);
        hostlock_conn_free(conn);
        (status != 0).then(|| Status::from_code(status).unwrap())
    }
}

#[test]
fn versions_and_suites_that_no_handshake_would_agree_on_are_refused_with_the_same_status() {
    let root = Recipe::ca("Root CA").self_signed();
    let ec = Recipe::server(HOST, &[HOST]).issued_by(&root);
    let rsa = Recipe { key: pki::rsa(2048), ..Recipe::server(HOST, &[HOST]) }.issued_by(&root);
    let weak = Recipe { key: pki::rsa(1024), ..Recipe::server(HOST, &[HOST]) }.issued_by(&root);
    let (no_version, no_suite) = (Some(Status::ENoCommonVersion), Some(Status::ENoCommonCipher));
    let rows = [
        (&rsa, SslVersion::TLS1, "ALL", no_version),
        (&rsa, SslVersion::TLS1_1, "ALL", no_version),
        (&ec, SslVersion::TLS1_1, "ALL", no_version),
        (&rsa, SslVersion::TLS1_2, "AES128-SHA", no_suite),
        (&rsa, SslVersion::TLS1_2, "AES256-GCM-SHA384", no_suite),
        (&rsa, SslVersion::TLS1_2, "ECDHE-RSA-AES128-SHA256", no_suite),
        (&ec, SslVersion::TLS1_2, "ECDHE-ECDSA-AES256-SHA", no_suite),
        (&ec, SslVersion::TLS1_2, "ECDHE-ECDSA-AES256-CCM", no_suite),
        (&ec, SslVersion::TLS1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", None),
        (&rsa, SslVersion::TLS1_2, "ECDHE-RSA-AES128-GCM-SHA256", None),
        (&rsa, SslVersion::TLS1_2, "ECDHE-RSA-AES256-GCM-SHA384", None),
        (&ec, SslVersion::TLS1_3, "TLS_AES_128_GCM_SHA256", None),
        (&rsa, SslVersion::TLS1_3, "TLS_CHACHA20_POLY1305_SHA256", None),
        (&rsa, SslVersion::TLS1_3, "TLS_AES_128_CCM_SHA256", no_suite),
        (&weak, SslVersion::TLS1_2, "ECDHE-RSA-AES128-GCM-SHA256", Some(Status::EWeakKey)),
    ];
    for (identity, version, suites, expected) in rows {
        let client = Client::trusting(&[&root]);
        let port = serve_weakly(identity, version, suites);
        let seen = seen_by_plain_openssl(port);
        let judged = judge(client.0, &seen, &seen.pem, Some(HOST));
        assert_eq!(judged.as_ref().err().map(Error::status), expected, "{seen:?}");
        if let (Err(error), true) = (judged, [no_version, no_suite].contains(&expected)) {
            assert!(error.message().contains("; offered are "), "{error}");
            assert!(!error.hint().is_empty());
        }
        assert_eq!(own_verdict(&client, port), expected, "{seen:?}");
    }
}

#[test]
fn what_the_context_does_not_speak_is_refused_too() {
    let World { root, middle, leaf } = world();
    let server = serve_in_manner(&leaf, &[&middle], Manner { version: Some(SslVersion::TLS1_2), ..Manner::default() });
    let seen = seen_by_plain_openssl(server.port);
    const SET_MIN_PROTO_VERSION: c_int = 123;
    const NO_TLS1_2: u64 = 1 << 27;
    let by_bound = Client::trusting(&[&root]);
    let by_option = Client::trusting(&[&root]);
    let by_list = Client::trusting(&[&root]);
    let lowered = Client::trusting(&[&root]);
    // SAFETY: the contexts are live and not in use.
    unsafe {
        assert_eq!(openssl_sys::SSL_CTX_ctrl(by_bound.0, SET_MIN_PROTO_VERSION, 0x0304, ptr::null_mut()), 1);
        openssl_sys::SSL_CTX_set_options(by_option.0, NO_TLS1_2);
        assert_eq!(openssl_sys::SSL_CTX_set_cipher_list(by_list.0, c"ECDHE-RSA-AES128-GCM-SHA256".as_ptr()), 1);
        assert_eq!(openssl_sys::SSL_CTX_ctrl(lowered.0, SET_MIN_PROTO_VERSION, 0x0301, ptr::null_mut()), 1);
    }
    let status =
        |client: &Client, seen: &Seen| judge(client.0, seen, &seen.pem, Some(HOST)).err().map(|error| error.status());
    for (client, expected) in [
        (&by_bound, Some(Status::ENoCommonVersion)),
        (&by_option, Some(Status::ENoCommonVersion)),
        (&by_list, Some(Status::ENoCommonCipher)),
        (&lowered, None),
    ] {
        assert_eq!(status(client, &seen), expected);
        assert_eq!(own_verdict(client, server.port), expected);
    }
    let old = Seen { version: "TLSv1.1".to_owned(), ..seen.clone() };
    assert_eq!(status(&lowered, &old), Some(Status::ENoCommonVersion), "a bound that was lowered permits nothing");
}

#[test]
fn each_kind_of_bad_input_has_its_own_error() {
    let World { root, middle, leaf } = world();
    let server = serve_in_manner(&leaf, &[&middle], Manner::default());
    let client = Client::trusting(&[&root]);
    let seen = seen_by_plain_openssl(server.port);
    judge(client.0, &seen, &seen.der, Some(HOST)).unwrap();
    let status = |seen: &Seen, chain: &[u8], host: Option<&str>| {
        judge(client.0, seen, chain, host).err().map(|error| error.status())
    };
    assert_eq!(status(&seen, &[], Some(HOST)), Some(Status::ENoCertificate));
    assert_eq!(status(&seen, b" \n", Some(HOST)), Some(Status::EEmpty));
    assert_eq!(status(&seen, b"garbage", Some(HOST)), Some(Status::EBadPem));
    assert_eq!(status(&seen, &seen.der[..seen.der.len() - 1], Some(HOST)), Some(Status::EBadPem));
    assert_eq!(status(&seen, &[&seen.der[..], b"x"].concat(), Some(HOST)), Some(Status::EBadPem));
    assert_eq!(status(&seen, &seen.pem, None), Some(Status::ENoHost));
    assert_eq!(status(&seen, &seen.pem, Some("")), Some(Status::EBadHost));
    for version in ["", "TLSv1.4", "TLS 1.3", "tlsv1.3", "\u{1b}[31m"] {
        let seen = Seen { version: version.to_owned(), ..seen.clone() };
        assert_eq!(status(&seen, &seen.pem, Some(HOST)), Some(Status::EArg), "{version}");
    }
    for version in ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "DTLSv1", "DTLSv1.2"] {
        let seen = Seen { version: version.to_owned(), ..seen.clone() };
        assert_eq!(status(&seen, &seen.pem, Some(HOST)), Some(Status::ENoCommonVersion), "{version}");
    }
    for suite in ["NULL", "(NONE)", "AES128-SHA", "aes", "\u{1b}[31m", "ECDHE-ECDSA-AES128-GCM-SHA256"] {
        let seen = Seen { suite: suite.to_owned(), version: "TLSv1.3".to_owned(), ..seen.clone() };
        let error = judge(client.0, &seen, &seen.pem, Some(HOST)).unwrap_err();
        assert_eq!(error.status(), Status::ENoCommonCipher, "{suite}");
        assert!(!error.message().contains('\u{1b}'));
    }
    let suite = Seen { suite: "TLS_AES_128_GCM_SHA256".to_owned(), version: "TLSv1.2".to_owned(), ..seen.clone() };
    assert_eq!(status(&suite, &seen.pem, Some(HOST)), Some(Status::ENoCommonCipher), "a suite of the other version");
    let suite = Seen { suite: String::new(), ..seen.clone() };
    assert_eq!(status(&suite, &seen.pem, Some(HOST)), Some(Status::EArg));
    let (chain, size) = (seen.pem.as_ptr(), seen.pem.len());
    let (host, version, suite) = (c"site.example".as_ptr(), c"TLSv1.3".as_ptr(), c"TLS_AES_256_GCM_SHA384".as_ptr());
    let (none, nothing) = (ptr::null(), ptr::null());
    // SAFETY: every pointer that is not NULL is for the call, and the lengths are right.
    unsafe {
        let argument = Status::EArg.code();
        assert_eq!(hostlock_ctx_verify_peer(client.0, chain, size, host, version, suite, none, 0), 0);
        assert_eq!(hostlock_ctx_verify_peer(ptr::null_mut(), chain, size, host, version, suite, none, 0), argument);
        assert_eq!(hostlock_ctx_verify_peer(client.0, none, 5, host, version, suite, none, 0), argument);
        assert_eq!(hostlock_ctx_verify_peer(client.0, chain, size, host, nothing, suite, none, 0), argument);
        assert_eq!(hostlock_ctx_verify_peer(client.0, chain, size, host, version, nothing, none, 0), argument);
        assert_eq!(hostlock_ctx_verify_peer(client.0, chain, size, host, version, suite, none, 5), argument);
        let nobody = hostlock_ctx_verify_peer(client.0, none, 0, host, version, suite, none, 0);
        assert_eq!(nobody, Status::ENoCertificate.code());
    }
    client.set_text(hostlock_ctx_set_ocsp_mode, "sometimes").unwrap_err();
    assert_eq!(status(&seen, &seen.pem, Some(HOST)), Some(Status::EPoisoned));
}

#[test]
fn a_servers_context_judges_clients_and_takes_no_staple() {
    let root = Recipe::ca("Root CA").self_signed();
    let own = Recipe { server_auth: false, client_auth: true, ..Recipe::server("device.example", &["device.example"]) };
    let own = own.issued_by(&root);
    // SAFETY: NULL names the default policy.
    let server = Client(unsafe { hostlock_server_new(ptr::null()) });
    server.set_bytes(hostlock::ffi::trust::hostlock_ctx_trust_mem, &root.pem()).unwrap();
    let seen = Seen {
        pem: own.pem(),
        der: Vec::new(),
        version: "TLSv1.3".to_owned(),
        suite: "TLS_AES_256_GCM_SHA384".to_owned(),
        staple: Vec::new(),
    };
    let status = |seen: &Seen, host| judge(server.0, seen, &seen.pem, host).err().map(|error| error.status());
    assert_eq!(status(&seen, None), None);
    assert_eq!(status(&seen, Some("device.example")), None);
    assert_eq!(status(&seen, Some("another.example")), Some(Status::EHostMismatch));
    let of_server = Seen { pem: Recipe::server(HOST, &[HOST]).issued_by(&root).pem(), ..seen.clone() };
    assert_eq!(status(&of_server, None), Some(Status::EWrongPurpose));
    assert_eq!(status(&Seen { staple: vec![1], ..seen.clone() }, None), Some(Status::EArg));
    assert_eq!(status(&Seen { pem: Vec::new(), ..seen }, None), Some(Status::ENoCertificate));
}
