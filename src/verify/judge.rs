//! One function decides whether a chain is valid and belongs to the host asked for. The handshake's callback and the
//! call without a connection both use it, so that their verdicts cannot differ.
//!
//! It verifies with parameters of its own: what a program asked for can make them stricter, never laxer.

use std::ffi::{c_int, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::policy::Policy;
use crate::sys;
use crate::trust::store;
use crate::verify::guard::Role;
use crate::verify::insecure::{Waiver, Waivers};
use crate::verify::revocation::Revocation;
use crate::verify::wanted::Wanted;
use crate::verify::{certificate, explain, revocation};

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
    /// The checks that the program gave up.
    pub waivers: &'a Waivers,
    /// CRLs and how they are used.
    pub revocation: &'a Revocation,
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
    let Some(wanted) = case.wanted.filter(|_| !case.waivers.has(Waiver::HostName)) else { return Ok(()) };
    certificate::presented(case.leaf).and_then(|names| wanted.check(&names)).map(|_| ()).map_err(|error| {
        let subject = explain::subject_of(case.leaf);
        error.with_certificate(0, subject)
    })
}

/// A chain to a self-signed anchor; where there is none at all, one that ends at an anchor of the store that is not.
fn build(case: &Case<'_>) -> std::result::Result<Stack<X509>, Refusal> {
    if case.waivers.has(Waiver::Chain) {
        return Ok(alone(case.leaf)?);
    }
    match run(case, 0) {
        Err(refusal) if explain::is_incomplete_chain(refusal.error.x509_code()) => {
            run(case, ffi::X509_V_FLAG_PARTIAL_CHAIN).map_err(|_| refusal)
        }
        outcome => outcome,
    }
    .map_err(|refusal| match explain::is_untrusted(refusal.error.x509_code()) && store::is_empty(case.store) {
        true => Refusal { error: store::nothing_in_it(), ..refusal },
        false => refusal,
    })
}

/// What stands for the chain where none was asked for.
fn alone(leaf: &X509Ref) -> Result<Stack<X509>> {
    let mut chain = Stack::new().map_err(|_| out_of_memory())?;
    chain.push(leaf.to_owned()).map_err(|_| out_of_memory())?;
    Ok(chain)
}

fn run(case: &Case<'_>, extra_flags: c_ulong) -> std::result::Result<Stack<X509>, Refusal> {
    let context = StoreContext::new()?;
    // SAFETY: all four are live for the length of this function, and the context is freed at its end.
    if unsafe { ffi::X509_STORE_CTX_init(context.0, case.store.as_ptr(), case.leaf.as_ptr(), case.untrusted) } != 1 {
        return Err(out_of_memory().into());
    }
    // SAFETY: the context takes the parameters, replacing all that the store's own said.
    unsafe { sys::X509_STORE_CTX_set0_param(context.0, parameters(case, extra_flags)?) };
    // SAFETY: the revocation's CRLs outlive the context.
    unsafe { revocation::arm(case.revocation, context.0) };
    // SAFETY: the callback gets `case` back during the verification only, in this thread.
    unsafe { context.report_to(on_report, case)? };
    // SAFETY: the callback stops its own panics.
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

/// Parameters made from nothing: the policy's, tightened by the program's wishes.
fn parameters(case: &Case<'_>, extra_flags: c_ulong) -> Result<*mut ffi::X509_VERIFY_PARAM> {
    // SAFETY: no arguments.
    let param = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if param.is_null() {
        return Err(out_of_memory());
    }
    let wishes = case.wishes;
    let depth = wishes.depth.map_or(case.policy.verify_depth, |depth| depth.min(case.policy.verify_depth));
    // The trust setting is what an anchor's own TRUSTED CERTIFICATE settings are held against.
    let (purpose, trust) = match case.role {
        _ if case.waivers.has(Waiver::Purpose) => (ffi::X509_PURPOSE_ANY, 0),
        Role::Client => (ffi::X509_PURPOSE_SSL_SERVER, sys::X509_TRUST_SSL_SERVER),
        Role::Server => (ffi::X509_PURPOSE_SSL_CLIENT, sys::X509_TRUST_SSL_CLIENT),
    };
    let timeless = if case.waivers.has(Waiver::Time) { ffi::X509_V_FLAG_NO_CHECK_TIME } else { 0 };
    let flags = case.policy.verify_flags | wishes.flags | case.revocation.flags(wishes.flags) | timeless | extra_flags;
    // SAFETY: `param` is live and ours alone; each call stores one value.
    unsafe {
        ffi::X509_VERIFY_PARAM_set_flags(param, flags);
        ffi::X509_VERIFY_PARAM_set_purpose(param, purpose);
        sys::X509_VERIFY_PARAM_set_trust(param, trust);
        ffi::X509_VERIFY_PARAM_set_depth(param, depth);
        ffi::X509_VERIFY_PARAM_set_auth_level(param, case.policy.security_level.max(wishes.auth_level));
        if let Some(time) = case.time.filter(|_| timeless == 0) {
            ffi::X509_VERIFY_PARAM_set_time(param, time);
        }
    }
    Ok(param)
}

/// OpenSSL's report about one certificate or CRL: 1 goes on, 0 refuses.
unsafe extern "C" fn on_report(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    if ok == 1 {
        return 1;
    }
    let forgiven = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `run` stored a case that outlives the verification; OpenSSL hands a live context.
        match unsafe { StoreContext::case_of(context) } {
            // SAFETY: as above.
            Some(case) => unsafe { revocation::forgive(case.revocation, context) },
            None => false,
        }
    }));
    forgiven.unwrap_or(false) as c_int
}

