//! Where a client's connection leads, and what is known of it until its session is [kept](crate::handshake::resumption) for
//! that place.

use std::net::SocketAddr;

use openssl::x509::X509Ref;

use crate::guard::Guard;
use crate::guard::kept_sessions::Key;
use crate::libssl::Conn;
use crate::trust::store;

/// What a connection knows of its resumption.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// The process that made it: a forked child that frees it keeps nothing.
    pub process: u32,
    /// The generation of the context's settings that it began with.
    pub generation: u64,
    /// Where it leads, and what certificate it shows.
    pub place: Vec<u8>,
    /// The certificate of this side.
    pub own: Option<[u8; 32]>,
    /// What the session that it offers was kept for.
    pub offered: Option<Key>,
    /// What its own is to be kept for, once its handshake is complete and verified.
    pub key: Option<Key>,
}

impl Resumption {
    /// What a session that was verified for `meaning` is kept for.
    pub fn key_for(&self, conn: Conn<'_>, meaning: &[u8]) -> Key {
        // What a program adds to its store may revoke.
        let (objects, lookups) = conn.effective_store().map_or((0, None), store::contents);
        let mut key = Vec::with_capacity(meaning.len() + 16 + self.place.len());
        key.extend_from_slice(meaning);
        key.extend_from_slice(&(objects as u64).to_be_bytes());
        key.extend_from_slice(&(lookups.unwrap_or(0) as u64).to_be_bytes());
        key.extend_from_slice(&self.place);
        key
    }
}

/// Where `conn` leads and whom it shows, each part with its length before it. What a reload has read anew is shown by the
/// handshake only, so all that the context was given counts beside `own`.
pub fn of(conn: Conn<'_>, guard: &Guard, peer: Option<SocketAddr>, own: Option<[u8; 32]>) -> Vec<u8> {
    let mut place = Vec::with_capacity(96);
    let mut part = |bytes: &[u8]| {
        place.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        place.extend_from_slice(bytes);
    };
    match peer {
        Some(SocketAddr::V4(peer)) => {
            part(&peer.ip().octets());
            part(&peer.port().to_be_bytes());
        }
        Some(SocketAddr::V6(peer)) => {
            part(&peer.ip().octets());
            part(&peer.port().to_be_bytes());
            part(&peer.scope_id().to_be_bytes());
        }
        None => part(&[]),
    }
    part(conn.server_name().unwrap_or_default());
    part(own.as_ref().map_or(&[][..], |own| own));
    for credential in &guard.settings().own {
        part(digest(&credential.shown.leaf).as_ref().map_or(&[][..], |digest| digest));
    }
    place
}

/// The SHA-256 of the certificate that `conn` shows.
pub fn own_digest(conn: Conn<'_>) -> Option<[u8; 32]> {
    digest(conn.own_certificate()?.leaf)
}

fn digest(certificate: &X509Ref) -> Option<[u8; 32]> {
    certificate.to_der().ok().map(|der| openssl::sha::sha256(&der))
}
