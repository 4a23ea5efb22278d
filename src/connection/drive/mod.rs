//! Driving a connection: handshake, read, write, goodbye, on our own transport or on whatever BIO the program set.
//!
//! What a call of libssl means is decided from its return value, from what the `SSL` wants and from its state; the error
//! queue, which may hold stale entries of the program, is only asked for words once it is certain that the call failed.
//! Nothing is added to the queue but the reason of a failure. (libssl itself empties it whenever a handshake goes on.)
//! A read or write that succeeds at once never comes here: see `ffi::ways` for the short way in front.

mod ending;
mod waiting;

use std::ffi::c_int;
use std::io;
use std::sync::Arc;

use openssl_sys as ffi;

use crate::connection::deadline::Deadline;
use crate::connection::failure::{self, Phase};
use crate::connection::gate;
use crate::connection::lend::{self, Lent};
use crate::connection::transport::{Limits, Transport};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::{resumption, start};
use crate::libssl::bio::Bio;
use crate::libssl::queue::Quiet;
use crate::libssl::Conn;
use crate::os::socket;
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
    /// Our transport. This owns it, too: a callback may give the connection another BIO while the call runs.
    transport: Option<Bio<Transport>>,
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
        if ConnectionState::ensure(conn)?.known().told_events.running {
            return Err(inside_of_event());
        }
        let lent = lent.or_else(|| lend::take(conn));
        let (transport, dead) = (conn.share_wire::<Transport>(), conn.is_given_up());
        if let Some(transport) = transport.as_ref().and_then(Bio::wire).filter(|_| lent.is_some()) {
            transport.be_patient_for(timeout_of(conn, &guard));
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

    fn transport(&self) -> Option<&Transport> {
        self.transport.as_ref().and_then(Bio::wire)
    }

    /// Makes the handshake, or goes on with it.
    pub fn handshake(&mut self) -> Result<Progress> {
        if self.established() {
            // A ticket or key update is part of the read or write that met it, and of its time.
            return self.connect().map_err(|error| self.report(error));
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Handshake);
        let outcome = self.connect().map_err(|error| self.failed_to_connect(error));
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
            if let Some(error) = self.found_ahead() {
                return Err(self.report(error));
            }
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
        if let Some(error) = self.transport().and_then(Transport::failure) {
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
            self.offer_kept_session();
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
            if let Some(error) = self.refused().or_else(|| self.stopped()) {
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
        if let Some(transport) = self.transport() {
            transport.settle();
        }
        resumption::complete(self.conn, &self.guard);
        Ok(Progress::Done(0))
    }

    /// On a connection that hostlock opened.
    fn offer_kept_session(&self) {
        if let Some(transport) = self.transport().filter(|_| self.lent.is_none()) {
            resumption::begin(self.conn, &self.guard, socket::peer(transport.fd()));
        }
    }

    /// The handshake has failed, unless it may go on.
    fn failed_to_connect(&self, error: Error) -> Error {
        if !matches!(error.status(), Status::EInterrupted | Status::EState | Status::EArg) {
            resumption::failed(self.conn, &self.guard);
        }
        self.report(error)
    }

    fn check_host_not_poisoned(&self) -> Result<()> {
        let poison = ConnectionState::of(self.conn).and_then(|state| state.known().poison.clone());
        poison.map_or(Ok(()), Err)
    }

    fn arm(&mut self) {
        let Some(transport) = self.transport().filter(|transport| !transport.established.get()) else { return };
        let mut limits = transport.limits.get().unwrap_or_else(|| limits_of(self.conn, &self.guard));
        if limits.deadline.is_never() {
            limits.deadline = deadline_of(self.conn, &self.guard);
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
        if let Some(error) = self.stopped() {
            return Err(error);
        }
        if let Some(transport) = self.transport().filter(|_| finished) {
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
        let cut = self.transport().is_some_and(|transport| transport.ended.get());
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
        self.transport().is_none_or(|transport| transport.drained.get())
    }

    /// Whether the handshake was completed, as far as our transport knows.
    fn established(&self) -> bool {
        self.transport().is_some_and(|transport| transport.established.get())
    }

    /// Counts a record that brought nothing for the application.
    fn count_record(&mut self) -> Result<()> {
        self.idle += 1;
        if self.idle > IDLE_RECORDS {
            let what = format!("more than {IDLE_RECORDS} records without application data");
            return Err(self.flooded(&what));
        }
        Ok(())
    }

    fn note_nothing_written(&self) {
        if let Some(transport) = self.transport() {
            transport.wrote.set(false);
        }
    }
}

impl Drop for Drive<'_> {
    fn drop(&mut self) {
        if self.partial {
            self.conn.clear_mode(ffi::SSL_MODE_ENABLE_PARTIAL_WRITE);
        }
    }
}

enum Step {
    Return(Progress),
    Again,
    Handshake,
}

/// The error for a call on a connection from inside of the function that hears of it: libssl is in the middle of one.
fn inside_of_event() -> Error {
    Error::new(Status::EState, "this connection is told of just now, by a call on it that is under way")
        .with_hint("have the function of hostlock_ctx_set_on_event note what it heard, and act when that call has returned")
}

/// The limits that a handshake of `conn` has from now on.
pub fn limits_of(conn: Conn<'_>, guard: &Guard) -> Limits {
    let bytes = guard.policy.handshake_bytes;
    Limits { deadline: deadline_of(conn, guard), bytes, allowed_bytes: bytes }
}

fn last_errno() -> Option<c_int> {
    io::Error::last_os_error().raw_os_error().filter(|errno| *errno != 0)
}

/// When a call on `conn` that begins now must be done.
pub fn deadline_of(conn: Conn<'_>, guard: &Guard) -> Deadline {
    Deadline::after(timeout_of(conn, guard)).interrupted_by(guard.settings().interrupt)
}

/// When a connection of the guard's context that is begun now must be made.
pub fn deadline_of_new(guard: &Guard) -> Deadline {
    let settings = guard.settings();
    Deadline::after(settings.timeout_ms).interrupted_by(settings.interrupt)
}

/// How long a call on `conn` may take, in milliseconds.
fn timeout_of(conn: Conn<'_>, guard: &Guard) -> u32 {
    let own = ConnectionState::of(conn).and_then(|state| state.known().timeout_ms);
    own.unwrap_or_else(|| guard.settings().timeout_ms)
}
