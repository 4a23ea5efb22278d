//! Where in memory the libssl lies that hostlock uses.

use std::sync::atomic::{AtomicUsize, Ordering};

use openssl_sys as ffi;

use crate::os::images;

/// The first and the last address of our libssl, as far as they are known. A loaded object is one span of addresses and ours
/// is never unloaded, so the loader is asked once.
static LOWEST: AtomicUsize = AtomicUsize::new(usize::MAX);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

/// Whether `address` is known to lie in the libssl that hostlock uses.
#[inline]
pub fn is_known(address: usize) -> bool {
    LOWEST.load(Ordering::Relaxed) <= address && address <= HIGHEST.load(Ordering::Relaxed)
}

/// Whether `address` lies in the libssl that hostlock uses.
pub fn is_ours(address: usize) -> bool {
    if is_known(address) {
        return true;
    }
    let ours = match images::span(our_method()) {
        Some(span) => span,
        // A program that is linked as a whole has no loader that could know.
        None if is_beside(address, our_method()) => address..address + 1,
        None => return false,
    };
    LOWEST.fetch_min(ours.start, Ordering::Relaxed);
    HIGHEST.fetch_max(ours.end - 1, Ordering::Relaxed);
    ours.contains(&address)
}

/// Whether `address` lies so near to a method of ours that it is one, too. libssl defines all of its methods in one file,
/// those without a name for programs among them (a connection of TLS 1.3 has one), as constants that follow one another. What
/// another copy has, and any other constant or memory, lies elsewhere; so this is stricter than to take every handle for
/// ours where the loader knows nothing.
pub fn is_beside(address: usize, method: usize) -> bool {
    /// Some thirty methods, of less than 512 bytes each.
    const ALL_METHODS: usize = 16 * 1024;
    address.abs_diff(method) < ALL_METHODS
}

/// The address of a method of the libssl that hostlock uses.
pub fn our_method() -> usize {
    // SAFETY: no arguments; gives a pointer into libssl's data.
    unsafe { ffi::TLS_method() }.addr()
}
