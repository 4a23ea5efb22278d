//! Reads the certificate that a context shows to its peers, the chain behind it, and whether the private key is there.

use std::ffi::c_int;
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::audit::facts::{Key, OwnCertificate, Shown};
use crate::libssl::certificate_words;
use crate::libssl::sys;
use crate::moment;
use crate::x509::certificate::Certificate;
use crate::x509::key::{self, Flaw};

/// The certificate, where there is one.
///
/// # Safety
/// All three are NULL or live, and not changed by another thread.
pub unsafe fn read(
    certificate: *mut ffi::X509,
    key: *mut ffi::EVP_PKEY,
    others: *mut ffi::stack_st_X509,
) -> Option<OwnCertificate> {
    if certificate.is_null() {
        return None;
    }
    // SAFETY: as the caller promises, here and below.
    let mut chain = vec![shown(unsafe { X509Ref::from_ptr(certificate) })];
    if !others.is_null() {
        // SAFETY: as above.
        chain.extend(unsafe { StackRef::<X509>::from_ptr(others) }.iter().map(shown));
    }
    let key = if key.is_null() {
        Key::Missing
    // SAFETY: as above; both are only compared.
    } else if unsafe { sys::X509_check_private_key(certificate, key) } == 1 {
        Key::Fits
    } else {
        Key::DoesNotFit
    };
    Some(OwnCertificate { chain, key })
}

fn shown(certificate: &X509Ref) -> Shown {
    // Peers do not look at the signature of a root, for they have it already or do not trust it.
    let is_root = certificate_words::subject_of(certificate) == certificate_words::issuer_of(certificate);
    Shown {
        subject: certificate_words::subject_of(certificate),
        not_before: moment::unix_seconds(certificate.not_before()),
        not_after: moment::unix_seconds(certificate.not_after()),
        key_flaw: key_flaw(certificate),
        signature_bits: if is_root { None } else { signature_bits(certificate) },
    }
}

fn key_flaw(certificate: &X509Ref) -> Option<String> {
    let der = certificate.to_der().ok()?;
    let fields = Certificate::parse(&der).ok()?;
    Some(match key::check(&fields).err()? {
        Flaw::Small(bits) => format!("an RSA key of {bits} bits"),
        Flaw::Kind(kind) => format!("a key of {kind}"),
        Flaw::Exponent => "an RSA key with an exponent that is even or below 3".to_owned(),
        Flaw::Malformed => "a key that cannot be read".to_owned(),
    })
}

fn signature_bits(certificate: &X509Ref) -> Option<c_int> {
    let mut bits: c_int = -1;
    // SAFETY: the certificate is live; NULL asks for nothing, and the number is written behind its pointer.
    let known = unsafe {
        sys::X509_get_signature_info(certificate.as_ptr(), ptr::null_mut(), ptr::null_mut(), &mut bits, ptr::null_mut())
    };
    (known == 1 && bits >= 0).then_some(bits)
}
