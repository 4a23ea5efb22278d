//! The SNI of a connection whose host was learned: a server of several hosts shows the right certificate then. It is never
//! taken for a name that the program gave.

use std::ffi::CString;

use crate::guard::observer::Learned;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::expected_host;
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;
use crate::role::Role;

/// Forgets what was learned for an earlier handshake of `conn`; and asks for this one, where the program names no host. A
/// single DNS name is sent as SNI.
pub fn begin(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) {
    state.known().learned = None;
    take_own_name_back(conn, state);
    let knows = guard.observer().is_some_and(|observer| observer.knows_hosts());
    if !knows || guard.regime() != Regime::Sealed || guard.role_on(conn) != Role::Client || conn.server_name().is_some() {
        return;
    }
    let quiet = Quiet::begin();
    if expected_host::before_hello(conn, guard, state, &quiet).is_err() {
        return;
    }
    // It was asked for only where nothing names a host.
    let name = match state.known().learned.as_deref() {
        Some((Learned { hosts: Ok(hosts), .. }, _)) => match hosts.as_slice() {
            [host] => host.sni().map(str::to_owned),
            _ => None,
        },
        _ => None,
    };
    let Some(name) = name else { return };
    let Ok(text) = CString::new(name.as_str()) else { return };
    if conn.set_server_name(Some(&text)) {
        state.known().learned_sni = Some(name);
    }
}

fn take_own_name_back(conn: Conn<'_>, state: &ConnectionState) {
    let Some(own) = state.known().learned_sni.take() else { return };
    if conn.server_name() == Some(own.as_bytes()) {
        conn.set_server_name(None);
    }
}
