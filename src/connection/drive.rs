//! Driving a connection: handshake, read, write, goodbye, on our own transport or on whatever BIO the program set.
//!
//! What a call of libssl means is decided from its return value, from what the `SSL` wants and from its state; the error
//! queue, which may hold stale entries of the program, is only asked for words once it is certain that the call failed.
//! Nothing is added to the queue but the reason of a failure. (libssl itself empties it whenever a handshake goes on.)
//! A read or write that succeeds at once never comes here: see `ffi::connection` for the short way in front.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::deadline::{Deadline, wait};
use crate::connection::failure::{self, Phase};
use crate::connection::lend::{self, Lent};
use crate::connection::transport::{Limits, Transport, Tripped};
use crate::connection::{gate, gather};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::start;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::transfer::Want;
use crate::libssl::{Conn, sys};
use crate::os::poll::Wish;
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
    conn: Conn<'a>,
    phase: Phase,
    guard: Arc<Guard>,
    transport: Option<&'a Transport>,
    /// Ends the loan of our transport when the call ends.
    lent: Option<Lent<'a>>,
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
    /// One call on `conn`. An error where no guard stands on it.
    pub fn new(conn: Conn<'a>, phase: Phase, patience: Patience) -> Result<Drive<'a>> {
        Drive::with(conn, phase, patience, None)
    }

    /// The same, where our transport may be lent already.
    pub fn with(conn: Conn<'a>, phase: Phase, patience: Patience, lent: Option<Lent<'a>>) -> Result<Drive<'a>> {
        let errno = last_errno();
        let guard = gate::guard(conn)?;
        Watch::ensure(conn)?;
        let lent = lent.or_else(|| lend::take(conn));
        let (transport, dead) = (conn.wire::<Transport>(), conn.is_given_up());
        if let Some(transport) = transport.filter(|_| lent.is_some()) {
            transport.be_patient_for(guard.settings().timeout_ms);
        }
        Ok(Drive {
            conn,
            phase,
            guard,
            transport,
            lent,
            partial: false,
            dead,
            patience,
            deadline: None,
            idle: 0,
            errno,
        })
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
    pub(super) fn run(&mut self, mut call: impl FnMut(Conn<'_>) -> c_int) -> Result<Progress> {
        if self.conn.is_init_finished() {
            if let Err(error) = gate::verified(self.conn, &self.guard) {
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
        gate::open(self.conn);
        let quiet = Quiet::begin();
        self.note_nothing_written();
        let answer = call(self.conn);
        self.errno = last_errno();
        self.go_on(Some(quiet), answer, call)
    }

    /// Goes on after a read or write that went past the gate, because libssl was alive, and did not succeed.
    pub(super) fn go_on_after(&mut self, first: c_int, again: impl FnMut(Conn<'_>) -> c_int) -> Result<Progress> {
        self.dead = false;
        self.go_on(None, first, again)
    }

    /// Goes on after a read, write or shutdown that did not succeed: `answer` is what it returned, `again` repeats it.
    /// `quiet` was begun before it, where that could be afforded.
    pub(super) fn go_on(
        &mut self,
        mut quiet: Option<Quiet>,
        mut answer: c_int,
        mut again: impl FnMut(Conn<'_>) -> c_int,
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
            answer = again(self.conn);
            self.errno = last_errno();
        }
    }

    fn connect(&mut self) -> Result<Progress> {
        let guard = self.guard.clone();
        if let Some(error) = self.transport.and_then(Transport::failure) {
            return Err(error);
        }
        if self.conn.is_init_finished() {
            return self.verified();
        }
        if let Some(error) = self.ended_by() {
            return Err(error);
        }
        guard.check_not_poisoned()?;
        self.check_host_not_poisoned()?;
        if self.conn.is_in_before() {
            start::pin_info(self.conn);
        }
        self.arm();
        loop {
            let quiet = Quiet::begin();
            self.note_nothing_written();
            let answer = match guard.role {
                // The program has said which side this is, or libssl complains.
                _ if guard.either_side => self.conn.do_handshake(),
                Role::Client => self.conn.connect(),
                Role::Server => self.conn.accept(),
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
        gate::verified(self.conn, &self.guard)?;
        gate::open(self.conn);
        if let Some(transport) = self.transport {
            transport.settle();
        }
        Ok(Progress::Done(0))
    }

    fn check_host_not_poisoned(&self) -> Result<()> {
        let poison = Watch::of(self.conn).and_then(|watch| watch.state().poison.clone());
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
        let finished = self.conn.is_init_finished();
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
        let (said_goodbye, heard_goodbye) = self.conn.goodbyes();
        if self.phase == Phase::Write && said_goodbye {
            return Err(failure::closed());
        }
        let cut = self.transport.is_some_and(|transport| transport.ended.get());
        if self.phase == Phase::Read && finished && heard_goodbye && !cut {
            return Ok(Step::Return(Progress::End));
        }
        if self.phase != Phase::Shutdown && self.conn.is_in_before() {
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
        let wish = self.conn.wish().map(|want| match want {
            Want::Read => Progress::WantRead,
            Want::Write => Progress::WantWrite,
        });
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
            self.partial = self.conn.mode() & sys::SSL_MODE_ENABLE_PARTIAL_WRITE == 0;
            self.conn.set_mode(sys::SSL_MODE_ENABLE_PARTIAL_WRITE);
        }
        let event = if wish == Progress::WantRead { Wish::Read } else { Wish::Write };
        self.idle = 0;
        // A descriptor that is always ready must not outlive the deadline either.
        let late = deadline.has_passed();
        match if late { Ok(vec![false]) } else { wait(&[(fd, event)], &deadline) } {
            Ok(ready) if ready.contains(&true) => Ok(None),
            Ok(_) => Err(self.timed_out(self.phase, deadline.allowed_ms())),
            Err(error) => {
                let why = failure::os_text(&error);
                Err(Error::new(Status::EIo, format!("waiting for {} failed: {why}", self.peer())))
            }
        }
    }

    /// Waits until the transport takes bytes again: then, or where it does by now, `None`.
    pub(super) fn wait_for_room(&mut self) -> Result<Option<Progress>> {
        let Some(transport) = self.transport else { return Ok(None) };
        let now = Deadline::after(0).within(Duration::ZERO);
        if wait(&[(transport.fd(), Wish::Write)], &now).is_ok_and(|ready| ready.contains(&true)) {
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
        let (reader, writer) = self.conn.descriptors();
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
        let client = !self.conn.is_server();
        let hello = silent.filter(|_| client).map_or(0, Transport::sent);
        failure::timed_out(phase, &self.peer(), allowed_ms, hello)
    }

    /// The error after which this connection cannot go on, where there was one.
    pub(super) fn ended_by(&self) -> Option<Error> {
        self.refused().or_else(|| self.transport.and_then(Transport::failure)).or_else(|| self.remembered())
    }

    /// The error that ended the connection in an earlier call, of ours or of libssl's own. SSL_clear ends it.
    fn remembered(&self) -> Option<Error> {
        if self.conn.is_in_before() {
            return None;
        }
        let watch = Watch::of(self.conn)?;
        let state = watch.state();
        let of_libssl = || state.failure.clone().filter(|_| self.dead);
        state.ended.clone().or_else(of_libssl).or_else(|| self.dead.then(failure::failed_earlier))
    }

    /// The verdict, where it is a refusal: it says more than libssl can. One from before SSL_clear counts no more.
    fn refused(&self) -> Option<Error> {
        if self.conn.is_in_before() {
            return None;
        }
        match &Watch::of(self.conn)?.state().verdict {
            Verdict::Refused(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// The words for a call that failed just now.
    fn failure(&self) -> Error {
        let watch = Watch::of(self.conn);
        let first = watch.is_some_and(|watch| !std::mem::replace(&mut watch.state().end_reported, true));
        gather::failure(self.conn, self.phase, self.transport, self.errno, first)
    }

    fn peer(&self) -> String {
        gather::peer_address(self.conn.descriptors().0)
    }

    /// Adds the host, and keeps the error where the connection cannot go on after it.
    pub(super) fn last_word(&self, error: Error) -> Error {
        let error = gather::with_host(self.conn, error);
        let passing = match error.status() {
            Status::EArg | Status::EState | Status::EClosed | Status::EPoisoned => true,
            Status::ETimeout => self.phase != Phase::Handshake,
            // A callback of the program's has not finished.
            Status::EUnsupported => !self.conn.is_given_up(),
            _ => false,
        };
        if passing {
            return error;
        }
        if let Some(transport) = self.transport.filter(|_| self.lent.is_none()) {
            transport.fail_with(&error);
        }
        if let Some(watch) = Watch::of(self.conn) {
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
            self.conn.clear_mode(sys::SSL_MODE_ENABLE_PARTIAL_WRITE);
        }
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
