//! One run of OpenSSL's own chain verification, with parameters made from nothing. It finds a chain, checks signatures,
//! dates, path lengths, policies and CRLs; what OpenSSL is too strict or too lax about, [`judge`] decides.

use std::ffi::{c_int, c_ulong};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::{X509, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::policy::Check;
use crate::sys;
use crate::verify::guard::Role;
use crate::verify::insecure::Waiver;
use crate::verify::judge::{Case, SELF_ISSUED_ALLOWANCE};
use crate::verify::revocation::inquiry::Inquiry;
use crate::verify::revocation::{self, Revocation};
use crate::verify::running::{self, LaidOut};

/// What OpenSSL found.
pub struct Outcome {
    /// `X509_V_OK`, or why not.
    pub code: c_int,
    /// Which certificate of the chain `code` is about.
    pub depth: usize,
    /// The error, where it is known already because it is a matter of revocation.
    pub refusal: Option<Error>,
    /// The chain as far as it was built.
    pub chain: Vec<X509>,
}

impl Outcome {
    /// Whether the chain is good.
    pub fn is_good(&self) -> bool {
        self.code == ffi::X509_V_OK && self.refusal.is_none()
    }
}

/// Which certificates a run may use.
pub enum Material<'a> {
    /// All that the case has: its store, and what the peer sent.
    Everything,
    /// One path: this anchor, and these certificates below it.
    Path {
        /// The only anchor.
        anchor: &'a X509Ref,
        /// Everything between the leaf and the anchor.
        between: &'a [X509],
    },
}

/// Verifies the case's leaf; once more where a CRL stood in the way that another CA of the same name made.
pub fn run(case: &Case<'_>, material: &Material<'_>, extra_flags: c_ulong) -> Result<Outcome> {
    let outcome = run_with(case, &case.revocation, material, extra_flags)?;
    if !revocation::is_about_crls(outcome.code) {
        return Ok(outcome);
    }
    match case.revocation.crls.of_chain(&outcome.chain)? {
        Some(crls) => {
            let revocation = Revocation { crls: Arc::new(crls), ..case.revocation.clone() };
            run_with(case, &revocation, material, extra_flags)
        }
        None => Ok(outcome),
    }
}

fn run_with(
    case: &Case<'_>,
    revocation: &Revocation,
    material: &Material<'_>,
    extra_flags: c_ulong,
) -> Result<Outcome> {
    let context = StoreContext::new()?;
    let mut stacks = None;
    let untrusted = match material {
        Material::Everything => case.untrusted,
        Material::Path { anchor, between } => {
            let trusted = stack(std::slice::from_ref(&(*anchor).to_owned()))?;
            let (_, between) = stacks.insert((trusted, stack(between)?));
            between.as_ptr()
        }
    };
    // SAFETY: all four are live for the length of this function, and the context is freed at its end.
    if unsafe { ffi::X509_STORE_CTX_init(context.0, case.store.as_ptr(), case.leaf.as_ptr(), untrusted) } != 1 {
        return Err(out_of_memory());
    }
    if let Some((trusted, _)) = &stacks {
        // SAFETY: the stack outlives the context's use; OpenSSL takes anchors from it in place of the store.
        unsafe { sys::X509_STORE_CTX_set0_trusted_stack(context.0, trusted.as_ptr()) };
    }
    // SAFETY: the context takes the parameters, replacing all that the store's own said.
    unsafe { sys::X509_STORE_CTX_set0_param(context.0, parameters(case, extra_flags)?) };
    let notes = Notes { case, inquiry: Inquiry::new(revocation) };
    // SAFETY: the inquiry outlives the verification.
    unsafe { notes.inquiry.arm(context.0) };
    let _laid_out = LaidOut::new(context.0, (&raw const notes).cast());
    // SAFETY: the callback stops panics at its border.
    unsafe { sys::X509_STORE_CTX_set_verify_cb(context.0, Some(review)) };
    // SAFETY: the context is set up; nothing that it refers to is freed before it.
    let accepted = unsafe { ffi::X509_verify_cert(context.0) } == 1;
    // SAFETY: reads the outcome of the verification, here and below.
    let code = unsafe { ffi::X509_STORE_CTX_get_error(context.0) };
    // SAFETY: as above.
    let depth = unsafe { ffi::X509_STORE_CTX_get_error_depth(context.0) };
    let code = match (accepted, code) {
        (false, ffi::X509_V_OK) => ffi::X509_V_ERR_UNSPECIFIED,
        (_, code) => code,
    };
    let chain = context.chain();
    let refusal = match code {
        // All CRLs are looked at here, those of namesakes too: what nobody of the chain signed revokes nothing.
        ffi::X509_V_OK => Inquiry::new(&case.revocation)
            .overlooked(&chain, |name| anchors_named(case, name).unwrap_or_default())
            .err(),
        _ => notes.inquiry.refusal(code),
    };
    let code = refusal.as_ref().map_or(code, Error::x509_code);
    Ok(Outcome { code, depth: usize::try_from(depth).unwrap_or(0), refusal, chain })
}

