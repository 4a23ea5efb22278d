//! The last hellos that were seen: from a random to the descriptor on which it went out, for connections of which OpenSSL
//! knows no descriptor (memory BIOs, a program's own).

use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// As many may be under way at a time.
const MOST: usize = 1024;

struct Hello {
    start: AtomicU64,
    fd: AtomicI32,
}

static RING: [Hello; MOST] = [const { Hello { start: AtomicU64::new(0), fd: AtomicI32::new(-1) } }; MOST];
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Takes down that a hello with this random goes out on `fd`.
pub fn add(random: &[u8; 32], fd: c_int) {
    let hello = &RING[COUNT.fetch_add(1, Ordering::AcqRel) as usize % MOST];
    hello.fd.store(fd, Ordering::Release);
    hello.start.store(start(random), Ordering::Release);
}

/// The descriptors on which a hello with such a beginning went out, the latest first. Whether it was this hello is known to
/// the descriptor.
pub fn find(random: &[u8; 32]) -> impl Iterator<Item = c_int> {
    let (newest, wanted) = (COUNT.load(Ordering::Acquire) as usize + MOST, start(random));
    (1..=MOST).map(move |back| &RING[(newest - back) % MOST]).filter_map(move |hello| {
        let is_it = hello.start.load(Ordering::Acquire) == wanted;
        is_it.then(|| hello.fd.load(Ordering::Acquire))
    })
}

fn start(random: &[u8; 32]) -> u64 {
    random.first_chunk().map_or(0, |start| u64::from_ne_bytes(*start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_comes_first_and_the_oldest_make_room() {
        add(&[1; 32], 7);
        add(&[2; 32], 8);
        add(&[1; 32], 9);
        assert_eq!(find(&[1; 32]).collect::<Vec<_>>(), [9, 7]);
        assert_eq!(find(&[3; 32]).next(), None);
        for number in 0..MOST {
            add(&[4; 32], number as c_int);
        }
        assert_eq!(find(&[1; 32]).next(), None);
        assert_eq!(find(&[4; 32]).count(), MOST);
    }
}
