//! A connection's way to its socket: a BIO of our own, which never raises SIGPIPE, never waits, and remembers what the
//! error's words will need. While a handshake runs it keeps the deadline and the byte budget, because a peer that never
//! stops sending keeps libssl's own loop from returning. Waiting is left to those who drive the connection.

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::connection::deadline::Deadline;
use crate::connection::functions::{CallersFunctions, Stop};
use crate::connection::memory::Memory;
use crate::error::{Error, Result};
use crate::libssl::bio::{Bio, MethodSlot, Moved, Want, Wire};
use crate::os::socket;

/// How many of the peer's first bytes are kept: enough for a greeting, an alert, or a server hello's version and suite.
pub const HEAD: usize = 96;

/// The limits of a handshake.
#[derive(Clone, Copy)]
pub struct Limits {
    /// When it must be complete.
    pub deadline: Deadline,
    /// How many more bytes the peer may send.
    pub bytes: usize,
    /// How many it might send at the start.
    pub allowed_bytes: usize,
}

/// A limit that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tripped {
    /// The time is up.
    Time,
    /// The peer sent more than it may.
    Bytes,
}

/// A descriptor to carry the bytes over.
pub enum Descriptor {
    /// Ours, to close.
    Owned(OwnedFd),
    /// The caller's.
    Callers(c_int),
    /// None: the caller moves the bytes.
    Memory(Memory),
    /// None: functions of the caller's move them.
    Functions(Box<CallersFunctions>),
}

/// The state of one connection's transport. It belongs to the BIO, and the BIO to the `SSL`.
pub struct Transport {
    fd: Descriptor,
    /// Set while a handshake runs.
    pub limits: Cell<Option<Limits>>,
    /// The limit that was passed.
    pub tripped: Cell<Option<Tripped>>,
    /// Whether the last attempt to read found nothing.
    pub drained: Cell<bool>,
    /// Whether libssl has tried to write since this was cleared.
    pub wrote: Cell<bool>,
    /// Whether the peer's side of the socket is at its end.
    pub ended: Cell<bool>,
    /// The operating system's last complaint.
    pub errno: Cell<Option<c_int>>,
    /// Whether a handshake was completed.
    pub established: Cell<bool>,
    /// How often the call that runs has read.
    reads: Cell<u32>,
    /// How long one call may take, where libssl itself reads on and on inside of it.
    patience_ms: Cell<Option<u32>>,
    sent: Cell<usize>,
    head: Cell<([u8; HEAD], usize)>,
    /// Whether the head is full, and nobody needs to look at it.
    is_head_full: Cell<bool>,
    failure: Cell<Option<Error>>,
}

impl Transport {
    /// One over the stream socket `fd`. An `owned` descriptor is closed with it.
    pub fn over(fd: Descriptor) -> Result<Bio<Transport>> {
        let transport = Transport {
            fd,
            limits: Cell::new(None),
            tripped: Cell::new(None),
            drained: Cell::new(false),
            wrote: Cell::new(false),
            ended: Cell::new(false),
            errno: Cell::new(None),
            established: Cell::new(false),
            reads: Cell::new(0),
            patience_ms: Cell::new(None),
            sent: Cell::new(0),
            head: Cell::new(([0; HEAD], 0)),
            is_head_full: Cell::new(false),
            failure: Cell::new(None),
        };
        Bio::new(transport).ok_or_else(|| Error::no_memory("the connection"))
    }

    /// The descriptor.
    pub fn fd(&self) -> c_int {
        match &self.fd {
            Descriptor::Owned(fd) => fd.as_raw_fd(),
            Descriptor::Callers(fd) => *fd,
            Descriptor::Memory(_) | Descriptor::Functions(_) => -1,
        }
    }

    /// Whether a call may wait: always on a descriptor of ours; on the caller's own, where it is in blocking mode now.
    pub fn waits(&self) -> bool {
        match &self.fd {
            Descriptor::Owned(_) => true,
            Descriptor::Callers(fd) => socket::blocks(*fd),
            Descriptor::Memory(_) | Descriptor::Functions(_) => false,
        }
    }

