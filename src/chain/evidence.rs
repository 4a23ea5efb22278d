//! What all CRLs together say about the certificates of a chain: those that were loaded and those of the store, in whatever
//! order they lie there. OpenSSL chooses one CRL by names, scores and dates before it looks at a signature. Here a CRL that
//! nobody signed who counts is none, a revocation in any other holds until a newer one of the same key takes it back
//! (RFC 5280 6.3.3), and what OpenSSL found wrong with the CRL that it chose is nothing where others answer. OpenSSL is given
//! no delta CRLs: it takes the first that fits, and one for some reasons for a complete CRL.

use std::cell::RefCell;
use std::ffi::{c_int, c_ulong};
use std::sync::Arc;

use openssl::x509::{X509, X509Name, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::chain::case::Case;
use crate::chain::signers::Signers;
use crate::error::{Error, Result};
use crate::libssl::verification::crls_named;
use crate::moment::unix_seconds;
use crate::revocation::crl::Crl;
use crate::revocation::scope::{self, ALL_REASONS};
use crate::revocation::words;
use crate::role::Role;

/// What asks libcrypto for stronger signatures than it checks for CRLs.
const SUITE_B: c_ulong = ffi::X509_V_FLAG_SUITEB_128_LOS;

/// A name in DER, and the CRLs that bear it.
type Named = (Vec<u8>, Vec<Arc<Crl>>);

/// The error for a certificate that a CRL of its issuer's name lists, one that was loaded or one of the store.
pub fn revoked_by(case: &Case<'_>, certificate: &X509Ref) -> Result<()> {
    let revoking = Evidence::of(case).known(certificate).into_iter();
    match revoking.filter(|crl| crl.names_issuer_of(certificate)).find(|crl| crl.lists(certificate)) {
        Some(crl) => Err(words::revoked(case.role, certificate, 0, Some(crl.list()))),
        None => Ok(()),
    }
}

/// See the module's text.
pub struct Evidence<'a> {
    case: &'a Case<'a>,
    /// The `X509_V_FLAG_*` bits in force.
    flags: c_ulong,
    /// What the store has, by the issuer's name.
    of_store: RefCell<Vec<Named>>,
}

impl<'a> Evidence<'a> {
    /// The side that judges.
    pub fn role(&self) -> Role {
        self.case.role
    }

