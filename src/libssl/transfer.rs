//! What a connection does with bytes: handshake, read, write, goodbye, and the BIOs under them.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

use openssl_sys as ffi;

use crate::libssl::bio::{Bio, BioSlot, RETRY, Want, Wire, bytes_of};
use crate::libssl::conn::{Conn, call};
use crate::libssl::sys;

/// Whatever libcrypto's socket BIO says where the kernel encrypts (TX, RX, and a control message under way).
const KERNEL_TLS: c_int = 0x7000;

impl<'a> Conn<'a> {
    /// Makes the handshake of the side that was chosen: 1 where it is complete.
    #[doc(alias = "SSL_do_handshake")]
    pub fn do_handshake(self) -> c_int {
        call!(self, ffi::SSL_do_handshake)
    }

    /// The same for a client.
    #[doc(alias = "SSL_connect")]
    pub fn connect(self) -> c_int {
        call!(self, ffi::SSL_connect)
    }

    /// The same for a server.
    #[doc(alias = "SSL_accept")]
    pub fn accept(self) -> c_int {
        call!(self, ffi::SSL_accept)
    }

    /// Makes it a client's.
    #[doc(alias = "SSL_set_connect_state")]
    pub fn set_connect_state(self) {
        call!(self, ffi::SSL_set_connect_state);
    }

    /// Makes it a server's.
    #[doc(alias = "SSL_set_accept_state")]
    pub fn set_accept_state(self) {
        call!(self, ffi::SSL_set_accept_state);
    }

    /// Reads: how many bytes, or what SSL_read answers otherwise.
    #[doc(alias = "SSL_read")]
    #[inline(always)]
    pub fn read(self, room: &mut [MaybeUninit<u8>]) -> c_int {
        let len = room.len().min(c_int::MAX as usize) as c_int;
        // SAFETY: the view promises the connection; so many bytes may be written to.
        unsafe { ffi::SSL_read(self.as_ptr(), room.as_mut_ptr().cast(), len) }
    }

    /// [`Conn::read`] into memory that was written to before.
    #[doc(alias = "SSL_read")]
    pub fn read_into(self, room: &mut [u8]) -> c_int {
        let len = room.len().min(c_int::MAX as usize) as c_int;
        // SAFETY: the view promises the connection; the room has so many bytes.
        unsafe { ffi::SSL_read(self.as_ptr(), room.as_mut_ptr().cast(), len) }
    }

    /// Takes in one record, and leaves its data to be read: whether there are any, or what SSL_peek answers otherwise.
    #[doc(alias = "SSL_peek")]
    pub fn peek(self) -> c_int {
        let mut byte = 0_u8;
        // SAFETY: the view promises the connection; the byte may be written to.
        unsafe { ffi::SSL_peek(self.as_ptr(), (&raw mut byte).cast(), 1) }
    }

    /// Writes: how many bytes, or what SSL_write answers otherwise.
    #[doc(alias = "SSL_write")]
    #[inline(always)]
    pub fn write(self, bytes: &[u8]) -> c_int {
        let len = bytes.len().min(c_int::MAX as usize) as c_int;
        // SAFETY: the view promises the connection; so many bytes are there.
        unsafe { ffi::SSL_write(self.as_ptr(), bytes.as_ptr().cast(), len) }
    }

    /// Says goodbye: what SSL_shutdown answers.
    #[doc(alias = "SSL_shutdown")]
    pub fn shutdown(self) -> c_int {
        call!(self, ffi::SSL_shutdown)
    }

    /// How many bytes can be read without the transport.
    #[doc(alias = "SSL_pending")]
    pub fn pending(self) -> usize {
        usize::try_from(call!(self, ffi::SSL_pending)).unwrap_or(0)
    }

    /// Whether the goodbye was sent, and whether the peer's was received.
    #[doc(alias = "SSL_get_shutdown")]
    pub fn goodbyes(self) -> (bool, bool) {
        let state = call!(self, ffi::SSL_get_shutdown);
        (state & ffi::SSL_SENT_SHUTDOWN != 0, state & ffi::SSL_RECEIVED_SHUTDOWN != 0)
    }

    /// Whether it reads all that has arrived at once, and not one record after the other.
    #[doc(alias = "SSL_set_read_ahead")]
    pub fn set_read_ahead(self, on: bool) {
        call!(self, sys::SSL_set_read_ahead, c_int::from(on));
    }

    /// Whether it does.
    #[doc(alias = "SSL_get_read_ahead")]
    #[inline]
    pub fn reads_ahead(self) -> bool {
        call!(self, sys::SSL_get_read_ahead) != 0
    }

