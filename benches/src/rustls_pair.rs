//! A client of rustls and a server of OpenSSL's in one process, joined by a BIO pair.

use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;

use foreign_types::ForeignType;
use openssl::ssl::SslContext;
use openssl::x509::X509;
use openssl_sys as ffi;
use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use crate::pair::{BIO_new_bio_pair, HOST};
use crate::step::{counted_part, end_step};

/// A configuration that trusts `ca`.
pub fn config(ca: &X509, resumes: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.to_der().unwrap().into()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

/// One connection.
pub struct RustlsPair {
    client: ClientConnection,
    server: *mut ffi::SSL,
    network: *mut ffi::BIO,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl RustlsPair {
    pub fn new(config: &Arc<ClientConfig>, server: &SslContext) -> RustlsPair {
        let name = HOST.to_str().expect("ASCII").try_into().expect("a name");
        let client = ClientConnection::new(Arc::clone(config), name).unwrap();
        let (mut one, mut network) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the context is live; the connection takes one end of the pair.
        let server = unsafe {
            let server = ffi::SSL_new(server.as_ptr());
            assert_eq!(BIO_new_bio_pair(&mut one, 1 << 16, &mut network, 1 << 16), 1);
            ffi::SSL_set_bio(server, one, one);
            ffi::SSL_set_accept_state(server);
            server
        };
        RustlsPair { client, server, network, incoming: Vec::new(), outgoing: Vec::new() }
    }

    /// Drives both sides to the end of the handshake; the client reads what the server sends behind it.
    pub fn handshake(&mut self) {
        self.drive(RustlsPair::client_step);
        self.serve();
        self.client_step();
    }

    /// The same, where the client's part counts.
    pub fn counted_handshake(&mut self) {
        self.drive(|pair| counted_part(|| pair.client_step()));
        end_step();
        self.serve();
        self.client_step();
    }

    pub fn is_resumed(&self) -> bool {
        self.client.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn drive(&mut self, mut step: impl FnMut(&mut RustlsPair)) {
        for _ in 0..10 {
            step(self);
            let served = self.serve();
            if served == 1 && !self.client.is_handshaking() {
                return;
            }
        }
        panic!("the handshake did not complete: {}", openssl::error::ErrorStack::get());
    }

    fn client_step(&mut self) {
        let mut rest = self.incoming.as_slice();
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets().unwrap();
        }
        self.incoming.clear();
        while self.client.wants_write() {
            self.client.write_tls(&mut self.outgoing).unwrap();
        }
    }

    fn serve(&mut self) -> c_int {
        // SAFETY: the server and its BIO are live; the buffers are as long as is said.
        unsafe {
            let sent = ffi::BIO_write(self.network, self.outgoing.as_ptr().cast(), self.outgoing.len() as c_int);
            assert!(self.outgoing.is_empty() || sent as usize == self.outgoing.len());
            self.outgoing.clear();
            let served = ffi::SSL_do_handshake(self.server);
            let mut buffer = [0_u8; 1 << 14];
            loop {
                let got = ffi::BIO_read(self.network, buffer.as_mut_ptr().cast(), buffer.len() as c_int);
                if got <= 0 {
                    return served;
                }
                self.incoming.extend(&buffer[..got as usize]);
            }
        }
    }
}

impl Drop for RustlsPair {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe {
            ffi::SSL_free(self.server);
            ffi::BIO_free_all(self.network);
        }
    }
}
