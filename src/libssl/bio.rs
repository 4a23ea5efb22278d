//! A BIO with something of ours behind it, and how it stands in for a program's own.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use openssl_sys as ffi;

use crate::libssl::callback::stopped;
use crate::libssl::sys;

/// What carries the bytes of a connection.
pub trait Wire: Sized + 'static {
    /// Its name in OpenSSL.
    const NAME: &std::ffi::CStr;
    /// Where the `BIO_METHOD` of the type is kept, one a process.
    fn method() -> &'static MethodSlot;
    /// Reads what is there.
    fn read(&self, room: &mut [MaybeUninit<u8>]) -> Moved;
    /// Writes what can be taken.
    fn write(&self, bytes: &[u8]) -> Moved;
    /// The descriptor behind it.
    fn descriptor(&self) -> c_int;
    /// Whether the peer has ended its side.
    fn is_at_end(&self) -> bool;
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// That something can be read.
    Read,
    /// That something can be written.
    Write,
}

/// What became of a read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes; of a read 0 is the end.
    Bytes(usize),
    /// Nothing now, until that can be done.
    Again(Want),
    /// It failed.
    Failed,
}

/// Copies `bytes` to the beginning of `room`, which has room for them: what stands there then.
pub fn fill<'r>(room: &'r mut [MaybeUninit<u8>], bytes: &[u8]) -> &'r [u8] {
    let amount = bytes.len().min(room.len());
    // SAFETY: both have so many bytes, and the one is borrowed for writing, so they do not overlap.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), room.as_mut_ptr().cast(), amount) };
    // SAFETY: so many bytes were written just now.
    unsafe { slice::from_raw_parts(room.as_ptr().cast(), amount) }
}

/// A `BIO_METHOD` that is made when it is first needed.
pub struct MethodSlot(OnceLock<Option<Method>>);

struct Method(*mut ffi::BIO_METHOD, c_int);

// SAFETY: written once, before it is shared, and only read by libcrypto from then on.
unsafe impl Send for Method {}
// SAFETY: libcrypto reads it from any thread.
unsafe impl Sync for Method {}

impl MethodSlot {
    /// One that is not made yet.
    pub const fn empty() -> MethodSlot {
        MethodSlot(OnceLock::new())
    }

    fn of<W: Wire>() -> Option<&'static Method> {
        W::method().0.get_or_init(make::<W>).as_ref()
    }
}

fn make<W: Wire>() -> Option<Method> {
    // SAFETY: takes no arguments.
    let index = unsafe { sys::BIO_get_new_index() };
    if index < 0 {
        return None;
    }
    let kind = index | sys::BIO_TYPE_SOURCE_SINK | sys::BIO_TYPE_DESCRIPTOR;
    // SAFETY: OpenSSL copies the name.
    let raw = unsafe { ffi::BIO_meth_new(kind, W::NAME.as_ptr()) };
    if raw.is_null() {
        return None;
    }
    // SAFETY: the method is new, and the callbacks stay loaded as long as it.
    unsafe {
        ffi::BIO_meth_set_read__fixed_rust(raw, Some(read::<W>));
        ffi::BIO_meth_set_write__fixed_rust(raw, Some(write::<W>));
        ffi::BIO_meth_set_ctrl__fixed_rust(raw, Some(control::<W>));
        sys::BIO_meth_set_destroy(raw, destroy::<W>);
    }
    Some(Method(raw, kind))
}

/// One reference to a BIO with a `W` behind it.
pub struct Bio<W>(NonNull<ffi::BIO>, PhantomData<W>);

impl<W: Wire> Bio<W> {
    /// A new one; `None` where there is no memory.
    pub fn new(wire: W) -> Option<Bio<W>> {
        let method = MethodSlot::of::<W>()?;
        // SAFETY: the method lives as long as the process.
        let bio = NonNull::new(unsafe { ffi::BIO_new(method.0) })?;
        // SAFETY: the BIO is new; it owns the box until `destroy`.
        unsafe {
            ffi::BIO_set_data(bio.as_ptr(), Box::into_raw(Box::new(wire)).cast());
            ffi::BIO_set_init(bio.as_ptr(), 1);
        }
        Some(Bio(bio, PhantomData))
    }