    /// The evidence in `case`.
    pub fn of(case: &'a Case<'a>) -> Evidence<'a> {
        let wished = case.wishes.flags();
        Evidence { case, flags: wished | case.revocation.flags(wished), of_store: RefCell::default() }
    }

    /// The error for a certificate of `chain` that is revoked, where its revocation is asked for.
    pub fn check_revoked(&self, chain: &[X509]) -> Result<()> {
        for (depth, certificate) in chain.iter().enumerate().take(self.asked(chain.len())) {
            if let Some(crl) = self.revoking(chain, depth) {
                return Err(words::revoked(self.case.role, certificate, depth, Some(crl.list())));
            }
        }
        Ok(())
    }

    /// As [`check_revoked`](Self::check_revoked), for a chain that OpenSSL accepts: and where one of the CRLs is a delta that
    /// OpenSSL does not understand, or one that has run out and whose successor is missing, the others must answer alone.
    pub fn check(&self, chain: &[X509]) -> Result<()> {
        self.check_revoked(chain)?;
        for (depth, certificate) in chain.iter().enumerate().take(self.asked(chain.len())) {
            let Some((delta, code)) = self.unsettled(chain, depth) else { continue };
            if !self.answers(chain, depth) && !self.case.revocation.forgives(code, depth as c_int, chain.len() as c_int)
            {
                let known = self.known(certificate);
                return Err(words::refusal(self.case.role, code, certificate, depth, Some(delta.list()), &known, None));
            }
        }
        Ok(())
    }

    /// A better reason than what OpenSSL says of the CRL that it chose for the certificate at `depth`, which may be another
    /// CA's: what is wrong with the CA's own.
    pub fn of_own(&self, chain: &[X509], depth: usize) -> Option<Error> {
        let certificate = chain.get(depth)?;
        let issuer = chain.get(depth + 1)?;
        let crls = self.named(certificate.issuer_name());
        let complete = crls.iter().filter(|crl| !crl.is_delta() && crl.covers(certificate) != 0);
        let own: Vec<&Arc<Crl>> = complete.filter(|crl| crl.is_signed_by(issuer)).collect();
        if let Some(crl) = own.iter().find(|crl| crl.lists(certificate)) {
            return Some(words::revoked(self.case.role, certificate, depth, Some(crl.list())));
        }
        let crl = own.into_iter().find(|crl| !self.is_in_force(crl))?;
        let code =
            if self.has_run_out(crl) { ffi::X509_V_ERR_CRL_HAS_EXPIRED } else { ffi::X509_V_ERR_CRL_NOT_YET_VALID };
        Some(words::refusal(self.case.role, code, certificate, depth, Some(crl.list()), &crls, None))
    }

    /// Whether CRLs say that the certificate at `depth` is not revoked for any reason: each of them is complete, speaks for it,
    /// is in force, or merely too old where that is forgiven, and signed by one who may.
    pub fn answers(&self, chain: &[X509], depth: usize) -> bool {
        let Some(certificate) = chain.get(depth).filter(|_| depth + 1 < chain.len()) else { return false };
        if self.flags & SUITE_B != 0 {
            return false;
        }
        let crls = self.named(certificate.issuer_name());
        if crls.is_empty() {
            return false;
        }
        let above = chain.get(depth + 1..).unwrap_or_default();
        let signers = Signers::named(self.case, certificate.issuer_name(), above);
        let is_revoked = |one: &X509, by: &X509| {
            self.named(one.issuer_name()).iter().any(|crl| crl.lists(one) && crl.is_signed_by(by))
        };
        let [own, others] = signers.clearing(self.case.moment(), is_revoked);
        let complete = || crls.iter().filter(|crl| !crl.is_delta() && crl.covers(certificate) != 0);
        let reasons = |signers: &[&X509]| {
            complete().fold(0, |reasons, crl| {
                let covers = crl.covers(certificate);
                let clears = |signer: &X509| {
                    let released = || self.is_released(&crls, crl, certificate, signer);
                    crl.is_signed_by(signer)
                        && (!crl.lists(certificate) || released())
                        && self.stale_delta(&crls, crl, certificate, signer).is_none()
                };
                let is_answer = covers & !reasons != 0
                    && !crl.has_unknown_critical()
                    && self.is_in_force(crl)
                    && signers.iter().any(|signer| clears(signer));
                if is_answer { reasons | covers } else { reasons }
            })
        };
        // Another anchor of the name speaks where the CA's surely own keys are silent: it may be another CA.
        let speaks_itself = || complete().any(|crl| own.iter().any(|signer| crl.is_signed_by(signer)));
        reasons(&own) == ALL_REASONS || (!speaks_itself() && reasons(&others) == ALL_REASONS)
    }

    /// Whether OpenSSL is wrong where it takes the certificate at `depth` for revoked by `current`, of which it reports, or by
    /// one that it does not name. `doubted` says that OpenSSL found nobody to have signed `current`.
    pub fn is_not_revoked(&self, chain: &[X509], depth: usize, current: *const ffi::X509_CRL, doubted: bool) -> bool {
        let Some(certificate) = chain.get(depth) else { return false };
        let crls = self.named(certificate.issuer_name());
        let Some(current) = crls.iter().find(|crl| crl.is_at(current)) else { return false };
        let above = chain.get(depth + 1..).unwrap_or_default();
        let is_known = || {
            let signers = Signers::named(self.case, certificate.issuer_name(), above);
            current.lists(certificate) && signers.revoking().any(|signer| current.is_signed_by(signer))
        };
        (doubted || is_known()) && self.revoking(chain, depth).is_none() && self.answers(chain, depth)
    }

    /// How many certificates of a chain of that length are asked about; an anchor never is.
    fn asked(&self, length: usize) -> usize {
        let below = length.saturating_sub(1);
        match self.flags & ffi::X509_V_FLAG_CRL_CHECK != 0 {
            true if self.flags & ffi::X509_V_FLAG_CRL_CHECK_ALL != 0 => below,
            true => below.min(1),
            false => 0,
        }
    }

    /// The CRLs that bear `name`.
    fn named(&self, name: &X509NameRef) -> Vec<Arc<Crl>> {
        let mut crls: Vec<Arc<Crl>> = self.case.revocation.crls.named(name).cloned().collect();
        let of_store = self.in_store(name).into_iter();
        let new: Vec<_> = of_store.filter(|one| !crls.iter().any(|crl| crl.is_same(one))).collect();
        crls.extend(new);
        crls
    }

    /// Those of them that the store has.
    fn in_store(&self, name: &X509NameRef) -> Vec<Arc<Crl>> {
        let Ok(der) = name.to_der() else { return Vec::new() };
        let mut of_store = self.of_store.borrow_mut();
        if let Some((_, crls)) = of_store.iter().find(|(known, _)| *known == der) {
            return crls.clone();
        }
        let found = crls_named(self.case.store, name).unwrap_or_default();
        let crls: Vec<_> = found.into_iter().map(Crl::of_store).map(Arc::new).collect();
        of_store.push((der, crls.clone()));
        crls
    }

    /// All CRLs that may be about `certificate`: its issuer's and whatever was loaded.
    pub fn known(&self, certificate: &X509Ref) -> Vec<Arc<Crl>> {
        let mut known = self.named(certificate.issuer_name());
        known.extend(self.case.revocation.crls.shared().filter(|crl| !crl.names_issuer_of(certificate)).cloned());
        known
    }

    /// A CRL that revokes the certificate at `depth`.
    fn revoking(&self, chain: &[X509], depth: usize) -> Option<Arc<Crl>> {
        let certificate = chain.get(depth)?;
        let above = chain.get(depth + 1..)?;
        let listing = |name: &X509NameRef| -> Vec<Arc<Crl>> {
            self.named(name).into_iter().filter(|crl| crl.lists(certificate)).collect()
        };
        let revokes =
            |crl: &Crl, signer: &X509| crl.is_signed_by(signer) && !self.is_superseded(crl, certificate, signer);
        let own = listing(certificate.issuer_name());
        if !own.is_empty() {
            let signers = Signers::named(self.case, certificate.issuer_name(), above);
            if let Some(crl) = own.into_iter().find(|crl| signers.revoking().any(|signer| revokes(crl, signer))) {
                return Some(crl);
            }
        }
        // Of others: the CAs above, and whom the certificate names for it.
        let named = scope::crl_issuers(certificate);
        let named: Vec<X509Name> = named.iter().filter_map(|der| X509Name::from_der(der).ok()).collect();
        let others =
            above.iter().map(|one| (one.subject_name(), false)).chain(named.iter().map(|name| (&**name, true)));
        others.into_iter().find_map(|(name, is_named)| {
            let mut crls = listing(name).into_iter().filter(|crl| crl.is_indirect()).peekable();
            crls.peek()?;
            let signers = Signers::named(self.case, name, above);
            crls.find(|crl| match is_named {
                true => signers.revoking().any(|signer| revokes(crl, signer)),
                false => signers.of_chain().any(|signer| revokes(crl, signer)),
            })
        })
    }

    /// Whether a newer complete CRL of the same key no longer lists the certificate, or a newer delta takes it off. It must be
    /// in force, and speak for all that the one does.
    fn is_superseded(&self, crl: &Crl, certificate: &X509Ref, signer: &X509Ref) -> bool {
        self.named(crl.list().issuer_name()).iter().any(|other| {
            // One that lists no certificates of other issuers is silent about them and says nothing by it.
            let speaks = || other.is_indirect() || other.names_issuer_of(certificate);
            let silent = !other.is_delta() && speaks() && other.is_silent_about(certificate);
            (silent || other.releases(certificate))
                && other.is_newer_than(crl)
                && other.speaks_for_all_of(crl)
                && !other.has_unknown_critical()
                && self.is_in_force(other)
                && other.is_signed_by(signer)
        })
    }

    /// Whether the newest delta of `base` takes the certificate off, where base or certificate say that there are deltas.
    fn is_released(&self, crls: &[Arc<Crl>], base: &Crl, certificate: &X509Ref, signer: &X509Ref) -> bool {
        (base.has_freshest() || scope::has_freshest(certificate))
            && crls.iter().any(|delta| {
                delta.is_delta_of(base)
                    && delta.releases(certificate)
                    && !delta.has_unknown_critical()
                    && self.is_in_force(delta)
                    && delta.is_signed_by(signer)
            })
            && self.newest_listing(crls, base, certificate, signer)
    }

    /// Whether no delta of `base` lists the certificate without one that takes it off after it.
    fn newest_listing(&self, crls: &[Arc<Crl>], base: &Crl, certificate: &X509Ref, signer: &X509Ref) -> bool {
        !crls.iter().any(|delta| {
            delta.is_delta_of(base)
                && delta.lists(certificate)
                && delta.is_signed_by(signer)
                && !self.is_superseded(delta, certificate, signer)
        })
    }

    /// A delta of `base` that has run out, where base or certificate say that there are deltas and no newer one is in force:
    /// what has changed since is not known.
    fn stale_delta(&self, crls: &[Arc<Crl>], base: &Crl, certificate: &X509Ref, signer: &X509Ref) -> Option<Arc<Crl>> {
        if !base.has_freshest() && !scope::has_freshest(certificate) {
            return None;
        }
        let of_base = |delta: &&Arc<Crl>| delta.is_delta_of(base);
        let stale = crls.iter().filter(of_base).find(|delta| {
            let is_replaced = || {
                crls.iter()
                    .filter(of_base)
                    .any(|newer| newer.is_newer_than(delta) && self.is_in_force(newer) && newer.is_signed_by(signer))
            };
            self.has_run_out(delta) && !is_replaced() && delta.is_signed_by(signer)
        });
        stale.cloned()
    }

    /// A CRL because of which OpenSSL's own answer about the certificate at `depth` is none, and the code for it.
    ///
    /// It takes a delta for some reasons for a complete CRL; and where none that was loaded is good, it counts the reasons of
    /// the best of them as seen when it looks into the store.
    fn unsettled(&self, chain: &[X509], depth: usize) -> Option<(Arc<Crl>, c_int)> {
        let certificate = chain.get(depth)?;
        let name = certificate.issuer_name();
        let of_store = self.in_store(name);
        let mut partial = of_store.iter().filter(|crl| crl.is_delta() && crl.has_reasons());
        let loaded = || self.case.revocation.crls.shared().filter(|crl| crl.has_reasons() && !of_store.is_empty());
        if let Some(misleading) = partial.next().or_else(|| loaded().next()) {
            let code = if self.has_run_out(misleading) {
                ffi::X509_V_ERR_CRL_HAS_EXPIRED
            } else {
                ffi::X509_V_ERR_UNABLE_TO_GET_CRL
            };
            return Some((Arc::clone(misleading), code));
        }
        let crls = self.named(name);
        if !crls.iter().any(|crl| crl.is_delta()) {
            return None;
        }
        let signers = Signers::named(self.case, name, chain.get(depth + 1..)?);
        let stale = |base: &Crl| signers.revoking().find_map(|one| self.stale_delta(&crls, base, certificate, one));
        let mut bases = crls.iter().filter(|crl| !crl.is_delta());
        bases.find_map(|base| stale(base)).map(|delta| (delta, ffi::X509_V_ERR_CRL_HAS_EXPIRED))
    }

    /// Whether its dates hold, or it is merely too old where that is forgiven.
    fn is_in_force(&self, crl: &Crl) -> bool {
        let Some(now) = self.case.moment() else { return true };
        unix_seconds(crl.list().last_update()).is_some_and(|from| from <= now) && !self.has_run_out(crl)
    }

    fn has_run_out(&self, crl: &Crl) -> bool {
        let Some(now) = self.case.moment() else { return false };
        let forgiven = self.case.revocation.in_force().is_some_and(|mode| mode.expired);
        let next = crl.list().next_update().map(unix_seconds);
        !forgiven && next.is_some_and(|next| next.is_none_or(|next| next < now))
    }
}
