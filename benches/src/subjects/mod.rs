//! What is measured, one subject a file. A subject does pieces of work in a child process, and makes rows of what the
//! children took. To add one: write the file, and name it in [`ALL`].

mod bridge;
mod context;
mod epoll;
mod handshake;
mod learned;
mod process;
mod python;
mod roots;
mod server;
mod transfer;
mod verify;

use std::path::{Path, PathBuf};

use crate::measure::{Child, cpu_of_steps, instructions_of_steps, times_of_steps};
use crate::peers::{CONNECTOR, ROOTS_VARIABLE};
use crate::pki::LaidOut;
use crate::row::{Row, Unit};

/// See the module's text.
pub struct Subject {
    pub name: &'static str,
    /// Does `count` steps of a piece of work as a peer does it; false where there is no such piece.
    work: fn(piece: &str, peer: &str, count: usize) -> bool,
    /// Measures.
    pub rows: fn(&Bench) -> Vec<Row>,
}

/// All subjects, in the order of the table.
pub const ALL: &[Subject] = &[
    context::SUBJECT,
    roots::SUBJECT,
    process::SUBJECT,
    handshake::SUBJECT,
    verify::SUBJECT,
    transfer::SUBJECT,
    server::SUBJECT,
    epoll::SUBJECT,
    bridge::SUBJECT,
    learned::SUBJECT,
    python::SUBJECT,
];

/// The subject of a name.
pub fn named(name: &str) -> &'static Subject {
    ALL.iter().find(|subject| subject.name == name).unwrap_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|subject| subject.name).collect();
        panic!("there is no subject {name:?}; there are {}", names.join(", "))
    })
}

impl Subject {
    /// Does a piece of work in this process.
    pub fn work(&self, piece: &str, peer: &str, count: usize) {
        assert!((self.work)(piece, peer, count), "{} has no piece {piece:?}", self.name);
    }
}

/// How subjects measure.
pub struct Bench {
    /// The system's file of roots.
    pub roots: PathBuf,
    pki: LaidOut,
    /// Whether only what the gate holds is measured.
    gate: bool,
}

impl Bench {
    pub fn new(gate: bool) -> Bench {
        // What the environment names is how the bench's caller reads the system's roots too; the usual file is meant.
        let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
        let roots = usual.iter().map(Path::new).find(|path| path.is_file());
        Bench { roots: roots.expect("this system has a file of roots").to_owned(), pki: LaidOut::new(), gate }
    }

    /// Whether the rows that the gate does not hold are wanted too: those of time, and those without a goal.
    pub fn wants_all(&self) -> bool {
        !self.gate
    }

    /// A piece of work, with the environment that most processes have: one that says nothing of roots. Only the
    /// connector is told the file, as what is built into OpenSSL names one that many systems do not have.
    pub fn child(&self, subject: &str, piece: &str, peer: &str, count: usize) -> Child {
        let (variable, directory) = self.pki.variable();
        let child = Child::work(subject, piece, peer, count).env(ROOTS_VARIABLE, &self.roots).env(variable, directory);
        if peer == CONNECTOR { self.with_file(child) } else { child }
    }

    /// The same, where the environment names the system's file of roots.
    pub fn with_file(&self, child: Child) -> Child {
        child.env("SSL_CERT_FILE", &self.roots)
    }

    /// A row of what one step takes in instructions; `count` steps for each of `peers`.
    pub fn counted(&self, what: &'static str, (subject, piece): (&str, &str), peers: &[(&'static str, usize)]) -> Row {
        let figures: Vec<f64> = peers
            .iter()
            .map(|(peer, count)| instructions_of_steps(&self.child(subject, piece, peer, *count)) / *count as f64)
            .collect();
        Row::of_all(what, Unit::Instructions, &names(peers), &figures)
    }

    /// The same in time; a step is done so often in each run.
    pub fn timed(&self, what: &'static str, (subject, piece): (&str, &str), peers: &[(&'static str, usize)]) -> Row {
        let children: Vec<Child> = peers.iter().map(|(peer, count)| self.child(subject, piece, peer, *count)).collect();
        Row::of_all(what, Unit::Microseconds, &names(peers), &times_of_steps(&children))
    }

    /// The same of the processor's time.
    pub fn worked(&self, what: &'static str, (subject, piece): (&str, &str), peers: &[(&'static str, usize)]) -> Row {
        let children: Vec<Child> = peers.iter().map(|(peer, count)| self.child(subject, piece, peer, *count)).collect();
        Row::of_all(what, Unit::CpuMicroseconds, &names(peers), &cpu_of_steps(&children))
    }
}

fn names(peers: &[(&'static str, usize)]) -> Vec<&'static str> {
    peers.iter().map(|(peer, _)| *peer).collect()
}
