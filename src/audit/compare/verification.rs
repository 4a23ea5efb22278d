//! How peers are verified: whether at all, for which host, by which parameters, with which trust anchors.

use std::ffi::c_ulong;

use openssl_sys as ffi;

use crate::audit::facts::{Facts, Object, Replaced, Side, Trust, Verification};
use crate::audit::kinds;
use crate::audit::report::Finding;
use crate::host::Reference;
use crate::policy::Policy;



/// OpenSSL's limit where nobody sets one.
const DEFAULT_DEPTH: i32 = 100;

/// The names of `X509_V_FLAG_*` bits that a policy may demand.
const FLAGS: &[(c_ulong, &str)] = &[
    (ffi::X509_V_FLAG_X509_STRICT, "X509_V_FLAG_X509_STRICT"),
    (ffi::X509_V_FLAG_TRUSTED_FIRST, "X509_V_FLAG_TRUSTED_FIRST"),
    (ffi::X509_V_FLAG_POLICY_CHECK, "X509_V_FLAG_POLICY_CHECK"),
    (ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT, "X509_V_FLAG_EXTENDED_CRL_SUPPORT"),
    (ffi::X509_V_FLAG_USE_DELTAS, "X509_V_FLAG_USE_DELTAS"),
];

/// OpenSSL verifies with these, whoever sets what.
const ALWAYS_ON: c_ulong = ffi::X509_V_FLAG_TRUSTED_FIRST;

/// Whether peers are verified, and by whom.
pub fn mode(facts: &Facts) -> Vec<Finding> {
    let verification = &facts.verification;
    let mut found = Vec::new();
    let verifies = verification.mode & ffi::SSL_VERIFY_PEER != 0;
    if !verifies && facts.side.may_connect() {
        let detail = match facts.side {
            Side::Either => "the mode is SSL_VERIFY_NONE; the method serves both sides, and for a server this is usual",
            _ => "the mode is SSL_VERIFY_NONE",
        };
        found.push(kinds::VERIFICATION_OFF.found().with_detail(detail));
    }
    if !verifies && facts.side == Side::Server {
        return found;
    }
    match verification.replaced {
        Replaced::ByProgram => found.push(kinds::OWN_CERT_VERIFY_CALLBACK.found()),
        Replaced::Unknown => found.push(kinds::CERT_VERIFY_CALLBACK_UNKNOWN.found()),
        Replaced::No | Replaced::ByHostlock => {}
    }
    let doors = [
        (verification.own_callback, "SSL_CTX_set_verify or SSL_set_verify"),
        (verification.own_store_callback, "X509_STORE_set_verify_cb"),
    ];
    let doors: Vec<&str> = doors.into_iter().filter(|(is_open, _)| *is_open).map(|(_, door)| door).collect();
    if !doors.is_empty() {
        found.push(kinds::OWN_VERIFY_CALLBACK.found().with_detail(format!("set by {}", doors.join(", and by "))));
    }
    found.extend(store_functions(facts));
    if verification.flags & ffi::X509_V_FLAG_NO_CHECK_TIME != 0 {
        found.push(kinds::NO_CHECK_TIME.found());
    }
    if verification.flags & ffi::X509_V_FLAG_USE_CHECK_TIME != 0 {
        found.push(kinds::FIXED_TIME.found());
    }
    found
}

/// The functions of the program in the certificate store, where there are any.
pub fn store_functions(facts: &Facts) -> Option<Finding> {
    let setters = &facts.verification.own_store_functions;
    (!setters.is_empty()).then(|| kinds::OWN_STORE_FUNCTIONS.found().with_items(setters.iter().copied()))
}

/// Which host a server must prove to be, and how its names are matched.
pub fn names(facts: &Facts) -> Vec<Finding> {
    if !facts.side.may_connect() {
        return Vec::new();
    }
    let verification = &facts.verification;
    let mut found = Vec::new();
    if verification.hosts.is_empty() && verification.other_names.is_empty() {
        found.push(no_host(facts.object, verification));
    }
    let lax = verification.hosts.iter().filter(|host| Reference::parse(host).is_err());
    let lax: Vec<String> = lax.map(|host| format!("{host:?}")).collect();
    if !lax.is_empty() {
        found.push(kinds::LAX_HOST.found().with_items(lax));
    }
    let flags = verification.host_flags;
    if flags & ffi::X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT != 0 {
        found.push(kinds::COMMON_NAME_ALWAYS.found());
    } else if flags & ffi::X509_CHECK_FLAG_NEVER_CHECK_SUBJECT == 0 {
        found.push(kinds::COMMON_NAME.found());
    }
    if flags & ffi::X509_CHECK_FLAG_NO_WILDCARDS == 0 {
        if flags & ffi::X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS == 0 {
            found.push(kinds::PARTIAL_WILDCARDS.found());
        }
        if flags & ffi::X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS != 0 {
            found.push(kinds::MULTI_LABEL_WILDCARDS.found());
        }
    }
    found
}

