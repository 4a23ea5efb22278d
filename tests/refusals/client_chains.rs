//! Chains that a client refuses: whose fault it is, and what would mend it.

use std::ffi::CString;
use std::path::Path;

use foreign_types::ForeignTypeRef;
use hostlock::ffi::certdata::hostlock_ctx_trust_certdata;
use hostlock::ffi::context::{hostlock_client_new, hostlock_ctx_set_timeout};
use hostlock::ffi::errors::{hostlock_conn_error, hostlock_error_message};
use hostlock::ffi::pins::*;
use hostlock::ffi::revocation::*;
use hostlock::ffi::trust::*;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream};
use openssl::x509::X509Crl;

use crate::c::{self, Ctx, Failure};
use crate::peer;
use crate::support::certdata::{Entry, certdata};
use crate::support::crl;
use crate::support::pki::{DAY, Identity, Recipe, rsa};
use crate::support::raw::{self, Made, Raw};
use crate::support::scratch::Scratch;
use crate::table::Row;

pub const HOST: &str = "localhost";

/// A client that trusts `anchors` is shown `chain`.
fn shown(anchors: &[&Identity], chain: &[&Identity]) -> Failure {
    let certificates: Vec<_> = anchors.iter().map(|anchor| &anchor.certificate).collect();
    connect(&Ctx::trusting(&certificates), chain)
}

fn connect(ctx: &Ctx, chain: &[&Identity]) -> Failure {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_security_level(0);
    acceptor.set_private_key(&chain[0].key).unwrap();
    acceptor.set_certificate(&chain[0].certificate).unwrap();
    for other in &chain[1..] {
        acceptor.add_extra_chain_cert(other.certificate.clone()).unwrap();
    }
    ctx.connect(HOST, peer::echo(acceptor)).unwrap_err()
}

fn from_file(path: &Path) -> Ctx {
    // SAFETY: NULL asks for the default policy; the context is live.
    let ctx = unsafe { Ctx(hostlock_client_new(std::ptr::null())) };
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: as above; the path is NUL-terminated.
    assert_eq!(unsafe { hostlock_ctx_trust_file(ctx.0, path.as_ptr()) }, 0, "{:?}", c::Failure::last(0).message);
    ctx
}

pub fn made(made: Made) -> Identity {
    Identity { certificate: made.x509(), key: made.key }
}

fn keyed(recipe: Recipe, key: &PKey<Private>) -> Recipe {
    Recipe { key: key.clone(), ..recipe }
}

fn aged(recipe: Recipe, not_before: i64, not_after: i64) -> Recipe {
    Recipe { not_before, not_after, ..recipe }
}

fn leaf() -> Recipe {
    Recipe::server(HOST, &[HOST])
}

fn root(name: &str) -> Identity {
    Recipe::ca(name).self_signed()
}

pub fn rows() -> Vec<Row> {
    let mut rows = issuers();
    rows.extend(namesakes());
    rows.extend(dates());
    rows.extend(trust_settings());
    rows.extend(contents());
    rows.push(distrusted());
    rows.extend(revocation());
    rows.extend(set_up());
    rows
}

/// Nobody who is trusted issued it.
fn issuers() -> Vec<Row> {
    let (ours, theirs) = (root("Our CA"), root("Their CA"));
    let below = |name: &str, ca: &Identity| Recipe::ca(name).issued_by(ca);
    let (our_ca, their_ca) = (below("Our Intermediate", &ours), below("Their Intermediate", &theirs));
    let upper = below("Our Upper", &ours);
    let lower = below("Our Lower", &upper);
    let row = |situation: &str, chain: &[&Identity]| Row::new(situation, shown(&[&ours], chain));
    vec![
        row("a private CA that is not trusted", &[&leaf().issued_by(&theirs)]),
        row("the same, and the CA was sent", &[&leaf().issued_by(&theirs), &theirs]),
        row("an intermediate of ours was not sent", &[&leaf().issued_by(&our_ca)]),
        row("the same, and only our root was sent", &[&leaf().issued_by(&our_ca), &ours]),
        row("the same, and only the upper intermediate was sent", &[&leaf().issued_by(&lower), &upper]),
        row("the identifier names the root above the intermediate", &[&names_issuer_of_issuer(&ours)]),
        row("the intermediate of a CA that is not trusted", &[&leaf().issued_by(&their_ca), &their_ca]),
        row("the same, and its root", &[&leaf().issued_by(&their_ca), &their_ca, &theirs]),
        row("self-signed", &[&leaf().self_signed()]),
        row("self-signed, and says that it is a CA's", &[&Recipe { ca: true, ..leaf() }.self_signed()]),
        row("its issuer was sent, under another key identifier", &other_identifier(&theirs).each_ref()),
        row("its issuer was sent, and may not sign certificates", &no_cert_sign(&theirs).each_ref()),
        row("its issuer was sent, and is ours but may not sign certificates", &no_cert_sign(&ours).each_ref()),
    ]
}

