//! Certificates for the tests, made when they run: a CA, what it issues, and the files they are put in.
#![allow(dead_code, reason = "each test uses its part")]

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509Ref};

pub const DAY: i64 = 86_400;

/// A certificate and its key.
#[derive(Clone)]
pub struct Identity {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate shall be like; change a field for a certificate that is wrong in one way.
pub struct Recipe {
    pub common_name: String,
    pub dns: Vec<String>,
    pub ip: Vec<String>,
    pub key: PKey<Private>,
    pub digest: MessageDigest,
    /// Seconds from now.
    pub not_before: i64,
    /// Seconds from now.
    pub not_after: i64,
    pub ca: bool,
    pub path_len: Option<u32>,
    pub server_auth: bool,
    pub client_auth: bool,
}

impl Recipe {
    pub fn ca(common_name: &str) -> Recipe {
        Recipe { ca: true, server_auth: false, ..Recipe::server(common_name, &[]) }
    }

    pub fn server(common_name: &str, dns: &[&str]) -> Recipe {
        Recipe {
            common_name: common_name.to_owned(),
            dns: dns.iter().map(|name| (*name).to_owned()).collect(),
            ip: Vec::new(),
            key: p256(),
            digest: MessageDigest::sha256(),
            not_before: -DAY,
            not_after: 30 * DAY,
            ca: false,
            path_len: None,
            server_auth: true,
            client_auth: false,
        }
    }

    pub fn self_signed(self) -> Identity {
        let name = name(&self.common_name);
        let key = self.key.clone();
        self.build(&name, &key, None)
    }

    pub fn issued_by(self, issuer: &Identity) -> Identity {
        self.build(issuer.certificate.subject_name(), &issuer.key, Some(&issuer.certificate))
    }

    fn build(self, issuer: &openssl::x509::X509NameRef, signer: &PKey<Private>, parent: Option<&X509Ref>) -> Identity {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(127, MsbOption::ONE, false).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name(&self.common_name)).unwrap();
        builder.set_issuer_name(issuer).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(now() + self.not_before).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(now() + self.not_after).unwrap()).unwrap();
        if self.ca {
            let mut constraints = BasicConstraints::new();
            constraints.critical().ca();
            if let Some(len) = self.path_len {
                constraints.pathlen(len);
            }
            builder.append_extension(constraints.build().unwrap()).unwrap();
            builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
        }
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(parent, None)).unwrap();
        builder.append_extension(subject_key).unwrap();
        if parent.is_some() {
            let authority = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(parent, None));
            builder.append_extension(authority.unwrap()).unwrap();
        }
        if self.server_auth || self.client_auth {
            let mut usage = ExtendedKeyUsage::new();
            if self.server_auth {
                usage.server_auth();
            }
            if self.client_auth {
                usage.client_auth();
            }
            builder.append_extension(usage.build().unwrap()).unwrap();
        }
        if !self.dns.is_empty() || !self.ip.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in &self.dns {
                names.dns(name);
            }
            for address in &self.ip {
                names.ip(address);
            }
            let names = names.build(&builder.x509v3_context(parent, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(signer, self.digest).unwrap();
        Identity { certificate: builder.build(), key: self.key }
    }
}

impl Identity {
    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

pub fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub fn name(common_name: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    name.build()
}

pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}
