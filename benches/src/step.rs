//! The part of a piece of work that counts. In a child that does the work, callgrind counts the instructions inside of
//! [`counted_step`], and the clock runs there; preparation and the other side of a connection are left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the step that goes on has taken, and the least that one took.
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Does `work`, a whole step, and counts it.
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    let outcome = counted_part(work);
    end_step();
    outcome
}

/// Does `work`, a part of a step that [`end_step`] will end, and counts it.
pub fn counted_part<T>(work: impl FnOnce() -> T) -> T {
    let mut work = Some(work);
    let mut outcome = None;
    let start = Instant::now();
    counted_step(&mut || outcome = work.take().map(|work| work()));
    let took = start.elapsed().as_nanos();
    NANOSECONDS.fetch_add(u64::try_from(took).expect("a step takes no hundred years"), Ordering::Relaxed);
    outcome.expect("the step was done")
}

/// The function that callgrind knows by its name.
#[unsafe(no_mangle)]
#[inline(never)]
fn counted_step(work: &mut dyn FnMut()) {
    work();
}

/// Here ends a step that was done in parts.
pub fn end_step() {
    LEAST.fetch_min(NANOSECONDS.swap(0, Ordering::Relaxed), Ordering::Relaxed);
}

/// Says how many bytes of memory the work takes.
pub fn takes_bytes(bytes: u64) {
    BYTES.store(bytes, Ordering::Relaxed);
}

/// Tells the parent what was measured here.
pub fn print() {
    println!("{} {}", LEAST.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
}

/// What [`print()`] told: the nanoseconds of the fastest step, and bytes.
pub fn read(text: &str) -> (f64, f64) {
    let mut numbers = text.split_whitespace().map(|word| word.parse().expect("a child prints numbers"));
    (numbers.next().expect("nanoseconds"), numbers.next().expect("bytes"))
}
