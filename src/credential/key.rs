//! Private keys: PKCS#8, SEC1 and PKCS#1, in PEM or DER, encrypted or not. Nobody is ever asked for a passphrase at a
//! terminal.

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};

use crate::error::{Error, Result, Status};
use crate::trust::pem;

/// The private keys in `bytes`, which errors call `origin`: at least one.
pub fn read((bytes, origin): (&[u8], &str), password: Option<&[u8]>) -> Result<Vec<PKey<Private>>> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{origin} holds nothing at all")));
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
    read.map_err(|stack| if asked { passphrase(which, password.is_some()) } else { unreadable(which, &stack) })
}

fn from_der(bytes: &[u8], origin: &str, password: Option<&[u8]>) -> Result<PKey<Private>> {
    let plain = match PKey::private_key_from_der(bytes) {
        Ok(key) => return Ok(key),
        Err(stack) => stack,
    };
    // An EncryptedPrivateKeyInfo has no mark of its own: a wrong passphrase looks like damage, and damage like that.
    if let Some(word) = password
        && let Ok(key) = PKey::private_key_from_pkcs8_passphrase(bytes, word)
    {
        return Ok(key);
    }
    let error = unreadable(origin, &plain);
    Err(match (bytes.first(), password) {
        (Some(0x30), None) => error.with_hint("if the key is encrypted, give its passphrase"),
        (Some(0x30), Some(_)) => error.with_hint("the passphrase may be wrong"),
        _ => error,
    })
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
