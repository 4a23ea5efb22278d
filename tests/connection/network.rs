//! From the name to the handshake: names that do not resolve, addresses that refuse or stall, peers that stall or flood.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc;

use hostlock::connection::deadline::Deadline;
use hostlock::connection::race;
use hostlock::error::Status;

use crate::c::Ctx;
use crate::peer;
use crate::support::child;
use crate::{HOST, ca, localhost};

/// A listener whose queue is full, so that a further connect gets no answer.
struct Blackhole {
    address: SocketAddr,
    _listener: OwnedFd,
    _fillers: Vec<OwnedFd>,
}

fn socket() -> OwnedFd {
    // SAFETY: takes numbers; the descriptor is new.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    }
}

impl Blackhole {
    fn new() -> Blackhole {
        let listener = socket();
        let mut raw = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
            sin_zero: [0; 8],
        };
        let mut len = size_of::<libc::sockaddr_in>() as u32;
        // SAFETY: address and length belong together.
        unsafe {
            assert_eq!(libc::bind(listener.as_raw_fd(), (&raw const raw).cast(), len), 0);
            assert_eq!(libc::listen(listener.as_raw_fd(), 0), 0);
            assert_eq!(libc::getsockname(listener.as_raw_fd(), (&raw mut raw).cast(), &mut len), 0);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], u16::from_be(raw.sin_port)));
        let fillers = (0..4).map(|_| socket()).collect::<Vec<_>>();
        for filler in &fillers {
            // SAFETY: as above. It connects, or waits in vain; both fill the queue.
            unsafe { libc::connect(filler.as_raw_fd(), (&raw const raw).cast(), len) };
        }
        Blackhole { address, _listener: listener, _fillers: fillers }
    }
}

fn closed_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn an_address_that_stalls_does_not_eat_the_time_of_the_next() {
    let (stalled, refusing) = (Blackhole::new(), closed_address());
    let good = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [stalled.address, refusing, good.local_addr().unwrap()];
    let socket = race::connect(&addresses, &Deadline::after(20_000)).unwrap();
    let peer = std::net::TcpStream::from(socket).peer_addr().unwrap();
    assert_eq!(peer, good.local_addr().unwrap());
}

#[test]
fn each_address_that_failed_is_named_with_its_reason() {
    let (one, two) = (closed_address(), closed_address());
    let refused = race::connect(&[one, two], &Deadline::after(20_000)).unwrap_err();
    assert_eq!(refused.status(), Status::EConnect);
    let words = format!("{one}: connection refused; {two}: connection refused");
    assert!(refused.message().contains(&words), "{refused}");

    let (first, second) = (Blackhole::new(), Blackhole::new());
    let stalled = race::connect(&[first.address, one, second.address], &Deadline::after(1500)).unwrap_err();
    assert_eq!(stalled.status(), Status::ETimeout);
    for fact in [
        "within 1500 ms".to_owned(),
        format!("{}: no answer", first.address),
        format!("{}: no answer", second.address),
        format!("{one}: connection refused"),
    ] {
        assert!(stalled.message().contains(&fact), "{fact:?} is not in {stalled}");
    }
    let nothing = race::connect(&[], &Deadline::after(0)).unwrap_err();
    assert_eq!(nothing.status(), Status::EConnect);
}

#[test]
fn an_ipv6_address_is_reached() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let address = listener.local_addr().unwrap();
    let socket = race::connect(&[address], &Deadline::after(20_000)).unwrap();
    assert_eq!(std::net::TcpStream::from(socket).peer_addr().unwrap(), address);
}

#[test]
fn a_name_that_does_not_resolve_is_said() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    // RFC 6761 6.4: never a name that resolves.
    let failure = ctx.connect("nothing.invalid", 443).unwrap_err();
    failure.expect(Status::EResolve, "nothing.invalid", &["\"nothing.invalid\" could not be resolved: "]);
    assert!(!failure.message.ends_with(": "), "{failure:?}");
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let address = closed_address();
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let failure = ctx.connect(HOST, address.port()).unwrap_err();
    failure.expect(Status::EConnect, HOST, &[&format!("{address}: connection refused")]);
}

