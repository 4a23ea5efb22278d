//! Installs the hooks on a context. What they do is in [`outer`], [`security`], [`info`], [`hello`] and [`tripwire`].

use std::ffi::{c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue;
use crate::sys;
use crate::verify::begin::{CONTEXT_REPLACED, unverified};
use crate::verify::guard::{Guard, Role};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{hello, info, outer, security, staple};

/// Puts the hooks in place and turns verification on.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that carries `guard` and is not in use by another thread.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX, guard: &Guard) -> Result<()> {
    // SAFETY: the hooks find the guard through ex_data and stop panics at their border; `ctx` as the caller promises.
    unsafe { sys::SSL_CTX_set_cert_verify_callback(ctx, Some(outer::verify), ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_security_callback(ctx, Some(security::decide)) };
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_set_info_callback(ctx, Some(info::observe)) };
    // SAFETY: as above.
    unsafe { ffi::SSL_CTX_set_verify(ctx, ffi::SSL_VERIFY_PEER, Some(tripwire)) };
    if guard.role == Role::Client {
        // SAFETY: as above.
        unsafe { hello::install(ctx)? };
        // SAFETY: as above.
        unsafe { staple::install(ctx) };
        // Every connection begins with a mark that no session bears, so that none is resumed unseen.
        let mark = guard.unmatchable_mark();
        // SAFETY: as above; the bytes are copied.
        if unsafe { ffi::SSL_CTX_set_session_id_context(ctx, mark.as_ptr(), mark.len() as c_uint) } != 1 {
            return Err(Error::new(Status::EInternal, "OpenSSL does not take the context's session mark"));
        }
    }
    Ok(())
}

/// A connection copies its context's verify callback when it is made, and keeps it when the program gives it another
/// context, where no other hook of ours is left. There this one refuses; elsewhere [`outer`] decides before it.
#[allow(clippy::not_unsafe_ptr_arg_deref, reason = "openssl-sys declares verify callbacks as safe")]
pub extern "C" fn tripwire(ok: c_int, store_ctx: *mut ffi::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL hands its own live X509_STORE_CTX, in the connection's thread.
    let guarded = catch_unwind(AssertUnwindSafe(|| unsafe { refuse_without_guard(store_ctx) }));
    if guarded.unwrap_or(false) { ok } else { 0 }
}

/// Whether `callback` is [`tripwire`].
pub fn is_tripwire(callback: sys::VerifyCallback) -> bool {
    std::ptr::fn_addr_eq(callback, tripwire as sys::VerifyCallback)
}

unsafe fn refuse_without_guard(store_ctx: *mut ffi::X509_STORE_CTX) -> bool {
    // SAFETY: `store_ctx` is live, here and below.
    let ssl = unsafe { outer::connection(store_ctx) };
    // SAFETY: `ssl` is NULL or live in this thread, here and below.
    if ssl.is_null() || unsafe { Guard::of_ssl(ssl) }.is_some() {
        return !ssl.is_null();
    }
    // libssl reads the mode only after this callback has returned.
    // SAFETY: as above.
    unsafe { ffi::SSL_set_verify(ssl, ffi::SSL_VERIFY_PEER, None) };
    // SAFETY: as above.
    unsafe { ffi::X509_STORE_CTX_set_error(store_ctx, sys::X509_V_ERR_APPLICATION_VERIFICATION) };
    // SAFETY: as above.
    if let Ok(watch) = unsafe { Watch::ensure(ssl) } {
        let error = unverified(CONTEXT_REPLACED);
        queue::raise(&error);
        watch.state().verdict = Verdict::Refused(error);
    }
    false
}