    /// The memory, where the caller moves the bytes.
    pub fn memory(&self) -> Option<&Memory> {
        match &self.fd {
            Descriptor::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The functions, where the caller's move the bytes.
    pub fn functions(&self) -> Option<&CallersFunctions> {
        match &self.fd {
            Descriptor::Functions(functions) => Some(functions),
            _ => None,
        }
    }

    /// Every read of a record comes here twice.
    #[inline(always)]
    fn receive<'r>(&self, room: &'r mut [MaybeUninit<u8>]) -> std::result::Result<&'r [u8], Stop> {
        let outcome = match &self.fd {
            Descriptor::Functions(functions) => return functions.receive(room),
            Descriptor::Memory(memory) => memory.receive(room),
            _ => socket::receive(self.fd(), room),
        };
        outcome.map_err(|error| Stop::of_system(error, Want::Read))
    }

    fn send(&self, bytes: &[u8]) -> std::result::Result<usize, Stop> {
        let outcome = match &self.fd {
            Descriptor::Functions(functions) => return functions.send(bytes),
            Descriptor::Memory(memory) => memory.send(bytes),
            _ => socket::send(self.fd(), bytes),
        };
        outcome.map_err(|error| Stop::of_system(error, Want::Write))
    }

    /// Fills the head up with what has arrived already: libssl stops at five bytes where they are not TLS. Only for a
    /// connection that failed, because it takes the bytes away from libssl.
    #[cold]
    pub fn look_further(&self) {
        if self.functions().is_some() {
            // They might wait.
            return;
        }
        let (mut head, len) = self.head.get();
        let mut room = [const { MaybeUninit::uninit() }; HEAD];
        let Ok(got) = self.receive(&mut room[len..]) else { return };
        head[len..len + got.len()].copy_from_slice(got);
        self.head.set((head, len + got.len()));
    }

    /// The first bytes that the peer sent.
    pub fn with_head<T>(&self, reader: impl FnOnce(&[u8]) -> T) -> T {
        let (bytes, len) = self.head.get();
        reader(bytes.get(..len).unwrap_or_default())
    }

    /// The error that ended the connection.
    pub fn failure(&self) -> Option<Error> {
        let failure = self.failure.take();
        self.failure.set(failure.clone());
        failure
    }

    /// Keeps the error that ended the connection, so that a later call gives the same.
    pub fn fail_with(&self, error: &Error) {
        self.failure.set(Some(error.clone()));
    }

    /// Whether libssl has read or written here.
    pub fn was_used(&self) -> bool {
        self.sent.get() > 0 || self.head.get().1 > 0 || self.established.get()
    }

    /// How many bytes were sent.
    pub fn sent(&self) -> usize {
        self.sent.get()
    }

