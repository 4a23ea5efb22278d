//! What a program names as its own certificate: PEM with the certificate first, one certificate in DER, or PKCS#12; the
//! key beside it or with it.

use std::path::{Path, PathBuf};

use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::credential::key;
use crate::error::{Error, Result, Status};
use crate::libssl::queue::Quiet;
use crate::libssl::secret::Secret;
use crate::trust::named;
use crate::trust::one_file;
use crate::trust::pem::{self, Damage};

/// Where a certificate and its key are.
pub enum Input<'a> {
    /// Files; without `key` the key is in the file of the chain.
    Files {
        /// The certificates.
        chain: &'a Path,
        /// The key.
        key: Option<&'a Path>,
        /// What opens the key.
        password: Option<&'a [u8]>,
    },
    /// Memory, likewise.
    Memory {
        /// The certificates.
        chain: &'a [u8],
        /// The key.
        key: Option<&'a [u8]>,
        /// What opens the key.
        password: Option<&'a [u8]>,
    },
}

/// The files of a certificate and its key, to be read again.
pub struct Files {
    chain: PathBuf,
    key: Option<PathBuf>,
    password: Option<Secret>,
}

impl Files {
    /// As [`Credential::load`](super::Credential::load) takes them.
    pub fn input(&self) -> Input<'_> {
        Input::Files { chain: &self.chain, key: self.key.as_deref(), password: self.password.as_deref() }
    }
}

/// What was found there.
pub struct Found {
    /// The first certificate, or the one that a PKCS#12 file has its key for.
    pub leaf: X509,
    /// The further ones.
    pub others: Vec<X509>,
    /// The keys.
    pub keys: Vec<PKey<Private>>,
    /// Where the certificates came from, for words.
    pub origin: String,
    /// The file of the key, where everybody can read it.
    pub open_key_file: Option<String>,
}

/// A chain and its key take some kilobytes.
const LARGEST: usize = 4 << 20;

impl Input<'_> {
    /// The files, where it is files.
    pub fn files(&self) -> Option<Files> {
        match *self {
            Input::Files { chain, key, password } => Some(Files {
                chain: named::absolute(chain),
                key: key.map(named::absolute),
                password: password.map(|password| Secret(password.to_vec())),
            }),
            Input::Memory { .. } => None,
        }
    }

    /// Reads all of it.
    pub fn read(&self) -> Result<Found> {
        match *self {
            Input::Files { chain, key, password } => {
                let origin = format!("{chain:?}");
                let chain_bytes = file(chain, &origin)?;
                let key_bytes = key.map(|path| file(path, &format!("{path:?}"))).transpose()?;
                let key_origin = key.map(|path| format!("{path:?}"));
                let key_part = key_bytes.as_ref().zip(key_origin.as_deref());
                let found = read((&chain_bytes.0, &origin), key_part.map(|(bytes, name)| (&bytes.0[..], name)), password)?;
                Ok(Found { open_key_file: open_to_all(key.unwrap_or(chain)), ..found })
            }
            Input::Memory { chain, key, password } => {
                check_size(chain.len(), "the chain")?;
                check_size(key.map_or(0, <[u8]>::len), "the key")?;
                read((chain, "the chain"), key.map(|key| (key, "the key")), password)
            }
        }
    }
}

fn file(path: &Path, origin: &str) -> Result<Secret> {
    match one_file::read_regular(path, &origin, LARGEST)? {
        Some(bytes) => Ok(Secret(bytes)),
        None => Err(too_large(origin)),
    }
}

fn check_size(len: usize, origin: &str) -> Result<()> {
    if len > LARGEST { Err(too_large(origin)) } else { Ok(()) }
}

fn too_large(origin: &str) -> Error {
    Error::new(Status::EFileIo, format!("{origin} is larger than a certificate and its key can be"))
        .with_hint("they may take up to 4 MiB")
}

/// The path, where users who are neither the owner nor of the group may read what is there.
pub(super) fn open_to_all(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| format!("{path:?}"))
}

/// A part of the input and what errors call it.
type Part<'a> = (&'a [u8], &'a str);

