//! Whose memory this is. A child of `vfork` runs in its parent's, with descriptors of its own, until it executes another
//! program: what it does with descriptors must leave no trace here.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::kernel;

static OWNER: AtomicU32 = AtomicU32::new(0);

/// This process owns its memory, and so will the children that it forks.
pub fn begin() {
    own();
    // SAFETY: the handler only stores a number, which a forked child may do.
    unsafe { libc::pthread_atfork(None, None, Some(own)) };
}

extern "C" fn own() {
    OWNER.store(kernel::own_number(), Ordering::Release);
}

/// Whether this process owns its memory. Nor is one known to that was made by a bare system call.
pub fn owns_its_memory() -> bool {
    OWNER.load(Ordering::Acquire) == kernel::own_number()
}
