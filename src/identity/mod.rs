//! Who is who: the host that the program asked for (the reference identity), the names that a certificate holds (the
//! presented identifiers), and the match between them by RFC 9525. All of it is safe Rust over bytes, without OpenSSL,
//! and it must never decide by anything but these names: not by addresses that were dialled, not by what a peer says.
#![forbid(unsafe_code)]

mod constraints;
pub(crate) mod der;
mod dns;
mod email;
pub(crate) mod general_name;
mod matcher;
mod mismatch;
mod name;
mod presented;
mod reference;
#[cfg(test)]
mod test_der;
mod uri;
mod words;

pub use constraints::{Budget, NameConstraints};
pub use dns::{DnsName, is_dns_id};
pub use email::EmailAddress;
pub use matcher::{MatchRules, Matched, check};
pub use name::{name_text, same_name};
pub use presented::Presented;
pub use reference::{Reference, normalize, to_ascii};