    /// Whether it holds bytes of the peer's that were not read yet, be they a whole record or a part of one.
    #[doc(alias = "SSL_has_pending")]
    pub fn holds_more(self) -> bool {
        call!(self, sys::SSL_has_pending) == 1
    }

    /// `SSL_NOTHING`, or what it waits for as libssl has it.
    #[doc(alias = "SSL_want")]
    pub fn want(self) -> c_int {
        call!(self, sys::SSL_want)
    }

    /// Where the handshake stands: `TLS_ST_*`.
    #[doc(alias = "SSL_get_state")]
    pub fn state(self) -> c_int {
        call!(self, sys::SSL_get_state)
    }

    /// Whether libssl has given it up: a fatal error of either side came before.
    #[doc(alias = "SSL_state_string")]
    pub fn is_given_up(self) -> bool {
        self.state_word() == c"SSLERR"
    }

    /// Where it stands, in a word of libssl's, which stays the same where the numbers change.
    #[doc(alias = "SSL_state_string")]
    pub fn state_word(self) -> &'static CStr {
        let state = call!(self, ffi::SSL_state_string);
        // SAFETY: libssl answers with a text of its own that never ends.
        unsafe { CStr::from_ptr(state) }
    }

    /// `SSL_MODE_*`.
    pub fn mode(self) -> c_long {
        call!(self, ffi::SSL_ctrl, ffi::SSL_CTRL_MODE, 0, ptr::null_mut())
    }

    /// Sets those bits.
    pub fn set_mode(self, bits: c_long) {
        call!(self, ffi::SSL_ctrl, ffi::SSL_CTRL_MODE, bits, ptr::null_mut());
    }

    /// Takes those bits away.
    pub fn clear_mode(self, bits: c_long) {
        call!(self, ffi::SSL_ctrl, sys::SSL_CTRL_CLEAR_MODE, bits, ptr::null_mut());
    }

    /// What it waits for, by the rules of SSL_get_error without its look at the error queue. One that libssl has given up
    /// waits for nothing: where its alert found no room SSL_want goes on saying "writing".
    #[doc(alias = "BIO_test_flags")]
    pub fn wish(self) -> Option<Want> {
        let bio = match self.want() {
            sys::SSL_READING => self.reader(),
            sys::SSL_WRITING => self.writer(),
            _ => return None,
        };
        if bio.is_null() || self.is_given_up() {
            return None;
        }
        // SAFETY: the connection keeps its BIO alive.
        let flags = unsafe { sys::BIO_test_flags(bio, RETRY) };
        if flags & ffi::BIO_FLAGS_SHOULD_RETRY == 0 {
            return None;
        }
        match flags & (ffi::BIO_FLAGS_READ | ffi::BIO_FLAGS_WRITE) {
            ffi::BIO_FLAGS_READ => Some(Want::Read),
            ffi::BIO_FLAGS_WRITE => Some(Want::Write),
            _ => None,
        }
    }

    /// Whether libssl waits for nothing any more, by the rules of SSL_get_error without its look at the error queue.
    pub fn waits_no_more(self) -> bool {
        let bio = match self.want() {
            sys::SSL_READING => self.reader(),
            sys::SSL_WRITING => self.writer(),
            sys::SSL_NOTHING => return true,
            // For a callback of the program's.
            _ => return self.is_given_up(),
        };
        // SAFETY: the connection keeps its BIO alive.
        let retries = !bio.is_null() && unsafe { sys::BIO_test_flags(bio, ffi::BIO_FLAGS_SHOULD_RETRY) } != 0;
        !retries || self.is_given_up()
    }

    /// The descriptors that it reads from and writes to, where it has any.
    #[doc(alias = "SSL_get_rfd")]
    #[doc(alias = "SSL_get_wfd")]
    pub fn descriptors(self) -> (Option<c_int>, Option<c_int>) {
        // Asked for a descriptor, libssl complains about a missing BIO on the error queue.
        let reader = (!self.reader().is_null()).then(|| call!(self, sys::SSL_get_rfd));
        let writer = (!self.writer().is_null()).then(|| call!(self, sys::SSL_get_wfd));
        (reader.filter(|fd| *fd >= 0), writer.filter(|fd| *fd >= 0))
    }

    /// The random of the client's hello; zeros before there is one.
    #[doc(alias = "SSL_get_client_random")]
    pub fn client_random(self) -> [u8; 32] {
        let mut random = [0; 32];
        // SAFETY: the view promises the connection; libssl writes at most as many bytes as it is told.
        unsafe { ffi::SSL_get_client_random(self.as_ptr(), random.as_mut_ptr(), random.len()) };
        random
    }

    /// The protocol that was agreed upon by ALPN.
    #[doc(alias = "SSL_get0_alpn_selected")]
    pub fn alpn(self) -> Option<&'a [u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the view promises the connection; both places are written to.
        unsafe { ffi::SSL_get0_alpn_selected(self.as_ptr(), &mut data, &mut len) };
        if data.is_null() || len == 0 {
            return None;
        }
        // SAFETY: libssl says that so many bytes are there, until another handshake.
        Some(unsafe { std::slice::from_raw_parts(data, len as usize) })
    }

    /// The key exchange group, where this OpenSSL tells.
    #[doc(alias = "SSL_group_to_name")]
    pub fn group(self) -> Option<&'a str> {
        let id = call!(self, ffi::SSL_ctrl, sys::SSL_CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut());
        let id = c_int::try_from(id).ok().filter(|id| *id != 0)?;
        let name: *const c_char = call!(self, sys::SSL_group_to_name, id);
        // SAFETY: NULL, or a text that lives as long as the context.
        if name.is_null() { None } else { unsafe { CStr::from_ptr(name) }.to_str().ok() }
    }

    /// How many bytes its BIOs have brought and taken.
    #[doc(alias = "BIO_number_read")]
    pub fn bytes_moved(self) -> (u64, u64) {
        // SAFETY: NULL, or BIOs that the connection keeps alive.
        unsafe { (bytes_of(self.reader()).0, bytes_of(self.writer()).1) }
    }

    fn reader(self) -> *mut ffi::BIO {
        call!(self, ffi::SSL_get_rbio)
    }

    fn writer(self) -> *mut ffi::BIO {
        call!(self, ffi::SSL_get_wbio)
    }

    /// Whether it reads from a plain socket BIO, as SSL_set_fd gives it.
    #[doc(alias = "BIO_method_type")]
    #[inline]
    pub fn is_over_socket(self) -> bool {
        let bio = self.reader();
        // SAFETY: the connection keeps its BIO alive.
        !bio.is_null() && unsafe { sys::BIO_method_type(bio) } == sys::BIO_TYPE_SOCKET
    }

    /// The descriptor of its plain socket BIO, where it reads and writes by the same, and where no callback of the program's
    /// and no kernel encryption looks at it.
    pub fn plain_socket(self) -> Option<c_int> {
        let (reader, writer) = (self.reader(), self.writer());
        // SAFETY: the connection keeps its BIOs alive, if it has any.
        let from = unsafe { plain_descriptor(reader)? };
        // SAFETY: the same holds of the other direction's.
        (reader == writer || unsafe { plain_descriptor(writer) } == Some(from)).then_some(from)
    }

    /// What carries its bytes, where it is a `W`.
    pub fn wire<W: Wire>(self) -> Option<&'a W> {
        // SAFETY: NULL, or a BIO that the connection keeps alive until it gets another.
        unsafe { Bio::find(self.reader()) }
    }

    /// The same, with an owner of its own: the connection may get another BIO meanwhile.
    pub fn share_wire<W: Wire>(self) -> Option<Bio<W>> {
        // SAFETY: NULL, or a BIO that the connection keeps alive for the length of this call.
        unsafe { Bio::share(self.reader()) }
    }

    /// Gives it a BIO for both directions, in place of those that it had.
    #[doc(alias = "SSL_set_bio")]
    pub fn set_bio<W: Wire>(self, bio: Bio<W>) {
        let bio = bio.into_raw();
        call!(self, ffi::SSL_set_bio, bio, bio);
    }

    /// Puts `courier` in the place of its BIOs, until the result is dropped, and into `slot` then. `None` where it has none.
    /// `is_afresh`: no handshake has begun yet.
    #[doc(alias = "BIO_up_ref")]
    #[doc(alias = "SSL_set0_rbio")]
    #[doc(alias = "SSL_set0_wbio")]
    pub fn lend<W: Wire>(self, courier: Bio<W>, slot: &'a BioSlot, is_afresh: bool) -> Option<Lent<'a, W>> {
        let (reader, writer) = (self.reader(), self.writer());
        if reader.is_null() || writer.is_null() {
            return None;
        }
        // SAFETY: all are live. Two references to ours go to the connection; the two to its own are kept until it has them
        // back.
        unsafe {
            for bio in [reader, writer, courier.as_ptr(), courier.as_ptr()] {
                sys::BIO_up_ref(bio);
            }
        }
        // SAFETY: the connection gives up its references to its own, and takes those to ours.
        unsafe {
            sys::SSL_set0_rbio(self.as_ptr(), courier.as_ptr());
            sys::SSL_set0_wbio(self.as_ptr(), courier.as_ptr());
        }
        Some(Lent { conn: self, reader, writer, courier: ManuallyDrop::new(courier), slot, is_afresh })
    }
}

