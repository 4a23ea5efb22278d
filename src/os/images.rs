//! Which TLS libraries are loaded into this process beside the libssl that is sealed: what they do is not seen.

use std::ffi::{CStr, c_int, c_void};

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
    let mut found: Vec<String> = all()
        .into_iter()
        .filter(|(path, ours)| {
            let name = path.rsplit('/').next().unwrap_or_default();
            !ours && SPEAK_TLS.iter().any(|beginning| name.starts_with(beginning))
        })
        .map(|(path, _)| path)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The paths of all files that are loaded now, without the program and the libssl that hostlock uses.
pub fn loaded() -> Vec<String> {
    all().into_iter().filter(|(path, ours)| !ours && path.starts_with('/')).map(|(path, _)| path).collect()
}

/// The path of the libssl that hostlock uses.
pub fn ours() -> Option<String> {
    all().into_iter().find(|(_, ours)| *ours).map(|(path, _)| path)
}

fn all() -> Vec<(String, bool)> {
    let mut all: Vec<(String, bool)> = Vec::new();
    // SAFETY: the callback gets the address of `all`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut all).cast()) };
    all
}

unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _size: usize, all: *mut c_void) -> c_int {
    // SAFETY: the loader hands a live description, and `others` its own list.
    let (info, all) = unsafe { (&*info, &mut *all.cast::<Vec<(String, bool)>>()) };
    if info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: the loader's names are NUL-terminated.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned();
    all.push((path, holds_our_libssl(info)));
    0
}

/// Whether one of the image's segments holds the method table of the libssl that we use.
fn holds_our_libssl(info: &libc::dl_phdr_info) -> bool {
    // SAFETY: no arguments; gives a static method.
    let ours = unsafe { openssl_sys::TLS_method() } as u64;
    (0..usize::from(info.dlpi_phnum)).any(|index| {
        // SAFETY: the image has so many program headers.
        let header = unsafe { &*info.dlpi_phdr.add(index) };
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        header.p_type == libc::PT_LOAD && (start..start.wrapping_add(header.p_memsz)).contains(&ours)
    })
}
