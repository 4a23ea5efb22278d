//! The files that are loaded into this process: which of them speak TLS beside the libssl that is sealed, as what they do is
//! not seen, and which one an address lies in.

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::slice;

/// The beginnings of the file names of libraries that speak TLS.
const SPEAK_TLS: &[&str] = &[
    "libssl",
    "libgnutls",
    "libnss3",
    "libmbedtls",
    "libwolfssl",
    "libboringssl",
    "libs2n",
    "libpolarssl",
    "librustls",
    "libtls",
];

/// The paths of those that are loaded now, without the libssl that hostlock uses.
pub fn others() -> Vec<String> {
    let speaks_tls = |image: &Image| {
        let name = image.path.rsplit('/').next().unwrap_or_default();
        SPEAK_TLS.iter().any(|beginning| name.starts_with(beginning))
    };
    let images = all(our_libssl()).into_iter().filter(|image| !image.is_it && speaks_tls(image));
    let mut found: Vec<String> = images.map(|image| image.path).collect();
    found.sort();
    found.dedup();
    found
}

/// The paths of all files that are loaded now, without the program and the libssl that hostlock uses.
pub fn loaded() -> Vec<String> {
    let images = all(our_libssl()).into_iter().filter(|image| !image.is_it && image.path.starts_with('/'));
    images.map(|image| image.path).collect()
}

/// The path of the libssl that hostlock uses.
pub fn ours() -> Option<String> {
    let path = around(our_libssl())?.path;
    if !path.is_empty() {
        return Some(path);
    }
    // The loader has no name for the program, which may be linked with OpenSSL and export it, as node does.
    std::env::current_exe().ok().map(|program| program.to_string_lossy().into_owned())
}

/// All addresses of the file that `address` lies in, the loader's gaps between its segments among them. `None` where it lies
/// in none, and in a program that is linked as a whole, of whose one file that would say nothing.
///
/// dladdr knows the file too, but looks through all symbols of it for the nearest one.
pub fn span(address: usize) -> Option<Range<usize>> {
    let image = around(address)?;
    let is_whole = image.path.is_empty() && !image.has_loader;
    (!is_whole).then_some(image.span)
}

fn around(address: usize) -> Option<Image> {
    all(address).into_iter().find(|image| image.is_it)
}

/// The address of a static method of the libssl that hostlock uses.
fn our_libssl() -> usize {
    // SAFETY: no arguments; gives a pointer into libssl's data.
    unsafe { openssl_sys::TLS_method() }.addr()
}

/// A file that is loaded. The program's own has no path.
struct Image {
    path: String,
    /// Whether one of its segments holds the address that was asked for.
    is_it: bool,
    span: Range<usize>,
    /// Whether it names a loader, which programs do that are not linked as a whole.
    has_loader: bool,
}

struct Look {
    address: usize,
    found: Vec<Image>,
}

fn all(address: usize) -> Vec<Image> {
    let mut look = Look { address, found: Vec::new() };
    // SAFETY: the callback gets the address of `look`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut look).cast()) };
    look.found
}

unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _size: usize, look: *mut c_void) -> c_int {
    // SAFETY: the loader hands a live description, and `all` its own list.
    let (info, look) = unsafe { (&*info, &mut *look.cast::<Look>()) };
    if info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: the loader's names are NUL-terminated.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned();
    let start = segments(info).map(|segment| segment.start).min().unwrap_or_default();
    let end = segments(info).map(|segment| segment.end).max().unwrap_or_default();
    look.found.push(Image {
        path,
        is_it: segments(info).any(|segment| segment.contains(&look.address)),
        span: start..end,
        has_loader: headers(info).iter().any(|header| header.p_type == libc::PT_INTERP),
    });
    0
}

fn segments(info: &libc::dl_phdr_info) -> impl Iterator<Item = Range<usize>> {
    let base = info.dlpi_addr as usize;
    headers(info).iter().filter(|header| header.p_type == libc::PT_LOAD).map(move |header| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    })
}

fn headers(info: &libc::dl_phdr_info) -> &[Header] {
    if info.dlpi_phdr.is_null() {
        return &[];
    }
    // SAFETY: the image has so many program headers, which stay as long as the loader's description of it.
    unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) }
}

#[cfg(target_pointer_width = "64")]
type Header = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "32")]
type Header = libc::Elf32_Phdr;

#[cfg(test)]
mod tests {
    use super::*;

    static HERE: [u8; 1] = [7];

    #[test]
    fn an_address_is_found_in_its_own_file_only() {
        let ours = span(HERE.as_ptr().addr()).unwrap();
        assert!(ours.contains(&HERE.as_ptr().addr()) && ours.contains(&(span as *const () as usize)));
        let libc = span(libc::getpid as *const () as usize).unwrap();
        assert!(libc.end <= ours.start || ours.end <= libc.start, "{ours:x?} {libc:x?}");
        let (on_heap, on_stack) = (Box::new(7), 7);
        for address in [0, 0x303, (&raw const *on_heap).addr(), (&raw const on_stack).addr(), usize::MAX] {
            assert_eq!(span(address), None, "{address:x}");
        }
    }
}
