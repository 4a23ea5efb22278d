//! One certificate revocation list: read from PEM or DER, and what it says about itself and about a certificate.

use std::ffi::c_int;
use std::sync::Arc;

use openssl::bn::BigNum;
use openssl::x509::{CrlNumber, X509, X509Crl, X509CrlRef, X509NameRef, X509Ref, X509RevokedRef};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::certificate_words;
use crate::libssl::crl::{
    DELTA_WITHOUT_NUMBER, critical_extensions, critical_extensions_of_entry, entry_about, extension, is_at,
    is_delta_without_number,
};
use crate::libssl::queue::Quiet;
use crate::revocation::scope::{ALL_REASONS, Scope};
use crate::trust::pem::{self, Damage};
use crate::x509::der::{Reader, SEQUENCE};

/// More than the largest CRL that a public CA has published by far; what is larger is a mistake or an attack.
pub const MAX_BYTES: usize = 256 << 20;

const LABEL: &str = "X509 CRL";
const INTEGER: u8 = 2;

/// A CRL with the facts that its use depends on.
pub struct Crl {
    list: X509Crl,
    number: Option<BigNum>,
    /// Whether it is a delta CRL, and the number of the CRL that it changes.
    delta: bool,
    base: Option<BigNum>,
    /// What the issuing distribution point says; `None` where there is none.
    scope: Option<Scope>,
}

impl Crl {
    fn new(list: X509Crl, what: &str) -> Result<Crl> {
        if is_delta_without_number(&list) {
            return Err(Error::new(Status::EBadPem, format!("{what} is {DELTA_WITHOUT_NUMBER}")));
        }
        Ok(Crl::of_store(list))
    }

    /// One that a store has, which takes any.
    pub fn of_store(list: X509Crl) -> Crl {
        // OpenSSL sorts the entries when it first looks for one, under a lock that no reader of all entries holds.
        if let Ok(serial) = BigNum::new().and_then(|zero| zero.to_asn1_integer()) {
            let _ = list.get_by_serial(&serial);
        }
        let number = list.extension::<CrlNumber>().ok().flatten().and_then(|(_, number)| number.to_bn().ok());
        let delta = extension(&list, ffi::NID_delta_crl);
        let base = delta
            .and_then(|der| Reader::whole(der, INTEGER).is_ok().then(|| BigNum::from_slice(der.get(2..)?).ok()))
            .flatten();
        let scope = extension(&list, ffi::NID_issuing_distribution_point).map(Scope::parse);
        Crl { delta: delta.is_some(), list, number, base, scope }
    }

    /// Whether it is the CRL at `place`, be there one or not.
    pub fn is_at(&self, place: *const ffi::X509_CRL) -> bool {
        is_at(&self.list, place)
    }

    /// Whether both are the same object.
    pub fn is_same(&self, other: &Crl) -> bool {
        std::ptr::eq::<X509CrlRef>(&*self.list, &*other.list)
    }

    /// The list itself.
    pub fn list(&self) -> &X509CrlRef {
        &self.list
    }

    /// Whether it lists only what changed since another (RFC 5280 section 5.2.4).
    pub fn is_delta(&self) -> bool {
        self.delta
    }

    /// Whether it changes `complete`, which is newer than what it was made for and older than it.
    pub fn is_delta_of(&self, complete: &Crl) -> bool {
        let follows = || self.base.is_some() && self.base <= complete.number && complete.number < self.number;
        self.delta && !complete.delta && self.has_issuer_of(complete) && self.scope == complete.scope && follows()
    }

    /// Whether it is newer than `other`: by its number, or by its date where one of the two has no number.
    pub fn is_newer_than(&self, other: &Crl) -> bool {
        match (&self.number, &other.number) {
            (Some(one), Some(other)) => one > other,
            _ => self.list.last_update() > other.list.last_update(),
        }
    }

    /// Whether it speaks for all certificates and reasons that `other` speaks for.
    pub fn speaks_for_all_of(&self, other: &Crl) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.is_understood() && self.scope == other.scope)
    }

    /// Whether it may list certificates of other issuers (RFC 5280 section 5.2.5, indirectCRL).
    pub fn is_indirect(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.indirect)
    }

    /// Whether it says for which reasons it is (RFC 5280 section 5.2.5, onlySomeReasons).
    pub fn has_reasons(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.has_reasons)
    }

    /// Whether it says where its delta CRLs are (RFC 5280 section 5.2.6).
    pub fn has_freshest(&self) -> bool {
        extension(&self.list, ffi::NID_freshest_crl).is_some()
    }

    /// The reasons for which it speaks for the certificate as a CRL of its issuer, as bits.
    pub fn covers(&self, certificate: &X509Ref) -> u16 {
        match &self.scope {
            _ if !self.names_issuer_of(certificate) => 0,
            None => ALL_REASONS,
            Some(scope) => scope.covers(certificate),
        }
    }

    /// Whether it, or an entry of it, has a critical extension that nobody here understands.
    pub fn has_unknown_critical(&self) -> bool {
        const KNOWN: [c_int; 3] =
            [ffi::NID_issuing_distribution_point, ffi::NID_delta_crl, ffi::NID_authority_key_identifier];
        let is_odd = |entry: &X509RevokedRef| {
            // Its certificateIssuer is for indirect CRLs.
            let is_known = |kind: &c_int| *kind == ffi::NID_certificate_issuer && self.is_indirect();
            !critical_extensions_of_entry(entry).iter().all(is_known)
        };
        !critical_extensions(&self.list).iter().all(|kind| KNOWN.contains(kind))
            || self.list.get_revoked().is_some_and(|entries| entries.iter().any(is_odd))
    }

    /// Its issuer's name as one line that is safe to print.
    pub fn issuer_text(&self) -> String {
        certificate_words::name_text(self.list.issuer_name())
    }

    /// Whether it bears the name of the certificate's issuer.
    pub fn names_issuer_of(&self, certificate: &X509Ref) -> bool {
        self.bears(certificate.issuer_name())
    }

    /// Whether it bears `name`.
    pub fn bears(&self, name: &X509NameRef) -> bool {
        self.list.issuer_name().try_cmp(name).is_ok_and(|order| order.is_eq())
    }

    /// Whether both bear the same name.
    pub fn has_issuer_of(&self, other: &Crl) -> bool {
        self.bears(other.list.issuer_name())
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

    /// Whether it has no entry for the certificate.
    pub fn is_silent_about(&self, certificate: &X509Ref) -> bool {
        self.entry(certificate) == 0
    }

    fn entry(&self, certificate: &X509Ref) -> c_int {
        entry_about(&self.list, certificate).0
    }
}

/// Every CRL in `data`; `what` names it in errors. Other kinds of PEM blocks beside a CRL are passed over.
pub fn parse(data: &[u8], what: &str) -> Result<Vec<Arc<Crl>>> {
    if data.is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{what} is empty"))
            .with_hint("fetch the CRL again from where its CA publishes it, or name another"));
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
        Error::new(Status::EBadPem, format!("{what} is damaged: {}", damage.what))
            .with_hint(damage.hint_or("if the file was not written to its end, fetch it again"))
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
