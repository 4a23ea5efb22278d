//! Section "Revocation" of the header.

use std::ffi::{c_char, c_int};
use std::path::PathBuf;
use std::sync::Arc;

use super::boundary::{bytes, status, text, text_bytes};
use super::{guard_of, hostlock_ctx};
use crate::error::Result;
use crate::verify::guard::{Family, Guard};
use crate::verify::revocation::Mode;
use crate::verify::revocation::crls::Crls;

/// Loads the certificate revocation lists in a file (PEM, any number of them, or one in DER), besides those loaded
/// before. Loading one turns checking on: every certificate below the trust anchor must then be listed as not revoked by
/// a current CRL of its issuer, unless hostlock_ctx_crl_mode says otherwise.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_crl_file(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        load(guard, "hostlock_ctx_crl_file", |crls| {
            // SAFETY: as above.
            crls.with_file(&path_of(unsafe { text_bytes(path, "path")? })?)
        })
    })
}

/// Loads the certificate revocation lists in memory: PEM, any number of them, or one in DER. See hostlock_ctx_crl_file.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `data` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_crl_mem(ctx: *mut hostlock_ctx, data: *const u8, len: usize) -> c_int {
    status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        load(guard, "hostlock_ctx_crl_mem", |crls| crls.with_memory(unsafe { bytes(data, len, "data")? }))
    })
}

/// Which certificates must be known as not revoked: "leaf" the peer's own, "chain" (the default once a CRL is loaded)
/// every one below the trust anchor. "+soft" behind it lets a certificate pass where nothing is known about it, never
/// one that is revoked; "+expired" lets a CRL past its nextUpdate count. Choosing a mode turns checking on.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_crl_mode(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        let prepare = || Mode::parse(unsafe { text(mode, "mode")? });
        guard.configure(Family::CrlMode, "hostlock_ctx_crl_mode", prepare, |settings, mode| {
            settings.revocation.mode = Some(mode)
        })
    })
}

fn load(guard: &Guard, call: &str, more: impl FnOnce(&Crls) -> Result<Crls>) -> Result<()> {
    let now = guard.settings().revocation.crls.clone();
    guard.configure(Family::Crl, call, || more(&now), |settings, crls| settings.revocation.crls = Arc::new(crls))
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<PathBuf> {
    std::str::from_utf8(bytes)
        .map(PathBuf::from)
        .map_err(|_| crate::error::Error::new(crate::error::Status::EArg, "the path is not UTF-8"))
}
