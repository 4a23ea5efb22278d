//! The refusals of handshakes that went past our verification.

use openssl_sys as ffi;

use crate::error::{Error, Status};

/// For a handshake in which the peer's certificate went past us.
pub const NOT_CALLED: &str = "hostlock's verification was not called: the certificate verify callback was replaced";

/// For a handshake that was made after one that was judged, where the program took our hooks away in between.
pub const NOT_HEARD: &str = "this handshake went past hostlock: the connection was used again without its callbacks";

/// For a connection whose context is not hostlock's any more.
pub const CONTEXT_REPLACED: &str = "the context of this connection was replaced, and with it the verification";

/// The error for a session that may not be resumed here.
pub fn foreign_session() -> Error {
    unverified("the session to be resumed was not verified for this host, policy and context")
        .with_hint("resume a session only on the context and for the host that it was made with")
}

/// An error for a handshake that our verification did not see.
pub fn unverified(why: &str) -> Error {
    Error::new(Status::EUnverified, why).with_x509_code(ffi::X509_V_ERR_APPLICATION_VERIFICATION)
}
