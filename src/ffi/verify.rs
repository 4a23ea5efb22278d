//! Section "Verification" of the header: at which moment, how strictly, and without a connection

use std::ffi::{c_char, c_int};

use super::boundary::{bytes, status, text, text_bytes};
use super::{guard_of, guarded, hostlock_ctx};
use crate::chain::stricter;
use crate::connection::elsewhere::{self, Handshake};
use crate::context::offline;
use crate::error::{Error, Result, Status};
use crate::guard::Family;
use crate::host::Reference;

/// Judges a certificate chain exactly as a handshake of this context would: by its trust anchors, policy, time, depth,
/// flags and revocation lists, and by the host. A client context judges servers, a server context judges clients.
/// Only a stapled OCSP answer is missing here, as it comes with a handshake.
///
/// `chain` is `len` bytes of PEM: the peer's own certificate first, then the intermediates in any order. Or it is the
/// same in DER, one certificate behind the other. A private key among the PEM is ignored. `host` is a DNS name, an IP
/// address, or "email:user@host"; NULL is for server contexts, and for contexts that have a host of their own. 0, or
/// the status.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `chain` is NULL or `len` readable bytes; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_verify_chain(
    ctx: *mut hostlock_ctx,
    chain: *const u8,
    len: usize,
    host: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or so many readable bytes, for the length of this call.
        let chain = unsafe { bytes(chain, len, "chain")? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = unsafe { host_of(host)? };
        offline::verify(ctx, guard, chain, host)
    })
}

/// Judges a handshake that another TLS library made, as if it were one of this context's own. It is for programs and
/// languages that do not use OpenSSL, or use one that hostlock cannot reach. Call it when the handshake is complete and
/// before the first byte of data. If it refuses, close the connection.
///
/// `chain`, `len`: the certificates in the order in which the peer sent them, as hostlock_ctx_verify_chain takes them;
/// `len` 0 means that it showed none, which is refused. `host` is the one asked for, as there. `version` and `cipher`
/// are what was agreed on, in OpenSSL's names: "TLSv1.3" and "TLS_AES_256_GCM_SHA384", as SSL_get_version and
/// SSL_get_cipher_name give them, and SSLSocket.version() and cipher()[0] in Python. `staple`, `staple_len`: the OCSP
/// response (DER, RFC 6960) that came beside the server's own certificate; NULL or 0 bytes where none came.
///
/// The errors are those of connections, in this order: HOSTLOCK_E_NO_COMMON_VERSION and HOSTLOCK_E_NO_COMMON_CIPHER for
/// what the context would not have offered; then what is wrong with the certificates; then HOSTLOCK_E_REVOKED,
/// _REVOCATION_UNKNOWN and the like for the staple. A certificate that demands a staple (RFC 7633) is refused without
/// one. So a TLS library that cannot ask for staples reaches such a server only if hostlock_ctx_set_ocsp_mode is "off".
/// HOSTLOCK_E_ARG: an unknown version, NULL for one of the texts, or a staple for a server's context.
///
/// It cannot see, and so does not judge, the signature by which the peer proved that it has the key, the key exchange
/// group, and renegotiations. Nor does it see whether a session was resumed; `chain` must then be that of the full
/// handshake.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `chain` is NULL or `len` readable bytes, and `staple` NULL or `staple_len`; `host` is NULL
/// or NUL-terminated, and so are `version` and `cipher`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_verify_peer(
    ctx: *mut hostlock_ctx,
    chain: *const u8,
    len: usize,
    host: *const c_char,
    version: *const c_char,
    cipher: *const c_char,
    staple: *const u8,
    staple_len: usize,
) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        // SAFETY: the caller promises NULL or so many readable bytes, for the length of this call.
        let chain = if len == 0 { &[] } else { unsafe { bytes(chain, len, "chain")? } };
        // SAFETY: the caller promises NULL or texts that end, for the length of this call.
        let (version, suite) = unsafe { (text(version, "version")?, text(cipher, "cipher")?) };
        let staple = match staple_len {
            0 => None,
            // SAFETY: the caller promises NULL or so many readable bytes, for the length of this call.
            _ => Some(unsafe { bytes(staple, staple_len, "staple")? }),
        };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let host = unsafe { host_of(host)? };
        elsewhere::verify(ctx, guard, &Handshake { chain, version, suite, staple }, host)
    })
}

/// # Safety
/// `host` is NULL or NUL-terminated.
unsafe fn host_of(host: *const c_char) -> Result<Option<Reference>> {
    if host.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    Ok(Some(Reference::parse_any_bytes(unsafe { text_bytes(host, "host")? })?))
}

/// Verifies as of this moment instead of now. It is in seconds since 1970-01-01 UTC.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_verify_time(ctx: *mut hostlock_ctx, unix_seconds: i64) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        let prepare = || stricter::time(unix_seconds);
        guard.configure(
            Family::Setting("hostlock_ctx_set_verify_time"),
            "hostlock_ctx_set_verify_time",
            prepare,
            |settings, time| settings.verify_time = Some(time),
        )
    })
}

/// The most intermediate certificates between the peer's own and its trust anchor, in place of the policy's 10.
/// Self-issued certificates do not count.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_verify_depth(ctx: *mut hostlock_ctx, intermediates: c_int) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        let prepare = || match intermediates {
            0.. => Ok(intermediates),
            _ => Err(Error::new(Status::EArg, format!("a chain of {intermediates} intermediates is impossible"))
                .with_hint("0 permits only certificates that an anchor issued")),
        };
        guard.configure(
            Family::Setting("hostlock_ctx_set_verify_depth"),
            "hostlock_ctx_set_verify_depth",
            prepare,
            |settings, depth| settings.verify_depth = Some(depth),
        )
    })
}

/// Makes verification stricter by a comma-separated list of words, in place of those of an earlier call:
/// "explicit-policy" (some certificate policy must hold for the whole chain, RFC 5280 6.1.1), "inhibit-any-policy",
/// "inhibit-policy-mapping", "stated-purpose" (the peer's certificate must have extended key usages, CA/B Forum BR
/// 7.1.2.7.6), "crl-check" (the peer's own certificate needs a CRL), "crl-check-all" (every certificate below the
/// anchor does). An empty list takes all of them back. No word makes verification laxer.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `words` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_set_verify_flags(ctx: *mut hostlock_ctx, words: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let guard = unsafe { guard_of(ctx)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let prepare = || stricter::stricter(unsafe { text(words, "words")? });
        guard.configure(
            Family::Setting("hostlock_ctx_set_verify_flags"),
            "hostlock_ctx_set_verify_flags",
            prepare,
            |settings, stricter| {
                settings.verify_flags = stricter.flags;
                settings.verify_checks = stricter.checks;
            },
        )
    })
}
