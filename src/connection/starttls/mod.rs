//! Protocols that begin in the clear and go over to TLS when the client asks for it. All that is said in the clear is an
//! attacker's word: nothing of it is kept, a server that does not offer TLS is refused, and so is whatever stands behind its
//! last word before TLS (RFC 3207 section 6; CVE-2021-23222 and its kind).

mod line;
mod protocols;

use std::ffi::c_int;

use crate::connection::drive;
use crate::connection::open::{Connection, check_client, check_stream_socket};
use crate::connection::transport::{Descriptor, Limits, Transport};
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::host::Reference;
use crate::libssl::Ctx;
pub use line::Line;
pub use protocols::Protocol;

impl Connection {
    /// Connects to `port` of `host`, goes over to TLS as `protocol` says, and makes the handshake, all within the context's
    /// timeout.
    pub fn by_starttls(ctx: Ctx<'_>, guard: &Guard, protocol: Protocol, host: Reference, port: u16) -> Result<Connection> {
        Connection::to_host_after(ctx, guard, host, port, |fd, deadline| protocol.ask(&mut Line::over(fd, *deadline)))
    }

    /// The same over the caller's connected stream socket. What is said before TLS is waited for in either mode of the
    /// descriptor; the handshake is made where it is in blocking mode.
    pub fn by_starttls_over(
        ctx: Ctx<'_>,
        guard: &Guard,
        protocol: Protocol,
        fd: c_int,
        host: Reference,
    ) -> Result<Connection> {
        let named = host.text().into_owned();
        let say_host = |error: Error| if error.host().is_some() { error } else { error.with_host(named.as_str()) };
        (|| {
            check_client(guard)?;
            check_stream_socket(fd)?;
            guard.check_not_poisoned()?;
            let deadline = drive::deadline_of_new(guard);
            protocol.ask(&mut Line::over(fd, deadline))?;
            let connection = Connection::over(ctx, Descriptor::Callers(fd), host)?;
            connection.limit(Limits { deadline, ..drive::limits_of(connection.as_conn(), guard) });
            if connection.as_conn().wire::<Transport>().is_some_and(Transport::waits) {
                connection.handshake()?;
            }
            Ok(connection)
        })()
        .map_err(say_host)
    }
}