/// The certificates that `case`'s store has under `name`, by whatever way the store finds them.
pub fn anchors_named(case: &Case<'_>, name: &X509NameRef) -> Result<Vec<X509>> {
    let context = StoreContext::new()?;
    // SAFETY: all are live for the length of this function; no verification is begun.
    if unsafe { ffi::X509_STORE_CTX_init(context.0, case.store.as_ptr(), case.leaf.as_ptr(), ptr::null_mut()) } != 1 {
        return Err(out_of_memory());
    }
    // SAFETY: the context is live; it names the store's own function, or OpenSSL's.
    let Some(lookup) = (unsafe { sys::X509_STORE_CTX_get_lookup_certs(context.0) }) else { return Ok(Vec::new()) };
    // SAFETY: called as OpenSSL calls it; the stack and its certificates are ours.
    let found = unsafe { lookup(context.0, name.as_ptr()) };
    if found.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: a stack that owns a reference to each certificate.
    let found: Stack<X509> = unsafe { foreign_types::ForeignType::from_ptr(found) };
    Ok(found.into_iter().collect())
}

/// A stack with owners of its own.
pub fn stack(certificates: &[X509]) -> Result<Stack<X509>> {
    // SAFETY: no arguments; NULL, or a stack that is ours. (Stack::new asks each time whether OpenSSL is ready.)
    let empty = unsafe { ffi::OPENSSL_sk_new_null() };
    if empty.is_null() {
        return Err(out_of_memory());
    }
    // SAFETY: as above.
    let mut stack = unsafe { Stack::from_ptr(empty.cast()) };
    for certificate in certificates {
        stack.push(certificate.clone()).map_err(|_| out_of_memory())?;
    }
    Ok(stack)
}

/// OpenSSL asks here about everything that it finds wrong. It may go on only past what hostlock judges by itself.
unsafe extern "C" fn review(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    // 2 tells of the policies that were found.
    if ok != 0 {
        return ok;
    }
    // SAFETY: OpenSSL hands its live context, and `run` stored its notes in it.
    let forgiven = catch_unwind(AssertUnwindSafe(|| unsafe { is_forgiven(context) })).unwrap_or(false);
    if forgiven {
        // SAFETY: as above. The code would otherwise be the outcome.
        unsafe { ffi::X509_STORE_CTX_set_error(context, ffi::X509_V_OK) };
    }
    c_int::from(forgiven)
}

/// # Safety
/// `context` is live and was set up by `run`.
unsafe fn is_forgiven(context: *mut ffi::X509_STORE_CTX) -> bool {
    crate::nets::here!("chain verify callback");
    // SAFETY: as the caller promises.
    let Some(Notes { case, inquiry }) = (unsafe { Notes::of(context) }) else { return false };
    // SAFETY: as the caller promises.
    if unsafe { inquiry.forgives(context) } {
        return true;
    }
    // SAFETY: the caller promises a live context; this reads one field.
    let code = unsafe { ffi::X509_STORE_CTX_get_error(context) };
    // What the program itself made strict holds for the whole chain, as OpenSSL applies it.
    let strict = case.wishes.flags() & ffi::X509_V_FLAG_X509_STRICT != 0;
    // SAFETY: the caller promises a live context.
    if !strict && unsafe { is_form_of_anchor(context, code, case) } {
        return true;
    }
    match code {
        // Home-made CAs leave these out, and nothing is less certain for it.
        sys::X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER
        | sys::X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER
        | sys::X509_V_ERR_CA_CERT_MISSING_KEY_USAGE => !strict && !case.policy.demands(Check::IdentifiersPresent),
        sys::X509_V_ERR_CA_BCONS_NOT_CRITICAL => !strict && !case.policy.demands(Check::CriticalConstraints),
        // Name constraints are evaluated once more, by our own rules, on the chain that is built.
        ffi::X509_V_ERR_PERMITTED_VIOLATION
        | ffi::X509_V_ERR_EXCLUDED_VIOLATION
        | ffi::X509_V_ERR_SUBTREE_MINMAX
        | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE
        | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX
        | ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX => true,
        // SAFETY: as the caller promises.
        ffi::X509_V_ERR_CERT_HAS_EXPIRED => unsafe { expires_this_second(context, case.time) },
        _ => false,
    }
}

