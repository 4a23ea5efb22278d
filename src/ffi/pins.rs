//! Section "Pinned keys and exact certificates" of the header: one server's own key, or its own certificate

use std::ffi::{c_char, c_int};

use super::boundary::{bytes, status, text};
use super::{guarded, hostlock_ctx};
use crate::chain::pins::Pin;
use crate::error::Error;
use crate::guard::Family;
use crate::handshake::client_certificate;
use crate::libssl::certificate;

/// Demands, besides everything else, that one key of the verified chain is pinned: the server's own, an intermediate's
/// or the trust anchor's. Called several times, one of the pins is enough. Pin a second key that is kept in reserve, or
/// a changed certificate locks the program out.
///
/// `pin` is "sha256/" and the base64 of the SHA-256 of the key's subjectPublicKeyInfo (RFC 7469). Make one with:
/// openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `pin` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_add_pin(ctx: *mut hostlock_ctx, pin: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let prepare = || Pin::parse(unsafe { text(pin, "pin")? });
        guard.configure(Family::Pin, "hostlock_ctx_add_pin", prepare, |settings, pin| settings.pins.push(pin))?;
        client_certificate::require(ctx, guard);
        Ok(())
    })
}

/// Trusts one certificate (`cert`, in PEM or DER) as it is, for a device whose certificate is self-signed: a peer that
/// shows exactly these bytes needs no chain. Its dates and the host name hold all the same, unless hostlock_insecure_*
/// says otherwise; CRLs and OCSP are not asked about it. May be called for several certificates.
///
/// The system's roots stand back, as for every hostlock_ctx_trust_* call; hostlock_ctx_trust_system adds them again.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no handshake uses now; `cert` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_exact(ctx: *mut hostlock_ctx, cert: *const u8, len: usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        let prepare = || {
            // SAFETY: the caller promises NULL or so many readable bytes, for the length of this call.
            let certificate = certificate::parse(unsafe { bytes(cert, len, "cert")? })?;
            certificate.to_der().map_err(|_| Error::no_memory("the certificate"))
        };
        guard.configure(Family::Exact, "hostlock_ctx_trust_exact", prepare, |settings, der| {
            settings.exact.add(der);
            guard.anchors.name_none();
        })?;
        client_certificate::require(ctx, guard);
        Ok(())
    })
}
