//! Verification: three hooks on an `SSL_CTX` that legacy code does not touch, and one function that decides.
//!
//! [`recipe`] installs the hooks: [`outer`] judges the certificate inside the handshake, [`security`] keeps versions,
//! suites and keys from being lowered, [`info`] refuses what no certificate callback sees. [`judge`] decides;
//! [`explain`] puts OpenSSL's verdict into words. [`revocation`] says which
//! certificates are asked about; [`insecure`] is what a program gave up. [`guard`] is what a context knows, [`watch`] what a connection knows.

pub mod certificate;
pub mod explain;
pub mod guard;
pub mod host;
pub mod info;
pub mod insecure;
pub mod judge;
pub mod mark;
pub mod outer;
pub mod recipe;
pub mod revocation;
pub mod security;
pub mod wanted;
pub mod watch;
