//! Reading certificates from their bytes: DER, names, general names, extensions, keys, name constraints. Safe Rust; it
//! tells what stands there and judges nothing.
#![forbid(unsafe_code)]

pub(crate) mod certificate;
mod constraints;
pub(crate) mod der;
pub(crate) mod dns;
pub(crate) mod email;
pub(crate) mod extensions;
pub(crate) mod general_name;
pub(crate) mod key;
pub(crate) mod name;
pub(crate) mod presented;
#[cfg(test)]
pub(crate) mod test_der;
mod uri;
pub(crate) mod words;

pub use constraints::{Budget, NameConstraints};
#[cfg(any(test, feature = "internals"))]
pub use dns::is_dns_id;
pub use name::{name_text, same_name};
pub use presented::Presented;
