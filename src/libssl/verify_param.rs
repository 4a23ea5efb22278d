//! The names in an `X509_VERIFY_PARAM`: the hosts, addresses and e-mail addresses that a program told OpenSSL to expect.
//! What they are worth is decided in [`wanted`](crate::handshake::expected_host). Names that are there and cannot be read are an
//! error, never none.

use std::net::IpAddr;

use openssl_sys as ffi;

use crate::error::Result;
#[cfg(ossl400)]
use crate::error::{Error, Status};

/// The hosts, in their order.
///
/// # Safety
/// `param` is live, outlives the result, and is not changed by another thread.
pub unsafe fn hosts<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
    // SAFETY: `param` is live and outlives the names, by this function's own contract.
    unsafe { kept::hosts(param) }
}

/// The e-mail addresses, in their order.
///
/// # Safety
/// As for [`hosts`].
pub unsafe fn emails<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
    // SAFETY: `param` is live and outlives the names, by this function's own contract.
    unsafe { kept::emails(param) }
}

/// The IP addresses, in their order. Where there is none and this OpenSSL does not show where it would be, an entry of
/// OpenSSL's error queue remains.
///
/// # Safety
/// `param` is live and not changed by another thread.
pub unsafe fn addresses(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<IpAddr>> {
    // SAFETY: `param` is live and nobody changes it, by this function's own contract.
    unsafe { kept::addresses(param) }
}

/// From OpenSSL 4.0 on a name that OpenSSL itself finds no host name, such as "host.", is refused by the call that names
/// it and is gone, and a program that does not look at the answer would be connected to what another source names. Here
/// every name is taken, as before 4.0, for hostlock to judge. Connections take this over from their context.
///
/// # Safety
/// `param` is live and not used by another thread.
pub unsafe fn take_every_name(param: *mut ffi::X509_VERIFY_PARAM) {
    #[cfg(ossl400)]
    // SAFETY: `param` is live, by this function's own contract.
    unsafe {
        judgement::leave_to_us(param)
    };
    #[cfg(not(ossl400))]
    let _ = param;
}

/// OpenSSL's functions for a first and only address, and for strings with a NUL behind them.
mod terminated {
    use std::ffi::{CStr, c_char};
    use std::net::IpAddr;

    use openssl_sys as ffi;

    use crate::libssl::sys;

    /// # Safety
    /// As for [`super::hosts`]; and the names in `param` end with a NUL.
    #[cfg(not(ossl400))]
    pub unsafe fn hosts<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Vec<&'a [u8]> {
        // SAFETY: `param` is live; an index past the last host gives NULL.
        let host = |index| unsafe { sys::X509_VERIFY_PARAM_get0_host(param, index) };
        // SAFETY: NULL, or a string that lives as long as the parameters.
        (0..).map_while(|index| unsafe { text(host(index)) }).collect()
    }

    /// # Safety
    /// As for [`hosts`].
    #[cfg(not(ossl400))]
    pub unsafe fn email<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Option<&'a [u8]> {
        // SAFETY: `param` is live, so this gives NULL or a string that lives as long.
        unsafe { text(sys::X509_VERIFY_PARAM_get0_email(param)) }
    }

    /// The first address, as OpenSSL writes it; always with a NUL, as it is made for the caller.
    ///
    /// # Safety
    /// `param` is live.
    pub unsafe fn address(param: *mut ffi::X509_VERIFY_PARAM) -> Option<Result<IpAddr, String>> {
        // SAFETY: `param` is live; gives NULL or a string that is ours to free.
        let written = unsafe { sys::X509_VERIFY_PARAM_get1_ip_asc(param) };
        // SAFETY: NULL or NUL-terminated, and not freed yet.
        let copy = unsafe { text(written) }.map(|text| String::from_utf8_lossy(text).into_owned());
        // SAFETY: allocated by OpenSSL for us, and not used after this; NULL is fine.
        unsafe { ffi::CRYPTO_free(written.cast(), c"hostlock".as_ptr(), 0) };
        copy.map(|text| text.parse().map_err(|_| text))
    }

    /// # Safety
    /// `pointer` is NULL or NUL-terminated, and outlives the result.
    unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
        // SAFETY: not NULL here, and NUL-terminated by this function's own contract.
        (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
    }
}

/// As OpenSSL keeps them up to 3.x: one address of each kind, and every copy ends with a NUL.
#[cfg(not(ossl400))]
mod kept {
    use std::net::IpAddr;

    use openssl_sys as ffi;

