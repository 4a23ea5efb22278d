//! What the owner of a connection does with it, without a pointer in sight: read, write, goodbye and the facts, by the
//! same functions as the C ABI's.

use std::ffi::{CStr, c_int};

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::exchange;
use crate::connection::facts::Agreed;
use crate::connection::failure::Phase;
use crate::connection::gather;
use crate::connection::open::Connection;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::host::Reference;
use crate::libssl::Conn;

// SAFETY: an SSL may move between threads, as long as one at a time uses it. `Connection` has no clone and is not Sync;
// what hangs on the SSL (our transport, the connection's state) is reached through it only.
unsafe impl Send for Connection {}

impl Connection {
    /// [`Connection::to_host`] on a context of ours.
    pub fn to(context: &Context, host: Reference, port: u16) -> Result<Connection> {
        // SAFETY: `context` owns an SSL_CTX of our libssl, and gives its own guard.
        unsafe { Connection::to_host(context.as_ptr(), context.guard()?, host, port) }
    }

    /// [`Connection::over_descriptor`] on a context of ours. The caller keeps `fd` open until the connection is dropped.
    pub fn over_socket(context: &Context, fd: c_int, host: Reference) -> Result<Connection> {
        // SAFETY: `context` owns an SSL_CTX of our libssl, and gives its own guard. A descriptor that is closed too
        // early makes reads and writes fail, or go to another file: the owner at the front door keeps it.
        unsafe { Connection::over_descriptor(context.as_ptr(), context.guard()?, fd, host) }
    }

    /// Makes the handshake, or goes on with it.
    pub fn shake_hands(&mut self) -> Result<Progress> {
        // SAFETY: `self` owns the SSL, and is borrowed by nobody else.
        unsafe { Drive::new(self.as_ptr(), Phase::Handshake, Patience::Transport)?.handshake() }
    }

    /// Reads into `room`, which is not empty.
    pub fn read(&mut self, room: &mut [u8]) -> Result<Progress> {
        let len = c_int::try_from(room.len()).unwrap_or(c_int::MAX);
        // SAFETY: `self` owns the SSL; `len` is at most the length of `room`, which is ours alone.
        unsafe { exchange::read(self.as_ptr(), room.as_mut_ptr().cast(), len, None, None) }
    }

    /// Writes `data`, which is not empty, or the first part of it.
    pub fn write(&mut self, data: &[u8]) -> Result<Progress> {
        let len = c_int::try_from(data.len()).unwrap_or(c_int::MAX);
        // SAFETY: `self` owns the SSL; `len` is at most the length of `data`. libssl keeps no pointer to it: the
        // connection takes a retry from another place.
        unsafe { exchange::write(self.as_ptr(), data.as_ptr().cast(), len, None, Patience::Transport, None) }
    }

    /// Says goodbye.
    pub fn say_goodbye(&mut self) -> Result<Progress> {
        // SAFETY: `self` owns the SSL, and is borrowed by nobody else.
        unsafe { exchange::shutdown(self.as_ptr()) }
    }

    /// How many bytes a read gives at once.
    pub fn pending(&self) -> usize {
        // SAFETY: `self` owns the SSL, which is only asked.
        usize::try_from(unsafe { ffi::SSL_pending(self.as_ptr()) }).unwrap_or(0)
    }

    /// The protocol version, such as "TLSv1.3", once the handshake is complete.
    pub fn version(&self) -> Option<&'static str> {
        self.agreed().map(|_| self.view().version_text())
    }

    /// The cipher suite by OpenSSL's name, once the handshake is complete.
    pub fn cipher(&self) -> Option<String> {
        let name = self.agreed()?.cipher();
        // SAFETY: not NULL, and then a static text of OpenSSL's.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
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

    /// It stays in this file, for nothing but the borrow of `self` keeps its pointer alive.
    fn agreed(&self) -> Option<Agreed> {
        // SAFETY: `self` owns the SSL, and every caller drops the answer before its borrow of `self` ends.
        unsafe { Agreed::of(self.as_ptr()) }
    }

    /// The descriptor.
    pub fn descriptor(&self) -> Result<c_int> {
        // SAFETY: `self` owns the SSL, which is only asked.
        let found = unsafe { gather::descriptors(self.as_ptr()) }.0;
        found.ok_or_else(|| Error::new(Status::EState, "the connection has no descriptor"))
    }

    /// The connection to look at.
    pub fn view(&self) -> Conn<'_> {
        // SAFETY: `self` owns the SSL, and is borrowed as long as the view lives.
        unsafe { Conn::live(self.as_ptr()) }
    }
}

fn incomplete() -> Error {
    Error::new(Status::EState, "the handshake of this connection is not complete")
}
