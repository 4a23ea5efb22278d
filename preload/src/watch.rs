//! What is made of a program's calls: where a socket leads, what goes out on it before TLS, the hello with which TLS begins,
//! and that no text in the clear follows on a refusal. In doubt the host of a socket is unknown, which refuses.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::descriptors::{self, Descriptor, State, Target};
use crate::names::TABLE;
use crate::proxies::Stage;
use crate::refusals::REFUSALS;
use crate::{events, hellos, kernel, process, proxies, records};

/// After so many bytes in the clear no TLS is expected any more, and a socket is left alone.
const MOST_CLEAR: u64 = 64 * 1024;

/// Whether text in the clear is stopped after a refusal, or only told of.
static STOPS: AtomicBool = AtomicBool::new(false);

/// Stops it from now on.
pub fn stop() {
    STOPS.store(true, Ordering::Release);
}

/// The program connects `fd`.
pub fn connecting(fd: c_int) {
    if !process::owns_its_memory() || !kernel::is_tcp(fd) {
        return;
    }
    let Some(cookie) = kernel::cookie(fd) else { return descriptors::set_state(fd, State::Idle) };
    // A program that does not wait asks again for the same connection; and one that failed may be tried once more.
    let has_spoken = descriptors::of(fd, cookie).is_some() && kernel::taken(fd) != Some(0);
    if !has_spoken {
        descriptors::begin(fd, cookie);
    }
}

/// What becomes of bytes that the program sends on a descriptor that is watched.
#[derive(Clone, Copy)]
pub enum Sending {
    /// They go out, and nothing is to be done.
    Free,
    /// They go out in the clear; [`sent`] is to be called with what was taken of them.
    Clear(Clear),
    /// They must not go out.
    Stopped,
}

/// Bytes in the clear, and what they lead to if all of them are taken.
#[derive(Clone, Copy)]
pub struct Clear {
    descriptor: &'static Descriptor,
    length: usize,
    stage: Stage,
    target: Target,
}

/// The program sends `length` bytes, of which `bytes` are the first.
pub fn sending(fd: c_int, bytes: &[u8], length: usize) -> Sending {
    let Some((descriptor, state)) = current(fd) else { return Sending::Free };
    if length == 0 {
        return Sending::Free;
    }
    if state == State::Shut {
        let are_alerts = bytes.len() == length && records::are_alerts(bytes);
        let stops = !are_alerts && refuse_text(fd, descriptor, descriptor.target());
        return if stops { Sending::Stopped } else { Sending::Free };
    }
    if let Some(random) = records::client_random(bytes) {
        begin_tls(fd, descriptor, &random);
        return Sending::Free;
    }
    let (stage, target) = after(descriptor, bytes, length);
    if REFUSALS.any() && exceeds(fd, descriptor, target, length) && refuse_text(fd, descriptor, target) {
        return Sending::Stopped;
    }
    if descriptor.clear() > MOST_CLEAR {
        descriptors::set_state(fd, State::Idle);
        return Sending::Free;
    }
    Sending::Clear(Clear { descriptor, length, stage, target })
}

/// So much of `bytes` was taken.
pub fn sent(clear: Clear, bytes: &[u8], amount: usize) {
    let (stage, target) = match amount == clear.length {
        true => (clear.stage, clear.target),
        false => after(clear.descriptor, &bytes[..amount.min(bytes.len())], amount),
    };
    clear.descriptor.add(amount as u64, stage, target);
}

/// Whether the program may send bytes that are not looked at; where it may, the kernel's count will tell of them.
pub fn may_send_unseen(fd: c_int) -> bool {
    let Some((descriptor, state)) = current(fd) else { return true };
    let is_barred = state == State::Shut || REFUSALS.any() && exceeds(fd, descriptor, descriptor.target(), 1);
    !(is_barred && refuse_text(fd, descriptor, descriptor.target()))
}

/// The descriptor of the connection that sent a hello with this random; before there is one, that of `fd`.
pub fn find(fd: c_int, random: Option<&[u8; 32]>) -> Option<(c_int, &'static Descriptor)> {
    let Some(random) = random else {
        let cookie = kernel::cookie(fd)?;
        let descriptor = descriptors::of(fd, cookie).or_else(|| descriptors::adopt(fd, cookie))?;
        // Another connection's TLS may go on there, inside of which this one begins.
        return (descriptors::state(fd) == State::Clear).then_some((fd, descriptor));
    };
    let sent_it = |fd: c_int| {
        let descriptor = descriptors::of(fd, kernel::cookie(fd)?)?;
        descriptor.has_random(random).then_some((fd, descriptor))
    };
    sent_it(fd).or_else(|| hellos::find(random).find_map(sent_it))
}

/// Whether something went out on `fd` that was not seen.
pub fn has_unseen(fd: c_int, descriptor: &Descriptor) -> bool {
    kernel::taken(fd) != Some(descriptor.clear())
}

/// A certificate was refused on it.
pub fn refused(fd: c_int, descriptor: &Descriptor) {
    let Some(place) = kernel::peer(fd) else { return };
    REFUSALS.add(place, descriptor.target().number(), descriptor.clear());
    if STOPS.load(Ordering::Acquire) && process::owns_its_memory() {
        descriptors::set_state(fd, State::Shut);
    }
}

/// What was seen of the socket that `fd` is now, where it still is the same.
fn current(fd: c_int) -> Option<(&'static Descriptor, State)> {
    let found = kernel::cookie(fd).and_then(|cookie| descriptors::of(fd, cookie));
    if found.is_none() && process::owns_its_memory() {
        descriptors::set_state(fd, State::Idle);
    }
    found.map(|descriptor| (descriptor, descriptors::state(fd)))
}

fn begin_tls(fd: c_int, descriptor: &Descriptor, random: &[u8; 32]) {
    if has_unseen(fd, descriptor) {
        descriptor.lose();
    }
    descriptor.set_random(random);
    hellos::add(random, fd);
    descriptors::set_state(fd, State::Tls);
}

/// The conversation with a proxy, where `length` bytes, of which these are the first, are taken.
fn after(descriptor: &Descriptor, bytes: &[u8], length: usize) -> (Stage, Target) {
    let (stage, said) = proxies::read(descriptor.stage(), bytes);
    let target = descriptor.target_so_far().after(said, |host| TABLE.keep(host));
    if bytes.len() < length { (Stage::Text, Target::Unknown) } else { (stage, target) }
}

fn exceeds(fd: c_int, descriptor: &Descriptor, target: Target, length: usize) -> bool {
    let Some(place) = kernel::peer(fd) else { return false };
    let said = descriptor.clear() + length as u64;
    // Where it was refused without a proxy, what is said now of one does not help.
    let limits = [Target::None, target].map(|target| REFUSALS.limit(place, target.number()));
    limits.into_iter().flatten().any(|limit| said > limit)
}

/// Tells of text in the clear, once for each socket; whether it is stopped.
fn refuse_text(fd: c_int, descriptor: &Descriptor, target: Target) -> bool {
    let stops = STOPS.load(Ordering::Acquire);
    if let (false, Some(place)) = (descriptor.told(), kernel::peer(fd)) {
        let host = match target {
            Target::Host(name) => Some(name),
            _ => None,
        };
        events::stopped(stops, place, host);
    }
    if stops {
        if process::owns_its_memory() {
            descriptors::set_state(fd, State::Shut);
        }
        kernel::end(fd);
    }
    stops
}