/// RFC 5280 4.2.1.1: an authorityKeyIdentifier may name the issuer of the issuer's certificate.
fn names_issuer_of_issuer(root: &Identity) -> Identity {
    let intermediate = Raw::ca("Our Intermediate").self_signed();
    let root_name = root.certificate.subject_name().to_der().unwrap();
    let named = [raw::der(0xa1, &raw::der(0xa4, &root_name)), raw::der(0x82, &[0x4a, 1])].concat();
    let mut leaf = Raw::leaf(HOST).with(raw::AUTHORITY_KEY_ID, false, &raw::der(0x30, &named));
    leaf.authority_key = false;
    made(leaf.issued_by(&intermediate))
}

fn as_made(identity: &Identity) -> Made {
    Made {
        der: identity.certificate.to_der().unwrap(),
        subject: identity.certificate.subject_name().to_der().unwrap(),
        key: identity.key.clone(),
        key_id: identity.certificate.subject_key_id().map(|id| id.as_slice().to_vec()).unwrap_or_default(),
    }
}

fn other_identifier(root: &Identity) -> [Identity; 2] {
    let mut intermediate = Raw::ca("Renewed Intermediate").issued_by(&as_made(root));
    let sent = made(intermediate.clone());
    intermediate.key_id = vec![9; 20];
    [made(Raw::leaf(HOST).issued_by(&intermediate)), sent]
}

fn no_cert_sign(root: &Identity) -> [Identity; 2] {
    let intermediate = Raw::ca("Idle CA").instead(raw::KEY_USAGE, true, &[3, 2, 7, 0x80]).issued_by(&as_made(root));
    [made(Raw::leaf(HOST).issued_by(&intermediate)), made(intermediate)]
}

/// Somebody has a name that is trusted, but not the key.
fn namesakes() -> Vec<Row> {
    let (ours, impostor) = (root("Our CA"), root("Our CA"));
    let row = |situation: &str, chain: &[&Identity]| Row::new(situation, shown(&[&ours], chain));
    let bare = |ca: &Identity| {
        let mut leaf = Raw::leaf(HOST);
        leaf.authority_key = false;
        made(leaf.issued_by(&as_made(ca)))
    };
    let below = Recipe::ca("Intermediate").issued_by(&impostor);
    let (first, second) = (Recipe::ca("Twin").issued_by(&ours), Recipe::ca("Twin").issued_by(&root("Their CA")));
    let idle_key = Raw::ca("Idle CA").instead(raw::KEY_USAGE, true, &[3, 2, 7, 0x80]).self_signed();
    let idle = Row::new(
        "an anchor signed it, and may not sign certificates",
        shown(&[&made(idle_key.clone())], &[&made(Raw::leaf(HOST).issued_by(&idle_key))]),
    );
    let mut other = idle_key.clone();
    other.key_id = vec![9; 20];
    let old = leaf().self_signed();
    let expired = aged(keyed(Recipe::ca("Our CA"), &ours.key), -9 * DAY, -DAY).self_signed();
    vec![
        row("a CA of an anchor's name, and another key", &[&leaf().issued_by(&impostor)]),
        row("the same, without key identifiers", &[&bare(&impostor)]),
        row("the same, and the CA was sent", &[&leaf().issued_by(&impostor), &impostor]),
        row("the same, above an intermediate", &[&leaf().issued_by(&below), &below, &impostor]),
        row("the same, and the CA was not sent", &[&leaf().issued_by(&below), &below]),
        row(
            "self-signed, of an anchor's name",
            &[&Recipe { dns: vec![HOST.to_owned()], ..Recipe::server("Our CA", &[]) }.self_signed()],
        ),
        row("a leaf of its CA's name, which an anchor has with another key", &[&bare_named("Our CA", &impostor)]),
        Row::new(
            "self-signed anew with the key of a trusted one",
            shown(&[&old], &[&keyed(leaf(), &old.key).self_signed()]),
        ),
        Row::new("the anchor expired, and the peer sent it", shown(&[&expired], &[&leaf().issued_by(&ours), &expired])),
        idle,
        row(
            "a namesake stands before the issuer, and neither leads to an anchor",
            &[&bare(&second), &root("Twin"), &second],
        ),
        row("an intermediate of ours stands before its namesake, who issued it", &[&bare(&second), &first, &second]),
        row("a wrong signature", &[&forged(&ours)]),
    ]
}

