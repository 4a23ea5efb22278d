//! Our libssl, asked for functions that not every one has.

use std::ffi::{CStr, c_void};
use std::ptr;

use openssl_sys as ffi;

/// Our libssl, opened again to be asked for names.
pub struct Library(*mut c_void);

impl Library {
    /// `None` where it cannot be opened.
    pub fn ours() -> Option<Library> {
        crate::nets::unproved!("method names");
        let mut info = libc::Dl_info {
            dli_fname: ptr::null(),
            dli_fbase: ptr::null_mut(),
            dli_sname: ptr::null(),
            dli_saddr: ptr::null_mut(),
        };
        // SAFETY: TLS_method takes no arguments; dladdr only compares its answer with the ranges of the loaded objects.
        if unsafe { libc::dladdr(ffi::TLS_method().cast(), &mut info) } == 0 || info.dli_fname.is_null() {
            return None;
        }
        // SAFETY: the path was dladdr's; nothing is loaded that is not there already.
        let mut handle = unsafe { libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            // The program itself, where it is linked with libssl statically.
            // SAFETY: NULL stands for the program.
            handle = unsafe { libc::dlopen(ptr::null(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        }
        (!handle.is_null()).then_some(Library(handle))
    }

    /// What `name` stands for in it, or NULL.
    pub fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the handle is open.
        unsafe { libc::dlsym(self.0, name.as_ptr()) }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: opened in `ours`, closed once; libssl itself stays, for we are linked with it.
        unsafe { libc::dlclose(self.0) };
    }
}
