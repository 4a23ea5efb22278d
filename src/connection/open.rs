//! Making connections: to a host by name, or over a descriptor of the caller's. Nothing is sent before the host is known
//! to be one that a certificate can be checked for.

use std::cell::Cell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;

use foreign_types::ForeignType;
use openssl::ssl::Ssl;
use openssl_sys as ffi;

use crate::connection::deadline::Deadline;
use crate::connection::drive::{self, Drive, Patience, Progress};
use crate::connection::failure::Phase;
use crate::connection::transport::{Descriptor, Limits, Transport};
use crate::connection::{exchange, race, resolve};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::{resumption, set_host};
use crate::host::Reference;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Conn, Ctx};
use crate::os::socket::{self, Unconnected};
use crate::os::words;
use crate::role::Role;

/// An owner of an `SSL`, which threads may pass on and not share.
pub struct Connection(Ssl, PhantomData<Cell<()>>);

impl Connection {
    /// Resolves `host`, connects and makes the handshake, all within the context's timeout.
    pub fn to_host(ctx: Ctx<'_>, guard: &Guard, host: Reference, port: u16) -> Result<Connection> {
        Connection::to_host_after(ctx, guard, host, port, |_, _| Ok(()))
    }

    /// The same; `before` is what is done on the connected socket before TLS, within the same time.
    pub(super) fn to_host_after(
        ctx: Ctx<'_>,
        guard: &Guard,
        host: Reference,
        port: u16,
        before: impl FnOnce(c_int, &Deadline) -> Result<()>,
    ) -> Result<Connection> {
        let named = host.text().into_owned();
        let say_host = |error: Error| if error.host().is_some() { error } else { error.with_host(named.as_str()) };
        (|| {
            check_client(guard)?;
            if port == 0 {
                return Err(Error::new(Status::EArg, "port 0 is none that a server can listen on"));
            }
            guard.check_not_poisoned()?;
            let deadline = drive::deadline_of_new(guard);
            let addresses = resolve::addresses(&host, port, &deadline)?;
            let socket = race::connect(&addresses, &deadline)?;
            before(socket.as_raw_fd(), &deadline)?;
            let connection = Connection::over(ctx, Descriptor::Owned(socket), host)?;
            connection.limit(Limits { deadline, ..drive::limits_of(connection.as_conn(), guard) });
            connection.handshake()?;
            Ok(connection)
        })()
        .map_err(say_host)
    }

    /// A connection over the caller's connected stream socket, which stays the caller's to close. Where the descriptor
    /// is in blocking mode the handshake is made; else nothing is sent yet.
    pub fn over_descriptor(ctx: Ctx<'_>, guard: &Guard, fd: c_int, host: Reference) -> Result<Connection> {
        let named = host.text().into_owned();
        let say_host = |error: Error| if error.host().is_some() { error } else { error.with_host(named.as_str()) };
        (|| {
            check_client(guard)?;
            check_stream_socket(fd)?;
            guard.check_not_poisoned()?;
            let connection = Connection::over(ctx, Descriptor::Callers(fd), host)?;
            // The clock starts with the handshake.
            connection.limit(Limits { deadline: Deadline::after(0), ..drive::limits_of(connection.as_conn(), guard) });
            if connection.as_conn().wire::<Transport>().is_some_and(Transport::waits) {
                connection.handshake()?;
            }
            Ok(connection)
        })()
        .map_err(say_host)
    }

    pub(super) fn over(ctx: Ctx<'_>, descriptor: Descriptor, host: Reference) -> Result<Connection> {
        let connection = Connection::made(ctx, descriptor)?;
        exchange::prepare(connection.as_conn(), Role::Client);
        set_host::set(connection.as_conn(), || Ok(host))?;
        Ok(connection)
    }

    /// A server's, over `descriptor`.
    pub(super) fn serving(ctx: Ctx<'_>, descriptor: Descriptor) -> Result<Connection> {
        let connection = Connection::made(ctx, descriptor)?;
        exchange::prepare(connection.as_conn(), Role::Server);
        Ok(connection)
    }

    fn made(ctx: Ctx<'_>, descriptor: Descriptor) -> Result<Connection> {
        if let Some(guard) = Guard::of(ctx) {
            guard.freeze();
        }
        let quiet = Quiet::begin();
        let connection = ctx.new_connection().map(|ssl| Connection(ssl, PhantomData)).ok_or_else(|| {
            if queue::newest_is_no_memory() {
                return Error::no_memory("a connection");
            }
            let why = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            Error::new(Status::EInternal, format!("OpenSSL could not make a connection: {why}"))
        })?;
        drop(quiet);
        connection.as_conn().set_bio(Transport::over(descriptor)?);
        Ok(connection)
    }

    /// A view of it.
    pub fn as_conn(&self) -> Conn<'_> {
        Conn::from(&*self.0)
    }

    /// Gives the ownership to the caller, who frees it with `SSL_free`.
    pub fn into_raw(self) -> *mut ffi::SSL {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }

    pub(super) fn limit(&self, limits: Limits) {
        if let Some(transport) = self.as_conn().wire::<Transport>() {
            transport.limits.set(Some(limits));
        }
    }

    pub(super) fn handshake(&self) -> Result<()> {
        match Drive::new(self.as_conn(), Phase::Handshake, Patience::Wait)?.handshake()? {
            Progress::Done(_) => Ok(()),
            other => Err(Error::new(Status::EInternal, format!("a handshake that waits ended with {other:?}"))),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        resumption::end(self.as_conn());
    }
}

/// Refuses a context that does not connect.
pub(super) fn check_client(guard: &Guard) -> Result<()> {
    match guard.role {
        Role::Client => Ok(()),
        Role::Server => {
            Err(Error::new(Status::EState, "this context is for a server, which accepts and does not connect")
                .with_hint("make one with hostlock_client_new"))
        }
    }
}

/// Refuses what TLS cannot go over.
pub fn check_stream_socket(fd: c_int) -> Result<()> {
    let is_stream = socket::is_stream(fd)
        .map_err(|error| {
            let what = Error::new(Status::EArg, format!("descriptor {fd} is not a socket: {}", words::of(&error)));
            match error.raw_os_error() {
                Some(libc::ENOTSOCK) => what.with_hint("hostlock_connect_io and hostlock_accept_io take pipes and any other transport"),
                _ => what,
            }
        })?;
    if !is_stream {
        return Err(Error::new(Status::EArg, format!("descriptor {fd} is a socket, but not a stream"))
            .with_hint("TLS needs a stream socket such as TCP's; DTLS is not offered"));
    }
    match socket::was_never_connected(fd) {
        None => Ok(()),
        Some(Unconnected::Listens) => {
            Err(Error::new(Status::EArg, format!("descriptor {fd} listens for connections, and is none itself"))
                .with_hint("pass the descriptor that accept(2) answers"))
        }
        Some(Unconnected::New) => Err(Error::new(Status::EArg, format!("descriptor {fd} was never connected"))
            .with_hint("call connect(2) before, or hostlock_connect, which does it")),
    }
}
