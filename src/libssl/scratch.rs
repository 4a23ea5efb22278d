//! Contexts that layouts are proved on and defaults are read from. To make one takes longer than most proofs, and a process
//! wants several proofs before its first connection. So whoever has looked gives the context back, for the next one.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::ssl::SslContext;

use crate::libssl::method::Side;
use crate::libssl::new_context;

/// At most one for each side.
static SPARE: Mutex<Vec<(Side, SslContext)>> = Mutex::new(Vec::new());

/// A context of ours that never makes a connection. Whoever changes it changes it back.
pub struct Scratch(Option<(Side, SslContext)>);

impl Scratch {
    /// One for that side that nobody uses now; `None` where OpenSSL makes none.
    pub fn of(side: Side) -> Option<Scratch> {
        let mut spare = spare();
        let at = spare.iter().position(|(of, _)| *of == side);
        match at.map(|at| spare.swap_remove(at)) {
            Some(found) => Some(Scratch(Some(found))),
            None => Scratch::new(side),
        }
    }

    /// One that was made just now: libssl may have other algorithms than it had for those before.
    pub fn new(side: Side) -> Option<Scratch> {
        new_context::new_for(side).map(|context| Scratch(Some((side, context))))
    }
}

impl Deref for Scratch {
    type Target = SslContext;

    fn deref(&self) -> &SslContext {
        let Some((_, context)) = &self.0 else { unreachable!("only drop takes it") };
        context
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After a panic nobody knows what was changed back.
        let Some(given) = self.0.take().filter(|_| !std::thread::panicking()) else { return };
        let mut spare = spare();
        spare.retain(|(side, _)| *side != given.0);
        spare.push(given);
    }
}

fn spare() -> MutexGuard<'static, Vec<(Side, SslContext)>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignTypeRef;

    use super::*;

    #[test]
    fn no_two_use_one_at_a_time_and_a_new_one_is_new() {
        let [one, other] = [0, 1].map(|_| Scratch::of(Side::Server).unwrap());
        let [first, second] = [&one, &other].map(|scratch| scratch.as_ptr());
        assert_ne!(first, second);
        let fresh = Scratch::new(Side::Server).unwrap();
        assert!(![first, second].contains(&fresh.as_ptr()));
    }
}
