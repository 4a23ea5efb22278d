//! Two connections over a pair of sockets, driven in one thread: one side hostlock's, the other plain OpenSSL.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use foreign_types::ForeignType;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl_sys as ffi;

use super::pki::{Identity, Recipe};
use crate::connection::transport::{Descriptor, Transport};
use crate::context::Context;
use crate::error::Error;
use crate::guard::{Family, Guard};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::host::Reference;
use crate::libssl::{Conn, Ctx};
use crate::policy::Policy;
use crate::trust::decode::Broken;
use crate::trust::named::Origin;
use crate::trust::source::{self, Input};

unsafe extern "C" {
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: std::ffi::c_int) -> std::ffi::c_int;
}

pub const HOST: &str = "host.example";

/// A CA, and who it vouches for.
pub struct World {
    pub ca: Identity,
    pub server: Identity,
    pub client: Identity,
}

impl World {
    pub fn new() -> World {
        let ca = Recipe::ca("Nets CA").self_signed();
        let server = Recipe::server(HOST, &[HOST]).issued_by(&ca);
        let client = Recipe { server_auth: false, client_auth: true, ..Recipe::server("someone", &[]) }.issued_by(&ca);
        World { ca, server, client }
    }

    /// A client's context of hostlock's that trusts the CA.
    pub fn client(&self) -> SslContext {
        let context = Context::client(Policy::named("default").unwrap()).unwrap();
        self.trust(&context);
        // SAFETY: the context gives up its one reference.
        unsafe { SslContext::from_ptr(context.into_raw()) }
    }

    /// A server's, which asks for a certificate of the CA.
    pub fn guarded_server(&self) -> SslContext {
        let context = Context::server(Policy::named("default").unwrap()).unwrap();
        self.trust(&context);
        // SAFETY: the context is live, and takes references of its own.
        unsafe {
            assert_eq!(ffi::SSL_CTX_use_certificate(context.as_ptr(), self.server.certificate.as_ptr()), 1);
            assert_eq!(ffi::SSL_CTX_use_PrivateKey(context.as_ptr(), self.server.key.as_ptr()), 1);
            assert_eq!(ffi::SSL_CTX_set_session_id_context(context.as_ptr(), b"nets".as_ptr(), 4), 1);
            SslContext::from_ptr(context.into_raw())
        }
    }

    fn trust(&self, context: &Context) {
        let guard = context.guard().unwrap();
        let read = || source::index(Input::Memory(&self.ca.pem()), Broken::Refuse);
        let added = || {
            let index = read()?;
            // SAFETY: the context is live and this thread's alone.
            guard.anchors.add_index(unsafe { Ctx::live(context.as_ptr()) }, index, Origin::Fixed)
        };
        guard.configure(Family::Trust, "trust", added, |_, ()| ()).unwrap();
    }

    /// A server without hostlock.
    pub fn plain_server(&self, version: SslVersion) -> SslContext {
        let mut builder = self.plain(SslMethod::tls_server(), version);
        builder.set_certificate(&self.server.certificate).unwrap();
        builder.set_private_key(&self.server.key).unwrap();
        builder.build()
    }

    /// A client without hostlock, which shows a certificate.
    pub fn plain_client(&self, version: SslVersion) -> SslContext {
        let mut builder = self.plain(SslMethod::tls_client(), version);
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_certificate(&self.client.certificate).unwrap();
        builder.set_private_key(&self.client.key).unwrap();
        builder.build()
    }

    fn plain(&self, method: SslMethod, version: SslVersion) -> SslContextBuilder {
        let mut builder = SslContext::builder(method).unwrap();
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        builder.set_session_id_context(b"nets").unwrap();
        builder
    }
}

/// A client and a server.
pub struct Pair {
    pub client: Ssl,
    pub server: Ssl,
    _sockets: (UnixStream, UnixStream),
}

/// How a handshake ended on the side that hostlock guards.
#[derive(Debug)]
pub struct Outcome {
    pub complete: bool,
    /// Application bytes that either side received.
    pub passed: usize,
}

