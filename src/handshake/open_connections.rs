//! A memory of the connections where data may pass without a further question, as long as their handshake is complete.
//! Every read and write asks it first, and one comparison answers. What it knows is always so; what it does not know is
//! asked of the connection itself.
//!
//! It holds addresses and follows none. A connection's address gets in only by the thread that uses the connection, and is
//! out before the connection's memory is given back, so none is ever taken for another that was made in its place.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::libssl::Conn;

/// Two connections that share a place drive each other out, which costs time and no more.
const PLACES: usize = 1 << 10;

static OPEN: Memory = Memory([const { AtomicUsize::new(0) }; PLACES]);

/// Whether data may pass on the connection at `address`, beyond doubt. There is none at 0.
#[inline]
pub fn knows(address: usize) -> bool {
    OPEN.knows(address)
}

/// Data may pass on `conn` from now on.
pub fn remember(conn: Conn<'_>) {
    OPEN.remember(conn.as_ptr().addr());
}

/// No more, or it is about to be freed.
pub fn forget(address: usize) {
    OPEN.forget(address);
}

/// A place holds a connection's address plus one, or 0.
struct Memory([AtomicUsize; PLACES]);

impl Memory {
    /// Multiplicative hashing, by the golden ratio: the upper bits of the product depend on all bits of the address that
    /// are below them.
    #[inline]
    fn place_of(&self, address: usize) -> &AtomicUsize {
        let product = (address as u32).wrapping_mul(0x9e37_79b1);
        &self.0[product as usize >> (u32::BITS - PLACES.ilog2())]
    }

    #[inline]
    fn knows(&self, address: usize) -> bool {
        self.place_of(address).load(Ordering::Acquire) == address + 1
    }

    fn remember(&self, address: usize) {
        self.place_of(address).store(address + 1, Ordering::Release);
    }

    fn forget(&self, address: usize) {
        // Whoever has the place by now keeps it.
        let _ = self.place_of(address).compare_exchange(address + 1, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    fn memory() -> Memory {
        Memory([const { AtomicUsize::new(0) }; PLACES])
    }

    fn connection(number: usize) -> usize {
        0x7f00_0000_0000 + number * 16
    }

    #[test]
    fn nothing_is_known_of_null_nor_of_a_connection_that_was_forgotten() {
        let (memory, one, other) = (memory(), connection(1), connection(2));
        assert!(!memory.knows(0) && !memory.knows(one));
        memory.remember(one);
        assert!(memory.knows(one) && !memory.knows(other) && !memory.knows(0));
        memory.forget(other);
        assert!(memory.knows(one));
        memory.forget(one);
        assert!(!memory.knows(one));
    }

    #[test]
    fn a_connection_that_drove_another_out_is_not_forgotten_with_it() {
        let (memory, one) = (memory(), connection(0));
        let shares = |other: &usize| ptr::eq(memory.place_of(*other), memory.place_of(one));
        let other = (1..).map(connection).find(shares).unwrap();
        memory.remember(one);
        memory.remember(other);
        assert!(memory.knows(other) && !memory.knows(one));
        memory.forget(one);
        assert!(memory.knows(other));
        memory.forget(other);
        assert!(!memory.knows(other) && !memory.knows(one));
    }
}
