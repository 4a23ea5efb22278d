//! Driving a connection: handshake, read, write, goodbye, on our own transport or on whatever BIO the program set.
//!
//! What a call of libssl means is decided from its return value, from what the `SSL` wants and from its state; the error
//! queue, which may hold stale entries of the program, is only asked for words once it is certain that the call failed.
//! Nothing is added to the queue but the reason of a failure. (libssl itself empties it whenever a handshake goes on.)
//! A read or write that succeeds at once never comes here: see `ffi::connection` for the short way in front.

use std::ffi::c_int;
use std::io;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use openssl_sys as ffi;

use crate::connection::deadline::{Deadline, poll_entry, wait};
use crate::connection::failure::{self, Phase};
use crate::connection::lend::Lent;
use crate::connection::transport::{Limits, Transport, Tripped};
use crate::connection::{gate, gather};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::start;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Conn, sys};
use crate::os::words;
use crate::role::Role;

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes; 0 for what moves none.
    Done(usize),
    /// The peer said goodbye (close_notify): there is no more to read.
    End,
    /// The transport has nothing to read now.
    WantRead,
    /// The transport takes nothing now.
    WantWrite,
}

/// Whether a call may wait for the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As the transport is: a descriptor of ours or one in blocking mode waits.
    Transport,
    /// It waits, on whatever descriptor there is.
    Wait,
}

/// More records than this in a row without a byte for the application are an attack.
const IDLE_RECORDS: u32 = 1000;

/// A connection while one call on it runs.
pub struct Drive<'a> {
    ssl: *mut ffi::SSL,
    phase: Phase,
    guard: Arc<Guard>,
    transport: Option<&'a Transport>,
    /// Ends the loan of our transport when the call ends.
    lent: Option<Lent>,
    /// Whether this call made libssl take part of a long write, against the program's wish.
    partial: bool,
    /// Whether libssl had given the connection up before this call.
    dead: bool,
    patience: Patience,
    deadline: Option<Deadline>,
    idle: u32,
    /// The system's complaint after the last call, where the BIO is not ours.
    errno: Option<c_int>,
}

