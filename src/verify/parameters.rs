//! The names in an `X509_VERIFY_PARAM`: the hosts and the e-mail address that a program told OpenSSL to expect. It only
//! reads; what they are worth is decided in [`wanted`](crate::verify::wanted).

use openssl_sys as ffi;

#[cfg(not(ossl400))]
use terminated as kept;

/// The hosts, in their order.
///
/// # Safety
/// `param` is live, outlives the result, and is not changed by another thread.
pub unsafe fn hosts<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Vec<&'a [u8]> {
    // SAFETY: as the caller promises; an index past the last host gives none.
    (0..).map_while(|index| unsafe { kept::host(param, index) }).collect()
}

/// The e-mail address.
///
/// # Safety
/// As for [`hosts`].
pub unsafe fn email<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    unsafe { kept::email(param) }
}

/// Whether there is an IP address to expect; `true` also where this OpenSSL does not show it. To ask for one that is not
/// there costs more than all the other names together: OpenSSL 3.0 makes an entry of its error queue.
///
/// # Safety
/// `param` is live and not changed by another thread.
pub unsafe fn may_have_address(param: *mut ffi::X509_VERIFY_PARAM) -> bool {
    // SAFETY: as the caller promises.
    unsafe { address::may_be_in(param) }
}

/// Where parameters keep an address, found on scratch parameters: the one word that setting one changes from NULL to a
/// copy of it, with its length behind it.
#[cfg(not(ossl400))]
mod address {
    use std::ptr;
    use std::sync::OnceLock;

    use openssl_sys as ffi;

    /// All words that parameters have since OpenSSL 1.1.1.
    const WORDS: usize = 14;

    /// # Safety
    /// `param` is live and not changed by another thread.
    pub unsafe fn may_be_in(param: *mut ffi::X509_VERIFY_PARAM) -> bool {
        // SAFETY: as the caller promises; the place is within the parameters.
        place().is_none_or(|place| !unsafe { word(param, place) }.is_null())
    }

    /// # Safety
    /// `param` is live and `place` below [`WORDS`].
    unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
        // SAFETY: as the caller promises.
        unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
    }

    pub fn place() -> Option<usize> {
        static PLACE: OnceLock<Option<usize>> = OnceLock::new();
        crate::nets::unproved!("address");
        *PLACE.get_or_init(probe)
    }

    fn probe() -> Option<usize> {
        const ADDRESS: [u8; 4] = [192, 0, 2, 1];
        // SAFETY: no arguments.
        let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
        if scratch.is_null() {
            return None;
        }
        let words = || -> [*const u8; WORDS] {
            // SAFETY: the scratch parameters are live.
            std::array::from_fn(|place| unsafe { word(scratch, place) })
        };
        let before = words();
        // SAFETY: the scratch parameters are live, and the octets are copied.
        let set = unsafe { ffi::X509_VERIFY_PARAM_set1_ip(scratch, ADDRESS.as_ptr(), ADDRESS.len()) } == 1;
        let after = words();
        let changed: Vec<usize> = (0..WORDS).filter(|&place| before[place] != after[place]).collect();
        let found = match *changed.as_slice() {
            [place, length] if set && length == place + 1 => {
                (before[place].is_null() && before[length].is_null() && after[length].addr() == ADDRESS.len())
                    .then_some(place)
            }
            _ => None,
        };
        // SAFETY: nothing refers to them any more.
        unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
        found
    }
}

/// OpenSSL 4.0 keeps it in another way, and leaves nothing on the error queue.
#[cfg(ossl400)]
mod address {
    use openssl_sys as ffi;

    /// # Safety
    /// `_param` is live.
    pub unsafe fn may_be_in(_param: *mut ffi::X509_VERIFY_PARAM) -> bool {
        true
    }
}

/// As OpenSSL's functions give them: NUL-terminated.
mod terminated {
    use std::ffi::{CStr, c_char, c_int};

    use openssl_sys as ffi;

    use crate::sys;

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn host<'a>(param: *mut ffi::X509_VERIFY_PARAM, index: c_int) -> Option<&'a [u8]> {
        // SAFETY: as the caller promises.
        unsafe { text(sys::X509_VERIFY_PARAM_get0_host(param, index)) }
    }

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn email<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Option<&'a [u8]> {
        // SAFETY: as the caller promises.
        unsafe { text(sys::X509_VERIFY_PARAM_get0_email(param)) }
    }

    unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
        // SAFETY: NULL, or a string that lives as long as the parameters.
        (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
    }
}

/// As OpenSSL 4.0 keeps them: bytes and a length. Its copies of parameters (an `SSL` has one of its context's) lack the NUL
/// that its functions promise, so the length is read where it stands. Where that is, scratch parameters tell: setting a
/// name changes one word of them, from NULL to the list that holds it.
#[cfg(ossl400)]
mod kept {
    use std::ffi::c_int;
    use std::ptr;
    use std::sync::OnceLock;

    use openssl_sys as ffi;

    use super::terminated;
    use crate::sys;

    /// So many words are looked at; OpenSSL's parameters have more.
    const WORDS: usize = 12;

    #[repr(C)]
    struct Buffer {
        data: *const u8,
        len: usize,
    }

