//! A server's connections, over descriptors that the program accepted: with the same transport, deadlines and limits as a
//! client's. The clock starts when the connection is handed over, so that a peer which says nothing has an end too.

use std::ffi::c_int;

use crate::connection::deadline::Deadline;
use crate::connection::functions::CallersFunctions;
use crate::connection::memory::Memory;
use crate::connection::open::{Connection, check_client, check_stream_socket};
use crate::connection::{drive, gate};
use crate::connection::transport::{Descriptor, Limits, Transport};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::host::Reference;
use crate::libssl::{Conn, Ctx};
use crate::os::functions::Functions;
use crate::role::Role;

impl Connection {
    /// A server's connection over the caller's connected stream socket, which stays the caller's to close. Where the
    /// descriptor is in blocking mode the handshake is made; else nothing is read yet.
    pub fn accepted(ctx: Ctx<'_>, guard: &Guard, fd: c_int) -> Result<Connection> {
        check_server(guard)?;
        check_stream_socket(fd)?;
        guard.check_not_poisoned()?;
        let connection = Connection::serving(ctx, Descriptor::Callers(fd))?;
        connection.limit(drive::limits_of(connection.as_conn(), guard));
        if connection.as_conn().wire::<Transport>().is_some_and(Transport::waits) {
            connection.handshake()?;
        }
        Ok(connection)
    }
}

impl Connection {
    /// A server's connection whose bytes the caller moves.
    pub fn accepted_in_memory(ctx: Ctx<'_>, guard: &Guard) -> Result<Connection> {
        Connection::accepted_over(ctx, guard, Descriptor::Memory(Memory::default()))
    }

    /// A server's connection whose bytes the caller's functions move. Neither is called yet.
    pub fn accepted_over_functions(ctx: Ctx<'_>, guard: &Guard, functions: Functions) -> Result<Connection> {
        Connection::accepted_over(ctx, guard, Descriptor::Functions(Box::new(CallersFunctions::new(functions))))
    }

    /// Over what is no descriptor.
    fn accepted_over(ctx: Ctx<'_>, guard: &Guard, descriptor: Descriptor) -> Result<Connection> {
        check_server(guard)?;
        guard.check_not_poisoned()?;
        let connection = Connection::serving(ctx, descriptor)?;
        connection.limit(drive::limits_of(connection.as_conn(), guard));
        Ok(connection)
    }

    /// A client's connection whose bytes the caller moves. Nothing is to be sent before hostlock_handshake.
    pub fn in_memory(ctx: Ctx<'_>, guard: &Guard, host: Reference) -> Result<Connection> {
        Connection::connected_over(ctx, guard, Descriptor::Memory(Memory::default()), host)
    }

    /// A client's connection whose bytes the caller's functions move. Neither is called before hostlock_handshake.
    pub fn over_functions(ctx: Ctx<'_>, guard: &Guard, functions: Functions, host: Reference) -> Result<Connection> {
        Connection::connected_over(ctx, guard, Descriptor::Functions(Box::new(CallersFunctions::new(functions))), host)
    }

    /// The same for a client.
    fn connected_over(ctx: Ctx<'_>, guard: &Guard, descriptor: Descriptor, host: Reference) -> Result<Connection> {
        check_client(guard)?;
        guard.check_not_poisoned()?;
        let connection = Connection::over(ctx, descriptor, host)?;
        let limits = drive::limits_of(connection.as_conn(), guard);
        connection.limit(Limits { deadline: Deadline::after(0), ..limits });
        Ok(connection)
    }
}

/// The memory of `conn`, or why it has none.
pub fn memory_of(conn: Conn<'_>) -> Result<&Memory> {
    let memory = conn.wire::<Transport>().and_then(Transport::memory);
    memory.ok_or_else(|| {
        Error::new(Status::EState, "this connection moves its bytes itself")
            .with_hint("hostlock_connect_mem and hostlock_accept_mem make those whose bytes the program moves")
    })
}

/// Gives the calls on `conn` a time of their own, from now on: also the handshake under way begins its time anew.
pub fn set_timeout(conn: Conn<'_>, milliseconds: u32) -> Result<()> {
    let guard = gate::guard(conn)?;
    ConnectionState::ensure(conn)?.known().timeout_ms = Some(milliseconds);
    let transport = conn.wire::<Transport>().filter(|_| !conn.is_init_finished());
    if let Some((transport, limits)) = transport.and_then(|transport| Some((transport, transport.limits.get()?))) {
        // On a client the clock starts with the handshake.
        let deadline = if limits.deadline.is_never() && conn.is_in_before() && !conn.is_server() {
            limits.deadline
        } else {
            drive::deadline_of(conn, &guard)
        };
        transport.limits.set(Some(Limits { deadline, ..limits }));
    }
    Ok(())
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
