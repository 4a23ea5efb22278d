//! The CRLs that a CA signed with another of its keys than the one that issued the certificate: a CA that has changed its
//! key may publish with one key only (RFC 5280 6.3.3 (f)). OpenSSL looks for a CRL's issuer in the chain and among what
//! the peer sent, and only by key identifiers. A key counts here if its certificate bears the CA's name and is valid:
//! a trust anchor, or signed by one of the chain or the anchors.

use foreign_types::ForeignTypeRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::sys;
use crate::verify::explain;
use crate::verify::fields::Certificate;
use crate::verify::key;
use crate::verify::revocation::crl::Crl;
use crate::verify::revocation::crls::Crls;

/// Certificates of one CA that are looked at, of those that the peer sent: each costs signature checks.
const MOST_SENT: usize = 8;

/// Where the keys of a CA may be found.
pub struct Places<'a> {
    /// The chain above the certificate in question, its issuer first.
    pub above: &'a [X509],
    /// The trust anchors that bear the CA's name.
    pub anchors: &'a [X509],
    /// What the peer sent.
    pub sent: &'a [X509],
}

impl Places<'_> {
    /// The valid certificates of the CA that issued `certificate`, besides the one of the chain. `time` is the moment to
    /// judge for, in Unix seconds; `None` where dates do not count.
    pub fn others(&self, certificate: &X509Ref, time: Option<i64>) -> Vec<X509> {
        let is_of_ca =
            |one: &X509Ref| one.subject_name().try_cmp(certificate.issuer_name()).is_ok_and(|order| order.is_eq());
        let is_issued = |one: &X509| {
            self.above.iter().chain(self.anchors).any(|issuer| {
                // SAFETY: both are live; OpenSSL compares names, key identifiers and key usage.
                let named = unsafe { sys::X509_check_issued(issuer.as_ptr(), one.as_ptr()) } == ffi::X509_V_OK;
                named && issuer.public_key().is_ok_and(|key| one.verify(&key).unwrap_or(false))
            })
        };
        let sent = self.sent.iter().filter(|one| is_of_ca(one)).take(MOST_SENT).filter(|one| is_issued(one));
        self.anchors.iter().chain(sent).filter(|one| may_sign_crls(one) && is_current(one, time)).cloned().collect()
    }
}

/// Whether it is a CA's with a permitted key, and its key usage does not keep it from signing CRLs.
fn may_sign_crls(certificate: &X509Ref) -> bool {
    const CRL_SIGN: u32 = 2;
    // SAFETY: the certificate is live; OpenSSL reads its extensions. Without a key usage all bits are set.
    let (is_ca, usage) =
        unsafe { (sys::X509_check_ca(certificate.as_ptr()) != 0, sys::X509_get_key_usage(certificate.as_ptr())) };
    let has_good_key = || {
        let der = certificate.to_der().ok()?;
        key::check(&Certificate::parse(&der).ok()?).ok()
    };
    is_ca && usage & CRL_SIGN != 0 && has_good_key().is_some()
}

fn is_current(certificate: &X509Ref, time: Option<i64>) -> bool {
    let Some(now) = time else { return true };
    let from = explain::unix_seconds(certificate.not_before());
    let until = explain::unix_seconds(certificate.not_after());
    from.zip(until).is_some_and(|(from, until)| (from..=until).contains(&now))
}

/// Whether one of `crls` that a key of `signers` made says that `certificate` is not revoked: it is complete, it covers the
/// certificate, and it is in force, or merely too old where `expired` forgives that.
pub fn answers(crls: &Crls, certificate: &X509Ref, signers: &[X509], time: Option<i64>, expired: bool) -> bool {
    let is_in_force = |crl: &Crl| {
        let Some(now) = time else { return true };
        let next = crl.list().next_update().map(explain::unix_seconds);
        explain::unix_seconds(crl.list().last_update()).is_some_and(|from| from <= now)
            && (expired || next.is_none_or(|next| next.is_some_and(|next| now <= next)))
    };
    crls.iter().any(|crl| {
        !crl.is_delta()
            && crl.covers(certificate)
            && !crl.has_unknown_critical()
            && is_in_force(crl)
            && !crl.lists(certificate)
            && signers.iter().any(|signer| crl.is_signed_by(signer))
    })
}