fn read((bytes, origin): Part<'_>, key_part: Option<Part<'_>>, password: Option<&[u8]>) -> Result<Found> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{origin} holds nothing at all"))
            .with_hint("write the certificate into it, with its intermediates behind it, or name another"));
    }
    let _quiet = Quiet::begin();
    let origin = origin.to_owned();
    if pem::has_boundary(bytes) {
        let mut all = certificates(bytes, &origin)?.into_iter();
        let leaf = all.next().ok_or_else(|| no_certificate(bytes, &origin))?;
        let keys = key::read(key_part.unwrap_or((bytes, &origin)), password)?;
        return Ok(Found { leaf, others: all.collect(), keys, origin, open_key_file: None });
    }
    if let Ok(leaf) = X509::from_der(bytes) {
        if leaf.to_der().is_ok_and(|der| der.len() != bytes.len()) {
            return Err(Error::new(Status::EBadPem, format!("there are bytes after the certificate in {origin}"))
                .with_hint("several certificates must be in PEM or PKCS#12"));
        }
        let Some(key_part) = key_part else {
            return Err(Error::new(Status::EWrongPem, format!("{origin} is a certificate in DER, which holds no private key"))
                .with_hint("name the key too, or put both into one PEM or PKCS#12 file"));
        };
        return Ok(Found { leaf, others: Vec::new(), keys: key::read(key_part, password)?, origin, open_key_file: None });
    }
    if let Ok(container) = Pkcs12::from_der(bytes) {
        if key_part.is_some() {
            return Err(Error::new(Status::EArg, format!("{origin} is PKCS#12, which holds its own key"))
                .with_hint("pass NULL for the key"));
        }
        return from_pkcs12(&container, password, origin);
    }
    Err(Error::new(Status::EBadPem, format!("{origin} is neither PEM, nor a certificate in DER, nor PKCS#12"))
        .with_hint("PEM begins with -----BEGIN CERTIFICATE-----; the file may be damaged, or of another kind"))
}

/// The certificates in PEM, in their order. Other blocks are passed over.
fn certificates(text: &[u8], origin: &str) -> Result<Vec<X509>> {
    let damaged = |damage: Damage| {
        Error::new(Status::EBadPem, format!("{origin} is damaged: {}", damage.what))
            .with_hint(damage.hint_or("write all of it again, up to and including the last line"))
    };
    let mut found = Vec::new();
    for block in pem::blocks(text) {
        let block = block.map_err(damaged)?;
        if matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE") {
            let der = block.decode().map_err(damaged)?;
            let certificate = X509::from_der(&der);
            found.push(certificate.map_err(|_| damaged(Damage::new(format!("{block} is no certificate"))))?);
        }
    }
    Ok(found)
}

fn no_certificate(text: &[u8], origin: &str) -> Error {
    let labels: Vec<&str> = pem::blocks(text).flatten().map(|block| block.label).collect();
    Error::new(Status::EWrongPem, format!("{origin} holds no certificate, only: {}", labels.join(", ")))
        .with_hint("name the certificates first, and then the key")
}

/// What makes PEM with an encrypted key of PKCS#12 by old algorithms. A pipe into openssl pkcs12 -export does not work: that
/// reads its input twice.
const CONVERTS: &str = "openssl pkcs12 -legacy -in old.p12 -out new.pem";

fn from_pkcs12(container: &Pkcs12, password: Option<&[u8]>, origin: String) -> Result<Found> {
    let word = std::str::from_utf8(password.unwrap_or_default())
        .map_err(|_| Error::new(Status::EArg, "the passphrase of a PKCS#12 file must be UTF-8"))?;
    let parsed = container.parse2(word).map_err(|stack| {
        let reasons: Vec<&str> = stack.errors().iter().filter_map(|error| error.reason()).collect();
        if reasons.contains(&"unsupported") {
            return Error::new(Status::EUnsupported, format!("{origin} is encrypted by an algorithm that this OpenSSL does not offer"))
                .with_hint(format!("old tools used RC2; name the PEM that this makes of it: {CONVERTS}"));
        }
        if reasons.contains(&"mac absent") {
            return Error::new(Status::EUnsupported, format!("{origin} is encrypted but has no MAC, and this OpenSSL opens no such PKCS#12"))
                .with_hint("make it anew with one: openssl pkcs12 -export without -nomac");
        }
        key::passphrase(&origin, password.is_some())
    })?;
    let missing = |what: &str| Error::new(Status::EWrongPem, format!("{origin} is PKCS#12, but holds no {what}"));
    let key = parsed.pkey.ok_or_else(|| missing("private key"))?;
    let leaf = parsed.cert.ok_or_else(|| missing("certificate for its private key"))?;
    let others = parsed.ca.into_iter().flatten().collect();
    Ok(Found { leaf, others, keys: vec![key], origin, open_key_file: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn openssl(directory: &Path, line: &str) {
        // The command has the libssl that it was built for.
        let mut shell = Command::new("sh");
        let output = shell.env_remove("LD_LIBRARY_PATH").current_dir(directory).args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }

    #[test]
    fn the_command_of_the_hint_makes_of_an_old_container_what_is_taken() {
        let directory = std::env::temp_dir().join(format!("hostlock-old-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        openssl(&directory, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=old -keyout key -out pem");
        openssl(&directory, "openssl pkcs12 -export -legacy -in pem -inkey key -passout pass:word -out old.p12");
        let input = |name: &str| read((&std::fs::read(directory.join(name)).unwrap(), name), None, Some(b"word"));
        let error = input("old.p12").err().unwrap();
        assert_eq!(error.status(), Status::EUnsupported, "{error}");
        assert!(error.hint().ends_with(CONVERTS), "{}", error.hint());
        openssl(&directory, &format!("{CONVERTS} -passin pass:word -passout pass:word"));
        let found = input("new.pem");
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(found.unwrap().keys.len(), 1);
    }
}
