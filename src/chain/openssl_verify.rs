//! One run of OpenSSL's own chain verification, with parameters made from nothing. It finds a chain, checks signatures,
//! dates, path lengths, policies and CRLs; what OpenSSL is too strict or too lax about, [`verdict`](super::verdict) decides.

use std::ffi::{c_int, c_ulong};

use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::codes;
use crate::chain::by_key::{self, Issuers};
use crate::chain::case::{Case, SELF_ISSUED_ALLOWANCE};
use crate::chain::evidence::Evidence;
use crate::chain::inquiry::Inquiry;
use crate::chain::known_signatures::Signatures;
use crate::chain::waivers::Waiver;
use crate::error::{Error, Result};
use crate::libssl::verification::{self, OutOfMemory, Reviewer, stack};
use crate::libssl::{OwnParam, StoreCtx, issuing, sys};
use crate::os::clock;
use crate::policy::Check;
use crate::revocation;
use crate::role::Role;

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
        /// What tells who issued whom.
        issuers: Issuers,
    },
}

/// Verifies the case's leaf.
pub fn run(
    case: &Case<'_>,
    material: &Material<'_>,
    extra_flags: c_ulong,
    signatures: &Signatures,
) -> Result<Outcome> {
    let (mut own_stacks, mut own_store) = (None, None);
    if let Material::Path { anchor, between, issuers } = material {
        own_stacks = Some((stack(std::slice::from_ref(&(*anchor).to_owned()))?, stack(between)?));
        if *issuers == Issuers::ByKey {
            own_store = Some(by_key::store(case, anchor, between)?);
        }
    }
    let evidence = Evidence::of(case);
    // Who else may have issued whom is no question for the memory.
    let signatures = own_store.is_none().then_some(signatures);
    let review = Review { case, inquiry: Inquiry::new(&case.revocation, &evidence), signatures };
    let found = verification::verify(
        &verification::Material {
            store: own_store.as_deref().unwrap_or(case.store),
            anchors: own_stacks.as_ref().map(|(anchors, _)| &**anchors),
            leaf: case.leaf,
            untrusted: own_stacks.as_ref().map_or(case.untrusted, |(_, between)| Some(between)),
            crls: case.revocation.crls.stack(),
        },
        parameters(case, extra_flags)?,
        &review,
    )?;
    let (depth, chain) = (usize::try_from(found.depth).unwrap_or(0), found.chain);
    let refusal = match found.code {
        ffi::X509_V_OK => evidence.check(&chain).err(),
        // Where nothing says that it is not revoked, something may say that it is.
        code if revocation::is_about_crls(code) => {
            let of_own = || evidence.of_own(&chain, depth);
            evidence.check_revoked(&chain).err().or_else(of_own).or_else(|| review.inquiry.refusal(code))
        }
        code => review.inquiry.refusal(code),
    };
    let code = refusal.as_ref().map_or(found.code, Error::x509_code);
    Ok(Outcome { code, depth, refusal, chain })
}

/// What answers OpenSSL: it may go on only past what hostlock judges by itself.
struct Review<'a> {
    case: &'a Case<'a>,
    inquiry: Inquiry<'a>,
    signatures: Option<&'a Signatures>,
}

impl Reviewer for Review<'_> {
    fn review(&self, ok: bool, context: StoreCtx<'_>) -> bool {
        let good = self.decide(ok, context);
        // The code that stands there would otherwise be the outcome.
        match (ok, good) {
            (false, true) => context.set_error(ffi::X509_V_OK),
            (true, false) => context.set_error(ffi::X509_V_ERR_CERT_REVOKED),
            _ => {}
        }
        good
    }

    fn knows_signatures(&self, context: StoreCtx<'_>) -> bool {
        crate::nets::here!("known signatures");
        self.signatures.is_some_and(|signatures| signatures.are_known(context))
    }

    fn signatures_are_good(&self) {
        if let Some(signatures) = self.signatures {
            signatures.are_good();
        }
    }
}