/// A leaf that bears the name of its CA and no key identifiers.
fn bare_named(name: &str, ca: &Identity) -> Identity {
    let mut leaf = Raw::leaf(HOST);
    leaf.subject = raw::name(name);
    leaf.authority_key = false;
    made(leaf.issued_by(&as_made(ca)))
}

fn forged(ca: &Identity) -> Identity {
    let mut leaf = Raw::leaf(HOST).issued_by(&as_made(ca));
    *leaf.der.last_mut().unwrap() ^= 1;
    made(leaf)
}

fn dates() -> Vec<Row> {
    let directory = Scratch::new();
    let ours = root("Our CA");
    let row = |situation: &str, chain: &[&Identity]| Row::new(situation, shown(&[&ours], chain));
    let stale = aged(Recipe::ca("Intermediate"), -9 * DAY, -DAY).issued_by(&ours);
    let early = aged(Recipe::ca("Intermediate"), DAY, 9 * DAY).issued_by(&ours);
    let from_own_file = |situation: &str, anchor: Recipe| {
        let anchor = anchor.self_signed();
        let ctx = from_file(&directory.file("roots.pem", anchor.pem()));
        Row::new(situation, connect(&ctx, &[&leaf().issued_by(&anchor)]))
    };
    vec![
        row("the server's certificate expired", &[&aged(leaf(), -9 * DAY, -DAY).issued_by(&ours)]),
        row("it is not valid yet", &[&aged(leaf(), DAY, 9 * DAY).issued_by(&ours)]),
        row("an intermediate expired", &[&leaf().issued_by(&stale), &stale]),
        row("an intermediate is not valid yet", &[&leaf().issued_by(&early), &early]),
        from_own_file("an anchor of the program's file expired", aged(Recipe::ca("Old CA"), -9 * DAY, -DAY)),
        from_own_file("an anchor of the program's file is not valid yet", aged(Recipe::ca("New CA"), DAY, 9 * DAY)),
        from_own_file("an anchor of the program's file has a weak key", keyed(Recipe::ca("Weak CA"), &rsa(1024))),
    ]
}

/// A file of a TRUSTED CERTIFICATE, as `openssl x509 -trustout` writes it.
pub fn trusted_certificate(directory: &Scratch, anchor: &Identity, options: &[&str]) -> std::path::PathBuf {
    let (plain, trusted) = (directory.file("plain.pem", anchor.pem()), directory.join("trusted.pem"));
    let mut command = std::process::Command::new("openssl");
    command.env_remove("LD_LIBRARY_PATH").args(["x509", "-trustout", "-in"]).arg(&plain).arg("-out").arg(&trusted);
    assert!(command.args(options).status().unwrap().success());
    trusted
}

