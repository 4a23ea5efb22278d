//! Where certificates come from.

use openssl::x509::X509;

use crate::error::{Error, Result, Status};

/// The system's roots, or the bundled ones where the system has none.
pub fn system_or_bundled() -> Result<Vec<X509>> {
    let found = rustls_native_certs::load_native_certs();
    let system: Vec<X509> = found.certs.iter().filter_map(|der| X509::from_der(der).ok()).collect();
    if system.is_empty() { bundled() } else { Ok(system) }
}

/// Mozilla's roots, as bundled with hostlock.
pub fn bundled() -> Result<Vec<X509>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| X509::from_der(der).map_err(|_| Error::new(Status::EInternal, "a bundled root does not parse")))
        .collect()
}
