//! Which copy of libssl an object belongs to. Two copies in one process fail silently before they crash, so every call
//! that is given an object made elsewhere asks here first. It must never call libssl on an object before it is known to
//! be of the same copy: another version keeps other fields at the same places.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::library_span::{is_known, is_ours, our_method};
use crate::libssl::new_context;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx};

/// Whether `method`, what a program's own `TLS_method()` gave, lies in the libssl that hostlock uses. It is only compared.
pub fn check_method(method: *const ffi::SSL_METHOD) -> Result<()> {
    if method.is_null() {
        return Err(Error::new(Status::EArg, "method is NULL"));
    }
    if is_ours(method.addr()) {
        return Ok(());
    }
    match Image::of(method.addr()) {
        Some(image) => Err(foreign(format!("the program uses the libssl in {:?}", image.path))),
        None => Err(foreign("the method does not belong to any libssl that is loaded now".to_owned())),
    }
}

/// Whether the program can have made contexts with the libssl that hostlock uses: not where that is hostlock's own.
pub fn check_shared() -> Result<()> {
    if cfg!(feature = "private-libssl") {
        return Err(Error::new(
            Status::EUnsupported,
            "this build of hostlock has a libssl of its own, so it cannot work on contexts that the program made",
        )
        .with_hint("use the build without private-libssl, which takes the libssl that the program loads"));
    }
    Ok(())
}

/// Whether `ctx`, which the program made, is of the libssl that hostlock uses.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of any libssl.
pub unsafe fn check_ctx(ctx: *const ffi::SSL_CTX) -> Result<()> {
    if !ctx.is_null() {
        check_shared()?;
    }
    // SAFETY: the caller's promise is the same.
    unsafe { check_handle(ctx) }
}

/// Whether `ssl`, which the program made, is of the libssl that hostlock uses.
///
/// # Safety
/// `ssl` is NULL or a live `SSL` of any libssl.
pub unsafe fn check_ssl(ssl: *const ffi::SSL) -> Result<()> {
    if !ssl.is_null() {
        check_shared()?;
    }
    // SAFETY: the caller's promise is the same.
    unsafe { check_handle(ssl) }
}

/// A view of `ctx`, which the program made, where it is of the libssl that hostlock uses.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` of any libssl, and otherwise as for [`Ctx::new`].
pub unsafe fn ctx<'a>(ctx: *const ffi::SSL_CTX) -> Result<Ctx<'a>> {
    // SAFETY: the caller's promise is the same.
    unsafe { check_ctx(ctx)? };
    // SAFETY: the caller's promise, and it was found to be of our libssl.
    unsafe { Ctx::new(ctx) }.ok_or_else(|| Error::new(Status::EArg, "ctx is NULL"))
}

/// A view of `ssl`, which the program made, where it is of the libssl that hostlock uses.
///
/// # Safety
/// `ssl` is NULL or a live `SSL` of any libssl, and otherwise as for [`Conn::new`].
pub unsafe fn conn<'a>(ssl: *const ffi::SSL) -> Result<Conn<'a>> {
    // SAFETY: the caller's promise is the same.
    unsafe { check_ssl(ssl)? };
    // SAFETY: the caller's promise, and it was found to be of our libssl.
    unsafe { Conn::new(ssl) }.ok_or_else(|| Error::new(Status::EArg, "ssl is NULL"))
}

/// The same for a handle that hostlock may have made itself.
///
/// # Safety
/// `handle` is NULL or a live object of any libssl.
pub unsafe fn check_handle<H: Handle>(handle: *const H) -> Result<()> {
    // SAFETY: the caller promises NULL or a live object, which is one of these two kinds.
    unsafe { check_object(handle.cast(), H::NAME, H::KIND) }
}

/// What a C program holds of libssl.
pub trait Handle {
    /// What our functions call such an argument.
    const NAME: &str;
    /// The type in C.
    const KIND: &str;
}

impl Handle for ffi::SSL_CTX {
    const NAME: &str = "ctx";
    const KIND: &str = "SSL_CTX";
}

impl Handle for ffi::SSL {
    const NAME: &str = "ssl";
    const KIND: &str = "SSL";
}

/// So many words at the start of an `SSL_CTX` and of an `SSL` hold the method, in every version from 1.0.2 to 4.0. The
/// other ones are small numbers, pointers to the heap, or a libcrypto's default library context, which comes before the
/// method.
const WORDS: usize = 4;

/// # Safety
/// `object` is NULL or a live object of `kind` of any libssl.
#[inline]
unsafe fn check_object(object: *const AtomicUsize, name: &str, kind: &str) -> Result<()> {
    if object.is_null() || !object.is_aligned() {
        let what = if object.is_null() { "NULL".to_owned() } else { format!("not the address of an {kind}") };
        return Err(Error::new(Status::EArg, format!("{name} is {what}")));
    }
    // SAFETY: both objects are larger than four words in every version. Another thread may set some of them meanwhile,
    // though never the method, so they are read as atomics.
    let words: [usize; WORDS] = std::array::from_fn(|i| unsafe { &*object.add(i) }.load(Ordering::Relaxed));
    if words.into_iter().any(is_known) || words.into_iter().any(is_ours) {
        return Ok(());
    }
    if !shows_method(ours(kind)) {
        return Err(unknown_layout(kind));
    }
    match words.into_iter().rev().find_map(Image::of) {
        Some(image) => Err(foreign(format!("this {kind} belongs to the libssl in {:?}", image.path))),
        None => Err(foreign(format!("this {kind} does not belong to any libssl that is loaded now"))),
    }
}

