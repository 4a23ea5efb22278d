//! Peers on loopback: honest servers, and those that stall, cut, flood or speak something else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod, SslStream};

use crate::support::pki::Identity;

/// A TCP peer: `serve` gets each connection.
pub fn raw(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    port
}

/// The first record that a client sends: its hello.
pub fn client_hello(stream: &mut TcpStream) -> Vec<u8> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).unwrap();
    let len = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + len, 0);
    stream.read_exact(&mut record[5..]).unwrap();
    record
}

/// Holds the connection until the peer goes.
pub fn linger(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

pub fn acceptor(identity: &Identity) -> SslAcceptorBuilder {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    acceptor
}

/// A TLS server: `serve` gets each connection whose handshake succeeded.
pub fn tls(acceptor: SslAcceptorBuilder, serve: impl Fn(SslStream<TcpStream>) + Send + 'static) -> u16 {
    let acceptor = acceptor.build();
    raw(move |stream| {
        if let Ok(stream) = acceptor.accept(stream) {
            serve(stream);
        }
    })
}

/// A TLS server that says "hello" and goodbye.
pub fn greeter(identity: &Identity) -> u16 {
    tls(acceptor(identity), |mut stream| {
        let _ = stream.write_all(b"hello");
        let _ = stream.shutdown();
        // Until the client goes too: a socket that is closed with unread data resets the connection.
        let _ = stream.get_mut().read_to_end(&mut Vec::new());
    })
}

/// A TLS server that gives back what it gets.
pub fn echo(acceptor: SslAcceptorBuilder) -> u16 {
    tls(acceptor, |mut stream| {
        let mut room = [0; 1024];
        while let Ok(got @ 1..) = stream.read(&mut room) {
            if stream.write_all(&room[..got]).is_err() {
                return;
            }
        }
        let _ = stream.shutdown();
    })
}

/// A server that reads a byte, and then resets the connection.
pub fn resetting(identity: &Identity) -> u16 {
    tls(acceptor(identity), |mut stream| {
        let mut byte = [0];
        let _ = stream.read_exact(&mut byte);
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let fd = stream.get_ref().as_raw_fd();
        let len = size_of::<libc::linger>() as u32;
        // SAFETY: the option's value is the struct behind the pointer.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), len) };
    })
}

/// `openssl s_server` for what the library refuses to serve.
pub struct OldServer {
    child: Child,
    pub port: u16,
    _output: BufReader<ChildStdout>,
    directory: std::path::PathBuf,
}

impl OldServer {
    pub fn start(name: &str, identity: &Identity, options: &[&str]) -> OldServer {
        let directory = std::env::temp_dir().join(format!("hostlock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        std::fs::write(&certificate, identity.pem()).unwrap();
        std::fs::write(&key, identity.key_pem()).unwrap();
        let mut child = Command::new("openssl")
            // The command belongs to the system's libssl.
            .env_remove("LD_LIBRARY_PATH")
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "4", "-cert"])
            .arg(&certificate)
            .arg("-key")
            .arg(&key)
            .args(options)
            .env("OPENSSL_CONF", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the openssl command is installed");
        // "ACCEPT 127.0.0.1:40123"
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let port = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "s_server did not start");
            if let Some(port) = line.trim().strip_prefix("ACCEPT").and_then(|rest| rest.rsplit(':').next()) {
                break port.parse().unwrap();
            }
        };
        OldServer { child, port, _output: output, directory }
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
