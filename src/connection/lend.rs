//! Our transport in the place of a program's socket BIO, for one call of ours: a descriptor in blocking mode would
//! otherwise keep libssl waiting beyond every deadline. When the call ends the program's BIO is there again, and says
//! what ours last said about trying again.

use crate::connection::transport::{Descriptor, Transport};
use crate::handshake::connection_state::ConnectionState;
use crate::libssl::{Conn, transfer};
use crate::os::socket;

const SSL_OP_ENABLE_KTLS: u64 = 1 << 3;

/// The program's BIOs, while ours stands in for them.
pub type Lent<'a> = transfer::Lent<'a, Transport>;

/// Puts our transport in place, where `conn` has a plain socket BIO over one stream socket and nothing else looks on.
pub fn take(conn: Conn<'_>) -> Option<Lent<'_>> {
    let state = ConnectionState::of(conn)?;
    let fd = conn.plain_socket()?;
    if conn.options() & SSL_OP_ENABLE_KTLS != 0 {
        return None;
    }
    let is_finished = conn.is_init_finished();
    let is_afresh = !is_finished && conn.is_in_before();
    let fits = |transport: &Transport| transport.fd() == fd && !(is_afresh && transport.was_used());
    let courier = match state.courier.take::<Transport>().filter(|bio| bio.wire().is_some_and(fits)) {
        Some(courier) => courier,
        None if socket::is_stream(fd).unwrap_or(false) => Transport::over(Descriptor::Callers(fd)).ok()?,
        None => return None,
    };
    let transport = courier.wire()?;
    // The handshake may have been made by libssl's own functions.
    if is_finished {
        transport.settle();
    }
    transport.begin_call();
    conn.lend(courier, &state.courier, is_afresh)
}
