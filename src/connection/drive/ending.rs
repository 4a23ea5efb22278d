//! The end of a connection: why it cannot go on, in words that stay the same whenever it is asked.

use super::Drive;
use crate::connection::failure::{self, Phase};
use crate::connection::gather;
use crate::connection::transport::Transport;
use crate::error::{Error, Status};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::events;
use crate::libssl::queue::{self, Quiet};

impl Drive<'_> {
    /// The error after which this connection cannot go on, where there was one.
    pub(in crate::connection) fn ended_by(&self) -> Option<Error> {
        self.refused().or_else(|| self.transport().and_then(Transport::failure)).or_else(|| self.remembered())
    }

    /// The error that ended the connection in an earlier call, of ours or of libssl's own. SSL_clear ends it.
    pub(super) fn remembered(&self) -> Option<Error> {
        if self.conn.is_in_before() {
            return None;
        }
        let state = ConnectionState::of(self.conn)?;
        let known = state.known();
        let of_libssl = || known.failure.clone().filter(|_| self.dead);
        known.ended.clone().or_else(of_libssl).or_else(|| self.dead.then(failure::failed_earlier))
    }

    /// Why libssl gave the connection up just now, before anybody is told.
    pub(in crate::connection) fn why_it_ended(&self) -> Error {
        self.refused().unwrap_or_else(|| self.failure())
    }

    /// What a read found behind the data that it gave, where nobody was told yet.
    pub(super) fn found_ahead(&self) -> Option<Error> {
        ConnectionState::of(self.conn)?.known().found_ahead.take().filter(|_| !self.conn.is_in_before())
    }

    /// The verdict, where it is a refusal: it says more than libssl can. One from before SSL_clear counts no more.
    pub(super) fn refused(&self) -> Option<Error> {
        if self.conn.is_in_before() {
            return None;
        }
        match &ConnectionState::of(self.conn)?.known().verdict {
            Verdict::Refused(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// The words for a call that failed just now.
    pub(super) fn failure(&self) -> Error {
        let state = ConnectionState::of(self.conn);
        let first = state.is_some_and(|state| !std::mem::replace(&mut state.known().end_reported, true));
        let error = gather::failure(self.conn, self.phase, self.transport(), self.errno, first);
        self.alert_before(&error).unwrap_or(error)
    }

    /// What the peer had said before it cut the connection that a write found cut: with TLS 1.3 a server refuses a client's
    /// certificate when the client has begun to write. What can be read stays there.
    fn alert_before(&self, error: &Error) -> Option<Error> {
        const MOST_RECORDS: usize = 8;
        let transport = self.transport().filter(|transport| transport.fd() >= 0)?;
        if self.phase != Phase::Write || error.status() != Status::ETruncated || !self.conn.is_init_finished() {
            return None;
        }
        for _ in 0..MOST_RECORDS {
            let _quiet = Quiet::begin();
            if self.conn.peek() > 0 {
                return None;
            }
            if self.conn.wish().is_none() {
                let said = gather::failure(self.conn, self.phase, Some(transport), None, false);
                return (said.status() == Status::EAlert).then_some(said);
            }
            if transport.drained.get() {
                return None;
            }
        }
        None
    }

    pub(super) fn peer(&self) -> String {
        gather::peer_address(self.conn.descriptors().0)
    }

    pub(super) fn flooded(&self, what: &str) -> Error {
        failure::flooded(&self.peer(), what, if self.conn.is_server() { "client" } else { "server" })
    }

    /// Adds the host, and keeps the error where the connection cannot go on after it.
    pub(in crate::connection) fn last_word(&self, error: Error) -> Error {
        let error = gather::with_host(self.conn, error);
        let passing = match error.status() {
            Status::EArg | Status::EState | Status::EClosed | Status::EPoisoned | Status::EInterrupted => true,
            Status::ETimeout => self.phase != Phase::Handshake,
            // A callback of the program's has not finished.
            Status::EUnsupported => !self.conn.is_given_up(),
            _ => false,
        };
        if passing {
            return error;
        }
        if let Some(transport) = self.transport().filter(|_| self.lent.is_none()) {
            transport.fail_with(&error);
        }
        if let Some(state) = ConnectionState::of(self.conn) {
            state.known().ended.get_or_insert_with(|| error.clone());
        }
        events::failed(self.conn, &error);
        error
    }

    /// The same, and the reason goes on the queue in place of what libssl left there since the mark.
    pub(super) fn report(&self, error: Error) -> Error {
        let error = self.last_word(error);
        queue::raise(&error);
        error
    }
}