/// Whether `code` is one that only X509_STRICT brings, about the form of the trust anchor: that is what the program named,
/// and of it RFC 5280 6.1 takes the name and the key. What OpenSSL finds without X509_STRICT stands.
///
/// # Safety
/// `context` is live and reports `code` now.
unsafe fn is_form_of_anchor(context: *mut ffi::X509_STORE_CTX, code: c_int, case: &Case<'_>) -> bool {
    // SAFETY: the caller promises a live context; each call reads one field.
    let (depth, chain, certificate) = unsafe {
        (
            ffi::X509_STORE_CTX_get_error_depth(context),
            ffi::X509_STORE_CTX_get0_chain(context),
            ffi::X509_STORE_CTX_get_current_cert(context),
        )
    };
    // SAFETY: NULL, which counts -1, or the chain that the context owns.
    let last = unsafe { ffi::OPENSSL_sk_num(chain.cast()) } - 1;
    if last < 0 || depth != last || certificate.is_null() {
        return false;
    }
    match code {
        sys::X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA..=sys::X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3
        | sys::X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY => last > 0,
        // A certificate of version 1 cannot say that it is a CA's: whoever names it as an anchor does (RFC 5280 6.1.4 (k)).
        sys::X509_V_ERR_INVALID_CA if last > 0 => {
            const SELF_SIGNED_OF_VERSION_1: c_int = 3;
            // SAFETY: the certificate is live during the report.
            unsafe { sys::X509_check_ca(certificate) == SELF_SIGNED_OF_VERSION_1 }
        }
        // X509_STRICT refuses answers above 1, which only say how OpenSSL knows a CA; 0 is its plain no.
        ffi::X509_V_ERR_INVALID_PURPOSE if last > 0 => {
            let (purpose, _) = purpose_and_trust(case);
            // SAFETY: the certificate is live during the report.
            unsafe { sys::X509_check_purpose(certificate, purpose, 1) > 0 }
        }
        _ => false,
    }
}

/// What the chain must be good for. The trust setting counts where an anchor is a TRUSTED CERTIFICATE, which lists what it is
/// trusted for.
fn purpose_and_trust(case: &Case<'_>) -> (c_int, c_int) {
    match case.role {
        _ if case.waivers.has(Waiver::Purpose) => (ffi::X509_PURPOSE_ANY, 0),
        Role::Client => (ffi::X509_PURPOSE_SSL_SERVER, sys::X509_TRUST_SSL_SERVER),
        Role::Server => (ffi::X509_PURPOSE_SSL_CLIENT, sys::X509_TRUST_SSL_CLIENT),
    }
}

/// RFC 5280 4.1.2.5: a certificate is valid through its notAfter, inclusive; OpenSSL ends it one second earlier.
///
/// # Safety
/// `context` is live.
unsafe fn expires_this_second(context: *mut ffi::X509_STORE_CTX, now: Option<i64>) -> bool {
    // SAFETY: as the caller promises.
    let certificate = unsafe { ffi::X509_STORE_CTX_get_current_cert(context) };
    if certificate.is_null() {
        return false;
    }
    // SAFETY: NULL asks for the number only.
    let now = now.unwrap_or_else(|| unsafe { libc::time(ptr::null_mut()) });
    let mut before = now.saturating_sub(1) as libc::time_t;
    // SAFETY: the time belongs to the certificate; OpenSSL does not write through the pointer.
    unsafe { sys::X509_cmp_time(ffi::X509_getm_notAfter(certificate), &mut before) == 1 }
}

