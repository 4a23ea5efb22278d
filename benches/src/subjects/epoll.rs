//! An echo server by epoll, over TCP, with few and with many connections: what one costs from its accept(2) to its close(2),
//! and what an echo of 16 KiB costs, all of the server's system calls included. The clients run in between, and do not count.

use std::ffi::c_int;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use openssl::ssl::{SslContext, SslVersion};

use super::{Bench, Subject};
use crate::accepting::{self, Accepted, Client, Clients, Outcome, Server};
use crate::goal::Goal;
use crate::measure::{Child, cpu_of_steps, instructions_after_preparation};
use crate::peers::{HOSTLOCK, RAW};
use crate::pki::{Kind, Pki};
use crate::row::{Row, Unit};
use crate::step::{begin_to_count, counted_part, end_step};

pub const SUBJECT: Subject = Subject { name: "epoll", work, rows };

/// A number of connections, and its rows.
struct Size {
    /// So many are open together.
    open: usize,
    lives: &'static str,
    echoes: &'static str,
}

const SIZES: [Size; 5] = [
    Size { open: 1, lives: "epoll server, one connection: its life", echoes: "the same: echo of 16 KiB" },
    Size { open: 10, lives: "epoll server, 10 connections: a life", echoes: "the same: echo of 16 KiB" },
    Size { open: 100, lives: "epoll server, 100 connections: a life", echoes: "the same: echo of 16 KiB" },
    Size { open: 1000, lives: "epoll server, 1 000 connections: a life", echoes: "the same: echo of 16 KiB" },
    Size { open: 5000, lives: "epoll server, 5 000 connections: a life", echoes: "the same: echo of 16 KiB" },
];

/// What hostlock may take.
const AT_MOST: f64 = 1.02;

/// So many come and go together, or echo one after the other, besides those that wait.
const TOGETHER: usize = 100;
const LIVES: usize = 300;
const ECHOES: usize = 1000;
const RECORD: usize = 16 * 1024;

fn work(piece: &str, peer: &str, count: usize) -> bool {
    let Some((what, open)) = piece.split_once('-') else { return false };
    let Ok(open) = open.parse() else { return false };
    match what {
        "lives" => lives(peer, open, count),
        "echoes" => echoes(peer, open, count),
        _ => return false,
    }
    true
}

fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    for size in &SIZES {
        let together = size.open.min(TOGETHER);
        let echoes = ECHOES.max(size.open);
        for (what, piece, count, in_a_step) in [
            (size.lives, format!("lives-{}", size.open), LIVES, together),
            (size.echoes, format!("echoes-{}", size.open), echoes, size.open),
        ] {
            let children: Vec<Child> =
                [HOSTLOCK, RAW].iter().map(|peer| bench.child("epoll", &piece, peer, count)).collect();
            let per =
                |figures: Vec<f64>, number: usize| figures.iter().map(|all| all / number as f64).collect::<Vec<f64>>();
            let counted = per(children.iter().map(instructions_after_preparation).collect(), count);
            rows.push(Row::of_all(what, Unit::Instructions, &[HOSTLOCK, RAW], &counted).goal(Goal::of(RAW, AT_MOST)));
            if bench.wants_all() {
                let worked = per(cpu_of_steps(&children), in_a_step);
                rows.push(Row::of_all(what, Unit::CpuMicroseconds, &[HOSTLOCK, RAW], &worked));
            }
        }
    }
    rows
}

/// Connections that say hello, ask one question of 100 bytes, and say goodbye: `count` of them, while others wait so that
/// `open` are open.
fn lives(peer: &str, open: usize, count: usize) {
    let mut world = World::new(peer, open);
    let together = open.min(TOGETHER);
    let _waiting = world.connect(open - together);
    world.whole_lives(together, false);
    begin_to_count();
    for _ in 0..count / together {
        world.whole_lives(together, true);
    }
}

/// `count` echoes over `open` connections in turn.
fn echoes(peer: &str, open: usize, count: usize) {
    let mut world = World::new(peer, open);
    let clients = world.connect(open);
    let record = vec![7; RECORD];
    world.echo(&clients, &record, false);
    begin_to_count();
    for _ in 0..count / open {
        world.echo(&clients, &record, true);
    }
}

/// The server, and what its clients need.
struct World {
    server: EpollServer,
    address: SocketAddr,
    client: SslContext,
}

type Visitor = (TcpStream, Client);

impl World {
    fn new(peer: &str, open: usize) -> World {
        accepting::allow_descriptors(2 * open + 100);
        let pki = Pki::of(Kind::Ec);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = EpollServer::new(Server::new(peer, &pki, Clients::Anyone), listener);
        World { server, address, client: accepting::client_context(&pki, SslVersion::TLS1_3) }
    }

    fn visitor(&self) -> Visitor {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let client = Client::over(&self.client, stream.as_raw_fd());
        (stream, client)
    }