/// The first words of an object of our own libssl, or `None` where none can be made.
fn ours(kind: &str) -> Option<[usize; WORDS]> {
    let first = |object: *const AtomicUsize| {
        // SAFETY: the object is live and longer than four words.
        (!object.is_null()).then(|| std::array::from_fn(|i| unsafe { &*object.add(i) }.load(Ordering::Relaxed)))
    };
    let _quiet = Quiet::begin();
    // SAFETY: the method is static.
    let ctx = unsafe { new_context::new_context(ffi::TLS_method()) };
    if ctx.is_null() || kind == <ffi::SSL_CTX as Handle>::KIND {
        let words = first(ctx.cast());
        // SAFETY: made above, freed once; NULL is left alone.
        unsafe { ffi::SSL_CTX_free(ctx) };
        return words;
    }
    // SAFETY: the context is live.
    let ssl = unsafe { ffi::SSL_new(ctx) };
    let words = first(ssl.cast());
    // SAFETY: made above, freed once; NULL is left alone.
    unsafe { ffi::SSL_free(ssl) };
    // SAFETY: made above, freed once.
    unsafe { ffi::SSL_CTX_free(ctx) };
    words
}

/// Whether our own libssl keeps the method among the words that are looked at. Where it was built to keep it elsewhere,
/// an object of the program's that shows none may be ours as well as another's.
fn shows_method(words: Option<[usize; WORDS]>) -> bool {
    words.is_some_and(|words| words.into_iter().any(is_ours))
}

fn unknown_layout(kind: &str) -> Error {
    Error::new(
        Status::EUnsupported,
        format!("the libssl that is loaded was built so that hostlock cannot tell whose an {kind} is"),
    )
    .with_hint("it keeps the method in no place that any known OpenSSL keeps it in; use a build of OpenSSL 3.0 or later without changes to its structures")
}

fn foreign(what: String) -> Error {
    let ours = Image::of(our_method()).map_or_else(String::new, |image| image.path);
    Error::new(Status::EForeignLibssl, format!("{what}, but hostlock uses the one in {ours:?}"))
        .with_hint("build hostlock against the libssl that the program loads; objects of two copies cannot be mixed")
}

/// A shared object, or the program itself, as the loader knows it. For words alone.
struct Image {
    path: String,
}

impl Image {
    /// The one that `address` lies in.
    fn of(address: usize) -> Option<Image> {
        let mut info = libc::Dl_info {
            dli_fname: ptr::null(),
            dli_fbase: ptr::null_mut(),
            dli_sname: ptr::null(),
            dli_saddr: ptr::null_mut(),
        };
        // SAFETY: dladdr only compares the address with the ranges of the loaded objects.
        let found = unsafe { libc::dladdr(ptr::without_provenance::<c_void>(address), &mut info) };
        if found == 0 || info.dli_fname.is_null() {
            return None;
        }
        // SAFETY: dladdr answered with a NUL-terminated path that lives as long as the object is loaded.
        let path = unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy().into_owned();
        Some(Image { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libssl::library_span::is_beside;

    #[test]
    fn an_object_without_a_method_in_sight_is_foreign_only_where_our_own_libssl_would_show_one() {
        for kind in [ffi::SSL_CTX::KIND, ffi::SSL::KIND] {
            assert!(shows_method(ours(kind)), "{kind}");
        }
        let elsewhere = [0, 0x303, 1, 0];
        assert!(!shows_method(Some(elsewhere)) && !shows_method(None));
        assert_eq!(unknown_layout("SSL").status(), Status::EUnsupported);
        // SAFETY: longer than four words, and only read.
        let refused = unsafe { check_object((&raw const NOT_AN_SSL).cast(), "ssl", "SSL") };
        assert_eq!(refused.unwrap_err().status(), Status::EForeignLibssl);
    }

    #[test]
    fn where_the_loader_knows_nothing_only_what_lies_beside_our_methods_is_ours() {
        // SAFETY: no arguments; each gives a static method.
        let methods = unsafe { [ffi::TLS_client_method(), ffi::TLS_server_method(), ffi::DTLS_method()] };
        for method in methods {
            assert!(is_beside(method.addr(), our_method()));
        }
        let on_heap = Box::new([0_usize; 4]);
        for address in [0, 0x303, on_heap.as_ptr().addr(), NOT_AN_SSL.as_ptr().addr(), ours as *const () as usize] {
            assert!(!is_beside(address, our_method()), "{address:x}");
        }
        let mut words = ours(ffi::SSL::KIND).unwrap();
        words.iter_mut().for_each(|word| *word = if is_beside(*word, our_method()) { *word } else { 0 });
        assert!(words.iter().any(|word| *word != 0));
    }

    static NOT_AN_SSL: [usize; 8] = [0; 8];
}
