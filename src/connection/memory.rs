//! Both directions of a connection in memory, for programs that move the bytes themselves: what the network brought, and
//! what is to be sent.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;

use crate::libssl::bio::fill;

/// Bytes that wait to be sent: more would only grow in memory while the network is slow.
const MOST_TO_SEND: usize = 256 << 10;

/// See the module's text.
#[derive(Default)]
pub struct Memory {
    arrived: RefCell<Queue>,
    ended: Cell<bool>,
    to_send: RefCell<Queue>,
}

impl Memory {
    /// The network brought `bytes`.
    pub fn feed(&self, bytes: &[u8]) {
        self.arrived.borrow_mut().push(bytes);
    }

    /// The network brings no more.
    pub fn end(&self) {
        self.ended.set(true);
    }

    /// Whether the network brings no more.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Moves bytes that are to be sent to `room`: how many.
    pub fn drain<'r>(&self, room: &'r mut [MaybeUninit<u8>]) -> &'r [u8] {
        self.to_send.borrow_mut().pop(room)
    }

    /// How many bytes are to be sent.
    pub fn waiting(&self) -> usize {
        self.to_send.borrow().len()
    }

    /// Whether more may be given to be sent.
    pub fn has_room(&self) -> bool {
        self.waiting() < MOST_TO_SEND
    }

    /// Reads as from a socket.
    pub fn receive<'r>(&self, room: &'r mut [MaybeUninit<u8>]) -> io::Result<&'r [u8]> {
        if self.arrived.borrow().len() == 0 && !self.ended.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.arrived.borrow_mut().pop(room))
    }

    /// Writes as to a socket.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = MOST_TO_SEND.saturating_sub(self.waiting());
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.to_send.borrow_mut().push(taken);
        Ok(taken.len())
    }
}

/// Bytes in their order; those before `at` were taken.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    at: usize,
}

impl Queue {
    /// From so many taken bytes on their memory is used again.
    const COMPACT: usize = 64 << 10;

    fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn pop<'r>(&mut self, room: &'r mut [MaybeUninit<u8>]) -> &'r [u8] {
        let amount = self.len().min(room.len());
        let taken = fill(room, self.bytes.get(self.at..self.at + amount).unwrap_or_default());
        self.at += amount;
        if self.at == self.bytes.len() {
            // An idle connection keeps no memory for what has passed.
            *self = Queue::default();
        } else if self.at >= Queue::COMPACT {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_once_and_in_order_whatever_the_portions() {
        let (memory, mut next, mut expected) = (Memory::default(), 0u32, 0u32);
        let mut room = [MaybeUninit::uninit(); 7777];
        for portion in [1, 0, 5, 100_000, 3, 70_000, 200_000] {
            let bytes: Vec<u8> = (0..portion).map(|_| { next += 1; next as u8 }).collect();
            memory.feed(&bytes);
            for _ in 0..9 {
                for byte in memory.receive(&mut room).unwrap_or_default() {
                    expected += 1;
                    assert_eq!(*byte, expected as u8);
                }
            }
        }
        while let Ok([first, rest @ ..]) = memory.receive(&mut room) {
            expected += 1;
            assert_eq!(*first, expected as u8);
            expected += rest.len() as u32;
        }
        assert_eq!(next, expected);
        assert_eq!(memory.receive(&mut room).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        memory.end();
        assert!(memory.receive(&mut room).unwrap().is_empty());
    }

    #[test]
    fn what_waits_to_be_sent_has_a_limit() {
        let memory = Memory::default();
        assert_eq!(memory.send(&vec![7; MOST_TO_SEND + 1]).unwrap(), MOST_TO_SEND);
        assert!(!memory.has_room());
        assert_eq!(memory.send(&[7]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(memory.drain(&mut [MaybeUninit::uninit(); 10]).len(), 10);
        assert_eq!(memory.send(&[7; 20]).unwrap(), 10);
    }
}
