//! The function behind ours: found when it is first called, as ours may be called before any of our code has run.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The next function of this name, of the type `F`.
pub struct Next<F> {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

impl<F: Copy> Next<F> {
    /// # Safety
    /// `F` is the type of a pointer to the function that libc has by this name.
    pub const unsafe fn new(name: &'static CStr) -> Next<F> {
        Next { name, found: AtomicPtr::new(ptr::null_mut()), kind: PhantomData }
    }

    /// The function, if there is one.
    #[inline(always)]
    pub fn get(&self) -> Option<F> {
        let mut found = self.found.load(Ordering::Relaxed);
        if found.is_null() {
            found = self.find();
        }
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: whoever made this promised that the function is of this type.
        (!found.is_null()).then(|| unsafe { mem::transmute_copy(&found) })
    }

    /// Finds it now: a child of vfork must not ask the loader, whose lock is its parent's.
    #[cold]
    pub fn find(&self) -> *mut c_void {
        // SAFETY: the name ends in NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}
