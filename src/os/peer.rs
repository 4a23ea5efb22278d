//! Where a socket leads.

use std::ffi::c_int;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address of the other end of `descriptor`, where it is an Internet socket.
pub fn address(descriptor: c_int) -> Option<SocketAddr> {
    // SAFETY: all-zero bytes are a socket address of no family.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut len = mem::size_of_val(&storage) as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `storage`.
    if unsafe { libc::getpeername(descriptor, (&raw mut storage).cast(), &mut len) } != 0 {
        return None;
    }
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: of this family the kernel wrote a sockaddr_in, which fits the storage's size and alignment.
            let found = unsafe { *(&raw const storage).cast::<libc::sockaddr_in>() };
            let address = Ipv4Addr::from(u32::from_be(found.sin_addr.s_addr));
            Some(SocketAddr::new(address.into(), u16::from_be(found.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the same for a sockaddr_in6.
            let found = unsafe { *(&raw const storage).cast::<libc::sockaddr_in6>() };
            let address = Ipv6Addr::from(found.sin6_addr.s6_addr);
            Some(SocketAddr::new(address.to_canonical(), u16::from_be(found.sin6_port)))
        }
        _ => None,
    }
}
