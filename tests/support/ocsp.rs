//! OCSP answers for the tests, made with OpenSSL, right or wrong in one way.
#![allow(dead_code, reason = "each test uses its part")]

use std::ffi::{c_int, c_void};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::x509::{X509, X509Extension, X509Ref};
use openssl_sys as ffi;

use super::pki::{DAY, Identity, now};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Good,
    /// With a reason code, or without.
    Revoked(Option<u8>),
    Unknown,
}

/// What an answer shall be like.
pub struct OcspRecipe<'a> {
    pub about: X509,
    pub issuer: X509,
    pub says: Says,
    /// Who signs.
    pub signer: &'a Identity,
    /// Whether the signer's certificate is sent along.
    pub with_certificate: bool,
    /// Whether the signer is named by its key instead of its name.
    pub by_key: bool,
    pub digest: MessageDigest,
    /// How the certificate is named.
    pub id_digest: MessageDigest,
    /// Seconds from now.
    pub this_update: i64,
    /// Seconds from now.
    pub next_update: Option<i64>,
}

impl<'a> OcspRecipe<'a> {
    /// The CA itself says that the certificate is good.
    pub fn good(about: &Identity, issuer: &'a Identity) -> OcspRecipe<'a> {
        OcspRecipe {
            about: about.certificate.clone(),
            issuer: issuer.certificate.clone(),
            says: Says::Good,
            signer: issuer,
            with_certificate: false,
            by_key: false,
            digest: MessageDigest::sha256(),
            id_digest: MessageDigest::sha1(),
            this_update: -3600,
            next_update: Some(DAY),
        }
    }

    pub fn der(&self) -> Vec<u8> {
        let (status, reason) = match self.says {
            Says::Good => (ffi::V_OCSP_CERTSTATUS_GOOD, -1),
            Says::Revoked(reason) => (ffi::V_OCSP_CERTSTATUS_REVOKED, reason.map_or(-1, c_int::from)),
            Says::Unknown => (ffi::V_OCSP_CERTSTATUS_UNKNOWN, -1),
        };
        let time = |seconds: i64| Asn1Time::from_unix(now() + seconds).unwrap();
        let (revoked, this) = (time(-7200), time(self.this_update));
        let next = self.next_update.map(time);
        // SAFETY: all objects are live; OpenSSL copies what it keeps, and each is freed once.
        unsafe {
            let basic = ffi::OCSP_BASICRESP_new();
            let id = ffi::OCSP_cert_to_id(self.id_digest.as_ptr(), self.about.as_ptr(), self.issuer.as_ptr());
            let next = next.as_ref().map_or(ptr::null_mut(), |next| next.as_ptr());
            let added = OCSP_basic_add1_status(basic, id, status, reason, revoked.as_ptr(), this.as_ptr(), next);
            assert!(!added.is_null());
            const NO_CERTIFICATES: u64 = 1;
            const BY_KEY: u64 = 0x400;
            let flags = if self.with_certificate { 0 } else { NO_CERTIFICATES } | if self.by_key { BY_KEY } else { 0 };
            let signer = self.signer;
            let (certificate, key) = (signer.certificate.as_ptr(), signer.key.as_ptr());
            let done = OCSP_basic_sign(basic, certificate, key.cast(), self.digest.as_ptr(), ptr::null_mut(), flags);
            assert_eq!(done, 1);
            let response = ffi::OCSP_response_create(0, basic);
            let der = encode(response);
            ffi::OCSP_RESPONSE_free(response);
            ffi::OCSP_BASICRESP_free(basic);
            ffi::OCSP_CERTID_free(id);
            der
        }
    }
}

/// An answer that is none: 3 is "try later".
pub fn failure(status: c_int) -> Vec<u8> {
    // SAFETY: no basic response belongs to a failure.
    unsafe {
        let response = ffi::OCSP_response_create(status, ptr::null_mut());
        let der = encode(response);
        ffi::OCSP_RESPONSE_free(response);
        der
    }
}

unsafe fn encode(response: *mut ffi::OCSP_RESPONSE) -> Vec<u8> {
    // SAFETY: the response is live; NULL asks for the length only.
    unsafe {
        let len = ffi::i2d_OCSP_RESPONSE(response, ptr::null_mut());
        let mut der = vec![0; usize::try_from(len).unwrap()];
        let mut place = der.as_mut_ptr();
        ffi::i2d_OCSP_RESPONSE(response, &mut place);
        der
    }
}

/// The certificate with one more extension, signed again by its issuer.
pub fn extended(identity: &Identity, issuer: &Identity, extension: X509Extension) -> Identity {
    let copy = X509::from_der(&identity.certificate.to_der().unwrap()).unwrap();
    add_and_sign(&copy, issuer, &extension);
    Identity { certificate: X509::from_der(&copy.to_der().unwrap()).unwrap(), key: identity.key.clone() }
}

fn add_and_sign(certificate: &X509Ref, issuer: &Identity, extension: &X509Extension) {
    // SAFETY: the certificate is a copy that nobody else holds; OpenSSL copies the extension.
    unsafe {
        assert_eq!(ffi::X509_add_ext(certificate.as_ptr(), extension.as_ptr(), -1), 1);
        let digest = MessageDigest::sha256();
        assert!(ffi::X509_sign(certificate.as_ptr(), issuer.key.as_ptr(), digest.as_ptr()) > 0);
    }
}

unsafe extern "C" {
    fn OCSP_basic_add1_status(
        basic: *mut ffi::OCSP_BASICRESP,
        id: *mut ffi::OCSP_CERTID,
        status: c_int,
        reason: c_int,
        revoked: *mut ffi::ASN1_TIME,
        this_update: *mut ffi::ASN1_TIME,
        next_update: *mut ffi::ASN1_TIME,
    ) -> *mut c_void;
    fn OCSP_basic_sign(
        basic: *mut ffi::OCSP_BASICRESP,
        signer: *mut ffi::X509,
        key: *mut c_void,
        digest: *const ffi::EVP_MD,
        certificates: *mut ffi::stack_st_X509,
        flags: u64,
    ) -> c_int;
}
