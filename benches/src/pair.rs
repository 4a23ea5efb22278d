//! A client and a server in one process, joined by a BIO pair, so that every instruction is a handshake's own.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use foreign_types::ForeignType;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use openssl_sys as ffi;

use crate::peers::{HARDENED, HOSTLOCK};
use crate::step::{counted_part, end_step};

pub const HOST: &CStr = c"bench.example";

unsafe extern "C" {
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: c_int) -> c_int;
    fn BIO_new_bio_pair(one: *mut *mut ffi::BIO, one_size: usize, two: *mut *mut ffi::BIO, two_size: usize) -> c_int;
}

/// A CA, and a server's certificate that it issued.
pub struct Pki {
    pub ca: X509,
    pub server: X509,
    pub key: PKey<Private>,
}

impl Pki {
    pub fn new() -> Pki {
        let (ca_key, key) = (p256(), p256());
        let ca = certificate("Bench CA", &ca_key, None);
        let server = certificate("bench.example", &key, Some((&ca, &ca_key)));
        Pki { ca, server, key }
    }

    /// A plain server that speaks exactly one version and issues no tickets after the handshake.
    pub fn server_context(&self, version: SslVersion) -> SslContext {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&self.server).unwrap();
        builder.set_private_key(&self.key).unwrap();
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        builder.set_num_tickets(0).unwrap();
        builder.build()
    }
}

fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(name: &str, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(ca, _)| ca.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    let parent = issuer.map(|(ca, _)| ca.as_ref());
    let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(parent, None)).unwrap();
    builder.append_extension(id).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap()).unwrap();
    } else {
        let authority = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(parent, None)).unwrap();
        builder.append_extension(authority).unwrap();
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap()).unwrap();
        let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(parent, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    // Read back, as a certificate that was just built has no encoding yet that OpenSSL could reuse.
    X509::from_der(&builder.build().to_der().unwrap()).unwrap()
}

/// A joined client and server.
pub struct Pair {
    pub client: *mut ffi::SSL,
    pub server: *mut ffi::SSL,
}

impl Pair {
    /// A new connection between the two contexts; `prepare` names the host.
    pub fn new(client: &SslContext, server: &SslContext, prepare: impl FnOnce(*mut ffi::SSL)) -> Pair {
        // SAFETY: both contexts are live; each SSL takes one end of the pair.
        unsafe {
            let pair = Pair { client: ffi::SSL_new(client.as_ptr()), server: ffi::SSL_new(server.as_ptr()) };
            let (mut one, mut two) = (ptr::null_mut(), ptr::null_mut());
            assert_eq!(BIO_new_bio_pair(&mut one, 1 << 16, &mut two, 1 << 16), 1);
            ffi::SSL_set_bio(pair.client, one, one);
            ffi::SSL_set_bio(pair.server, two, two);
            ffi::SSL_set_connect_state(pair.client);
            ffi::SSL_set_accept_state(pair.server);
            prepare(pair.client);
            pair
        }
    }

    /// Two sides of a socket pair, connected: by hostlock_connect_fd, or by SSL_set_fd where `prepare` names the host.
    pub fn over_sockets(client: &SslContext, server: &SslContext, prepare: Option<fn(*mut ffi::SSL)>) -> Pair {
        let (one, two) = UnixStream::pair().unwrap();
        // The process ends before the descriptors need to be closed.
        let (one, two) = (one.into_raw_fd(), two.into_raw_fd());
        // SAFETY: both contexts are live, and each SSL is used by one thread at a time.
        unsafe {
            let server = ffi::SSL_new(server.as_ptr());
            assert_eq!(SSL_set_fd(server, two), 1);
            let served = Alone(server);
            let accepting = std::thread::spawn(move || served.accept());
            let client = match prepare {
                None => {
                    let mut made = ptr::null_mut();
                    let connect = hostlock::ffi::connection::hostlock_connect_fd;
                    assert_eq!(connect(client.as_ptr(), one, HOST.as_ptr(), &mut made), 0);
                    made
                }
                Some(prepare) => {
                    let made = ffi::SSL_new(client.as_ptr());
                    assert_eq!(SSL_set_fd(made, one), 1);
                    prepare(made);
                    assert_eq!(hostlock::ffi::connection::hostlock_handshake(made), 0);
                    made
                }
            };
            assert_eq!(accepting.join().unwrap(), 1);
            Pair { client, server }
        }
    }