fn no_host(object: Object, verification: &Verification) -> Finding {
    match (object, &verification.sni) {
        (Object::Context, _) => kinds::NO_HOST_ON_CONTEXT.found(),
        (Object::Connection, None) => kinds::NO_HOST.found(),
        (Object::Connection, Some(name)) => kinds::NO_HOST
            .found()
            .with_detail(format!("the SNI asks for {name:?}, but the certificate is not compared with it"))
            .with_fix(format!("SSL_set1_host(ssl, {name:?})")),
    }
}

/// The parameters of chain building, beside the policy's.
pub fn parameters(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let verification = &facts.verification;
    if facts.side == Side::Server && verification.mode & ffi::SSL_VERIFY_PEER == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let has = |flag: c_ulong| verification.flags & flag != 0;
    if has(ffi::X509_V_FLAG_CRL_CHECK_ALL) && !has(ffi::X509_V_FLAG_CRL_CHECK) {
        found.push(kinds::CRL_CHECK_WITHOUT_EFFECT.found());
    }
    if has(ffi::X509_V_FLAG_PARTIAL_CHAIN) {
        found.push(kinds::PARTIAL_CHAIN.found());
    }
    if has(ffi::X509_V_FLAG_ALLOW_PROXY_CERTS) {
        found.push(kinds::PROXY_CERTIFICATES.found());
    }
    let missing = policy.verify_flags & !verification.flags & !ALWAYS_ON;
    let missing: Vec<&str> = FLAGS.iter().filter(|(flag, _)| missing & flag != 0).map(|(_, name)| *name).collect();
    if !missing.is_empty() {
        let fix = format!("X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), {})", missing.join(" | "));
        found.push(kinds::LENIENT_CHAINS.found().with_items(missing).with_fix(fix));
    }
    found.extend(purpose(facts));
    let depth = verification.depth.unwrap_or(DEFAULT_DEPTH);
    if depth > policy.verify_depth {
        let detail = format!("up to {depth} intermediates, the policy's are {}", policy.verify_depth);
        let fix = format!("SSL_CTX_set_verify_depth(ctx, {})", policy.verify_depth);
        found.push(kinds::LONG_CHAINS.found().with_detail(detail).with_fix(fix));
    }
    if let Some(level) = verification.auth_level.filter(|level| *level < policy.security_level) {
        let detail = format!("the level for authentication is {level}, the policy's is {}", policy.security_level);
        found.push(kinds::AUTH_LEVEL.found().with_detail(detail));
    }
    found
}

fn purpose(facts: &Facts) -> Option<Finding> {
    let purpose = facts.verification.purpose.filter(|purpose| *purpose != 0)?;
    let is_right = match facts.side {
        Side::Client => purpose == ffi::X509_PURPOSE_SSL_SERVER,
        Side::Server => purpose == ffi::X509_PURPOSE_SSL_CLIENT,
        Side::Either => matches!(purpose, ffi::X509_PURPOSE_SSL_CLIENT | ffi::X509_PURPOSE_SSL_SERVER),
    };
    let name = match purpose {
        ffi::X509_PURPOSE_SSL_CLIENT => "TLS clients",
        ffi::X509_PURPOSE_SSL_SERVER => "TLS servers",
        3 => "Netscape's servers",
        4 | 5 => "e-mail",
        6 => "signing CRLs",
        7 => "anything (X509_PURPOSE_ANY)",
        8 => "OCSP",
        9 => "time stamps",
        _ => "a purpose of the program's own",
    };
    (!is_right).then(|| kinds::WRONG_PURPOSE.found().with_detail(format!("the purpose is {name}")))
}

/// Whether there is anything to trust. A server without trust anchors accepts no client that shows a certificate.
pub fn trust(facts: &Facts) -> Vec<Finding> {
    if !facts.side.may_connect() {
        return Vec::new();
    }
    match &facts.trust {
        Trust::Holds(_) => Vec::new(),
        Trust::Empty => vec![kinds::EMPTY_TRUST_STORE.found()],
        Trust::MayFind => vec![kinds::TRUST_STORE_UNKNOWN.found()],
        Trust::Unknown(why) => vec![kinds::TRUST_STORE_UNKNOWN.found().with_detail(why.as_str())],
    }
}

/// What came of a handshake that is complete.
pub fn outcome(facts: &Facts) -> Vec<Finding> {
    let Some(handshake) = facts.handshake.as_ref().filter(|_| facts.side == Side::Client) else { return Vec::new() };
    if !handshake.peer_certificate {
        return vec![kinds::PEER_WITHOUT_CERTIFICATE.found()];
    }
    let refused = handshake.refusal.as_ref();
    refused.map(|why| kinds::UNVERIFIED_PEER.found().with_detail(format!("refused for: {why}"))).into_iter().collect()
}