fn trust_settings() -> Vec<Row> {
    let (ours, directory) = (root("Our CA"), Scratch::new());
    let rows: [(&str, &[&str]); 3] = [
        ("a TRUSTED CERTIFICATE that is for clients only", &["-addtrust", "clientAuth"]),
        ("a TRUSTED CERTIFICATE that is rejected for servers", &["-addreject", "serverAuth"]),
        ("a TRUSTED CERTIFICATE that is for mail, above an intermediate", &["-addtrust", "emailProtection"]),
    ];
    let below = Recipe::ca("Intermediate").issued_by(&ours);
    rows.iter()
        .enumerate()
        .map(|(index, (situation, options))| {
            let ctx = from_file(&trusted_certificate(&directory, &ours, options));
            let failure = match index {
                2 => connect(&ctx, &[&leaf().issued_by(&below), &below]),
                _ => connect(&ctx, &[&leaf().issued_by(&ours)]),
            };
            Row::new(situation, failure)
        })
        .collect()
}

fn contents() -> Vec<Row> {
    let ours = root("Our CA");
    let row = |situation: &str, chain: &[&Identity]| Row::new(situation, shown(&[&ours], chain));
    let narrow = Recipe { path_len: Some(0), ..Recipe::ca("Narrow CA") }.issued_by(&ours);
    let below = Recipe::ca("Below").issued_by(&narrow);
    let not_ca = Recipe::server("www.example", &["www.example"]).issued_by(&ours);
    let excluded = raw::constraints(0xa1, &[raw::der(0x82, HOST.as_bytes())]);
    let constrained = Raw::ca("Constrained").with(raw::NAME_CONSTRAINTS, true, &excluded).issued_by(&as_made(&ours));
    let weak_ca = keyed(Recipe::ca("Weak CA"), &rsa(1024)).issued_by(&ours);
    vec![
        row("a client's certificate", &[&Recipe { server_auth: false, client_auth: true, ..leaf() }.issued_by(&ours)]),
        row("a CA's certificate", &[&Recipe { ca: true, ..leaf() }.issued_by(&ours)]),
        row("a server's certificate as an issuer", &[&leaf().issued_by(&not_ca), &not_ca]),
        row("a CA that permits none below it", &[&leaf().issued_by(&below), &below, &narrow]),
        row(
            "a CA that may not certify the host",
            &[&made(Raw::leaf(HOST).issued_by(&constrained)), &made(constrained.clone())],
        ),
        row("a weak key", &[&keyed(leaf(), &rsa(1024)).issued_by(&ours)]),
        row("an intermediate with a weak key", &[&leaf().issued_by(&weak_ca), &weak_ca]),
        row(
            "a name with a NUL byte in it",
            &[&made(
                Raw::leaf(HOST)
                    .instead(raw::SUBJECT_ALT_NAME, false, &raw::dns_names(&["a\0.example"]))
                    .issued_by(&as_made(&ours)),
            )],
        ),
        row("signed with SHA-1", &[&Recipe { digest: MessageDigest::sha1(), ..leaf() }.issued_by(&ours)]),
    ]
}

/// Whom the list of roots trusts only for certificates from before its date.
fn distrusted() -> Row {
    let (ours, directory) = (root("Our CA"), Scratch::new());
    let entry = Entry { server_distrust_after: Some(0), ..Entry::root("Our CA", &ours.certificate) };
    let path = directory.file("certdata.txt", certdata(&[entry]));
    let (ctx, path) = (Ctx::trusting(&[]), CString::new(path.to_str().unwrap()).unwrap());
    // SAFETY: the context is live, the path NUL-terminated.
    assert_eq!(unsafe { hostlock_ctx_trust_certdata(ctx.0, path.as_ptr()) }, 0);
    Row::new("its root is not trusted for new certificates", connect(&ctx, &[&leaf().issued_by(&ours)]))
}

fn add_crl(ctx: &Ctx, crl: &X509Crl) {
    let pem = crl.to_pem().unwrap();
    // SAFETY: the context is live, the bytes are there.
    assert_eq!(unsafe { hostlock_ctx_add_crl_mem(ctx.0, pem.as_ptr(), pem.len()) }, 0);
}

