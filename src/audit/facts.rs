//! What was seen of a context or a connection, as plain data: the input of the comparison, and all that it may know.

use std::ffi::{c_int, c_ulong};

use crate::audit::hello::Hello;
pub use crate::libssl::method::{Method, Side};
use crate::policy::is_of_tls13;

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What was looked at.
    pub object: Object,
    /// The method that it was made with.
    pub method: Method,
    /// The side that it plays.
    pub side: Side,
    /// How peers are verified.
    pub verification: Verification,
    /// Versions, options and the security level.
    pub protocol: Protocol,
    /// The cipher suites in its list, TLS 1.3's included.
    pub suites: Vec<Suite>,
    /// Its trust anchors.
    pub trust: Trust,
    /// The certificate that it shows, where it has one.
    pub own: Option<OwnCertificate>,
    /// What it does besides.
    pub habits: Habits,
    /// What hostlock knows of a context of its own.
    pub guarded: Option<Guarded>,
    /// What came of a handshake that is complete.
    pub handshake: Option<Handshake>,
    /// What a trial hello showed.
    pub probe: Probe,
    /// The moment of looking, in Unix seconds.
    pub now: i64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// An `SSL_CTX`.
    Context,
    /// An `SSL`.
    Connection,
}

/// How peers are verified.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// `SSL_VERIFY_*` bits.
    pub mode: c_int,
    /// Whether the program set a verify callback on the context or connection.
    pub own_callback: bool,
    /// Whether it set one on the certificate store.
    pub own_store_callback: bool,
    /// The setters by which it replaced functions of the certificate store.
    pub own_store_functions: Vec<&'static str>,
    /// What stands in place of libssl's verification.
    pub replaced: Replaced,
    /// The hosts to compare with.
    pub hosts: Vec<String>,
    /// The address or e-mail address to compare with.
    pub other_names: Vec<String>,
    /// The name that is sent as SNI.
    pub sni: Option<String>,
    /// `X509_CHECK_FLAG_*` bits.
    pub host_flags: u32,
    /// `X509_V_FLAG_*` bits, of the parameters and of the store.
    pub flags: c_ulong,
    /// The most intermediates; `None` is OpenSSL's default.
    pub depth: Option<c_int>,
    /// The level of keys and signatures in chains; `None` is the security level.
    pub auth_level: Option<c_int>,
    /// `X509_PURPOSE_*`; `None` where this OpenSSL does not show it, 0 where none was set.
    pub purpose: Option<c_int>,
}

/// What `SSL_CTX_set_cert_verify_callback` put in place of libssl's verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replaced {
    /// Nothing.
    #[default]
    No,
    /// hostlock's verification.
    ByHostlock,
    /// A function of the program.
    ByProgram,
    /// This OpenSSL does not show it.
    Unknown,
}

/// Versions, options and the security level.
#[derive(Clone, Debug, Default)]
pub struct Protocol {
    /// The lowest version, 0 for the lowest that there is.
    pub min: c_int,
    /// The highest version, 0 for the highest that there is.
    pub max: c_int,
    /// `SSL_OP_*` bits.
    pub options: u64,
    /// The security level.
    pub level: c_int,
    /// What decides about versions, suites and keys.
    pub security: Security,
    /// The versions that this libssl speaks and that the level lets through.
    pub permitted: Vec<c_int>,
}

/// The security callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// OpenSSL's, which goes by the level.
    #[default]
    Level,
    /// hostlock's, which keeps the policy's floor.
    Hostlock,
    /// The program's.
    Program,
}

/// A cipher suite, by the numbers that OpenSSL gives its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// OpenSSL's name.
    pub name: String,
    /// IANA's number.
    pub id: u16,
    /// The key exchange.
    pub key_exchange: c_int,
    /// The authentication.
    pub authentication: c_int,
    /// The cipher, 0 for none.
    pub cipher: c_int,
    /// The digest of the message authentication code.
    pub digest: c_int,
    /// The strength of the cipher in bits.
    pub bits: c_int,
    /// Whether encryption and authentication are one.
    pub aead: bool,
    /// Whether the level lets it through.
    pub permitted: bool,
}

impl Suite {
    /// Whether it is one of TLS 1.3, which alone have the first octet 0x13.
    pub fn is_tls13(&self) -> bool {
        is_of_tls13(self.id)
    }
}

/// The trust anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// So many are there, or can be found.
    Holds(usize),
    /// None is there; directories or the like may give some when a handshake asks.
    MayFind,
    /// None.
    Empty,
    /// It could not be found out, and why.
    Unknown(String),
}

/// The certificate that the context shows.
#[derive(Clone, Debug)]
pub struct OwnCertificate {
    /// The certificate, and behind it those of its chain that the program set.
    pub chain: Vec<Shown>,
    /// Whether there is a private key, and whether it is the certificate's.
    pub key: Key,
}

/// One certificate that is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The subject, as one line.
    pub subject: String,
    /// When it begins to be valid, in Unix seconds; `None` where that cannot be read.
    pub not_before: Option<i64>,
    /// When it expires, in Unix seconds; `None` where that cannot be read.
    pub not_after: Option<i64>,
    /// What is wrong with its key, in words.
    pub key_flaw: Option<String>,
    /// The strength of its signature in bits; `None` where it does not count (a root's) or is not known.
    pub signature_bits: Option<c_int>,
}

/// The private key beside a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It is the certificate's.
    Fits,
    /// It is another's.
    DoesNotFit,
    /// There is none.
    Missing,
}

/// What a context does besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// Whether a client keeps sessions to resume them.
    pub client_sessions: bool,
    /// Whether the keys of connections are handed to a callback.
    pub key_log: bool,
    /// Whether connections end without close_notify.
    pub quiet_shutdown: bool,
}

/// What hostlock knows of a context of its own.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    /// Whether hostlock's verification is in place.
    pub in_place: bool,
    /// What was given up by which call, and why.
    pub waivers: Vec<(String, String)>,
    /// Whether the common name may stand for the host.
    pub cn_fallback: bool,
    /// The set-up call that failed, in words.
    pub poison: Option<String>,
    /// The moment that certificates are judged for in place of now.
    pub verify_time: Option<i64>,
}

/// What came of a handshake that is complete.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// Whether the peer showed a certificate.
    pub peer_certificate: bool,
    /// OpenSSL's verdict on it, in words, where that was a refusal.
    pub refusal: Option<String>,
}

/// What a trial hello showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// None was made.
    NotMade,
    /// This hello.
    Hello(Box<Hello>),
    /// None can be made, and why.
    Impossible(String),
}
