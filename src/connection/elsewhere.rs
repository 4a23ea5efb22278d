//! A handshake that somebody else made, with another TLS library than ours: what it came to is held against the same
//! measures as a handshake of the context's own. What libssl would have kept out of the hello is refused here by name.

use openssl_sys as ffi;

use crate::connection::failure::{all, version_name};
use crate::connection::gather;
use crate::context::offline;
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::reasons::Cause;
use crate::handshake::start;
use crate::host::Reference;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx};
use crate::role::Role;

/// What a handshake came to.
pub struct Handshake<'a> {
    /// The certificates that the peer sent, PEM or DER; empty where it showed none.
    pub chain: &'a [u8],
    /// The version, by OpenSSL's name.
    pub version: &'a str,
    /// The cipher suite, by OpenSSL's name.
    pub suite: &'a str,
    /// The OCSP answer that came beside the peer's certificate.
    pub staple: Option<&'a [u8]>,
}

/// The versions by the names of `SSL_get_version`, with OpenSSL's numbers.
const VERSIONS: [(&str, i32); 9] = [
    ("TLSv1.3", ffi::TLS1_3_VERSION),
    ("TLSv1.2", ffi::TLS1_2_VERSION),
    ("TLSv1.1", ffi::TLS1_1_VERSION),
    ("TLSv1", ffi::TLS1_VERSION),
    ("SSLv3", ffi::SSL3_VERSION),
    ("SSLv2", 2),
    ("DTLSv1.2", ffi::DTLS1_2_VERSION),
    ("DTLSv1", ffi::DTLS1_VERSION),
    ("DTLSv0.9", 0x100),
];

/// Judges `handshake` with `host` as one of the context's own.
pub fn verify(ctx: Ctx<'_>, guard: &Guard, handshake: &Handshake<'_>, host: Option<Reference>) -> Result<()> {
    guard.check_not_poisoned()?;
    check_choice(ctx, guard, handshake)?;
    if handshake.staple.is_some() && guard.role == Role::Server {
        return Err(Error::new(Status::EArg, "a stapled OCSP answer is a server's, and this context judges clients"));
    }
    if handshake.chain.is_empty() {
        let error = Error::new(Status::ENoCertificate, "the peer showed no certificate, so nothing says who it is");
        return Err(match guard.role {
            Role::Client => error
                .with_hint("anonymous and pre-shared-key handshakes name no host; the server needs a certificate"),
            Role::Server => error.with_hint(Cause::NoCertificate.hint(Role::Server)),
        });
    }
    offline::verify_with_staple(ctx, guard, handshake.chain, host, handshake.staple)
}

/// Refuses a version or a suite that a connection of the context would not have agreed on.
fn check_choice(ctx: Ctx<'_>, guard: &Guard, handshake: &Handshake<'_>) -> Result<()> {
    let Some((_, version)) = VERSIONS.iter().find(|(name, _)| *name == handshake.version) else {
        let known: Vec<&str> = VERSIONS.iter().map(|(name, _)| *name).collect();
        return Err(Error::new(Status::EArg, format!("there is no version {:?}", handshake.version))
            .with_hint(format!("the versions are {}", known.join(", "))));
    };
    if handshake.suite.is_empty() {
        return Err(Error::new(Status::EArg, "the cipher suite is empty").with_hint("it is agreed on in every handshake"));
    }
    let _quiet = Quiet::begin();
    let trial = ctx.new_connection().ok_or_else(|| Error::no_memory("a connection"))?;
    let trial = Conn::from(&*trial);
    start::enforce(trial, guard);
    let offer = gather::offer(trial);
    let role = guard.role;
    let (chose, ours) = match role {
        Role::Client => ("the peer chose", "offered are"),
        Role::Server => ("the handshake came to", "served are"),
    };
    if !offer.versions.contains(version) {
        let names: Vec<String> = offer.versions.iter().map(|version| version_name(*version)).collect();
        let message = format!("{chose} {}; {ours} {}", version_name(*version), all(&names));
        return Err(Error::new(Status::ENoCommonVersion, message).with_hint(Cause::Version.hint(role)));
    }
    // Those of TLS 1.3 are told by their names: OpenSSL gives no other suite one that begins so.
    let is_of_13 = |name: &str| name.starts_with("TLS_");
    let fits = |name: &&String| is_of_13(name) == (*version == ffi::TLS1_3_VERSION);
    if !offer.suites.iter().filter(fits).any(|suite| suite == handshake.suite) {
        let names: Vec<String> = offer.suites.iter().filter(fits).cloned().collect();
        let suite = handshake.suite.escape_debug();
        let message = format!("{chose} the cipher suite {suite} of {}; {ours} {}", version_name(*version), all(&names));
        return Err(Error::new(Status::ENoCommonCipher, message).with_hint(WEAK));
    }
    Ok(())
}

/// Said of a suite that is not one of the policy's.
const WEAK: &str = "the policy permits cipher suites with forward secrecy and AEAD (ECDHE with AES-GCM or ChaCha20) and those \
                    of TLS 1.3: have the program offer only those";
