//! Mozilla's list of roots as NSS keeps it: certdata.txt, with what each root is trusted for, the roots that count only
//! for certificates issued up to a date, and the certificates that must never be trusted.
//!
//! A root counts only where the file says so for the purpose that was asked for. The file is taken whole or not at all.

mod bundle;
mod date;
mod lines;
mod object;

use std::collections::HashMap;
use std::path::Path;

use openssl::hash::MessageDigest;
use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::libssl::d2i;
use crate::libssl::queue::Quiet;
use crate::role::Role;
use crate::trust::anchor_set::AnchorSet;
use crate::trust::distrust::{Distrust, Named, hash, serial_der};
use crate::trust::{one_file, replace};
use lines::Damage;
use object::{CertificateObject, Object, TrustObject, objects};

/// What roots are trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Certificates of TLS servers.
    ServerAuth,
    /// Signed and encrypted e-mail.
    Email,
    /// Signed programs.
    CodeSigning,
}

impl Purpose {
    /// What roots must be trusted for, to judge the peers of this side.
    pub fn of_peers(role: Role) -> Result<Purpose> {
        match role {
            Role::Client => Ok(Purpose::ServerAuth),
            Role::Server => {
                Err(Error::new(Status::EUnsupported, "a certdata.txt does not say whose client certificates to trust")
                    .with_hint("load your own CA's certificate with hostlock_ctx_trust_file"))
            }
        }
    }
}

/// What the file says of a certificate, for one purpose; the stricter is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// It is a trust anchor.
    Anchor,
    /// It is judged like any other certificate.
    Undecided,
    /// It must not be trusted, whoever issued it.
    Distrusted,
}

/// What the file says of a certificate, for each purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustBits {
    /// For [`Purpose::ServerAuth`].
    pub server_auth: Trust,
    /// For [`Purpose::Email`].
    pub email: Trust,
    /// For [`Purpose::CodeSigning`].
    pub code_signing: Trust,
}

/// A certificate of the file.
pub struct Root {
    /// Its name for people.
    pub label: String,
    /// The certificate.
    pub certificate: X509,
    /// Its SHA-256 hash.
    pub sha256: [u8; 32],
    /// What it is trusted for; `None` where the file does not say.
    pub bits: Option<TrustBits>,
    server_distrust_after: Option<i64>,
    email_distrust_after: Option<i64>,
}

/// What the file says of a certificate that is not in it.
pub struct Absent {
    /// Its name for people.
    #[allow(dead_code, reason = "who looks into a certdata.txt wants to know; the tests do")]
    pub label: String,
    /// Which certificate it is.
    pub named: Named,
    /// What it is trusted for.
    pub bits: TrustBits,
}

/// A certdata.txt that was read.
pub struct Certdata {
    /// Its certificates, in order.
    pub roots: Vec<Root>,
    /// What it says of others.
    pub absent: Vec<Absent>,
}

impl Purpose {
    /// The purpose of a name.
    pub fn named(name: &str) -> Result<Purpose> {
        [Purpose::ServerAuth, Purpose::Email, Purpose::CodeSigning]
            .into_iter()
            .find(|purpose| purpose.name() == name)
            .ok_or_else(|| {
                Error::new(Status::EArg, format!("there is no purpose {name:?}"))
                    .with_hint("the purposes are \"server-auth\", \"email\" and \"code-signing\"")
            })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::ServerAuth => "server-auth",
            Purpose::Email => "email",
            Purpose::CodeSigning => "code-signing",
        }
    }
}

impl TrustBits {
    /// What holds where both were said.
    fn and(self, other: TrustBits) -> TrustBits {
        TrustBits {
            server_auth: self.server_auth.max(other.server_auth),
            email: self.email.max(other.email),
            code_signing: self.code_signing.max(other.code_signing),
        }
    }

    /// What is said for one purpose.
    pub fn of(&self, purpose: Purpose) -> Trust {
        match purpose {
            Purpose::ServerAuth => self.server_auth,
            Purpose::Email => self.email,
            Purpose::CodeSigning => self.code_signing,
        }
    }
}

impl Root {
    /// What the file says of it for `purpose`.
    pub fn trust(&self, purpose: Purpose) -> Trust {
        self.bits.map_or(Trust::Undecided, |bits| bits.of(purpose))
    }

    /// Until when a certificate for `purpose` may have been issued under this root, in Unix seconds.
    pub fn distrust_after(&self, purpose: Purpose) -> Option<i64> {
        match purpose {
            Purpose::ServerAuth => self.server_distrust_after,
            Purpose::Email => self.email_distrust_after,
            Purpose::CodeSigning => None,
        }
    }
}

/// Whether `text` has the line that begins the data of a certdata.txt.
pub fn looks_like(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| line.trim_ascii() == lines::BEGIN)
}

/// Reads the file at `path`.
pub fn load(path: &Path) -> Result<Certdata> {
    let origin = format!("{path:?}");
    Certdata::parse(&one_file::read_whole(path, &origin)?, &origin)
}

/// Writes the roots of the certdata.txt at `input` that are trusted for `purpose` to `output`, as PEM with a header for
/// each. `output` is replaced at once when all is well, and is as it was where anything fails.
pub fn to_pem(input: &Path, output: &Path, purpose: Purpose) -> Result<()> {
    replace::file(output, load(input)?.pem(purpose, &format!("{input:?}"))?.as_bytes())
}

