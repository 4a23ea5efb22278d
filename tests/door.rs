//! The front door in Rust, where an example in its docs would be long: non-blocking sockets, cut connections, threads.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use hostlock::{Connection, Context, Error, Host, Policy, Status};
use openssl::ssl::{SslAcceptor, SslMethod};
use support::loopback::{HOST, World};
use support::pki::Recipe;

fn context(world: &World) -> Context {
    context_of(&world.ca.certificate.to_pem().unwrap())
}

fn context_of(pem: &[u8]) -> Context {
    Context::client(Policy::default()).unwrap().trust_mem(pem).unwrap().build()
}

fn host() -> Host {
    HOST.parse().unwrap()
}

fn socket(port: u16) -> TcpStream {
    Host::parse("127.0.0.1").unwrap().connect_tcp(port, Duration::from_secs(10)).unwrap()
}

#[test]
fn a_non_blocking_socket_never_waits_and_nothing_is_verified_before_the_handshake() {
    let world = World::new("Door CA");
    let socket = socket(world.port);
    socket.set_nonblocking(true).unwrap();
    let mut connection = context(&world).connect_over(socket, &host()).unwrap();
    assert_eq!((connection.verified_host(), connection.version()), (None, None));
    assert_eq!(connection.peer_chain_pem().unwrap_err().status(), Status::EState);
    loop {
        match connection.handshake().unwrap() {
            Status::Ok => break,
            status => assert!(matches!(status, Status::WantRead | Status::WantWrite)),
        }
        assert_eq!(connection.verified_host(), None);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(connection.verified_host().as_deref(), Some(HOST));
    let mut text = Vec::new();
    loop {
        let mut room = [0; 16];
        match connection.read(&mut room) {
            Ok(0) => break,
            Ok(got) => text.extend_from_slice(&room[..got]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
    assert_eq!(text, b"hello");
}

#[test]
fn a_second_connection_goes_on_from_the_first_unless_it_must_not() {
    let world = World::new("Door CA");
    let pem = world.ca.certificate.to_pem().unwrap();
    for resumes in [true, false] {
        let builder = Context::client(Policy::default()).unwrap().trust_mem(&pem).unwrap();
        let context = if resumes { builder.build() } else { builder.resume(false).unwrap().build() };
        for round in 0..3 {
            let mut connection = context.connect_over(socket(world.port), &host()).unwrap();
            assert_eq!(connection.is_resumed(), resumes && round > 0);
            assert_eq!(connection.verified_host().as_deref(), Some(HOST));
            let mut text = String::new();
            connection.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        }
    }
}

#[test]
fn a_cut_is_no_end() {
    let ca = Recipe::ca("Door CA").self_signed();
    let identity = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_private_key(&identity.key).unwrap();
        acceptor.set_certificate(&identity.certificate).unwrap();
        let mut tls = acceptor.build().accept(listener.accept().unwrap().0).unwrap();
        tls.write_all(b"half a").unwrap();
    });
    let mut connection = context_of(&ca.certificate.to_pem().unwrap()).connect_over(socket(port), &host()).unwrap();
    let mut text = String::new();
    let cut = connection.read_to_string(&mut text).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
    let error = cut.get_ref().and_then(|error| error.downcast_ref::<Error>()).unwrap();
    assert_eq!(error.status(), Status::ETruncated);
    server.join().unwrap();
}

#[test]
fn a_silent_server_costs_no_more_than_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Shorter than a millisecond, and so not for ever.
    let builder = Context::client(Policy::default()).unwrap().trust_bundled().unwrap();
    let context = builder.timeout(Duration::from_nanos(1)).unwrap().build();
    let refusal = context.connect(&Host::parse("127.0.0.1").unwrap(), port).unwrap_err();
    assert_eq!(refusal.status(), Status::ETimeout);
}

#[test]
fn a_connection_outlives_its_context_on_another_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    let world = World::new("Door CA");
    let context = context(&world);
    shared(&context);
    let mut connection: Connection = context.connect_over(socket(world.port), &host()).unwrap();
    drop(context);
    let read = thread::spawn(move || {
        let mut text = String::new();
        connection.read_to_string(&mut text).map(|_| text)
    });
    assert_eq!(read.join().unwrap().unwrap(), "hello");
}

#[test]
fn a_set_up_that_fails_leaves_no_context() {
    let builder = || Context::client(Policy::default()).unwrap();
    assert_eq!(builder().trust_file("/no/such/file").err().unwrap().status(), Status::ENotFound);
    assert_eq!(builder().trust_mem(b"no certificate").err().unwrap().status(), Status::EBadPem);
    assert_eq!(builder().timeout(Duration::MAX).err().unwrap().status(), Status::EArg);
}
