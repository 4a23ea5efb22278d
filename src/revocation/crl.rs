//! One certificate revocation list: read from PEM or DER, and what it says about itself and about a certificate.

use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::bn::BigNum;
use openssl::x509::{CrlNumber, X509, X509Crl, X509CrlRef, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::certificate_words;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::trust::pem::{self, Damage};
use crate::x509::der::{Reader, SEQUENCE};
use crate::x509::same_name;

/// More than the largest CRL that a public CA has published by far; what is larger is a mistake or an attack.
pub const MAX_BYTES: usize = 256 << 20;

const LABEL: &str = "X509 CRL";

/// A CRL with the facts that its use depends on.
pub struct Crl {
    list: X509Crl,
    number: Option<BigNum>,
    delta: bool,
    /// What the issuing distribution point says; `None` where there is none.
    scope: Option<Scope>,
}

#[derive(Clone, Copy, Default)]
struct Scope {
    indirect: bool,
    /// Its distribution point is the name of the CRL's own issuer.
    own_name: bool,
    only_cas: bool,
    only_users: bool,
    /// Only for some reasons, or for attribute certificates.
    narrower: bool,
}

impl Crl {
    fn new(list: X509Crl, what: &str) -> Result<Crl> {
        let number = list.extension::<CrlNumber>().ok().flatten().and_then(|(_, number)| number.to_bn().ok());
        let delta = extension(&list, ffi::NID_delta_crl).is_some();
        // OpenSSL before 3.0.20 follows a NULL pointer there.
        if delta && number.is_none() {
            return Err(Error::new(
                Status::EBadPem,
                format!("{what} is a delta CRL without a CRL number (RFC 5280 section 5.2.3)"),
            ));
        }
        let scope = extension(&list, ffi::NID_issuing_distribution_point)
            .map(|der| scope(der, &issuer_der(&list)).unwrap_or_default());
        Ok(Crl { list, number, delta, scope })
    }

    /// The pointer, owned by `self`.
    pub fn as_ptr(&self) -> *mut ffi::X509_CRL {
        self.list.as_ptr()
    }

    /// The list itself.
    pub fn list(&self) -> &X509CrlRef {
        &self.list
    }

    /// The CRL number (RFC 5280 section 5.2.3).
    pub fn number(&self) -> Option<&BigNum> {
        self.number.as_ref()
    }

    /// Whether it lists only what changed since another (RFC 5280 section 5.2.4).
    pub fn is_delta(&self) -> bool {
        self.delta
    }

    /// Whether it has an issuing distribution point (RFC 5280 section 5.2.5), and so may speak of a part only.
    pub fn is_partial(&self) -> bool {
        self.scope.is_some()
    }

    /// Whether it may list certificates of other issuers (RFC 5280 section 5.2.5, indirectCRL).
    pub fn is_indirect(&self) -> bool {
        self.scope.is_some_and(|scope| scope.indirect)
    }

    /// Whether it covers a certificate of its issuer that has no CRL distribution point: that one is taken to name its
    /// issuer (RFC 5280 section 6.3.3).
    pub fn covers_without_point(&self, certificate: &X509Ref) -> bool {
        // SAFETY: both calls read the live certificate.
        let (is_ca, has_point) = unsafe {
            (
                sys::X509_check_ca(certificate.as_ptr()) != 0,
                ffi::X509_get_ext_by_NID(certificate.as_ptr(), ffi::NID_crl_distribution_points, -1) >= 0,
            )
        };
        let Some(scope) = self.scope.filter(|scope| scope.own_name && !scope.narrower && !has_point) else {
            return false;
        };
        self.names_issuer_of(certificate) && !(if is_ca { scope.only_users } else { scope.only_cas })
    }

    /// Its issuer's name as one line that is safe to print.
    pub fn issuer_text(&self) -> String {
        certificate_words::name_text(self.list.issuer_name())
    }

    /// Whether it bears the name of the certificate's issuer.
    pub fn names_issuer_of(&self, certificate: &X509Ref) -> bool {
        // SAFETY: both are live, and so are their names.
        unsafe {
            ffi::X509_NAME_cmp(ffi::X509_get_issuer_name(certificate.as_ptr()), ffi::X509_CRL_get_issuer(self.as_ptr()))
                == 0
        }
    }

    /// Whether it bears the name of the certificate itself.
    pub fn bears_name_of(&self, issuer: &X509Ref) -> bool {
        issuer.subject_name().try_cmp(self.list.issuer_name()).is_ok_and(|order| order.is_eq())
    }

    /// Whether both bear the same name.
    pub fn has_issuer_of(&self, other: &Crl) -> bool {
        self.list.issuer_name().try_cmp(other.list.issuer_name()).is_ok_and(|order| order.is_eq())
    }

    /// Whether the key of `issuer` made its signature.
    pub fn is_signed_by(&self, issuer: &X509Ref) -> bool {
        let _quiet = Quiet::begin();
        issuer.public_key().is_ok_and(|key| self.list.verify(&key).unwrap_or(false))
    }

    /// Whether it lists the certificate as revoked.
    pub fn lists(&self, certificate: &X509Ref) -> bool {
        self.entry(certificate) == 1
    }

    /// Whether it says that the certificate is on hold no more (removeFromCRL).
    pub fn releases(&self, certificate: &X509Ref) -> bool {
        self.entry(certificate) == 2
    }

    fn entry(&self, certificate: &X509Ref) -> c_int {
        let mut entry = ptr::null_mut();
        // SAFETY: both are live; the entry, which is not used, belongs to the list. 2 means removeFromCRL.
        unsafe { ffi::X509_CRL_get0_by_cert(self.as_ptr(), &mut entry, certificate.as_ptr()) }
    }
}

/// The contents of an extension of `list`.
fn extension(list: &X509Crl, kind: c_int) -> Option<&[u8]> {
    // SAFETY: the list is live; -1 starts at its beginning.
    let index = unsafe { ffi::X509_CRL_get_ext_by_NID(list.as_ptr(), kind, -1) };
    if index < 0 {
        return None;
    }
    // SAFETY: the index was found just now; extension and contents belong to the list.
    let (data, len) = unsafe {
        let contents = ffi::X509_EXTENSION_get_data(ffi::X509_CRL_get_ext(list.as_ptr(), index));
        (ffi::ASN1_STRING_get0_data(contents.cast()), ffi::ASN1_STRING_length(contents.cast()))
    };
    if data.is_null() || len < 0 {
        return None;
    }
    // SAFETY: OpenSSL says that so many bytes are there, and they live as long as the list.
    Some(unsafe { std::slice::from_raw_parts(data, len as usize) })
}

fn issuer_der(list: &X509Crl) -> Vec<u8> {
    list.issuer_name().to_der().unwrap_or_default()
}

/// What an IssuingDistributionPoint says (RFC 5280 section 5.2.5), of a CRL whose issuer is `issuer`.
fn scope(point: &[u8], issuer: &[u8]) -> Option<Scope> {
    const DISTRIBUTION_POINT: u8 = 0xa0;
    const FULL_NAME: u8 = 0xa0;
    const DIRECTORY_NAME: u8 = 0xa4;
    let mut scope = Scope::default();
    let mut fields = Reader::whole(point, SEQUENCE).ok()?;
    while !fields.is_empty() {
        let (tag, value) = fields.next().ok()?;
        let set = value != [0];
        match tag {
            DISTRIBUTION_POINT => {
                if let (FULL_NAME, names) = Reader::new(value).next().ok()? {
                    let mut names = Reader::new(names);
                    while !names.is_empty() {
                        let (kind, name) = names.next().ok()?;
                        scope.own_name |= kind == DIRECTORY_NAME && same_name(name, issuer).unwrap_or(false);
                    }
                }
            }
            0x81 => scope.only_users = set,
            0x82 => scope.only_cas = set,
            0x84 => scope.indirect = set,
            _ => scope.narrower = true,
        }
    }
    Some(scope)
}

/// Every CRL in `data`; `what` names it in errors. Other kinds of PEM blocks beside a CRL are passed over.
pub fn parse(data: &[u8], what: &str) -> Result<Vec<Arc<Crl>>> {
    if data.is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{what} is empty")));
    }
    if data.len() > MAX_BYTES {
        return Err(Error::new(Status::EArg, format!("{what} is larger than CRLs can be"))
            .with_hint("CRLs may take up to 256 MiB"));
    }
    let _quiet = Quiet::begin();
    if data.first() != Some(&SEQUENCE) && pem::has_boundary(data) {
        parse_pem(data, what)
    } else {
        parse_der(data, what).map(|crl| vec![Arc::new(crl)])
    }
}

