//! What the integration tests share.
pub mod crl;
pub mod hello;
pub mod ocsp;
pub mod peer;
pub mod pki;