    use super::{address, terminated};
    use crate::error::{Error, Result, Status};

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn hosts<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
        // SAFETY: `param` is live and outlives the names, by this function's own contract.
        Ok(unsafe { terminated::hosts(param) })
    }

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn emails<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
        // SAFETY: `param` is live and outlives the name, by this function's own contract.
        Ok(unsafe { terminated::email(param) }.into_iter().collect())
    }

    /// # Safety
    /// As for [`super::addresses`].
    pub unsafe fn addresses(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<IpAddr>> {
        // To ask for an address that is not there costs more than all names together: it makes an entry of the queue.
        // SAFETY: `param` is live, by this function's own contract.
        if !unsafe { address::may_be_in(param) } {
            return Ok(Vec::new());
        }
        // SAFETY: `param` is live, by this function's own contract.
        let Some(address) = (unsafe { terminated::address(param) }) else { return Ok(Vec::new()) };
        let refuse =
            |text| Error::new(Status::EBadHost, format!("OpenSSL's parameters hold no IP address but {text:?}"));
        Ok(vec![address.map_err(refuse)?])
    }
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
        // SAFETY: `param` is live, and the place was found within the parameters.
        place().is_none_or(|place| !unsafe { word(param, place) }.is_null())
    }

    /// # Safety
    /// `param` is live and `place` below [`WORDS`].
    unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
        // SAFETY: `param` is live and has at least so many words.
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

/// As OpenSSL 4.0 keeps them: lists of bytes with a length. Its copies of parameters (an `SSL` has one of its context's)
/// lack the NUL that its functions promise, so the length is read where it stands. Where the lists are, scratch parameters
/// tell: setting a name changes one word of them, from NULL to the list that holds it. Where they do not tell, it can
/// still be seen whether there is a name.
#[cfg(ossl400)]
mod kept {
    use std::ffi::c_int;
    use std::net::IpAddr;
    use std::ptr;
    use std::sync::OnceLock;

    use openssl_sys as ffi;

    use super::{hidden, misshapen, terminated};
    use crate::error::Result;
    use crate::libssl::sys;

    /// All words that parameters have since OpenSSL 4.0.
    const WORDS: usize = 17;

    #[repr(C)]
    struct Buffer {
        data: *const u8,
        len: usize,
    }

    /// Which words are the lists.
    pub struct Places {
        hosts: usize,
        addresses: usize,
        emails: usize,
        international_emails: usize,
    }

    /// # Safety
    /// As for [`super::hosts`].
    pub unsafe fn hosts<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
        // SAFETY: `param` is live and outlives the names, by this function's own contract.
        unsafe { hosts_at(param, places()) }
    }

    /// # Safety
    /// As for [`hosts`]; and `places` came from [`places`].
    pub unsafe fn hosts_at<'a>(param: *mut ffi::X509_VERIFY_PARAM, places: Option<&Places>) -> Result<Vec<&'a [u8]>> {
        match places {
            // SAFETY: `param` is live and outlives the names, and the place is that of a list.
            Some(places) => Ok(unsafe { list(param, places.hosts) }),
            // SAFETY: `param` is live; what the pointer leads to is not read.
            None => hidden("host", unsafe { sys::X509_VERIFY_PARAM_get0_host(param, 0) }.is_null()),
        }
    }

    /// # Safety
    /// As for [`super::emails`].
    pub unsafe fn emails<'a>(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<&'a [u8]>> {
        // SAFETY: `param` is live and outlives the names, by this function's own contract.
        unsafe { emails_at(param, places()) }
    }

    /// # Safety
    /// As for [`hosts_at`].
    pub unsafe fn emails_at<'a>(param: *mut ffi::X509_VERIFY_PARAM, places: Option<&Places>) -> Result<Vec<&'a [u8]>> {
        let Some(places) = places else {
            // SAFETY: `param` is live; what the pointer leads to is not read.
            return hidden("e-mail address", unsafe { sys::X509_VERIFY_PARAM_get0_email(param) }.is_null());
        };
        // SAFETY: `param` is live and outlives the names, and the place is that of a list.
        let mut emails = unsafe { list(param, places.emails) };
        // SAFETY: `param` is live and outlives the names, and the place is that of a list.
        let international = unsafe { list(param, places.international_emails) };
        emails.extend(international);
        Ok(emails)
    }

    /// # Safety
    /// As for [`super::addresses`].
    pub unsafe fn addresses(param: *mut ffi::X509_VERIFY_PARAM) -> Result<Vec<IpAddr>> {
        // SAFETY: `param` is live, by this function's own contract.
        unsafe { addresses_at(param, places()) }
    }

    /// # Safety
    /// As for [`hosts_at`].
    pub unsafe fn addresses_at(param: *mut ffi::X509_VERIFY_PARAM, places: Option<&Places>) -> Result<Vec<IpAddr>> {
        let Some(places) = places else {
            // SAFETY: `param` is live.
            return hidden("IP address", unsafe { terminated::address(param) }.is_none());
        };
        // SAFETY: `param` is live and outlives the octets, and the place is that of a list.
        let found = unsafe { list(param, places.addresses) };
        found.into_iter().map(|octets| address(octets).ok_or_else(|| misshapen(octets.len()))).collect()
    }

    fn address(octets: &[u8]) -> Option<IpAddr> {
        let of4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
        of4().or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
    }

    /// # Safety
    /// `param` is live and outlives the result, and `place` is that of a list.
    unsafe fn list<'a>(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> Vec<&'a [u8]> {
        // SAFETY: `param` is live and outlives the entries, and the word is NULL or a list of buffers.
        (0..).map_while(|index| unsafe { entry(param, place, index) }).collect()
    }

    /// # Safety
    /// As for [`list`].
    unsafe fn entry<'a>(param: *mut ffi::X509_VERIFY_PARAM, place: usize, index: c_int) -> Option<&'a [u8]> {
        // SAFETY: the word is NULL or a list of buffers; NULL and an index past its end give NULL.
        let buffer = unsafe { ffi::OPENSSL_sk_value(word(param, place).cast(), index).cast::<Buffer>().as_ref() }?;
        // SAFETY: OpenSSL keeps so many bytes there, for as long as the parameters live.
        (!buffer.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(buffer.data, buffer.len) })
    }

    /// # Safety
    /// `param` is live and `place` below [`WORDS`].
    unsafe fn word(param: *mut ffi::X509_VERIFY_PARAM, place: usize) -> *const u8 {
        // SAFETY: `param` is live and has at least so many words.
        unsafe { ptr::read_volatile(param.cast::<*const u8>().add(place)) }
    }

    pub fn places() -> Option<&'static Places> {
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
        Some(Places {
            hosts: hosts?,
            addresses: addresses?,
            emails: emails?,
            international_emails: international_emails?,
        })
    }
}

