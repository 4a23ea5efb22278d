//! One function decides whether a chain is valid and belongs to the host asked for. The handshake's callback and the
//! call without a connection both use it, so that their verdicts cannot differ.
//!
//! It verifies with parameters of its own: what a program asked for can make them stricter, never laxer.

use std::ffi::{c_int, c_ulong};

use foreign_types::ForeignTypeRef;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::policy::Policy;
use crate::sys;
use crate::verify::guard::Role;
use crate::verify::wanted::Wanted;
use crate::verify::{certificate, explain};

/// What is to be judged, and by which measure.
pub struct Case<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The side that judges: a client judges servers.
    pub role: Role,
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// What else the peer sent; may be NULL, and may hold the leaf again.
    pub untrusted: *mut ffi::stack_st_X509,
    /// The trust anchors.
    pub store: &'a X509StoreRef,
    /// Whose certificate it must be.
    pub wanted: Option<&'a Wanted>,
    /// What the program asked for beyond the policy.
    pub wishes: Wishes,
    /// The moment to judge for, in Unix seconds; `None` is now.
    pub time: Option<i64>,
}

/// The stricter wishes of a program, read from its verification parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    flags: c_ulong,
    depth: Option<c_int>,
    auth_level: c_int,
}

/// A refusal, with the chain as far as it was built.
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The chain from the leaf upwards; may be empty.
    pub chain: Stack<X509>,
}

/// Only these bits of a program's flags count: each makes verification stricter.
const STRENGTHENING: c_ulong = ffi::X509_V_FLAG_CRL_CHECK
    | ffi::X509_V_FLAG_CRL_CHECK_ALL
    | ffi::X509_V_FLAG_X509_STRICT
    | ffi::X509_V_FLAG_POLICY_CHECK
    | ffi::X509_V_FLAG_EXPLICIT_POLICY
    | ffi::X509_V_FLAG_INHIBIT_ANY
    | ffi::X509_V_FLAG_INHIBIT_MAP
    | ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT
    | ffi::X509_V_FLAG_USE_DELTAS
    | ffi::X509_V_FLAG_CHECK_SS_SIGNATURE;

