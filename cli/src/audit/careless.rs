//! The same server met as careless clients meet it: plain OpenSSL at level 0, verification off. From what it showed
//! follows which habits of legacy code would have let it through. Nothing is sent but the handshake.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use hostlock::{Host, asked_for_certificate};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::ssl::{
    Error, ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::target::Target;

/// What the server showed to a client that takes everything.
pub struct Met {
    /// The version that was agreed.
    pub version: String,
    /// The suite that was agreed.
    pub suite: String,
    /// The certificates that it presented, its own first.
    pub presented: Vec<X509>,
    /// OpenSSL's verdict on the chain, which nobody asked for.
    pub verdict: X509VerifyResult,
    /// Whether the server wants to know who its clients are.
    pub clients: Clients,
    /// Whether the handshake was complete. One that the server ended after it had asked for a certificate is not.
    pub complete: bool,
}

/// What a server wants to know of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Nothing.
    Anybody,
    /// It asks for a certificate, and no handshake ended for want of one.
    Asked,
    /// It ends the connection of a client that shows none.
    Demanded,
}

impl Clients {
    /// In words, where there is something to say.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Clients::Anybody => None,
            Clients::Asked => Some(
                "the server asks for a client certificate, and makes the handshake without one; what it does in its own \
                 protocol for want of one (nginx: page 400) is not seen",
            ),
            Clients::Demanded => Some("the server demands a client certificate"),
        }
    }

    /// A word for JSON.
    pub fn id(self) -> Option<&'static str> {
        match self {
            Clients::Anybody => None,
            Clients::Asked => Some("asked"),
            Clients::Demanded => Some("demanded"),
        }
    }
}

/// How long a server of TLS 1.3 that has asked for a certificate may take to say that it goes on with nobody who has none.
const OBJECTION: Duration = Duration::from_secs(2);

/// A habit of legacy code, and what it made of the server.
pub struct Habit {
    /// A word for JSON.
    pub id: &'static str,
    /// What such a client checks, in words.
    pub checks: &'static str,
    /// Why it would have refused; `None` where it would have let the server through.
    pub refusal: Option<String>,
}

/// Connects without any verification.
pub fn connect(target: &Target, ca: Option<&Path>, timeout: Duration) -> Result<Met, String> {
    let context = context(ca).map_err(|error| error.to_string())?;
    let mut ssl = Ssl::new(&context).map_err(|error| error.to_string())?;
    if let Some(name) = target.host.server_name() {
        ssl.set_hostname(name).map_err(|error| error.to_string())?;
    }
    let end = Instant::now() + timeout;
    let socket = target.host.connect_tcp(target.port, timeout).map_err(|error| error.message().to_owned())?;
    if let Some(protocol) = target.starttls {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        protocol.ask(&socket, left).map_err(|error| error.message().to_owned())?;
    }
    let mut stream = SslStream::new(ssl, Timed { socket, end }).map_err(|error| error.to_string())?;
    let made = stream.connect();
    let clients = match &made {
        _ if !asked_for_certificate(stream.ssl()) => Clients::Anybody,
        Err(error) if !is_late(error) => Clients::Demanded,
        Ok(()) if objects(&mut stream, end) => Clients::Demanded,
        _ => Clients::Asked,
    };
    let complete = made.is_ok();
    if clients != Clients::Demanded {
        made.map_err(|error| error.to_string())?;
    }
    let ssl = stream.ssl();
    Ok(Met {
        version: ssl.version_str().to_owned(),
        suite: ssl.current_cipher().map_or("", |suite| suite.name()).to_owned(),
        presented: ssl.peer_cert_chain().map_or_else(Vec::new, |chain| chain.iter().map(ToOwned::to_owned).collect()),
        verdict: ssl.verify_result(),
        clients,
        complete,
    })
}

/// Whether the server ends a connection whose handshake was complete here: with TLS 1.3 it sees only then that there is no
/// certificate. One that has more patience than this audit, or says so in its own protocol, is not found out.
fn objects(stream: &mut SslStream<Timed>, end: Instant) -> bool {
    stream.get_mut().end = end.min(Instant::now() + OBJECTION);
    match stream.ssl_read(&mut [0; 1]) {
        Ok(_) => false,
        Err(error) => !is_late(&error),
    }
}

/// Whether it was the time that ended something, and not the server.
fn is_late(error: &Error) -> bool {
    let kind = error.io_error().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock))
        || matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

/// What each habit makes of the server.
pub fn habits(met: &Result<Met, String>, host: &Host) -> [Habit; 3] {
    let connection = met.as_ref().err().map(|why| format!("no connection: {why}"));
    let chain = || match met {
        Ok(met) if met.verdict != X509VerifyResult::OK => Some(met.verdict.error_string().to_owned()),
        _ => None,
    };
    let common_name = || met.as_ref().ok().and_then(|met| wrong_common_name(met.presented.first(), host));
    let refusals =
        [connection.clone(), connection.clone().or_else(chain), connection.clone().or_else(chain).or_else(common_name)];
    let words = [
        ("no-verification", "nothing"),
        ("chain-only", "the chain, and no host"),
        ("common-name", "the chain, and the common name"),
    ];
    let mut refusals = refusals.into_iter();
    words.map(|(id, checks)| Habit { id, checks, refusal: refusals.next().flatten() })
}

/// As legacy code compares: the last common name, ASCII case apart, a leading "*." for one label.
fn wrong_common_name(leaf: Option<&X509>, host: &Host) -> Option<String> {
    let Some(name) = leaf.and_then(|leaf| common_name(leaf)) else { return Some("there is no common name".to_owned()) };
    let host = host.to_string();
    let is_same = name.eq_ignore_ascii_case(&host);
    let is_wildcard = match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((_, rest))) => domain.eq_ignore_ascii_case(rest),
        _ => false,
    };
    (!is_same && !is_wildcard).then(|| format!("the common name is {name:?}"))
}

fn common_name(certificate: &X509Ref) -> Option<String> {
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).last()?;
    entry.data().to_string().ok()
}

fn context(ca: Option<&Path>) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    context.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
    // SSL_OP_LEGACY_SERVER_CONNECT, which was the default before OpenSSL 3.0.
    context.set_options(SslOptions::from_bits_retain(1 << 2));
    match ca {
        Some(path) => trust(&mut context, path)?,
        None => context.set_default_verify_paths()?,
    }
    Ok(context.build())
}

/// PEM, or one certificate in DER, which libssl does not take from a file of CAs.
fn trust(context: &mut SslContextBuilder, path: &Path) -> Result<(), ErrorStack> {
    match std::fs::read(path).ok().and_then(|bytes| X509::from_der(&bytes).ok()) {
        Some(one) => context.cert_store_mut().add_cert(one),
        None => context.set_ca_file(path),
    }
}

/// A socket whose reads and writes together end with the deadline.
struct Timed {
    socket: TcpStream,
    end: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over")),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
