//! From addresses to one connected socket: the addresses are tried in order with staggered starts, so that one which
//! does not answer costs a quarter of a second and not the whole timeout (RFC 8305 section 5).

use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::connection::deadline::{Deadline, poll_entry, wait};
use crate::connection::resolve::show;
use crate::error::{Error, Result, Status};
use crate::os::words;

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
            match begin(address) {
                Ok((socket, true)) => return Ok(socket),
                Ok((socket, false)) => waiting.push(Attempt { address: *address, socket }),
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
    let mut entries: Vec<libc::pollfd> =
        waiting.iter().map(|attempt| poll_entry(attempt.socket.as_raw_fd(), libc::POLLOUT)).collect();
    wait(&mut entries, turn)
        .map_err(|error| Error::new(Status::EIo, format!("waiting for a connection failed: {}", words::of(&error))))?;
    let mut connected = None;
    let mut ready = entries.iter().map(|entry| entry.revents != 0);
    let attempts = std::mem::take(waiting);
    for attempt in attempts {
        if connected.is_some() || !ready.next().unwrap_or(false) {
            waiting.push(attempt);
            continue;
        }
        match outcome(&attempt.socket) {
            Ok(()) => connected = Some(attempt.socket),
            Err(error) => failures.push(format!("{}: {}", show(&attempt.address), words::of(&error))),
        }
    }
    Ok(connected)
}

/// Starts one attempt: the socket, and whether it is connected already.
fn begin(address: &SocketAddr) -> io::Result<(OwnedFd, bool)> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: takes numbers only.
    let raw = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nothing else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    let on: c_int = 1;
    // SAFETY: the option's value is the int behind the pointer. Without effect at worst: it only saves a delay.
    unsafe { libc::setsockopt(raw, libc::IPPROTO_TCP, libc::TCP_NODELAY, (&raw const on).cast(), INT_LEN) };
    // SAFETY: plain data; both forms fit.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let len = fill(&mut storage, address);
    // SAFETY: `storage` holds an address of `len` bytes.
    if unsafe { libc::connect(raw, (&raw const storage).cast(), len) } == 0 {
        return Ok((socket, true));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // An interrupted connect goes on by itself (POSIX).
        Some(libc::EINPROGRESS | libc::EINTR) => Ok((socket, false)),
        _ => Err(error),
    }
}

const INT_LEN: libc::socklen_t = size_of::<c_int>() as libc::socklen_t;

fn fill(storage: &mut libc::sockaddr_storage, address: &SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let raw: *mut libc::sockaddr_in = (&raw mut *storage).cast();
            // SAFETY: sockaddr_storage is large enough and aligned for every address.
            let raw = unsafe { &mut *raw };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let raw: *mut libc::sockaddr_in6 = (&raw mut *storage).cast();
            // SAFETY: as above.
            let raw = unsafe { &mut *raw };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

fn outcome(socket: &OwnedFd) -> io::Result<()> {
    let (mut error, mut len): (c_int, _) = (0, INT_LEN);
    // SAFETY: the option's value is written to the int behind the pointer.
    let asked = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &mut len)
    };
    match (asked, error) {
        (0, 0) => Ok(()),
        (0, number) => Err(io::Error::from_raw_os_error(number)),
        _ => Err(io::Error::last_os_error()),
    }
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
