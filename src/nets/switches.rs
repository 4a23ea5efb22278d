//! The switches behind the macros. They belong to one thread, so tests do not disturb each other.

use std::cell::{Cell, RefCell};

thread_local! {
    static ARMED: RefCell<Vec<(&'static str, usize)>> = const { RefCell::new(Vec::new()) };
    static FIRED: Cell<usize> = const { Cell::new(0) };
    static UNPROVED: Cell<Option<&'static str>> = const { Cell::new(None) };
    static SEEN: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// What the macro `here` calls. The thread may be ending, where nothing is armed any more.
pub fn pass(name: &'static str) {
    let _ = SEEN.try_with(|seen| seen.borrow_mut().push(name));
    let fires = ARMED.try_with(|armed| {
        armed.borrow_mut().iter_mut().any(|(other, spared)| {
            let fires = *other == name && *spared == 0;
            *spared = if *other == name { spared.saturating_sub(1) } else { *spared };
            fires
        })
    });
    if fires == Ok(true) {
        FIRED.set(FIRED.get() + 1);
        panic!("armed: {name}");
    }
}

/// Runs `body` with every callback of `names` panicking, from the call after the first `spared` on; answers how many did.
pub fn panicking<T>(names: &[&'static str], spared: usize, body: impl FnOnce() -> T) -> (T, usize) {
    FIRED.set(0);
    ARMED.set(names.iter().map(|name| (*name, spared)).collect());
    let result = body();
    ARMED.take();
    (result, FIRED.get())
}

/// Runs `body` while the place of `name` cannot be proved.
pub fn unproven<T>(name: &'static str, body: impl FnOnce() -> T) -> T {
    UNPROVED.set(Some(name));
    let result = body();
    UNPROVED.set(None);
    result
}

/// What the macro `unproved` asks.
pub fn is_unproved(name: &str) -> bool {
    UNPROVED.try_with(Cell::get).is_ok_and(|unproved| unproved == Some(name))
}

/// The callbacks that run in `body`, in their order.
pub fn recorded<T>(body: impl FnOnce() -> T) -> (T, Vec<&'static str>) {
    SEEN.take();
    let result = body();
    (result, SEEN.take())
}
