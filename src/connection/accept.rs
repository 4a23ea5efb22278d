//! A server's connections, over descriptors that the program accepted: with the same transport, deadlines and limits as a
//! client's. The clock starts when the connection is handed over, so that a peer which says nothing has an end too.

use std::ffi::c_int;

use crate::connection::deadline::Deadline;
use crate::connection::drive;
use crate::connection::open::{Connection, check_stream_socket};
use crate::connection::transport::{Descriptor, Limits, Transport};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::libssl::{Conn, Ctx};
use crate::role::Role;

impl Connection {
    /// A server's connection over the caller's connected stream socket, which stays the caller's to close. Where the
    /// descriptor is in blocking mode the handshake is made; else nothing is read yet.
    pub fn accepted(ctx: Ctx<'_>, guard: &Guard, fd: c_int) -> Result<Connection> {
        check_server(guard)?;
        check_stream_socket(fd)?;
        guard.check_not_poisoned()?;
        let connection = Connection::serving(ctx, Descriptor::Callers(fd))?;
        connection.limit(drive::limits_of(guard));
        if connection.as_conn().wire::<Transport>().is_some_and(Transport::waits) {
            connection.handshake()?;
        }
        Ok(connection)
    }
}

fn check_server(guard: &Guard) -> Result<()> {
    match guard.role {
        Role::Client if !guard.either_side => {
            Err(Error::new(Status::EState, "this context is for a client, which connects and does not accept")
                .with_hint("make one with hostlock_server_new"))
        }
        _ => Ok(()),
    }
}

/// How long the handshake of `conn` may still take, in milliseconds; `None` where nothing limits it, or none is under way.
pub fn time_left(conn: Conn<'_>) -> Option<c_int> {
    if conn.is_init_finished() {
        return None;
    }
    let own = conn.wire::<Transport>().and_then(|transport| transport.limits.get());
    let limits = own.or_else(|| limits_of_lent(conn))?;
    milliseconds(&limits.deadline)
}

/// Over a plain socket BIO the limits of a handshake lie with the transport that stands in for it.
fn limits_of_lent(conn: Conn<'_>) -> Option<Limits> {
    let state = ConnectionState::of(conn)?;
    let courier = state.courier.take::<Transport>()?;
    let limits = courier.wire().and_then(|transport| transport.limits.get());
    state.courier.set(courier);
    limits
}

fn milliseconds(deadline: &Deadline) -> Option<c_int> {
    // Rounded up, so that the time is over when a wait of so long has ended.
    let left = deadline.remaining()?.as_nanos().div_ceil(1_000_000);
    Some(c_int::try_from(left).unwrap_or(c_int::MAX))
}
