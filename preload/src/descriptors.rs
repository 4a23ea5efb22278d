//! What was seen of each descriptor since it was connected: how much went out in the clear, which host a proxy was told, and
//! the random of the hello with which TLS began. A descriptor's number is used again; the socket's cookie tells.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::names::Name;
use crate::proxies::{Said, Stage};

/// Descriptors from this number on are not watched: nothing is known of their hosts, which refuses.
pub const MOST: usize = 65536;

/// What a descriptor is at. Only what is odd is looked at when the program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nothing that matters here.
    Idle = 0,
    /// A socket of TCP, on which no TLS has begun.
    Clear = 1,
    /// TLS has begun.
    Tls = 2,
    /// It was refused: alerts alone may go out.
    Shut = 3,
}

/// The host that a proxy was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// None: there is no proxy.
    None,
    /// This.
    Host(Name),
    /// There is one, or something was said that was not seen.
    Unknown,
}

impl Target {
    /// As it is kept.
    pub const fn number(self) -> u32 {
        match self {
            Target::None => 0,
            Target::Host(name) => name.number(),
            Target::Unknown => u32::MAX,
        }
    }

    const fn of_number(number: u32) -> Target {
        match number {
            0 => Target::None,
            u32::MAX => Target::Unknown,
            number => Target::Host(Name::of_number(number)),
        }
    }

    /// After something was said; `keep` finds a place for a name. What is unknown stays so.
    pub fn after(self, said: Said<'_>, keep: impl FnOnce(&[u8]) -> Option<Name>) -> Target {
        match (self, said) {
            (Target::Unknown, _) | (_, Said::Unknown) => Target::Unknown,
            (known, Said::Nothing) => known,
            (_, Said::Host(host)) => keep(host).map_or(Target::Unknown, Target::Host),
        }
    }
}

/// One descriptor.
pub struct Descriptor {
    cookie: AtomicU64,
    clear: AtomicU64,
    target: AtomicU32,
    stage: AtomicU8,
    told: AtomicBool,
    random: [AtomicU64; 4],
}

// Apart from the rest, so that a write looks at one byte.
static STATES: [AtomicU8; MOST] = [const { AtomicU8::new(State::Idle as u8) }; MOST];
static ALL: [Descriptor; MOST] = [const { Descriptor::new() }; MOST];
static HIGHEST: AtomicU32 = AtomicU32::new(0);

/// Whether what the program writes to `fd` is looked at.
#[inline(always)]
pub fn is_watched(fd: c_int) -> bool {
    STATES.get(fd as usize).is_some_and(|state| state.load(Ordering::Relaxed) & 1 != 0)
}

/// What `fd` is at, if its number is small enough.
pub fn state(fd: c_int) -> State {
    match STATES.get(fd as usize).map(|state| state.load(Ordering::Acquire)) {
        Some(1) => State::Clear,
        Some(2) => State::Tls,
        Some(3) => State::Shut,
        _ => State::Idle,
    }
}

/// Sets that.
pub fn set_state(fd: c_int, state: State) {
    if let Some(place) = STATES.get(fd as usize) {
        place.store(state as u8, Ordering::Release);
    }
}

/// What was seen of the socket with this cookie under the number `fd`.
pub fn of(fd: c_int, cookie: u64) -> Option<&'static Descriptor> {
    let descriptor = ALL.get(fd as usize)?;
    (descriptor.cookie.load(Ordering::Acquire) == cookie && state(fd) != State::Idle).then_some(descriptor)
}

/// Begins to watch the socket with this cookie.
pub fn begin(fd: c_int, cookie: u64) {
    let Some(descriptor) = ALL.get(fd as usize) else { return };
    set_state(fd, State::Idle);
    descriptor.clear.store(0, Ordering::Relaxed);
    descriptor.target.store(Target::None.number(), Ordering::Relaxed);
    descriptor.stage.store(Stage::Fresh.number(), Ordering::Relaxed);
    descriptor.told.store(false, Ordering::Relaxed);
    descriptor.set_random(&[0; 32]);
    descriptor.cookie.store(cookie, Ordering::Release);
    HIGHEST.fetch_max(fd.unsigned_abs(), Ordering::AcqRel);
    set_state(fd, State::Clear);
}

/// Gives `fd` what was seen of the same socket under another number, before TLS began there.
pub fn adopt(fd: c_int, cookie: u64) -> Option<&'static Descriptor> {
    let highest = HIGHEST.load(Ordering::Acquire) as usize;
    let is_it = |number: &usize| {
        ALL[*number].cookie.load(Ordering::Acquire) == cookie
            && STATES[*number].load(Ordering::Acquire) == State::Clear as u8
    };
    let other = (0..=highest).find(is_it)?;
    begin(fd, cookie);
    let (from, to) = (ALL.get(other)?, ALL.get(fd as usize)?);
    to.clear.store(from.clear(), Ordering::Relaxed);
    to.target.store(from.target().number(), Ordering::Relaxed);
    to.stage.store(from.stage().number(), Ordering::Release);
    Some(to)
}

impl Descriptor {
    const fn new() -> Descriptor {
        Descriptor {
            cookie: AtomicU64::new(0),
            clear: AtomicU64::new(0),
            target: AtomicU32::new(0),
            stage: AtomicU8::new(0),
            told: AtomicBool::new(false),
            random: [const { AtomicU64::new(0) }; 4],
        }
    }

    /// How many bytes were seen to go out in the clear.
    pub fn clear(&self) -> u64 {
        self.clear.load(Ordering::Acquire)
    }

    /// The host that a proxy was told.
    pub fn target(&self) -> Target {
        match self.stage() {
            Stage::Socks5 => Target::Unknown,
            _ => Target::of_number(self.target.load(Ordering::Acquire)),
        }
    }

    /// The same, for what is yet to be said.
    pub fn target_so_far(&self) -> Target {
        Target::of_number(self.target.load(Ordering::Acquire))
    }

    /// How far the conversation with a proxy has come.
    pub fn stage(&self) -> Stage {
        Stage::of_number(self.stage.load(Ordering::Acquire))
    }

    /// So many more bytes went out, after which this is the case.
    pub fn add(&self, amount: u64, stage: Stage, target: Target) {
        self.target.store(target.number(), Ordering::Release);
        self.stage.store(stage.number(), Ordering::Release);
        self.clear.fetch_add(amount, Ordering::AcqRel);
    }

    /// Nobody knows where it leads, and that stays so.
    pub fn lose(&self) {
        self.target.store(Target::Unknown.number(), Ordering::Release);
    }

    /// Whether it was told of already that text in the clear was stopped here; from now on it was.
    pub fn told(&self) -> bool {
        self.told.swap(true, Ordering::AcqRel)
    }

    /// The random of the hello with which TLS begins.
    pub fn set_random(&self, random: &[u8; 32]) {
        for (place, part) in self.random.iter().zip(words(random)) {
            place.store(part, Ordering::Release);
        }
    }

    /// Whether that is this one.
    pub fn has_random(&self, random: &[u8; 32]) -> bool {
        self.random.iter().zip(words(random)).all(|(place, part)| place.load(Ordering::Acquire) == part)
    }
}

fn words(random: &[u8; 32]) -> impl Iterator<Item = u64> {
    let (chunks, _) = random.as_chunks::<8>();
    chunks.iter().map(|chunk| u64::from_ne_bytes(*chunk))
}
