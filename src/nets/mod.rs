//! What the tests hook into: a panic in a callback, a layout that cannot be proved, the order in which the callbacks run.
//! Outside of this library's own tests both macros are nothing, and so is this module.

/// A callback of libssl or libcrypto has come as far as where its panics are stopped. Tests record it, and let it panic.
macro_rules! here {
    ($name:literal) => {
        #[cfg(test)]
        $crate::nets::switches::pass($name);
    };
}

/// Answers `None` for a place that OpenSSL does not show, where a test says that it could not be proved.
macro_rules! unproved {
    ($name:literal) => {
        #[cfg(test)]
        if $crate::nets::switches::is_unproved($name) {
            return None;
        }
    };
}

pub(crate) use {here, unproved};

#[cfg(test)]
pub mod switches;

#[cfg(test)]
mod layouts;
#[cfg(test)]
mod order;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod panics;
#[cfg(test)]
#[path = "../../tests/support/pki.rs"]
mod pki;
#[cfg(test)]
mod sites;