#[test]
fn a_peer_that_stalls_in_the_handshake_costs_no_more_than_the_timeout() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    ctx.set_timeout(1000);
    let port = peer::raw(peer::linger);
    let failure = ctx.connect(HOST, port).unwrap_err();
    failure.expect(Status::ETimeout, HOST, &[&format!("127.0.0.1:{port}"), "during the handshake", "1000 ms"]);
}

#[test]
fn a_peer_that_trickles_a_certificate_costs_no_more_than_the_timeout() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    ctx.set_timeout(1000);
    let port = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        // A server hello of 16 KiB, byte by byte: it never lets a wait time out, and would take more than a minute.
        let mut bytes = [22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc].into_iter().chain(std::iter::repeat(0));
        while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let failure = ctx.connect(HOST, port).unwrap_err();
    failure.expect(Status::ETimeout, HOST, &["during the handshake", "1000 ms"]);
}

#[test]
fn a_peer_that_floods_the_handshake_is_cut_off() {
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let port = peer::raw(|mut stream| {
        peer::client_hello(&mut stream);
        // HelloRequest (RFC 5246 7.4.1.1), which a client in the middle of a handshake ignores, for ever.
        let flood: Vec<u8> = [22, 3, 3, 0, 4, 0, 0, 0, 0].repeat(1000);
        while stream.write_all(&flood).is_ok() {}
    });
    let failure = ctx.connect(HOST, port).unwrap_err();
    failure.expect(Status::EFlood, HOST, &[&format!("127.0.0.1:{port}"), "524288 bytes"]);
}

#[test]
fn a_peer_that_floods_a_read_with_key_updates_is_cut_off() {
    unsafe extern "C" {
        fn SSL_key_update(ssl: *mut openssl_sys::SSL, kind: i32) -> i32;
    }
    let ca = ca();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), |mut stream| {
        use foreign_types::ForeignTypeRef;
        loop {
            // SAFETY: the server's connection is live; 0 asks for no answer.
            let asked = unsafe { SSL_key_update(stream.ssl().as_ptr(), 0) };
            if asked != 1 || stream.do_handshake().is_err() {
                return;
            }
        }
    });
    let conn = Ctx::trusting(&[&ca.certificate]).connect(HOST, port).unwrap();
    conn.read_failure().expect(Status::EFlood, HOST, &["1000 records without application data"]);
}

#[test]
fn a_read_that_gets_nothing_times_out_and_may_be_repeated() {
    let ca = ca();
    let (go, wait) = mpsc::channel::<()>();
    let port = peer::tls(peer::acceptor(&localhost(&ca)), move |mut stream| {
        wait.recv().unwrap();
        stream.write_all(b"late").unwrap();
        let _ = stream.shutdown();
        peer::linger(stream.get_ref().try_clone().unwrap());
    });
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let conn = ctx.connect(HOST, port).unwrap();
    ctx.set_timeout(250);
    let failure = conn.read_failure();
    failure.expect(Status::ETimeout, HOST, &[&format!("127.0.0.1:{port}"), "while reading", "250 ms"]);
    assert_eq!(conn.verified_host().as_deref(), Some(HOST));
    ctx.set_timeout(0);
    go.send(()).unwrap();
    assert_eq!(conn.read().unwrap(), b"late");
    assert_eq!(conn.read().unwrap(), b"");
}

#[test]
fn where_no_thread_can_be_started_for_the_resolver_this_machine_is_to_blame() {
    const TEST: &str = "network::where_no_thread_can_be_started_for_the_resolver_this_machine_is_to_blame";
    let directory = std::env::temp_dir();
    if child::directory().is_none() {
        return child::passes(&mut child::command(TEST, &directory));
    }
    let ctx = Ctx::trusting(&[&ca().certificate]);
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    // A thread's stack is two megabytes.
    let room = pages * 4096 + (1 << 20);
    let limit = libc::rlimit { rlim_cur: room, rlim_max: room };
    // SAFETY: the limit is a struct of this function's.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    let failure = ctx.connect("host.example", 443).unwrap_err();
    failure.expect(Status::EResolve, "host.example", &["no thread could be started here"]);
    assert!(failure.hint.contains("the name servers are not to blame"), "{failure:?}");
}