impl Pair {
    pub fn new(client: &SslContext, server: &SslContext) -> Pair {
        let sockets = UnixStream::pair().unwrap();
        let pair = Pair { client: Ssl::new(client).unwrap(), server: Ssl::new(server).unwrap(), _sockets: sockets };
        for (ssl, socket) in [(&pair.client, &pair._sockets.0), (&pair.server, &pair._sockets.1)] {
            socket.set_nonblocking(true).unwrap();
            // SAFETY: the connection is live and this thread's; the descriptor outlives it.
            assert_eq!(unsafe { SSL_set_fd(ssl.as_ptr(), socket.as_raw_fd()) }, 1);
        }
        // SAFETY: both are live and this thread's alone.
        unsafe {
            ffi::SSL_set_connect_state(pair.client.as_ptr());
            ffi::SSL_set_accept_state(pair.server.as_ptr());
        }
        pair
    }

    /// The same, the client knowing its host.
    pub fn for_host(client: &SslContext, server: &SslContext) -> Pair {
        let pair = Pair::new(client, server);
        // SAFETY: the connection is live and this thread's alone.
        unsafe {
            crate::handshake::set_host::set(Conn::live(pair.client.as_ptr()), || Reference::parse(HOST)).unwrap()
        };
        pair
    }

    /// Gives the client the transport of a `hostlock_conn`.
    pub fn with_transport(self) -> Pair {
        // SAFETY: the connection is live and this thread's alone; the descriptor stays the socket's.
        let transport = Transport::over(Descriptor::Callers(self._sockets.0.as_raw_fd())).unwrap();
        Conn::from(&*self.client).set_bio(transport);
        self
    }

    /// Runs the handshake, then tries to send in both directions.
    pub fn run(&self) -> Outcome {
        let step = |ssl: &Ssl| {
            // SAFETY: the connection is live and this thread's alone.
            let answer = unsafe { ffi::SSL_do_handshake(ssl.as_ptr()) };
            // SAFETY: as for the call whose answer is asked about.
            let waits = unsafe { ffi::SSL_get_error(ssl.as_ptr(), answer) };
            drop(openssl::error::ErrorStack::get());
            (answer == 1, answer == 1 || matches!(waits, ffi::SSL_ERROR_WANT_READ | ffi::SSL_ERROR_WANT_WRITE))
        };
        let mut complete = (false, false);
        let mut goes_on = (true, true);
        for _ in 0..20 {
            for (ssl, complete, goes_on) in
                [(&self.client, &mut complete.0, &mut goes_on.0), (&self.server, &mut complete.1, &mut goes_on.1)]
            {
                if *goes_on && !*complete {
                    (*complete, *goes_on) = step(ssl);
                }
            }
        }
        send(&self.client);
        send(&self.server);
        let passed = receive(&self.client) + receive(&self.server);
        Outcome { complete: complete.0 && complete.1, passed }
    }

    /// Why the client's connection was refused.
    pub fn refusal(&self) -> Option<Error> {
        refusal_of(&self.client)
    }

    /// Ends as programs do, so that the session may be resumed.
    pub fn shut_down(&self) {
        for ssl in [&self.client, &self.server] {
            // SAFETY: the connection is live and this thread's alone.
            unsafe { ffi::SSL_shutdown(ssl.as_ptr()) };
        }
        drop(openssl::error::ErrorStack::get());
    }
}

/// Why a connection was refused.
pub fn refusal_of(ssl: &Ssl) -> Option<Error> {
    // SAFETY: the connection is live.
    let state = unsafe { ConnectionState::of(Conn::live(ssl.as_ptr())) }?;
    match &state.known().verdict {
        Verdict::Refused(error) => Some(error.clone()),
        _ => None,
    }
}

/// The guard of a context.
pub fn guard(context: &SslContext) -> &Guard {
    // SAFETY: the context is live as long as the reference.
    unsafe { Guard::of(Ctx::live(context.as_ptr())) }.unwrap()
}

fn send(ssl: &Ssl) {
    // SAFETY: the connection is live and this thread's alone; the bytes outlive the call.
    unsafe { ffi::SSL_write(ssl.as_ptr(), b"secret".as_ptr().cast(), 6) };
    drop(openssl::error::ErrorStack::get());
}

fn receive(ssl: &Ssl) -> usize {
    let mut room = [0u8; 64];
    // SAFETY: the connection is live and this thread's alone; the room is as long as is said.
    let answer = unsafe { ffi::SSL_read(ssl.as_ptr(), room.as_mut_ptr().cast(), 64) };
    drop(openssl::error::ErrorStack::get());
    usize::try_from(answer).unwrap_or(0)
}
