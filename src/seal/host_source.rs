//! Who knows the hosts of connections whose program names none to OpenSSL: code outside of this library that watches what
//! the program asks of the system. It is asked here, and told of refusals, so that the library itself interposes nothing.

use std::ffi::c_int;
use std::net::SocketAddr;
use std::sync::OnceLock;

use crate::error::{Error, Result, Status};
use crate::guard::observer::Learned;
use crate::handshake::learned;
use crate::host::Reference;
use crate::libssl::Conn;
use crate::libssl::ours;
use crate::os::{errno, socket};

/// The most names that one connection may have.
pub const MOST_NAMES: usize = 8;

/// One who knows. `descriptor`: of the connection's BIO, where it has one. `random`: the client's, once a hello was sent.
pub trait HostSource: Send + Sync {
    /// The hosts that are meant.
    fn ask(&self, descriptor: Option<c_int>, random: Option<&[u8; 32]>) -> Answer;

    /// Hears that the connection was refused.
    fn refused(&self, descriptor: Option<c_int>, random: Option<&[u8; 32]>);
}

/// What it answers.
pub struct Answer {
    /// The names; `None` where it cannot be told which are meant.
    pub names: Option<Vec<Vec<u8>>>,
    /// How they are known, or why not.
    pub how: Option<String>,
    /// Where the connection leads, as ADDRESS:PORT.
    pub peer: Option<String>,
}

static SOURCE: OnceLock<Box<dyn HostSource>> = OnceLock::new();

/// Registers it. There is one, and it stays.
pub fn set(source: Box<dyn HostSource>) -> Result<()> {
    ours::check_shared()?;
    SOURCE.set(source).map_err(|_| Error::new(Status::EState, "the seal has a source of hosts already, and keeps it"))
}

/// Whether there is one.
pub fn is_set() -> bool {
    SOURCE.get().is_some()
}

/// What it knows of `conn`.
pub fn learned(conn: Conn<'_>, random: Option<&[u8; 32]>) -> Learned {
    let Some(source) = SOURCE.get() else { return Learned { hosts: Ok(Vec::new()), how: None, peer: None } };
    let _kept = errno::Kept::now();
    let Answer { names, how, peer } = source.ask(descriptor(conn), random);
    let peer = peer.or_else(|| conn.descriptors().0.and_then(socket::peer).map(|peer| peer.to_string()));
    let hosts = match names {
        Some(names) => names.iter().map(|name| Reference::parse_bytes(name)).collect(),
        None => Err(learned::cannot_be_told(how.as_deref(), peer.as_deref())),
    };
    Learned { hosts, how, peer }
}

/// Tells it that `conn` was refused.
pub fn tell_refused(conn: Conn<'_>) {
    let Some(source) = SOURCE.get() else { return };
    let random = conn.client_random();
    source.refused(descriptor(conn), (random != [0; 32]).then_some(&random));
}

/// Where `conn` leads, once its hello was sent: where its BIO has no socket (curl's has none), as the source saw the hello go.
pub fn peer(conn: Conn<'_>) -> Option<SocketAddr> {
    conn.descriptors().0.and_then(socket::peer).or_else(|| {
        let random = conn.client_random();
        let source = SOURCE.get().filter(|_| random != [0; 32])?;
        let seen: SocketAddr = source.ask(descriptor(conn), Some(&random)).peer?.parse().ok()?;
        Some(SocketAddr::new(seen.ip().to_canonical(), seen.port()))
    })
}

/// The descriptor that the hello leaves by.
fn descriptor(conn: Conn<'_>) -> Option<c_int> {
    conn.descriptors().1
}