/// A connection's own BIOs, while another stands in for them. When this is dropped they are there again, and say what the
/// other last said about trying again.
pub struct Lent<'a, W: Wire> {
    conn: Conn<'a>,
    reader: *mut ffi::BIO,
    writer: *mut ffi::BIO,
    courier: ManuallyDrop<Bio<W>>,
    slot: &'a BioSlot,
    is_afresh: bool,
}

impl<W: Wire> Lent<'_, W> {
    /// Whether libssl may have lost what reads and writes records: since 3.2 it has none where there was no memory to make
    /// them anew as a handshake began, and SSL_set0_rbio and SSL_set0_wbio would follow NULL. It then gave up before it
    /// moved a byte.
    fn may_be_without_records(&self) -> bool {
        if !self.is_afresh
            || !self.conn.is_given_up()
            || self.conn.state() != sys::TLS_ST_BEFORE
            || openssl::version::number() < sys::OPENSSL_3_2
        {
            return false;
        }
        // SAFETY: we hold a reference.
        let moved = unsafe { bytes_of(self.courier.as_ptr()) };
        moved == (0, 0) && !self.courier.wire().is_some_and(W::is_at_end)
    }

    /// Leaves the courier to the connection for good, with the connection's own BIOs behind it, which then live as long.
    #[cold]
    #[doc(alias = "BIO_push")]
    fn stay(&self) {
        // SAFETY: our two references go to the chain, but for the second one to the same BIO.
        unsafe {
            sys::BIO_push(self.courier.as_ptr(), self.reader);
            if self.writer == self.reader {
                ffi::BIO_free_all(self.writer);
            } else {
                sys::BIO_push(self.courier.as_ptr(), self.writer);
            }
        }
    }
}

