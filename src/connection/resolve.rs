//! From the host to its addresses. The system's resolver cannot be interrupted, so it runs in a thread of its own that
//! is left behind when the time is up. A dead name server holds no more than `MOST_THREADS` of them: who comes when
//! all are taken waits for one to be free, within the deadline.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::connection::deadline::{self, Deadline, wait};
use crate::connection::failure;
use crate::error::{Error, Result, Status};
use crate::host::Reference;
use crate::os::poll::Wish;
use crate::os::{signals, socket, words};

/// The addresses of `host`, in the order to try them.
pub fn addresses(host: &Reference, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>> {
    let name = match host {
        Reference::Ip(address) => return Ok(vec![SocketAddr::new(*address, port)]),
        other => other.text().into_owned(),
    };
    let asked = name.clone();
    let found = look_up(&name, deadline, move || (asked.as_str(), port).to_socket_addrs().map(Iterator::collect))?;
    Ok(interleave(found))
}

/// Runs `resolver` for `name` in a thread of its own, and waits for it no longer than the deadline.
pub fn look_up(
    name: &str,
    deadline: &Deadline,
    resolver: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> Result<Vec<SocketAddr>> {
    let Some(seat) = Seat::wait(&IN_USE, deadline)? else { return Err(no_seat(name, deadline)) };
    let (sender, receiver) = mpsc::channel();
    let (done, bell) = if deadline.may_be_interrupted() { ring()? } else { (None, None) };
    let job = move || {
        let _seat = seat;
        // Closed when the thread is done, which is what its other end waits for.
        let _bell = bell;
        // Nobody listens any more where the time was up.
        let _ = sender.send(resolver());
    };
    signals::without(|| thread::Builder::new().name("hostlock-resolve".to_owned()).spawn(job)).map_err(|error| {
        Error::new(Status::EResolve, format!("{name:?} could not be resolved: no thread could be started here: {error}"))
            .with_hint(
                "the name servers are not to blame: this process or its user has as many threads as it may (ulimit -u, \
                 pids.max of its cgroup), or no memory for another",
            )
    })?;
    if let Some(done) = &done {
        wait(&[(done.as_raw_fd(), Wish::Read)], deadline).map_err(|error| unwaited(&error))?;
    }
    let answer = match deadline.remaining() {
        Some(left) => receiver.recv_timeout(left),
        None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    match answer {
        Ok(Ok(found)) if found.is_empty() => Err(failed(name, "it has no address")),
        Ok(Ok(found)) => Ok(found),
        // The system's resolver says "unknown" where it could open neither its files nor a socket.
        Ok(Err(error)) => Err(match socket::want_of_descriptors() {
            Some(want) => failure::no_socket(&want),
            None => failed(name, reason(&error).as_str()),
        }),
        Err(RecvTimeoutError::Timeout) => Err(out_of_time(name, deadline)),
        Err(RecvTimeoutError::Disconnected) => Err(failed(name, "the resolver's thread ended without an answer")),
    }
}

/// Two ends of which one tells when the other is closed: a channel of threads does not end its waiting for a signal.
fn ring() -> Result<(Option<UnixStream>, Option<UnixStream>)> {
    let (one, other) = UnixStream::pair().map_err(|error| unwaited(&error))?;
    Ok((Some(one), Some(other)))
}

fn unwaited(error: &io::Error) -> Error {
    let why = || Error::new(Status::EIo, format!("waiting for the resolver failed: {}", words::of(error)));
    deadline::failed(error, why)
}

/// At most so many threads of a process wait for the resolver.
const MOST_THREADS: u32 = 32;

/// How many do: the process's number in the upper half, as a forked child has none of its parent's threads.
static IN_USE: AtomicU64 = AtomicU64::new(0);

/// How often one who waits for a seat looks.
const PAUSE: Duration = Duration::from_millis(5);

/// The right to have one thread more, until it is dropped.
struct Seat {
    count: &'static AtomicU64,
    process: u32,
}

impl Seat {
    /// Waits until one is free; `None` where the time is up first.
    fn wait(count: &'static AtomicU64, deadline: &Deadline) -> Result<Option<Seat>> {
        let process = std::process::id();
        loop {
            let taken = count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |value| {
                let taken = if owner(value) == process { value as u32 } else { 0 };
                (taken < MOST_THREADS).then(|| u64::from(process) << 32 | u64::from(taken + 1))
            });
            if taken.is_ok() {
                return Ok(Some(Seat { count, process }));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            wait(&[], &deadline.within(PAUSE)).map_err(|error| unwaited(&error))?;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let process = self.process;
        let _ = self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |value| {
            (owner(value) == process && value as u32 > 0).then(|| value - 1)
        });
    }
}

fn owner(count: u64) -> u32 {
    (count >> 32) as u32
}

fn out_of_time(name: &str, deadline: &Deadline) -> Error {
    let what = format!("the resolver gave no address for {name:?} within {} ms", deadline.allowed_ms());
    Error::new(Status::ETimeout, what)
        .with_hint("check the name servers of this machine, or allow more time with hostlock_ctx_set_timeout")
}

/// The look-ups before this one have not come back.
fn no_seat(name: &str, deadline: &Deadline) -> Error {
    let allowed = deadline.allowed_ms();
    let what = format!("{name:?} was not looked up within {allowed} ms: {MOST_THREADS} others wait for the resolver");
    Error::new(Status::ETimeout, what).with_hint("check the name servers of this machine: they seem not to answer")
}

fn failed(name: &str, why: &str) -> Error {
    Error::new(Status::EResolve, format!("{name:?} could not be resolved: {why}"))
        .with_hint("check the spelling of the host, and the name servers of this machine")
}

/// The resolver's own words, without what std puts in front of them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

/// The families take turns, beginning with the one that the resolver put first (RFC 8305 section 4).
fn interleave(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for address in found {
        let list = if address.is_ipv6() == first_is_v6 { &mut first } else { &mut second };
        if !list.contains(&address) {
            list.push(address);
        }
    }
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::with_capacity(first.len() + second.len());
    loop {
        let pair = (first.next(), second.next());
        if pair == (None, None) {
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
}

/// An address with its port, as it stands in a URI.
pub fn show(address: &SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => format!("[{ip}]:{}", address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_families_take_turns_and_the_resolvers_first_choice_stays_first() {
        let found = list(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.1:1"]);
        assert_eq!(interleave(found), list(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[test]
    fn a_resolver_that_never_answers_does_not_outlive_the_timeout() {
        let (hold, held) = mpsc::channel::<()>();
        let outcome = look_up("slow.example", &Deadline::after(20), move || {
            let _ = held.recv();
            Ok(Vec::new())
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), Status::ETimeout);
        assert!(error.message().contains("\"slow.example\" within 20 ms"), "{error}");
        drop(hold);
    }

    #[test]
    fn no_more_than_so_many_threads_wait_for_a_resolver_and_the_seats_come_back() {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let soon = Deadline::after(20);
        let mut seats: Vec<Seat> = (0..MOST_THREADS).map(|_| Seat::wait(&COUNT, &soon).unwrap().unwrap()).collect();
        assert!(Seat::wait(&COUNT, &soon).unwrap().is_none());
        seats.pop();
        seats.push(Seat::wait(&COUNT, &Deadline::after(20)).unwrap().unwrap());
        // What a child inherits through fork counts none of its own threads.
        COUNT.fetch_xor(1 << 32, Ordering::Relaxed);
        let of_child = Seat::wait(&COUNT, &soon).unwrap().unwrap();
        assert_eq!(COUNT.load(Ordering::Relaxed) as u32, 1);
        drop((of_child, seats));
        assert_eq!(COUNT.load(Ordering::Relaxed) as u32, 0);
    }

    #[test]
    fn a_dead_name_server_holds_a_bounded_number_of_threads() {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let (hold, held) = mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        let mut statuses = Vec::new();
        for _ in 0..MOST_THREADS + 8 {
            let held = held.clone();
            let outcome = look_up("dead.example", &Deadline::after(1), move || {
                STARTED.fetch_add(1, Ordering::Relaxed);
                let _ = held.lock().map(|held| held.recv());
                Ok(Vec::new())
            });
            statuses.push(outcome.unwrap_err().status());
        }
        assert!(statuses.iter().all(|status| *status == Status::ETimeout));
        assert!(STARTED.load(Ordering::Relaxed) <= u64::from(MOST_THREADS));
        drop(hold);
    }

    #[test]
    fn a_name_without_an_address_and_a_resolver_that_fails_are_said() {
        let forever = Deadline::after(0);
        let empty = look_up("a.example", &forever, || Ok(Vec::new())).unwrap_err();
        assert_eq!(empty.status(), Status::EResolve);
        let error = look_up("a.example", &forever, || Err(io::Error::other("name or service not known"))).unwrap_err();
        assert_eq!(error.status(), Status::EResolve);
        assert!(error.message().contains("\"a.example\" could not be resolved: name or service not known"), "{error}");
        let dead = look_up("a.example", &forever, || panic!("a resolver that panics")).unwrap_err();
        assert_eq!(dead.status(), Status::EResolve);
    }
}