/// Parameters made from nothing: the policy's, tightened by the program's wishes.
fn parameters(case: &Case<'_>, extra_flags: c_ulong) -> Result<*mut ffi::X509_VERIFY_PARAM> {
    // SAFETY: no arguments.
    let param = unsafe { ffi::X509_VERIFY_PARAM_new() };
    if param.is_null() {
        return Err(out_of_memory());
    }
    let (purpose, trust) = purpose_and_trust(case);
    let policies = case.wishes.asked().map(|asked| asked.policies);
    let policies = match policies {
        Ok(policies) => policies,
        Err(error) => {
            // SAFETY: made just now, and nothing refers to it.
            unsafe { ffi::X509_VERIFY_PARAM_free(param) };
            return Err(error);
        }
    };
    let timeless = if case.waivers.has(Waiver::Time) { ffi::X509_V_FLAG_NO_CHECK_TIME } else { 0 };
    let wished = case.wishes.flags();
    let flags = case.policy.verify_flags | wished | case.revocation.flags(wished) | timeless | extra_flags;
    // SAFETY: `param` is live and ours alone; each call stores one value.
    unsafe {
        ffi::X509_VERIFY_PARAM_set_flags(param, flags);
        ffi::X509_VERIFY_PARAM_set_purpose(param, purpose);
        if trust != 0 {
            sys::X509_VERIFY_PARAM_set_trust(param, trust);
        }
        ffi::X509_VERIFY_PARAM_set_depth(param, case.depth().saturating_add(SELF_ISSUED_ALLOWANCE as c_int));
        ffi::X509_VERIFY_PARAM_set_auth_level(param, case.policy.security_level.max(case.wishes.auth_level()));
        ffi::X509_VERIFY_PARAM_set_hostflags(param, ffi::X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // RFC 5280 6.1.1 (c): any policy will do where the program names none. Without a word OpenSSL takes none, and
        // refuses where one is required.
        if policies.is_null() {
            sys::X509_VERIFY_PARAM_add0_policy(param, ffi::OBJ_nid2obj(sys::NID_ANY_POLICY));
        } else {
            sys::X509_VERIFY_PARAM_set1_policies(param, policies);
        }
        if let Some(time) = case.time.filter(|_| timeless == 0) {
            ffi::X509_VERIFY_PARAM_set_time(param, time as libc::time_t);
        }
    }
    Ok(param)
}

/// What [`review`] must know of its verification.
struct Notes<'a> {
    case: &'a Case<'a>,
    inquiry: Inquiry<'a>,
}

impl<'a> Notes<'a> {
    /// The notes of a verification; a CRL issuer's own chain is verified in a context of its own, with a parent.
    ///
    /// # Safety
    /// `context` is live, and inside of a verification that `run` prepared, which outlives the reference.
    unsafe fn of(mut context: *mut ffi::X509_STORE_CTX) -> Option<&'a Notes<'a>> {
        loop {
            // SAFETY: the caller promises a live context, whose parents are live.
            let parent = unsafe { sys::X509_STORE_CTX_get0_parent_ctx(context) };
            if parent.is_null() {
                break;
            }
            context = parent;
        }
        // SAFETY: `run_with` lays its notes out as long as it verifies in this context, and they live longer.
        running::notes_of(context).map(|notes| unsafe { &*notes.cast() })
    }
}

struct StoreContext(*mut ffi::X509_STORE_CTX);

impl StoreContext {
    fn new() -> Result<StoreContext> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::X509_STORE_CTX_new() };
        if raw.is_null() { Err(out_of_memory()) } else { Ok(StoreContext(raw)) }
    }

    /// The chain that was built, with owners of its own.
    fn chain(&self) -> Vec<X509> {
        // SAFETY: NULL or a stack that the context owns.
        let built = unsafe { ffi::X509_STORE_CTX_get0_chain(self.0) };
        if built.is_null() {
            return Vec::new();
        }
        // SAFETY: live as long as the context.
        unsafe { StackRef::<X509>::from_ptr(built) }.iter().map(ToOwned::to_owned).collect()
    }
}

impl Drop for StoreContext {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { ffi::X509_STORE_CTX_free(self.0) };
    }
}

/// The error for an allocation that OpenSSL could not make.
pub fn out_of_memory() -> Error {
    Error::new(Status::EInternal, "OpenSSL has no memory left for the verification")
}
