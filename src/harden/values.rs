//! The policy's values on a context that a program made: what it chose stays where it is strong enough, in its own order;
//! what is weak is taken out. It touches no callback and no trust anchor.

use std::ffi::{CStr, c_int, c_long};
use std::ptr;

use openssl_sys as ffi;

use crate::context::{c_string, demand, set_groups, set_signature_algorithms};
use crate::error::Result;
use crate::libssl::method::{Method, Side};
use crate::libssl::sys;
use crate::policy::{Policy, is_of_tls13, suite_list};

/// Makes every value of `ctx` at least the policy's.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that no other thread uses now.
pub unsafe fn apply(ctx: *mut ffi::SSL_CTX, policy: &Policy, method: Method, side: Side) -> Result<()> {
    // SAFETY: as the caller promises, here and in every call below. Another method forgets the suites.
    let suites = unsafe { Suites::of(ctx, policy) };
    if method.only.is_some() {
        // SAFETY: as above; the method is static.
        demand(unsafe { sys::SSL_CTX_set_ssl_version(ctx, of_all_versions(side)) } == 1, "method for all versions")?;
    }
    // SAFETY: as above.
    unsafe {
        set_versions(ctx, policy, method.only)?;
        ffi::SSL_CTX_set_options(ctx, policy.options_to_set(side == Side::Server));
        ffi::SSL_CTX_clear_options(ctx, policy.options_to_clear());
        let level = ffi::SSL_CTX_get_security_level(ctx).max(policy.security_level);
        ffi::SSL_CTX_set_security_level(ctx, level);
        suites.put(ctx, policy, method.only.is_some())?;
        set_groups(ctx, policy)?;
        set_signature_algorithms(ctx, policy)
    }
}

/// Gives a context of a method that speaks only versions below the policy's the method for all versions. Its suites stay.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that no other thread uses now.
pub unsafe fn lift_method(ctx: *mut ffi::SSL_CTX, policy: &Policy, method: Method, side: Side) -> Result<()> {
    if method.only.is_none_or(|version| version >= policy.min_version) {
        return Ok(());
    }
    // SAFETY: the caller promises `ctx`. Another method forgets the suites.
    let suites = unsafe { Suites::all_of(ctx) };
    // SAFETY: the caller promises `ctx`; the method is static.
    demand(unsafe { sys::SSL_CTX_set_ssl_version(ctx, of_all_versions(side)) } == 1, "method for all versions")?;
    // SAFETY: the caller promises `ctx`.
    unsafe { suites.put(ctx, policy, false) }
}

fn of_all_versions(side: Side) -> *const ffi::SSL_METHOD {
    // SAFETY: no arguments; each gives a static method.
    unsafe {
        match side {
            Side::Client => ffi::TLS_client_method(),
            Side::Server => ffi::TLS_server_method(),
            Side::Either => ffi::TLS_method(),
        }
    }
}

/// # Safety
/// As for [`apply`].
unsafe fn set_versions(ctx: *mut ffi::SSL_CTX, policy: &Policy, only: Option<c_int>) -> Result<()> {
    // SAFETY: as the caller promises; these controls take a number and no pointer.
    let control = |command: c_int, number: c_long| unsafe { ffi::SSL_CTX_ctrl(ctx, command, number, ptr::null_mut()) };
    let least = control(sys::SSL_CTRL_GET_MIN_PROTO_VERSION, 0).max(policy.min_version.into());
    let most = match (only, control(sys::SSL_CTRL_GET_MAX_PROTO_VERSION, 0)) {
        (Some(version), _) if version >= policy.min_version => version.into(),
        (None, most) if most >= least => most.min(policy.max_version.into()),
        _ => policy.max_version.into(),
    };
    demand(control(sys::SSL_CTRL_SET_MAX_PROTO_VERSION, most) == 1, "maximum version")?;
    demand(control(sys::SSL_CTRL_SET_MIN_PROTO_VERSION, least) == 1, "minimum version")?;
    // SAFETY: as the caller promises, here and below.
    let options = unsafe { ffi::SSL_CTX_get_options(ctx) };
    let switched_off = Policy::options_that_leave_no_version(least as c_int, most as c_int, options);
    if switched_off != 0 {
        // SAFETY: as above.
        unsafe { ffi::SSL_CTX_clear_options(ctx, switched_off) };
    }
    Ok(())
}

