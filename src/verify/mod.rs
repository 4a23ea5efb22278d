//! Verification: three hooks on an `SSL_CTX` that legacy code does not touch, and one function that decides.
//!
//! [`recipe`] installs the hooks: [`outer`] judges the certificate inside the handshake, [`security`] keeps versions,
//! suites and keys from being lowered, [`staple`] judges the OCSP answer, [`info`] refuses what no certificate callback
//! sees, and [`hello`] brings them back where a program replaced them. [`begin`] says what must hold before the first
//! byte. [`judge`] decides: `engine` lets OpenSSL verify one chain, `path` searches others, `chain` and `rules` are what
//! it must keep, read from the bytes that `signed` shows; [`explain`] puts the verdict into words. [`revocation`] says which certificates are asked about,
//! [`exact`] which need no chain, [`pins`] which keys must be in it; [`insecure`] is what a program gave up. [`guard`] is
//! what a context knows, [`ech`] what becomes of names where the hello is encrypted, [`watch`] what a connection knows, [`hidden`] what OpenSSL does not tell about a context.

pub(crate) mod asked;
mod bearer;
pub mod begin;
pub mod bundle;
pub mod certificate;
pub(crate) mod chain;
pub mod demand;
pub mod ech;
pub(crate) mod ends;
pub(crate) mod engine;
pub mod exact;
pub mod explain;
pub mod failure;
pub(crate) mod fields;
pub mod guard;
pub mod hello;
pub mod hidden;
pub mod host;
pub mod id_context;
pub mod info;
pub mod insecure;
pub mod judge;
pub(crate) mod key;
pub(crate) mod late;
pub mod mark;
pub mod offline;
pub mod open;
pub mod outer;
pub mod overseer;
pub mod own;
pub mod parameters;
pub(crate) mod path;
pub(crate) mod picture;
pub mod pins;
pub mod recipe;
pub mod revocation;
pub(crate) mod rules;
mod running;
pub mod security;
pub(crate) mod session_end;
pub(crate) mod signed;
pub mod staple;
pub(crate) mod suffix;
pub(crate) mod syntax;
pub mod wanted;
pub mod watch;
