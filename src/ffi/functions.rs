//! Section "Connections over own functions" of the header: any transport that can read and write
//!
//! For transports that are no socket: a serial line, a pipe, an SSH channel, another TLS connection, a library's stream.
//! hostlock calls the program's two functions whenever it would read or write a descriptor, inside of hostlock_handshake,
//! hostlock_read, hostlock_write and hostlock_shutdown, in the thread that calls those.

use std::ffi::{c_char, c_int, c_void};

use libc::ssize_t;

use super::boundary::null;
use super::{hostlock_conn, hostlock_ctx, making};
use crate::connection::open::Connection;
use crate::error::Result;
use crate::os::functions::Functions;

/// Reads for a connection: up to `len` bytes into `buf`, at once when any are there. It answers as hostlock_read does:
///
/// - how many bytes came, 1 to `len`. Fewer than `len` are no end.
/// - 0: the other side has ended, and nothing more will come.
/// - HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE: nothing now; try again when the transport can be read, or written.
///   hostlock's function gives the same answer, and is called again then. A function that waits by itself never answers
///   so.
/// - HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_INTERRUPTED: hostlock's function ends with it too, and may be called again (but not
///   for a handshake after HOSTLOCK_E_TIMEOUT).
/// - any other negative number: it failed for good. From then on the connection answers HOSTLOCK_E_IO, with the number
///   in its message; for HOSTLOCK_E_TRUNCATED and HOSTLOCK_E_CLOSED it answers HOSTLOCK_E_TRUNCATED.
///
/// errno is not looked at, and -1 is HOSTLOCK_WANT_READ: do not pass on what read(2) answers.
pub type hostlock_io_read =
    Option<unsafe extern "C" fn(argument: *mut c_void, buf: *mut c_void, len: usize) -> ssize_t>;

/// Writes for a connection: `len` bytes of `buf`, or the first part of them. It answers as hostlock_io_read does, but
/// never 0: if it moved nothing, it says what to wait for. It must not raise SIGPIPE. What it did not take is handed to
/// it again, perhaps from another place in memory and with more behind it.
pub type hostlock_io_write =
    Option<unsafe extern "C" fn(argument: *mut c_void, buf: *const c_void, len: usize) -> ssize_t>;

/// A client's connection to `host` over the program's functions; hostlock_handshake begins it. `host` is as for
/// hostlock_connect, and `argument` is handed to both functions.
///
/// If the functions wait, hostlock's wait too, and hostlock_write_all and hostlock_read_all can be used. If they answer
/// HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE, do not use those two: they answer HOSTLOCK_E_STATE, and it is not known
/// how much was moved. The context's timeout is for the handshake and counts from the first hostlock_handshake. It is
/// looked at between calls of the functions; how long one of them waits, and how long data is waited for, is up to
/// them.
///
/// The functions may not use this connection, nor free it, and must return: no longjmp, no C++ exception.
/// hostlock_conn_free calls neither of them. One connection may run inside another: the functions then call
/// hostlock_read and hostlock_write of the outer one, whose answers are already as they are wanted here.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `host` is NULL or NUL-terminated; `conn` is NULL or writable. The functions are NULL, or
/// may be called with `argument` from any thread that uses the connection, until it is freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_connect_io(
    ctx: *mut hostlock_ctx,
    host: *const c_char,
    read: hostlock_io_read,
    write: hostlock_io_write,
    argument: *mut c_void,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises that they may be called so.
    let functions = || unsafe { functions(read, write, argument) };
    // SAFETY: the caller promises what this asks for: a live context, a text that ends and a writable place, or NULL.
    unsafe {
        making::to_host(ctx, host, conn, |ctx, guard, host| Connection::over_functions(ctx, guard, functions()?, host))
    }
}

/// A server's connection over the program's functions, as hostlock_connect_io says. The time of its handshake counts from
/// this call.
///
/// # Safety
/// As for hostlock_connect_io.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_accept_io(
    ctx: *mut hostlock_ctx,
    read: hostlock_io_read,
    write: hostlock_io_write,
    argument: *mut c_void,
    conn: *mut *mut hostlock_conn,
) -> c_int {
    // SAFETY: the caller promises that they may be called so.
    let functions = || unsafe { functions(read, write, argument) };
    // SAFETY: the caller promises what this asks for: a live context and a writable place, or NULL.
    unsafe {
        making::make(ctx, conn, |ctx, guard| Connection::accepted_over_functions(ctx, guard, functions()?))
    }
}

/// # Safety
/// As for [`Functions::new`], where they are not NULL.
unsafe fn functions(read: hostlock_io_read, write: hostlock_io_write, argument: *mut c_void) -> Result<Functions> {
    let (read, write) = (read.ok_or_else(|| null("read"))?, write.ok_or_else(|| null("write"))?);
    // SAFETY: the caller's promise is the same.
    Ok(unsafe { Functions::new(read, write, argument) })
}
