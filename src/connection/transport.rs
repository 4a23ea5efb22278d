//! A connection's way to its socket: a BIO of our own, which never raises SIGPIPE, never waits, and remembers what the
//! error's words will need. While a handshake runs it keeps the deadline and the byte budget, because a peer that never
//! stops sending keeps libssl's own loop from returning. Waiting is left to those who drive the connection.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::connection::deadline::Deadline;
use crate::error::{Error, Result, Status};
use crate::sys;

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

/// The state of one connection's transport. It belongs to the BIO, and the BIO to the `SSL`.
pub struct Transport {
    fd: c_int,
    owned: bool,
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
    head_full: Cell<bool>,
    failure: Cell<Option<Error>>,
}

impl Transport {
    /// Gives `ssl` a transport over the stream socket `fd`. An `owned` descriptor is closed with the `SSL`, also where
    /// this fails.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl that no other thread uses now; an `owned` descriptor is given away.
    pub unsafe fn attach(ssl: *mut ffi::SSL, fd: c_int, owned: bool) -> Result<()> {
        let bio = Transport::bio(fd, owned)?;
        // SAFETY: both live; the SSL takes the one reference for both directions.
        unsafe { ffi::SSL_set_bio(ssl, bio, bio) };
        Ok(())
    }

    /// A new BIO with a transport over `fd`, with one reference for the caller.
    pub fn bio(fd: c_int, owned: bool) -> Result<*mut ffi::BIO> {
        let transport = Box::new(Transport {
            fd,
            owned,
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
            head_full: Cell::new(false),
            failure: Cell::new(None),
        });
        let no_memory = || Error::new(Status::EInternal, "OpenSSL could not make a transport");
        let method = method().ok_or_else(no_memory)?;
        // SAFETY: the method lives as long as the process.
        let bio = unsafe { ffi::BIO_new(method.0) };
        if bio.is_null() {
            return Err(no_memory());
        }
        // SAFETY: the BIO is new; it owns the box until `destroy`.
        unsafe { ffi::BIO_set_data(bio, Box::into_raw(transport).cast()) };
        // SAFETY: as above.
        unsafe { ffi::BIO_set_init(bio, 1) };
        Ok(bio)
    }

    /// The transport of a BIO that is NULL or of our type.
    ///
    /// # Safety
    /// `bio` is as said, and outlives the result.
    pub unsafe fn of_bio<'a>(bio: *mut ffi::BIO) -> Option<&'a Transport> {
        if bio.is_null() {
            return None;
        }
        // SAFETY: every BIO of our type holds a transport, or NULL.
        unsafe { (ffi::BIO_get_data(bio) as *const Transport).as_ref() }
    }

    /// The transport of `ssl`, where it has one of ours.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, and keeps its BIO as long as the result is used.
    pub unsafe fn of<'a>(ssl: *const ffi::SSL) -> Option<&'a Transport> {
        // SAFETY: as the caller promises; NULL where there is none.
        let bio = unsafe { ffi::SSL_get_rbio(ssl) };
        if bio.is_null() {
            return None;
        }
        // SAFETY: the BIO belongs to the SSL.
        let bio = unsafe { sys::BIO_find_type(bio, method()?.1) };
        if bio.is_null() {
            return None;
        }
        // SAFETY: every BIO of our type holds a transport, or NULL.
        unsafe { (ffi::BIO_get_data(bio) as *const Transport).as_ref() }
    }

    /// The descriptor.
    pub fn fd(&self) -> c_int {
        self.fd
    }

    /// Whether a call may wait: always on a descriptor of ours; on the caller's own, where it is in blocking mode now.
    pub fn waits(&self) -> bool {
        // SAFETY: takes a number, and answers -1 where it is no descriptor.
        self.owned || unsafe { libc::fcntl(self.fd, libc::F_GETFL) } & libc::O_NONBLOCK == 0
    }