    /// Until the result is dropped libssl gets nothing more. It is a limit like others, so that a read looks for one thing only.
    pub fn hold(&self) -> Held<'_> {
        let nothing = Limits { deadline: Deadline::after(0), bytes: 0, allowed_bytes: 0 };
        Held { transport: self, before: (self.limits.replace(Some(nothing)), self.tripped.get()) }
    }

    /// A call begins: its reads are counted from nothing.
    pub fn begin_call(&self) {
        self.reads.set(0);
    }

    /// One call may take so long: libssl may go on reading inside of it for as long as the peer sends.
    pub fn be_patient_for(&self, milliseconds: u32) {
        self.patience_ms.set(Some(milliseconds));
    }

    /// After this many reads in one call the clock is looked at.
    const UNWATCHED_READS: u32 = 64;

    fn count_read(&self) {
        let Some(milliseconds) = self.patience_ms.get() else { return };
        let reads = self.reads.get().saturating_add(1);
        self.reads.set(reads);
        if reads > Transport::UNWATCHED_READS {
            self.watch_the_clock(milliseconds);
        }
    }

    #[cold]
    fn watch_the_clock(&self, milliseconds: u32) {
        if self.limits.get().is_none() {
            let deadline = Deadline::after(milliseconds);
            self.limits.set(Some(Limits { deadline, bytes: usize::MAX, allowed_bytes: usize::MAX }));
        }
    }

    /// The handshake is over: its limits hold no more.
    pub fn settle(&self) {
        self.limits.set(None);
        self.tripped.set(None);
        self.established.set(true);
    }

    /// Whether a limit forbids to go on.
    fn limit(&self) -> Option<Tripped> {
        let limits = self.limits.get()?;
        if limits.bytes == 0 {
            return Some(Tripped::Bytes);
        }
        limits.deadline.has_passed().then_some(Tripped::Time)
    }

    /// Takes note of bytes from the peer.
    fn received(&self, bytes: &[u8]) {
        if !self.is_head_full.get() {
            let (mut head, len) = self.head.get();
            let taken = bytes.len().min(HEAD - len);
            head[len..len + taken].copy_from_slice(&bytes[..taken]);
            self.head.set((head, len + taken));
            self.is_head_full.set(len + taken == HEAD);
        }
        if let Some(mut limits) = self.limits.get() {
            limits.bytes = limits.bytes.saturating_sub(bytes.len());
            self.limits.set(Some(limits));
        }
    }
}

/// See [`Transport::hold`].
pub struct Held<'a> {
    transport: &'a Transport,
    before: (Option<Limits>, Option<Tripped>),
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (limits, tripped) = self.before;
        self.transport.limits.set(limits);
        self.transport.tripped.set(tripped);
    }
}

/// What libssl is told of an attempt that moved nothing: an error of the system's is noted. `pause` is the wish of one who
/// wants to end the call, which is not asked for.
#[cold]
fn stopped(transport: &Transport, stop: Stop, pause: Want) -> Moved {
    match stop {
        Stop::Again(want) => {
            // A function that reads may want to write first, and the other way round.
            transport.wrote.set(transport.wrote.get() || want == Want::Write);
            transport.drained.set(transport.drained.get() || want == Want::Read);
            Moved::Again(want)
        }
        Stop::Pause => Moved::Again(pause),
        Stop::System(error) => {
            transport.errno.set(error.raw_os_error());
            Moved::Failed
        }
        Stop::Failed => Moved::Failed,
    }
}

impl Wire for Transport {
    const NAME: &CStr = c"hostlock socket";

    fn method() -> &'static MethodSlot {
        static METHOD: MethodSlot = MethodSlot::empty();
        &METHOD
    }

    #[inline(always)]
    fn read(&self, room: &mut [MaybeUninit<u8>]) -> Moved {
        crate::nets::here!("transport read");
        self.count_read();
        if let Some(limit) = self.limit() {
            self.tripped.set(Some(limit));
            // "Try again" rather than a failure, so that libssl returns without an entry on the error queue.
            return Moved::Again(Want::Read);
        }
        let room_is_empty = room.is_empty();
        match self.receive(room) {
            Ok(bytes) => {
                self.drained.set(false);
                if bytes.is_empty() && !room_is_empty {
                    self.ended.set(true);
                }
                self.received(bytes);
                Moved::Bytes(bytes.len())
            }
            Err(stop) => {
                self.drained.set(true);
                stopped(self, stop, Want::Read)
            }
        }
    }

    #[inline(always)]
    fn write(&self, bytes: &[u8]) -> Moved {
        crate::nets::here!("transport write");
        self.wrote.set(true);
        match self.send(bytes) {
            Ok(amount) => {
                self.sent.set(self.sent.get().saturating_add(amount));
                Moved::Bytes(amount)
            }
            Err(stop) => stopped(self, stop, Want::Write),
        }
    }

    fn descriptor(&self) -> c_int {
        self.fd()
    }

    fn is_at_end(&self) -> bool {
        self.ended.get()
    }
}