impl Review<'_> {
    /// Whether the verification goes on: past a failure that is forgiven, or with the issuer of a CRL that no delta revokes.
    fn decide(&self, accepted: bool, context: StoreCtx<'_>) -> bool {
        crate::nets::here!("chain verify callback");
        if !accepted {
            return self.forgives(context);
        }
        context.error_depth() != 0 || self.inquiry.evidence().check_revoked(&context.chain()).is_ok()
    }

    fn forgives(&self, context: StoreCtx<'_>) -> bool {
        if self.inquiry.forgives(context) {
            return true;
        }
        let (case, code) = (self.case, context.error());
        // What the program itself made strict holds for the whole chain, as OpenSSL applies it.
        let strict = case.wishes.flags() & ffi::X509_V_FLAG_X509_STRICT != 0;
        if !strict && is_form_of_anchor(context, code, case) {
            return true;
        }
        match code {
            // Home-made CAs leave these out, and nothing is less certain for it.
            codes::X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER
            | codes::X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER
            | codes::X509_V_ERR_CA_CERT_MISSING_KEY_USAGE => !strict && !case.policy.demands(Check::IdentifiersPresent),
            codes::X509_V_ERR_CA_BCONS_NOT_CRITICAL => !strict && !case.policy.demands(Check::CriticalConstraints),
            // Name constraints are evaluated once more, by our own rules, on the chain that is built.
            ffi::X509_V_ERR_PERMITTED_VIOLATION
            | ffi::X509_V_ERR_EXCLUDED_VIOLATION
            | ffi::X509_V_ERR_SUBTREE_MINMAX
            | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE
            | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX
            | ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX => true,
            ffi::X509_V_ERR_CERT_HAS_EXPIRED => expires_this_second(context, case.time),
            _ => false,
        }
    }
}

/// Whether `code` is one that only X509_STRICT brings, about the form of the trust anchor: that is what the program named,
/// and of it RFC 5280 6.1 takes the name and the key. What OpenSSL finds without X509_STRICT stands.
fn is_form_of_anchor(context: StoreCtx<'_>, code: c_int, case: &Case<'_>) -> bool {
    let last = context.chain_length() - 1;
    let Some(certificate) = context.current_certificate().filter(|_| last >= 0 && context.error_depth() == last) else {
        return false;
    };
    match code {
        codes::X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA..=codes::X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3
        | codes::X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY
        | codes::X509_V_ERR_EMPTY_AUTHORITY_KEY_IDENTIFIER
        | codes::X509_V_ERR_AKID_ISSUER_SERIAL_NOT_PAIRED => last > 0,
        // Beside basicConstraints OpenSSL takes version 1, the key usage or Netscape's type for a CA's word, by numbers
        // above 1; only X509_STRICT does not. A trusted leaf is its own anchor, and may be a CA's or not.
        ffi::X509_V_ERR_INVALID_CA => issuing::check_ca(certificate) > 0,
        // The same numbers, where its extended key usages permit the purpose.
        ffi::X509_V_ERR_INVALID_PURPOSE if last > 0 => {
            let (purpose, _) = purpose_and_trust(case);
            issuing::check_purpose(certificate, purpose, true) > 0
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
fn expires_this_second(context: StoreCtx<'_>, now: Option<i64>) -> bool {
    let before = now.unwrap_or_else(clock::now).saturating_sub(1);
    context.current_certificate().is_some_and(|one| issuing::compare_time(one.not_after(), before) == 1)
}

/// Parameters made from nothing: the policy's, tightened by the program's wishes.
fn parameters(case: &Case<'_>, extra_flags: c_ulong) -> Result<OwnParam> {
    let mut param = OwnParam::new().ok_or(OutOfMemory)?;
    let (purpose, trust) = purpose_and_trust(case);
    let timeless = if case.waivers.has(Waiver::Time) { ffi::X509_V_FLAG_NO_CHECK_TIME } else { 0 };
    let wished = case.wishes.flags();
    let flags = case.policy.verify_flags | wished | case.revocation.flags(wished) | timeless | extra_flags;
    // See `Evidence`.
    param.set_flags(flags & !ffi::X509_V_FLAG_USE_DELTAS);
    param.set_purpose(purpose);
    if trust != 0 {
        param.set_trust(trust);
    }
    param.set_depth(case.depth().saturating_add(SELF_ISSUED_ALLOWANCE as c_int));
    param.set_auth_level(case.policy.security_level.max(case.wishes.auth_level()));
    param.set_host_flags(ffi::X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    // RFC 5280 6.1.1 (c): any policy will do where the program names none. Without a word OpenSSL takes none, and refuses
    // where one is required.
    match case.wishes.asked()?.policies {
        Some(policies) => param.set_policies(policies),
        None => param.permit_any_policy(),
    }
    if let Some(time) = case.time.filter(|_| timeless == 0) {
        param.set_time(time);
    }
    Ok(param)
}
