//! The one function that judges a chain, its rules, its words and its picture.
//!
//! [`case`] is what is judged. [`verdict`] decides: `openssl_verify` lets OpenSSL verify one chain, `path_search` searches
//! others (`by_key` where key identifiers fit nobody), `known_signatures` spares it those that verified before, `whole_chain` and `rules` are what it must keep. `evidence` is what
//! all CRLs say together, `signers` whose count, and `inquiry` answers OpenSSL's reports with it. [`messages`] puts the
//! verdict into words, `unknown_issuer` finds them where nobody who is trusted issued the chain, `tree` draws it. [`exact`] says which certificates need no chain, [`pins`] which keys must be in it,
//! [`waivers`] what a program gave up; [`wishes`] and [`stricter`] what it asked for beyond the policy.
#![forbid(unsafe_code)]

pub mod bundle;
pub(crate) mod by_key;
pub mod case;
pub(crate) mod evidence;
pub mod exact;
pub(crate) mod inquiry;
pub mod known_anchor;
pub mod known_signatures;
pub mod messages;
pub(crate) mod openssl_verify;
pub(crate) mod path_search;
pub mod pins;
pub(crate) mod public_suffix;
pub(crate) mod rules;
pub(crate) mod signers;
pub mod stricter;
pub(crate) mod tree;
pub(crate) mod unknown_issuer;
pub mod verdict;
pub mod waivers;
pub(crate) mod whole_chain;
pub mod wishes;
