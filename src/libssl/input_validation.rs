//! Whether OpenSSL takes a name that is put into parameters of a verification. From OpenSSL 4.0 on a name that it finds no
//! host name, such as "host.", is refused by the call that names it and is gone, and a program that does not look at the
//! answer would be connected to what another source names. Here every name is taken, as before 4.0, for hostlock to judge.
//! Connections take this over from their context.

use std::ffi::{c_char, c_int};

use crate::libssl::{Param, sys};

impl Param<'_> {
    /// Has every name taken that a program sets, so that hostlock judges it.
    pub fn take_every_name(self) {
        let param = self.as_ptr();
        // SAFETY: the view promises the parameters; the function stays loaded, and does not look at the name.
        unsafe { sys::X509_VERIFY_PARAM_set1_host_input_validation(param, Some(take_text)) };
        // SAFETY: the view promises the parameters; the function stays loaded, and does not look at the address.
        unsafe { sys::X509_VERIFY_PARAM_set1_rfc822_input_validation(param, Some(take_text)) };
        // SAFETY: the view promises the parameters; the function stays loaded, and reads no more than OpenSSL says.
        unsafe { sys::X509_VERIFY_PARAM_set1_smtputf8_input_validation(param, Some(take_international)) };
        // SAFETY: the view promises the parameters; the function stays loaded, and does not look at the octets.
        unsafe { sys::X509_VERIFY_PARAM_set1_ip_input_validation(param, Some(take_octets)) };
    }
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