impl Wishes {
    /// Reads them from `param`.
    ///
    /// # Safety
    /// `param` is NULL or live and not changed by another thread.
    pub unsafe fn read(param: *mut ffi::X509_VERIFY_PARAM) -> Wishes {
        if param.is_null() {
            return Wishes::default();
        }
        // SAFETY: as the caller promises, here and below; each call reads one field.
        let depth = unsafe { sys::X509_VERIFY_PARAM_get_depth(param) };
        Wishes {
            // SAFETY: as above.
            flags: unsafe { ffi::X509_VERIFY_PARAM_get_flags(param) } & STRENGTHENING,
            depth: (depth >= 0).then_some(depth),
            // SAFETY: as above.
            auth_level: unsafe { ffi::X509_VERIFY_PARAM_get_auth_level(param) },
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        // SAFETY: an empty stack; OpenSSL gives NULL only where no memory is left, and then nothing can go on.
        let chain = Stack::new().unwrap_or_else(|_| std::process::abort());
        Refusal { error, chain }
    }
}

/// Judges `case`: the verified chain from the leaf to its anchor, or the refusal.
pub fn judge(case: &Case<'_>) -> std::result::Result<Stack<X509>, Refusal> {
    let chain = build(case)?;
    match check_host(case) {
        Ok(()) => Ok(chain),
        Err(error) => Err(Refusal { error, chain }),
    }
}

fn check_host(case: &Case<'_>) -> Result<()> {
    let Some(wanted) = case.wanted else { return Ok(()) };
    certificate::presented(case.leaf).and_then(|names| wanted.check(&names)).map(|_| ()).map_err(|error| {
        let subject = explain::subject_of(case.leaf);
        error.with_certificate(0, subject)
    })
}

/// A chain to a self-signed anchor; where there is none at all, one that ends at an anchor of the store that is not.
fn build(case: &Case<'_>) -> std::result::Result<Stack<X509>, Refusal> {
    match run(case, 0) {
        Err(refusal) if explain::is_incomplete_chain(refusal.error.x509_code()) => {
            run(case, ffi::X509_V_FLAG_PARTIAL_CHAIN).map_err(|_| refusal)
        }
        outcome => outcome,
    }
}

fn run(case: &Case<'_>, extra_flags: c_ulong) -> std::result::Result<Stack<X509>, Refusal> {
    let context = StoreContext::new()?;
    // SAFETY: all four are live for the length of this function, and the context is freed at its end.
    if unsafe { ffi::X509_STORE_CTX_init(context.0, case.store.as_ptr(), case.leaf.as_ptr(), case.untrusted) } != 1 {
        return Err(out_of_memory().into());
    }
    // SAFETY: the context takes the parameters, replacing all that the store's own said.
    unsafe { sys::X509_STORE_CTX_set0_param(context.0, parameters(case, extra_flags)?) };
    // A context copies the callback of its store, which may be a program's: here nobody but OpenSSL decides.
    // SAFETY: the callback changes nothing.
    unsafe { sys::X509_STORE_CTX_set_verify_cb(context.0, Some(as_found)) };
    // SAFETY: as above.
    let accepted = unsafe { ffi::X509_verify_cert(context.0) } == 1;
    // SAFETY: reads the outcome of the verification.
    let code = unsafe { ffi::X509_STORE_CTX_get_error(context.0) };
    let chain = context.chain()?;
    if accepted && code == ffi::X509_V_OK {
        return Ok(chain);
    }
    // SAFETY: reads the position of the failure.
    let depth = unsafe { ffi::X509_STORE_CTX_get_error_depth(context.0) };
    Err(Refusal { error: explain::x509_error(code, depth, &chain, case.leaf), chain })
}

unsafe extern "C" fn as_found(ok: c_int, _context: *mut ffi::X509_STORE_CTX) -> c_int {
    ok
}

/// Parameters made from nothing: the policy's, tightened by the program's wishes.
fn parameters(case: &Case<'_>, extra_flags: c_ulong) -> Result<*mut ffi::X509_VERIFY_PARAM> {
    // SAFETY: no arguments.
    let param = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if param.is_null() {
        return Err(out_of_memory());
    }
    let wishes = case.wishes;
    let depth = wishes.depth.map_or(case.policy.verify_depth, |depth| depth.min(case.policy.verify_depth));
    let purpose = match case.role {
        Role::Client => ffi::X509_PURPOSE_SSL_SERVER,
        Role::Server => ffi::X509_PURPOSE_SSL_CLIENT,
    };
    // SAFETY: `param` is live and ours alone; each call stores one value.
    unsafe {
        ffi::X509_VERIFY_PARAM_set_flags(param, case.policy.verify_flags | wishes.flags | extra_flags);
        ffi::X509_VERIFY_PARAM_set_purpose(param, purpose);
        ffi::X509_VERIFY_PARAM_set_depth(param, depth);
        ffi::X509_VERIFY_PARAM_set_auth_level(param, case.policy.security_level.max(wishes.auth_level));
        if let Some(time) = case.time {
            ffi::X509_VERIFY_PARAM_set_time(param, time);
        }
    }
    Ok(param)
}

struct StoreContext(*mut ffi::X509_STORE_CTX);

impl StoreContext {
    fn new() -> Result<StoreContext> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::X509_STORE_CTX_new() };
        if raw.is_null() { Err(out_of_memory()) } else { Ok(StoreContext(raw)) }
    }

    /// The chain that was built, with owners of its own.
    fn chain(&self) -> Result<Stack<X509>> {
        let mut chain = Stack::new().map_err(|_| out_of_memory())?;
        // SAFETY: NULL or a stack that the context owns.
        let built = unsafe { ffi::X509_STORE_CTX_get0_chain(self.0) };
        if !built.is_null() {
            // SAFETY: live as long as the context.
            for certificate in unsafe { openssl::stack::StackRef::<X509>::from_ptr(built) } {
                chain.push(certificate.to_owned()).map_err(|_| out_of_memory())?;
            }
        }
        Ok(chain)
    }
}

impl Drop for StoreContext {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}

fn out_of_memory() -> Error {
    Error::new(Status::EInternal, "OpenSSL has no memory left for the verification")
}
