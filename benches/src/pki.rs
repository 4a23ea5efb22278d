//! Who vouches for the server: a CA alone, or a CA and an intermediate, of four kinds.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslSessionCacheMode, SslVersion};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

/// The directory in which the parent laid out one of each kind, so that all peers verify the same.
const DIRECTORY_VARIABLE: &str = "HOSTLOCK_BENCH_PKI";

/// The keys of a chain with an intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// P-256 throughout.
    Ec,
    /// RSA of 2048 bits throughout.
    Rsa,
    /// RSA with a root of 4096 bits, an intermediate and a leaf of 2048, as under ISRG Root X1.
    LargeRsa,
    /// As on the public web: a root with RSA of 4096 bits, an intermediate with P-384, a leaf with P-256.
    Web,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Ec, Kind::Rsa, Kind::LargeRsa, Kind::Web];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Ec => "ec",
            Kind::Rsa => "rsa",
            Kind::LargeRsa => "largersa",
            Kind::Web => "web",
        }
    }

    fn keys(self) -> [PKey<Private>; 4] {
        let (p256, p384) = (Nid::X9_62_PRIME256V1, Nid::SECP384R1);
        match self {
            Kind::Ec => [ec(p256), ec(p256), ec(p256), ec(p256)],
            Kind::Rsa => [rsa(2048), rsa(2048), rsa(2048), rsa(2048)],
            Kind::LargeRsa => [rsa(4096), rsa(2048), rsa(2048), rsa(2048)],
            Kind::Web => [rsa(4096), ec(p384), ec(p256), ec(p256)],
        }
    }
}

/// A CA, and the certificates that it or its intermediate issued: a server's, and one for its clients.
pub struct Pki {
    pub ca: X509,
    pub intermediate: Option<X509>,
    pub server: X509,
    pub key: PKey<Private>,
    pub client: X509,
    pub client_key: PKey<Private>,
}

impl Pki {
    /// Without an intermediate: that of the parent, where there is one.
    pub fn direct() -> Pki {
        Pki::laid_out(DIRECT).unwrap_or_else(Pki::new_direct)
    }

    /// With one.
    pub fn of(kind: Kind) -> Pki {
        Pki::laid_out(kind.name()).unwrap_or_else(|| Pki::new(kind))
    }

    fn new_direct() -> Pki {
        let p256 = Nid::X9_62_PRIME256V1;
        let (ca_key, key, client_key) = (ec(p256), ec(p256), ec(p256));
        let ca = certificate(CA, &ca_key, None, For::Authority);
        let server = certificate(SERVER, &key, Some((&ca, &ca_key)), For::Server);
        let client = certificate(CLIENT, &client_key, Some((&ca, &ca_key)), For::Client);
        Pki { ca, intermediate: None, server, key, client, client_key }
    }

    fn new(kind: Kind) -> Pki {
        let [ca_key, middle_key, key, client_key] = kind.keys();
        let ca = certificate(CA, &ca_key, None, For::Authority);
        let intermediate = certificate("Bench intermediate", &middle_key, Some((&ca, &ca_key)), For::Authority);
        let server = certificate(SERVER, &key, Some((&intermediate, &middle_key)), For::Server);
        let client = certificate(CLIENT, &client_key, Some((&intermediate, &middle_key)), For::Client);
        Pki { ca, intermediate: Some(intermediate), server, key, client, client_key }
    }

    fn laid_out(name: &str) -> Option<Pki> {
        let directory = Path::new(&std::env::var_os(DIRECTORY_VARIABLE)?).join(name);
        let read = |name: &str| fs::read(directory.join(name)).expect("the parent laid it out");
        let certificate = |pem: &[u8]| X509::from_pem(pem).expect("a certificate");
        let key = |pem: &[u8]| PKey::private_key_from_pem(pem).expect("a key");
        Some(Pki {
            ca: certificate(&read("ca")),
            intermediate: fs::read(directory.join("intermediate")).ok().map(|pem| certificate(&pem)),
            server: certificate(&read("server")),
            key: key(&read("key")),
            client: certificate(&read("client")),
            client_key: key(&read("client-key")),
        })
    }