    /// Drives both sides to the end of the handshake.
    pub fn handshake(&self) {
        self.drive(client_step);
    }

    /// The same, where the client's part counts.
    pub fn counted_handshake(&self) {
        self.drive(|client| counted_part(|| client_step(client)));
        end_step();
    }

    fn drive(&self, step: impl Fn(*mut ffi::SSL) -> c_int) {
        for _ in 0..10 {
            let done = step(self.client);
            // SAFETY: the server's side is live.
            let served = unsafe { ffi::SSL_do_handshake(self.server) };
            if done == 1 && served == 1 {
                return;
            }
        }
        panic!("the handshake did not complete: {}", openssl::error::ErrorStack::get());
    }
}

/// A connection that one thread alone uses for a time.
struct Alone(*mut ffi::SSL);

// SAFETY: libssl's connections may go from thread to thread, and the maker waits for the other thread.
unsafe impl Send for Alone {}

impl Alone {
    fn accept(self) -> c_int {
        // SAFETY: the connection is live.
        unsafe { ffi::SSL_accept(self.0) }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe {
            ffi::SSL_free(self.client);
            ffi::SSL_free(self.server);
        }
    }
}

fn client_step(client: *mut ffi::SSL) -> c_int {
    // SAFETY: the client is live.
    unsafe { ffi::SSL_do_handshake(client) }
}

/// A client context of `peer` that trusts the CA, and how it names the host.
pub fn client(peer: &str, pki: &Pki) -> (SslContext, fn(*mut ffi::SSL)) {
    match peer {
        HOSTLOCK => (hostlock_context(&pki.ca), name_host_hostlock),
        HARDENED => {
            let context = careful_raw_context(&pki.ca);
            harden(context.as_ptr());
            (context, name_host_raw)
        }
        _ => (careful_raw_context(&pki.ca), name_host_raw),
    }
}

/// Hardens a context of raw OpenSSL's in place.
pub fn harden(ctx: *mut ffi::SSL_CTX) {
    // SAFETY: the caller owns the live context; NULL is the newest policy, and no host.
    assert_eq!(unsafe { hostlock::ffi::harden::hostlock_harden(ctx, ptr::null(), ptr::null()) }, 0);
}

/// What careful OpenSSL code does: verify, name the host, send SNI; the suites, groups and algorithms are the policy's,
/// so that the difference is hostlock's own work.
fn careful_raw_context(ca: &X509) -> SslContext {
    let policy = hostlock::policy::Policy::named("default").unwrap();
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(openssl::ssl::SslVerifyMode::PEER);
    builder.cert_store_mut().add_cert(ca.clone()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(&hostlock::policy::suite_list(policy.suites_tls12)).unwrap();
    builder.set_ciphersuites(&hostlock::policy::suite_list(policy.suites_tls13)).unwrap();
    builder.set_groups_list(policy.groups.to_str().unwrap()).unwrap();
    builder.set_sigalgs_list(policy.signature_algorithms.to_str().unwrap()).unwrap();
    builder.build()
}

/// Names the host the way careful OpenSSL code does.
pub fn name_host_raw(ssl: *mut ffi::SSL) {
    const SNI: (c_int, c_long) = (55, 0);
    // SAFETY: the SSL is live; the strings are static and copied.
    unsafe {
        let param = ffi::SSL_get0_param(ssl);
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, HOST.as_ptr(), HOST.count_bytes()), 1);
        assert_eq!(ffi::SSL_ctrl(ssl, SNI.0, SNI.1, HOST.as_ptr() as *mut c_void), 1);
    }
}

/// A hostlock context that trusts `ca`.
fn hostlock_context(ca: &X509) -> SslContext {
    let policy = hostlock::policy::Policy::named("default").unwrap();
    let context = hostlock::context::Context::client(policy).unwrap();
    // SAFETY: the context is new; then it gives up its one reference.
    unsafe {
        context.guard().unwrap().anchors.add(context.as_ptr(), std::slice::from_ref(ca)).unwrap();
        SslContext::from_ptr(context.into_raw())
    }
}

/// Names the host the way hostlock's users do.
pub fn name_host_hostlock(ssl: *mut ffi::SSL) {
    // SAFETY: the SSL is live; the string is static.
    assert_eq!(unsafe { hostlock::ffi::host::hostlock_conn_set_host(ssl, HOST.as_ptr()) }, 0);
}
