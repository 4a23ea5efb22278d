//! The functions by which a program connects and sends. What goes out by others (stdio, bare system calls) is found out by
//! the kernel's count of bytes, and so is what sendfile sends: it is only kept from going out after a refusal.

use std::ffi::{c_int, c_void};
use std::slice;

use libc::{iovec, msghdr, off_t, off64_t, size_t, sockaddr, socklen_t, ssize_t};

use super::look;
use super::next::Next;
use crate::descriptors::is_watched;
use crate::kernel;
use crate::watch::{self, Sending};

type Connect = unsafe extern "C-unwind" fn(c_int, *const sockaddr, socklen_t) -> c_int;
type Write = unsafe extern "C-unwind" fn(c_int, *const c_void, size_t) -> ssize_t;
type WriteV = unsafe extern "C-unwind" fn(c_int, *const iovec, c_int) -> ssize_t;
type Send = unsafe extern "C-unwind" fn(c_int, *const c_void, size_t, c_int) -> ssize_t;
type SendTo = unsafe extern "C-unwind" fn(c_int, *const c_void, size_t, c_int, *const sockaddr, socklen_t) -> ssize_t;
type SendMsg = unsafe extern "C-unwind" fn(c_int, *const msghdr, c_int) -> ssize_t;
type SendFile = unsafe extern "C-unwind" fn(c_int, c_int, *mut off_t, size_t) -> ssize_t;
type SendFile64 = unsafe extern "C-unwind" fn(c_int, c_int, *mut off64_t, size_t) -> ssize_t;

// SAFETY: POSIX declares it so.
static CONNECT: Next<Connect> = unsafe { Next::new(c"connect") };
// SAFETY: POSIX declares it so.
static WRITE: Next<Write> = unsafe { Next::new(c"write") };
// SAFETY: POSIX declares it so.
static WRITEV: Next<WriteV> = unsafe { Next::new(c"writev") };
// SAFETY: POSIX declares it so.
static SEND: Next<Send> = unsafe { Next::new(c"send") };
// SAFETY: POSIX declares it so.
static SENDTO: Next<SendTo> = unsafe { Next::new(c"sendto") };
// SAFETY: POSIX declares it so.
static SENDMSG: Next<SendMsg> = unsafe { Next::new(c"sendmsg") };
// SAFETY: sys/sendfile.h declares it so.
static SENDFILE: Next<SendFile> = unsafe { Next::new(c"sendfile") };
// SAFETY: sys/sendfile.h declares it so.
static SENDFILE64: Next<SendFile64> = unsafe { Next::new(c"sendfile64") };