/// The suites of a context that the policy permits, in its own order; `None` where all of a kind are permitted.
struct Suites {
    tls12: Option<String>,
    tls13: Option<String>,
}

impl Suites {
    /// # Safety
    /// As for [`apply`].
    unsafe fn of(ctx: *mut ffi::SSL_CTX, policy: &Policy) -> Suites {
        // SAFETY: the caller promises a live context that no other thread changes.
        let (tls12, tls13) = unsafe { Suites::kept(ctx, |id| policy.permits_suite(id)) };
        Suites { tls12: tls12.changed(), tls13: tls13.changed() }
    }

    /// # Safety
    /// As for [`apply`].
    unsafe fn all_of(ctx: *mut ffi::SSL_CTX) -> Suites {
        // SAFETY: the caller promises a live context that no other thread changes.
        let (tls12, tls13) = unsafe { Suites::kept(ctx, |_| true) };
        let all = |kept: Kept| (!kept.names.is_empty()).then(|| kept.names.join(":"));
        Suites { tls12: all(tls12), tls13: all(tls13) }
    }

    /// The suites of TLS 1.2 and of TLS 1.3 that are permitted.
    ///
    /// # Safety
    /// As for [`apply`].
    unsafe fn kept(ctx: *mut ffi::SSL_CTX, permits: impl Fn(u16) -> bool) -> (Kept, Kept) {
        let (mut tls12, mut tls13) = (Kept::default(), Kept::default());
        // SAFETY: as the caller promises; the list is the context's, and so are the suites in it.
        let list = unsafe { sys::SSL_CTX_get_ciphers(ctx) };
        // SAFETY: as above; NULL has -1 entries.
        for at in 0..unsafe { ffi::OPENSSL_sk_num(list.cast()) } {
            // SAFETY: as above.
            let suite = unsafe { ffi::OPENSSL_sk_value(list.cast(), at) as *const ffi::SSL_CIPHER };
            // SAFETY: as above; the name is static.
            let (id, name) = unsafe { (ffi::SSL_CIPHER_get_protocol_id(suite), ffi::SSL_CIPHER_get_name(suite)) };
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
            let kept = if is_of_tls13(id) { &mut tls13 } else { &mut tls12 };
            kept.add(&name, permits(id));
        }
        (tls12, tls13)
    }

    /// # Safety
    /// As for [`apply`].
    unsafe fn put(self, ctx: *mut ffi::SSL_CTX, policy: &Policy, forgotten: bool) -> Result<()> {
        let or_policy = |kept: String, all| if kept.is_empty() { suite_list(all) } else { kept };
        let everything = || forgotten.then(String::new);
        if let Some(kept) = self.tls12.or_else(everything) {
            let list = c_string(or_policy(kept, policy.suites_tls12))?;
            // SAFETY: as the caller promises; the text is copied.
            demand(unsafe { ffi::SSL_CTX_set_cipher_list(ctx, list.as_ptr()) } == 1, "TLS 1.2 cipher suites")?;
        }
        if let Some(kept) = self.tls13.or_else(everything) {
            let list = c_string(or_policy(kept, policy.suites_tls13))?;
            // SAFETY: as above.
            demand(unsafe { ffi::SSL_CTX_set_ciphersuites(ctx, list.as_ptr()) } == 1, "TLS 1.3 cipher suites")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Kept {
    names: Vec<String>,
    dropped: bool,
}

impl Kept {
    fn add(&mut self, name: &str, permitted: bool) {
        if permitted { self.names.push(name.to_owned()) } else { self.dropped = true }
    }

    /// A context without any suite of the kind, as one made for TLS 1.3 only, is left so.
    fn changed(self) -> Option<String> {
        self.dropped.then(|| self.names.join(":"))
    }
}
