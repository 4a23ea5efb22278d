//! Section "Trust anchors" of the header.

use std::ffi::c_int;

use super::boundary::{fail, status};
use super::{guard_of, hostlock_ctx};
use crate::error::{Error, Result, Status};
use crate::trust::source;
use crate::verify::guard::Family;

/// Trusts Mozilla's roots as bundled with hostlock, besides what other hostlock_ctx_trust_* calls named.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no handshake uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_bundled(ctx: *mut hostlock_ctx) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { trust(ctx, "hostlock_ctx_trust_bundled", source::bundled) }
}

/// How many trust anchors the context has now; the system's where nothing else was named. Certificates in a hashed
/// directory that the program added through OpenSSL are not counted. A negative status on failure.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_count(ctx: *mut hostlock_ctx) -> c_int {
    let mut count = 0;
    let outcome = status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        count = unsafe { guard.anchors.count(ctx)? };
        Ok(())
    });
    if outcome != 0 {
        return outcome;
    }
    c_int::try_from(count)
        .unwrap_or_else(|_| fail(Error::new(Status::EInternal, "more trust anchors than an int counts")))
}

/// # Safety
/// `ctx` is NULL or live and not in use by a handshake.
unsafe fn trust(ctx: *mut hostlock_ctx, call: &str, load: impl FnOnce() -> Result<Vec<openssl::x509::X509>>) -> c_int {
    status(|| {
        // SAFETY: as the caller promises, here and below.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: as above.
        let prepare = || unsafe { guard.anchors.add(ctx, &load()?) };
        guard.configure(Family::Trust, call, prepare, |_, ()| {})
    })
}
