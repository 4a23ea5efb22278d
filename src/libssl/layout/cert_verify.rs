//! The program's own certificate verify callback. Its place in the structure is found out on scratch contexts, once per
//! process, and only ever read. Where the place is not certain the answer is "unknown", never a guess.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use foreign_types::ForeignType;
use openssl_sys as ffi;

use crate::libssl::method::Side;
use crate::libssl::queue::Quiet;
use crate::libssl::scratch::Scratch;
use crate::libssl::sys::{self, CertVerifyCallback};

/// The certificate verify callback of a program, with its argument.
#[derive(Clone, Copy, Debug)]
pub struct CertVerify {
    /// The function.
    pub function: sys::CertVerifyCallback,
    /// What it is called with.
    pub argument: *mut c_void,
}

// SAFETY: the program gave the pair to a context that threads may share; OpenSSL itself calls it from any of them.
unsafe impl Send for CertVerify {}
// SAFETY: both halves are read and never written; what the function does with them is OpenSSL's demand on the program.
unsafe impl Sync for CertVerify {}

/// The certificate verify callback of a context.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// None: libssl verifies by itself.
    None,
    /// hostlock's.
    Ours,
    /// The program's.
    Program(CertVerify),
    /// This OpenSSL does not show it.
    Unknown,
}

/// What stands in place of libssl's own verification on `ctx`.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl whose set-up no other thread changes now.
pub unsafe fn cert_verify_callback(ctx: *const ffi::SSL_CTX, ours: CertVerifyCallback) -> Found {
    let Some(place) = place() else { return Found::Unknown };
    // SAFETY: the caller promises `ctx`; the two words lie within what every context has.
    let (function, argument) = unsafe { (word(ctx, place), word(ctx, place + 1)) };
    if function == 0 {
        return Found::None;
    }
    if function == ours as *const () as usize {
        return Found::Ours;
    }
    // SAFETY: the word is the function pointer that SSL_CTX_set_cert_verify_callback stored, and it is not NULL.
    let function = unsafe { std::mem::transmute::<*const (), CertVerifyCallback>(function as *const ()) };
    Found::Program(CertVerify { function, argument: argument as *mut c_void })
}

fn place() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("cert_verify_callback");
    *PLACE.get_or_init(find_place)
}

/// How many words of a context are looked at. An `SSL_CTX` has had more than a thousand bytes since OpenSSL 1.1.1, and
/// the callback stands in its first half.
const WORDS: usize = 64;

/// # Safety
/// `ctx` is live and `index` below [`WORDS`].
unsafe fn word(ctx: *const ffi::SSL_CTX, index: usize) -> usize {
    // SAFETY: the caller promises a word of a live context, which is aligned as pointers are.
    unsafe { ptr::read_volatile((ctx as *const usize).add(index)) }
}

/// The one place where the callback appears on a scratch context when it is set, on two contexts alike, and where it
/// is gone when it is taken away.
fn find_place() -> Option<usize> {
    let _quiet = Quiet::begin();
    let first = Scratch::of(Side::Either)?;
    let second = Scratch::of(Side::Client)?;
    let place = place_of_sentinel(&first)?;
    (place_of_sentinel(&second)? == place).then_some(place)
}

fn place_of_sentinel(scratch: &Scratch) -> Option<usize> {
    let ctx = scratch.as_ptr();
    // SAFETY: the context is live.
    let words = || -> [usize; WORDS] { std::array::from_fn(|index| unsafe { word(ctx, index) }) };
    let argument = (&raw const ARGUMENT).cast_mut().cast::<c_void>();
    // SAFETY: the context is live and ours alone; it never makes a connection.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(sentinel), argument) };
    let set = words();
    // SAFETY: the scratch context still is ours alone; NULL takes the callback away.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, None, ptr::null_mut()) };
    let gone = words();
    let function = sentinel as *const () as usize;
    let mut places = (0..WORDS - 1)
        .filter(|&at| set[at] == function && set[at + 1] == argument as usize && gone[at] == 0 && gone[at + 1] == 0);
    let place = places.next()?;
    let elsewhere = (0..WORDS).any(|at| at != place && set[at] == function);
    (places.next().is_none() && !elsewhere).then_some(place)
}

static ARGUMENT: u8 = 0;

unsafe extern "C" fn sentinel(_: *mut ffi::X509_STORE_CTX, _: *mut c_void) -> c_int {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn of_program(_: *mut ffi::X509_STORE_CTX, _: *mut c_void) -> c_int {
        1
    }

    #[test]
    fn a_programs_own_callback_is_found_with_its_argument_and_so_is_ours() {
        let scratch = Scratch::new(Side::Either).unwrap();
        let (ctx, argument) = (scratch.as_ptr(), &raw const scratch as *mut c_void);
        // SAFETY: the context is live.
        unsafe {
            assert!(matches!(cert_verify_callback(ctx, sentinel), Found::None));
            sys::SSL_CTX_set_cert_verify_callback(ctx, Some(of_program), argument);
            let Found::Program(own) = cert_verify_callback(ctx, sentinel) else { panic!("not found") };
            assert!(ptr::fn_addr_eq(own.function, of_program as CertVerifyCallback));
            assert_eq!(own.argument, argument);
            sys::SSL_CTX_set_cert_verify_callback(ctx, Some(sentinel), ptr::null_mut());
            assert!(matches!(cert_verify_callback(ctx, sentinel), Found::Ours));
            sys::SSL_CTX_set_cert_verify_callback(ctx, None, ptr::null_mut());
        }
    }
}
