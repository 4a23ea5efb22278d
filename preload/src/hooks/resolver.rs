//! The functions by which a program asks for a host: what it typed counts, never a canonical name or a search domain, which
//! DNS and DHCP choose.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::slice;

use libc::{addrinfo, hostent, size_t};

use super::look;
use super::next::Next;
use crate::kernel;
use crate::names::{Place, TABLE, ip_of};

type Text = *const c_char;
type GetAddrInfo = unsafe extern "C-unwind" fn(Text, Text, *const addrinfo, *mut *mut addrinfo) -> c_int;
type ByName = unsafe extern "C-unwind" fn(Text) -> *mut hostent;
type ByName2 = unsafe extern "C-unwind" fn(Text, c_int) -> *mut hostent;
type ByNameR =
    unsafe extern "C-unwind" fn(Text, *mut hostent, *mut c_char, size_t, *mut *mut hostent, *mut c_int) -> c_int;
type ByName2R =
    unsafe extern "C-unwind" fn(Text, c_int, *mut hostent, *mut c_char, size_t, *mut *mut hostent, *mut c_int) -> c_int;

// SAFETY: POSIX declares it so.
static GETADDRINFO: Next<GetAddrInfo> = unsafe { Next::new(c"getaddrinfo") };
// SAFETY: netdb.h declares it so.
static GETHOSTBYNAME: Next<ByName> = unsafe { Next::new(c"gethostbyname") };
// SAFETY: netdb.h declares it so.
static GETHOSTBYNAME2: Next<ByName2> = unsafe { Next::new(c"gethostbyname2") };
// SAFETY: netdb.h declares it so.
static GETHOSTBYNAME_R: Next<ByNameR> = unsafe { Next::new(c"gethostbyname_r") };
// SAFETY: netdb.h declares it so.
static GETHOSTBYNAME2_R: Next<ByName2R> = unsafe { Next::new(c"gethostbyname2_r") };

/// Finds them now.
pub fn find_all() {
    GETADDRINFO.find();
    GETHOSTBYNAME.find();
    GETHOSTBYNAME2.find();
    GETHOSTBYNAME_R.find();
    GETHOSTBYNAME2_R.find();
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn getaddrinfo(
    node: Text,
    service: Text,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
) -> c_int {
    let Some(next) = GETADDRINFO.get() else { return libc::EAI_SYSTEM };
    // SAFETY: the arguments are the caller's.
    let code = unsafe { next(node, service, hints, result) };
    if code == 0 && !node.is_null() && !result.is_null() && !crate::is_off() {
        // SAFETY: it succeeded, so the name is one and the list was written.
        look((), || unsafe { learn_list(CStr::from_ptr(node), *result) });
    }
    code
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn gethostbyname(name: Text) -> *mut hostent {
    let Some(next) = GETHOSTBYNAME.get() else { return ptr::null_mut() };
    // SAFETY: the argument is the caller's.
    let found = unsafe { next(name) };
    // SAFETY: the name is the caller's, and so is what was found.
    unsafe { learn(name, found) };
    found
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn gethostbyname2(name: Text, family: c_int) -> *mut hostent {
    let Some(next) = GETHOSTBYNAME2.get() else { return ptr::null_mut() };
    // SAFETY: the arguments are the caller's.
    let found = unsafe { next(name, family) };
    // SAFETY: the name is the caller's, and so is what was found.
    unsafe { learn(name, found) };
    found
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn gethostbyname_r(
    name: Text,
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    error: *mut c_int,
) -> c_int {
    let Some(next) = GETHOSTBYNAME_R.get() else { return libc::ENOSYS };
    // SAFETY: the arguments are the caller's.
    let code = unsafe { next(name, entry, buffer, length, result, error) };
    if code == 0 && !result.is_null() {
        // SAFETY: it succeeded, so the result was written.
        unsafe { learn(name, *result) };
    }
    code
}

/// # Safety
/// As for the function of libc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C-unwind" fn gethostbyname2_r(
    name: Text,
    family: c_int,
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    error: *mut c_int,
) -> c_int {
    let Some(next) = GETHOSTBYNAME2_R.get() else { return libc::ENOSYS };
    // SAFETY: the arguments are the caller's.
    let code = unsafe { next(name, family, entry, buffer, length, result, error) };
    if code == 0 && !result.is_null() {
        // SAFETY: it succeeded, so the result was written.
        unsafe { learn(name, *result) };
    }
    code
}

/// # Safety
/// The list came from getaddrinfo.
unsafe fn learn_list(name: &CStr, mut list: *const addrinfo) {
    // SAFETY: NULL, or an element of the list.
    while let Some(entry) = unsafe { list.as_ref() } {
        // SAFETY: getaddrinfo says how long the address is.
        if let Some(place) = unsafe { kernel::place(entry.ai_addr, entry.ai_addrlen) } {
            TABLE.learn(place, name.to_bytes());
        }
        list = entry.ai_next;
    }
}

/// # Safety
/// The name is NULL or ends in NUL; `found` is NULL or came from one of the functions above.
unsafe fn learn(name: Text, found: *const hostent) {
    // SAFETY: the caller promises NULL or an entry.
    let (false, Some(entry)) = (name.is_null() || crate::is_off(), unsafe { found.as_ref() }) else { return };
    look((), || {
        // SAFETY: the caller promises a name that ends.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        let mut list = entry.h_addr_list;
        // SAFETY: the list ends in NULL.
        while let Some(address) = unsafe { list.as_ref() }.filter(|address| !address.is_null()) {
            // SAFETY: every address has so many bytes.
            let bytes = unsafe { slice::from_raw_parts(address.cast::<u8>(), entry.h_length.unsigned_abs() as usize) };
            let ip = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                (Ok(four), _) => Some(ip_of(four.into())),
                (_, Ok(six)) => Some(u128::from_be_bytes(six)),
                _ => None,
            };
            if let Some(ip) = ip {
                TABLE.learn(Place { ip, port: 0 }, name);
            }
            list = list.wrapping_add(1);
        }
    });
}
