//! What a certificate is called in messages, and OpenSSL's own words for what it found.

use std::ffi::{CStr, c_int};

use openssl::x509::{X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::role::Role;

/// Which certificate of the chain that `judge` was shown it is, in words.
pub fn position(judge: Role, depth: usize, certificate: &X509Ref) -> String {
    let subject = subject_text(certificate);
    match (judge, depth) {
        (Role::Client, 0) => format!("the certificate of {subject}"),
        (Role::Client, _) => format!("the CA certificate of {subject} (position {depth} of the chain)"),
        (Role::Server, 0) => format!("the client's certificate ({subject})"),
        (Role::Server, _) => format!("the CA certificate of {subject} (position {depth} of the client's chain)"),
    }
}

/// The subject as one line that is safe to print; nothing where it is empty.
pub fn subject_of(certificate: &X509Ref) -> String {
    name_line(certificate.subject_name())
}

/// The subject in quotation marks, for a text.
pub fn subject_text(certificate: &X509Ref) -> String {
    name_text(certificate.subject_name())
}

/// The issuer, likewise.
pub fn issuer_of(certificate: &X509Ref) -> String {
    name_text(certificate.issuer_name())
}

/// A name in quotation marks, as one line that is safe to print.
pub fn name_text(name: &X509NameRef) -> String {
    match name_line(name) {
        line if line.is_empty() => "(an empty name)".to_owned(),
        line => format!("\"{line}\""),
    }
}

/// A name as one line that is safe to print; nothing where it is empty.
pub fn name_line(name: &X509NameRef) -> String {
    let parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let key = entry.object().nid().short_name().unwrap_or("?");
            let value = entry.data().to_string().unwrap_or_else(|_| "?".to_owned());
            format!("{key}={}", value.escape_debug())
        })
        .collect();
    parts.join(", ")
}

/// OpenSSL's own words for a code.
pub fn code_text(code: c_int) -> String {
    // SAFETY: gives a static string for every number.
    unsafe { CStr::from_ptr(ffi::X509_verify_cert_error_string(code.into())) }.to_string_lossy().into_owned()
}
