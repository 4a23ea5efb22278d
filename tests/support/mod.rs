//! What the integration tests share.
pub mod certdata;
pub mod child;
pub mod crl;
pub mod crl_world;
pub mod doors;
pub mod hello;
pub mod loopback;
pub mod ocsp;
pub mod peer;
pub mod pem;
pub mod pki;
pub mod raw;
pub mod scratch;
pub mod universe;
