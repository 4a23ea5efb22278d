//! Our transport in the place of a program's socket BIO, for one call of ours: a descriptor in blocking mode would
//! otherwise keep libssl waiting beyond every deadline. When the call ends the program's BIO is there again, and says
//! what ours last said about trying again.

use std::ffi::{c_int, c_void};

use openssl_sys as ffi;

use crate::connection::transport::{RETRY, Transport, is_stream_socket};
use crate::sys;
use crate::verify::watch::Watch;

/// Whatever libcrypto's socket BIO says where the kernel encrypts (TX, RX, and a control message under way).
const KERNEL_TLS: c_int = 0x7000;
const SSL_OP_ENABLE_KTLS: u64 = 1 << 3;

/// The program's BIOs, while ours stands in for them.
pub struct Lent {
    ssl: *mut ffi::SSL,
    reader: *mut ffi::BIO,
    writer: *mut ffi::BIO,
    courier: *mut ffi::BIO,
}

impl Lent {
    /// Puts our transport in place, where `ssl` has a plain socket BIO over one stream socket and nothing else looks on.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl that no other thread uses as long as the result lives.
    pub unsafe fn take(ssl: *mut ffi::SSL) -> Option<Lent> {
        // SAFETY: `ssl` is live, and keeps its watch.
        let watch = unsafe { Watch::of(ssl) }?;
        // SAFETY: `ssl` is live; NULL where there is none.
        let (reader, writer) = unsafe { (ffi::SSL_get_rbio(ssl), ffi::SSL_get_wbio(ssl)) };
        // SAFETY: the SSL keeps its BIOs.
        let fd = unsafe { descriptor(reader) }?;
        // SAFETY: the same holds of the other direction's.
        if reader != writer && unsafe { descriptor(writer) } != Some(fd) {
            return None;
        }
        // SAFETY: `ssl` is live.
        if unsafe { sys::SSL_get_options(ssl) & SSL_OP_ENABLE_KTLS } != 0 {
            return None;
        }
        let mut courier = watch.courier();
        // SAFETY: NULL, or the watch's own BIO, which is of our type.
        let transport = unsafe { Transport::of_bio(courier) };
        // SAFETY: `ssl` is live.
        let finished = unsafe { ffi::SSL_is_init_finished(ssl) } == 1;
        // SAFETY: `ssl` is live.
        let before = !finished && unsafe { sys::SSL_in_before(ssl) } == 1;
        let afresh = before && transport.is_some_and(Transport::was_used);
        if afresh || transport.is_none_or(|transport| transport.fd() != fd) {
            if !is_stream_socket(fd) {
                return None;
            }
            courier = Transport::bio(fd, false).ok()?;
            // SAFETY: the BIO is new, and its one reference is given away.
            unsafe { watch.set_courier(courier) };
        }
        // SAFETY: the watch's own BIO, which is of our type.
        let transport = unsafe { Transport::of_bio(courier) }?;
        // The handshake may have been made by libssl's own functions.
        if finished {
            transport.settle();
        }
        transport.begin_call();
        // SAFETY: all are live. Two references to ours go to the SSL; the two to the program's are kept until it has
        // them back.
        unsafe {
            for bio in [reader, writer, courier, courier] {
                sys::BIO_up_ref(bio);
            }
        }
        // SAFETY: the SSL gives up its reference to the program's BIO, and takes one to ours.
        unsafe { sys::SSL_set0_rbio(ssl, courier) };
        // SAFETY: the same for the other direction.
        unsafe { sys::SSL_set0_wbio(ssl, courier) };
        Some(Lent { ssl, reader, writer, courier })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: the watch keeps the courier.
        let flags = unsafe { sys::BIO_test_flags(self.courier, RETRY) };
        for bio in [self.reader, self.writer] {
            // SAFETY: we hold a reference.
            unsafe { ffi::BIO_clear_flags(bio, RETRY) };
            // SAFETY: we hold a reference.
            unsafe { ffi::BIO_set_flags(bio, flags) };
            if self.reader == self.writer {
                break;
            }
        }
        // SAFETY: the SSL is live, as promised to `take`. A callback may have given it another BIO meanwhile.
        if unsafe { ffi::SSL_get_rbio(self.ssl) } == self.courier {
            // SAFETY: gives the SSL our reference.
            unsafe { sys::SSL_set0_rbio(self.ssl, self.reader) };
        } else {
            // SAFETY: gives up our reference.
            unsafe { ffi::BIO_free_all(self.reader) };
        }
        // SAFETY: the SSL is live.
        if unsafe { ffi::SSL_get_wbio(self.ssl) } == self.courier {
            // SAFETY: gives the SSL our reference.
            unsafe { sys::SSL_set0_wbio(self.ssl, self.writer) };
        } else {
            // SAFETY: gives up our reference.
            unsafe { ffi::BIO_free_all(self.writer) };
        }
    }
}

/// The descriptor of a plain socket BIO, which no callback of the program's and no kernel encryption looks at.
///
/// # Safety
/// `bio` is NULL or live.
unsafe fn descriptor(bio: *mut ffi::BIO) -> Option<c_int> {
    // SAFETY: not NULL where it is asked, and live.
    if bio.is_null() || unsafe { sys::BIO_method_type(bio) } != sys::BIO_TYPE_SOCKET {
        return None;
    }
    // SAFETY: the BIO is live.
    if unsafe { sys::BIO_test_flags(bio, KERNEL_TLS) } != 0 || !unsafe { sys::BIO_get_callback_ex(bio) }.is_null() {
        return None;
    }
    let mut fd: c_int = -1;
    // SAFETY: this command's argument is a pointer to an int (BIO_get_fd).
    let known = unsafe { ffi::BIO_ctrl(bio, sys::BIO_C_GET_FD, 0, (&raw mut fd).cast::<c_void>()) };
    (known >= 0 && fd >= 0).then_some(fd)
}
