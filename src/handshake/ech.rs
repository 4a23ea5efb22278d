//! Encrypted ClientHello (RFC 9849, OpenSSL 4.0): a hello for the host that the program named, inside of one for a public
//! name. Where the server rejects it libssl puts the public name in the place of the program's host and SNI, verifies the
//! server for that, and ends the handshake; the names stay exchanged. They must never pass for the program's.

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::handshake::connection_state::Watch;
use crate::handshake::expected_host;
use crate::libssl::verify_param;

/// How far a connection has come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Takes note of the names that the program has set, before libssl may exchange them; and refuses those that an earlier
/// handshake of `ssl` may have exchanged.
///
/// # Safety
/// `ssl` is a live client's `SSL` of our libssl, in the thread that uses it, whose handshake begins.
pub unsafe fn note_names(ssl: *mut ffi::SSL, watch: &Watch) -> Result<()> {
    // SAFETY: `ssl` is live, by this function's own contract.
    let uses_it = unsafe { progress(ssl) } != Progress::Unused;
    let before = watch.state().ech_names.clone();
    if !uses_it && before.is_none() {
        return Ok(());
    }
    // SAFETY: `ssl` is live, by this function's own contract.
    let names = unsafe { names(ssl)? };
    if before.is_some_and(|before| before != names) {
        return Err(Error::new(
            Status::EState,
            "an earlier handshake of this connection used Encrypted ClientHello and did not succeed, and the host is another \
             since: OpenSSL puts the public name there",
        )
        .with_hint("make a new connection, and name its host"));
    }
    watch.state().ech_names = Some(names);
    Ok(())
}

/// The names are the program's own, and may be changed from here on.
pub fn forget_names(watch: &Watch) {
    watch.state().ech_names = None;
}

/// The hosts of the connection's parameters, and its SNI.
unsafe fn names(ssl: *mut ffi::SSL) -> Result<Vec<u8>> {
    let mut names = Vec::new();
    // SAFETY: `ssl` is live, and so are its parameters.
    for host in unsafe { verify_param::hosts(ffi::SSL_get0_param(ssl))? } {
        names.extend_from_slice(host);
        names.push(0);
    }
    names.push(b'|');
    // SAFETY: `ssl` is live, by this function's own contract.
    names.extend_from_slice(unsafe { expected_host::server_name(ssl) }.unwrap_or_default());
    Ok(names)
}

/// The public name, where the server has rejected Encrypted ClientHello: its certificate must be for that, so that what it
/// says of its configuration may be believed. The handshake itself fails all the same.
///
/// # Safety
/// As for [`note_names`], with a handshake in which the server has answered.
pub unsafe fn public_name<'a>(ssl: *mut ffi::SSL) -> Option<&'a [u8]> {
    // SAFETY: `ssl` is live, by this function's own contract.
    if unsafe { progress(ssl) } != Progress::Tried {
        return None;
    }
    // SAFETY: `ssl` is live; libssl has put the public name there.
    Some(unsafe { expected_host::server_name(ssl) }.unwrap_or_default())
}

/// The error for a handshake that would be complete, though the server rejected Encrypted ClientHello.
pub fn rejected() -> Error {
    Error::new(Status::EUnverified, "the server rejected Encrypted ClientHello, so it was not asked for the host")
        .with_hint("try again with the configuration that SSL_ech_get1_retry_config gives")
}

/// How far `ssl` has come.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl, in the thread that uses it.
#[cfg(not(ossl400))]
pub unsafe fn progress(_ssl: *mut ffi::SSL) -> Progress {
    Progress::Unused
}

#[cfg(ossl400)]
pub use of_libssl::progress;

/// libssl's own answer. It may be built without Encrypted ClientHello, and then lacks the function.
#[cfg(ossl400)]
mod of_libssl {
    use std::ffi::{c_char, c_int};
    use std::ptr;
    use std::sync::OnceLock;

    use openssl_sys as ffi;

    use super::Progress;
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

    /// How far `ssl` has come.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, in the thread that uses it.
    pub unsafe fn progress(ssl: *mut ffi::SSL) -> Progress {
        let Some(get_status) = get_status() else { return Progress::Unused };
        let (mut inner, mut outer) = (ptr::null_mut(), ptr::null_mut());
        let _quiet = Quiet::begin();
        // SAFETY: `ssl` is live, by this function's own contract; both names are written or left NULL.
        let status = unsafe { get_status(ssl, &mut inner, &mut outer) };
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
