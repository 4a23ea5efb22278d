//! Functions of libc that are replaced in the program. Each calls the next of its name, answers what that one answers, and
//! leaves `errno` as that one left it. None takes a lock, and none allocates. A thread that is cancelled in one, or leaves
//! it by longjmp, unwinds through ours: nothing is to be dropped there.

mod next;
pub mod resolver;
pub mod sockets;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Finds every function now.
pub fn find_all() {
    resolver::find_all();
    sockets::find_all();
}

/// Looks at a call. A defect of ours must not end the program: what was not seen makes a host unknown.
fn look<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    let _kept = crate::kernel::Kept::now();
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}
