//! The hooks at work in real handshakes, driven by plain OpenSSL calls on hostlock's context.

mod support;

use std::io::Read;
use std::net::TcpStream;

use foreign_types::ForeignType;
use hostlock::context::Context;
use hostlock::error::Status;
use hostlock::handshake::connection_state::{ConnectionState, Verdict};
use hostlock::host::Reference;
use hostlock::libssl::Conn;
use hostlock::policy::Policy;
use openssl::ssl::{Ssl, SslContext, SslStream};
use support::loopback::serve;
use support::pki::{Identity, Recipe};

fn client(ca: &Identity) -> SslContext {
    let context = Context::client(Policy::named("default").unwrap()).unwrap();
    context.guard().unwrap().anchors.add(context.as_ctx(), std::slice::from_ref(&ca.certificate)).unwrap();
    // SAFETY: the context gives up its one reference.
    unsafe { SslContext::from_ptr(context.into_raw()) }
}

fn connect(context: &SslContext, host: &str, port: u16) -> (Result<String, String>, Option<Status>) {
    let ssl = Ssl::new(context).unwrap();
    hostlock::handshake::set_host::set(Conn::from(&*ssl), || Reference::parse(host)).unwrap();
    let mut stream = SslStream::new(ssl, TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
    let mut text = String::new();
    let connected = stream.connect();
    if connected.is_ok() {
        assert!(openssl::error::ErrorStack::get().errors().is_empty(), "a success leaves OpenSSL's queue clean");
    }
    let outcome = match connected {
        Ok(()) => stream.read_to_string(&mut text).map(|_| text).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // SAFETY: as above.
    let status = match ConnectionState::of(Conn::from(stream.ssl())).unwrap().known().verdict.clone() {
        Verdict::Refused(error) => Some(error.status()),
        _ => None,
    };
    (outcome, status)
}

#[test]
fn the_right_host_connects_and_a_valid_certificate_of_another_is_refused() {
    let ca = Recipe::ca("Test CA").self_signed();
    let right = serve(&Recipe::server("right.example", &["right.example"]).issued_by(&ca));
    let impostor = serve(&Recipe::server("evil.example", &["evil.example"]).issued_by(&ca));
    let context = client(&ca);
    assert_eq!(connect(&context, "right.example", right), (Ok("hello".to_owned()), None));
    let (outcome, status) = connect(&context, "right.example", impostor);
    assert_eq!(status, Some(Status::EHostMismatch));
    assert!(outcome.unwrap_err().contains("evil.example"));
}