    pub struct Places {
        hosts: usize,
        emails: usize,
    }

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn host<'a>(param: *mut ffi::X509_VERIFY_PARAM, index: c_int) -> Option<&'a [u8]> {
        // SAFETY: as the caller promises, here and below.
        match places() {
            Some(places) => unsafe { entry(param, places.hosts, index) },
            None => unsafe { terminated::host(param, index) },
        }
    }

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn email<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Option<&'a [u8]> {
        // An address that is not ASCII is on a list of its own.
        // SAFETY: as the caller promises, here and below.
        let known = places().and_then(|places| unsafe { entry(param, places.emails, 0) });
        known.or_else(|| unsafe { terminated::email(param) })
    }

    /// # Safety
    /// `param` is live, and `place` came from [`places`].
    unsafe fn entry<'a>(param: *mut ffi::X509_VERIFY_PARAM, place: usize, index: c_int) -> Option<&'a [u8]> {
        // SAFETY: the word is NULL or a list of buffers; NULL and an index past its end give NULL.
        let buffer = unsafe { ffi::OPENSSL_sk_value(word(param, place).cast(), index).cast::<Buffer>().as_ref() }?;
        // SAFETY: OpenSSL keeps so many bytes there, for as long as the parameters live.
        (!buffer.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(buffer.data, buffer.len) })
    }

    /// # Safety
    /// `param` is live and `place` below [`WORDS`].
    unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
        // SAFETY: as the caller promises.
        unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
    }

    pub fn places() -> Option<&'static Places> {
        static PLACES: OnceLock<Option<Places>> = OnceLock::new();
        crate::nets::unproved!("names");
        PLACES.get_or_init(probe).as_ref()
    }

    fn probe() -> Option<Places> {
        const NAME: &[u8] = b"name@host.example";
        // SAFETY: no arguments.
        let scratch = unsafe { ffi::X509_VERIFY_PARAM_new() };
        if scratch.is_null() {
            return None;
        }
        let words = || -> [*const u8; WORDS] {
            // SAFETY: the scratch parameters are live.
            std::array::from_fn(|place| unsafe { word(scratch, place) })
        };
        let changed = |before: [*const u8; WORDS], name: &[u8]| {
            let after = words();
            let mut places = (0..WORDS).filter(|&place| before[place] != after[place]);
            let place = places.next().filter(|&place| places.next().is_none() && before[place].is_null())?;
            // SAFETY: the one word that changed from NULL is the list in which the name was put.
            (unsafe { entry(scratch, place, 0) } == Some(name)).then_some(place)
        };
        let (fresh, host) = (words(), &NAME[5..]);
        // SAFETY: the scratch parameters are live, and the bytes are copied.
        let set = unsafe { ffi::X509_VERIFY_PARAM_set1_host(scratch, host.as_ptr().cast(), host.len()) };
        let hosts = (set == 1).then(|| changed(fresh, host)).flatten();
        let with_host = words();
        // SAFETY: as above.
        let set = unsafe { sys::X509_VERIFY_PARAM_set1_email(scratch, NAME.as_ptr().cast(), NAME.len()) };
        let emails = (set == 1).then(|| changed(with_host, NAME)).flatten();
        // SAFETY: nothing refers to them any more.
        unsafe { ffi::X509_VERIFY_PARAM_free(scratch) };
        Some(Places { hosts: hosts?, emails: emails? })
    }
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignType;
    use openssl::ssl::{Ssl, SslContext, SslMethod};

    use super::*;
    use crate::sys;

    #[test]
    fn a_connections_copy_of_its_contexts_names_ends_where_they_end() {
        for len in 1..60 {
            let (host, email) = (format!("{}.example", "h".repeat(len)), format!("{}@mail.example", "m".repeat(len)));
            let context = SslContext::builder(SslMethod::tls()).unwrap().build();
            // SAFETY: all objects are live, and the names are copied.
            unsafe {
                let param = ffi::SSL_CTX_get0_param(context.as_ptr());
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, host.as_ptr().cast(), host.len()), 1);
                assert_eq!(sys::X509_VERIFY_PARAM_set1_email(param, email.as_ptr().cast(), email.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    assert_eq!(hosts(param), [host.as_bytes()]);
                    assert_eq!(super::email(param), Some(email.as_bytes()));
                }
            }
        }
    }

    #[cfg(ossl400)]
    #[test]
    fn this_openssl_shows_where_it_keeps_names() {
        assert!(kept::places().is_some());
    }

    #[cfg(not(ossl400))]
    #[test]
    fn this_openssl_shows_where_it_keeps_an_address() {
        assert!(address::place().is_some());
        let context = SslContext::builder(SslMethod::tls()).unwrap().build();
        // SAFETY: the context is live, and the octets are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(!may_have_address(param));
            for octets in [&[127u8, 0, 0, 1][..], &[0; 16]] {
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, octets.as_ptr(), octets.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                assert!(may_have_address(param) && may_have_address(ffi::SSL_get0_param(connection.as_ptr())));
            }
        }
    }

    #[test]
    fn parameters_without_names_have_none() {
        let context = SslContext::builder(SslMethod::tls()).unwrap().build();
        // SAFETY: the context is live.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(hosts(param).is_empty() && email(param).is_none());
        }
    }
}
