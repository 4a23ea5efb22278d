//! The presented identifiers: what a certificate says about whom it belongs to. They stay where they are in the DER;
//! words are made of them only for an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::x509::general_name::{Attribute, COMMON_NAME, GeneralName, GeneralNames, attributes};
use crate::x509::words::escape;


/// id-on-dnsSRV (RFC 4985), header included.
const SRV_NAME: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x07];

/// The names of one certificate, borrowed from its DER.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    pub(crate) san: Option<&'a [u8]>,
    pub(crate) subject: &'a [u8],
}

impl<'a> Presented<'a> {
    /// `san` is the content of the subjectAltName extension (the DER of GeneralNames) where the certificate has one,
    /// `subject` the DER of its subject. Nothing is read yet.
    pub fn new(san: Option<&'a [u8]>, subject: &'a [u8]) -> Presented<'a> {
        Presented { san, subject }
    }

    /// Refuses names that are not the DER they should be.
    #[cfg(any(test, feature = "internals"))]
    pub fn validate(&self) -> Result<()> {
        if let Some(san) = self.san {
            let names = GeneralNames::new(san).map_err(|_| malformed_san())?;
            for name in names {
                name.map_err(|_| malformed_san())?;
            }
        }
        attributes(self.subject).map(drop).map_err(|_| malformed_subject())
    }

    /// The hosts that the certificate is for, as text fit to print: DNS names as they stand, IP addresses in their
    /// usual form. Where the DER is damaged the list ends.
    pub fn names(&self) -> Vec<String> {
        self.collect(|name| match name {
            GeneralName::Dns(name) => Some(escape(name)),
            GeneralName::Ip(octets) => Some(ip_text(octets)),
            _ => None,
        })
    }

    /// The e-mail addresses that the certificate is for, as text fit to print.
    pub fn emails(&self) -> Vec<String> {
        self.collect(|name| match name {
            GeneralName::Email(name) => Some(escape(name)),
            _ => None,
        })
    }

    /// Whether the subjectAltName says whom the certificate is for, in one of the forms that stand for a server (RFC 6125
    /// section 6.4.4): a dNSName, an iPAddress, a URI or an SRV name. One that cannot be read says so too.
    pub(crate) fn names_a_server(&self) -> bool {
        let Some(san) = self.san else { return false };
        let Ok(mut names) = GeneralNames::new(san) else { return true };
        names.any(|name| match name {
            Ok(GeneralName::Dns(_) | GeneralName::Ip(_) | GeneralName::Uri(_)) | Err(_) => true,
            Ok(GeneralName::Other(name)) => name.starts_with(SRV_NAME),
            Ok(_) => false,
        })
    }

    /// The subject's only common name. None where there are several: nothing says which one would count.
    pub(crate) fn common_name(&self) -> Result<Option<Attribute<'a>>> {
        let attributes = attributes(self.subject).map_err(|_| malformed_subject())?;
        let mut common_names = attributes.into_iter().filter(|attribute| attribute.oid == COMMON_NAME);
        let first = common_names.next();
        Ok(if common_names.next().is_some() { None } else { first })
    }

    fn collect(&self, text: impl Fn(GeneralName<'a>) -> Option<String>) -> Vec<String> {
        let names = self.san.and_then(|san| GeneralNames::new(san).ok());
        names.into_iter().flatten().map_while(|name| name.ok()).filter_map(text).collect()
    }
}

/// The address of an iPAddress entry; one of another length is no address (RFC 5280 4.2.1.6).
pub(crate) fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

/// An iPAddress entry as text.
pub(crate) fn ip_text(octets: &[u8]) -> String {
    match ip_address(octets) {
        Some(address) => address.to_string(),
        None => format!("an address of {} octets", octets.len()),
    }
}

#[cold]
pub(crate) fn malformed_san() -> Error {
    bad_certificate("the certificate's subjectAltName is not valid DER")
}

#[cold]
pub(crate) fn malformed_subject() -> Error {
    bad_certificate("the certificate's subject is not valid DER")
}

#[cold]
pub(crate) fn bad_certificate(message: impl Into<String>) -> Error {
    Error::new(Status::EBadCertificate, message)
        .with_x509_code(ffi::X509_V_ERR_INVALID_EXTENSION)
        .with_hint("ask the certificate's issuer for a new one; this one breaks RFC 5280")
}
