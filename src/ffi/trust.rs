//! Section "Trust anchors" of the header: which CAs count
//!
//! Where a program names nothing a context trusts the system's roots. The first hostlock_ctx_trust_* call that
//! succeeds, or the first certificates that the program gives the context through OpenSSL
//! (SSL_CTX_load_verify_locations and its like), replace them; what is named later is added. A call of OpenSSL's that
//! names certificates and fails replaces them too: then there is no anchor, and handshakes are refused.
//! SSL_CTX_set_cert_store replaces all that was named before.
//!
//! Paths are in the encoding of the file system; files are read by the call, and copied. Each of these functions
//! answers 0, or: HOSTLOCK_E_NOT_FOUND; HOSTLOCK_E_WRONG_FILE_TYPE (a directory, FIFO, socket or device; it is not
//! opened); HOSTLOCK_E_FILE_IO (not readable, or too large); HOSTLOCK_E_EMPTY; HOSTLOCK_E_BAD_PEM (neither PEM nor DER,
//! or damaged: the message names the block and the line); HOSTLOCK_E_WRONG_PEM (only a key, for example);
//! HOSTLOCK_E_STATE (the program gave the context an X509_STORE of its own, which other contexts may share). A store that it
//! gave before hostlock_harden is not told from the context's own: other contexts that share it trust what is named here too.
//!
//! After a failure the context refuses its handshakes with HOSTLOCK_E_POISONED until a hostlock_ctx_trust_* call
//! succeeds; a successful call of OpenSSL's own does not cure it.

use std::ffi::{c_char, c_int};
use std::path::Path;
use std::sync::Arc;

use super::boundary::{bytes, not_null, pointer, status, string_for_c, text_bytes};
use super::{guarded, hostlock_ctx};
use crate::error::{Error, Result, Status};
use crate::guard::Family;
use crate::handshake::client_certificate;
use crate::trust::Index;
use crate::trust::decode::Broken;
use crate::trust::named::Origin;
use crate::trust::source::{self, Input};

/// Trusts the CA certificates in a file: PEM, with any number of CERTIFICATE, X509 CERTIFICATE or TRUSTED CERTIFICATE
/// blocks (the trust settings of the latter are honoured), or one certificate in DER; 64 MiB at most. CRLs in it are
/// used where revocation is checked; keys and other blocks are ignored.
///
/// A file is taken whole or not at all. On a context of a policy with "+skip-broken" a CERTIFICATE block that is
/// complete but holds no certificate is left out, and the others count (`hostlock roots list --skip-broken` names it).
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_file(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and what the loader is given.
    unsafe { trust(ctx, "hostlock_ctx_trust_file", |broken| named(Input::File(path_of(path)?), broken)) }
}

/// Trusts the CA certificates in a directory. Every regular file in it (or link to one) is read now if its name ends in
/// .pem, .crt or .cer, or is a hash as `openssl rehash` makes it; so a hashed directory and a plain one do alike, and
/// files that come later are not seen. A broken file refuses the whole directory, and the message names it; a file with
/// well-formed PEM of another kind (a key), and a link that leads nowhere, are passed over. No file at all is
/// HOSTLOCK_E_EMPTY.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_dir(ctx: *mut hostlock_ctx, path: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and what the loader is given.
    unsafe { trust(ctx, "hostlock_ctx_trust_dir", |broken| named(Input::Directory(path_of(path)?), broken)) }
}

/// Trusts the CA certificates in memory: `data` is what a file for hostlock_ctx_trust_file would hold, `len` bytes of
/// it (without a terminating NUL). HOSTLOCK_E_ARG for more than 64 MiB.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `data` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_mem(ctx: *mut hostlock_ctx, data: *const u8, len: usize) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and what the loader is given.
    unsafe {
        trust(ctx, "hostlock_ctx_trust_mem", |broken| named(Input::Memory(bytes(data, len, "data")?), broken))
    }
}

/// Trusts the system's roots, besides what else is named: the way to have a private CA *and* the public ones. It is not
/// needed where nothing else is named.
///
/// They are those in the file of SSL_CERT_FILE and the directories of SSL_CERT_DIR where these are set (not in a setuid
/// process), else the operating system's, else the bundled ones. The environment is looked at by this call, and where
/// nothing is named when the context is made or hardened. What the environment names must be good: a missing or broken file is an
/// error here, and in the handshake where the roots were not asked for by this call.
///
/// They are read once per process, and again when the files have changed: the next context sees it at once where a file
/// or directory was exchanged, or within a second where a file inside of a directory was written over in its place.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_system(ctx: *mut hostlock_ctx) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and what the loader is given.
    unsafe { trust(ctx, "hostlock_ctx_trust_system", |_| Ok((source::system()?, Origin::System))) }
}

