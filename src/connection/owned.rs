//! What the owner of a connection does with it: read, write, goodbye and the facts, by the same functions as the C ABI's.

use std::ffi::c_int;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::exchange;
use crate::connection::facts::Agreed;
use crate::connection::failure::Phase;
use crate::connection::open::Connection;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::host::Reference;

impl Connection {
    /// [`Connection::to_host`] on a context of ours.
    pub fn to(context: &Context, host: Reference, port: u16) -> Result<Connection> {
        Connection::to_host(context.as_ctx(), context.guard()?, host, port)
    }

    /// [`Connection::over_descriptor`] on a context of ours. The caller keeps `fd` open until the connection is dropped.
    pub fn over_socket(context: &Context, fd: c_int, host: Reference) -> Result<Connection> {
        Connection::over_descriptor(context.as_ctx(), context.guard()?, fd, host)
    }

    /// Makes the handshake, or goes on with it.
    pub fn shake_hands(&mut self) -> Result<Progress> {
        Drive::new(self.as_conn(), Phase::Handshake, Patience::Transport)?.handshake()
    }

    /// Reads into `room`, which is not empty.
    pub fn read(&mut self, room: &mut [u8]) -> Result<Progress> {
        exchange::read(self.as_conn(), |conn| conn.read_into(room), None, None)
    }

    /// Writes `data`, which is not empty, or the first part of it.
    pub fn write(&mut self, data: &[u8]) -> Result<Progress> {
        exchange::write(self.as_conn(), data, None, Patience::Transport, None)
    }

    /// Says goodbye.
    pub fn say_goodbye(&mut self) -> Result<Progress> {
        exchange::shutdown(self.as_conn())
    }

    /// How many bytes a read gives at once.
    pub fn pending(&self) -> usize {
        self.as_conn().pending()
    }

    /// The protocol version, such as "TLSv1.3", once the handshake is complete.
    pub fn version(&self) -> Option<&'static str> {
        self.agreed()?.version().to_str().ok()
    }

    /// The cipher suite by OpenSSL's name, once the handshake is complete.
    pub fn cipher(&self) -> Option<String> {
        self.agreed()?.cipher().map(|name| name.to_string_lossy().into_owned())
    }

    /// Whether the handshake went on from a session of an earlier connection; false before it is complete.
    pub fn is_resumed(&self) -> bool {
        self.agreed().is_some_and(Agreed::is_resumed)
    }

    /// The host that the peer's certificate was verified for, once the handshake is complete.
    pub fn verified_host(&self) -> Option<String> {
        self.agreed()?.verified_host()
    }

    /// The certificates that the peer sent, as PEM.
    pub fn peer_chain_pem(&self) -> Result<String> {
        self.agreed().ok_or_else(incomplete)?.peer_chain_pem()
    }

    /// What was agreed, as JSON.
    pub fn info_json(&self) -> Result<String> {
        self.agreed().map(Agreed::to_json).ok_or_else(incomplete)
    }

    fn agreed(&self) -> Option<Agreed<'_>> {
        Agreed::of(self.as_conn())
    }

    /// The descriptor.
    pub fn descriptor(&self) -> Result<c_int> {
        let found = self.as_conn().descriptors().0;
        found.ok_or_else(|| Error::new(Status::EState, "the connection has no descriptor"))
    }
}

fn incomplete() -> Error {
    Error::new(Status::EState, "the handshake of this connection is not complete")
}
