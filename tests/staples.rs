//! What a server staples: OCSP answers from files, each held against its certificate before any client gets it, for each name
//! its own, read again by a reload, and left out once they have run out. Asked for by hostlock, by OpenSSL's command, by curl.

mod support;

use std::ffi::{CString, c_int};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hostlock::error::{Error, Status};
use hostlock::ffi::connection::{hostlock_conn_free, hostlock_read, hostlock_shutdown, hostlock_write_all};
use hostlock::ffi::context::{hostlock_client_new, hostlock_ctx_reload, hostlock_server_new};
use hostlock::ffi::errors::{hostlock_last_error, share};
use hostlock::ffi::library::hostlock_string_free;
use hostlock::ffi::names::{hostlock_server_add_name, hostlock_server_remove_name, hostlock_server_set_staple_file};
use hostlock::ffi::own_side::{hostlock_ctx_add_cert_file, hostlock_ctx_info};
use hostlock::ffi::server::hostlock_accept_fd;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion, StatusType};
use support::crl::extension;
use support::ocsp::{OcspRecipe, Says, extended, failure};
use support::peer::{Client, lent};
use support::pki::{self, DAY, Identity, Recipe};
use support::scratch::Scratch;

const HOST: &str = "site.example";

/// A server of hostlock's, and the files that it is made of.
struct Site {
    ca: Identity,
    server: Arc<Client>,
    port: u16,
    files: Scratch,
    over: Arc<AtomicBool>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A certificate that demands a staple (RFC 7633).
fn must_staple(identity: &Identity, ca: &Identity) -> Identity {
    extended(identity, ca, extension("1.3.6.1.5.5.7.1.24", false, &[0x30, 3, 2, 1, 5]))
}

fn c(text: impl AsRef<std::ffi::OsStr>) -> CString {
    use std::os::unix::ffi::OsStrExt;
    CString::new(text.as_ref().as_bytes()).unwrap()
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

impl Site {
    fn new(ca: Identity) -> Site {
        // SAFETY: NULL names the default policy.
        let server = Arc::new(Client(unsafe { hostlock_server_new(ptr::null()) }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let (shared, end) = (server.clone(), over.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let server = shared.clone();
                thread::spawn(move || serve(&server, &stream));
            }
        });
        Site { ca, server, port, files: Scratch::new(), over }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Certificate, issuer and key in one file.
    fn chain(&self, name: &str, identity: &Identity) -> PathBuf {
        self.write(name, &[identity.pem(), self.ca.pem(), identity.key_pem()].concat())
    }

    fn show(&self, name: &str, identity: &Identity) {
        let path = c(self.chain(name, identity));
        // SAFETY: the context is live, the text ends.
        verdict(unsafe { hostlock_ctx_add_cert_file(self.server.0, path.as_ptr(), ptr::null(), ptr::null()) }).unwrap();
    }

    fn add_name(&self, host: &str, file: &str, identity: &Identity) {
        let (path, host) = (c(self.chain(file, identity)), c(host));
        // SAFETY: the context is live, the texts end.
        let code =
            unsafe { hostlock_server_add_name(self.server.0, host.as_ptr(), path.as_ptr(), ptr::null(), ptr::null()) };
        verdict(code).unwrap();
    }

    fn staple(&self, host: Option<&str>, path: Option<&Path>) -> Result<(), Error> {
        let (host, path) = (host.map(c), path.map(c));
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: the context is live, the texts end.
        verdict(unsafe { hostlock_server_set_staple_file(self.server.0, pointer(&host), pointer(&path)) })
    }

    fn reload(&self) -> Result<(), Error> {
        // SAFETY: the context is live.
        verdict(unsafe { hostlock_ctx_reload(self.server.0) })
    }

    fn info(&self) -> String {
        // SAFETY: the context is live; the text is freed once.
        unsafe {
            let text = hostlock_ctx_info(self.server.0);
            let copy = lent(text).unwrap();
            hostlock_string_free(text);
            copy
        }
    }

    fn good(&self, about: &Identity) -> Vec<u8> {
        OcspRecipe::good(about, &self.ca).der()
    }

    /// What a client of plain OpenSSL is given, where it asks.
    fn given(&self, host: &str, version: SslVersion, algorithms: Option<&str>) -> Option<Vec<u8>> {
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_max_proto_version(Some(version)).unwrap();
        if let Some(algorithms) = algorithms {
            builder.set_sigalgs_list(algorithms).unwrap();
        }
        let mut configuration = builder.build().configure().unwrap();
        configuration.set_verify_hostname(false);
        configuration.set_status_type(StatusType::OCSP).unwrap();
        let stream = configuration.connect(host, TcpStream::connect(("127.0.0.1", self.port)).unwrap()).unwrap();
        stream.ssl().ocsp_status().map(<[u8]>::to_vec)
    }

    fn own_client(&self) -> Result<String, Error> {
        Client::trusting(&[&self.ca]).connect(Some(HOST), self.port)
    }
}

/// One conversation.
fn serve(server: &Client, stream: &TcpStream) {
    let (mut conn, mut request) = (ptr::null_mut(), [0u8; 512]);
    let answer = b"HTTP/1.0 200 ok\r\nContent-Length: 5\r\n\r\nhello";
    // SAFETY: the context and the descriptor are live, the buffers as long as they say, the connection is freed once.
    unsafe {
        if hostlock_accept_fd(server.0, stream.as_raw_fd(), &mut conn) == 0 {
            if hostlock_read(conn, request.as_mut_ptr().cast(), request.len()) > 0 {
                let _ = hostlock_write_all(conn, answer.as_ptr().cast(), answer.len());
            }
            let _ = hostlock_shutdown(conn);
        }
        hostlock_conn_free(conn);
    }
}

fn output(command: &mut Command) -> (bool, String) {
    // The command has the libssl that it was built for.
    let output = command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn hostlock_openssls_command_and_curl_get_the_answer_that_they_ask_for() {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = must_staple(&Recipe::server(HOST, &[HOST]).issued_by(&ca), &ca);
    let site = Site::new(ca);
    site.show("own.pem", &leaf);
    let (anchor, answer) = (site.write("ca.pem", &site.ca.pem()), site.write("own.ocsp", &site.good(&leaf)));
    let s_client = || {
        let address = format!("127.0.0.1:{}", site.port);
        output(Command::new("openssl").args(["s_client", "-status", "-connect", &address, "-servername", HOST])).1
    };
    let curl = || {
        let to = format!("{HOST}:{}:127.0.0.1", site.port);
        let url = format!("https://{HOST}:{}/", site.port);
        output(Command::new("curl").args(["-sS", "--cert-status", "--resolve", &to, "--cacert"]).arg(&anchor).arg(&url))
    };
    let warning = "demands a stapled OCSP answer (RFC 7633), and there is none in force";
    assert!(site.info().contains(warning), "{}", site.info());
    assert_eq!(site.own_client().unwrap_err().status(), Status::ERevocationUnknown);
    assert!(s_client().contains("OCSP response: no response sent"));
    assert!(!curl().0);
    site.staple(None, Some(&answer)).unwrap();
    assert!(site.own_client().unwrap().ends_with("hello"));
    let said = s_client();
    assert!(said.contains("OCSP Response Status: successful") && said.contains("Cert Status: good"), "{said}");
    let (fine, said) = curl();
    assert!(fine && said == "hello", "{said}");
    let info = site.info();
    assert!(info.contains("\"staples\":[{") && info.contains("\"until\":1") && !info.contains(warning), "{info}");
    site.staple(None, None).unwrap();
    assert!(!curl().0 && site.info().contains("\"staples\":[]"));
}

#[test]
fn what_no_client_would_take_is_an_error_when_it_is_loaded_and_changes_nothing() {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let other = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let namesake = Recipe::ca("Root CA").self_signed();
    let site = Site::new(ca);
    let early = site.write("early", b"x");
    assert_eq!(site.staple(None, Some(&early)).unwrap_err().status(), Status::EState, "no certificate yet");
    site.show("own.pem", &leaf);
    let good = site.good(&leaf);
    site.staple(None, Some(&site.write("good", &good))).unwrap();
    let of = |recipe: OcspRecipe<'_>| recipe.der();
    let base = || OcspRecipe::good(&leaf, &site.ca);
    let rows: Vec<(&str, Vec<u8>, Status)> = vec![
        ("revoked", of(OcspRecipe { says: Says::Revoked(Some(1)), ..base() }), Status::ERevoked),
        ("unknown", of(OcspRecipe { says: Says::Unknown, ..base() }), Status::ERevocationUnknown),
        ("old", of(OcspRecipe { this_update: -3 * DAY, next_update: Some(-DAY), ..base() }), Status::ERevocationStale),
        ("future", of(OcspRecipe { this_update: DAY, next_update: Some(2 * DAY), ..base() }), Status::ERevocationStale),
        ("another's", site.good(&other), Status::ERevocationInvalid),
        ("another CA's", of(OcspRecipe { issuer: namesake.certificate.clone(), ..base() }), Status::ERevocationInvalid),
        ("forged", of(OcspRecipe { signer: &namesake, ..base() }), Status::ERevocationInvalid),
        ("by itself", of(OcspRecipe { signer: &leaf, with_certificate: true, ..base() }), Status::ERevocationInvalid),
        ("cut off", good[..good.len() - 1].to_vec(), Status::ERevocationInvalid),
        ("longer", [&good[..], b"x"].concat(), Status::ERevocationInvalid),
        ("garbage", b"garbage".to_vec(), Status::ERevocationInvalid),
        ("try later", failure(3), Status::ERevocationInvalid),
        ("a certificate", leaf.certificate.to_der().unwrap(), Status::ERevocationInvalid),
        ("PEM", leaf.pem(), Status::EWrongPem),
        ("empty", Vec::new(), Status::EEmpty),
        ("too large", vec![0; (256 << 10) + 1], Status::EFileIo),
    ];
    for (name, bytes, expected) in rows {
        let error = site.staple(None, Some(&site.write("bad", &bytes))).unwrap_err();
        assert_eq!(error.status(), expected, "{name}: {error}");
    }
    assert_eq!(site.staple(None, Some(&site.path("nowhere"))).unwrap_err().status(), Status::ENotFound);
    assert_eq!(site.staple(None, Some(Path::new("/"))).unwrap_err().status(), Status::EWrongFileType);
    assert_eq!(site.staple(None, Some(Path::new(""))).unwrap_err().status(), Status::EArg);
    assert_eq!(site.staple(Some("other.example"), Some(&site.path("good"))).unwrap_err().status(), Status::EArg);
    assert_eq!(site.staple(Some("no name"), Some(&site.path("good"))).unwrap_err().status(), Status::EBadHost);
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(site.given(HOST, version, None).as_ref(), Some(&good), "a running server goes on");
    }
    // SAFETY: NULL names the default policy.
    let client = Client(unsafe { hostlock_client_new(ptr::null()) });
    let path = c(site.path("good"));
    // SAFETY: the context is live, the text ends.
    let code = unsafe { hostlock_server_set_staple_file(client.0, ptr::null(), path.as_ptr()) };
    assert_eq!(verdict(code).unwrap_err().status(), Status::EState);
    let alone = Site::new(Recipe::ca("Alone").self_signed());
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&alone.ca);
    let file = c(alone.write("alone.pem", &[leaf.pem(), leaf.key_pem()].concat()));
    // SAFETY: as above.
    verdict(unsafe { hostlock_ctx_add_cert_file(alone.server.0, file.as_ptr(), ptr::null(), ptr::null()) }).unwrap();
    let error = alone.staple(None, Some(&alone.write("a", &alone.good(&leaf)))).unwrap_err();
    assert_eq!(error.status(), Status::EMissingIntermediate, "{error}");
}

#[test]
fn each_name_and_each_kind_of_key_has_its_own() {
    let ca = Recipe::ca("Root CA").self_signed();
    let ec = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let rsa = Recipe { key: pki::rsa(2048), ..Recipe::server(HOST, &[HOST]) }.issued_by(&ca);
    let shop = Recipe::server("shop.example", &["shop.example"]).issued_by(&ca);
    let mail = Recipe::server("mail.example", &["mail.example"]).issued_by(&ca);
    let site = Site::new(ca);
    site.show("ec.pem", &ec);
    site.show("rsa.pem", &rsa);
    site.add_name("shop.example", "shop.pem", &shop);
    site.add_name("mail.example", "mail.pem", &mail);
    let answers = [&ec, &rsa, &shop].map(|identity| site.good(identity));
    let [of_ec, of_rsa, of_shop] = &answers;
    site.staple(None, Some(&site.write("ec", of_ec))).unwrap();
    site.staple(None, Some(&site.write("rsa", of_rsa))).unwrap();
    let shops = site.write("shop", of_shop);
    assert_eq!(site.staple(None, Some(&shops)).unwrap_err().status(), Status::ERevocationInvalid);
    assert_eq!(site.staple(Some("mail.example"), Some(&shops)).unwrap_err().status(), Status::ERevocationInvalid);
    site.staple(Some("shop.example"), Some(&shops)).unwrap();
    let version = SslVersion::TLS1_3;
    let rsa_only = Some("rsa_pss_rsae_sha256");
    assert_eq!(site.given(HOST, version, None).as_ref(), Some(of_ec));
    assert_eq!(site.given(HOST, version, rsa_only).as_ref(), Some(of_rsa));
    assert_eq!(site.given("shop.example", version, None).as_ref(), Some(of_shop));
    assert_eq!(site.given("mail.example", version, None), None);
    assert_eq!(site.given("unknown.example", version, None).as_ref(), Some(of_ec));
    // A renewed certificate has no answer until it is given one, and the old answer stands in no reload's way.
    let renewed = Recipe::server("shop.example", &["shop.example"]).issued_by(&site.ca);
    site.add_name("shop.example", "renewed.pem", &renewed);
    assert_eq!(site.given("shop.example", version, None), None);
    site.reload().unwrap();
    site.staple(Some("shop.example"), Some(&site.write("renewed", &site.good(&renewed)))).unwrap();
    assert!(site.given("shop.example", version, None).is_some());
    let host = c("shop.example");
    // SAFETY: the context is live, the text ends.
    verdict(unsafe { hostlock_server_remove_name(site.server.0, host.as_ptr()) }).unwrap();
    assert!(!site.info().contains("renewed\""), "{}", site.info());
    site.reload().unwrap();
}

#[test]
fn a_reload_reads_answers_again_with_their_certificates_all_or_nothing() {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let site = Site::new(ca);
    site.show("own.pem", &leaf);
    let first = site.good(&leaf);
    let path = site.write("answer", &first);
    site.staple(None, Some(&path)).unwrap();
    let given = || site.given(HOST, SslVersion::TLS1_3, None);
    let second = OcspRecipe { next_update: Some(2 * DAY), ..OcspRecipe::good(&leaf, &site.ca) }.der();
    site.write("answer", &second);
    assert_eq!(given().as_ref(), Some(&first), "not by itself");
    site.reload().unwrap();
    assert_eq!(given().as_ref(), Some(&second));
    let revoked = OcspRecipe { says: Says::Revoked(None), ..OcspRecipe::good(&leaf, &site.ca) }.der();
    for (bytes, expected) in [(&b"half"[..], Status::ERevocationInvalid), (&revoked, Status::ERevoked)] {
        site.write("answer", bytes);
        assert_eq!(site.reload().unwrap_err().status(), expected);
        assert_eq!(given().as_ref(), Some(&second));
    }
    let renewed = Recipe::server(HOST, &[HOST]).issued_by(&site.ca);
    site.chain("own.pem", &renewed);
    site.write("answer", &second);
    assert_eq!(site.reload().unwrap_err().status(), Status::ERevocationInvalid, "the answer is the old certificate's");
    assert_eq!(given().as_ref(), Some(&second), "so the old certificate stays, with its answer");
    let third = site.good(&renewed);
    site.write("answer", &third);
    site.reload().unwrap();
    assert_eq!(given().as_ref(), Some(&third));
}

#[test]
fn an_answer_that_has_run_out_is_stapled_no_more_and_info_says_so() {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let site = Site::new(ca);
    site.show("own.pem", &leaf);
    let short = OcspRecipe { next_update: Some(6), ..OcspRecipe::good(&leaf, &site.ca) }.der();
    site.staple(None, Some(&site.write("answer", &short))).unwrap();
    assert_eq!(site.given(HOST, SslVersion::TLS1_3, None).as_ref(), Some(&short));
    assert!(!site.info().contains("has run out"));
    thread::sleep(Duration::from_secs(8));
    assert_eq!(site.given(HOST, SslVersion::TLS1_3, None), None);
    assert!(site.info().contains("has run out"), "{}", site.info());
    assert!(site.own_client().unwrap().ends_with("hello"), "who needs none is served without");
}

#[test]
fn answers_are_replaced_while_threads_are_served() {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = must_staple(&Recipe::server(HOST, &[HOST]).issued_by(&ca), &ca);
    let site = Site::new(ca);
    site.show("own.pem", &leaf);
    let paths = [DAY, 2 * DAY].map(|next| {
        let answer = OcspRecipe { next_update: Some(next), ..OcspRecipe::good(&leaf, &site.ca) }.der();
        site.write(&format!("answer-{next}"), &answer)
    });
    site.staple(None, Some(&paths[0])).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let visitors: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert!(site.own_client().unwrap().ends_with("hello"));
                    }
                })
            })
            .collect();
        let replaces = scope.spawn(|| {
            let mut turns = 0;
            while !over.load(Ordering::SeqCst) {
                turns += 1;
                site.staple(None, Some(&paths[turns % 2])).unwrap();
                site.reload().unwrap();
            }
            turns
        });
        for visitor in visitors {
            visitor.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        assert!(replaces.join().unwrap() > 1);
    });
}