/// Trusts Mozilla's roots as bundled with hostlock, besides what else is named.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_bundled(ctx: *mut hostlock_ctx) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl, and what the loader is given.
    unsafe { trust(ctx, "hostlock_ctx_trust_bundled", |_| Ok((source::bundled(), Origin::Fixed))) }
}

/// Writes to `*count` how many trust anchors the context has now; the system's where nothing was named. What lies in
/// the system's hashed directories behind its bundle counts too, each certificate once, as the files are now.
/// Certificates in a directory that the program named through OpenSSL count when a handshake has found them.
/// HOSTLOCK_E_POISONED after a hostlock_ctx_trust_* call that failed, for then no number is the truth.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`; `count` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_count(ctx: *mut hostlock_ctx, count: *mut usize) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        not_null(count, "count")?;
        if let Some(error) = guard.poison(Family::Trust) {
            return Err(error);
        }
        let counted = guard.anchors.count(ctx)?;
        // SAFETY: the caller promises a writable place, and it is not NULL.
        unsafe { count.write(counted) };
        Ok(())
    })
}

/// The trust anchors that the context has now, as hostlock_ctx_trust_count counts them, in words: a JSON array with one
/// object an anchor. Its members are "subject" (one line), "expires" (seconds since 1970), "sha256" (of the
/// certificate, in hexadecimal), "source" (where it came from), and "distrust_after": seconds since 1970, up to when a
/// certificate under it may have been issued, where a certdata.txt says so, or null. Nothing is loaded for it. Free it
/// with hostlock_string_free. NULL on failure, where hostlock_ctx_trust_count fails too.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_list(ctx: *mut hostlock_ctx) -> *mut c_char {
    pointer(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        if let Some(error) = guard.poison(Family::Trust) {
            return Err(error);
        }
        string_for_c(guard.anchors.list(ctx)?)
    })
}

/// Puts all trust anchors into the context's certificate store, for a program that looks into that itself
/// (SSL_CTX_get_cert_store with X509_STORE_get0_objects). Without it the store holds only what handshakes have asked
/// for. Verification needs no such call; it costs the time that hostlock saves, about 25 ms for the system's roots.
/// What lies in the system's hashed directories only stays there until a handshake asks for it.
///
/// Where nothing was named this names the system's roots, as hostlock_ctx_trust_system does: certificates that the
/// program loads later are added to them, and do not replace them.
///
/// 0, or: HOSTLOCK_E_NO_TRUST_ANCHORS; HOSTLOCK_E_STATE; what hostlock_ctx_trust_system answers on failure.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_ctx_trust_materialize(ctx: *mut hostlock_ctx) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        if let Some(error) = guard.poison(Family::Trust) {
            return Err(error);
        }
        guard.anchors.materialize(ctx)
    })
}

fn named(input: Input<'_>, broken: Broken) -> Result<(Arc<Index>, Origin)> {
    Ok((source::index(input, broken)?, Origin::of(input)))
}

/// # Safety
/// `ctx` is NULL or live.
unsafe fn trust(ctx: *mut hostlock_ctx, call: &str, load: impl FnOnce(Broken) -> Result<(Arc<Index>, Origin)>) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a live context of any libssl, for the length of this call.
        let (ctx, guard) = unsafe { guarded(ctx)? };
        let _one_at_a_time = guard.loading();
        let prepare = || {
            let (index, origin) = load(guard.broken_anchors)?;
            guard.anchors.add_index(ctx, index, origin)
        };
        guard.configure(Family::Trust, call, prepare, |_, ()| {})?;
        client_certificate::require(ctx, guard);
        Ok(())
    })
}

/// # Safety
/// `path` is NULL or NUL-terminated, and outlives the result.
pub(super) unsafe fn path_of<'a>(path: *const c_char) -> Result<&'a Path> {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    unsafe { path_named(path, "path") }
}

/// # Safety
/// `path` is NULL or NUL-terminated, and outlives the result.
pub(super) unsafe fn path_named<'a>(path: *const c_char, name: &str) -> Result<&'a Path> {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    let bytes = unsafe { text_bytes(path, name)? };
    if bytes.is_empty() {
        return Err(Error::new(Status::EArg, format!("{name} is empty")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
    }
    #[cfg(not(unix))]
    std::str::from_utf8(bytes).map(Path::new).map_err(|_| Error::new(Status::EArg, format!("{name} is not UTF-8")))
}
