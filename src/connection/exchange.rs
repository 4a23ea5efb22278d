//! Read, write and goodbye, for when the first attempt did not succeed. What a connection of ours needs for them to keep
//! their deadlines is set in [`prepare`].

use std::cell::Cell;
use std::ffi::{c_int, c_long};
use std::mem::MaybeUninit;

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::failure::Phase;
use crate::connection::lend::Lent;
use crate::connection::transport::Transport;
use crate::error::{self, Error, Result, Status};
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::resumption;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, sys};
use crate::role::Role;

/// Makes libssl return after each record, and take any part of a long write: both give the deadline its say.
pub fn prepare(conn: Conn<'_>, role: Role) {
    let modes: c_long = ffi::SSL_MODE_ENABLE_PARTIAL_WRITE | ffi::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
    conn.set_mode(modes);
    conn.clear_mode(ffi::SSL_MODE_AUTO_RETRY);
    match role {
        Role::Client => conn.set_connect_state(),
        Role::Server => {
            // Most of a server's connections are idle at any time, and would keep two buffers of 17 KiB each.
            conn.set_mode(ffi::SSL_MODE_RELEASE_BUFFERS);
            conn.set_accept_state();
        }
    }
}

/// Reads by `call`. `first` is what it answered just now, where it was made.
pub fn read(
    conn: Conn<'_>,
    call: impl FnMut(Conn<'_>) -> c_int,
    first: Option<c_int>,
    lent: Option<Lent<'_>>,
) -> Result<Progress> {
    let mut drive = Drive::with(conn, Phase::Read, Patience::Transport, lent)?;
    let outcome = match first {
        Some(first) => drive.go_on_after(first, call),
        None => drive.run(call),
    };
    if let Ok(Progress::End) = outcome {
        resumption::end(conn);
    }
    outcome
}

/// Reads into `room` the records that have arrived behind the one that was read just now, and counts the bytes in `done`. The
/// network is not looked at. What else was found behind them is for the next call to tell, and leaves no trace before.
pub fn read_on(conn: Conn<'_>, room: &mut [MaybeUninit<u8>], done: &Cell<usize>) {
    // Owned: a callback may give the connection another BIO meanwhile.
    let Some(bio) = conn.share_wire::<Transport>() else { return };
    let Some(transport) = bio.wire() else { return };
    let told = error::last(Error::clone);
    let _held = transport.hold();
    let _quiet = Quiet::begin();
    while let Some(rest) = room.get_mut(done.get()..).filter(|rest| !rest.is_empty()) {
        if !conn.holds_more() {
            break;
        }
        let Ok(got @ 1..) = usize::try_from(conn.read(rest)) else {
            if conn.is_given_up() {
                note_end(conn);
            }
            error::put_back(told);
            break;
        };
        done.set(done.get() + got);
    }
}

/// Keeps the reason why libssl gave the connection up, for the next call.
fn note_end(conn: Conn<'_>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    let Ok(drive) = Drive::new(conn, Phase::Read, Patience::Transport) else { return };
    state.known().found_ahead = Some(drive.why_it_ended());
}

/// Fills `room`: how many bytes came before the peer said goodbye. It waits on any descriptor, and all of it has the time of
/// one call, so that nobody is held up by a peer that sends a byte now and then.
pub fn read_all(conn: Conn<'_>, room: &mut [u8]) -> Result<usize> {
    let mut drive = Drive::new(conn, Phase::Read, Patience::Wait)?;
    drive.check_can_wait()?;
    let mut done = 0;
    while let Some(rest) = room.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match drive.run(|conn| conn.read_into(rest))? {
            Progress::Done(got) if got > 0 => done += got,
            Progress::End => {
                resumption::end(conn);
                break;
            }
            other => return Err(Error::new(Status::EInternal, format!("a read that waits ended with {other:?}"))),
        }
        drive.keep_time();
    }
    Ok(done)
}

/// Writes `bytes`, or the first part of them. `first` is as for [`read`].
pub fn write(
    conn: Conn<'_>,
    bytes: &[u8],
    first: Option<c_int>,
    patience: Patience,
    lent: Option<Lent<'_>>,
) -> Result<Progress> {
    if first.is_none() {
        check_retry(conn, bytes)?;
    }
    let mut drive = Drive::with(conn, Phase::Write, patience, lent)?;
    let call = |conn: Conn<'_>| conn.write(bytes);
    let outcome = match first {
        Some(first) => drive.go_on_after(first, call),
        None => drive.run(call),
    };
    note_unfinished(conn, bytes, &outcome);
    outcome
}

