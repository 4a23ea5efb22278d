//! The stores that a context's connections were verified with, each with a number: a session is worth what its store was.

use std::sync::{Mutex, PoisonError};

use openssl::x509::store::{X509Store, X509StoreRef};

use crate::libssl::store;

/// A program that gives each connection a store of its own must not fill the memory.
const ROOM: usize = 4;

/// The latest stores, the last used one first. Each is owned, so that no other can come to lie at its address.
#[derive(Default)]
pub struct Stores(Mutex<Known>);

#[derive(Default)]
struct Known {
    stores: Vec<(X509Store, u64)>,
    given: u64,
}

impl Stores {
    /// The number of `store`. One that was forgotten meanwhile gets a new number, which ends its sessions and no more.
    pub fn number(&self, store: &X509StoreRef) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { stores, given } = &mut *known;
        if let Some(at) = stores.iter().position(|(other, _)| store::is_same(other, store)) {
            stores[..=at].rotate_right(1);
            return stores[0].1;
        }
        *given += 1;
        stores.truncate(ROOM - 1);
        stores.extend(store::owner(store).map(|owned| (owned, *given)));
        stores.rotate_right(1);
        *given
    }
}

#[cfg(test)]
mod tests {
    use openssl::x509::store::X509StoreBuilder;

    use super::*;

    fn store() -> X509Store {
        X509StoreBuilder::new().unwrap().build()
    }

    #[test]
    fn a_store_keeps_its_number_while_others_come() {
        let (stores, one, other) = (Stores::default(), store(), store());
        let number = stores.number(&one);
        assert_ne!(stores.number(&other), number);
        assert_eq!(stores.number(&one), number);
    }

    #[test]
    fn no_store_gets_the_number_of_one_that_was_freed() {
        let stores = Stores::default();
        let mut seen: Vec<u64> = (0..100).map(|_| stores.number(&store())).collect();
        seen.dedup();
        assert_eq!(seen.len(), 100);
        assert!(stores.0.lock().unwrap().stores.len() <= ROOM);
    }
}
