//! Protocols that begin in the clear and go over to TLS when the client asks for it.

use std::fmt;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::str::FromStr;
use std::time::Duration;

use crate::connection::deadline::Deadline;
use crate::connection::open::check_stream_socket;
use crate::connection::starttls::{Line, Protocol};
use crate::door::context::milliseconds;
use crate::error::{Error, Result};

/// Such a protocol: "smtp", "imap", "pop3", "ftp", "nntp" or "postgres".
/// [`Context::connect_by_starttls`](crate::Context::connect_by_starttls) connects by it.
///
/// ```
/// let protocol: hostlock::Starttls = "imap".parse()?;
/// assert_eq!((protocol.to_string().as_str(), protocol.default_port()), ("imap", 143));
/// assert!("http".parse::<hostlock::Starttls>().is_err());
/// # Ok::<(), hostlock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starttls(pub(super) Protocol);

impl Starttls {
    /// The port that IANA gives it.
    pub fn default_port(self) -> u16 {
        self.0.default_port()
    }

    /// Asks the server on `socket`, on which nothing was said yet, to begin TLS; the next byte on it is TLS's then. For those
    /// who go on without hostlock.
    pub fn ask(self, socket: &TcpStream, timeout: Duration) -> Result<()> {
        check_stream_socket(socket.as_raw_fd())?;
        self.0.ask(&mut Line::over(socket.as_raw_fd(), Deadline::after(milliseconds(timeout)?)))
    }
}

impl FromStr for Starttls {
    type Err = Error;

    fn from_str(word: &str) -> Result<Starttls> {
        Protocol::parse(word).map(Starttls)
    }
}

impl fmt::Display for Starttls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.word())
    }
}
