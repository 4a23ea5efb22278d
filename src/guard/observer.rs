//! Who wants to know how connections end: the seal of a process, which is above this module and is called through a
//! trait. It may excuse a refused certificate by name; it learns of every end once, and changes none.

use openssl::x509::X509Ref;

use crate::error::{Error, Result};
use crate::host::{ExpectedHost, Reference};
use crate::libssl::Conn;

/// What stands over the contexts of a process.
pub trait Observer: Send + Sync {
    /// What lets the connection go on although its certificate was refused, if anything does.
    fn exception(&self, occasion: &Occasion<'_>) -> Option<String>;

    /// Whether it knows hosts of connections whose program names none.
    fn knows_hosts(&self) -> bool;

    /// What it knows of the host of `conn`, whose program names none. `random`: the one in the hello that was sent, by which
    /// the connection is told from others; `None` before there is a hello.
    fn learned(&self, conn: Conn<'_>, random: Option<&[u8; 32]>) -> Learned;

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

/// What someone who watched the program knows of a connection's host.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The certificate must be for each of them. None: nobody knows. An error: it cannot be told which are meant.
    pub hosts: Result<Vec<Reference>>,
    /// How they are known, or why not.
    pub how: Option<String>,
    /// Where the connection leads, as ADDRESS:PORT.
    pub peer: Option<String>,
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