struct StoreContext(*mut ffi::X509_STORE_CTX);

impl StoreContext {
    fn new() -> Result<StoreContext> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::X509_STORE_CTX_new() };
        if raw.is_null() { Err(out_of_memory()) } else { Ok(StoreContext(raw)) }
    }

    /// Has OpenSSL's reports answered by `callback`, which finds `case` with [`StoreContext::case_of`].
    ///
    /// # Safety
    /// `case` outlives the context's verification.
    unsafe fn report_to(&self, callback: sys::VerifyCallback, case: &Case<'_>) -> Result<()> {
        let raw = ptr::from_ref(case) as *mut c_void;
        // SAFETY: the context is live and ours; the index holds nothing else.
        if unsafe { sys::X509_STORE_CTX_set_ex_data(self.0, case_index(), raw) } != 1 {
            return Err(out_of_memory());
        }
        // SAFETY: as above.
        unsafe { sys::X509_STORE_CTX_set_verify_cb(self.0, Some(callback)) };
        Ok(())
    }

    /// The case of a verification; a CRL issuer's own chain is verified in a context of its own, with a parent.
    ///
    /// # Safety
    /// `context` is live, and inside of a verification that [`StoreContext::report_to`] prepared.
    unsafe fn case_of<'a>(mut context: *mut ffi::X509_STORE_CTX) -> Option<&'a Case<'a>> {
        while !context.is_null() {
            // SAFETY: as the caller promises, here and below.
            let case = unsafe { ffi::X509_STORE_CTX_get_ex_data(context, case_index()) } as *const Case<'a>;
            if !case.is_null() {
                // SAFETY: as above.
                return Some(unsafe { &*case });
            }
            // SAFETY: as above.
            context = unsafe { sys::X509_STORE_CTX_get0_parent_ctx(context) };
        }
        None
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

fn case_index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    *INDEX.get_or_init(|| {
        // SAFETY: no callbacks; what is stored is borrowed.
        unsafe {
            ffi::CRYPTO_get_ex_new_index(sys::CRYPTO_EX_INDEX_X509_STORE_CTX, 0, ptr::null_mut(), None, None, None)
        }
    })
}

fn out_of_memory() -> Error {
    Error::new(Status::EInternal, "OpenSSL has no memory left for the verification")
}