    /// What is behind it.
    pub fn wire(&self) -> Option<&W> {
        // SAFETY: every BIO of the type holds a `W`, or NULL, as long as a reference to it lives.
        unsafe { ffi::BIO_get_data(self.0.as_ptr()).cast::<W>().as_ref() }
    }

    /// The one of these that `bio` is, or has behind it; `None` where there is none.
    ///
    /// # Safety
    /// `bio` is NULL, or lives for `'a`.
    pub(super) unsafe fn find<'a>(bio: *mut ffi::BIO) -> Option<&'a W> {
        // SAFETY: the caller's promise is the same; every BIO of the type holds a `W`, or NULL.
        unsafe { ffi::BIO_get_data(Bio::<W>::place(bio)?.as_ptr()).cast::<W>().as_ref() }
    }

    /// One more reference to it.
    ///
    /// # Safety
    /// `bio` is NULL or live.
    pub(super) unsafe fn share(bio: *mut ffi::BIO) -> Option<Bio<W>> {
        // SAFETY: the caller's promise is the same.
        let found = unsafe { Bio::<W>::place(bio)? };
        // SAFETY: it lives, and the count is raised for the new owner.
        (unsafe { sys::BIO_up_ref(found.as_ptr()) } == 1).then_some(Bio(found, PhantomData))
    }

    /// # Safety
    /// `bio` is NULL or live.
    unsafe fn place(bio: *mut ffi::BIO) -> Option<NonNull<ffi::BIO>> {
        if bio.is_null() {
            return None;
        }
        // SAFETY: the caller promises that it lives; what stands behind it lives as long.
        NonNull::new(unsafe { sys::BIO_find_type(bio, MethodSlot::of::<W>()?.1) })
    }
}

impl<W> Bio<W> {
    pub(super) fn as_ptr(&self) -> *mut ffi::BIO {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    pub(super) fn into_raw(self) -> *mut ffi::BIO {
        let raw = self.as_ptr();
        mem::forget(self);
        raw
    }
}

impl<W> Drop for Bio<W> {
    fn drop(&mut self) {
        // SAFETY: gives up the one reference that this owns.
        unsafe { ffi::BIO_free_all(self.as_ptr()) };
    }
}

/// A place for such a BIO, of whatever type, in what belongs to one connection.
#[derive(Default)]
pub struct BioSlot(AtomicPtr<ffi::BIO>);

impl BioSlot {
    /// Takes out what is there, where a `W` is behind it.
    pub fn take<W: Wire>(&self) -> Option<Bio<W>> {
        let bio = NonNull::new(self.0.swap(ptr::null_mut(), Ordering::Relaxed))?;
        // SAFETY: the slot gave its reference up to us; its type is one number.
        if unsafe { sys::BIO_method_type(bio.as_ptr()) } != MethodSlot::of::<W>()?.1 {
            self.put(bio.as_ptr());
            return None;
        }
        Some(Bio(bio, PhantomData))
    }

    /// How many bytes the one there has brought and taken. Not while another thread takes it out.
    pub fn bytes_moved(&self) -> (u64, u64) {
        // SAFETY: NULL, or a BIO of which the slot owns a reference.
        unsafe { bytes_of(self.0.load(Ordering::Relaxed)) }
    }

    /// Puts `bio` there.
    pub fn set<W>(&self, bio: Bio<W>) {
        self.put(bio.into_raw());
    }

