//! Private keys: PKCS#8, SEC1 and PKCS#1, in PEM or DER, encrypted or not. Nobody is ever asked for a passphrase at a
//! terminal.

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::trust::pem;
use crate::x509::der::{self, Malformed, Reader};

/// The private keys in `bytes`, which errors call `origin`: at least one.
pub fn read((bytes, origin): (&[u8], &str), password: Option<&[u8]>) -> Result<Vec<PKey<Private>>> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{origin} holds nothing at all"))
            .with_hint("write the certificate's private key into it, or name another"));
    }
    if !pem::has_boundary(bytes) {
        return from_der(bytes, origin, password).map(|key| vec![key]);
    }
    let mut labels = Vec::new();
    let mut keys = Vec::new();
    for block in pem::blocks(bytes) {
        let block = block.map_err(|damage| damaged(origin, &damage.what))?;
        labels.push(block.label);
        if block.label.ends_with("PRIVATE KEY") {
            keys.push(from_pem(block.text(), &format!("{block} of {origin}"), password)?);
        }
    }
    if keys.is_empty() {
        let what = format!("{origin} holds no private key, only: {}", labels.join(", "));
        return Err(Error::new(Status::EWrongPem, what).with_hint("name the file of the private key too"));
    }
    Ok(keys)
}

fn from_pem(block: &[u8], which: &str, password: Option<&[u8]>) -> Result<PKey<Private>> {
    let mut asked = false;
    let read = PKey::private_key_from_pem_callback(block, |room: &mut [u8]| {
        asked = true;
        let word = password.unwrap_or_default();
        // No passphrase at all, and one that is too long, open nothing.
        let (Some(_), Some(place)) = (password, room.get_mut(..word.len())) else { return Err(ErrorStack::get()) };
        place.copy_from_slice(word);
        Ok(word.len())
    });
    read.map_err(|stack| if asked { locked(which, password.is_some(), &stack) } else { unreadable(which, &stack) })
}

fn from_der(bytes: &[u8], origin: &str, password: Option<&[u8]>) -> Result<PKey<Private>> {
    if encrypted(bytes).is_ok() {
        return PKey::private_key_from_pkcs8_passphrase(bytes, password.unwrap_or_default())
            .map_err(|stack| locked(origin, password.is_some(), &stack));
    }
    PKey::private_key_from_der(bytes).map_err(|_| {
        if X509::from_der(bytes).is_ok() {
            return Error::new(Status::EWrongPem, format!("{origin} is a certificate in DER, and no private key"))
                .with_hint("name the certificates first, and then the key");
        }
        if Pkcs12::from_der(bytes).is_ok() {
            return Error::new(Status::EArg, format!("{origin} is PKCS#12, which holds its own certificates"))
                .with_hint("name it in the place of the chain, and pass NULL for the key");
        }
        Error::new(Status::EBadPem, format!("{origin} is neither PEM nor a private key in DER"))
            .with_hint("PKCS#8, SEC1 and PKCS#1 are known, in PEM or DER")
    })
}

/// Whether it is an EncryptedPrivateKeyInfo (RFC 5958 3): an algorithm, and bytes. All other keys begin with a number.
fn encrypted(bytes: &[u8]) -> std::result::Result<(), Malformed> {
    let mut info = Reader::whole(bytes, der::SEQUENCE)?;
    info.expect(der::SEQUENCE)?;
    info.expect(der::OCTET_STRING)?;
    info.end()
}

/// The error for an encrypted key that did not open.
fn locked(which: &str, given: bool, stack: &ErrorStack) -> Error {
    if given && lacks_algorithm(stack) {
        return Error::new(Status::EUnsupported, format!("{which} is encrypted by an algorithm that this OpenSSL does not offer"))
            .with_hint("convert it where its tool runs, or with openssl pkcs8 -topk8 -provider default -provider legacy");
    }
    passphrase(which, given)
}

const ERR_LIB_EVP: std::ffi::c_int = 6;

/// Whether OpenSSL failed for want of an algorithm. Its decoders say "unsupported" of a wrong passphrase, too.
pub fn lacks_algorithm(stack: &ErrorStack) -> bool {
    stack.errors().iter().any(|error| error.reason() == Some("unsupported") && error.library_code() == ERR_LIB_EVP)
}

/// The error for a key that cannot be opened.
pub fn passphrase(which: &str, given: bool) -> Error {
    let what = match given {
        true => format!("the passphrase does not open {which}"),
        false => format!("{which} is encrypted, and no passphrase was given"),
    };
    Error::new(Status::EPassphrase, what)
}

fn damaged(origin: &str, what: &str) -> Error {
    Error::new(Status::EBadPem, format!("{origin} is damaged: {what}"))
        .with_hint("write all of it again, up to and including the last line")
}

fn unreadable(which: &str, stack: &ErrorStack) -> Error {
    let reason = stack.errors().last().and_then(|error| error.reason()).unwrap_or("no reason given");
    Error::new(Status::EBadPem, format!("{which} cannot be read as a private key: {reason}"))
        .with_hint("PKCS#8, SEC1 and PKCS#1 are known, in PEM or DER")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key on P-256 as openssl pkcs8 -topk8 -v1 PBE-MD5-DES writes it, under "hunter2".
    const BY_DES: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGwMBsGCSqGSIb3DQEFAzAOBAj58VKiomQxqQICCAAEgZCC5NrmAXzSlg2KXWYk\n\
VUD4W3TPKPV2R+PqtCgEx86Gn9lGa6lNf7bIeEWKTUBsOhKiOxt6lvXfVsoE2J7J\n\
cDBYZb6bilmlLkls7bLp20kYhqTfs+dfO56Al1toKxHzA8iLJWGpjL2tF3VnZjjk\n\
qPymK5NroMP9RRMcRe9KtXi83e8hGFoSBDbJ7QHpjSMKfKw=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";

    #[test]
    fn an_algorithm_that_is_not_there_is_not_blamed_on_the_passphrase() {
        let der = openssl::base64::decode_block(&BY_DES.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        for bytes in [BY_DES.as_bytes(), &der] {
            let error = read((bytes, "it"), Some(b"hunter2")).err().unwrap();
            assert_eq!(error.status(), Status::EUnsupported, "{error}");
            let error = read((bytes, "it"), None).err().unwrap();
            assert_eq!(error.status(), Status::EPassphrase, "{error}");
        }
    }

    #[test]
    fn a_wrong_passphrase_is_no_missing_algorithm() {
        let key = PKey::ec_gen("P-256").unwrap();
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let pem = key.private_key_to_pem_pkcs8_passphrase(cipher, b"right").unwrap();
        let der = key.private_key_to_pkcs8_passphrase(cipher, b"right").unwrap();
        for bytes in [&pem, &der] {
            assert!(read((bytes, "it"), Some(b"right")).is_ok());
            for word in [&b"wrong"[..], b""] {
                assert_eq!(read((bytes, "it"), Some(word)).err().unwrap().status(), Status::EPassphrase);
            }
        }
    }
}
