//! hostlock hands out an `SSL_CTX` that is already safe: a client connection is let through only when the certificate
//! chain is valid *and belongs to the host that the program asked for*.
//!
//! The house, from the door inwards; arrows point down only:
//!
//! - [`ffi`]: the C ABI. It converts pointers and calls; it decides nothing.
//! - [`bridge`]: contexts that someone else made: audited, and hardened in place, and sealed for a whole process.
//! - [`connection`]: handshake, read, write, and what was agreed.
//! - [`context`]: an `SSL_CTX` made from a policy.
//! - [`verify`]: the hooks on that context, and the one function that judges a chain.
//! - [`trust`]: trust anchors and where they come from.
//! - [`identity`]: the host asked for, the names presented, the match between them.
//! - [`policy`]: what "secure" means, as data.
//! - [`error`], [`json`], [`moment`], [`queue`], [`library`], [`sys`]: failures, their texts, times, OpenSSL's error queue,
//!   what not every libssl has, and the declarations that `openssl-sys` lacks.

pub mod bridge;
pub mod connection;
pub mod context;
pub mod error;
pub mod ex_data;
pub mod ffi;
pub mod identity;
pub mod json;
pub mod library;
pub mod moment;
mod nets;
pub mod policy;
pub mod queue;
pub mod sys;
pub mod trust;
pub mod verify;
