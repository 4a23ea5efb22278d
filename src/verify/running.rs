//! The chain verifications that run in a thread, and where each one's verify callback finds its notes. Not in the ex_data
//! of the `X509_STORE_CTX`: with each index that is registered OpenSSL works longer on every such context of the process.

use std::cell::RefCell;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;

use openssl_sys as ffi;

/// An `X509_STORE_CTX` that verifies, and its notes.
type Entry = (*mut ffi::X509_STORE_CTX, *const c_void);

thread_local! {
    static RUNNING: RefCell<Running> = const { RefCell::new(Running { first: NOTHING, more: ManuallyDrop::new(Vec::new()) }) };
}

const NOTHING: Entry = (ptr::null_mut(), ptr::null());

/// The verifications of a thread. They may be nested in each other, and where OpenSSL's ASYNC jobs pause them they end in
/// any order. It holds no memory while nothing runs, and so needs no destructor, after which a thread that ends could verify
/// nothing more.
struct Running {
    /// In most threads there is one at a time.
    first: Entry,
    more: ManuallyDrop<Vec<Entry>>,
}

impl Running {
    fn add(&mut self, entry: Entry) {
        // Whatever is there of the same context was left by a job that was never resumed.
        self.more.retain(|other| other.0 != entry.0);
        if self.first.0.is_null() || self.first.0 == entry.0 {
            self.first = entry;
        } else {
            self.more.push(entry);
        }
    }

    fn notes_of(&self, context: *mut ffi::X509_STORE_CTX) -> Option<*const c_void> {
        let mut all = self.more.iter().chain([&self.first]);
        all.find(|entry| entry.0 == context).map(|entry| entry.1)
    }

    fn remove(&mut self, (context, notes): Entry) {
        let is_it = |entry: &Entry| entry.0 == context && ptr::eq(entry.1, notes);
        if is_it(&self.first) {
            self.first = NOTHING;
        } else if let Some(at) = self.more.iter().rposition(is_it) {
            self.more.remove(at);
            if self.more.is_empty() {
                *self.more = Vec::new();
            }
        }
    }
}

/// Keeps the notes of a context where [`notes_of`] finds them, until it is dropped.
pub struct LaidOut(Entry);

impl LaidOut {
    /// `context` verifies with `notes`, in this thread.
    pub fn new(context: *mut ffi::X509_STORE_CTX, notes: *const c_void) -> LaidOut {
        let entry = (context, notes);
        RUNNING.with_borrow_mut(|running| running.add(entry));
        LaidOut(entry)
    }
}

impl Drop for LaidOut {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.remove(self.0));
    }
}

/// The notes of `context`, where it verifies in this thread.
pub fn notes_of(context: *mut ffi::X509_STORE_CTX) -> Option<*const c_void> {
    RUNNING.with_borrow(|running| running.notes_of(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize) -> Entry {
        (ptr::without_provenance_mut(number * 16), ptr::without_provenance(number * 16 + 8))
    }

    #[test]
    fn the_notes_of_verifications_that_end_in_any_order_are_told_apart() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let mut running = Running { first: NOTHING, more: ManuallyDrop::new(Vec::new()) };
            let entries = [entry(1), entry(2), entry(3)];
            entries.into_iter().for_each(|entry| running.add(entry));
            for (ended, at) in order.into_iter().enumerate() {
                let left = order[ended..].iter().all(|at| running.notes_of(entries[*at].0) == Some(entries[*at].1));
                assert!(left, "{order:?}, {ended} have ended");
                running.remove(entries[at]);
                assert_eq!(running.notes_of(entries[at].0), None);
            }
            assert!(running.first.0.is_null() && running.more.capacity() == 0);
        }
    }

    #[test]
    fn notes_that_were_left_behind_are_not_those_of_the_next_context_at_the_address() {
        for left_as_first in [true, false] {
            let mut running = Running { first: NOTHING, more: ManuallyDrop::new(Vec::new()) };
            let (before, left) = (entry(1), entry(2));
            if !left_as_first {
                running.add(before);
            }
            running.add(left);
            if !left_as_first {
                running.remove(before);
            }
            let next = (left.0, entry(3).1);
            running.add(next);
            assert_eq!(running.notes_of(left.0), Some(next.1));
            running.remove(left);
            assert_eq!(running.notes_of(left.0), Some(next.1));
            running.remove(next);
            assert_eq!(running.notes_of(left.0), None);
        }
    }
}