impl Certdata {
    /// Reads `text`; `origin` is what errors call it.
    pub fn parse(text: &[u8], origin: &str) -> Result<Certdata> {
        if text.trim_ascii().is_empty() {
            return Err(Error::new(Status::EEmpty, format!("{origin} is empty"))
                .with_hint("fetch it again: it is the file of NSS, or mozilla/certdata.txt of the ca-certificates source"));
        }
        if !looks_like(text) {
            return Err(Error::new(Status::EBadPem, format!("{origin} is not a certdata.txt: no line of it is BEGINDATA"))
                .with_hint("it is the file of NSS, or mozilla/certdata.txt of the ca-certificates source; PEM is for hostlock_ctx_trust_file"));
        }
        objects(text).and_then(Certdata::of_objects).map_err(|damage| {
            Error::new(Status::EBadPem, format!("{origin}: {damage}"))
                .with_hint("nothing was taken from it; fetch the file again")
        })
    }

    /// The roots for `purpose`, and what the file says against certificates.
    pub fn anchors(&self, purpose: Purpose, origin: &str) -> Result<(AnchorSet, Distrust)> {
        let mut set = AnchorSet::default();
        let mut distrust = self.distrusted(purpose);
        for root in self.trusted(purpose, origin)? {
            set.certificates.push(root.certificate.clone());
            if let Some(seconds) = root.distrust_after(purpose) {
                distrust.limit(root.sha256, seconds);
            }
        }
        Ok((set, distrust))
    }

    /// The roots for `purpose` as PEM; the same file gives the same bytes.
    pub fn pem(&self, purpose: Purpose, origin: &str) -> Result<String> {
        bundle::text(self.trusted(purpose, origin)?, purpose)
    }

    fn trusted(&self, purpose: Purpose, origin: &str) -> Result<Vec<&Root>> {
        let trusted: Vec<&Root> = self.roots.iter().filter(|root| root.trust(purpose) == Trust::Anchor).collect();
        if trusted.is_empty() {
            return Err(Error::new(
                Status::ENoTrustAnchors,
                format!("{origin} holds no root that is trusted for {}", purpose.name()),
            )
            .with_hint(format!("it holds {} certificates, with other trust or none", self.roots.len())));
        }
        Ok(trusted)
    }

    fn distrusted(&self, purpose: Purpose) -> Distrust {
        let mut distrust = Distrust::default();
        for root in self.roots.iter().filter(|root| root.trust(purpose) == Trust::Distrusted) {
            distrust.forbid(root.sha256);
        }
        for absent in self.absent.iter().filter(|absent| absent.bits.of(purpose) == Trust::Distrusted) {
            distrust.forbid_named(absent.named.clone());
        }
        distrust
    }

    fn of_objects(objects: Vec<Object>) -> std::result::Result<Certdata, Damage> {
        let mut roots = Vec::new();
        let mut lines: HashMap<[u8; 32], usize> = HashMap::new();
        let mut absent: Vec<Absent> = Vec::new();
        let mut said: HashMap<Named, usize> = HashMap::new();
        for object in objects {
            match object {
                Object::Certificate(object) => {
                    let (line, root) = (object.line, read_certificate(object)?);
                    if let Some(first) = lines.insert(root.sha256, line) {
                        return Err(Damage::new(line, format!("this is the certificate of line {first} again")));
                    }
                    roots.push(root);
                }
                Object::Trust(TrustObject { label, key: (issuer, serial), sha1, bits }) => {
                    let named = Named { issuer, serial, sha1 };
                    match said.get(&named).and_then(|&index| absent.get_mut(index)) {
                        Some(known) => known.bits = known.bits.and(bits),
                        None => {
                            said.insert(named.clone(), absent.len());
                            absent.push(Absent { label, named, bits });
                        }
                    }
                }
            }
        }
        let mut has_certificate = vec![false; absent.len()];
        for root in &mut roots {
            for index in names_of(&root.certificate).iter().filter_map(|named| said.get(named)) {
                let (Some(found), Some(mark)) = (absent.get(*index), has_certificate.get_mut(*index)) else { continue };
                root.bits = Some(root.bits.map_or(found.bits, |bits| bits.and(found.bits)));
                *mark = true;
            }
        }
        let mut marks = has_certificate.iter();
        absent.retain(|_| marks.next() == Some(&false));
        Ok(Certdata { roots, absent })
    }
}

/// The certificate of an object, which must be the one that the object says it is.
fn read_certificate(object: CertificateObject) -> std::result::Result<Root, Damage> {
    let (der, line) = object.value;
    let quiet = Quiet::begin();
    let unreadable = |why: &str| Damage::new(line, format!("CKA_VALUE is not a certificate: {why}"));
    let certificate = d2i::certificate(&der, &quiet).map_err(|why| unreadable(&why))?;
    let is_named = |named: &Named| named.issuer == object.key.0 && named.serial == object.key.1;
    if !names_of(&certificate).first().is_some_and(is_named) {
        return Err(Damage::new(
            object.line,
            "CKA_ISSUER or CKA_SERIAL_NUMBER is not that of the certificate in CKA_VALUE",
        ));
    }
    let sha256 = hash(&certificate, MessageDigest::sha256()).ok_or_else(|| unreadable("it cannot be hashed"))?;
    Ok(Root {
        label: object.label,
        certificate,
        sha256,
        bits: None,
        server_distrust_after: object.server_distrust_after,
        email_distrust_after: object.email_distrust_after,
    })
}

/// The ways in which a trust object may name a certificate.
fn names_of(certificate: &X509) -> Vec<Named> {
    let (Ok(issuer), Some(serial)) = (certificate.issuer_name().to_der(), serial_der(certificate)) else {
        return Vec::new();
    };
    let sha1 = hash(certificate, MessageDigest::sha1()).map(Some);
    [Some(None), sha1]
        .into_iter()
        .flatten()
        .map(|sha1| Named { issuer: issuer.clone(), serial: serial.clone(), sha1 })
        .collect()
}