    /// Fills the head up with what has arrived already: libssl stops at five bytes where they are not TLS. Only for a
    /// connection that failed, because it takes the bytes away from libssl.
    pub fn look_further(&self) {
        let (mut head, len) = self.head.get();
        let Some(room) = head.get_mut(len..) else { return };
        // SAFETY: the pointer and the length are the slice's.
        let got = unsafe { libc::recv(self.fd, room.as_mut_ptr().cast(), room.len(), libc::MSG_DONTWAIT) };
        self.head.set((head, len + usize::try_from(got).unwrap_or(0)));
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
        if reads > Transport::UNWATCHED_READS && self.limits.get().is_none() {
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
        if !self.head_full.get() {
            let (mut head, len) = self.head.get();
            let taken = bytes.len().min(HEAD - len);
            head[len..len + taken].copy_from_slice(&bytes[..taken]);
            self.head.set((head, len + taken));
            self.head_full.set(len + taken == HEAD);
        }
        if let Some(mut limits) = self.limits.get() {
            limits.bytes = limits.bytes.saturating_sub(bytes.len());
            self.limits.set(Some(limits));
        }
    }
}

/// Whether `fd` is a stream socket.
pub fn is_stream_socket(fd: c_int) -> bool {
    socket_kind(fd).is_ok_and(|kind| kind == libc::SOCK_STREAM)
}

/// The type of the socket `fd`, or why it has none.
pub fn socket_kind(fd: c_int) -> io::Result<c_int> {
    let (mut kind, mut len): (c_int, _) = (0, size_of::<c_int>() as libc::socklen_t);
    // SAFETY: the option's value is written to the int behind the pointer; a number that is no descriptor is an error.
    let asked = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, (&raw mut kind).cast(), &mut len) };
    if asked == 0 { Ok(kind) } else { Err(io::Error::last_os_error()) }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: the descriptor was given to us, and is closed once.
            unsafe { libc::close(self.fd) };
        }
    }
}

struct Method(*mut ffi::BIO_METHOD, c_int);

// SAFETY: written once, before it is shared, and only read by libcrypto from then on.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

/// The one BIO_METHOD of the process, with its type number.
fn method() -> Option<&'static Method> {
    static METHOD: OnceLock<Option<Method>> = OnceLock::new();
    METHOD
        .get_or_init(|| {
            // SAFETY: takes no arguments.
            let index = unsafe { sys::BIO_get_new_index() };
            if index < 0 {
                return None;
            }
            let kind = index | sys::BIO_TYPE_SOURCE_SINK | sys::BIO_TYPE_DESCRIPTOR;
            // SAFETY: OpenSSL copies the name.
            let raw = unsafe { ffi::BIO_meth_new(kind, c"hostlock socket".as_ptr()) };
            if raw.is_null() {
                return None;
            }
            // SAFETY: the method is new, and the callbacks stay loaded as long as it.
            unsafe {
                ffi::BIO_meth_set_read__fixed_rust(raw, Some(read));
                ffi::BIO_meth_set_write__fixed_rust(raw, Some(write));
                ffi::BIO_meth_set_ctrl__fixed_rust(raw, Some(control));
                sys::BIO_meth_set_destroy(raw, destroy);
            }
            Some(Method(raw, kind))
        })
        .as_ref()
}

/// The flags with which a BIO says "try again".
pub const RETRY: c_int = ffi::BIO_FLAGS_RWS | ffi::BIO_FLAGS_SHOULD_RETRY;

/// Runs a callback on the transport of `bio`; without one, or after a panic, it answers failure.
///
/// # Safety
/// `bio` is a live BIO of our type.
unsafe fn on_transport(bio: *mut ffi::BIO, body: impl FnOnce(&Transport) -> c_int) -> c_int {
    // SAFETY: as the caller promises; these are the bits that say "try again".
    unsafe { ffi::BIO_clear_flags(bio, RETRY) };
    // SAFETY: as the caller promises; NULL or the transport that the BIO owns.
    let Some(transport) = (unsafe { (ffi::BIO_get_data(bio) as *const Transport).as_ref() }) else { return -1 };
    catch_unwind(AssertUnwindSafe(|| body(transport))).unwrap_or(-1)
}

/// What became of one system call: its answer, or -1 with "try again" or the complaint noted.
unsafe fn settle_call(bio: *mut ffi::BIO, transport: &Transport, answer: isize, direction: c_int) -> c_int {
    if answer >= 0 {
        return answer as c_int;
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => {
            // SAFETY: the BIO is live.
            unsafe { ffi::BIO_set_flags(bio, direction | ffi::BIO_FLAGS_SHOULD_RETRY) };
        }
        errno => transport.errno.set(errno),
    }
    -1
}

