//! From addresses to one connected socket: the addresses are tried in order with staggered starts, so that one which
//! does not answer costs a quarter of a second and not the whole timeout (RFC 8305 section 5).

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::connection::deadline::{self, Deadline, wait};
use crate::connection::failure;
use crate::connection::resolve::show;
use crate::error::{Error, Result, Status};
use crate::os::poll::Wish;
use crate::os::{socket, words};

/// The "Connection Attempt Delay" that RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);

struct Attempt {
    address: SocketAddr,
    socket: OwnedFd,
}

/// The first of `addresses` that accepts a connection, as a non-blocking socket.
pub fn connect(addresses: &[SocketAddr], deadline: &Deadline) -> Result<OwnedFd> {
    let mut waiting: Vec<Attempt> = Vec::new();
    let mut failures: Vec<String> = Vec::new();
    let mut next = addresses.iter();
    loop {
        if waiting.is_empty() && next.len() == 0 {
            return Err(refused(&failures));
        }
        if let Some(address) = next.next() {
            match socket::begin_to_connect(address) {
                Ok((socket, true)) => return Ok(socket),
                Ok((socket, false)) => waiting.push(Attempt { address: *address, socket }),
                Err(error) if waiting.is_empty() && socket::is_want_of_descriptors(&error) => return Err(failure::no_socket(&error)),
                Err(error) => {
                    failures.push(format!("{}: {}", show(address), words::of(&error)));
                    continue;
                }
            }
        }
        let turn = if next.len() > 0 { deadline.within(STAGGER) } else { *deadline };
        if let Some(socket) = await_one(&mut waiting, &mut failures, &turn)? {
            return Ok(socket);
        }
        if deadline.has_passed() {
            return Err(timed_out(&waiting, &failures, next.as_slice(), deadline));
        }
    }
}

/// Waits for the attempts under way. Those that failed move to `failures`; `None` where a turn or an attempt is over.
fn await_one(waiting: &mut Vec<Attempt>, failures: &mut Vec<String>, turn: &Deadline) -> Result<Option<OwnedFd>> {
    if waiting.is_empty() {
        return Ok(None);
    }
    let wishes: Vec<_> = waiting.iter().map(|attempt| (attempt.socket.as_raw_fd(), Wish::Write)).collect();
    let failed = |error: &std::io::Error| {
        Error::new(Status::EIo, format!("waiting for a connection failed: {}", words::of(error)))
    };
    let ready = wait(&wishes, turn).map_err(|error| deadline::failed(&error, || failed(&error)))?;
    let mut connected = None;
    let mut ready = ready.into_iter();
    let attempts = std::mem::take(waiting);
    for attempt in attempts {
        if connected.is_some() || !ready.next().unwrap_or(false) {
            waiting.push(attempt);
            continue;
        }
        match socket::outcome(&attempt.socket) {
            Ok(()) => connected = Some(attempt.socket),
            Err(error) => failures.push(format!("{}: {}", show(&attempt.address), words::of(&error))),
        }
    }
    Ok(connected)
}

fn refused(failures: &[String]) -> Error {
    Error::new(Status::EConnect, format!("no address accepted the connection: {}", failures.join("; ")))
        .with_hint("check host and port, that the server runs, and that no firewall is in between")
}

fn timed_out(waiting: &[Attempt], failures: &[String], untried: &[SocketAddr], deadline: &Deadline) -> Error {
    let mut parts: Vec<String> =
        waiting.iter().map(|attempt| format!("{}: no answer", show(&attempt.address))).collect();
    parts.extend_from_slice(failures);
    parts.extend(untried.iter().map(|address| format!("{}: not tried in time", show(address))));
    Error::new(Status::ETimeout, format!("no connection within {} ms: {}", deadline.allowed_ms(), parts.join("; ")))
        .with_hint("check that no firewall drops the packets, or allow more time with hostlock_ctx_set_timeout")
}
