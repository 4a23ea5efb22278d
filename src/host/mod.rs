//! The host that the program asked for (the reference identity), and its match with the names presented in a certificate,
//! by RFC 9525. Safe Rust over bytes, without OpenSSL. It must never decide by anything but these names: not by addresses
//! that were dialled, not by what a peer says.
#![forbid(unsafe_code)]

mod expected;
mod matching;
mod mismatch;
mod reference;

pub use expected::{ExpectedHost, no_host};
pub use matching::check;
pub(crate) use mismatch::ask_owner;
pub use mismatch::of_client as mismatch_of_client;
pub use reference::{MatchRules, Reference, normalize, to_ascii};