/// Repeats a system call that a signal interrupted.
fn uninterrupted(call: impl Fn() -> isize) -> isize {
    loop {
        let answer = call();
        if answer >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return answer;
        }
    }
}

unsafe extern "C" fn read(bio: *mut ffi::BIO, buffer: *mut c_char, len: c_int) -> c_int {
    let Ok(room) = usize::try_from(len) else { return -1 };
    let body = |transport: &Transport| {
        crate::nets::here!("transport read");
        transport.count_read();
        if let Some(limit) = transport.limit() {
            transport.tripped.set(Some(limit));
            // "Try again" rather than a failure, so that libssl returns without an entry on the error queue.
            // SAFETY: libcrypto hands its own live BIO.
            unsafe { ffi::BIO_set_flags(bio, ffi::BIO_FLAGS_READ | ffi::BIO_FLAGS_SHOULD_RETRY) };
            return -1;
        }
        // SAFETY: libcrypto hands a buffer of `len` bytes.
        let answer = uninterrupted(|| unsafe { libc::recv(transport.fd, buffer.cast(), room, libc::MSG_DONTWAIT) });
        transport.drained.set(answer < 0);
        if let Ok(got @ 1..) = usize::try_from(answer) {
            // SAFETY: recv filled that many bytes.
            transport.received(unsafe { std::slice::from_raw_parts(buffer.cast(), got) });
        }
        if answer == 0 && room > 0 {
            transport.ended.set(true);
        }
        // SAFETY: as above.
        unsafe { settle_call(bio, transport, answer, ffi::BIO_FLAGS_READ) }
    };
    // SAFETY: as above.
    unsafe { on_transport(bio, body) }
}

unsafe extern "C" fn write(bio: *mut ffi::BIO, buffer: *const c_char, len: c_int) -> c_int {
    let Ok(amount) = usize::try_from(len) else { return -1 };
    let body = |transport: &Transport| {
        const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        crate::nets::here!("transport write");
        transport.wrote.set(true);
        // SAFETY: libcrypto hands a buffer of `len` bytes.
        let answer = uninterrupted(|| unsafe { libc::send(transport.fd, buffer.cast(), amount, FLAGS) });
        transport.sent.set(transport.sent.get().saturating_add(usize::try_from(answer).unwrap_or(0)));
        // SAFETY: libcrypto hands its own live BIO.
        unsafe { settle_call(bio, transport, answer, ffi::BIO_FLAGS_WRITE) }
    };
    // SAFETY: as above.
    unsafe { on_transport(bio, body) }
}

unsafe extern "C" fn control(bio: *mut ffi::BIO, command: c_int, _number: c_long, argument: *mut c_void) -> c_long {
    match command {
        ffi::BIO_CTRL_FLUSH => 1,
        // SAFETY: libcrypto hands its own live BIO, and the argument that belongs to the command.
        ffi::BIO_CTRL_EOF | sys::BIO_C_GET_FD => unsafe { tell(bio, command, argument) },
        // Of each record libssl asks eight things that only libcrypto's own sockets know.
        _ => 0,
    }
}

/// # Safety
/// `bio` is a live BIO of our type, and `argument` belongs to the command.
#[inline(never)]
unsafe fn tell(bio: *mut ffi::BIO, command: c_int, argument: *mut c_void) -> c_long {
    // SAFETY: the caller promises a live BIO; NULL or the transport that it owns.
    let Some(transport) = (unsafe { (ffi::BIO_get_data(bio) as *const Transport).as_ref() }) else { return 0 };
    if command == ffi::BIO_CTRL_EOF {
        return transport.ended.get().into();
    }
    if !argument.is_null() {
        // SAFETY: the argument of BIO_C_GET_FD is a pointer to an int (BIO_get_fd).
        unsafe { *(argument as *mut c_int) = transport.fd };
    }
    transport.fd.into()
}

unsafe extern "C" fn destroy(bio: *mut ffi::BIO) -> c_int {
    // SAFETY: libcrypto hands its own BIO, once, when the last reference goes.
    let data = unsafe { ffi::BIO_get_data(bio) } as *mut Transport;
    if !data.is_null() {
        // SAFETY: as above; nothing finds the transport through the BIO any more.
        unsafe { ffi::BIO_set_data(bio, ptr::null_mut()) };
        // SAFETY: the box was leaked in `attach`.
        drop(unsafe { Box::from_raw(data) });
    }
    1
}
