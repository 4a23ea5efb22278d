//! hostlock hands out an `SSL_CTX` that is already safe: a client connection is let through only when the certificate
//! chain is valid *and belongs to the host that the program asked for*.
//!
//! The house, from the door inwards; arrows point down only:
//!
//! - [`ffi`]: the C ABI. It converts pointers and calls; it decides nothing.
//! - [`seal`]: every context of a process.
//! - [`harden`]: one context that a program made, made safe in place, and whether it still is.
//! - [`audit`]: what a context, a connection or a server is like.
//! - [`connection`]: handshake, read, write, and what was agreed.
//! - [`context`]: an `SSL_CTX` made from a policy.
//! - [`handshake`]: what runs inside libssl's callbacks, and the state of one connection.
//! - [`guard`]: what a context knows.
//! - [`chain`]: the one function that judges a chain.
//! - [`revocation`]: CRLs, OCSP, staples.
//! - [`trust`]: trust anchors and where they come from.
//! - [`libssl`]: the floor over OpenSSL; [`os`]: the system.
//! - [`host`]: the host asked for, and its match with the names presented.
//! - [`x509`]: certificates, read from their bytes.
//! - [`policy`]: what "secure" means, as data.
//! - [`error`], [`json`], [`moment`]: failures, their texts, times.

pub mod audit;
pub mod chain;
pub mod codes;
pub mod connection;
pub mod context;
pub mod error;
pub mod ffi;
pub mod guard;
pub mod handshake;
pub mod harden;
pub mod host;
pub mod json;
pub mod libssl;
pub mod moment;
mod nets;
pub mod os;
pub mod policy;
pub mod revocation;
pub mod role;
pub mod seal;
pub mod trust;
pub mod x509;
