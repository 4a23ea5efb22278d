//! The last failure of each thread: of a call, or a refusal in a handshake that plain OpenSSL calls drove.

use std::cell::RefCell;

use crate::error::Error;

thread_local! {
    static LAST: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// Keeps `error` as the thread's last one.
pub fn remember(error: Error) {
    // A thread that is being torn down has no place for it; the status code still says what happened.
    let _ = LAST.try_with(|last| {
        let previous = last.replace(Some(error));
        drop(previous);
    });
}

/// Makes `error` the thread's last one again, as [`last`] found it; `None` where there was none.
pub fn put_back(error: Option<Error>) {
    let _ = LAST.try_with(|last| {
        let newer = last.replace(error);
        drop(newer);
    });
}

/// What `look` makes of the thread's last error; `None` where nothing has failed yet.
pub fn last<T>(look: impl FnOnce(&Error) -> T) -> Option<T> {
    LAST.try_with(|last| last.borrow().as_ref().map(look)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn each_thread_has_a_last_error_of_its_own() {
        remember(Error::new(Status::EIo, "one"));
        remember(Error::new(Status::EIo, "two"));
        assert_eq!(last(|error| error.message().to_owned()).as_deref(), Some("two"));
        assert!(std::thread::spawn(|| last(|_| ()).is_none()).join().unwrap());
    }
}
