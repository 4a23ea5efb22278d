//! An `SSL_CTX` made from a policy: the system's configuration may make it stricter, never weaker.
#![forbid(unsafe_code)]

pub mod alpn;
pub mod info;
pub mod offline;
pub mod own_certificate;
pub mod reload;
pub mod resume;
pub mod server_names;
pub mod sessions;
pub mod staples;

use std::ffi::{CStr, CString};
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignType;
use openssl::ssl::SslContext;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Displaced, Guard, Post, Regime};
use crate::handshake::install;
use crate::libssl::method::Side;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Ctx, new_context};
use crate::policy::{Choice, Policy, suite_list};
use crate::role::Role;
use crate::trust::Anchors;

/// An owner of an `SSL_CTX` that carries a guard.
pub struct Context(SslContext);

impl Context {
    /// A context for clients. Nothing more is needed for it to be safe.
    pub fn client(choice: impl Into<Choice>) -> Result<Context> {
        Context::new(choice.into(), Role::Client, Side::Client)
    }

    /// A context for servers, which asks for no client certificate until the program says whom to trust, and then demands
    /// one.
    pub fn server(choice: impl Into<Choice>) -> Result<Context> {
        Context::new(choice.into(), Role::Server, Side::Server)
    }

    fn new(choice: Choice, role: Role, side: Side) -> Result<Context> {
        let policy = choice.policy;
        openssl::init();
        let quiet = Quiet::begin();
        let context = new_context::new_for(side).map(Context).ok_or_else(|| {
            if queue::newest_is_no_memory() {
                return Error::no_memory("a context");
            }
            let why = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            Error::new(Status::EInternal, format!("OpenSSL could not make a context: {why}"))
        })?;
        let ctx = context.as_ctx();
        apply(ctx, policy, role)?;
        let anchors = Anchors::of_new_context(ctx, role == Role::Client)?;
        let displaced = Displaced { security: ctx.security_callback(), ..Displaced::default() };
        let post = Post { role, either_side: false, regime: Regime::Own, displaced };
        Arc::new(Guard::new(choice, anchors, post)?).attach(ctx)?;
        install::install(ctx, context.guard()?)?;
        Ok(context)
    }

    /// A view of it.
    pub fn as_ctx(&self) -> Ctx<'_> {
        Ctx::from(&*self.0)
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
        Guard::of(self.as_ctx()).ok_or_else(|| Error::new(Status::EInternal, "the context lost its guard"))
    }
}

fn apply(ctx: Ctx<'_>, policy: &Policy, role: Role) -> Result<()> {
    let least = ctx.control(ffi::SSL_CTRL_GET_MIN_PROTO_VERSION, 0).max(policy.min_version.into());
    let most = policy.max_version.into();
    demand(ctx.control(ffi::SSL_CTRL_SET_MAX_PROTO_VERSION, most) == 1, "maximum version")?;
    demand(ctx.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, least) == 1, "minimum version")?;
    ctx.set_options(policy.options_to_set(role == Role::Server));
    ctx.clear_options(policy.options_to_clear());
    ctx.set_security_level(ctx.security_level().max(policy.security_level));
    demand(ctx.set_old_suites(&c_string(suite_list(policy.suites_tls12))?), "TLS 1.2 cipher suites")?;
    demand(ctx.set_suites_13(&c_string(suite_list(policy.suites_tls13))?), "TLS 1.3 cipher suites")?;
    set_groups(ctx, policy)?;
    set_signature_algorithms(ctx, policy)
}

/// Sets the policy's groups. OpenSSL 3.0 refuses any list that names a hybrid group.
pub fn set_groups(ctx: Ctx<'_>, policy: &Policy) -> Result<()> {
    static HYBRID: OnceLock<bool> = OnceLock::new();
    let set = |list: &CStr| ctx.set_list(ffi::SSL_CTRL_SET_GROUPS_LIST, list);
    demand(set_newer(&HYBRID, policy.groups_hybrid, policy.groups, set), "key exchange groups")
}

/// Sets the policy's signature algorithms. Before OpenSSL 3.3 no list may name one that is not known.
pub fn set_signature_algorithms(ctx: Ctx<'_>, policy: &Policy) -> Result<()> {
    static MLDSA: OnceLock<bool> = OnceLock::new();
    let set = |list: &CStr| ctx.set_list(ffi::SSL_CTRL_SET_SIGALGS_LIST, list);
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
