//! One verified connection.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::audit;
use crate::connection::drive::Progress;
use crate::connection::open;
use crate::door::Report;
use crate::error::{Error, Result, Status};

/// A TLS connection whose certificate is valid and belongs to the host that was asked for. No data passes before.
///
/// Reads and writes wait up to the context's timeout; over a non-blocking socket they answer
/// [`io::ErrorKind::WouldBlock`]. A read of 0 bytes means that the peer ended the connection cleanly, and only that: a
/// connection that was cut is [`io::ErrorKind::UnexpectedEof`]. The [`Error`] is inside the [`io::Error`].
///
/// ```
/// use std::io::{Read, Write};
/// use hostlock::{Context, Host, Policy, Status};
/// # use openssl::{asn1::Asn1Time, bn::BigNum, ec::{EcGroup, EcKey}, hash::MessageDigest, nid::Nid, pkey::PKey};
/// # use openssl::{ssl::{SslAcceptor, SslMethod}, x509::{X509, X509NameBuilder, extension::*}};
/// # let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
/// # let key = || PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
/// # let name = |text: &str| { let mut name = X509NameBuilder::new().unwrap(); name.append_entry_by_text("CN", text).unwrap(); name.build() };
/// # let begin = |serial: u32, subject: &str, key: &PKey<openssl::pkey::Private>| {
/// #     let mut made = X509::builder().unwrap();
/// #     made.set_version(2).unwrap();
/// #     made.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
/// #     made.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
/// #     made.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
/// #     made.set_subject_name(&name(subject)).unwrap();
/// #     made.set_issuer_name(&name("Doc CA")).unwrap();
/// #     made.set_pubkey(key).unwrap();
/// #     made
/// # };
/// # let ca_key = key();
/// # let mut ca = begin(1, "Doc CA", &ca_key);
/// # ca.append_extension(BasicConstraints::new().critical().ca().build()?)?;
/// # ca.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
/// # let id = SubjectKeyIdentifier::new().build(&ca.x509v3_context(None, None))?;
/// # ca.append_extension(id)?;
/// # ca.sign(&ca_key, MessageDigest::sha256())?;
/// # let ca = ca.build();
/// # let leaf_key = key();
/// # let mut leaf = begin(2, "localhost", &leaf_key);
/// # leaf.append_extension(BasicConstraints::new().critical().build()?)?;
/// # leaf.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
/// # leaf.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
/// # let id = AuthorityKeyIdentifier::new().keyid(true).build(&leaf.x509v3_context(Some(&ca), None))?;
/// # leaf.append_extension(id)?;
/// # let names = SubjectAlternativeName::new().dns("localhost").build(&leaf.x509v3_context(Some(&ca), None))?;
/// # leaf.append_extension(names)?;
/// # leaf.sign(&ca_key, MessageDigest::sha256())?;
/// # let leaf = leaf.build();
/// # let ca_pem = ca.to_pem()?;
/// # let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
/// # acceptor.set_private_key(&leaf_key)?;
/// # acceptor.set_certificate(&leaf)?;
/// # let acceptor = acceptor.build();
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let port = listener.local_addr()?.port();
/// # std::thread::spawn(move || for socket in listener.incoming().flatten() {
/// #     if let Ok(mut tls) = acceptor.accept(socket) {
/// #         let mut asked = [0; 5];
/// #         if tls.read_exact(&mut asked).is_ok() { let _ = tls.write_all(&asked); }
/// #         let _ = tls.shutdown();
/// #     }
/// # });
///
/// let context = Context::client(Policy::default())?.trust_mem(&ca_pem)?.build();
/// let mut connection = context.connect(&Host::parse("localhost")?, port)?;
/// assert_eq!(connection.verified_host().as_deref(), Some("localhost"));
/// assert_eq!(connection.version(), Some("TLSv1.3"));
///
/// connection.write_all(b"hello")?;
/// let mut answer = String::new();
/// connection.read_to_string(&mut answer)?;
/// assert_eq!(answer, "hello");
/// connection.shutdown()?;
///
/// // The same server under a name that is not in its certificate:
/// let refusal = context.connect(&Host::parse("127.0.0.1")?, port).err().unwrap();
/// assert_eq!(refusal.status(), Status::EHostMismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connection {
    made: open::Connection,
    /// The caller's socket. It stands below `made`, and so is closed after it.
    socket: Option<OwnedFd>,
}

