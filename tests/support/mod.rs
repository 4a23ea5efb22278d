//! What the integration tests share.
pub mod child;
pub mod hello;
pub mod loopback;
pub mod pki;
pub mod scratch;
