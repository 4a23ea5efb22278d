//! One certificate: read from bytes, the DER of its names lent out, matched with a host.

use std::ffi::c_int;
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::asn1::Asn1TimeRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::host::{MatchRules, Reference, check};
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::moment;
use crate::x509::Presented;

/// The certificate in `bytes`, PEM or DER.
pub fn parse(bytes: &[u8]) -> Result<X509> {
    let _quiet = Quiet::begin();
    if bytes.is_empty() {
        return Err(Error::new(Status::EEmpty, "the certificate is empty: there are no bytes in it")
            .with_hint("give one certificate, as PEM (-----BEGIN CERTIFICATE-----) or DER"));
    }
    let looks_like_der = bytes[0] == 0x30;
    let parsed = if looks_like_der { X509::from_der(bytes) } else { X509::from_pem(bytes) };
    parsed.map_err(|_| {
        let form = if looks_like_der { "DER" } else { "PEM" };
        Error::new(Status::EBadPem, format!("the {} bytes hold no certificate that can be read as {form}", bytes.len()))
            .with_hint("give one certificate, as PEM (-----BEGIN CERTIFICATE-----) or DER")
    })
}

/// The strength of the certificate's signature, in bits, where OpenSSL knows it.
pub fn signature_bits(certificate: &X509Ref) -> Option<c_int> {
    let mut bits: c_int = -1;
    let nothing = ptr::null_mut();
    // SAFETY: the certificate is live; NULL asks for nothing, and the number is written behind its pointer.
    let known =
        unsafe { sys::X509_get_signature_info(certificate.as_ptr(), nothing, nothing, &mut bits, ptr::null_mut()) };
    (known == 1 && bits >= 0).then_some(bits)
}

/// The digits of a time as they stand in a certificate or CRL.
fn digits(time: &Asn1TimeRef) -> Option<&[u8]> {
    let time = time.as_ptr().cast();
    // SAFETY: the time is live, and a string of OpenSSL's.
    let (data, length) = unsafe { (ffi::ASN1_STRING_get0_data(time), ffi::ASN1_STRING_length(time)) };
    // SAFETY: OpenSSL says that so many bytes are there.
    unsafe { slice(data, length) }
}

/// Unix seconds, read at little cost. `None` where the time has not the form that certificates must have (RFC 5280 4.1.2.5),
/// or is no time: then OpenSSL's own functions say what it is.
pub fn seconds(time: &Asn1TimeRef) -> Option<i64> {
    // SAFETY: the time is live, and a string of OpenSSL's.
    let kind = unsafe { ffi::ASN1_STRING_type(time.as_ptr().cast()) };
    let length = match kind {
        ffi::V_ASN1_UTCTIME => "YYMMDDHHMMSSZ".len(),
        ffi::V_ASN1_GENERALIZEDTIME => "YYYYMMDDHHMMSSZ".len(),
        _ => return None,
    };
    moment::of_digits(digits(time).filter(|digits| digits.len() == length)?)
}

/// Whether `certificate` belongs to `reference`, by its names alone.
pub fn check_host(certificate: &X509Ref, reference: &Reference, rules: MatchRules) -> Result<()> {
    check(reference, &presented(certificate)?, rules).map(|_| ())
}

/// The names that the certificate presents. Two subjectAltName extensions are two truths (RFC 5280 section 4.2 forbids
/// them), so such a certificate is refused.
pub fn presented(certificate: &X509Ref) -> Result<Presented<'_>> {
    let first = extension(certificate, ffi::NID_subject_alt_name, -1);
    if let Some(first) = first
        && extension(certificate, ffi::NID_subject_alt_name, first).is_some()
    {
        return Err(Error::new(Status::EBadCertificate, "the certificate has more than one subjectAltName extension")
            .with_hint("RFC 5280 section 4.2 permits one of each kind; the certificate must be issued again"));
    }
    Ok(Presented::new(first.and_then(|index| extension_der(certificate, index)), subject_der(certificate)))
}

/// The contents of the first extension of a kind.
pub fn extension_contents(certificate: &X509Ref, kind: c_int) -> Option<&[u8]> {
    extension(certificate, kind, -1).and_then(|index| extension_der(certificate, index))
}

/// Whether the certificate has an extension of a kind.
pub fn has_extension(certificate: &X509Ref, kind: c_int) -> bool {
    extension(certificate, kind, -1).is_some()
}

/// The position of the next extension of a kind after `after`; -1 starts at the beginning.
fn extension(certificate: &X509Ref, kind: c_int, after: c_int) -> Option<c_int> {
    // SAFETY: the certificate is live; any start is allowed.
    let index = unsafe { ffi::X509_get_ext_by_NID(certificate.as_ptr(), kind, after) };
    (index >= 0).then_some(index)
}

/// The contents of the extension at `index`, as they stand in the certificate.
fn extension_der(certificate: &X509Ref, index: c_int) -> Option<&[u8]> {
    // SAFETY: the index was found just now, and the extension belongs to the certificate.
    unsafe { contents(ffi::X509_get_ext(certificate.as_ptr(), index)) }
}

/// What stands in an extension.
///
/// # Safety
/// `extension` is live for as long as the result is used.
pub(super) unsafe fn contents<'a>(extension: *mut ffi::X509_EXTENSION) -> Option<&'a [u8]> {
    // SAFETY: the caller promises the extension, which owns its contents.
    unsafe {
        let contents = ffi::X509_EXTENSION_get_data(extension).cast();
        slice(ffi::ASN1_STRING_get0_data(contents), ffi::ASN1_STRING_length(contents))
    }
}

/// The DER of the subject.
pub fn subject_der(certificate: &X509Ref) -> &[u8] {
    // SAFETY: the certificate is live and has a subject.
    let name = unsafe { ffi::X509_get_subject_name(certificate.as_ptr()) };
    // SAFETY: the name belongs to the certificate, which the result borrows.
    unsafe { name_der(name) }
}

/// The DER of a name, as it was read; empty where there is none.
///
/// # Safety
/// `name` is NULL or live, and outlives the result unchanged.
pub(super) unsafe fn name_der<'a>(name: *const ffi::X509_NAME) -> &'a [u8] {
    let (mut der, mut len) = (ptr::null(), 0);
    // SAFETY: the caller promises the name where it is not NULL.
    if name.is_null() || unsafe { sys::X509_NAME_get0_der(name, &mut der, &mut len) } != 1 {
        return &[];
    }
    // SAFETY: the name owns so many bytes, and the caller promises that it outlives them.
    unsafe { slice(der, len as c_int).unwrap_or(&[]) }
}

/// # Safety
/// `data` is NULL or `len` bytes that outlive the result.
unsafe fn slice<'a>(data: *const u8, len: c_int) -> Option<&'a [u8]> {
    if data.is_null() || len < 0 {
        return None;
    }
    // SAFETY: not NULL, and the caller promises so many bytes.
    Some(unsafe { std::slice::from_raw_parts(data, len as usize) })
}
