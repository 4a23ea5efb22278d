//! Read, write and goodbye, for when the first attempt did not succeed. What a connection of ours needs for them to keep
//! their deadlines is set in [`prepare`].

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::failure::Phase;
use crate::connection::lend::Lent;
use crate::error::{Error, Result, Status};
use crate::queue::Quiet;
use crate::sys;
use crate::verify::watch::Watch;

/// Makes libssl return after each record, and take any part of a long write: both give the deadline its say.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn prepare(ssl: *mut ffi::SSL) {
    let modes: c_long = sys::SSL_MODE_ENABLE_PARTIAL_WRITE | sys::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
    // SAFETY: as the caller promises; these controls take a number and no pointer.
    unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_MODE, modes, ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_CLEAR_MODE, sys::SSL_MODE_AUTO_RETRY, ptr::null_mut()) };
    // SAFETY: as the caller promises.
    unsafe { ffi::SSL_set_connect_state(ssl) };
}

/// Reads into `room`, which has space for `len` bytes.
///
/// # Safety
/// As for [`Drive::new`]; `room` points to `len` writable bytes. `first` is what SSL_read answered to the same question
/// just now, where it was asked.
pub unsafe fn read(
    ssl: *mut ffi::SSL,
    room: *mut c_void,
    len: c_int,
    first: Option<c_int>,
    lent: Option<Lent>,
) -> Result<Progress> {
    // SAFETY: `ssl` as the caller promises.
    let mut drive = unsafe { Drive::with(ssl, Phase::Read, Patience::Transport, lent)? };
    // SAFETY: `ssl` and `room` as the caller promises.
    let call = |ssl: *mut ffi::SSL| unsafe { ffi::SSL_read(ssl, room, len) };
    match first {
        Some(first) => drive.go_on_after(first, call),
        None => drive.run(call),
    }
}

/// Writes what `data` points to, or the first part of it.
///
/// # Safety
/// As for [`Drive::new`]; `data` points to `len` readable bytes. `first` is as for [`read`].
pub unsafe fn write(
    ssl: *mut ffi::SSL,
    data: *const c_void,
    len: c_int,
    first: Option<c_int>,
    patience: Patience,
    lent: Option<Lent>,
) -> Result<Progress> {
    if first.is_none() {
        // SAFETY: `ssl` as the caller promises.
        unsafe { check_retry(ssl, data, len)? };
    }
    // SAFETY: `ssl` as the caller promises.
    let mut drive = unsafe { Drive::with(ssl, Phase::Write, patience, lent)? };
    // SAFETY: `ssl` and `data` as the caller promises.
    let call = |ssl: *mut ffi::SSL| unsafe { ffi::SSL_write(ssl, data, len) };
    let outcome = match first {
        Some(first) => drive.go_on_after(first, call),
        None => drive.run(call),
    };
    // SAFETY: `ssl` as the caller promises.
    unsafe { note_unfinished(ssl, data, len, &outcome) };
    outcome
}

/// libssl ends the connection where less or other data follows on a write that it has begun: the caller's mistake stops
/// here, and the connection lives.
unsafe fn check_retry(ssl: *mut ffi::SSL, data: *const c_void, len: c_int) -> Result<()> {
    // SAFETY: `ssl` is live, and keeps its watch.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return Ok(()) };
    let Some((begun_at, begun)) = watch.state().unfinished else { return Ok(()) };
    // SAFETY: `ssl` is live; SSL_clear has taken the write back.
    if unsafe { sys::SSL_in_before(ssl) } == 1 {
        watch.state().unfinished = None;
        return Ok(());
    }
    let hint = "after HOSTLOCK_WANT_WRITE, WANT_READ or a timeout, write the same data again";
    if usize::try_from(len).unwrap_or(0) < begun {
        let what = format!("a write of {begun} bytes is still under way, and this one has only {len}");
        return Err(Error::new(Status::EArg, what).with_hint(hint));
    }
    // SAFETY: `ssl` is live; this control takes a number and no pointer.
    let modes = unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_MODE, 0, ptr::null_mut()) };
    if modes & sys::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER == 0 && data.addr() != begun_at {
        let what = "a write is still under way, and this one's data lies elsewhere in memory";
        return Err(Error::new(Status::EArg, what)
            .with_hint(format!("{hint}, from the same place, or set SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER")));
    }
    Ok(())
}

/// Remembers a write that libssl has begun and could not finish.
unsafe fn note_unfinished(ssl: *mut ffi::SSL, data: *const c_void, len: c_int, outcome: &Result<Progress>) {
    // SAFETY: `ssl` is live, and keeps its watch.
    let Some(watch) = (unsafe { Watch::of(ssl) }) else { return };
    if let Ok(Progress::Done(_)) = outcome {
        if watch.state().unfinished.take().is_some() {
            watch.set_open(ssl, true);
        }
        return;
    }
    // SAFETY: `ssl` is live.
    let begun = unsafe { ffi::SSL_is_init_finished(ssl) == 1 && sys::SSL_want(ssl) == sys::SSL_WRITING };
    if begun {
        watch.state().unfinished.get_or_insert((data.addr(), usize::try_from(len).unwrap_or(0)));
        watch.set_open(ssl, false);
    }
}

/// Says goodbye: sends close_notify, once, and waits for nothing.
///
/// # Safety
/// As for [`Drive::new`].
pub unsafe fn shutdown(ssl: *mut ffi::SSL) -> Result<Progress> {
    // SAFETY: as the caller promises, here and below.
    let mut drive = unsafe { Drive::new(ssl, Phase::Shutdown, Patience::Transport)? };
    if let Some(error) = drive.ended_by() {
        return Err(error);
    }
    // SAFETY: as above.
    if unsafe { ffi::SSL_is_init_finished(ssl) } != 1 {
        return Err(drive.last_word(Error::new(Status::EState, "there is no goodbye before the handshake is complete")));
    }
    // SAFETY: as above.
    let (said, want) = unsafe { (ffi::SSL_get_shutdown(ssl) & ffi::SSL_SENT_SHUTDOWN != 0, sys::SSL_want(ssl)) };
    if said && want != sys::SSL_WRITING {
        return Ok(Progress::Done(0));
    }
    // SAFETY: `ssl` is live, and keeps its watch.
    if unsafe { Watch::of(ssl) }.is_some_and(|watch| watch.state().unfinished.is_some()) {
        // libssl would take the goodbye for a wrong retry of that write, and end the connection.
        return drive.wait_for_room().and_then(|progress| match progress {
            Some(progress) => Ok(progress),
            None => Err(Error::new(Status::EState, "a write is still under way, so there is no goodbye yet")
                .with_hint("write the same data again, until hostlock_write has taken it; or free the connection")),
        });
    }
    let say = |ssl: *mut ffi::SSL| {
        // SAFETY: as above. 0 means that ours was sent and the peer's has not come, which is all that is asked for.
        let answer = unsafe { ffi::SSL_shutdown(ssl) };
        if answer == 0 { 1 } else { answer }
    };
    let quiet = Quiet::begin();
    drive.go_on(Some(quiet), say(ssl), say).map(|progress| match progress {
        Progress::Done(_) => Progress::Done(0),
        other => other,
    })
}
