//! A conversation in the clear, line by line. It takes from the socket no byte more than it reads, so that what follows is
//! left for TLS; and it never waits beyond its deadline.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;

use crate::connection::deadline::{self, Deadline, wait};
use crate::connection::gather::peer_address;
use crate::error::{Error, Result, Status};
use crate::os::poll::Wish;
use crate::os::{socket, words};

/// A line of any of these protocols is shorter, and so is all that is said before TLS.
const LONGEST_LINE: usize = 4096;
const MOST_BYTES: usize = 65_536;

/// See the module's text.
pub struct Line {
    fd: c_int,
    deadline: Deadline,
    taken: usize,
}

impl Line {
    /// One over the stream socket `fd`.
    pub fn over(fd: c_int, deadline: Deadline) -> Line {
        Line { fd, deadline, taken: 0 }
    }

    /// The peer's address, for words.
    pub fn peer(&self) -> String {
        peer_address(Some(self.fd))
    }

    /// The address of this side as SMTP wants it where a client has no name (RFC 5321 4.1.3).
    pub fn own_address(&self) -> String {
        match socket::local(self.fd).map(|address| address.ip()) {
            Some(std::net::IpAddr::V4(address)) => format!("[{address}]"),
            Some(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            None => "[127.0.0.1]".to_owned(),
        }
    }

    /// The next line, without its end.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => {
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    return Ok(line);
                }
                byte => line.push(byte),
            }
            if line.len() > LONGEST_LINE {
                return Err(self.flooded(&format!("a line of more than {LONGEST_LINE} bytes")));
            }
        }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        if self.taken >= MOST_BYTES {
            return Err(self.flooded(&format!("more than {MOST_BYTES} bytes before TLS")));
        }
        loop {
            let mut room = [MaybeUninit::uninit()];
            match socket::receive(self.fd, &mut room) {
                Ok([byte, ..]) => {
                    self.taken += 1;
                    return Ok(*byte);
                }
                Ok([]) => return Err(self.cut()),
                Err(error) => self.await_readiness(&error, Wish::Read)?,
            }
        }
    }

    /// Says `text`.
    pub fn say(&mut self, text: &[u8]) -> Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            match socket::send(self.fd, rest) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) => self.await_readiness(&error, Wish::Write)?,
            }
        }
        Ok(())
    }

    /// Refuses a server that has said more than its last word before TLS: it would be taken for what came under TLS.
    pub fn check_nothing_follows(&self) -> Result<()> {
        let mut room = [const { MaybeUninit::uninit() }; 64];
        match socket::receive(self.fd, &mut room) {
            Ok([]) => Err(self.cut()),
            Ok(more) => {
                let what = format!("{} said more in the clear after it had agreed to begin TLS: \"{}\"", self.peer(), more.escape_ascii());
                Err(Error::new(Status::EProtocol, what)
                    .with_hint("somebody on the way may have put it there, to have it taken for the server's word under TLS"))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn await_readiness(&self, error: &io::Error, wish: Wish) -> Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(self.failed(error));
        }
        match wait(&[(self.fd, wish)], &self.deadline) {
            Ok(ready) if ready.contains(&true) && !self.deadline.has_passed() => Ok(()),
            Ok(_) => {
                let what = format!("{} kept us waiting before TLS: {} ms are over", self.peer(), self.deadline.allowed_ms());
                let hint = match self.taken {
                    0 => "it said nothing at all: perhaps TLS begins at once on this port, which is hostlock_connect's",
                    _ => "hostlock_ctx_set_timeout allows more time",
                };
                Err(Error::new(Status::ETimeout, what).with_hint(hint))
            }
            Err(error) => Err(deadline::failed(&error, || self.failed(&error))),
        }
    }

    fn failed(&self, error: &io::Error) -> Error {
        match error.raw_os_error() {
            Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED) => self.cut(),
            _ => Error::new(Status::EIo, format!("{} before TLS: {}", self.peer(), words::of(error))),
        }
    }

    fn cut(&self) -> Error {
        Error::new(Status::ETruncated, format!("the connection was closed by {} before TLS began", self.peer()))
    }

    fn flooded(&self, what: &str) -> Error {
        Error::new(Status::EFlood, format!("{} sent {what}, and was cut off", self.peer()))
    }
}
