//! Certificate revocation lists for the tests.
#![allow(dead_code, reason = "each test uses its part")]

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::x509::{X509Crl, X509Ref};
use openssl_sys as ffi;

use super::pki::{DAY, Identity, now};

/// A list of `ca`, current for a month, that revokes `certificates`.
pub fn of(ca: &Identity, certificates: &[&X509Ref]) -> X509Crl {
    let (since, until) = (Asn1Time::from_unix(now() - DAY).unwrap(), Asn1Time::from_unix(now() + 30 * DAY).unwrap());
    // SAFETY: everything is live for the length of its call; the list takes the entries, which copy what they are given.
    unsafe {
        let crl = X509Crl::from_ptr(ffi::X509_CRL_new());
        let raw = crl.as_ptr();
        assert_eq!(ffi::X509_CRL_set_version(raw, 1), 1);
        assert_eq!(ffi::X509_CRL_set_issuer_name(raw, ca.certificate.subject_name().as_ptr()), 1);
        assert_eq!(ffi::X509_CRL_set1_lastUpdate(raw, since.as_ptr()), 1);
        assert_eq!(ffi::X509_CRL_set1_nextUpdate(raw, until.as_ptr()), 1);
        for certificate in certificates {
            let entry = ffi::X509_REVOKED_new();
            assert_eq!(ffi::X509_REVOKED_set_serialNumber(entry, certificate.serial_number().as_ptr()), 1);
            assert_eq!(ffi::X509_REVOKED_set_revocationDate(entry, since.as_ptr()), 1);
            assert_eq!(ffi::X509_CRL_add0_revoked(raw, entry), 1);
        }
        assert_ne!(ffi::X509_CRL_sign(raw, ca.key.as_ptr(), MessageDigest::sha256().as_ptr()), 0);
        crl
    }
}
