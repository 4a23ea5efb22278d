//! How hostlock_read and hostlock_write go: the short way, by which a connection that is open has its bytes moved at once,
//! and the others, which ask who it is, wait, or say what is wrong.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::slice;

use libc::ssize_t;

use super::boundary::{accessor, fail, io, not_null};
use super::{check_conn, conn_of, hostlock_conn};
use crate::connection::drive::{Patience, Progress};
use crate::connection::exchange;
use crate::connection::gate::{self, Way};
use crate::connection::lend::{self, Lent};
use crate::error::{Error, Status};
use crate::handshake::open_connections::knows;
use crate::libssl::Conn;

/// Reads from a connection that is known to be open. No Rust code runs here that could panic.
#[inline(always)]
pub(super) fn read_open(conn: Conn<'_>, room: &mut [MaybeUninit<u8>]) -> ssize_t {
    match gate::way(conn) {
        Way::Direct => match conn.read(room) {
            got if got == room.len() as c_int => got as ssize_t,
            got => read_on(conn, room, got),
        },
        Way::Socket => read_over_socket(conn, room),
        Way::Ask => read_slowly(conn, room, None, None),
    }
}

// What follows stands apart from the short way, which would else save registers for it.

/// The connection, where it is open though nobody remembers it.
///
/// # Safety
/// `conn` is NULL or a live `SSL` of any libssl that no other thread uses.
pub(super) unsafe fn recalled<'a>(conn: *mut hostlock_conn) -> Option<Conn<'a>> {
    // SAFETY: the caller's promise is the same.
    let conn = accessor(None, || unsafe { conn_of(conn) }.ok())?;
    accessor(false, || gate::recall(conn)).then_some(conn)
}

/// For hostlock_read, where nobody remembers the connection, or an argument is NULL, 0 or huge.
///
/// # Safety
/// As for hostlock_read.
#[cold]
#[inline(never)]
pub(super) unsafe fn read_oddly(conn: *mut hostlock_conn, buf: *mut c_void, len: usize) -> ssize_t {
    // SAFETY: the caller promises NULL or a live connection of any libssl.
    if let Some(conn) = unsafe { recalled(conn) }.filter(|_| !buf.is_null() && len > 0) {
        // SAFETY: it is not NULL, and the caller promises so many writable bytes; libssl takes no more at once.
        return read_open(conn, unsafe { slice::from_raw_parts_mut(buf.cast(), len.min(c_int::MAX as usize)) });
    }
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl.
        let conn = unsafe { conn_of(conn)? };
        not_null(buf, "buf")?;
        if len == 0 {
            return Err(Error::new(Status::EArg, "len is 0, so nothing can be read"));
        }
        let len = len.min(c_int::MAX as usize);
        // SAFETY: it is not NULL, and the caller promises so many writable bytes.
        let room = unsafe { slice::from_raw_parts_mut(buf.cast(), len) };
        exchange::read(conn, |conn| conn.read(room), None, None)
    })
}

/// For hostlock_write, where nobody remembers the connection, or an argument is NULL, 0 or huge.
///
/// # Safety
/// As for hostlock_write.
#[cold]
#[inline(never)]
pub(super) unsafe fn write_oddly(conn: *mut hostlock_conn, buf: *const c_void, len: usize) -> ssize_t {
    // SAFETY: the caller promises NULL or a live connection of any libssl.
    if let Some(conn) = unsafe { recalled(conn) }.filter(|_| !buf.is_null() && len > 0) {
        // SAFETY: it is not NULL, and the caller promises so many bytes; libssl takes no more at once.
        let bytes = unsafe { slice::from_raw_parts(buf.cast(), len.min(c_int::MAX as usize)) };
        return write_open(conn, bytes, Patience::Transport);
    }
    io(|| {
        // SAFETY: the caller promises NULL or a live connection of any libssl.
        let conn = unsafe { conn_of(conn)? };
        let len = len.min(c_int::MAX as usize);
        if len == 0 {
            return Ok(Progress::Done(0));
        }
        not_null(buf, "buf")?;
        // SAFETY: it is not NULL, and the caller promises so many bytes.
        exchange::write(conn, unsafe { slice::from_raw_parts(buf.cast(), len) }, None, Patience::Transport, None)
    })
}

