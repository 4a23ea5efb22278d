//! A server on the loopback interface, and a client context of hostlock's whose handshakes with it are driven by plain
//! OpenSSL calls.
#![allow(dead_code, reason = "each test uses its part")]

use std::ffi::{CStr, CString};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use foreign_types::ForeignType;
use hostlock::context::Context;
use hostlock::error::{Error, Status};
use hostlock::ffi::errors::{hostlock_error_message, hostlock_last_error};
use hostlock::ffi::trust::*;
use hostlock::handshake::connection_state::{ConnectionState, Verdict};
use hostlock::host::Reference;
use hostlock::libssl::Conn;
use hostlock::policy::Policy;
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslMethod, SslStream};
use openssl_sys as ffi;

use super::pki::{Identity, Recipe};

pub const HOST: &str = "host.example";

/// A CA and a server for [`HOST`] with a certificate of it.
pub struct World {
    pub ca: Identity,
    pub port: u16,
}

impl World {
    pub fn new(ca_name: &str) -> World {
        let ca = Recipe::ca(ca_name).self_signed();
        let port = serve(&Recipe::server(HOST, &[HOST]).issued_by(&ca));
        World { ca, port }
    }
}

pub fn serve(identity: &Identity) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    let acceptor = acceptor.build();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(mut tls) = acceptor.accept(stream) {
                let _ = tls.write_all(b"hello");
                let _ = tls.shutdown();
            }
        }
    });
    port
}

/// What a C program would have: a context from hostlock.
pub struct Client(pub SslContext);

impl Client {
    pub fn new() -> Client {
        let context = Context::client(Policy::named("default").unwrap()).unwrap();
        // SAFETY: the context gives up its one reference.
        Client(unsafe { SslContext::from_ptr(context.into_raw()) })
    }

    pub fn as_ptr(&self) -> *mut ffi::SSL_CTX {
        self.0.as_ptr()
    }

    pub fn trust_file(&self, path: &Path) -> Result<(), Failure> {
        let path = c_path(path);
        // SAFETY: the context is live, here and below; the path outlives the call.
        answer(unsafe { hostlock_ctx_trust_file(self.as_ptr(), path.as_ptr()) })
    }

    pub fn trust_dir(&self, path: &Path) -> Result<(), Failure> {
        let path = c_path(path);
        // SAFETY: as above.
        answer(unsafe { hostlock_ctx_trust_dir(self.as_ptr(), path.as_ptr()) })
    }

    pub fn trust_mem(&self, data: &[u8]) -> Result<(), Failure> {
        // SAFETY: as above.
        answer(unsafe { hostlock_ctx_trust_mem(self.as_ptr(), data.as_ptr(), data.len()) })
    }

    pub fn trust_system(&self) -> Result<(), Failure> {
        // SAFETY: as above.
        answer(unsafe { hostlock_ctx_trust_system(self.as_ptr()) })
    }

    pub fn trust_bundled(&self) -> Result<(), Failure> {
        // SAFETY: as above.
        answer(unsafe { hostlock_ctx_trust_bundled(self.as_ptr()) })
    }

    pub fn trust_count(&self) -> Result<usize, Failure> {
        let mut count = 0;
        // SAFETY: the context is live, and the count has its place.
        answer(unsafe { hostlock_ctx_trust_count(self.as_ptr(), &mut count) })?;
        Ok(count)
    }

    /// A handshake with the server at `port`, for [`HOST`], and the server's greeting; or why it was refused.
    pub fn connect(&self, port: u16) -> Result<(), Error> {
        let ssl = Ssl::new(&self.0).unwrap();
        // SAFETY: the SSL is live and used by this thread only, here and below.
        hostlock::handshake::set_host::set(Conn::from(&*ssl), || Reference::parse(HOST)).unwrap();
        let mut stream = SslStream::new(ssl, TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
        let outcome = stream.connect();
        // SAFETY: as above.
        let verdict = ConnectionState::of(Conn::from(stream.ssl())).unwrap().known().verdict.clone();
        match verdict {
            Verdict::Refused(error) => {
                outcome.expect_err("a refused handshake fails");
                Err(error)
            }
            Verdict::Verified { .. } => {
                outcome.expect("a verified handshake succeeds");
                let mut greeting = [0; 5];
                stream.read_exact(&mut greeting).unwrap();
                assert_eq!(&greeting, b"hello");
                Ok(())
            }
            other => panic!("not judged by the policy: {other:?}, {outcome:?}"),
        }
    }

    pub fn status(&self, port: u16) -> Status {
        self.connect(port).map_or_else(|error| error.status(), |()| Status::Ok)
    }
}

/// What the C ABI says of a call that failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

fn answer(code: i32) -> Result<(), Failure> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: a call of this thread has failed just now, so there is an error, and its message lives until the next.
    let message = unsafe { CStr::from_ptr(hostlock_error_message(hostlock_last_error())) };
    Err(Failure { status: Status::from_code(code).unwrap(), message: message.to_str().unwrap().to_owned() })
}

pub fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}