/// What is answered where the names cannot be read.
#[cfg(ossl400)]
fn hidden<T>(what: &str, there_is_none: bool) -> Result<Vec<T>> {
    if there_is_none {
        return Ok(Vec::new());
    }
    Err(Error::new(Status::EUnsupported, format!("this OpenSSL does not show which {what} the program named to it"))
        .with_hint("name it with hostlock_conn_set_host or hostlock_ctx_set_host, and not to OpenSSL"))
}

#[cfg(ossl400)]
fn misshapen(octets: usize) -> Error {
    Error::new(Status::EBadHost, format!("the IP address that was named to OpenSSL has {octets} octets"))
        .with_hint("an IPv4 address has 4 octets, an IPv6 address 16")
}

/// What OpenSSL 4.0 asks before it takes a name.
#[cfg(ossl400)]
mod judgement {
    use std::ffi::{c_char, c_int};

    use openssl_sys as ffi;

    use crate::libssl::sys;

    /// # Safety
    /// `param` is live.
    pub unsafe fn leave_to_us(param: *mut ffi::X509_VERIFY_PARAM) {
        // SAFETY: `param` is live; the function stays loaded, and does not look at the name.
        unsafe { sys::X509_VERIFY_PARAM_set1_host_input_validation(param, Some(take_text)) };
        // SAFETY: `param` is live; the function stays loaded, and does not look at the name.
        unsafe { sys::X509_VERIFY_PARAM_set1_rfc822_input_validation(param, Some(take_text)) };
        // SAFETY: `param` is live; the function stays loaded, and reads no more than OpenSSL says.
        unsafe { sys::X509_VERIFY_PARAM_set1_smtputf8_input_validation(param, Some(take_international)) };
        // SAFETY: `param` is live; the function stays loaded, and does not look at the octets.
        unsafe { sys::X509_VERIFY_PARAM_set1_ip_input_validation(param, Some(take_octets)) };
    }

    unsafe extern "C" fn take_text(_name: *const c_char, _len: usize) -> c_int {
        1
    }

    /// X509_VERIFY_PARAM_set1_email offers every address to both of its lists: one in ASCII belongs on the other.
    unsafe extern "C" fn take_international(name: *const c_char, len: usize) -> c_int {
        // SAFETY: OpenSSL hands a name of so many bytes, and has refused NULL.
        let bytes = unsafe { std::slice::from_raw_parts(name.cast::<u8>(), len) };
        !bytes.is_ascii() as c_int
    }

    unsafe extern "C" fn take_octets(octets: *const u8, _len: usize) -> c_int {
        !octets.is_null() as c_int
    }
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignType;
    use openssl::ssl::{Ssl, SslContext, SslMethod};

    use super::*;
    use crate::libssl::sys;

    fn context() -> SslContext {
        SslContext::builder(SslMethod::tls()).unwrap().build()
    }

