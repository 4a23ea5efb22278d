//! Where a certificate was refused, and how much was said in the clear before: a later connection of this process to the
//! same place may say as much again before its TLS begins, and no more. Nothing is forgotten; static memory without a lock,
//! as in [`names`](crate::names). A place that finds no room may say nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::names::{Place, hash, push, reserve};

const HEADS: usize = 256;
const ENTRIES: usize = 2048;
/// Places that found no room, as bits.
const CROWDED: usize = 512;

/// See the module's text.
pub struct Refusals {
    entries: [Entry; ENTRIES],
    used: AtomicU32,
    heads: [AtomicU32; HEADS],
    crowded: [AtomicU32; CROWDED],
    any: AtomicBool,
}

/// Those of this process.
pub static REFUSALS: Refusals = Refusals::new();

struct Entry {
    ip: [AtomicU64; 2],
    port: AtomicU32,
    target: AtomicU32,
    clear: AtomicU64,
    next: AtomicU32,
}

impl Entry {
    const fn new() -> Entry {
        Entry {
            ip: [const { AtomicU64::new(0) }; 2],
            port: AtomicU32::new(0),
            target: AtomicU32::new(0),
            clear: AtomicU64::new(0),
            next: AtomicU32::new(0),
        }
    }
}

impl Refusals {
    /// None yet.
    pub const fn new() -> Refusals {
        Refusals {
            entries: [const { Entry::new() }; ENTRIES],
            used: AtomicU32::new(0),
            heads: [const { AtomicU32::new(0) }; HEADS],
            crowded: [const { AtomicU32::new(0) }; CROWDED],
            any: AtomicBool::new(false),
        }
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Takes down that a certificate was refused at `place`, where a proxy was told to go to `target`, after so many bytes
    /// in the clear.
    pub fn add(&self, place: Place, target: u32, clear: u64) {
        if let Some(known) = self.find(place, target) {
            known.clear.fetch_max(clear, Ordering::AcqRel);
        } else if let Some((index, entry)) = self.free() {
            entry.ip[0].store((place.ip >> 64) as u64, Ordering::Relaxed);
            entry.ip[1].store(place.ip as u64, Ordering::Relaxed);
            entry.port.store(place.port.into(), Ordering::Relaxed);
            entry.target.store(target, Ordering::Relaxed);
            entry.clear.store(clear, Ordering::Relaxed);
            push(&self.heads[key(place, target) % HEADS], &entry.next, index as u32 + 1);
        } else {
            let (word, bit) = crowded_bit(place, target);
            self.crowded[word].fetch_or(bit, Ordering::Release);
        }
        self.any.store(true, Ordering::Release);
    }

    /// How many bytes may be said there in the clear; `None` for as many as one likes.
    pub fn limit(&self, place: Place, target: u32) -> Option<u64> {
        if let Some(known) = self.find(place, target) {
            return Some(known.clear.load(Ordering::Acquire));
        }
        let (word, bit) = crowded_bit(place, target);
        (self.crowded[word].load(Ordering::Acquire) & bit != 0).then_some(0)
    }

    fn free(&self) -> Option<(usize, &Entry)> {
        let index = reserve(&self.used, 1, ENTRIES)?;
        Some((index, self.entries.get(index)?))
    }

    fn find(&self, place: Place, target: u32) -> Option<&Entry> {
        let mut at = self.heads[key(place, target) % HEADS].load(Ordering::Acquire);
        loop {
            let entry = self.entries.get((at as usize).checked_sub(1)?)?;
            let [high, low] = [&entry.ip[0], &entry.ip[1]].map(|half| half.load(Ordering::Relaxed));
            let is_same = u128::from(high) << 64 | u128::from(low) == place.ip
                && entry.port.load(Ordering::Relaxed) == u32::from(place.port)
                && entry.target.load(Ordering::Relaxed) == target;
            if is_same {
                return Some(entry);
            }
            at = entry.next.load(Ordering::Relaxed);
        }
    }
}

fn key(place: Place, target: u32) -> usize {
    let port = place.port.to_be_bytes();
    hash(place.ip.to_be_bytes().into_iter().chain(port).chain(target.to_be_bytes()))
}

fn crowded_bit(place: Place, target: u32) -> (usize, u32) {
    let hash = key(place, target) / HEADS % (CROWDED * 32);
    (hash / 32, 1 << (hash % 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> Place {
        Place { ip: 0xffff_c000_0207, port }
    }

    #[test]
    fn only_the_same_address_port_and_target_are_limited() {
        static SOME: Refusals = Refusals::new();
        assert!(!SOME.any());
        SOME.add(place(5432), 0, 8);
        assert!(SOME.any());
        assert_eq!(SOME.limit(place(5432), 0), Some(8));
        assert_eq!(SOME.limit(place(5433), 0), None);
        assert_eq!(SOME.limit(place(5432), 7), None);
        assert_eq!(SOME.limit(Place { ip: 1, port: 5432 }, 0), None);
        SOME.add(place(5432), 0, 5);
        assert_eq!(SOME.limit(place(5432), 0), Some(8), "as much again as was said before");
    }

    #[test]
    fn a_place_that_finds_no_room_may_say_nothing() {
        static SOME: Refusals = Refusals::new();
        for number in 0..ENTRIES {
            SOME.add(Place { ip: number as u128, port: 443 }, 0, 3);
        }
        SOME.add(place(443), 0, 3);
        assert_eq!(SOME.limit(place(443), 0), Some(0));
        assert_eq!(SOME.limit(Place { ip: 0, port: 443 }, 0), Some(3));
    }
}
