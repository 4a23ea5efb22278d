//! Verification: three hooks on an `SSL_CTX` that legacy code does not touch, and one function that decides.
//!
//! [`recipe`] installs the hooks: [`outer`] judges the certificate inside the handshake, [`security`] keeps versions,
//! suites and keys from being lowered, [`info`] refuses what no certificate callback sees, and [`hello`] brings them
//! back where a program replaced them. [`begin`] says what must hold before the first byte. [`judge`] decides;
//! [`explain`] puts OpenSSL's verdict into words. [`guard`] is what a context knows, [`watch`] what a connection knows.

pub mod begin;
pub mod certificate;
pub mod explain;
pub mod failure;
pub mod guard;
pub mod hello;
pub mod host;
pub mod info;
pub mod judge;
pub mod mark;
pub mod outer;
pub mod recipe;
pub mod security;
pub mod wanted;
pub mod watch;