impl Connection {
    pub(super) fn new(made: open::Connection, socket: Option<OwnedFd>) -> Connection {
        Connection { made, socket }
    }

    /// Makes the handshake over a non-blocking socket, or goes on with it: [`Status::WantRead`] and
    /// [`Status::WantWrite`] say what to wait for. [`Status::Ok`] once it is complete and the certificate verified.
    pub fn handshake(&mut self) -> Result<Status> {
        self.made.shake_hands().map(status)
    }

    /// Says goodbye, so that the peer knows the data to be complete. Nothing can be written afterwards.
    /// [`Status::Ok`] once it is sent, which over a non-blocking socket can need more than one call.
    pub fn shutdown(&mut self) -> Result<Status> {
        self.made.say_goodbye().map(status)
    }

    /// How many bytes a read gives at once, without looking at the socket.
    pub fn pending(&self) -> usize {
        self.made.pending()
    }

    /// The protocol version, such as "TLSv1.3".
    pub fn version(&self) -> Option<&'static str> {
        self.made.version()
    }

    /// The cipher suite by OpenSSL's name.
    pub fn cipher(&self) -> Option<String> {
        self.made.cipher()
    }

    /// Whether the handshake went on from the session of an earlier connection of the context to the same host; false before
    /// it is complete.
    pub fn is_resumed(&self) -> bool {
        self.made.is_resumed()
    }

    /// The host that the certificate was verified for, in normal form; nothing before the handshake is complete.
    pub fn verified_host(&self) -> Option<String> {
        self.made.verified_host()
    }

    /// The certificates that the peer sent, its own first, as PEM.
    pub fn peer_chain_pem(&self) -> Result<String> {
        self.made.peer_chain_pem()
    }

    /// What was agreed, as one JSON object: the keys are those of `hostlock_conn_info`.
    pub fn info_json(&self) -> Result<String> {
        self.made.info_json()
    }

    /// What is weak in the connection.
    pub fn audit(&self) -> Result<Report> {
        audit::connection(self.made.as_conn()).map(Report)
    }

    /// The descriptor, to wait for. It stays the connection's.
    pub fn descriptor(&self) -> Result<RawFd> {
        match &self.socket {
            Some(socket) => Ok(socket.as_raw_fd()),
            None => self.made.descriptor(),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        self.made.read(room).map_or_else(failed, moved)
    }
}

impl Write for Connection {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        self.made.write(data).map_or_else(failed, moved)
    }

    /// Does nothing: what a write took was given to the socket.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("verified_host", &self.verified_host()).finish_non_exhaustive()
    }
}

fn status(progress: Progress) -> Status {
    match progress {
        Progress::Done(_) | Progress::End => Status::Ok,
        Progress::WantRead => Status::WantRead,
        Progress::WantWrite => Status::WantWrite,
    }
}

fn moved(progress: Progress) -> io::Result<usize> {
    match progress {
        Progress::Done(count) => Ok(count),
        Progress::End => Ok(0),
        Progress::WantRead | Progress::WantWrite => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn failed(error: Error) -> io::Result<usize> {
    let kind = match error.status() {
        Status::ETimeout => io::ErrorKind::TimedOut,
        Status::ETruncated => io::ErrorKind::UnexpectedEof,
        Status::EClosed => io::ErrorKind::BrokenPipe,
        Status::EArg => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    Err(io::Error::new(kind, error))
}