/// For hostlock_read, where the program's socket might make it wait.
#[inline(never)]
fn read_over_socket(conn: Conn<'_>, room: &mut [MaybeUninit<u8>]) -> ssize_t {
    let lent = lend::take(conn);
    match conn.read(room) {
        got @ 1.. => got as ssize_t,
        got => read_slowly(conn, room, Some(got), lent),
    }
}

/// For hostlock_read, where the first attempt answered `got` and there is room for more: with read-ahead more may have arrived.
#[inline(never)]
fn read_on(conn: Conn<'_>, room: &mut [MaybeUninit<u8>], got: c_int) -> ssize_t {
    if got <= 0 {
        return read_slowly(conn, room, Some(got), None);
    }
    if !conn.reads_ahead() {
        return got as ssize_t;
    }
    let rest = room.get_mut(got as usize..).unwrap_or_default();
    // Counted out here: whatever happens in there, no byte that was read is lost.
    let more = Cell::new(0);
    accessor((), || exchange::read_on(conn, rest, &more));
    got as ssize_t + more.get() as ssize_t
}

/// For hostlock_read, where the first attempt could not be made at once, or did not succeed.
#[cold]
#[inline(never)]
fn read_slowly(conn: Conn<'_>, room: &mut [MaybeUninit<u8>], first: Option<c_int>, lent: Option<Lent<'_>>) -> ssize_t {
    io(|| {
        // SAFETY: the view is of a live object of any libssl.
        unsafe { check_conn(conn.as_ptr())? };
        exchange::read(conn, |conn| conn.read(room), first, lent)
    })
}

/// Writes to a connection that is known to be open. No Rust code runs here that could panic.
#[inline(always)]
pub(super) fn write_open(conn: Conn<'_>, bytes: &[u8], patience: Patience) -> ssize_t {
    match gate::way(conn) {
        Way::Direct => match conn.write(bytes) {
            sent @ 1.. => sent as ssize_t,
            sent => write_slowly(conn, bytes, Some(sent), patience, None),
        },
        Way::Socket => write_over_socket(conn, bytes, patience),
        Way::Ask => write_slowly(conn, bytes, None, patience, None),
    }
}

/// Writes one part of `buf` after another, and counts the bytes in `done`: what the last call answered that moved nothing, or
/// 0 where all is written.
///
/// # Safety
/// `conn` is a live `SSL` of any libssl that no other thread uses, and `buf` has `len` readable bytes.
pub(super) unsafe fn write_on(
    conn: *mut hostlock_conn,
    buf: *const c_void,
    len: usize,
    patience: Patience,
    done: &mut usize,
) -> ssize_t {
    while *done < len {
        let part = (len - *done).min(c_int::MAX as usize);
        // SAFETY: neither is NULL, and the caller promises a live connection and `len` bytes, of which `done` are behind us.
        let (conn, bytes) = unsafe { (Conn::live(conn), slice::from_raw_parts(buf.cast::<u8>().add(*done), part)) };
        // SAFETY: the caller promises a live connection of any libssl.
        let is_open = knows(conn.as_ptr().addr()) || unsafe { recalled(conn.as_ptr()) }.is_some();
        let sent = match is_open {
            true => write_open(conn, bytes, patience),
            false => write_slowly(conn, bytes, None, patience, None),
        };
        match usize::try_from(sent) {
            Ok(sent @ 1..) => *done += sent,
            Ok(0) => return fail(Error::new(Status::EInternal, "a write moved nothing")) as ssize_t,
            Err(_) => return sent,
        }
    }
    0
}

/// For hostlock_write, where the program's socket might make it wait.
#[inline(never)]
fn write_over_socket(conn: Conn<'_>, bytes: &[u8], patience: Patience) -> ssize_t {
    let lent = lend::take(conn);
    match conn.write(bytes) {
        sent @ 1.. => sent as ssize_t,
        sent => write_slowly(conn, bytes, Some(sent), patience, lent),
    }
}

/// For hostlock_write, where the first attempt could not be made at once, or did not succeed.
#[cold]
#[inline(never)]
pub(super) fn write_slowly(
    conn: Conn<'_>,
    bytes: &[u8],
    first: Option<c_int>,
    patience: Patience,
    lent: Option<Lent<'_>>,
) -> ssize_t {
    io(|| {
        // SAFETY: the view is of a live object of any libssl.
        unsafe { check_conn(conn.as_ptr())? };
        exchange::write(conn, bytes, first, patience, lent)
    })
}
