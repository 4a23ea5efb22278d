//! Section "Revocation" of the header: CRLs and stapled OCSP answers

use std::ffi::{c_char, c_int};

use super::boundary::{bytes, status, text};
use super::trust::path_of;
use super::{guard_of, guarded, hostlock_ctx};
use crate::error::{Error, Status};
use crate::guard::Family;
use crate::guard::crls;
use crate::handshake::ocsp_status;
use crate::revocation::{Mode, ocsp};
use crate::role::Role;

/// Loads the certificate revocation lists in a file (PEM, any number of them, or one in DER), besides those loaded
/// before. Loading one turns checking on: for every certificate below the trust anchor there must then be a current CRL
/// of its issuer on which it does not stand, unless hostlock_ctx_set_crl_mode says otherwise.
///
/// 0, or: HOSTLOCK_E_NOT_FOUND; HOSTLOCK_E_WRONG_FILE_TYPE (a directory, FIFO, socket or device; it is not opened);
/// HOSTLOCK_E_FILE_IO (not readable, or more than 256 MiB); HOSTLOCK_E_EMPTY; HOSTLOCK_E_BAD_PEM (neither PEM nor DER,
/// or damaged); HOSTLOCK_E_WRONG_PEM (certificates only, for example).
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_add_crl_file(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        crls::load(guard, "hostlock_ctx_add_crl_file", |crls| {
            // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
            crls.with_file(unsafe { path_of(path)? })
        })
    })
}

/// Loads the certificate revocation lists in memory: PEM, any number of them, or one in DER. See
/// hostlock_ctx_add_crl_file.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `data` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_add_crl_mem(ctx: *mut hostlock_ctx, data: *const u8, len: usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        crls::load(guard, "hostlock_ctx_add_crl_mem", |crls| {
            // SAFETY: the caller promises `len` readable bytes, or NULL.
            crls.with_memory(unsafe { bytes(data, len, "data")? })
        })
    })
}

/// Which certificates a CRL must clear: "leaf", the peer's own; "chain" (the default once a CRL is loaded), every one
/// below the trust anchor. With "+soft" behind it, a certificate passes if no CRL covers it; one that is revoked never
/// does, nor one whose CRL is damaged or out of date. With "+expired", a CRL counts even after its nextUpdate. Choosing
/// a mode turns checking on.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_crl_mode(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let prepare = || Mode::parse(unsafe { text(mode, "mode")? });
        guard.configure(Family::CrlMode, "hostlock_ctx_set_crl_mode", prepare, |settings, mode| {
            settings.revocation.mode = Some(mode)
        })
    })
}

/// How the OCSP answer that a server staples to its certificate is used. With "if-present" (the default) the client
/// asks for one. An answer must be signed by the CA or its responder, be current, be about this certificate and say
/// "good". Without an answer the certificate passes, unless it demands one (the TLS feature extension, RFC 7633). With
/// "require" there must be an answer. With "off" none is asked for or looked at.
///
/// A server is refused before the client sends a certificate of its own or any data. A certificate that is a trust
/// anchor itself needs no answer, as no issuer stands above it. Clients staple nothing: on a context that only serves,
/// this is HOSTLOCK_E_STATE; on one that does both, it is for connections that go out.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `mode` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_ocsp_mode(ctx: *mut hostlock_ctx, mode: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        let prepare = || {
            // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
            let mode = ocsp::Mode::parse(unsafe { text(mode, "mode")? })?;
            if guard.role == Role::Server {
                return Err(Error::new(Status::EState, "only a client context judges stapled OCSP answers"));
            }
            ocsp_status::request(ctx, mode);
            Ok(mode)
        };
        guard.configure(Family::Ocsp, "hostlock_ctx_set_ocsp_mode", prepare, |settings, mode| settings.ocsp = mode)
    })
}
