//! What a program has done to an `X509_STORE`: put anything into it, or given it ways to find certificates. It only
//! looks; it never changes a store.

use openssl::x509::store::X509StoreRef;
use openssl_sys::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;

use crate::error::{Error, Result, Status};
use crate::libssl::layout::lookup_count;
use crate::libssl::store::object_count;
use crate::trust::index::hooks;
use crate::trust::system;

/// Whether nobody has put a certificate into `store`, or given it a way to find one. A call that tried and failed
/// counts too: a program that names a file which is not there has named its roots, as raw OpenSSL code expects.
pub fn is_untouched(store: &X509StoreRef) -> Result<bool> {
    let lookups = lookup_count(store).ok_or_else(|| {
        Error::new(
            Status::EUnsupported,
            "this OpenSSL does not show whether the program named trust anchors of its own",
        )
        .with_hint("name them with hostlock_ctx_trust_system, or another hostlock_ctx_trust_ function")
    })?;
    if lookups > 0 || !hooks::is_ours(store) {
        return Ok(false);
    }
    let objects = object_count(store)
        .ok_or_else(|| Error::no_memory("a list of the certificate store"))?;
    Ok(objects == 0)
}

/// Whether `store` holds no certificate now, and no index that it would find one in. One with directories may still
/// find some.
pub fn is_empty(store: &X509StoreRef) -> bool {
    hooks::indexes(store).is_empty() && store.all_certificates().is_empty()
}

/// How many objects `store` holds now, and how many ways it has to find others, where this OpenSSL shows that.
pub fn contents(store: &X509StoreRef) -> (usize, Option<usize>) {
    let indexes = hooks::indexes(store).len();
    (object_count(store).unwrap_or(0), lookup_count(store).map(|lookups| lookups + indexes))
}

/// The error for a store that holds nothing. Where the program took OpenSSL's default paths, the environment may be why.
pub fn nothing_in_it() -> Error {
    let hint = "load the CA's certificate with hostlock_ctx_trust_file, and look at the answers of the calls that load certificates";
    let hint = system::missing().map_or_else(|| hint.to_owned(), |missing| format!("{missing}; {hint}"));
    Error::new(Status::ENoTrustAnchors, "the certificate store holds no trust anchor, so nothing can be verified")
        .with_hint(hint)
        .with_x509_code(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
}

#[cfg(test)]
mod tests {
    use openssl::x509::store::X509StoreBuilder;

    use super::*;

    #[test]
    fn a_new_store_is_untouched_and_empty() {
        let store = X509StoreBuilder::new().unwrap().build();
        assert!(is_untouched(&store).unwrap());
        assert!(is_empty(&store));
    }
}