impl<W: Wire> Drop for Lent<'_, W> {
    fn drop(&mut self) {
        let courier = self.courier.as_ptr();
        let (reader, writer) = (self.conn.reader(), self.conn.writer());
        if reader == courier && writer == courier && self.may_be_without_records() {
            self.stay();
            // SAFETY: it is given up once, here.
            unsafe { ManuallyDrop::drop(&mut self.courier) };
            return;
        }
        // SAFETY: we hold a reference.
        let flags = unsafe { sys::BIO_test_flags(courier, RETRY) };
        for bio in [self.reader, self.writer] {
            // SAFETY: we hold a reference.
            unsafe {
                ffi::BIO_clear_flags(bio, RETRY);
                ffi::BIO_set_flags(bio, flags);
            }
            if self.reader == self.writer {
                break;
            }
        }
        // A callback may have given the connection another BIO meanwhile. Or its own again: for SSL_set_bio that changes
        // nothing and brings no reference, as the callback sees it, but libssl has taken one. It has ours then.
        let is_back = [reader == self.reader, writer == self.writer];
        if reader == courier {
            // SAFETY: gives the connection our reference.
            unsafe { sys::SSL_set0_rbio(self.conn.as_ptr(), self.reader) };
        } else if !is_back[0] {
            // SAFETY: gives up our reference.
            unsafe { ffi::BIO_free_all(self.reader) };
        }
        if writer == courier {
            // SAFETY: gives the connection our reference.
            unsafe { sys::SSL_set0_wbio(self.conn.as_ptr(), self.writer) };
        } else if !is_back[1] || (is_back[0] && self.reader == self.writer) {
            // SAFETY: gives up our reference; for one BIO in both directions libssl raises the count by itself.
            unsafe { ffi::BIO_free_all(self.writer) };
        }
        // SAFETY: it is taken out once, here.
        self.slot.set(unsafe { ManuallyDrop::take(&mut self.courier) });
    }
}

/// # Safety
/// `bio` is NULL or live.
unsafe fn plain_descriptor(bio: *mut ffi::BIO) -> Option<c_int> {
    // SAFETY: it is asked where it is not NULL, and lives.
    if bio.is_null() || unsafe { sys::BIO_method_type(bio) } != sys::BIO_TYPE_SOCKET {
        return None;
    }
    // SAFETY: the caller promises that it lives.
    if unsafe { sys::BIO_test_flags(bio, KERNEL_TLS) } != 0 || !unsafe { sys::BIO_get_callback_ex(bio) }.is_null() {
        return None;
    }
    let mut fd: c_int = -1;
    // SAFETY: this command's argument is a pointer to an int (BIO_get_fd).
    let known = unsafe { ffi::BIO_ctrl(bio, sys::BIO_C_GET_FD, 0, (&raw mut fd).cast::<c_void>()) };
    (known >= 0 && fd >= 0).then_some(fd)
}
