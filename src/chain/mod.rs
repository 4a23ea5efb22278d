//! The one function that judges a chain, its rules, its words and its picture.
//!
//! [`verdict`] decides: `openssl_verify` lets OpenSSL verify one chain, `path_search` searches others, `whole_chain` and
//! `rules` are what it must keep, [`messages`] puts the verdict into words, `tree` draws it. [`exact`] says which
//! certificates need no chain, [`pins`] which keys must be in it, [`waivers`] what a program gave up; [`stricter`]
//! what it asked for beyond the policy.

pub mod bundle;
pub mod exact;
pub mod messages;
pub(crate) mod openssl_verify;
pub(crate) mod path_search;
pub mod pins;
pub(crate) mod public_suffix;
pub(crate) mod rules;
pub mod stricter;
pub(crate) mod tree;
pub mod verdict;
pub mod waivers;
pub(crate) mod whole_chain;
