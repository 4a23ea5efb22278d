//! What a server staples: the OCSP answer for the certificate that libssl has chosen for this client, where the client asks for
//! one. One that has run out is left out: a client that needs none goes on without, and none would take it.

use crate::guard::Guard;
use crate::libssl::Conn;
use crate::libssl::callback::Status;
use crate::os::clock;

/// Gives libssl the answer, if there is one.
pub fn give(conn: Conn<'_>, guard: &Guard) -> Status {
    crate::nets::here!("stapling");
    let staples = guard.settings().staples.clone();
    if staples.is_empty() || conn.is_resumed() {
        return Status::Nothing;
    }
    let Some(leaf) = conn.own_leaf() else { return Status::Nothing };
    let now = clock::now();
    match staples.iter().find(|staple| staple.serves(leaf, now)) {
        Some(staple) if conn.staple(&staple.der) => Status::Stapled,
        _ => Status::Nothing,
    }
}
