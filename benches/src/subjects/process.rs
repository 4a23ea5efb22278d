//! Whole processes: from their start to the first context, and to the first verified handshake, with a server that this
//! program runs beside them.

use std::ffi::c_int;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use foreign_types::ForeignTypeRef;
use openssl::ssl::{Ssl, SslContext, SslStream, SslVersion};
use openssl_sys as ffi;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};

use super::{Bench, Subject};
use crate::goal::Goal;
use crate::measure::{Child, instructions, times};
use crate::pair;
use crate::peers::{self, CONNECTOR, HOSTLOCK, Made, RAW, RAW_ONE_ROOT, ROOTS_VARIABLE, RUSTLS_NATIVE};
use crate::pki::{Kind, Pki};
use crate::row::{Row, Unit};

pub const SUBJECT: Subject = Subject { name: "process", work, rows };

unsafe extern "C" {
    pub(super) fn SSL_set_fd(ssl: *mut ffi::SSL, fd: c_int) -> c_int;
    pub(super) fn SSL_connect(ssl: *mut ffi::SSL) -> c_int;
}

pub(super) const PORT_VARIABLE: &str = "HOSTLOCK_BENCH_PORT";
const CURL: &str = "curl";
const PYTHON: &str = "Python's ssl";
const COLD: &str = "cold context, less the start of its process";
const COLD_WITH_DIRECTORY: &str = "the same, SSL_CERT_FILE and SSL_CERT_DIR set";
const CONTEXT: &str = "process that makes one context";
const HANDSHAKE: &str = "process start to first verified TLS 1.3 handshake";

/// What the first handshake of a process may take where raw OpenSSL loads the one root only: docs/benchmarks.md says why it is
/// not less.
const FIRST: f64 = 1.04;