    #[test]
    fn a_connections_copy_of_its_contexts_names_ends_where_they_end() {
        for len in 1..60 {
            let (host, email) = (format!("{}.example", "h".repeat(len)), format!("{}@mail.example", "m".repeat(len)));
            let context = context();
            // SAFETY: all objects are live, and the names are copied.
            unsafe {
                let param = ffi::SSL_CTX_get0_param(context.as_ptr());
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, host.as_ptr().cast(), host.len()), 1);
                assert_eq!(sys::X509_VERIFY_PARAM_set1_email(param, email.as_ptr().cast(), email.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    assert_eq!(hosts(param).unwrap(), [host.as_bytes()]);
                    assert_eq!(emails(param).unwrap(), [email.as_bytes()]);
                }
            }
        }
    }

    #[test]
    fn this_openssl_shows_where_it_keeps_an_address() {
        #[cfg(not(ossl400))]
        assert!(address::place().is_some());
        let context = context();
        // SAFETY: the context is live, and the octets are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(addresses(param).unwrap().is_empty());
            for octets in [&[127u8, 0, 0, 1][..], &[0; 16]] {
                assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, octets.as_ptr(), octets.len()), 1);
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    let [found] = addresses(param).unwrap()[..] else { panic!("one address") };
                    assert_eq!(found.is_ipv4(), octets.len() == 4);
                }
            }
        }
    }

    #[test]
    fn parameters_without_names_have_none() {
        let context = context();
        // SAFETY: the context is live.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            assert!(hosts(param).unwrap().is_empty() && emails(param).unwrap().is_empty());
        }
    }

    #[cfg(ossl400)]
    #[test]
    fn names_whose_place_is_not_certain_are_refused_and_where_there_are_none_nothing_is() {
        assert!(kept::places().is_some());
        // SAFETY: the context is live, and the names are copied; no place is given.
        unsafe {
            for (set, octets) in [(true, &[1u8, 2, 3, 4][..]), (false, &[])] {
                let context = context();
                let param = ffi::SSL_CTX_get0_param(context.as_ptr());
                if set {
                    assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, c"a.example".as_ptr(), 0), 1);
                    assert_eq!(sys::X509_VERIFY_PARAM_set1_smtputf8(param, c"\xc3\xa4@a.example".as_ptr(), 0), 1);
                    assert_eq!(ffi::X509_VERIFY_PARAM_set1_ip(param, octets.as_ptr(), octets.len()), 1);
                }
                let connection = Ssl::new(&context).unwrap();
                for param in [param, ffi::SSL_get0_param(connection.as_ptr())] {
                    let outcomes = [
                        kept::hosts_at(param, None).map(|found| found.len()),
                        kept::emails_at(param, None).map(|found| found.len()),
                        kept::addresses_at(param, None).map(|found| found.len()),
                    ];
                    for outcome in outcomes {
                        match outcome {
                            Ok(count) => assert!(!set && count == 0),
                            Err(error) => assert!(set && error.status() == Status::EUnsupported, "{error}"),
                        }
                    }
                }
            }
        }
    }

    #[cfg(ossl400)]
    #[test]
    fn all_addresses_and_e_mail_addresses_of_the_parameters_are_read() {
        let context = context();
        // SAFETY: the context is live, and the names are copied.
        unsafe {
            let param = ffi::SSL_CTX_get0_param(context.as_ptr());
            take_every_name(param);
            for octets in [&[192u8, 0, 2, 1][..], &[192, 0, 2, 2], &[1; 16]] {
                assert_eq!(sys::X509_VERIFY_PARAM_add1_ip(param, octets.as_ptr(), octets.len()), 1);
            }
            let international = "m\u{e4}@b.example";
            assert_eq!(sys::X509_VERIFY_PARAM_set1_email(param, c"a@b.example".as_ptr(), 0), 1);
            assert_eq!(sys::X509_VERIFY_PARAM_add1_rfc822(param, c"b@b.example".as_ptr(), 0), 1);
            let name = international.as_ptr().cast();
            assert_eq!(sys::X509_VERIFY_PARAM_set1_smtputf8(param, name, international.len()), 1);
            let connection = Ssl::new(&context).unwrap();
            let param = ffi::SSL_get0_param(connection.as_ptr());
            assert_eq!(addresses(param).unwrap().len(), 3);
            assert_eq!(emails(param).unwrap(), [&b"a@b.example"[..], b"b@b.example", international.as_bytes()]);
            assert_eq!(sys::X509_VERIFY_PARAM_add1_ip(param, [1; 5].as_ptr(), 5), 1);
            assert_eq!(addresses(param).unwrap_err().status(), Status::EBadHost);
        }
    }
}
