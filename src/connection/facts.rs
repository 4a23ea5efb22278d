//! What a completed handshake agreed on. Before it is complete, and after a failure, there is nothing to tell: no host
//! is ever reported as verified that a later message could still disprove.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::connection::{gate, gather};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{Verdict, Watch};
use crate::json::Object;
use crate::libssl::certificate_words;
use crate::libssl::{Conn, sys};
use crate::moment;

/// A completed connection.
#[derive(Clone, Copy)]
pub struct Agreed(*mut ffi::SSL);

impl Agreed {
    /// The facts of `ssl`, or `None` where its handshake is not complete, was begun under no guard, or was refused.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl that no other thread uses as long as the result lives.
    pub unsafe fn of(ssl: *mut ffi::SSL) -> Option<Agreed> {
        // SAFETY: as the caller promises, here and in every block of this type.
        let complete = unsafe { ffi::SSL_is_init_finished(ssl) } == 1;
        // SAFETY: see above.
        (complete && unsafe { gate::guard(ssl) }.is_ok()).then_some(Agreed(ssl))
    }

    /// The protocol version in OpenSSL's words, such as "TLSv1.3". Static.
    pub fn version(self) -> *const c_char {
        // SAFETY: see `of`.
        unsafe { ffi::SSL_get_version(self.0) }
    }

    /// The cipher suite by OpenSSL's name, or NULL. Static.
    pub fn cipher(self) -> *const c_char {
        // SAFETY: see `of`; the suite is static.
        unsafe {
            let suite = ffi::SSL_get_current_cipher(self.0);
            if suite.is_null() { ptr::null() } else { ffi::SSL_CIPHER_get_name(suite) }
        }
    }

    /// The host that the peer's certificate was verified for.
    pub fn verified_host(self) -> Option<String> {
        // SAFETY: see `of`.
        match &unsafe { Watch::of(Conn::live(self.0)) }?.state().verdict {
            Verdict::Verified { host } => host.clone(),
            _ => None,
        }
    }

    /// The same for C. The connection owns the text, until its next handshake.
    pub fn lend_verified_host(self) -> *const c_char {
        let host = self.verified_host().and_then(|host| CString::new(host).ok());
        // SAFETY: see `of`.
        let Some(watch) = (unsafe { Watch::of(Conn::live(self.0)) }) else { return ptr::null() };
        let mut state = watch.state();
        if state.lent_host != host {
            state.lent_host = host;
        }
        state.lent_host.as_ref().map_or(ptr::null(), |host| host.as_ptr())
    }

    /// The certificates that the peer sent, its own first, as PEM.
    pub fn peer_chain_pem(self) -> Result<String> {
        let nothing = || Error::new(Status::ENoCertificate, "the peer of this connection sent no certificate");
        // SAFETY: see `of`; NULL or a stack that the connection owns.
        let chain = unsafe { ffi::SSL_get_peer_cert_chain(self.0) };
        let mut pem = Vec::new();
        let mut add = |certificate: &X509Ref| {
            let text = certificate.to_pem().map_err(|_| Error::new(Status::EInternal, "OpenSSL cannot write PEM"))?;
            pem.extend(text);
            Ok(())
        };
        // SAFETY: see `of`. A server's view of the chain lacks the leaf.
        let server = unsafe { ffi::SSL_is_server(self.0) } == 1;
        if chain.is_null() || server {
            self.with_leaf(&mut add).ok_or_else(nothing)??;
        }
        if !chain.is_null() {
            // SAFETY: as above.
            for certificate in unsafe { StackRef::<X509>::from_ptr(chain) } {
                add(certificate)?;
            }
        }
        String::from_utf8(pem).map_err(|_| Error::new(Status::EInternal, "OpenSSL wrote PEM that is not text"))
    }

    /// All facts as one JSON object.
    pub fn to_json(self) -> String {
        let mut object = Object::new();
        object.optional("version", self.text(self.version()));
        object.optional("cipher", self.text(self.cipher()));
        object.optional("group", self.group());
        object.optional("verified_host", self.verified_host().as_deref());
        // SAFETY: see `of`.
        object.truth("session_reused", unsafe { ffi::SSL_session_reused(self.0) } == 1);
        object.optional("alpn", self.alpn().as_deref());
        // SAFETY: see `of`.
        let guard = unsafe { Guard::of_conn(Conn::live(self.0)) };
        object.optional("policy", guard.map(|guard| guard.policy.name));
        let waived = |guard: &Guard| -> Vec<String> {
            let settings = guard.settings();
            settings.waivers.iter().map(|(waiver, _)| waiver.name().to_string_lossy().into_owned()).collect()
        };
        object.texts("insecure", &guard.map(waived).unwrap_or_default());
        // SAFETY: see `of`.
        object.text("peer", &gather::peer_address(unsafe { gather::descriptors(self.0) }.0));
        let certificate = self.with_leaf(&mut |leaf| {
            let mut certificate = Object::new();
            certificate.text("subject", &certificate_words::subject_of(leaf));
            certificate.text("issuer", &certificate_words::name_text(leaf.issuer_name()));
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

    /// The key exchange group, where this OpenSSL tells.
    fn group(&self) -> Option<&str> {
        // SAFETY: see `of`; this control takes no pointer.
        let id = unsafe { ffi::SSL_ctrl(self.0, sys::SSL_CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut()) };
        let id = c_int::try_from(id).ok().filter(|id| *id != 0)?;
        // SAFETY: see `of`; NULL or a string that lives as long as the context.
        self.text(unsafe { sys::SSL_group_to_name(self.0, id) })
    }

    fn alpn(self) -> Option<String> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: see `of`; what it points to belongs to the connection.
        unsafe { ffi::SSL_get0_alpn_selected(self.0, &mut data, &mut len) };
        if data.is_null() || len == 0 {
            return None;
        }
        // SAFETY: OpenSSL says that `len` bytes are there.
        Some(unsafe { std::slice::from_raw_parts(data, len as usize) }.escape_ascii().to_string())
    }

    fn with_leaf<T>(self, reader: &mut dyn FnMut(&X509Ref) -> T) -> Option<T> {
        // SAFETY: see `of`; the reference was made for us.
        let leaf = unsafe { ffi::SSL_get1_peer_certificate(self.0) };
        if leaf.is_null() {
            return None;
        }
        // SAFETY: not NULL, and live until it is freed below.
        let answer = reader(unsafe { X509Ref::from_ptr(leaf) });
        // SAFETY: gives our reference back.
        unsafe { ffi::X509_free(leaf) };
        Some(answer)
    }

    fn text(&self, pointer: *const c_char) -> Option<&str> {
        if pointer.is_null() {
            return None;
        }
        // SAFETY: OpenSSL's names are NUL-terminated and static.
        unsafe { CStr::from_ptr(pointer) }.to_str().ok()
    }
}
