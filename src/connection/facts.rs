//! What a completed handshake agreed on. Before it is complete, and after a failure, there is nothing to tell: no host
//! is ever reported as verified that a later message could still disprove.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use crate::connection::{gate, gather};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::json::Object;
use crate::libssl::{Conn, Suite, certificate_words};
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
