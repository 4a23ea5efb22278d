//! Whether a connection may be used at all: only where its handshake was begun under a guard. Every call of ours that
//! moves bytes, or tells what a handshake agreed on, asks here before it asks libssl.

use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::{open_connections, refusals};
use crate::libssl::Conn;
use crate::role::Role;

/// The way that a read or write takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight to libssl.
    Direct,
    /// The same, but the program's socket might make it wait: our transport stands in for it.
    Socket,
    /// The gate has to be asked first.
    Ask,
}

/// The way for `conn`, which is known to be open. It is asked before each read and write, so it does little.
#[inline]
pub fn way(conn: Conn<'_>) -> Way {
    // After SSL_clear and after a fatal error libssl says no.
    if !conn.is_init_finished() {
        return Way::Ask;
    }
    if conn.is_over_socket() { Way::Socket } else { Way::Direct }
}

/// Whether `conn` is open though nobody remembers it: another connection may have taken its place in the memory.
pub fn recall(conn: Conn<'_>) -> bool {
    let is_open = ConnectionState::of(conn).is_some_and(ConnectionState::is_open) && guard(conn).is_ok();
    if is_open {
        open_connections::remember(conn);
    }
    is_open
}

/// The guard under which the handshake of `conn` was begun, or would begin now.
pub fn guard(conn: Conn<'_>) -> Result<Arc<Guard>> {
    let state = ConnectionState::of(conn);
    if conn.is_in_before() {
        return match Guard::of_conn(conn) {
            Some(guard) => Ok(guard.share()),
            // Only a connection that once was ours has a watch.
            None if state.is_some() => Err(refusals::unverified(refusals::CONTEXT_REPLACED)),
            None => Err(Error::new(Status::EState, "this SSL belongs to a context that was not made by hostlock")
                .with_hint("make it from a context of hostlock_client_new, or one that hostlock_harden hardened")),
        };
    }
    let Some(state) = state else { return Err(unguarded()) };
    let known = state.known();
    let only_watched = known.guard.as_ref().is_some_and(|guard| guard.regime() == Regime::ReportOnly);
    let another = |random| conn.is_init_finished() && random != conn.own_random();
    if !only_watched && known.random.is_some_and(another) {
        state.set_open(conn, false);
        return Err(refusals::unverified(refusals::NOT_HEARD));
    }
    match (&known.guard, &known.verdict) {
        (Some(guard), _) => Ok(guard.clone()),
        (None, Verdict::Refused(error)) => Err(error.clone()),
        (None, _) => Err(unguarded()),
    }
}

fn unguarded() -> Error {
    Error::new(Status::EState, "the handshake of this SSL was not begun on a context of hostlock's")
        .with_hint("make the SSL from a context of hostlock_client_new, or one that hostlock_harden hardened before")
}

/// Whether the complete handshake of `conn`, begun under `guard`, also was verified.
pub fn verified(conn: Conn<'_>, guard: &Guard) -> Result<()> {
    if guard.regime() == Regime::ReportOnly {
        return Ok(());
    }
    let verdict = ConnectionState::of(conn).map(|state| state.known().verdict.clone());
    match verdict {
        Some(Verdict::Refused(error)) => Err(error),
        Some(Verdict::Verified { .. } | Verdict::Excused(_)) => Ok(()),
        Some(Verdict::Pending) | None if guard.role_on(conn) == Role::Server => Ok(()),
        Some(Verdict::Pending) | None => {
            conn.close();
            Err(Error::new(Status::EUnverified, "the handshake ended without hostlock's verification"))
        }
    }
}

/// Opens the way for what comes after a complete and verified handshake, unless a write is unfinished.
pub fn open(conn: Conn<'_>) {
    if let Some(state) = ConnectionState::of(conn) {
        let idle = state.known().unfinished.is_none();
        state.set_open(conn, idle);
    }
}
