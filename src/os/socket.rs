//! Sockets, by their descriptors. A number that is no open descriptor is an error here, and nothing worse.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::slice;

use socket2::{Domain, SockRef, Socket, Type};

/// Starts to connect to `address`: the socket, which does not block, and whether it is connected already.
pub fn begin_to_connect(address: &SocketAddr) -> io::Result<(OwnedFd, bool)> {
    // SOCK_CLOEXEC comes with it.
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM.nonblocking(), None)?;
    // Without effect at worst: it only saves a delay.
    let _ = socket.set_tcp_nodelay(true);
    match socket.connect(&(*address).into()) {
        Ok(()) => Ok((socket.into(), true)),
        // An interrupted connect goes on by itself (POSIX).
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
            Ok((socket.into(), false))
        }
        Err(error) => Err(error),
    }
}

/// What became of a connection that was begun.
pub fn outcome(socket: &OwnedFd) -> io::Result<()> {
    SockRef::from(socket).take_error()?.map_or(Ok(()), Err)
}

/// Whether an error says that this process, or the system, has no descriptor left.
pub fn is_want_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// That error, where no socket can be opened now.
pub fn want_of_descriptors() -> Option<io::Error> {
    Socket::new(Domain::UNIX, Type::STREAM, None).err().filter(is_want_of_descriptors)
}

/// Whether an Internet socket was never connected, nor has begun to be: it listens, or has no address of its own.
pub fn was_never_connected(descriptor: c_int) -> Option<Unconnected> {
    let socket = borrowed(descriptor).ok()?;
    let socket = SockRef::from(&socket);
    if socket.peer_addr().is_ok() {
        return None;
    }
    if socket.is_listener().unwrap_or(false) {
        return Some(Unconnected::Listens);
    }
    // One that was connected keeps its port, also when the peer has cut it.
    (socket.local_addr().ok()?.as_socket()?.port() == 0).then_some(Unconnected::New)
}

/// What a socket is that is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconnected {
    /// It waits for connections.
    Listens,
    /// Nothing was done with it yet.
    New,
}

/// The address of the other end, where it is an Internet socket. One of IPv4 that stands in IPv6 is told as what it is.
pub fn peer(descriptor: c_int) -> Option<SocketAddr> {
    let address = SockRef::from(&borrowed(descriptor).ok()?).peer_addr().ok()?.as_socket()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// The address of this end, where it is an Internet socket.
pub fn local(descriptor: c_int) -> Option<SocketAddr> {
    let address = SockRef::from(&borrowed(descriptor).ok()?).local_addr().ok()?.as_socket()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// Whether it is a stream socket, or why it is none.
pub fn is_stream(descriptor: c_int) -> io::Result<bool> {
    Ok(SockRef::from(&borrowed(descriptor)?).r#type()? == Type::STREAM)
}

/// Whether it is in blocking mode now; what cannot be asked is not.
pub fn blocks(descriptor: c_int) -> bool {
    let mode = |socket: BorrowedFd<'_>| SockRef::from(&socket).nonblocking();
    borrowed(descriptor).and_then(mode).is_ok_and(|nonblocking| !nonblocking)
}

/// Reads what has arrived, without waiting: the bytes, of which there are none at the end.
pub fn receive(descriptor: c_int, room: &mut [MaybeUninit<u8>]) -> io::Result<&[u8]> {
    let socket = borrowed(descriptor)?;
    let got = uninterrupted(|| SockRef::from(&socket).recv_with_flags(room, libc::MSG_DONTWAIT))?;
    // SAFETY: the system has written to so many bytes.
    Ok(unsafe { slice::from_raw_parts(room.as_ptr().cast(), got) })
}

/// Writes what the socket takes, without waiting and without SIGPIPE.
pub fn send(descriptor: c_int, bytes: &[u8]) -> io::Result<usize> {
    let socket = borrowed(descriptor)?;
    uninterrupted(|| SockRef::from(&socket).send_with_flags(bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL))
}

/// Repeats a call that a signal interrupted.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn borrowed<'a>(descriptor: c_int) -> io::Result<BorrowedFd<'a>> {
    if descriptor < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: it is not -1. Where it is not open the system says so; nobody here keeps it longer than one call.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
