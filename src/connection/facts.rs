//! What a completed handshake agreed on. Before it is complete, and after a failure, there is nothing to tell: no host
//! is ever reported as verified that a later message could still disprove.

use std::ffi::{CStr, CString, c_char, c_long};
use std::ptr;

use openssl_sys::X509_V_OK;

use crate::connection::{gate, gather};
use crate::error::{Error, Result, Status};
use crate::chain::waivers::Waiver;
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::expected_host;
use crate::json::Object;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Suite, certificate, certificate_words};
use crate::moment;

/// A completed connection.
#[derive(Clone, Copy)]
pub struct Agreed<'a>(Conn<'a>);

impl<'a> Agreed<'a> {
    /// The facts of `conn`, or `None` where its handshake is not complete, was begun under no guard, or was refused.
    pub fn of(conn: Conn<'a>) -> Option<Agreed<'a>> {
        let complete = conn.is_init_finished();
        (complete && gate::guard(conn).is_ok()).then_some(Agreed(conn))
    }

    /// The protocol version in OpenSSL's words, such as "TLSv1.3".
    pub fn version(self) -> &'static CStr {
        self.0.version_text()
    }

    /// The cipher suite by OpenSSL's name.
    pub fn cipher(self) -> Option<&'static CStr> {
        self.0.suite().map(Suite::name_text)
    }

    /// Whether it goes on from an earlier handshake.
    pub fn is_resumed(self) -> bool {
        self.0.is_resumed()
    }

    /// The host that the peer's certificate was verified for.
    pub fn verified_host(self) -> Option<String> {
        match &ConnectionState::of(self.0)?.known().verdict {
            Verdict::Verified { host } => host.clone(),
            _ => None,
        }
    }

    /// The same for C. The connection owns the text, until its next handshake.
    pub fn lend_verified_host(self) -> *const c_char {
        let host = self.verified_host().and_then(|host| CString::new(host).ok());
        let Some(state) = ConnectionState::of(self.0) else { return ptr::null() };
        let mut known = state.known();
        if known.lent_host != host {
            known.lent_host = host;
        }
        known.lent_host.as_ref().map_or(ptr::null(), |host| host.as_ptr())
    }

    /// The application protocol that was agreed on, for C; what is not printable is escaped. The connection owns the text,
    /// until its next handshake.
    pub fn lend_alpn(self) -> *const c_char {
        let protocol = self.0.alpn().and_then(|protocol| CString::new(protocol.escape_ascii().to_string()).ok());
        let Some(state) = ConnectionState::of(self.0) else { return ptr::null() };
        let mut known = state.known();
        if known.lent_alpn != protocol {
            known.lent_alpn = protocol;
        }
        known.lent_alpn.as_ref().map_or(ptr::null(), |protocol| protocol.as_ptr())
    }

    /// By which name the client of a server is known: the one of those that it must have, else the first that its verified
    /// certificate presents. `None` on a client, and where the client showed no certificate.
    pub fn client_name(self) -> Option<String> {
        let (conn, guard) = (self.0, gate::guard(self.0).ok()?);
        let is_judged = matches!(guard.regime(), Regime::Own | Regime::Hardened);
        if !conn.is_server() || !is_judged || conn.verify_result() != c_long::from(X509_V_OK) {
            return None;
        }
        let leaf = conn.peer_certificate()?;
        let presented = certificate::presented(&leaf).ok()?;
        let state = ConnectionState::of(conn);
        match expected_host::of_client(conn, &guard, state, &Quiet::begin()).ok()? {
            Some(wanted) if !guard.settings().waivers.has(Waiver::HostName) => wanted.check(&presented).ok(),
            _ => presented.names().into_iter().chain(presented.emails()).next(),
        }
    }

    /// The same for C. The connection owns the text, until its next handshake.
    pub fn lend_client_name(self) -> *const c_char {
        let name = self.client_name().and_then(|name| CString::new(name).ok());
        let Some(state) = ConnectionState::of(self.0) else { return ptr::null() };
        let mut known = state.known();
        if known.lent_host != name {
            known.lent_host = name;
        }
        known.lent_host.as_ref().map_or(ptr::null(), |name| name.as_ptr())
    }

    /// The SHA-256 of the certificate that the peer showed.
    pub fn peer_sha256(self) -> Result<[u8; 32]> {
        let none = || Error::new(Status::ENoCertificate, "the peer of this connection sent no certificate");
        let leaf = self.0.peer_certificate().ok_or_else(none)?;
        let der = leaf.to_der().map_err(|_| Error::new(Status::EInternal, "OpenSSL could not encode the certificate"))?;
        Ok(openssl::sha::sha256(&der))
    }

    /// The certificates that the peer sent, its own first, as PEM.
    pub fn peer_chain_pem(self) -> Result<String> {
        let chain = self.0.peer_chain();
        // A server's view of the chain lacks the leaf.
        let leaf = if chain.is_none() || self.0.is_server() { self.0.peer_certificate() } else { None };
        let sent = chain.into_iter().flat_map(|chain| chain.iter());
        let mut pem = Vec::new();
        for certificate in leaf.iter().map(|leaf| &**leaf).chain(sent) {
            let text = certificate.to_pem().map_err(|_| Error::no_memory("the chain as PEM"))?;
            pem.extend(text);
        }
        if pem.is_empty() {
            return Err(Error::new(Status::ENoCertificate, "the peer of this connection sent no certificate"));
        }
        String::from_utf8(pem).map_err(|_| Error::new(Status::EInternal, "OpenSSL wrote PEM that is not text"))
    }

    /// How many bytes came from the network and went to it, the handshake's included.
    fn bytes_moved(self) -> (i64, i64) {
        // Over a program's own socket our transport moves those of our calls.
        let ours = ConnectionState::of(self.0).map_or((0, 0), |state| state.courier.bytes_moved());
        let own = self.0.bytes_moved();
        let sum = |own: u64, ours: u64| i64::try_from(own.saturating_add(ours)).unwrap_or(i64::MAX);
        (sum(own.0, ours.0), sum(own.1, ours.1))
    }

    /// All facts as one JSON object.
    pub fn to_json(self) -> String {
        let mut object = Object::new();
        object.optional("version", self.version().to_str().ok());
        object.optional("cipher", self.0.suite().map(Suite::name));
        object.optional("group", self.0.group());
        object.optional("verified_host", self.verified_host().as_deref());
        object.truth("session_reused", self.0.is_resumed());
        let alpn = self.0.alpn().map(|protocol| protocol.escape_ascii().to_string());
        object.optional("alpn", alpn.as_deref());
        let guard = Guard::of_conn(self.0);
        object.optional("policy", guard.map(|guard| guard.policy.name));
        let waived = |guard: &Guard| -> Vec<String> {
            let settings = guard.settings();
            settings.waivers.iter().map(|(waiver, _)| waiver.name().to_string_lossy().into_owned()).collect()
        };
        object.texts("insecure", &guard.map(waived).unwrap_or_default());
        object.text("peer", &gather::peer_address(self.0.descriptors().0));
        let (received, sent) = self.bytes_moved();
        object.number("bytes_received", received);
        object.number("bytes_sent", sent);
        let certificate = self.0.peer_certificate().map(|leaf| {
            let mut certificate = Object::new();
            certificate.text("subject", &certificate_words::subject_of(&leaf));
            certificate.text("issuer", &certificate_words::name_line(leaf.issuer_name()));
            for (key, time) in [("not_before", leaf.not_before()), ("not_after", leaf.not_after())] {
                if let Some(seconds) = moment::unix_seconds(time) {
                    certificate.number(key, seconds);
                }
            }
            certificate.finish()
        });
        object.raw("certificate", certificate.as_deref().unwrap_or("null"));
        object.finish()
    }
}

/// The name that the client of the server's connection `conn` asked for, for C. The connection owns the text, until its next
/// handshake.
pub fn lend_sni(conn: Conn<'_>) -> *const c_char {
    let (true, Some(state)) = (conn.is_server(), ConnectionState::of(conn)) else { return ptr::null() };
    let asked = state.known().asked_name.clone().or_else(|| conn.server_name().map(<[u8]>::to_vec));
    let text = asked.and_then(|name| CString::new(name.escape_ascii().to_string()).ok());
    let mut known = state.known();
    if known.lent_sni != text {
        known.lent_sni = text;
    }
    known.lent_sni.as_ref().map_or(ptr::null(), |name| name.as_ptr())
}
