//! The two sides of a connection.

/// Which side of a connection a context is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connects, and judges servers.
    Client,
    /// It accepts, and judges clients that show a certificate.
    Server,
}
