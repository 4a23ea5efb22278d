//! A server of hostlock's, and a visitor of any kind.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;
use std::thread;

use foreign_types::ForeignType;
use hostlock::ffi::context::hostlock_server_new;
use openssl::ssl::{Ssl, SslConnector, SslContextBuilder, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::c::{Conn, Ctx, Failure};
use crate::support::pki::Identity;

unsafe extern "C" {
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: std::ffi::c_int) -> std::ffi::c_int;
}

/// A context of a server that shows `identity`, and demands a certificate of `trusted` where that is named.
pub fn server(identity: Option<&Identity>, trusted: Option<&X509>) -> Ctx {
    // SAFETY: NULL asks for the default policy.
    let ctx = unsafe { hostlock_server_new(ptr::null()) };
    assert!(!ctx.is_null());
    if let Some(identity) = identity {
        // SAFETY: the context, the certificate and the key are live.
        unsafe {
            assert_eq!(ffi::SSL_CTX_use_certificate(ctx, identity.certificate.as_ptr()), 1);
            assert_eq!(ffi::SSL_CTX_use_PrivateKey(ctx, identity.key.as_ptr()), 1);
        }
    }
    if let Some(trusted) = trusted {
        let pem = trusted.to_pem().unwrap();
        // SAFETY: the context is live, the bytes are there.
        assert_eq!(unsafe { hostlock::ffi::trust::hostlock_ctx_trust_mem(ctx, pem.as_ptr(), pem.len()) }, 0);
    }
    Ctx(ctx)
}

/// What a server says of `visitor`, in the handshake or at its first read.
pub fn visited(ctx: &Ctx, visitor: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let visitor = thread::spawn(move || visitor(TcpStream::connect(address).unwrap()));
    let (stream, _) = listener.accept().unwrap();
    // SAFETY: the context is live; the connection is freed by `Conn`.
    let conn = unsafe { Conn(ffi::SSL_new(ctx.0)) };
    // SAFETY: the connection is live, and the descriptor longer.
    unsafe { assert_eq!(SSL_set_fd(conn.0, stream.as_raw_fd()), 1) };
    let failure = match conn.handshake() {
        0 => conn.read_failure(),
        answer => Failure::last(answer),
    };
    drop((conn, stream));
    visitor.join().unwrap();
    crate::c::queue();
    failure
}

/// A client of TLS that trusts anybody, but for what `prepare` changes.
pub fn client(prepare: impl FnOnce(&mut SslContextBuilder)) -> impl FnOnce(TcpStream) + Send + 'static {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_security_level(0);
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_min_proto_version(None).unwrap();
    prepare(&mut connector);
    let context = connector.build().into_context();
    move |stream| {
        let mut stream = SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap();
        if stream.connect().is_ok() {
            // TLS 1.3 has the server's answer come after the client's last flight.
            let _ = stream.ssl_read(&mut [0]);
        }
    }
}

/// The same, of one version.
pub fn client_of(
    version: SslVersion,
    prepare: impl FnOnce(&mut SslContextBuilder),
) -> impl FnOnce(TcpStream) + Send + 'static {
    client(move |context| {
        context.set_min_proto_version(Some(version)).unwrap();
        context.set_max_proto_version(Some(version)).unwrap();
        prepare(context);
    })
}
