//! Making connections: to a host by name, or over a descriptor of the caller's. Nothing is sent before the host is known
//! to be one that a certificate can be checked for.

use std::ffi::c_int;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::ptr::NonNull;

use openssl_sys as ffi;

use crate::connection::deadline::Deadline;
use crate::connection::drive::{self, Drive, Patience, Progress};
use crate::connection::failure::Phase;
use crate::connection::transport::{Limits, Transport, socket_kind};
use crate::connection::{exchange, race, resolve};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::set_host;
use crate::host::Reference;
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;
use crate::os::words;
use crate::role::Role;

/// An owner of an `SSL`.
pub struct Connection(NonNull<ffi::SSL>);

impl Connection {
    /// Resolves `host`, connects and makes the handshake, all within the context's timeout.
    ///
    /// # Safety
    /// `ctx` is a live `SSL_CTX` of our libssl that carries `guard`.
    pub unsafe fn to_host(ctx: *mut ffi::SSL_CTX, guard: &Guard, host: Reference, port: u16) -> Result<Connection> {
        let named = host.text().into_owned();
        let say_host = |error: Error| if error.host().is_some() { error } else { error.with_host(named.as_str()) };
        (|| {
            check_client(guard)?;
            if port == 0 {
                return Err(Error::new(Status::EArg, "port 0 is none that a server can listen on"));
            }
            guard.check_not_poisoned()?;
            let deadline = Deadline::after(guard.settings().timeout_ms);
            let addresses = resolve::addresses(&host, port, &deadline)?;
            let socket = race::connect(&addresses, &deadline)?;
            // SAFETY: as the caller promises.
            let connection = unsafe { Connection::over(ctx, socket.into_raw_fd(), true, host)? };
            connection.limit(Limits { deadline, ..drive::limits_of(guard) });
            connection.handshake()?;
            Ok(connection)
        })()
        .map_err(say_host)
    }

    /// A connection over the caller's connected stream socket, which stays the caller's to close. Where the descriptor
    /// is in blocking mode the handshake is made; else nothing is sent yet.
    ///
    /// # Safety
    /// As for [`Connection::to_host`]; `fd` stays open as long as the connection lives.
    pub unsafe fn over_descriptor(
        ctx: *mut ffi::SSL_CTX,
        guard: &Guard,
        fd: c_int,
        host: Reference,
    ) -> Result<Connection> {
        let named = host.text().into_owned();
        let say_host = |error: Error| if error.host().is_some() { error } else { error.with_host(named.as_str()) };
        (|| {
            check_client(guard)?;
            check_stream_socket(fd)?;
            guard.check_not_poisoned()?;
            // SAFETY: as the caller promises.
            let connection = unsafe { Connection::over(ctx, fd, false, host)? };
            // The clock starts with the handshake.
            connection.limit(Limits { deadline: Deadline::after(0), ..drive::limits_of(guard) });
            // SAFETY: the connection is live and ours alone.
            if unsafe { Transport::of(connection.as_ptr()) }.is_some_and(Transport::waits) {
                connection.handshake()?;
            }
            Ok(connection)
        })()
        .map_err(say_host)
    }

    unsafe fn over(ctx: *mut ffi::SSL_CTX, fd: c_int, owned: bool, host: Reference) -> Result<Connection> {
        // SAFETY: an owned descriptor is ours to close until the transport has it.
        let keep = owned.then(|| unsafe { OwnedFd::from_raw_fd(fd) });
        let quiet = Quiet::begin();
        // SAFETY: as the caller promises.
        let raw = unsafe { ffi::SSL_new(ctx) };
        let connection = NonNull::new(raw).map(Connection).ok_or_else(|| {
            let why = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            Error::new(Status::EInternal, format!("OpenSSL could not make a connection: {why}"))
        })?;
        drop(quiet);
        let fd = keep.map_or(fd, IntoRawFd::into_raw_fd);
        // SAFETY: the SSL is new and ours alone; an owned descriptor is given away.
        unsafe { Transport::attach(connection.as_ptr(), fd, owned)? };
        // SAFETY: as above.
        unsafe { exchange::prepare(connection.as_ptr()) };
        // SAFETY: as above.
        unsafe { set_host::set(Conn::live(connection.as_ptr()), || Ok(host))? };
        Ok(connection)
    }

    /// The pointer, still owned by `self`.
    pub fn as_ptr(&self) -> *mut ffi::SSL {
        self.0.as_ptr()
    }

    /// Gives the ownership to the caller, who frees it with `SSL_free`.
    pub fn into_raw(self) -> *mut ffi::SSL {
        let raw = self.as_ptr();
        std::mem::forget(self);
        raw
    }

    fn limit(&self, limits: Limits) {
        // SAFETY: the connection is live and ours alone.
        if let Some(transport) = unsafe { Transport::of(self.as_ptr()) } {
            transport.limits.set(Some(limits));
        }
    }

    fn handshake(&self) -> Result<()> {
        // SAFETY: the connection is live and ours alone.
        match unsafe { Drive::new(self.as_ptr(), Phase::Handshake, Patience::Wait)?.handshake()? } {
            Progress::Done(_) => Ok(()),
            other => Err(Error::new(Status::EInternal, format!("a handshake that waits ended with {other:?}"))),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: gives up the one reference that `self` owns.
        unsafe { ffi::SSL_free(self.as_ptr()) };
    }
}

fn check_client(guard: &Guard) -> Result<()> {
    match guard.role {
        Role::Client => Ok(()),
        Role::Server => {
            Err(Error::new(Status::EState, "this context is for a server, which accepts and does not connect")
                .with_hint("make one with hostlock_client_new"))
        }
    }
}

fn check_stream_socket(fd: c_int) -> Result<()> {
    let kind = socket_kind(fd)
        .map_err(|error| Error::new(Status::EArg, format!("descriptor {fd} is not a socket: {}", words::of(&error))))?;
    if kind != libc::SOCK_STREAM {
        return Err(Error::new(Status::EArg, format!("descriptor {fd} is a socket, but not a stream"))
            .with_hint("TLS needs a stream socket such as TCP's; DTLS is not offered"));
    }
    Ok(())
}