    fn put(&self, bio: *mut ffi::BIO) {
        let old = self.0.swap(bio, Ordering::Relaxed);
        if !old.is_null() {
            // SAFETY: gives up the reference that the slot owned.
            unsafe { ffi::BIO_free_all(old) };
        }
    }
}

impl Drop for BioSlot {
    fn drop(&mut self) {
        self.put(ptr::null_mut());
    }
}

/// How many bytes `bio` has brought and taken.
///
/// # Safety
/// `bio` is NULL or live.
pub(super) unsafe fn bytes_of(bio: *mut ffi::BIO) -> (u64, u64) {
    if bio.is_null() {
        return (0, 0);
    }
    // SAFETY: the caller promises the BIO.
    unsafe { (sys::BIO_number_read(bio), sys::BIO_number_written(bio)) }
}

/// The bits with which a BIO says "try again".
pub(super) const RETRY: c_int = ffi::BIO_FLAGS_RWS | ffi::BIO_FLAGS_SHOULD_RETRY;

/// Runs a callback on what is behind `bio`; without it, or after a panic, it fails.
///
/// # Safety
/// `bio` is a live BIO of the type.
unsafe fn on_wire<W: Wire>(bio: *mut ffi::BIO, body: impl FnOnce(&W) -> Moved) -> c_int {
    // SAFETY: the caller promises the BIO.
    unsafe { ffi::BIO_clear_flags(bio, RETRY) };
    // SAFETY: NULL, or the `W` that the BIO owns.
    let Some(wire) = (unsafe { ffi::BIO_get_data(bio).cast::<W>().as_ref() }) else { return -1 };
    match stopped(|| body(wire)) {
        Some(Moved::Bytes(amount)) => c_int::try_from(amount).unwrap_or(c_int::MAX),
        Some(Moved::Again(want)) => {
            let direction = match want {
                Want::Read => ffi::BIO_FLAGS_READ,
                Want::Write => ffi::BIO_FLAGS_WRITE,
            };
            // SAFETY: the caller promises the BIO.
            unsafe { ffi::BIO_set_flags(bio, direction | ffi::BIO_FLAGS_SHOULD_RETRY) };
            -1
        }
        Some(Moved::Failed) | None => -1,
    }
}

unsafe extern "C" fn read<W: Wire>(bio: *mut ffi::BIO, buffer: *mut c_char, len: c_int) -> c_int {
    let Ok(len) = usize::try_from(len) else { return -1 };
    if buffer.is_null() {
        return -1;
    }
    // SAFETY: libcrypto hands a buffer of so many bytes, which may not have been written to.
    let room = unsafe { slice::from_raw_parts_mut(buffer.cast::<MaybeUninit<u8>>(), len) };
    // SAFETY: libcrypto hands its own live BIO.
    unsafe { on_wire(bio, |wire: &W| wire.read(room)) }
}

unsafe extern "C" fn write<W: Wire>(bio: *mut ffi::BIO, buffer: *const c_char, len: c_int) -> c_int {
    let Ok(len) = usize::try_from(len) else { return -1 };
    if buffer.is_null() {
        return -1;
    }
    // SAFETY: libcrypto hands a buffer of so many bytes.
    let bytes = unsafe { slice::from_raw_parts(buffer.cast::<u8>(), len) };
    // SAFETY: libcrypto hands its own live BIO.
    unsafe { on_wire(bio, |wire: &W| wire.write(bytes)) }
}

unsafe extern "C" fn control<W: Wire>(
    bio: *mut ffi::BIO,
    command: c_int,
    _number: c_long,
    argument: *mut c_void,
) -> c_long {
    match command {
        ffi::BIO_CTRL_FLUSH => 1,
        // SAFETY: libcrypto hands its own live BIO, and the argument that belongs to the command.
        ffi::BIO_CTRL_EOF | sys::BIO_C_GET_FD => unsafe { tell::<W>(bio, command, argument) },
        // Of each record libssl asks eight things that only libcrypto's own sockets know.
        _ => 0,
    }
}

/// # Safety
/// `bio` is a live BIO of the type, and `argument` belongs to the command.
#[inline(never)]
unsafe fn tell<W: Wire>(bio: *mut ffi::BIO, command: c_int, argument: *mut c_void) -> c_long {
    // SAFETY: the caller promises the BIO; NULL, or the `W` that it owns.
    let Some(wire) = (unsafe { ffi::BIO_get_data(bio).cast::<W>().as_ref() }) else { return 0 };
    if command == ffi::BIO_CTRL_EOF {
        return wire.is_at_end().into();
    }
    if !argument.is_null() {
        // SAFETY: the argument of BIO_C_GET_FD is a pointer to an int (BIO_get_fd).
        unsafe { *argument.cast::<c_int>() = wire.descriptor() };
    }
    wire.descriptor().into()
}

unsafe extern "C" fn destroy<W: Wire>(bio: *mut ffi::BIO) -> c_int {
    // SAFETY: libcrypto hands its own BIO, once, when the last reference goes.
    let data = unsafe { ffi::BIO_get_data(bio) }.cast::<W>();
    if !data.is_null() {
        // SAFETY: libcrypto's own BIO; nothing finds the data through it any more.
        unsafe { ffi::BIO_set_data(bio, ptr::null_mut()) };
        // SAFETY: the box was leaked in `new`.
        drop(unsafe { Box::from_raw(data) });
    }
    1
}
