//! hostlock hands out an `SSL_CTX` that is already safe: a client connection is let through only when the certificate
//! chain is valid *and belongs to the host that the program asked for*.
//!
//! A [`Context`] holds the policy and whom to trust, a [`Host`] says whom the certificate must belong to, and a
//! [`Connection`] is one that was verified:
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use hostlock::{Context, Host, Policy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let context = Context::client(Policy::default())?.build();
//! let mut connection = context.connect(&Host::parse("example.com")?, 443)?;
//! connection.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
//! let mut page = String::new();
//! connection.read_to_string(&mut page)?;
//! # Ok(())
//! # }
//! ```
//!
//! Programs in other languages use the C ABI, `include/hostlock.h`. Both stand on the same functions.
//!
//! The house, from the door inwards; arrows point down only:
//!
//! - `ffi`: the C ABI, and `door`: what is offered here. They convert and call; they decide nothing.
//! - `seal`: every context of a process.
//! - `harden`: one context that a program made, made safe in place, and whether it still is.
//! - `audit`: what a context, a connection or a server is like.
//! - `connection`: handshake, read, write, and what was agreed.
//! - `context`: an `SSL_CTX` made from a policy.
//! - `handshake`: what runs inside libssl's callbacks, and the state of one connection.
//! - `guard`: what a context knows.
//! - `credential`: the certificate that one side shows, with its key.
//! - `chain`: the one function that judges a chain.
//! - `revocation`: CRLs, OCSP, staples.
//! - `trust`: trust anchors and where they come from.
//! - `libssl`: the floor over OpenSSL; `os`: the system.
//! - `host`: the host asked for, and its match with the names presented.
//! - `x509`: certificates, read from their bytes.
//! - `policy`: what "secure" means, as data.
//! - `error`, `json`, `moment`, `last_digest`: failures, their texts, times, digests.

mod door;
mod nets;

pub use door::{
    Connection, Context, ContextBuilder, Host, Policy, Report, Starttls, asked_for_certificate, libssl_path, roots,
    words,
};
pub use error::{Culprit, Error, Result, Status};

/// The rooms: open with the feature `internals`, of which nothing is promised.
macro_rules! rooms {
    ($($room:ident)*) => {$(
        #[cfg(feature = "internals")]
        pub mod $room;
        #[cfg(not(feature = "internals"))]
        pub(crate) mod $room;
    )*};
}

rooms! {
    audit chain codes connection context credential error ffi guard handshake harden host json last_digest libssl moment os policy revocation role
    seal trust x509
}
