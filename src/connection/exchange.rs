//! Read, write and goodbye, for when the first attempt did not succeed. What a connection of ours needs for them to keep
//! their deadlines is set in [`prepare`].

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use openssl_sys as ffi;

use crate::connection::drive::{Drive, Patience, Progress};
use crate::connection::failure::Phase;
use crate::error::{Error, Result, Status};
use crate::queue::Quiet;
use crate::sys;

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

/// Reads into `room`, having tried once already with the answer `first`.
///
/// # Safety
/// As for [`Drive::new`]; `room` points to `len` writable bytes.
pub unsafe fn read(ssl: *mut ffi::SSL, room: *mut c_void, len: c_int, first: c_int) -> Result<Progress> {
    // SAFETY: as the caller promises.
    let mut drive = unsafe { Drive::new(ssl, Phase::Read, Patience::Transport) };
    // SAFETY: as the caller promises.
    drive.go_on(None, first, |ssl| unsafe { ffi::SSL_read(ssl, room, len) })
}

/// Writes what `data` points to, having tried once already with the answer `first`.
///
/// # Safety
/// As for [`Drive::new`]; `data` points to `len` readable bytes.
pub unsafe fn write(
    ssl: *mut ffi::SSL,
    data: *const c_void,
    len: c_int,
    first: c_int,
    patience: Patience,
) -> Result<Progress> {
    // SAFETY: as the caller promises.
    let mut drive = unsafe { Drive::new(ssl, Phase::Write, patience) };
    // SAFETY: as the caller promises.
    drive.go_on(None, first, |ssl| unsafe { ffi::SSL_write(ssl, data, len) })
}

/// Says goodbye: sends close_notify, once, and waits for nothing.
///
/// # Safety
/// As for [`Drive::new`].
pub unsafe fn shutdown(ssl: *mut ffi::SSL) -> Result<Progress> {
    // SAFETY: as the caller promises, here and below.
    let mut drive = unsafe { Drive::new(ssl, Phase::Shutdown, Patience::Transport) };
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
