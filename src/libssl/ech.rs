//! How far a connection has come with Encrypted ClientHello. libssl may be built without it, and then lacks the function.

use crate::libssl::Conn;

/// How far a connection has come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(ossl400), allow(dead_code, reason = "only libssl 4.0 has it"))]
pub enum Progress {
    /// It is not used.
    Unused,
    /// It will be tried, as nothing was sent yet.
    Configured,
    /// It was tried, and the server has not accepted it.
    Tried,
    /// The server has accepted it.
    Accepted,
}

impl Progress {
    /// Whether a hello of this handshake is encrypted; the second one is too, after a HelloRetryRequest.
    pub fn is_tried(self) -> bool {
        matches!(self, Progress::Tried | Progress::Accepted)
    }
}

/// How far `conn` has come.
#[cfg(not(ossl400))]
pub fn progress(_: Conn<'_>) -> Progress {
    Progress::Unused
}

#[cfg(ossl400)]
pub use of_libssl::progress;

/// libssl's own answer.
#[cfg(ossl400)]
mod of_libssl {
    use std::ffi::{c_char, c_int};
    use std::ptr;
    use std::sync::OnceLock;

    use openssl_sys as ffi;

    use super::{Conn, Progress};
    use crate::libssl::library::Library;
    use crate::libssl::queue::Quiet;

    type GetStatus = unsafe extern "C" fn(*mut ffi::SSL, *mut *mut c_char, *mut *mut c_char) -> c_int;

    const NOT_CONFIGURED: c_int = -103;
    const NOT_TRIED: c_int = -101;
    const GREASE: c_int = 2;
    const GREASE_ECH: c_int = 3;
    const SUCCESS: c_int = 1;
    const BACKEND: c_int = 4;
    /// Accepted, and the verification of the certificate has failed.
    const BAD_NAME: c_int = -102;

    /// How far `conn` has come.
    pub fn progress(conn: Conn<'_>) -> Progress {
        let Some(get_status) = get_status() else { return Progress::Unused };
        let (mut inner, mut outer) = (ptr::null_mut(), ptr::null_mut());
        let _quiet = Quiet::begin();
        // SAFETY: the view promises the connection; both names are written or left NULL.
        let status = unsafe { get_status(conn.as_ptr(), &mut inner, &mut outer) };
        for name in [inner, outer] {
            // SAFETY: NULL, or allocated by libssl for us.
            unsafe { ffi::CRYPTO_free(name.cast(), c"hostlock".as_ptr(), 0) };
        }
        match status {
            NOT_CONFIGURED | GREASE | GREASE_ECH | BACKEND => Progress::Unused,
            NOT_TRIED => Progress::Configured,
            SUCCESS | BAD_NAME => Progress::Accepted,
            _ => Progress::Tried,
        }
    }

    fn get_status() -> Option<GetStatus> {
        static FOUND: OnceLock<Option<GetStatus>> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let symbol = Library::ours()?.symbol(c"SSL_ech_get1_status");
            // SAFETY: a function of this name in a libssl has this signature; NULL becomes None.
            unsafe { std::mem::transmute::<*mut std::ffi::c_void, Option<GetStatus>>(symbol) }
        })
    }
}