/// libssl ends the connection where less or other data follows on a write that it has begun: the caller's mistake stops
/// here, and the connection lives.
fn check_retry(conn: Conn<'_>, bytes: &[u8]) -> Result<()> {
    let Some(state) = ConnectionState::of(conn) else { return Ok(()) };
    let Some((begun_at, begun)) = state.known().unfinished else { return Ok(()) };
    // SSL_clear has taken the write back.
    if conn.is_in_before() {
        state.known().unfinished = None;
        return Ok(());
    }
    let hint = "after HOSTLOCK_WANT_WRITE, WANT_READ or a timeout, write the same data again";
    if bytes.len() < begun {
        let what = format!("a write of {begun} bytes is still under way, and this one has only {}", bytes.len());
        return Err(Error::new(Status::EArg, what).with_hint(hint));
    }
    if conn.mode() & ffi::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER == 0 && bytes.as_ptr().addr() != begun_at {
        let what = "a write is still under way, and this one's data lies elsewhere in memory";
        return Err(Error::new(Status::EArg, what)
            .with_hint(format!("{hint}, from the same place, or set SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER")));
    }
    Ok(())
}

/// Remembers a write that libssl has begun and could not finish.
fn note_unfinished(conn: Conn<'_>, bytes: &[u8], outcome: &Result<Progress>) {
    let Some(state) = ConnectionState::of(conn) else { return };
    if let Ok(Progress::Done(_)) = outcome {
        if state.known().unfinished.take().is_some() {
            state.set_open(conn, true);
        }
        return;
    }
    if conn.is_init_finished() && conn.want() == sys::SSL_WRITING {
        state.known().unfinished.get_or_insert((bytes.as_ptr().addr(), bytes.len()));
        state.set_open(conn, false);
    }
}

/// Whether the program has asked for new keys (SSL_key_update, RFC 8446 4.6.3) and nothing was written since: libssl counts
/// that as a handshake under way, and says no goodbye before.
pub(super) fn owes_key_update(conn: Conn<'_>) -> bool {
    let was_complete = || ConnectionState::of(conn).is_some_and(|state| state.known().random.is_some());
    !conn.is_init_finished() && !conn.is_in_before() && conn.version() == ffi::TLS1_3_VERSION && was_complete()
}

/// Says goodbye: sends close_notify, once, and waits for nothing.
pub fn shutdown(conn: Conn<'_>) -> Result<Progress> {
    let mut drive = Drive::new(conn, Phase::Shutdown, Patience::Transport)?;
    if let Some(error) = drive.ended_by() {
        return Err(error);
    }
    if owes_key_update(conn)
        && let progress @ (Progress::WantRead | Progress::WantWrite) = drive.handshake()?
    {
        return Ok(progress);
    }
    if !conn.is_init_finished() {
        return Err(drive.last_word(Error::new(Status::EState, "there is no goodbye before the handshake is complete")));
    }
    let (said, _) = conn.goodbyes();
    if said && conn.want() != sys::SSL_WRITING {
        return Ok(Progress::Done(0));
    }
    if ConnectionState::of(conn).is_some_and(|state| state.known().unfinished.is_some()) {
        // libssl would take the goodbye for a wrong retry of that write, and end the connection.
        return drive.wait_for_room().and_then(|progress| match progress {
            Some(progress) => Ok(progress),
            None => Err(Error::new(Status::EState, "a write is still under way, so there is no goodbye yet")
                .with_hint("write the same data again, until hostlock_write has taken it; or free the connection")),
        });
    }
    let say = |conn: Conn<'_>| {
        // 0 means that ours was sent and the peer's has not come, which is all that is asked for.
        let answer = conn.shutdown();
        if answer == 0 { 1 } else { answer }
    };
    resumption::end(conn);
    let quiet = Quiet::begin();
    drive.go_on(Some(quiet), say(conn), say).map(|progress| match progress {
        Progress::Done(_) => Progress::Done(0),
        other => other,
    })
}
