//! What the integration tests share.
pub mod hello;
pub mod pki;
