//! What the integration tests share.
pub mod crl;
pub mod hello;
pub mod peer;
pub mod pki;