/// Finds them now.
pub fn find_all() {
    CONNECT.find();
    WRITE.find();
    WRITEV.find();
    SEND.find();
    SENDTO.find();
    SENDMSG.find();
    SENDFILE.find();
    SENDFILE64.find();
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn connect(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    let Some(next) = CONNECT.get() else { return missing() as c_int };
    // SAFETY: the address is the caller's.
    if !crate::is_off() && unsafe { kernel::place(address, length) }.is_some() {
        look((), || watch::connecting(fd));
    }
    // SAFETY: the arguments are the caller's.
    unsafe { next(fd, address, length) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    let Some(next) = WRITE.get() else { return missing() };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { next(fd, bytes, length) };
    if !is_watched(fd) {
        return call();
    }
    // SAFETY: the caller promises so many bytes.
    unsafe { send_block(fd, bytes, length, call) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn send(fd: c_int, bytes: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    let Some(next) = SEND.get() else { return missing() };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { next(fd, bytes, length, flags) };
    if !is_watched(fd) {
        return call();
    }
    // SAFETY: the caller promises so many bytes.
    unsafe { send_block(fd, bytes, length, call) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn sendto(
    fd: c_int,
    bytes: *const c_void,
    length: size_t,
    flags: c_int,
    address: *const sockaddr,
    address_length: socklen_t,
) -> ssize_t {
    let Some(next) = SENDTO.get() else { return missing() };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { next(fd, bytes, length, flags, address, address_length) };
    if !is_watched(fd) {
        return call();
    }
    // SAFETY: the caller promises so many bytes.
    unsafe { send_block(fd, bytes, length, call) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let Some(next) = WRITEV.get() else { return missing() };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { next(fd, parts, count) };
    if !is_watched(fd) {
        return call();
    }
    // SAFETY: the caller promises so many parts.
    unsafe { send_parts(fd, parts, count.max(0) as usize, call) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    let Some(next) = SENDMSG.get() else { return missing() };
    // SAFETY: the arguments are the caller's.
    let call = || unsafe { next(fd, message, flags) };
    // SAFETY: NULL, or the caller's.
    match unsafe { message.as_ref() } {
        // SAFETY: the caller promises so many parts.
        Some(message) if is_watched(fd) => unsafe { send_parts(fd, message.msg_iov, message.msg_iovlen, call) },
        _ => call(),
    }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn sendfile(to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    let Some(next) = SENDFILE.get() else { return missing() };
    if is_watched(to) && !look(true, || watch::may_send_unseen(to)) {
        return stopped();
    }
    // SAFETY: the arguments are the caller's.
    unsafe { next(to, from, offset, count) }
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn sendfile64(to: c_int, from: c_int, offset: *mut off64_t, count: size_t) -> ssize_t {
    let Some(next) = SENDFILE64.get() else { return missing() };
    if is_watched(to) && !look(true, || watch::may_send_unseen(to)) {
        return stopped();
    }
    // SAFETY: the arguments are the caller's.
    unsafe { next(to, from, offset, count) }
}

/// No more of what is sent in the clear is looked at.
const MOST: usize = 64 * 1024;

/// # Safety
/// `bytes` is NULL or `length` readable bytes.
unsafe fn send_block(fd: c_int, bytes: *const c_void, length: usize, call: impl FnOnce() -> ssize_t) -> ssize_t {
    if bytes.is_null() {
        return call();
    }
    // SAFETY: the caller promises so many bytes, and more.
    let start = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), length.min(MOST)) };
    send_watched(fd, start, length, call)
}

/// # Safety
/// `parts` are `count` parts, if it is not NULL, each of which is readable.
unsafe fn send_parts(fd: c_int, parts: *const iovec, count: usize, call: impl FnOnce() -> ssize_t) -> ssize_t {
    // What is longer than any request to a proxy counts as not seen.
    let mut room = [0u8; 4096];
    let (mut used, mut length) = (0, 0usize);
    if parts.is_null() || count > libc::UIO_MAXIOV as usize {
        return call();
    }
    // SAFETY: the caller promises so many parts.
    for part in unsafe { slice::from_raw_parts(parts, count) } {
        length = length.saturating_add(part.iov_len);
        let amount = part.iov_len.min(room.len() - used);
        if amount > 0 && !part.iov_base.is_null() {
            // SAFETY: the caller promises so many bytes of each part.
            room[used..used + amount].copy_from_slice(unsafe { slice::from_raw_parts(part.iov_base.cast(), amount) });
            used += amount;
        }
    }
    send_watched(fd, &room[..used], length, call)
}

fn send_watched(fd: c_int, start: &[u8], length: usize, call: impl FnOnce() -> ssize_t) -> ssize_t {
    match look(Sending::Free, || watch::sending(fd, start, length)) {
        Sending::Free => call(),
        Sending::Stopped => stopped(),
        Sending::Clear(clear) => {
            let taken = call();
            if let Ok(amount @ 1..) = usize::try_from(taken) {
                look((), || watch::sent(clear, start, amount));
            }
            taken
        }
    }
}

fn stopped() -> ssize_t {
    kernel::set_errno(libc::EPIPE);
    -1
}

fn missing() -> ssize_t {
    kernel::set_errno(libc::ENOSYS);
    -1
}