/// Takes the CRL blocks and passes over the others (RFC 7468).
fn parse_pem(data: &[u8], what: &str) -> Result<Vec<Arc<Crl>>> {
    let damaged = |damage: Damage| {
        Error::new(Status::EBadPem, format!("{what} is damaged: {}", damage.0))
            .with_hint("if the file was not written to its end, fetch it again")
    };
    let mut crls = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    for block in pem::blocks(data) {
        let block = block.map_err(damaged)?;
        if block.label == LABEL {
            let der = block.decode().map_err(damaged)?;
            crls.push(Arc::new(parse_der(&der, &format!("{block} of {what}"))?));
        } else if !others.contains(&block.label) {
            others.push(block.label);
        }
    }
    if crls.is_empty() {
        return Err(Error::new(Status::EWrongPem, format!("{what} holds no CRL but {}", others.join(", ")))
            .with_hint("a CRL in PEM begins with -----BEGIN X509 CRL-----"));
    }
    Ok(crls)
}

fn parse_der(data: &[u8], what: &str) -> Result<Crl> {
    match der_length(data) {
        None => {
            return Err(Error::new(Status::EBadPem, format!("{what} is neither PEM nor DER"))
                .with_hint("a CRL in PEM begins with -----BEGIN X509 CRL-----"));
        }
        Some(length) if length > data.len() as u64 => {
            return Err(Error::new(
                Status::EBadPem,
                format!("{what} is cut off: it should have {length} bytes and has {}", data.len()),
            )
            .with_hint("the file was not written to its end; fetch it again"));
        }
        Some(length) if length < data.len() as u64 => {
            let extra = data.len() as u64 - length;
            return Err(Error::new(Status::EBadPem, format!("{what} has {extra} bytes behind its end"))
                .with_hint("give several CRLs as PEM, or one DER file each"));
        }
        Some(_) => {}
    }
    let list = X509Crl::from_der(data).map_err(|_| {
        if X509::from_der(data).is_ok() {
            Error::new(Status::EWrongPem, format!("{what} is a certificate, not a CRL"))
                .with_hint("certificates are trusted with hostlock_ctx_trust_file; the CRL is what their CA publishes")
        } else {
            Error::new(Status::EBadPem, format!("{what} is DER, but not a CRL that OpenSSL can read"))
        }
    })?;
    Crl::new(list, what)
}

/// The length that the outermost SEQUENCE claims, header included; `None` where there is no such header.
fn der_length(data: &[u8]) -> Option<u64> {
    let (&tag, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != 0x30 {
        return None;
    }
    if first < 0x80 {
        return Some(2 + u64::from(first));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 7 {
        return None;
    }
    let octets = rest.get(..count)?;
    let length = octets.iter().fold(0u64, |length, octet| length << 8 | u64::from(*octet));
    length.checked_add(2 + count as u64)
}
