//! The numbers of OpenSSL's verdicts (`X509_V_ERR_*` of `openssl/x509_vfy.h`) that `openssl-sys` lacks. The last two are of
//! OpenSSL 4.0.
#![allow(missing_docs)]

use std::ffi::c_int;

pub const X509_V_ERR_OCSP_VERIFY_NEEDED: c_int = 73;
pub const X509_V_ERR_OCSP_VERIFY_FAILED: c_int = 74;
pub const X509_V_ERR_OCSP_CERT_UNKNOWN: c_int = 75;
pub const X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY: c_int = 78;
pub const X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA: c_int = 80;
pub const X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER: c_int = 85;
pub const X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER: c_int = 86;
pub const X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL: c_int = 88;
pub const X509_V_ERR_CA_BCONS_NOT_CRITICAL: c_int = 89;
pub const X509_V_ERR_CA_CERT_MISSING_KEY_USAGE: c_int = 92;
pub const X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3: c_int = 93;
pub const X509_V_ERR_EMPTY_AUTHORITY_KEY_IDENTIFIER: c_int = 102;
pub const X509_V_ERR_AKID_ISSUER_SERIAL_NOT_PAIRED: c_int = 103;
