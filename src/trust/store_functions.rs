//! The functions that a program can put into an `X509_STORE`, each decided by name. One that judges in place of OpenSSL,
//! or that chooses what is judged, makes the store no measure for anything; one that only brings material, or is asked
//! afterwards, may stay.

use openssl::x509::store::X509StoreRef;

use crate::error::{Error, Result, Status};
use crate::libssl::store::{self, Function};
use crate::trust::index::hooks;

/// What a setter of an `X509_STORE` is to us.
#[derive(Clone, Copy)]
pub enum Decision {
    /// A store with such a function is refused.
    Refused(Function),
    /// It may stay.
    Allowed,
}

/// One setter, what is decided about it, and why.
pub struct Setter {
    /// The function of libcrypto.
    pub name: &'static str,
    /// The decision.
    pub decision: Decision,
    /// Its reason.
    #[allow(dead_code, reason = "it is for those who read the table")]
    pub why: &'static str,
}

const fn refused(name: &'static str, function: Function, why: &'static str) -> Setter {
    Setter { name, decision: Decision::Refused(function), why }
}

const fn allowed(name: &'static str, why: &'static str) -> Setter {
    Setter { name, decision: Decision::Allowed, why }
}

/// Every setter of OpenSSL 3.0 to 4.0.
pub static SETTERS: &[Setter] = &[
    refused("X509_STORE_set_verify", Function::Verify, "it verifies chains by itself"),
    refused("X509_STORE_set_get_issuer", Function::GetIssuer, "what it gives is an anchor, whoever signed it"),
    refused("X509_STORE_set_lookup_certs", Function::LookupCerts, "what it gives is trusted as the store's own"),
    refused("X509_STORE_set_check_issued", Function::CheckIssued, "it says who has issued a certificate"),
    refused("X509_STORE_set_check_revocation", Function::CheckRevocation, "it says what is revoked"),
    refused(
        "X509_STORE_set_get_crl",
        Function::GetCrl,
        "it chooses the CRL that speaks for a certificate: OpenSSL does not look at the scope and the dates of a delta that it gives",
    ),
    refused("X509_STORE_set_check_crl", Function::CheckCrl, "it says whether a CRL is genuine"),
    refused("X509_STORE_set_cert_crl", Function::CertCrl, "it says whether a CRL names a certificate"),
    refused("X509_STORE_set_check_policy", Function::CheckPolicy, "it says whether the policies fit"),
    allowed("X509_STORE_set_verify_cb", "it is asked last, and may refuse only"),
    allowed("X509_STORE_set_lookup_crls", "it brings CRLs; OpenSSL chooses among them and checks each"),
    allowed("X509_STORE_set_cleanup", "it runs when the verification is over"),
    allowed("X509_STORE_set_ex_data", "it is data of the program"),
    allowed("X509_STORE_set_flags", "parameters are judged one by one"),
    allowed("X509_STORE_set_depth", "parameters are judged one by one"),
    allowed("X509_STORE_set_purpose", "parameters are judged one by one"),
    allowed("X509_STORE_set_trust", "parameters are judged one by one"),
    allowed("X509_STORE_set1_param", "parameters are judged one by one"),
    allowed("X509_STORE_set_default_paths", "it names anchors, which are the program's decision"),
    allowed("X509_STORE_set_default_paths_ex", "it names anchors, which are the program's decision"),
];

/// The setters by which the program put functions of its own into `store` that may not stay.
pub fn replaced(store: &X509StoreRef) -> Vec<&'static str> {
    let of = |setter: &'static Setter| match setter.decision {
        Decision::Refused(function) => {
            let function = store::function(store, function);
            (!function.is_null() && !hooks::is_our_function(function)).then_some(setter.name)
        }
        Decision::Allowed => None,
    };
    SETTERS.iter().filter_map(of).collect()
}

/// A store whose program replaced OpenSSL's own checking is no measure for anything.
pub fn check_plain(store: &X509StoreRef) -> Result<()> {
    let replaced = replaced(store);
    if replaced.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Status::EUnsupported,
        format!("the program put functions of its own into the X509_STORE in place of OpenSSL's: {}", replaced.join(", ")),
    )
    .with_hint(
        "use a store without them; X509_STORE_set_verify_cb, _set_lookup_crls and a program's own lookup methods are fine",
    ))
}