fn work(piece: &str, peer: &str, _count: usize) -> bool {
    match piece {
        "nothing" => {}
        "cold" => drop(peers::context(peer)),
        "handshake" => connect(peers::context(peer)),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let cold: Vec<Child> = peers::ALL.iter().map(|peer| bench.child("process", "cold", peer, 1)).collect();
    let nothing = Child::work("process", "nothing", HOSTLOCK, 0);
    let counted = |children: &[Child]| children.iter().map(instructions).collect::<Vec<f64>>();
    let start = instructions(&nothing);
    let cold_counted = counted(&cold);
    let less = |figures: &[f64], start: f64| figures.iter().map(|figure| figure - start).collect::<Vec<f64>>();
    let directory = bench.roots.parent().unwrap_or(Path::new("/"));
    let named = [HOSTLOCK, RAW, CONNECTOR, RUSTLS_NATIVE];
    let with_directory: Vec<Child> = named
        .iter()
        .map(|peer| Child::work("process", "cold", peer, 1))
        .map(|child| {
            child.env(ROOTS_VARIABLE, &bench.roots).env("SSL_CERT_FILE", &bench.roots).env("SSL_CERT_DIR", directory)
        })
        .collect();

    let world = World::new(&bench.roots);
    let python = python();
    let one_context = [
        (HOSTLOCK, cold[0].clone()),
        (RAW, cold[1].clone()),
        (PYTHON, Child::program(&python).with(["-c", PYTHON_CONTEXT]).env("SSL_CERT_FILE", &bench.roots)),
    ];
    let mut connecting: Vec<(&str, Child)> = [HOSTLOCK, RAW, CONNECTOR, RUSTLS_NATIVE]
        .map(|peer| (peer, world.child(Child::work("process", "handshake", peer, 1))))
        .to_vec();
    let one_root = world.child(Child::work("process", "handshake", RAW_ONE_ROOT, 1)).env(ROOTS_VARIABLE, &world.ca);
    connecting.insert(2, (RAW_ONE_ROOT, one_root));
    connecting.push((CURL, world.child(curl(&world))));
    let script = PYTHON_HANDSHAKE.replace("PORT", &world.port.to_string());
    connecting.push((PYTHON, world.child(Child::program(&python).with(["-c", &script]))));

    let instructions_of = |what, children: &[(&'static str, Child)]| {
        let (names, children): (Vec<&str>, Vec<Child>) = children.iter().cloned().unzip();
        Row::of_all(what, Unit::Instructions, &names, &counted(&children))
    };
    let mut rows = vec![
        Row::of_all(COLD, Unit::Instructions, peers::ALL, &less(&cold_counted, start)).goal(Goal::of(RAW, 1.0 / 18.0)),
        Row::of_all(COLD_WITH_DIRECTORY, Unit::Instructions, &named, &less(&counted(&with_directory), start))
            .goal(Goal::of(RAW, 1.0 / 17.0))
            .note("it grows with the number of files in the directory"),
        instructions_of(HANDSHAKE, &connecting).goal(Goal::of(RAW, 1.0 / 7.0)).goal(Goal::of(RAW_ONE_ROOT, FIRST)),
    ];
    if bench.wants_all() {
        let mut all = vec![nothing];
        all.extend(cold);
        let took = times(&all);
        rows.push(
            Row::of_all(COLD, Unit::Microseconds, peers::ALL, &less(&took[1..], took[0]))
                .goal(Goal::of(RAW, 1.0 / 10.0)),
        );
        let timed = |what, children: &[(&'static str, Child)]| {
            let (names, children): (Vec<&str>, Vec<Child>) = children.iter().cloned().unzip();
            Row::of_all(what, Unit::Microseconds, &names, &times(&children))
        };
        rows.push(instructions_of(CONTEXT, &one_context));
        rows.push(timed(CONTEXT, &one_context));
        rows.push(timed(HANDSHAKE, &connecting).goal(Goal::of(RAW, 1.0 / 7.0)));
    }
    rows
}

const PYTHON_CONTEXT: &str = "import ssl; ssl.create_default_context()";
const PYTHON_HANDSHAKE: &str = "
import socket, ssl
plain = socket.create_connection(('127.0.0.1', PORT))
assert ssl.create_default_context().wrap_socket(plain, server_hostname='bench.example').version() == 'TLSv1.3'";

/// The interpreter itself: what is found first may be a script that looks for it.
fn python() -> PathBuf {
    Child::program("python3").with(["-c", "import sys; print(sys.executable)"]).output().trim().into()
}

fn curl(world: &World) -> Child {
    let host = pair::HOST.to_str().expect("ASCII");
    Child::program("curl").with([
        "--silent".to_owned(),
        "--show-error".to_owned(),
        "--tlsv1.3".to_owned(),
        "--resolve".to_owned(),
        format!("{host}:{}:127.0.0.1", world.port),
        "--cacert".to_owned(),
        world.bundle.to_str().expect("the path is text").to_owned(),
        format!("https://{host}:{}/", world.port),
    ])
}

/// A server whose CA stands among the system's roots in a bundle.
pub(super) struct World {
    directory: PathBuf,
    bundle: PathBuf,
    ca: PathBuf,
    port: u16,
}

impl World {
    pub(super) fn new(roots: &Path) -> World {
        let pki = Pki::of(Kind::Ec);
        let directory = std::env::temp_dir().join(format!("hostlock-bench-{}", std::process::id()));
        fs::create_dir(&directory).expect("the directory for temporary files can be written");
        let (bundle, ca) = (directory.join("roots.pem"), directory.join("ca.pem"));
        fs::write(&ca, pki.ca.to_pem().unwrap()).unwrap();
        fs::write(&bundle, [fs::read(roots).unwrap(), pki.ca.to_pem().unwrap()].concat()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let context = pki.server_context(SslVersion::TLS1_3);
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(&context, stream)));
        World { directory, bundle, ca, port }
    }

    /// All find the bundle as they find the system's roots.
    pub(super) fn child(&self, child: Child) -> Child {
        child
            .env("SSL_CERT_FILE", &self.bundle)
            .env(ROOTS_VARIABLE, &self.bundle)
            .env(PORT_VARIABLE, self.port.to_string())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Answers as a web server does; a client that goes away has seen what it wanted.
fn serve(context: &SslContext, stream: TcpStream) {
    let mut stream = SslStream::new(Ssl::new(context).unwrap(), stream).unwrap();
    let mut request = [0; 4096];
    if stream.accept().is_ok() && stream.read(&mut request).is_ok_and(|len| len > 0) {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.shutdown();
    }
}

/// Connects to the server, and sees to it that the handshake was what was asked for.
fn connect(made: Made) {
    let port: u16 =
        std::env::var(PORT_VARIABLE).ok().and_then(|port| port.parse().ok()).expect("the parent names a port");
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the parent's server listens");
    match made {
        Made::OpenSsl(context) => connect_openssl(&context, &stream),
        Made::Rustls(config) => connect_rustls(config, stream),
    }
}

fn connect_openssl(context: &SslContext, stream: &TcpStream) {
    let ssl = Ssl::new(context).unwrap();
    // SAFETY: the context is live.
    let is_guarded = unsafe { hostlock::guard::Guard::of(hostlock::libssl::Ctx::live(context.as_ptr())) }.is_some();
    if is_guarded {
        pair::name_host_hostlock(ssl.as_ptr())
    } else {
        pair::name_host_raw(ssl.as_ptr())
    }
    // SAFETY: the connection and the socket are live.
    unsafe {
        assert_eq!(SSL_set_fd(ssl.as_ptr(), stream.as_raw_fd()), 1);
        assert_eq!(SSL_connect(ssl.as_ptr()), 1, "{}", openssl::error::ErrorStack::get());
        assert_eq!(ffi::SSL_get_verify_result(ssl.as_ptr()), 0);
        assert_eq!(ffi::SSL_version(ssl.as_ptr()), ffi::TLS1_3_VERSION);
    }
}

fn connect_rustls(config: Arc<ClientConfig>, mut stream: TcpStream) {
    let name = pair::HOST.to_str().expect("ASCII").try_into().expect("a name");
    let mut connection = ClientConnection::new(config, name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).expect("the server is trusted");
    }
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}
