//! A server made with the openssl crate, and a client that uses hostlock through its C ABI alone.
#![allow(dead_code, reason = "each test uses its part")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::error::{Error, Status};
use hostlock::ffi::{context, errors, host, hostlock_conn, hostlock_ctx};
use hostlock::handshake::connection_state::{ConnectionState, Verdict};
use hostlock::libssl::{Conn, Ctx};
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslMethod, SslRef, SslStream, SslVerifyMode, SslVersion};

use super::pki::Identity;

/// A server, and what it has seen.
pub struct Server {
    pub port: u16,
    /// How many connections sent application data.
    pub requests: Arc<AtomicUsize>,
}

/// Gives each connection of a server what it staples.
pub type Stapler = Box<dyn Fn(&SslRef) + Send + Sync>;

/// How a server behaves.
#[derive(Default)]
pub struct Manner {
    /// What it staples.
    pub staple: Option<Vec<u8>>,
    /// What it does to staple something else.
    pub staples: Option<Stapler>,
    /// The only version it speaks.
    pub version: Option<SslVersion>,
    /// Asks for a client certificate, and counts those that arrive.
    pub certificates: Option<Arc<AtomicUsize>>,
}

/// Serves `identity` with the other certificates of its chain: says "hello" to whoever says something.
pub fn serve(identity: &Identity, chain: &[&Identity]) -> Server {
    serve_in_manner(identity, chain, Manner::default())
}

pub fn serve_in_manner(identity: &Identity, chain: &[&Identity], manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    for other in chain {
        acceptor.add_extra_chain_cert(other.certificate.clone()).unwrap();
    }
    if manner.version.is_some() {
        acceptor.set_min_proto_version(manner.version).unwrap();
        acceptor.set_max_proto_version(manner.version).unwrap();
    }
    if let Some(staple) = manner.staple {
        acceptor
            .set_status_callback(move |ssl: &mut SslRef| {
                ssl.set_ocsp_status(&staple)?;
                Ok(true)
            })
            .unwrap();
    }
    if let Some(staples) = manner.staples {
        acceptor
            .set_status_callback(move |ssl: &mut SslRef| {
                staples(ssl);
                Ok(true)
            })
            .unwrap();
    }
    if let Some(certificates) = manner.certificates {
        acceptor.set_verify_callback(SslVerifyMode::PEER, move |_, _| {
            certificates.fetch_add(1, Ordering::SeqCst);
            true
        });
    }
    let acceptor = acceptor.build();
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            thread::spawn(move || {
                let Ok(mut tls) = acceptor.accept(stream) else { return };
                if tls.read(&mut [0; 16]).is_ok_and(|count| count > 0) {
                    seen.fetch_add(1, Ordering::SeqCst);
                    let _ = tls.write_all(b"hello");
                    let _ = tls.shutdown();
                }
            });
        }
    });
    Server { port, requests }
}

/// A client context of the C ABI.
pub struct Client(pub *mut hostlock_ctx);

// SAFETY: a context may be shared by threads once it is set up.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: made in `trusting`, freed once.
        unsafe { context::hostlock_ctx_free(self.0) };
    }
}

impl Client {
    pub fn trusting(anchors: &[&Identity]) -> Client {
        // SAFETY: NULL names the default policy.
        let ctx = unsafe { context::hostlock_client_new(std::ptr::null()) };
        assert!(!ctx.is_null());
        let certificates: Vec<_> = anchors.iter().map(|anchor| anchor.certificate.clone()).collect();
        if !certificates.is_empty() {
            // SAFETY: the context is live and not in use.
            unsafe {
                let guard = hostlock::guard::Guard::of(Ctx::live(ctx)).unwrap();
                guard.anchors.add(Ctx::live(ctx), &certificates).unwrap();
            }
        }
        Client(ctx)
    }

    /// One set-up call: the error where it fails.
    pub fn set(&self, call: impl FnOnce(*mut hostlock_ctx) -> c_int) -> Result<(), Error> {
        match call(self.0) {
            0 => Ok(()),
            code => {
                let error = last_error();
                assert_eq!(error.status().code(), code);
                Err(error)
            }
        }
    }

    /// A set-up call with one text.
    pub fn set_text(
        &self,
        call: unsafe extern "C" fn(*mut hostlock_ctx, *const c_char) -> c_int,
        text: &str,
    ) -> Result<(), Error> {
        let text = CString::new(text).unwrap();
        // SAFETY: the context is live, the text NUL-terminated.
        self.set(|ctx| unsafe { call(ctx, text.as_ptr()) })
    }

    /// Set-up with bytes in memory.
    pub fn set_bytes(
        &self,
        call: unsafe extern "C" fn(*mut hostlock_ctx, *const u8, usize) -> c_int,
        data: &[u8],
    ) -> Result<(), Error> {
        // SAFETY: the context is live, the bytes are there.
        self.set(|ctx| unsafe { call(ctx, data.as_ptr(), data.len()) })
    }

    /// Connects as old code does; the error is the one that hostlock_conn_error gives.
    pub fn connect(&self, host: Option<&str>, port: u16) -> Result<String, Error> {
        self.connect_with(port, |ssl| {
            if let Some(host) = host {
                let host = CString::new(host).unwrap();
                // SAFETY: the connection is live, the text NUL-terminated.
                assert_eq!(unsafe { host::hostlock_conn_set_host(ssl, host.as_ptr()) }, 0);
            }
        })
    }

    pub fn connect_with(&self, port: u16, prepare: impl FnOnce(*mut hostlock_conn)) -> Result<String, Error> {
        // SAFETY: the context is live; one more owner is made for the value.
        let context = unsafe {
            openssl_sys::SSL_CTX_up_ref(self.0);
            SslContext::from_ptr(self.0)
        };
        let ssl = Ssl::new(&context).unwrap();
        prepare(ssl.as_ptr());
        let mut stream = SslStream::new(ssl, TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
        let connected = stream.connect().map_err(|error| error.to_string());
        let mut text = String::new();
        let outcome = connected.and_then(|()| {
            stream.write_all(b"hi").map_err(|error| error.to_string())?;
            stream.read_to_string(&mut text).map_err(|error| error.to_string())
        });
        // SAFETY: the connection is live and used by this thread only.
        let (kept, verdict) = unsafe {
            (
                errors::hostlock_conn_error(stream.ssl().as_ptr()),
                ConnectionState::of(Conn::from(stream.ssl())).unwrap().known().verdict.clone(),
            )
        };
        match (outcome, verdict) {
            (Ok(_), Verdict::Verified { .. }) => {
                assert!(kept.is_null());
                Ok(text)
            }
            (Err(words), Verdict::Refused(error)) => {
                // SAFETY: the error lives as long as the connection.
                assert_eq!(unsafe { errors::hostlock_error_status(kept) }, error.status().code());
                let _ = words;
                Err(error)
            }
            (outcome, verdict) => panic!("{outcome:?} with {verdict:?}"),
        }
    }
}

fn last_error() -> Error {
    let last = errors::hostlock_last_error();
    assert!(!last.is_null());
    // SAFETY: this thread's last error lives until its next failure.
    unsafe { errors::share(last) }
}

/// A text that the C ABI lent.
pub fn lent(text: *const c_char) -> Option<String> {
    // SAFETY: NULL or NUL-terminated.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

/// The status of a refusal.
pub fn status<T>(outcome: Result<T, Error>) -> Option<Status> {
    outcome.err().map(|error| error.status())
}