    /// Connections that have asked one question, and wait.
    fn connect(&mut self, count: usize) -> Vec<Visitor> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let mut some: Vec<Visitor> = (0..TOGETHER.min(count - all.len())).map(|_| self.visitor()).collect();
            self.greet(&some, false);
            self.echo(&some, &[7; 100], false);
            all.append(&mut some);
        }
        all
    }

    fn whole_lives(&mut self, count: usize, counts: bool) {
        let open = self.server.open;
        let visitors: Vec<Visitor> = (0..count).map(|_| self.visitor()).collect();
        self.greet(&visitors, counts);
        self.send_and_receive(&visitors, &[7; 100], counts);
        visitors.iter().for_each(|(_, client)| client.say_goodbye());
        let mut room = [0; 1024];
        for (_, client) in &visitors {
            while client.read(&mut room) != Outcome::Goodbye {
                self.server.turn(counts);
            }
        }
        assert_eq!(self.server.open, open);
        if counts {
            end_step();
        }
    }

    fn greet(&mut self, visitors: &[Visitor], counts: bool) {
        let mut waiting: Vec<&Visitor> = visitors.iter().collect();
        while !waiting.is_empty() {
            waiting.retain(|(_, client)| !client.handshake());
            self.server.turn(counts);
        }
    }

    /// All of them have `bytes` echoed.
    fn echo(&mut self, visitors: &[Visitor], bytes: &[u8], counts: bool) {
        for some in visitors.chunks(TOGETHER) {
            self.send_and_receive(some, bytes, counts);
        }
        if counts {
            end_step();
        }
    }

    fn send_and_receive(&mut self, visitors: &[Visitor], bytes: &[u8], counts: bool) {
        visitors.iter().for_each(|(_, client)| client.write(bytes));
        let mut room = vec![0; RECORD];
        for (_, client) in visitors {
            let mut got = 0;
            while got < bytes.len() {
                match client.read(&mut room) {
                    Outcome::Done(amount) => got += amount,
                    Outcome::Later => self.server.turn(counts),
                    Outcome::Goodbye => panic!("the server goes on"),
                }
            }
        }
    }
}

/// The server's side of one connection; the socket is closed after it.
struct Guest {
    accepted: Accepted,
    socket: TcpStream,
    greeted: bool,
}

/// See the module's text. An event's number is that of the guest's place and one more, 0 for the listener.
struct EpollServer {
    server: Server,
    listener: TcpListener,
    epoll: OwnedFd,
    guests: Vec<Option<Guest>>,
    free: Vec<usize>,
    open: usize,
    room: Vec<u8>,
}

impl EpollServer {
    fn new(server: Server, listener: TcpListener) -> EpollServer {
        listener.set_nonblocking(true).unwrap();
        // SAFETY: makes a descriptor, which is owned from here on.
        let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
        let (guests, free, room) = (Vec::new(), Vec::new(), vec![0; RECORD]);
        let server = EpollServer { server, listener, epoll, guests, free, open: 0, room };
        server.watch(server.listener.as_raw_fd(), 0);
        server
    }

    /// Does all that can be done now.
    fn turn(&mut self, counts: bool) {
        if counts { counted_part(|| self.serve_all()) } else { self.serve_all() }
    }

    fn serve_all(&mut self) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        loop {
            // SAFETY: so many events have room.
            let ready = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), 64, 0) };
            let ready = usize::try_from(ready).expect("it does not fail");
            if ready == 0 {
                return;
            }
            for event in &events[..ready] {
                match event.u64 {
                    0 => self.welcome(),
                    place => self.serve(place as usize - 1),
                }
            }
        }
    }

    fn watch(&self, fd: c_int, number: u64) {
        let mut wish = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        // SAFETY: both descriptors are open; the wish is read.
        let done = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut wish) };
        assert_eq!(done, 0);
    }

    fn welcome(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            socket.set_nonblocking(true).unwrap();
            socket.set_nodelay(true).unwrap();
            let place = self.free.pop().unwrap_or_else(|| {
                self.guests.push(None);
                self.guests.len() - 1
            });
            self.watch(socket.as_raw_fd(), place as u64 + 1);
            let accepted = self.server.accept(socket.as_raw_fd());
            self.guests[place] = Some(Guest { accepted, socket, greeted: false });
            self.open += 1;
        }
    }

    /// Goes on with a guest until nothing can be read.
    fn serve(&mut self, place: usize) {
        let Some(guest) = self.guests.get_mut(place).and_then(Option::as_mut) else { return };
        if !guest.greeted {
            guest.greeted = guest.accepted.handshake() == Outcome::Done(0);
            if !guest.greeted {
                return;
            }
        }
        loop {
            match guest.accepted.read(&mut self.room) {
                Outcome::Done(amount) => guest.accepted.write(&self.room[..amount]),
                Outcome::Later => return,
                Outcome::Goodbye => break,
            }
        }
        guest.accepted.say_goodbye();
        let Guest { accepted, socket, .. } = self.guests[place].take().expect("it was there");
        drop(accepted);
        drop(socket);
        self.free.push(place);
        self.open -= 1;
    }
}
