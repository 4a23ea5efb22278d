//! Who wants to know how connections end: the seal of a process, which is above this module and is called through a
//! trait. It may excuse a refused certificate by name; it learns of every end once, and changes none.

use openssl::x509::X509Ref;

use crate::error::Error;
use crate::host::ExpectedHost;
use crate::libssl::Conn;

/// What stands over the contexts of a process.
pub trait Observer: Send + Sync {
    /// What lets the connection go on although its certificate was refused, if anything does.
    fn exception(&self, occasion: &Occasion<'_>) -> Option<String>;

    /// How a handshake on `conn` ended; `peer` is what [`Observer::peer_of`] said when it began.
    fn ended(&self, conn: Conn<'_>, peer: Peer, end: &End);

    /// Whom a handshake that begins on `conn` is with.
    fn peer_of(&self, conn: Conn<'_>) -> Peer;

    /// The program has freed or reset a connection whose handshake had begun, and of whose end nothing was told.
    fn given_up(&self, peer: &Peer, why: &Error);
}

/// Whom a handshake is with, kept for the case that the connection is gone when its end is told.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The host that was asked for, where one was named.
    pub host: Option<String>,
    /// Where the socket leads, where there is one.
    pub address: Option<String>,
}

/// A certificate that was refused.
pub struct Occasion<'a> {
    /// The connection.
    pub conn: Conn<'a>,
    /// The peer's own certificate.
    pub leaf: Option<&'a X509Ref>,
    /// The hosts that were asked for, where any are known.
    pub wanted: Option<&'a ExpectedHost>,
}

/// A refusal that was set aside.
#[derive(Clone, Debug)]
pub struct Excused {
    /// Why it would have been refused.
    pub refusal: Error,
    /// What let it through.
    pub by: String,
}

/// The end of a handshake.
#[derive(Debug)]
pub enum End {
    /// Verified, for this host.
    Connected(Option<String>),
    /// Refused by hostlock.
    Refused(Error),
    /// Only watched, it went on; it would have been refused.
    WouldRefuse(Error),
    /// It would have been refused for this, and was excused by name.
    Excused(Excused),
    /// Ended by libssl, by the program's own verification or by the peer.
    Failed(Error),
    /// A server's handshake is complete.
    Served,
}
