//! What the kernel says of sockets. A number that is no open descriptor, or no socket, has no answer.

use std::ffi::{c_int, c_void};
use std::mem;

use libc::{sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};

use crate::names::{Place, ip_of};

/// Puts `errno` back as it was when this was made.
pub struct Kept(c_int);

impl Kept {
    /// Remembers it.
    pub fn now() -> Kept {
        // SAFETY: the address of this thread's own variable.
        Kept(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        set_errno(self.0);
    }
}

/// Sets `errno`.
pub fn set_errno(number: c_int) {
    // SAFETY: the address of this thread's own variable.
    unsafe { *libc::__errno_location() = number };
}

/// The number of this process.
pub fn own_number() -> u32 {
    // SAFETY: it only answers.
    unsafe { libc::getpid() }.unsigned_abs()
}

/// What tells this socket from every other since the system was started (Linux 4.12).
pub fn cookie(fd: c_int) -> Option<u64> {
    let mut cookie = 0u64;
    let length = option(fd, libc::SOL_SOCKET, SO_COOKIE, as_bytes(&mut cookie))?;
    (length == size_of::<u64>() && cookie != 0).then_some(cookie)
}

#[cfg(any(target_arch = "sparc", target_arch = "sparc64"))]
const SO_COOKIE: c_int = 0x3b;
#[cfg(not(any(target_arch = "sparc", target_arch = "sparc64")))]
const SO_COOKIE: c_int = 57;

/// Whether it is a socket of TCP.
pub fn is_tcp(fd: c_int) -> bool {
    let mut protocol: c_int = 0;
    option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL, as_bytes(&mut protocol)).is_some() && protocol == libc::IPPROTO_TCP
}

/// How many bytes a socket of TCP has taken: those that were sent once, and those that wait.
pub fn taken(fd: c_int) -> Option<u64> {
    // Of struct tcp_info in linux/tcp.h, which only grows: tcpi_notsent_bytes, tcpi_bytes_sent and tcpi_bytes_retrans
    // (Linux 4.19).
    const WAITING: usize = 144;
    const SENT: usize = 200;
    const AGAIN: usize = 208;
    let mut info = [0u8; 256];
    let length = option(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    let whole = info.get(..length)?;
    let eight = |at: usize| Some(u64::from_ne_bytes(*whole.get(at..)?.first_chunk()?));
    let waiting = u32::from_ne_bytes(*whole.get(WAITING..)?.first_chunk()?);
    eight(SENT)?.checked_sub(eight(AGAIN)?)?.checked_add(waiting.into())
}

/// Where it leads.
pub fn peer(fd: c_int) -> Option<Place> {
    // SAFETY: all-zero bytes are an address of no family.
    let mut storage: sockaddr_storage = unsafe { mem::zeroed() };
    let mut length = size_of::<sockaddr_storage>() as socklen_t;
    // SAFETY: the system writes no more than it is told there is room for.
    let failed = unsafe { libc::getpeername(fd, (&raw mut storage).cast(), &mut length) } != 0;
    if failed {
        return None;
    }
    // SAFETY: the storage has room for every address.
    unsafe { place((&raw const storage).cast(), length) }
}

/// An Internet address.
///
/// # Safety
/// `address` is NULL or `length` readable bytes.
pub unsafe fn place(address: *const sockaddr, length: socklen_t) -> Option<Place> {
    if address.is_null() || (length as usize) < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: the caller promises so many bytes; C's addresses need not be aligned.
    let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
    match family.into() {
        libc::AF_INET if length as usize >= size_of::<sockaddr_in>() => {
            // SAFETY: the caller promises so many bytes.
            let four = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            let ip = std::net::Ipv4Addr::from(u32::from_be(four.sin_addr.s_addr));
            Some(Place { ip: ip_of(ip.into()), port: u16::from_be(four.sin_port) })
        }
        libc::AF_INET6 if length as usize >= size_of::<sockaddr_in6>() => {
            // SAFETY: the caller promises so many bytes.
            let six = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            Some(Place { ip: u128::from_be_bytes(six.sin6_addr.s6_addr), port: u16::from_be(six.sin6_port) })
        }
        _ => None,
    }
}

/// Ends both directions.
pub fn end(fd: c_int) {
    // SAFETY: it takes numbers.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// Unix time, in seconds.
pub fn now() -> i64 {
    // SAFETY: NULL is allowed.
    unsafe { libc::time(std::ptr::null_mut()) }
}

/// Appends to a file by one write, without any function that is interposed.
pub fn append(path: &std::ffi::CStr, line: &[u8]) {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL.
    let fd = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    if fd < 0 {
        return;
    }
    // SAFETY: the bytes are there.
    unsafe { libc::syscall(libc::SYS_write, fd, line.as_ptr(), line.len()) };
    // SAFETY: it was opened here.
    unsafe { libc::close(fd) };
}

/// A plain number as the bytes that the system writes.
fn as_bytes<T: Plain>(value: &mut T) -> &mut [u8] {
    // SAFETY: a plain number may have any bytes.
    unsafe { std::slice::from_raw_parts_mut((&raw mut *value).cast(), size_of::<T>()) }
}

trait Plain {}
impl Plain for u64 {}
impl Plain for c_int {}

fn option(fd: c_int, level: c_int, name: c_int, room: &mut [u8]) -> Option<usize> {
    let mut length = room.len() as socklen_t;
    // SAFETY: the system writes no more than it is told there is room for.
    let failed = unsafe { libc::getsockopt(fd, level, name, room.as_mut_ptr().cast::<c_void>(), &mut length) } != 0;
    (!failed).then_some(length as usize)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_socket_is_known_by_its_cookie_its_peer_and_what_it_took() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let fd = one.as_raw_fd();
        assert!(cookie(fd).is_some() && cookie(fd) == cookie(fd) && cookie(fd) != cookie(other.as_raw_fd()));
        assert_eq!(cookie(fd), cookie(one.try_clone().unwrap().as_raw_fd()));
        let port = listener.local_addr().unwrap().port();
        assert_eq!(peer(fd), Some(Place { ip: ip_of("127.0.0.1".parse().unwrap()), port }));
        assert_eq!((is_tcp(fd), taken(fd)), (true, Some(0)));
        one.write_all(b"seven b").unwrap();
        assert_eq!(taken(fd), Some(7));
    }

    #[test]
    fn bytes_that_wait_were_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let on: c_int = 1;
        // SAFETY: the option takes a number.
        let set = unsafe {
            libc::setsockopt(
                one.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_CORK,
                (&raw const on).cast(),
                size_of::<c_int>() as u32,
            )
        };
        assert_eq!(set, 0);
        one.write_all(b"corked").unwrap();
        assert_eq!(taken(one.as_raw_fd()), Some(6));
    }

    #[test]
    fn what_is_no_socket_of_tcp_has_no_answer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        for fd in [-1, file.as_raw_fd(), 1_000_000] {
            assert_eq!((cookie(fd), peer(fd), taken(fd), is_tcp(fd)), (None, None, None, false));
        }
        assert_eq!((taken(datagrams.as_raw_fd()), is_tcp(datagrams.as_raw_fd())), (None, false));
    }
}