fn revocation() -> Vec<Row> {
    let (ours, other) = (root("Our CA"), root("Other CA"));
    let leaf = leaf().issued_by(&ours);
    let with = |crl: &X509Crl| {
        let ctx = Ctx::trusting(&[&ours.certificate]);
        add_crl(&ctx, crl);
        // SAFETY: the context is live.
        assert_eq!(unsafe { hostlock_ctx_set_crl_mode(ctx.0, c"leaf".as_ptr()) }, 0);
        connect(&ctx, &[&leaf])
    };
    let stale = crl::CrlRecipe { this_update: -9 * DAY, next_update: -DAY, ..crl::CrlRecipe::of(&ours) };
    let ctx = Ctx::trusting(&[&ours.certificate]);
    // SAFETY: the context is live.
    assert_eq!(unsafe { hostlock_ctx_set_ocsp_mode(ctx.0, c"require".as_ptr()) }, 0);
    vec![
        Row::new("revoked", with(&crl::of(&ours, &[&leaf.certificate]))),
        Row::new("no CRL of its issuer", with(&crl::of(&other, &[]))),
        Row::new("a CRL that is out of date", with(&stale.build())),
        Row::new("a CRL that somebody else signed in its name", with(&crl::of(&root("Our CA"), &[]))),
        Row::new("no stapled answer where one is demanded", connect(&ctx, &[&leaf])),
    ]
}

fn set_up() -> Vec<Row> {
    let ours = root("Our CA");
    let good = leaf().issued_by(&ours);
    let pinned = Ctx::trusting(&[&ours.certificate]);
    let pin = c"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    // SAFETY: the context is live.
    assert_eq!(unsafe { hostlock_ctx_add_pin(pinned.0, pin.as_ptr()) }, 0);
    let exact = Ctx::trusting(&[]);
    let pem = leaf().self_signed().pem();
    // SAFETY: the context is live, the bytes are there.
    assert_eq!(unsafe { hostlock_ctx_trust_exact(exact.0, pem.as_ptr(), pem.len()) }, 0);
    let empty = Ctx::trusting(&[]);
    // SAFETY: the context is live; a directory without certificates, as raw code names one.
    let named =
        unsafe { openssl_sys::SSL_CTX_load_verify_locations(empty.0, std::ptr::null(), c"/var/empty".as_ptr()) };
    assert_eq!(named, 1);
    let poisoned = Ctx::trusting(&[&ours.certificate]);
    // SAFETY: the context is live; this call fails, and so poisons it.
    assert_ne!(unsafe { hostlock_ctx_set_timeout(poisoned.0, -1) }, 0);
    vec![
        Row::new("no key of the chain is pinned", connect(&pinned, &[&good])),
        Row::new("another certificate than the one trusted as it is", connect(&exact, &[&good])),
        Row::new("no anchors at all", connect(&empty, &[&good])),
        Row::new("a set-up call failed", connect(&poisoned, &[&good])),
        Row::new("the program's verify callback said no", by_callback(&ours, &good)),
        Row::new("no host was named", without_host(&ours, &good)),
    ]
}

fn by_callback(ca: &Identity, identity: &Identity) -> Failure {
    let ctx = Ctx::trusting(&[&ca.certificate]);
    extern "C" fn no(_: std::ffi::c_int, _: *mut openssl_sys::X509_STORE_CTX) -> std::ffi::c_int {
        0
    }
    // SAFETY: the context is live.
    unsafe { openssl_sys::SSL_CTX_set_verify(ctx.0, openssl_sys::SSL_VERIFY_PEER, Some(no)) };
    connect(&ctx, &[identity])
}

fn without_host(ca: &Identity, identity: &Identity) -> Failure {
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let stream = std::net::TcpStream::connect(("127.0.0.1", peer::greeter(identity))).unwrap();
    let mut stream = SslStream::new(c::raw_ssl(&ctx), stream).unwrap();
    stream.connect().unwrap_err();
    // SAFETY: the connection is live.
    let error = unsafe { hostlock_conn_error(stream.ssl().as_ptr()) };
    c::queue();
    // SAFETY: the error lives as long as the connection.
    assert!(!unsafe { hostlock_error_message(error) }.is_null());
    // SAFETY: as above.
    unsafe { Failure::of(error) }
}
