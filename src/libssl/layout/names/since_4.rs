//! As OpenSSL 4.0 keeps them: lists of bytes with a length. Its copies of parameters (an `SSL` has one of its context's)
//! lack the NUL that its functions promise, so the length is read where it stands. Where the lists are, scratch parameters
//! tell: setting a name changes one word of them, from NULL to the list that holds it. Where they do not tell, it can
//! still be seen whether there is a name.

use std::ffi::c_int;
use std::net::IpAddr;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

use super::terminated;
use crate::error::{Error, Result, Status};
use crate::libssl::{Param, sys};

/// All words that parameters have since OpenSSL 4.0.
const WORDS: usize = 17;

#[repr(C)]
struct Buffer {
    data: *const u8,
    len: usize,
}

/// Which words are the lists.
pub(super) struct Places {
    hosts: usize,
    addresses: usize,
    emails: usize,
    international_emails: usize,
}

/// The hosts.
pub fn hosts(param: Param<'_>) -> Result<Vec<&[u8]>> {
    hosts_at(param, places())
}

/// The e-mail addresses.
pub fn emails(param: Param<'_>) -> Result<Vec<&[u8]>> {
    emails_at(param, places())
}

/// The IP addresses.
pub fn addresses(param: Param<'_>) -> Result<Vec<IpAddr>> {
    addresses_at(param, places())
}

pub(super) fn hosts_at<'a>(param: Param<'a>, places: Option<&'static Places>) -> Result<Vec<&'a [u8]>> {
    match places {
        Some(places) => Ok(list(param, places.hosts)),
        // SAFETY: the view promises the parameters; what the pointer leads to is not read.
        None => super::unless_none("host", unsafe { sys::X509_VERIFY_PARAM_get0_host(param.as_ptr(), 0) }.is_null()),
    }
}

pub(super) fn emails_at<'a>(param: Param<'a>, places: Option<&'static Places>) -> Result<Vec<&'a [u8]>> {
    let Some(places) = places else {
        // SAFETY: the view promises the parameters; what the pointer leads to is not read.
        return super::unless_none(
            "e-mail address",
            unsafe { sys::X509_VERIFY_PARAM_get0_email(param.as_ptr()) }.is_null(),
        );
    };
    let mut emails = list(param, places.emails);
    emails.extend(list(param, places.international_emails));
    Ok(emails)
}

pub(super) fn addresses_at(param: Param<'_>, places: Option<&'static Places>) -> Result<Vec<IpAddr>> {
    let Some(places) = places else {
        return super::unless_none("IP address", terminated::address(param).is_none());
    };
    list(param, places.addresses)
        .into_iter()
        .map(|octets| address(octets).ok_or_else(|| misshapen(octets.len())))
        .collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let of4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
    of4().or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// `place` is one of [`places`].
fn list(param: Param<'_>, place: usize) -> Vec<&[u8]> {
    // SAFETY: the view promises the parameters for as long as the entries, and scratch parameters had a list of buffers at
    // this place.
    (0..).map_while(|index| unsafe { entry(param.as_ptr(), place, index) }).collect()
}

/// # Safety
/// `param` is live and outlives the result, and the word at `place` is NULL or a list of buffers.
unsafe fn entry<'a>(param: *mut ffi::X509_VERIFY_PARAM, place: usize, index: c_int) -> Option<&'a [u8]> {
    // SAFETY: the caller promises that the place lies within the parameters.
    let list = unsafe { word(param, place) };
    // SAFETY: the caller promises a list of buffers; NULL and an index past its end give NULL.
    let buffer = unsafe { ffi::OPENSSL_sk_value(list.cast(), index).cast::<Buffer>().as_ref() }?;
    // SAFETY: OpenSSL keeps so many bytes there, for as long as the parameters live.
    (!buffer.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(buffer.data, buffer.len) })
}

/// # Safety
/// `param` is live and `place` below [`WORDS`].
unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
    // SAFETY: the caller promises live parameters and a word within them.
    unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
}

pub(super) fn places() -> Option<&'static Places> {
    static PLACES: OnceLock<Option<Places>> = OnceLock::new();
    crate::nets::unproved!("names");
    PLACES.get_or_init(probe).as_ref()
}

fn probe() -> Option<Places> {
    // SAFETY: no arguments.
    let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if scratch.is_null() {
        return None;
    }
    let words = || -> [*const u8; WORDS] {
        // SAFETY: the scratch parameters are live.
        std::array::from_fn(|place| unsafe { word(scratch, place) })
    };
    let find = |name: &[u8], set: &dyn Fn(*const u8, usize) -> c_int| {
        let before = words();
        let is_set = set(name.as_ptr(), name.len()) == 1;
        let after = words();
        let mut places = (0..WORDS).filter(|&place| before[place] != after[place]);
        let place = places.next().filter(|&place| is_set && before[place].is_null())?;
        if places.next().is_some() {
            return None;
        }
        // SAFETY: the one word that changed from NULL is the list in which the name was put.
        let holds_it = |index, name| unsafe { entry(scratch, place, index) } == name;
        (holds_it(0, Some(name)) && holds_it(1, None)).then_some(place)
    };
    // SAFETY: the scratch parameters are live, and the bytes are copied.
    let hosts =
        find(b"host.example", &|name, len| unsafe { ffi::X509_VERIFY_PARAM_set1_host(scratch, name.cast(), len) });
    // SAFETY: the scratch parameters are live, and the octets are copied.
    let addresses =
        find(&[192, 0, 2, 1], &|octets, len| unsafe { ffi::X509_VERIFY_PARAM_set1_ip(scratch, octets, len) });
    // SAFETY: the scratch parameters are live, and the bytes are copied.
    let emails = find(b"name@host.example", &|name, len| unsafe {
        sys::X509_VERIFY_PARAM_set1_rfc822(scratch, name.cast(), len)
    });
    // SAFETY: the scratch parameters are live, and the bytes are copied.
    let international_emails = find("n\u{e4}me@host.example".as_bytes(), &|name, len| unsafe {
        sys::X509_VERIFY_PARAM_set1_smtputf8(scratch, name.cast(), len)
    });
    // SAFETY: nothing refers to them any more.
    unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
    Some(Places { hosts: hosts?, addresses: addresses?, emails: emails?, international_emails: international_emails? })
}

fn misshapen(octets: usize) -> Error {
    Error::new(Status::EBadHost, format!("the IP address that was named to OpenSSL has {octets} octets"))
        .with_hint("an IPv4 address has 4 octets, an IPv6 address 16")
}
