//! A program's own functions that move bytes in place of the system's.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::slice;

use libc::ssize_t;

/// Reads up to `len` bytes into `buffer`.
pub type Read = unsafe extern "C" fn(argument: *mut c_void, buffer: *mut c_void, len: usize) -> ssize_t;
/// Writes up to `len` bytes of `bytes`.
pub type Write = unsafe extern "C" fn(argument: *mut c_void, bytes: *const c_void, len: usize) -> ssize_t;

/// See the module's text.
pub struct Functions {
    read: Read,
    write: Write,
    argument: *mut c_void,
}

impl Functions {
    /// # Safety
    /// Both may be called with `argument` from whatever thread uses this, for as long as it lives. They keep to the buffers
    /// that they are handed, and return.
    pub unsafe fn new(read: Read, write: Write, argument: *mut c_void) -> Functions {
        Functions { read, write, argument }
    }

    /// Reads into `room`: what came, or the number that is no count of its bytes.
    pub fn read<'r>(&self, room: &'r mut [MaybeUninit<u8>]) -> Result<&'r [u8], ssize_t> {
        // SAFETY: whoever made it promised that it may be called so; the room has so many bytes.
        let answer = unsafe { (self.read)(self.argument, room.as_mut_ptr().cast(), room.len()) };
        match usize::try_from(answer) {
            // SAFETY: the function says that it has written to so many bytes, which the room has.
            Ok(got) if got <= room.len() => Ok(unsafe { slice::from_raw_parts(room.as_ptr().cast(), got) }),
            _ => Err(answer),
        }
    }

    /// Writes `bytes`, or the first part of them: how many, or the number that is no count of them.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, ssize_t> {
        // SAFETY: whoever made it promised that it may be called so; so many bytes are there.
        let answer = unsafe { (self.write)(self.argument, bytes.as_ptr().cast(), bytes.len()) };
        usize::try_from(answer).ok().filter(|sent| *sent <= bytes.len()).ok_or(answer)
    }
}
