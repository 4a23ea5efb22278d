//! An `SSL_CTX` made from a policy: the system's configuration may make it stricter, never weaker.

pub mod offline;

use std::ffi::{CStr, CString, c_int, c_long};
use std::ptr;
use std::sync::{Arc, OnceLock};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Displaced, Guard, Post, Regime};
use crate::handshake::install;
use crate::libssl::new_context;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::policy::{Choice, Policy, suite_list};
use crate::role::Role;
use crate::trust::Anchors;

/// An owner of an `SSL_CTX` that carries a guard.
pub struct Context(ptr::NonNull<ffi::SSL_CTX>);

// SAFETY: OpenSSL counts references to an SSL_CTX atomically; the guard behind it is Sync.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// A context for clients. Nothing more is needed for it to be safe.
    pub fn client(choice: impl Into<Choice>) -> Result<Context> {
        // SAFETY: no arguments; gives a static method.
        Context::new(choice.into(), Role::Client, unsafe { ffi::TLS_client_method() })
    }

    /// A context for servers, which asks for no client certificate until the program says whom to trust, and then demands
    /// one.
    pub fn server(choice: impl Into<Choice>) -> Result<Context> {
        // SAFETY: no arguments; gives a static method.
        Context::new(choice.into(), Role::Server, unsafe { ffi::TLS_server_method() })
    }

    fn new(choice: Choice, role: Role, method: *const ffi::SSL_METHOD) -> Result<Context> {
        let policy = choice.policy;
        openssl::init();
        let quiet = Quiet::begin();
        // SAFETY: the method is static.
        let raw = unsafe { new_context::new_context(method) };
        let context = ptr::NonNull::new(raw).map(Context).ok_or_else(|| {
            let why = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            Error::new(Status::EInternal, format!("OpenSSL could not make a context: {why}"))
        })?;
        context.apply(policy, role)?;
        // SAFETY: the context is new, live, and ours alone until this function returns.
        unsafe {
            let anchors = Anchors::of_new_context(context.as_ptr(), role == Role::Client)?;
            let security = sys::SSL_CTX_get_security_callback(context.as_ptr());
            let displaced = Displaced { security, ..Displaced::default() };
            let post = Post { role, either_side: false, regime: Regime::Own, displaced };
            Arc::new(Guard::new(choice, anchors, post)?).attach(context.as_ptr())?;
            install::install(context.as_ptr(), context.guard()?)?;
        }
        Ok(context)
    }

    /// The pointer, still owned by `self`.
    pub fn as_ptr(&self) -> *mut ffi::SSL_CTX {
        self.0.as_ptr()
    }

    /// Gives the ownership to the caller, who frees it with `SSL_CTX_free`.
    pub fn into_raw(self) -> *mut ffi::SSL_CTX {
        let raw = self.as_ptr();
        std::mem::forget(self);
        raw
    }

    /// The guard.
    pub fn guard(&self) -> Result<&Guard> {
        // SAFETY: the context is live as long as `self`.
        unsafe { Guard::of(self.as_ptr()) }.ok_or_else(|| Error::new(Status::EInternal, "the context lost its guard"))
    }

    fn apply(&self, policy: &Policy, role: Role) -> Result<()> {
        let ctx = self.as_ptr();
        let control = |command: c_int, number: c_long| {
            // SAFETY: the context is live; these controls take a number and no pointer.
            unsafe { ffi::SSL_CTX_ctrl(ctx, command, number, ptr::null_mut()) }
        };
        let least = control(sys::SSL_CTRL_GET_MIN_PROTO_VERSION, 0).max(policy.min_version.into());
        demand(control(sys::SSL_CTRL_SET_MAX_PROTO_VERSION, policy.max_version.into()) == 1, "maximum version")?;
        demand(control(sys::SSL_CTRL_SET_MIN_PROTO_VERSION, least) == 1, "minimum version")?;
        // SAFETY: the context is live, here and below.
        unsafe {
            ffi::SSL_CTX_set_options(ctx, policy.options_to_set(role == Role::Server));
            ffi::SSL_CTX_clear_options(ctx, policy.options_to_clear());
            let level = ffi::SSL_CTX_get_security_level(ctx).max(policy.security_level);
            ffi::SSL_CTX_set_security_level(ctx, level);
        }
        let tls12 = c_string(suite_list(policy.suites_tls12))?;
        let tls13 = c_string(suite_list(policy.suites_tls13))?;
        // SAFETY: both strings outlive the calls, which copy them.
        demand(unsafe { ffi::SSL_CTX_set_cipher_list(ctx, tls12.as_ptr()) } == 1, "TLS 1.2 cipher suites")?;
        // SAFETY: as above.
        demand(unsafe { ffi::SSL_CTX_set_ciphersuites(ctx, tls13.as_ptr()) } == 1, "TLS 1.3 cipher suites")?;
        // SAFETY: the context is live.
        unsafe { set_groups(ctx, policy)? };
        // SAFETY: as above.
        unsafe { set_signature_algorithms(ctx, policy) }
    }
}