impl<'a> Drive<'a> {
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl that no other thread uses as long as the result lives.
    pub unsafe fn new(ssl: *mut ffi::SSL, phase: Phase, patience: Patience) -> Result<Drive<'a>> {
        // SAFETY: as the caller promises.
        unsafe { Drive::with(ssl, phase, patience, None) }
    }

    /// The same, where our transport may be lent already. An error where no guard stands on `ssl`.
    ///
    /// # Safety
    /// As for [`Drive::new`].
    pub unsafe fn with(ssl: *mut ffi::SSL, phase: Phase, patience: Patience, lent: Option<Lent>) -> Result<Drive<'a>> {
        let errno = last_errno();
        // SAFETY: as the caller promises, here and in every block of this type.
        let guard = unsafe { gate::guard(ssl)? };
        // SAFETY: see above. Of a handshake that is about to begin here the watch must know.
        unsafe { Watch::ensure(Conn::live(ssl))? };
        // SAFETY: see above.
        let lent = lent.or_else(|| unsafe { Lent::take(ssl) });
        // SAFETY: see above.
        let (transport, dead) = unsafe { (Transport::of(ssl), gate::given_up(ssl)) };
        if let Some(transport) = transport.filter(|_| lent.is_some()) {
            transport.be_patient_for(guard.settings().timeout_ms);
        }
        Ok(Drive { ssl, phase, guard, transport, lent, partial: false, dead, patience, deadline: None, idle: 0, errno })
    }

    /// Makes the handshake, or goes on with it.
    pub fn handshake(&mut self) -> Result<Progress> {
        if self.established() {
            // A ticket or key update is part of the read or write that met it, and of its time.
            return self.connect().map_err(|error| self.report(error));
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Handshake);
        let outcome = self.connect().map_err(|error| self.report(error));
        self.phase = phase;
        self.deadline = None;
        outcome
    }

    /// Makes a read, write or shutdown, after the handshake where that is not complete: `call` is what libssl is to do.
    pub(super) fn run(&mut self, call: impl Fn(*mut ffi::SSL) -> c_int) -> Result<Progress> {
        // SAFETY: see `new`.
        if unsafe { ffi::SSL_is_init_finished(self.ssl) } == 1 {
            // SAFETY: see `new`.
            if let Err(error) = unsafe { gate::verified(self.ssl, &self.guard) } {
                return Err(self.last_word(error));
            }
        } else {
            if let Some(error) = self.ended_by() {
                return Err(self.last_word(error));
            }
            let progress = self.handshake()?;
            if !matches!(progress, Progress::Done(_)) {
                return Ok(progress);
            }
        }
        // SAFETY: see `new`.
        unsafe { gate::open(self.ssl) };
        let quiet = Quiet::begin();
        self.note_nothing_written();
        let answer = call(self.ssl);
        self.errno = last_errno();
        self.go_on(Some(quiet), answer, call)
    }

    /// Goes on after a read or write that went past the gate, because libssl was alive, and did not succeed.
    pub(super) fn go_on_after(&mut self, first: c_int, again: impl Fn(*mut ffi::SSL) -> c_int) -> Result<Progress> {
        self.dead = false;
        self.go_on(None, first, again)
    }

    /// Goes on after a read, write or shutdown that did not succeed: `answer` is what it returned, `again` repeats it.
    /// `quiet` was begun before it, where that could be afforded.
    pub(super) fn go_on(
        &mut self,
        mut quiet: Option<Quiet>,
        mut answer: c_int,
        again: impl Fn(*mut ffi::SSL) -> c_int,
    ) -> Result<Progress> {
        loop {
            if let Ok(amount @ 1..) = usize::try_from(answer) {
                return Ok(Progress::Done(amount));
            }
            let step = match self.step() {
                Err(error) if quiet.take().is_some() => return Err(self.report(error)),
                // What libssl left on the queue cannot be told from what was there before, so it stays, as after SSL_read.
                Err(error) => return Err(self.last_word(error)),
                Ok(step) => step,
            };
            drop(quiet.take());
            match step {
                Step::Return(progress) => return Ok(progress),
                Step::Again => {}
                Step::Handshake => match self.handshake()? {
                    Progress::Done(_) => {}
                    progress => return Ok(progress),
                },
            }
            quiet = Some(Quiet::begin());
            self.note_nothing_written();
            answer = again(self.ssl);
            self.errno = last_errno();
        }
    }

    fn connect(&mut self) -> Result<Progress> {
        let guard = self.guard.clone();
        if let Some(error) = self.transport.and_then(Transport::failure) {
            return Err(error);
        }
        // SAFETY: see `new`.
        if unsafe { ffi::SSL_is_init_finished(self.ssl) } == 1 {
            return self.verified();
        }
        if let Some(error) = self.ended_by() {
            return Err(error);
        }
        guard.check_not_poisoned()?;
        self.check_host_not_poisoned()?;
        // SAFETY: see `new`. What begins here is seen to begin, whatever info callback the program has set.
        if unsafe { sys::SSL_in_before(self.ssl) } == 1 {
            // SAFETY: see `new`.
            unsafe { start::pin_info(Conn::live(self.ssl)) };
        }
        self.arm();
        loop {
            let quiet = Quiet::begin();
            self.note_nothing_written();
            // SAFETY: see `new`.
            let answer = unsafe {
                match guard.role {
                    // The program has said which side this is, or libssl complains.
                    _ if guard.either_side => ffi::SSL_do_handshake(self.ssl),
                    Role::Client => ffi::SSL_connect(self.ssl),
                    Role::Server => ffi::SSL_accept(self.ssl),
                }
            };
            self.errno = last_errno();
            if answer == 1 {
                return self.verified();
            }
            if let Some(error) = self.refused().or_else(|| self.limit_passed()) {
                return Err(error);
            }
            let Some(wish) = self.wish() else { return Err(self.failure()) };
            drop(quiet);
            if let Some(progress) = self.wait_or_return(wish)? {
                return Ok(progress);
            }
        }
    }

    /// The handshake is complete; whether it also was verified.
    fn verified(&mut self) -> Result<Progress> {
        // SAFETY: see `new`.
        unsafe { gate::verified(self.ssl, &self.guard)? };
        // SAFETY: see `new`.
        unsafe { gate::open(self.ssl) };
        if let Some(transport) = self.transport {
            transport.settle();
        }
        Ok(Progress::Done(0))
    }

    fn check_host_not_poisoned(&self) -> Result<()> {
        // SAFETY: see `new`.
        let poison = unsafe { Watch::of(Conn::live(self.ssl)) }.and_then(|watch| watch.state().poison.clone());
        poison.map_or(Ok(()), Err)
    }

    fn arm(&mut self) {
        let Some(transport) = self.transport.filter(|transport| !transport.established.get()) else { return };
        let mut limits = transport.limits.get().unwrap_or_else(|| limits_of(&self.guard));
        if limits.deadline.is_never() {
            limits.deadline = deadline_of(&self.guard);
        }
        transport.limits.set(Some(limits));
        self.deadline = Some(limits.deadline);
    }

    /// What to do after a call that did not succeed.
    fn step(&mut self) -> Result<Step> {
        // SAFETY: see `new`.
        let finished = unsafe { ffi::SSL_is_init_finished(self.ssl) } == 1;
        if let Some(error) = self.ended_by() {
            return Err(error);
        }
        if let Some(error) = self.limit_passed() {
            return Err(error);
        }
        if let Some(transport) = self.transport.filter(|_| finished) {
            // A handshake may have come to its end inside of a read or write.
            transport.settle();
        }
        if let Some(wish) = self.wish() {
            if !finished && self.phase != Phase::Shutdown {
                if self.established() {
                    self.count_record()?;
                }
                return Ok(Step::Handshake);
            }
            if wish == Progress::WantRead && !self.seen_all() {
                self.count_record()?;
                return Ok(Step::Again);
            }
            return Ok(self.wait_or_return(wish)?.map_or(Step::Again, Step::Return));
        }
        // SAFETY: as above.
        let shutdown = unsafe { ffi::SSL_get_shutdown(self.ssl) };
        if self.phase == Phase::Write && shutdown & ffi::SSL_SENT_SHUTDOWN != 0 {
            return Err(failure::closed());
        }
        let cut = self.transport.is_some_and(|transport| transport.ended.get());
        if self.phase == Phase::Read && finished && shutdown & ffi::SSL_RECEIVED_SHUTDOWN != 0 && !cut {
            return Ok(Step::Return(Progress::End));
        }
        // SAFETY: as above.
        if self.phase != Phase::Shutdown && unsafe { sys::SSL_in_before(self.ssl) } == 1 {
            return Ok(Step::Handshake);
        }
        Err(self.failure())
    }

    /// Whether libssl returned because the socket had no more, and not after a record without application data.
    fn seen_all(&self) -> bool {
        self.transport.is_none_or(|transport| transport.drained.get())
    }

    /// Whether the handshake was completed, as far as our transport knows.
    fn established(&self) -> bool {
        self.transport.is_some_and(|transport| transport.established.get())
    }

    /// Counts a record that brought nothing for the application.
    fn count_record(&mut self) -> Result<()> {
        self.idle += 1;
        if self.idle > IDLE_RECORDS {
            let what = format!("more than {IDLE_RECORDS} records without application data");
            return Err(failure::flooded(&self.peer(), &what));
        }
        Ok(())
    }

    /// What libssl waits for; nothing, once it has given the connection up.
    fn wish(&self) -> Option<Progress> {
        // SAFETY: see `new`.
        let wish = unsafe { wish_of(self.ssl) };
        let wrote = self.transport.is_none_or(|transport| transport.wrote.get());
        // Without a try to write the wish is an old one.
        wish.filter(|wish| *wish == Progress::WantRead || wrote)
    }

    fn note_nothing_written(&self) {
        if let Some(transport) = self.transport {
            transport.wrote.set(false);
        }
    }

    /// Waits where the transport is one to wait for (`None`: try again), else hands the wish to the caller.
    fn wait_or_return(&mut self, wish: Progress) -> Result<Option<Progress>> {
        let Some(fd) = self.descriptor_to_wait_for(wish)? else {
            self.note_nothing_written();
            return Ok(Some(wish));
        };
        let guard = &self.guard;
        let deadline = *self.deadline.get_or_insert_with(|| deadline_of(guard));
        if let Some(transport) =
            self.transport.filter(|transport| self.lent.is_some() && transport.limits.get().is_none())
        {
            // libssl may read on and on once there is something: the same deadline holds inside of it.
            transport.limits.set(Some(Limits { deadline, bytes: usize::MAX, allowed_bytes: usize::MAX }));
        }
        if self.phase == Phase::Write && self.lent.is_some() && !self.partial {
            // Each part of a long write has its own time, as the answer of hostlock_write may be a part of it.
            // SAFETY: see `new`; this control takes a number and no pointer.
            let modes = unsafe { ffi::SSL_ctrl(self.ssl, sys::SSL_CTRL_MODE, 0, ptr::null_mut()) };
            self.partial = modes & sys::SSL_MODE_ENABLE_PARTIAL_WRITE == 0;
            // SAFETY: see `new`; this control takes a number and no pointer.
            unsafe { ffi::SSL_ctrl(self.ssl, sys::SSL_CTRL_MODE, sys::SSL_MODE_ENABLE_PARTIAL_WRITE, ptr::null_mut()) };
        }
        let events = if wish == Progress::WantRead { libc::POLLIN } else { libc::POLLOUT };
        self.idle = 0;
        // A descriptor that is always ready must not outlive the deadline either.
        let late = deadline.has_passed();
        match if late { Ok(false) } else { wait(&mut [poll_entry(fd, events)], &deadline) } {
            Ok(true) => Ok(None),
            Ok(false) => Err(self.timed_out(self.phase, deadline.allowed_ms())),
            Err(error) => {
                let why = words::of(&error);
                Err(Error::new(Status::EIo, format!("waiting for {} failed: {why}", self.peer())))
            }
        }
    }

    /// Waits until the transport takes bytes again: then, or where it does by now, `None`.
    pub(super) fn wait_for_room(&mut self) -> Result<Option<Progress>> {
        let Some(transport) = self.transport else { return Ok(None) };
        if wait(&mut [poll_entry(transport.fd(), libc::POLLOUT)], &Deadline::after(0).within(Duration::ZERO))
            .unwrap_or(false)
        {
            return Ok(None);
        }
        self.wait_or_return(Progress::WantWrite)
    }

    fn descriptor_to_wait_for(&self, wish: Progress) -> Result<Option<c_int>> {
        if let Some(transport) = self.transport {
            return Ok((self.patience == Patience::Wait || transport.waits()).then(|| transport.fd()));
        }
        if self.patience == Patience::Transport {
            return Ok(None);
        }
        // SAFETY: see `new`.
        let (reader, writer) = unsafe { gather::descriptors(self.ssl) };
        match if wish == Progress::WantRead { reader } else { writer } {
            Some(fd) => Ok(Some(fd)),
            None => Err(Error::new(Status::EState, "this connection has no descriptor to wait for")
                .with_hint("use hostlock_write, which answers HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE")),
        }
    }

    fn limit_passed(&self) -> Option<Error> {
        let transport = self.transport?;
        let limits = transport.limits.get()?;
        match transport.tripped.get()? {
            Tripped::Time => Some(self.timed_out(self.phase, limits.deadline.allowed_ms())),
            Tripped::Bytes => {
                let what = format!("more than {} bytes in one handshake", limits.allowed_bytes);
                Some(failure::flooded(&self.peer(), &what))
            }
        }
    }

    /// The time is up. A peer that said nothing to a hello of more than one packet may never have seen it.
    fn timed_out(&self, phase: Phase, allowed_ms: u32) -> Error {
        let silent =
            self.transport.filter(|transport| phase == Phase::Handshake && transport.with_head(<[u8]>::is_empty));
        // SAFETY: see `new`.
        let client = unsafe { ffi::SSL_is_server(self.ssl) } != 1;
        let hello = silent.filter(|_| client).map_or(0, Transport::sent);
        failure::timed_out(phase, &self.peer(), allowed_ms, hello)
    }

    /// The error after which this connection cannot go on, where there was one.
    pub(super) fn ended_by(&self) -> Option<Error> {
        self.refused().or_else(|| self.transport.and_then(Transport::failure)).or_else(|| self.remembered())
    }

    /// The error that ended the connection in an earlier call, of ours or of libssl's own. SSL_clear ends it.
    fn remembered(&self) -> Option<Error> {
        // SAFETY: see `new`.
        if unsafe { sys::SSL_in_before(self.ssl) } == 1 {
            return None;
        }
        // SAFETY: see `new`.
        let watch = unsafe { Watch::of(Conn::live(self.ssl)) }?;
        let state = watch.state();
        let of_libssl = || state.failure.clone().filter(|_| self.dead);
        state.ended.clone().or_else(of_libssl).or_else(|| self.dead.then(failure::failed_earlier))
    }

    /// The verdict, where it is a refusal: it says more than libssl can. One from before SSL_clear counts no more.
    fn refused(&self) -> Option<Error> {
        // SAFETY: see `new`.
        if unsafe { sys::SSL_in_before(self.ssl) } == 1 {
            return None;
        }
        // SAFETY: see `new`.
        match &unsafe { Watch::of(Conn::live(self.ssl)) }?.state().verdict {
            Verdict::Refused(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// The words for a call that failed just now.
    fn failure(&self) -> Error {
        // SAFETY: see `new`.
        let watch = unsafe { Watch::of(Conn::live(self.ssl)) };
        let first = watch.is_some_and(|watch| !std::mem::replace(&mut watch.state().end_reported, true));
        // SAFETY: see `new`.
        unsafe { gather::failure(self.ssl, self.phase, self.transport, self.errno, first) }
    }

    fn peer(&self) -> String {
        // SAFETY: see `new`.
        gather::peer_address(unsafe { gather::descriptors(self.ssl) }.0)
    }

    /// Adds the host, and keeps the error where the connection cannot go on after it.
    pub(super) fn last_word(&self, error: Error) -> Error {
        // SAFETY: see `new`.
        let error = unsafe { gather::with_host(self.ssl, error) };
        let passing = match error.status() {
            Status::EArg | Status::EState | Status::EClosed | Status::EPoisoned => true,
            Status::ETimeout => self.phase != Phase::Handshake,
            // A callback of the program's has not finished.
            // SAFETY: see `new`.
            Status::EUnsupported => !unsafe { gate::given_up(self.ssl) },
            _ => false,
        };
        if passing {
            return error;
        }
        if let Some(transport) = self.transport.filter(|_| self.lent.is_none()) {
            transport.fail_with(&error);
        }
        // SAFETY: see `new`.
        if let Some(watch) = unsafe { Watch::of(Conn::live(self.ssl)) } {
            watch.state().ended.get_or_insert_with(|| error.clone());
        }
        error
    }

    /// The same, and the reason goes on the queue in place of what libssl left there since the mark.
    fn report(&self, error: Error) -> Error {
        let error = self.last_word(error);
        queue::raise(&error);
        error
    }
}

impl Drop for Drive<'_> {
    fn drop(&mut self) {
        if self.partial {
            let mode = sys::SSL_MODE_ENABLE_PARTIAL_WRITE;
            // SAFETY: see `new`; this control takes a number and no pointer.
            unsafe { ffi::SSL_ctrl(self.ssl, sys::SSL_CTRL_CLEAR_MODE, mode, ptr::null_mut()) };
        }
    }
}

/// What libssl waits for, by the rules of SSL_get_error without its look at the error queue. A connection that libssl has
/// given up waits for nothing: where its alert found no room SSL_want goes on saying "writing".
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
unsafe fn wish_of(ssl: *mut ffi::SSL) -> Option<Progress> {
    // SAFETY: `ssl` is live.
    let (want, reader, writer) = unsafe { (sys::SSL_want(ssl), ffi::SSL_get_rbio(ssl), ffi::SSL_get_wbio(ssl)) };
    let bio = match want {
        sys::SSL_READING => reader,
        sys::SSL_WRITING => writer,
        _ => return None,
    };
    // SAFETY: `ssl` is live.
    if bio.is_null() || unsafe { gate::given_up(ssl) } {
        return None;
    }
    // SAFETY: the BIO belongs to the SSL.
    let flags = unsafe { sys::BIO_test_flags(bio, ffi::BIO_FLAGS_RWS | ffi::BIO_FLAGS_SHOULD_RETRY) };
    if flags & ffi::BIO_FLAGS_SHOULD_RETRY == 0 {
        return None;
    }
    match flags & (ffi::BIO_FLAGS_READ | ffi::BIO_FLAGS_WRITE) {
        ffi::BIO_FLAGS_READ => Some(Progress::WantRead),
        ffi::BIO_FLAGS_WRITE => Some(Progress::WantWrite),
        _ => None,
    }
}

enum Step {
    Return(Progress),
    Again,
    Handshake,
}

/// The limits that a handshake of the guard's context has from now on.
pub fn limits_of(guard: &Guard) -> Limits {
    let bytes = guard.policy.handshake_bytes;
    Limits { deadline: deadline_of(guard), bytes, allowed_bytes: bytes }
}

fn last_errno() -> Option<c_int> {
    io::Error::last_os_error().raw_os_error().filter(|errno| *errno != 0)
}

fn deadline_of(guard: &Guard) -> Deadline {
    Deadline::after(guard.settings().timeout_ms)
}
