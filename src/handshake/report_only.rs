//! What would have become of a connection that is only watched: its verdict, once its handshake is complete. It changes
//! nothing.

use std::ffi::CStr;

use foreign_types::ForeignType;
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::chain::verdict::{self, Wishes};
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::guard::observer::{End, Excused, Observer, Occasion};
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::expected_host;
use crate::host::Wanted;
use crate::libssl::queue::Quiet;
use crate::policy::Policy;
use crate::role::Role;
use crate::trust::anchors::effective_store;

/// The end of a handshake that is complete.
///
/// # Safety
/// `ssl` is a live client's `SSL` of `guard`'s context in the thread that uses it.
pub unsafe fn end_of_watched(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch, observer: &'static dyn Observer) -> End {
    let quiet = Quiet::begin();
    // SAFETY: as the caller promises, here and below; the reference was made for us.
    let leaf = unsafe {
        let leaf = ffi::SSL_get1_peer_certificate(ssl);
        if leaf.is_null() { None } else { Some(X509::from_ptr(leaf)) }
    };
    // SAFETY: as above.
    let wanted = unsafe { expected_host::of_connection(ssl, guard, Some(watch), &quiet) };
    let verdict = watch.state().verdict.clone();
    // SAFETY: as above.
    let judged = unsafe { check_agreement(ssl, guard.policy) }.and_then(|()| match (verdict, &wanted) {
        (Verdict::Refused(error), _) => Err(error),
        (Verdict::Verified { .. } | Verdict::Excused(_), _) => Ok(()),
        // A session was resumed, or a callback replaced: the certificate went past the hooks.
        (Verdict::Pending, Err(error)) => Err(error.clone()),
        // SAFETY: as above.
        (Verdict::Pending, Ok(wanted)) => unsafe { judge(ssl, guard, leaf.as_ref(), wanted) },
    });
    let wanted = wanted.ok();
    let Err(refusal) = judged else {
        return End::Connected(wanted.as_ref().and_then(Wanted::first).map(|host| host.text().into_owned()));
    };
    // SAFETY: as above.
    match unsafe { observer.exception(&Occasion { ssl, leaf: leaf.as_deref(), wanted: wanted.as_ref() }) } {
        Some(by) => End::Excused(Excused { refusal, by }),
        None => End::WouldRefuse(refusal),
    }
}

unsafe fn judge(ssl: *mut ffi::SSL, guard: &Guard, leaf: Option<&X509>, wanted: &Wanted) -> Result<()> {
    let Some(leaf) = leaf else {
        return Err(Error::new(Status::ENoCertificate, "the peer showed no certificate, so nothing says who it is"));
    };
    // SAFETY: `ssl` is live in its own thread; its context lives as long, and the store as long as the context.
    let store = unsafe { guard.anchors.in_force(effective_store(ffi::SSL_get_SSL_CTX(ssl)), true)? };
    // SAFETY: as above.
    let (untrusted, wishes) = unsafe { (ffi::SSL_get_peer_cert_chain(ssl), Wishes::read(ffi::SSL_get0_param(ssl))) };
    let case = case::of(guard, Role::Client, leaf, untrusted, store, Some(wanted), wishes);
    verdict::judge(&case).map(|_| ()).map_err(|refusal| refusal.error)
}

/// Whether the policy permits what both sides agreed upon.
unsafe fn check_agreement(ssl: *mut ffi::SSL, policy: &Policy) -> Result<()> {
    // SAFETY: `ssl` is live in its own thread, here and below; the texts are static.
    let (version, name) = unsafe { (ffi::SSL_version(ssl), CStr::from_ptr(ffi::SSL_get_version(ssl))) };
    if !(policy.min_version..=policy.max_version).contains(&version) {
        let why = format!("the connection uses {}, which the policy does not permit", name.to_string_lossy());
        return Err(Error::new(Status::ENoCommonVersion, why));
    }
    // SAFETY: as above.
    let suite = unsafe { ffi::SSL_get_current_cipher(ssl) };
    // SAFETY: the suite is NULL or static.
    if !suite.is_null() && !policy.permits_suite(unsafe { ffi::SSL_CIPHER_get_protocol_id(suite) }) {
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr(ffi::SSL_CIPHER_get_name(suite)) }.to_string_lossy();
        let why = format!("the connection uses the suite {name}, which the policy does not permit");
        return Err(Error::new(Status::ENoCommonCipher, why));
    }
    Ok(())
}