/// Sets the policy's groups. OpenSSL 3.0 refuses any list that names a hybrid group.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl.
pub unsafe fn set_groups(ctx: *mut ffi::SSL_CTX, policy: &Policy) -> Result<()> {
    static HYBRID: OnceLock<bool> = OnceLock::new();
    // SAFETY: `ctx` is live, by this function's own contract.
    let set = |list: &CStr| unsafe { set_list(ctx, sys::SSL_CTRL_SET_GROUPS_LIST, list) };
    demand(set_newer(&HYBRID, policy.groups_hybrid, policy.groups, set), "key exchange groups")
}

/// Sets the policy's signature algorithms. Before OpenSSL 3.3 no list may name one that is not known.
///
/// # Safety
/// As for [`set_groups`].
pub unsafe fn set_signature_algorithms(ctx: *mut ffi::SSL_CTX, policy: &Policy) -> Result<()> {
    static MLDSA: OnceLock<bool> = OnceLock::new();
    // SAFETY: `ctx` is live, by this function's own contract.
    let set = |list: &CStr| unsafe { set_list(ctx, sys::SSL_CTRL_SET_SIGALGS_LIST, list) };
    let done = set_newer(&MLDSA, policy.signature_algorithms_mldsa, policy.signature_algorithms, set);
    demand(done, "signature algorithms")
}

/// Sets the newer list where this OpenSSL takes it, which is found out once per process, else the older.
fn set_newer(takes_newer: &OnceLock<bool>, newer: &CStr, older: &CStr, set: impl Fn(&CStr) -> bool) -> bool {
    let mut done = false;
    let takes_newer = *takes_newer.get_or_init(|| {
        done = set(newer);
        done
    });
    done || set(if takes_newer { newer } else { older })
}

/// # Safety
/// As for [`set_groups`].
unsafe fn set_list(ctx: *mut ffi::SSL_CTX, command: c_int, list: &CStr) -> bool {
    // SAFETY: as the caller promises; the control reads the string and copies what it means.
    unsafe { ffi::SSL_CTX_ctrl(ctx, command, 0, list.as_ptr() as *mut _) == 1 }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: gives up the one reference that `self` owns.
        unsafe { ffi::SSL_CTX_free(self.as_ptr()) };
    }
}

/// The error for a value that OpenSSL does not take.
pub fn demand(done: bool, what: &str) -> Result<()> {
    if done {
        return Ok(());
    }
    Err(Error::new(Status::EUnsupported, format!("this OpenSSL does not take the policy's {what}")).with_hint(
        "OpenSSL 3.0 or newer is needed; a system configuration stricter than the policy can also be the cause",
    ))
}

/// A text for OpenSSL.
pub fn c_string(text: String) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Status::EInternal, "a NUL in a policy"))
}
