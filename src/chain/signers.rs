//! Whose CRLs count. A CA that has changed its key may publish with one key only (RFC 5280 6.3.3 (f)), and OpenSSL looks for
//! a CRL's issuer in the chain and among what the peer sent, and only by key identifiers. Here a key counts if its certificate
//! bears the name and is in the chain, is a trust anchor, or is signed by one of these.

use openssl::x509::{X509, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::chain::case::Case;
use crate::libssl::issuing::{self, check_issued};
use crate::libssl::verification::certificates_named;
use crate::moment::unix_seconds;
use crate::x509::certificate::Certificate;
use crate::x509::key;

/// Certificates of one CA that are looked at, of those that the peer sent: each costs signature checks.
const MOST_SENT: usize = 8;

/// The certificates of one name whose CRLs count for a certificate of a chain.
pub struct Signers {
    /// Those of the chain above it.
    above: Vec<X509>,
    /// The trust anchors.
    anchors: Vec<X509>,
    /// What the peer sent, where one of the chain above or of the anchors signed it.
    vouched: Vec<Vouched>,
}

impl Signers {
    /// Those named `name` for a certificate that has `above` above it in its chain.
    pub fn named(case: &Case<'_>, name: &X509NameRef, above: &[X509]) -> Signers {
        let bears = |one: &X509Ref| one.subject_name().try_cmp(name).is_ok_and(|order| order.is_eq());
        let anchors = certificates_named(case.store, name).unwrap_or_default();
        let signed = |one: &X509, issuer: &X509| {
            check_issued(issuer, one) == ffi::X509_V_OK
                && issuer.public_key().is_ok_and(|key| one.verify(&key).unwrap_or(false))
        };
        let vouch = |one: X509| {
            let mut all = above.iter().map(|by| (by, true)).chain(anchors.iter().map(|by| (by, false)));
            let (by, by_chain) = all.find(|(by, _)| signed(&one, by))?;
            Some(Vouched { by: by.clone(), by_chain, certificate: one })
        };
        let sent = case.sent().into_iter().filter(|one| bears(one)).take(MOST_SENT);
        let vouched = sent.filter_map(vouch).collect();
        Signers { above: above.iter().filter(|one| bears(one)).cloned().collect(), anchors, vouched }
    }

    /// Those of the chain itself.
    pub fn of_chain(&self) -> impl Iterator<Item = &X509> {
        self.above.iter()
    }

    /// Those whose revocations count: all, those of former keys too.
    pub fn revoking(&self) -> impl Iterator<Item = &X509> {
        self.above.iter().chain(&self.anchors).chain(self.vouched.iter().map(|one| &one.certificate))
    }

    /// Those whose silence means that a certificate is good: they may sign CRLs and are valid at `time`, in Unix seconds;
    /// `None` where dates do not count. Of what the peer sent only what `is_revoked` does not know for revoked, by the one
    /// that vouches for it.
    ///
    /// First those that are surely the same CA: the chain's own, and what the chain vouches for. Then the anchors of the
    /// name and what they vouch for. They are the CA's former keys or its next ones, or another CA's that has the same name.
    pub fn clearing(&self, time: Option<i64>, is_revoked: impl Fn(&X509, &X509) -> bool) -> [Vec<&X509>; 2] {
        let may = |one: &&X509| may_sign_crls(one) && is_current(one, time);
        let sent = |in_chain: bool| {
            let vouched = self.vouched.iter().filter(move |one| one.by_chain == in_chain);
            vouched.filter(|one| !is_revoked(&one.certificate, &one.by)).map(|one| &one.certificate).filter(may)
        };
        // The chain's own certificates are verified as such.
        let own = self.above.iter().filter(|one| usage_permits(one)).chain(sent(true)).collect();
        [own, self.anchors.iter().filter(may).chain(sent(false)).collect()]
    }
}

/// A certificate that the peer sent, and who vouches for it.
struct Vouched {
    certificate: X509,
    by: X509,
    /// Whether that is one of the chain.
    by_chain: bool,
}

/// Whether its key usage does not keep it from signing CRLs.
fn usage_permits(certificate: &X509Ref) -> bool {
    const CRL_SIGN: u32 = 2;
    issuing::key_usage(certificate) & CRL_SIGN != 0
}

/// Whether it is a CA's with a permitted key that may sign CRLs.
fn may_sign_crls(certificate: &X509Ref) -> bool {
    let has_good_key = || {
        let der = certificate.to_der().ok()?;
        key::check(&Certificate::parse(&der).ok()?).ok()
    };
    issuing::check_ca(certificate) != 0 && usage_permits(certificate) && has_good_key().is_some()
}

fn is_current(certificate: &X509Ref, time: Option<i64>) -> bool {
    let Some(now) = time else { return true };
    let from = unix_seconds(certificate.not_before());
    let until = unix_seconds(certificate.not_after());
    from.zip(until).is_some_and(|(from, until)| (from..=until).contains(&now))
}
