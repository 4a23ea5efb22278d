//! Pinned keys: besides all other checks, one key of the verified chain must be one of those that the program named. A
//! pin only ever refuses.

use openssl::base64;
use openssl::sha::sha256;
use openssl::x509::{X509, X509Ref};

use crate::error::{Error, Result, Status};
use crate::libssl::certificate_words;
use crate::libssl::issuing::public_key_info;

/// The SHA-256 of a subjectPublicKeyInfo (RFC 7469 section 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

const PREFIX: &str = "sha256/";

impl Pin {
    /// The pin in a text such as "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".
    pub fn parse(text: &str) -> Result<Pin> {
        let malformed = |what: &str| {
            Error::new(Status::EArg, format!("{text:?} is not a pin: {what}")).with_hint(
                "a pin is \"sha256/\" and the base64 of the SHA-256 of a subjectPublicKeyInfo, 44 characters",
            )
        };
        let encoded = text.strip_prefix(PREFIX).ok_or_else(|| malformed("it does not begin with \"sha256/\""))?;
        if encoded.len() != 44 {
            return Err(malformed("it is not 44 characters of base64 behind \"sha256/\""));
        }
        let decoded = base64::decode_block(encoded).map_err(|_| malformed("it is not base64"))?;
        let pin = <[u8; 32]>::try_from(decoded).map(Pin).map_err(|_| malformed("it is not 32 bytes"))?;
        // One digest has one spelling: OpenSSL's decoder is lenient about blanks and left-over bits.
        if pin.text() == text { Ok(pin) } else { Err(malformed("its base64 is not in the usual form")) }
    }

    /// The pin of a certificate's key.
    pub fn of(certificate: &X509Ref) -> Option<Pin> {
        public_key_info(certificate).map(|der| Pin(sha256(&der)))
    }

    /// The pin as it is written.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", base64::encode_block(&self.0))
    }
}

/// Refuses where there are pins and `chain`, verified from the leaf to its anchor, has none of them.
pub fn check(chain: &[X509], pins: &[Pin]) -> Result<()> {
    if pins.is_empty() || chain.iter().any(|certificate| Pin::of(certificate).is_some_and(|pin| pins.contains(&pin))) {
        return Ok(());
    }
    let seen: Vec<String> = chain
        .iter()
        .filter_map(|certificate| {
            Some(format!("{} of {}", Pin::of(certificate)?.text(), certificate_words::subject_text(certificate)))
        })
        .collect();
    Err(Error::new(Status::EPinMismatch, "the chain is valid, but none of its keys is pinned").with_hint(format!(
        "if the peer's keys were changed on purpose, pin one of the new ones: {}",
        seen.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn a_pin_is_read_and_written_alike() {
        assert_eq!(Pin::parse(EMPTY).unwrap(), Pin(sha256(b"")));
        assert_eq!(Pin::parse(EMPTY).unwrap().text(), EMPTY);
    }

    #[test]
    fn what_is_not_exactly_a_pin_is_refused_with_the_form_in_the_hint() {
        let body = &EMPTY[PREFIX.len()..];
        for wrong in [
            String::new(),
            body.to_owned(),
            format!("sha256//{body}"),
            format!("sha1/{body}"),
            format!("SHA256/{body}"),
            format!("{EMPTY} "),
            EMPTY.trim_end_matches('=').to_owned(),
            EMPTY.replace('U', "!"),
            EMPTY.replace("FU=", "FV="),
            EMPTY.replace("FU=", "F=="),
            EMPTY.replace("47", "\n7"),
        ] {
            let error = Pin::parse(&wrong).unwrap_err();
            assert_eq!(error.status(), Status::EArg, "{wrong:?}");
            assert!(error.hint().contains("44 characters"), "{}", error.hint());
        }
    }
}
