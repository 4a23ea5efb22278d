//! Contexts: made, then used by any number of connections and threads, and not changed again.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::audit;
use crate::connection::open;
use crate::context::{self, offline, resume};
use crate::door::{Connection, Host, Policy, Report, Starttls};
use crate::error::{Error, Result, Status};
use crate::guard::Family;
use crate::trust::Index;
use crate::trust::decode::Broken;
use crate::trust::named::Origin;
use crate::trust::source::{self, Input};

/// What the connections of a client have in common: the policy, whom it trusts, its timeout.
///
/// ```
/// use hostlock::{Context, Policy};
///
/// let context = Context::client(Policy::default())?.trust_bundled()?.build();
/// assert_eq!(context.audit()?.count(), 0);
/// # Ok::<(), hostlock::Error>(())
/// ```
pub struct Context(context::Context);

/// A [`Context`] in the making. A step that fails ends it, so no context is left with less than it was told.
pub struct ContextBuilder(context::Context);

impl Context {
    /// Begins a client's context. It trusts the system's roots, unless it is told whom to trust.
    pub fn client(policy: Policy) -> Result<ContextBuilder> {
        context::Context::client(policy.0).map(ContextBuilder)
    }

    /// Connects to `port` of `host` and makes the handshake: with `Ok` the certificate is valid and belongs to `host`.
    /// Resolving, connecting and the handshake together take no longer than the timeout.
    pub fn connect(&self, host: &Host, port: u16) -> Result<Connection> {
        open::Connection::to(&self.0, host.0.clone(), port).map(|made| Connection::new(made, None))
    }

    /// The same; the server is asked in the clear to begin TLS, as `protocol` says, within the same time. One that does not
    /// offer it, or says more in the clear after it has agreed, is refused.
    pub fn connect_by_starttls(&self, protocol: Starttls, host: &Host, port: u16) -> Result<Connection> {
        let guard = self.0.guard()?;
        let made = open::Connection::by_starttls(self.0.as_ctx(), guard, protocol.0, host.0.clone(), port)?;
        Ok(Connection::new(made, None))
    }

    /// [`Context::connect`] over a connected stream socket. Where the socket is in non-blocking mode nothing is sent yet:
    /// [`Connection::handshake`] makes the handshake, and so does a read or write.
    ///
    /// ```
    /// # use std::net::{TcpListener, TcpStream};
    /// use hostlock::{Context, Host, Policy, Status};
    ///
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// # let server = std::thread::spawn(move || {
    /// #     std::io::Write::write_all(&mut listener.accept().unwrap().0, b"220 no TLS here\r\n").unwrap();
    /// # });
    /// let context = Context::client(Policy::default())?.trust_bundled()?.build();
    /// let socket = TcpStream::connect(("127.0.0.1", port))?;
    /// let refusal = context.connect_over(socket, &Host::parse("example.com")?).err().unwrap();
    /// assert_eq!(refusal.status(), Status::EPlaintext);
    /// # server.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_over(&self, socket: impl Into<OwnedFd>, host: &Host) -> Result<Connection> {
        let socket = socket.into();
        let made = open::Connection::over_socket(&self.0, socket.as_raw_fd(), host.0.clone())?;
        Ok(Connection::new(made, Some(socket)))
    }

    /// Judges a chain without a connection as a handshake would: PEM or DER, the peer's own certificate first.
    pub fn verify_chain(&self, chain: &[u8], host: &Host) -> Result<()> {
        offline::verify(self.0.as_ctx(), self.0.guard()?, chain, Some(host.0.clone()))
    }

    /// What is weak in the context. One of hostlock's own has nothing, unless the system's configuration interferes.
    pub fn audit(&self) -> Result<Report> {
        audit::context(self.0.as_ctx()).map(Report)
    }
}

impl ContextBuilder {
    /// Trusts the roots in a file: PEM, or one certificate in DER.
    pub fn trust_file(self, path: impl AsRef<Path>) -> Result<ContextBuilder> {
        self.trust("trust_file", |broken| source::index(Input::File(path.as_ref()), broken))
    }

    /// Trusts the roots in the files of a directory.
    pub fn trust_dir(self, path: impl AsRef<Path>) -> Result<ContextBuilder> {
        self.trust("trust_dir", |broken| source::index(Input::Directory(path.as_ref()), broken))
    }

    /// Trusts the roots in `data`: PEM, or one certificate in DER.
    pub fn trust_mem(self, data: &[u8]) -> Result<ContextBuilder> {
        self.trust("trust_mem", |broken| source::index(Input::Memory(data), broken))
    }

    /// Trusts the system's roots, beside others that are named.
    pub fn trust_system(self) -> Result<ContextBuilder> {
        self.trust("trust_system", |_| source::system())
    }

    /// Trusts Mozilla's roots, as they come with hostlock.
    pub fn trust_bundled(self) -> Result<ContextBuilder> {
        self.trust("trust_bundled", |_| Ok(source::bundled()))
    }

    /// How long a connect with its handshake, or one read or write, may wait; zero is for ever.
    pub fn timeout(self, timeout: Duration) -> Result<ContextBuilder> {
        let set = |settings: &mut crate::guard::Settings, value| settings.timeout_ms = value;
        self.0.guard()?.configure(Family::Setting("timeout"), "timeout", || milliseconds(timeout), set)?;
        Ok(self)
    }

    /// Whether connections of the context go on from each other's sessions, as they do where this is not called.
    pub fn resume(self, resumes: bool) -> Result<ContextBuilder> {
        resume::set(self.0.guard()?, "resume", || Ok(if resumes { "on" } else { "off" }.to_owned()))?;
        Ok(self)
    }

    /// The context, which nothing changes any more.
    pub fn build(self) -> Context {
        Context(self.0)
    }

    fn trust(self, call: &str, load: impl FnOnce(Broken) -> Result<Arc<Index>>) -> Result<ContextBuilder> {
        let guard = self.0.guard()?;
        let prepare = || guard.anchors.add_index(self.0.as_ctx(), load(guard.broken_anchors)?, Origin::Fixed);
        guard.configure(Family::Trust, call, prepare, |_, ()| {})?;
        Ok(self)
    }
}

/// A timeout as the rooms below count it. What is shorter than a millisecond must not become for ever.
pub(super) fn milliseconds(timeout: Duration) -> Result<u32> {
    u32::try_from(timeout.as_nanos().div_ceil(1_000_000))
        .map_err(|_| Error::new(Status::EArg, format!("a timeout of {timeout:?} is too long")))
}
