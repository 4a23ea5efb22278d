//! The part of a piece of work that counts. In a child that does the work, callgrind counts the instructions inside of
//! [`counted_step`], and the clock runs there; preparation and the other side of a connection are left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the step that goes on has taken, and the least that one took: by the clock, and of the processor's time.
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);
static CPU: AtomicU64 = AtomicU64::new(0);
static LEAST_CPU: AtomicU64 = AtomicU64::new(u64::MAX);
static BYTES: AtomicU64 = AtomicU64::new(0);
/// What two that take turns have taken, and not a step.
static BY_TURNS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

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
    let cpu = cpu_time();
    let start = Instant::now();
    counted_step(&mut || outcome = work.take().map(|work| work()));
    let took = start.elapsed().as_nanos();
    CPU.fetch_add(cpu_time() - cpu, Ordering::Relaxed);
    NANOSECONDS.fetch_add(u64::try_from(took).expect("a step takes no hundred years"), Ordering::Relaxed);
    outcome.expect("the step was done")
}

/// The function that callgrind knows by its name.
#[unsafe(no_mangle)]
#[inline(never)]
fn counted_step(work: &mut dyn FnMut()) {
    work();
}

/// Here ends a step that was done in parts. Answers its nanoseconds by the clock.
pub fn end_step() -> u64 {
    let took = NANOSECONDS.swap(0, Ordering::Relaxed);
    LEAST.fetch_min(took, Ordering::Relaxed);
    LEAST_CPU.fetch_min(CPU.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    took
}

/// Does steps of two kinds by turns, so that whatever else the machine does disturbs both alike. What is told of each is the
/// median of its nanoseconds.
pub fn by_turns(count: usize, step: impl Fn(usize) -> u64) {
    let mut took = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for turn in 0..count {
        for which in [turn % 2, 1 - turn % 2] {
            took[which].push(step(which));
        }
    }
    for (of_kind, told) in took.iter_mut().zip(&BY_TURNS) {
        of_kind.sort_unstable();
        told.store(of_kind[count / 2], Ordering::Relaxed);
    }
}

/// The nanoseconds that processors have worked for this process, in the kernel too.
fn cpu_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is written to.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) }, 0);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).expect("it is not negative")
}

/// From here on instructions can be counted. Where the child was begun without, the long preparation takes a tenth of the
/// time.
pub fn begin_to_count() {
    #[cfg(target_arch = "x86_64")]
    {
        /// CALLGRIND_START_INSTRUMENTATION.
        const START: usize = ((b'C' as usize) << 24 | (b'T' as usize) << 16) + 4;
        let request: [usize; 6] = [START, 0, 0, 0, 0, 0];
        // SAFETY: the rotations bring rdi back to what it was; only valgrind sees a request in them, and answers in rdx.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
                in("rax") request.as_ptr(),
                inout("rdx") 0_usize => _,
            );
        }
    }
}

/// Says how many bytes of memory the work takes.
pub fn takes_bytes(bytes: u64) {
    BYTES.store(bytes, Ordering::Relaxed);
}

/// Tells the parent what was measured here.
pub fn print() {
    let all = [&LEAST, &BYTES, &LEAST_CPU, &BY_TURNS[0], &BY_TURNS[1]]
        .map(|number| number.load(Ordering::Relaxed).to_string());
    println!("{}", all.join(" "));
}

/// What a child measured by itself.
pub struct Told {
    /// Of the fastest step.
    pub nanoseconds: f64,
    pub bytes: f64,
    /// Nanoseconds of the processor's, of the step that took the fewest.
    pub cpu: f64,
    /// Nanoseconds of each of two that took turns, the median.
    pub by_turns: [f64; 2],
}

/// What [`print()`] told.
pub fn read(text: &str) -> Told {
    let mut numbers = text.split_whitespace().map(|word| word.parse().expect("a child prints numbers"));
    let mut next = || numbers.next().expect("it prints five");
    Told { nanoseconds: next(), bytes: next(), cpu: next(), by_turns: [next(), next()] }
}
