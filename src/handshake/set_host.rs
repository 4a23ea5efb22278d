//! Naming the host of one connection.

use std::ffi::CString;

use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::start;
use crate::host::Reference;
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;
use crate::role::Role;

/// Gives `conn` the host that `parse` answers, and sends it as SNI where it is a DNS name. On a server it says who the client
/// must be, and demands a certificate. Where `parse` fails the connection keeps the host it had, and refuses its handshake
/// until a later call succeeds.
pub fn set(conn: Conn<'_>, parse: impl FnOnce() -> Result<Reference>) -> Result<()> {
    let guard = guard_before_handshake(conn)?;
    let state = ConnectionState::ensure(conn)?;
    // On the connection itself it still is there when the program gives the connection another context.
    start::pin_info(conn);
    let named = parse().and_then(|host| match guard.role {
        Role::Server => Ok(host),
        // Where the connection comes to serve in the end, libssl sends no name.
        Role::Client => send_name(conn, &host).map(|()| host),
    });
    let mut known = state.known();
    match named {
        Ok(host) => {
            known.host = Some(host);
            known.poison = None;
            Ok(())
        }
        Err(error) => {
            let why = format!("naming the host of this connection failed earlier: {}", error.message());
            known.poison = Some(Error::new(Status::EPoisoned, why).with_hint(error.hint()));
            Err(error)
        }
    }
}

/// Gives `conn` the host that counts where nothing else names one. It is sent as SNI unless the program has set another.
pub fn set_fallback(conn: Conn<'_>, parse: impl FnOnce() -> Result<Reference>) -> Result<()> {
    let guard = guard_before_handshake(conn)?;
    if guard.role == Role::Server {
        return Err(Error::new(Status::EState, "this connection is a server's: no fallback says who its client is")
            .with_hint("name the client with hostlock_conn_set_host, if it must be a certain one"));
    }
    let state = ConnectionState::ensure(conn)?;
    let earlier = state.known().fallback.take();
    let earlier = earlier.as_ref().and_then(|host| host.as_ref().ok()).and_then(Reference::sni);
    let of_program = conn.server_name().is_some_and(|name| earlier.map(str::as_bytes) != Some(name));
    let named = parse().and_then(|host| match of_program {
        true => Ok(host),
        false => send_name(conn, &host).map(|()| host),
    });
    if named.is_err() && !of_program {
        // What an earlier fallback sent would count as the program's own word.
        conn.set_server_name(None);
    }
    state.known().fallback = Some(named.clone());
    named.map(|_| ())
}

/// The guard of `conn`, whose handshake has not begun: what is named later binds nobody.
fn guard_before_handshake(conn: Conn<'_>) -> Result<&Guard> {
    let guard = Guard::of_conn(conn)
        .ok_or_else(|| Error::new(Status::EState, "this SSL belongs to a context that was not made by hostlock"))?;
    if conn.is_in_before() {
        return Ok(guard);
    }
    Err(Error::new(
        Status::EState,
        "the handshake of this connection has begun, and nothing can be named for it any more",
    )
    .with_hint("name the host before the handshake, or after SSL_clear for the next one"))
}

/// SNI carries DNS names only (RFC 6066 section 3); an old one must not stay beside an address.
fn send_name(conn: Conn<'_>, host: &Reference) -> Result<()> {
    let _quiet = Quiet::begin();
    let name = host.sni().map(CString::new).transpose();
    let name = name.map_err(|_| Error::new(Status::EBadHost, "a NUL in the host"))?;
    if conn.set_server_name(name.as_deref()) {
        return Ok(());
    }
    Err(Error::no_memory("the host as SNI"))
}
