//! The host asked for.

use std::fmt;
use std::net::TcpStream;
use std::str::FromStr;
use std::time::Duration;

use crate::connection::deadline::Deadline;
use crate::connection::{race, resolve};
use crate::door::context::milliseconds;
use crate::error::{Error, Result, Status};
use crate::host::{Reference, to_ascii};

/// Whom the certificate must belong to: a DNS name or an IP address, in normal form.
///
/// ```
/// use hostlock::{Host, Status};
///
/// assert_eq!(Host::parse("Example.COM.").unwrap().to_string(), "example.com");
/// assert_eq!(Host::parse("2001:DB8:0::1").unwrap().to_string(), "2001:db8::1");
/// assert_eq!(Host::from_unicode("straße.example").unwrap().to_string(), "xn--strae-oqa.example");
/// // What no certificate could be checked against is refused before anything is sent.
/// assert_eq!(Host::parse("https://example.com/").unwrap_err().status(), Status::EBadHost);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(pub(super) Reference);

impl Host {
    /// The host in `text`, which is ASCII: A-labels stand for international names.
    pub fn parse(text: &str) -> Result<Host> {
        Reference::parse(text).map(Host)
    }

    /// The host in a text that people typed: U-labels become A-labels (UTS 46, non-transitional).
    pub fn from_unicode(text: &str) -> Result<Host> {
        Host::parse(&to_ascii(text)?)
    }

    /// The name to send as SNI; an address has none.
    pub fn server_name(&self) -> Option<&str> {
        self.0.sni()
    }

    /// Connects to a port by TCP alone, for protocols that speak in the clear before TLS begins (STARTTLS):
    /// [`Context::connect_over`](crate::Context::connect_over) goes on from there. Addresses are tried with staggered
    /// starts, and resolving and connecting together take no longer than `timeout`; zero is for ever.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let port = listener.local_addr()?.port();
    /// let socket = hostlock::Host::parse("127.0.0.1")?.connect_tcp(port, Duration::from_secs(5))?;
    /// assert_eq!(socket.peer_addr()?.port(), port);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_tcp(&self, port: u16, timeout: Duration) -> Result<TcpStream> {
        let deadline = Deadline::after(milliseconds(timeout)?);
        let addresses = resolve::addresses(&self.0, port, &deadline)?;
        let socket = TcpStream::from(race::connect(&addresses, &deadline)?);
        socket.set_nonblocking(false).map_err(|error| Error::new(Status::EIo, error.to_string()))?;
        Ok(socket)
    }
}

impl FromStr for Host {
    type Err = Error;

    fn from_str(text: &str) -> Result<Host> {
        Host::parse(text)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