    fn lay_out(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("the directory for temporary files can be written");
        let write = |name: &str, pem: Vec<u8>| fs::write(directory.join(name), pem).expect("it can be written");
        write("ca", self.ca.to_pem().unwrap());
        if let Some(intermediate) = &self.intermediate {
            write("intermediate", intermediate.to_pem().unwrap());
        }
        write("server", self.server.to_pem().unwrap());
        write("key", self.key.private_key_to_pem_pkcs8().unwrap());
        write("client", self.client.to_pem().unwrap());
        write("client-key", self.client_key.private_key_to_pem_pkcs8().unwrap());
    }

    /// A plain server that speaks exactly one version and issues no tickets after the handshake.
    pub fn server_context(&self, version: SslVersion) -> SslContext {
        let mut builder = self.server(version);
        builder.set_num_tickets(0).unwrap();
        builder.build()
    }

    /// The same, with tickets: one of them resumes as often as it is shown.
    pub fn server_with_tickets(&self, version: SslVersion) -> SslContext {
        let mut builder = self.server(version);
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.build()
    }

    /// The chain above the server's or the client's certificate, in PEM.
    pub fn above(&self) -> Vec<u8> {
        self.intermediate.as_ref().map(|intermediate| intermediate.to_pem().unwrap()).unwrap_or_default()
    }

    fn server(&self, version: SslVersion) -> SslContextBuilder {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&self.server).unwrap();
        if let Some(intermediate) = &self.intermediate {
            builder.add_extra_chain_cert(intermediate.clone()).unwrap();
        }
        builder.set_private_key(&self.key).unwrap();
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        builder
    }
}

/// One of each in a directory, for the children.
pub struct LaidOut(PathBuf);

impl LaidOut {
    pub fn new() -> LaidOut {
        let directory = std::env::temp_dir().join(format!("hostlock-bench-pki-{}", std::process::id()));
        let laid_out = LaidOut(directory);
        Kind::ALL.iter().for_each(|kind| Pki::new(*kind).lay_out(&laid_out.0.join(kind.name())));
        Pki::new_direct().lay_out(&laid_out.0.join(DIRECT));
        laid_out
    }

    /// The file `roots`, and the CA of a kind behind them.
    pub fn bundle(&self, roots: &Path, kind: Kind) -> PathBuf {
        let bundle = self.0.join("roots.pem");
        let ca = fs::read(self.0.join(kind.name()).join("ca")).expect("it was laid out");
        let all = [fs::read(roots).expect("the system has roots"), ca].concat();
        fs::write(&bundle, all).expect("it can be written");
        bundle
    }

    /// What tells a child of it.
    pub fn variable(&self) -> (&'static str, &Path) {
        (DIRECTORY_VARIABLE, &self.0)
    }
}

impl Drop for LaidOut {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const DIRECT: &str = "direct";
const CA: &str = "Bench CA";
const SERVER: &str = "bench.example";
/// The name in the client's certificate.
pub const CLIENT: &str = "client.bench.example";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Authority,
    Server,
    Client,
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn certificate(name: &str, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>, what: For) -> X509 {
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
    if issuer.is_some() {
        let authority = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(parent, None)).unwrap();
        builder.append_extension(authority).unwrap();
    }
    if what == For::Authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap()).unwrap();
    } else {
        let mut usage = ExtendedKeyUsage::new();
        if what == For::Server {
            usage.server_auth()
        } else {
            usage.client_auth()
        };
        builder.append_extension(usage.build().unwrap()).unwrap();
        let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(parent, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    let signer = issuer.map_or(key, |(_, key)| key);
    let digest = if signer.bits() == 384 { MessageDigest::sha384() } else { MessageDigest::sha256() };
    builder.sign(signer, digest).unwrap();
    // Read back, as a certificate that was just built has no encoding yet that OpenSSL could reuse.
    X509::from_der(&builder.build().to_der().unwrap()).unwrap()
}
