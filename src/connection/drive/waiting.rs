//! Waiting: what libssl wants, whether this call may wait for it, and for how long.

use std::ffi::c_int;
use std::time::Duration;

use openssl_sys as ffi;

use super::{Drive, Patience, Progress, deadline_of};
use crate::connection::deadline::{self, Deadline, wait};
use crate::connection::failure::Phase;
use crate::connection::memory::Memory;
use crate::connection::functions::CallersFunctions;
use crate::connection::silence::{self, Silence};
use crate::connection::transport::{Limits, Transport, Tripped};
use crate::error::{Error, Result, Status};
use crate::libssl::bio::Want;
use crate::os::poll::Wish;
use crate::os::words;
use crate::role::Role;

impl Drive<'_> {
    /// What libssl waits for; nothing, once it has given the connection up.
    pub(super) fn wish(&self) -> Option<Progress> {
        let wish = self.conn.wish().map(|want| match want {
            Want::Read => Progress::WantRead,
            Want::Write => Progress::WantWrite,
        });
        let wrote = self.transport().is_none_or(|transport| transport.wrote.get());
        // Without a try to write the wish is an old one.
        wish.filter(|wish| *wish == Progress::WantRead || wrote)
    }

    /// Waits where the transport is one to wait for (`None`: try again), else hands the wish to the caller.
    pub(super) fn wait_or_return(&mut self, wish: Progress) -> Result<Option<Progress>> {
        let Some(fd) = self.descriptor_to_wait_for(wish)? else {
            self.note_nothing_written();
            return Ok(Some(wish));
        };
        let guard = &self.guard;
        let conn = self.conn;
        let until = *self.deadline.get_or_insert_with(|| deadline_of(conn, guard));
        if let Some(transport) =
            self.transport().filter(|transport| self.lent.is_some() && transport.limits.get().is_none())
        {
            // libssl may read on and on once there is something: the same deadline holds inside of it.
            transport.limits.set(Some(Limits { deadline: until, bytes: usize::MAX, allowed_bytes: usize::MAX }));
        }
        if self.phase == Phase::Write && self.lent.is_some() && !self.partial {
            // Each part of a long write has its own time, as the answer of hostlock_write may be a part of it.
            self.partial = self.conn.mode() & ffi::SSL_MODE_ENABLE_PARTIAL_WRITE == 0;
            self.conn.set_mode(ffi::SSL_MODE_ENABLE_PARTIAL_WRITE);
        }
        let event = if wish == Progress::WantRead { Wish::Read } else { Wish::Write };
        self.idle = 0;
        // A descriptor that is always ready must not outlive the deadline either.
        let late = until.has_passed();
        match if late { Ok(vec![false]) } else { wait(&[(fd, event)], &until) } {
            Ok(ready) if ready.contains(&true) => Ok(None),
            Ok(_) => Err(self.timed_out(self.phase, until.allowed_ms())),
            Err(error) => Err(deadline::failed(&error, || {
                let why = words::of(&error);
                Error::new(Status::EIo, format!("waiting for {} failed: {why}", self.peer()))
            })),
        }
    }

    /// Refuses a connection that has nothing to wait for.
    pub(in crate::connection) fn check_can_wait(&self) -> Result<()> {
        if self.transport().is_some_and(|transport| transport.functions().is_some()) {
            // They may wait themselves.
            return Ok(());
        }
        self.descriptor_to_wait_for(Progress::WantRead).map(drop)
    }

    /// What comes next belongs to the same time.
    pub(in crate::connection) fn keep_time(&mut self) {
        let (conn, guard) = (self.conn, &self.guard);
        self.deadline.get_or_insert_with(|| deadline_of(conn, guard));
    }

    /// Waits until the transport takes bytes again: then, or where it does by now, `None`.
    pub(in crate::connection) fn wait_for_room(&mut self) -> Result<Option<Progress>> {
        let Some(transport) = self.transport() else { return Ok(None) };
        if transport.memory().is_some_and(Memory::has_room) || transport.functions().is_some() {
            return Ok(None);
        }
        let now = Deadline::after(0).within(Duration::ZERO);
        if wait(&[(transport.fd(), Wish::Write)], &now).is_ok_and(|ready| ready.contains(&true)) {
            return Ok(None);
        }
        self.wait_or_return(Progress::WantWrite)
    }

    pub(super) fn descriptor_to_wait_for(&self, wish: Progress) -> Result<Option<c_int>> {
        if let Some(transport) = self.transport().filter(|transport| transport.fd() >= 0) {
            return Ok((self.patience == Patience::Wait || transport.waits()).then(|| transport.fd()));
        }
        if self.patience == Patience::Transport {
            return Ok(None);
        }
        let (reader, writer) = self.conn.descriptors();
        match if wish == Progress::WantRead { reader } else { writer } {
            Some(fd) => Ok(Some(fd)),
            None => Err(Error::new(Status::EState, "this connection has no descriptor to wait for")
                .with_hint("use hostlock_read and hostlock_write, which answer HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE")),
        }
    }

    /// The limit that ended this call, or what a function of the program's said.
    pub(super) fn stopped(&self) -> Option<Error> {
        let transport = self.transport()?;
        if let Some(error) = transport.functions().and_then(CallersFunctions::said) {
            return Some(error);
        }
        let limits = transport.limits.get()?;
        match transport.tripped.get()? {
            Tripped::Time => Some(self.timed_out(self.phase, limits.deadline.allowed_ms())),
            Tripped::Bytes => {
                let what = format!("more than {} bytes in one handshake", limits.allowed_bytes);
                Some(self.flooded(&what))
            }
        }
    }

    /// The time is up. A peer that said nothing to a hello of more than one packet may never have seen it.
    pub(super) fn timed_out(&self, phase: Phase, allowed_ms: u32) -> Error {
        let silent =
            self.transport().filter(|transport| phase == Phase::Handshake && transport.with_head(<[u8]>::is_empty));
        let client = !self.conn.is_server();
        let hello = silent.filter(|_| client).map_or(0, Transport::sent);
        let role = if client { Role::Client } else { Role::Server };
        let peer = self.peer();
        let words = |head: Option<&[u8]>| {
            silence::timed_out(&Silence { phase, role, peer: &peer, allowed_ms, hello, head })
        };
        match self.transport() {
            Some(transport) => transport.with_head(|head| words(Some(head))),
            None => words(None),
        }
    }
}
