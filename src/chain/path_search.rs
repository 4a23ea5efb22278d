//! The search for another chain where OpenSSL's first is not good: it commits itself to one issuer for each
//! certificate, so a cross-signed, superseded or hostile certificate in the bundle can hide a valid chain (RFC 4158).
//!
//! The search is bounded by paths and by the work of checking signatures, so that no bundle makes it slow.

use std::collections::HashMap;

use openssl::pkey::Id;
use openssl::x509::{X509, X509Ref};

use crate::chain::by_key::{self, Fit, Issuers};
use crate::chain::case::Case;
use crate::error::Result;
use crate::libssl::issuing::{has_same_key, is_self_issued};
use crate::libssl::verification::{OutOfMemory, certificates_named};

/// Complete paths that are tried.
const MOST_PATHS: usize = 64;

/// What all signature checks of one search may cost, in microseconds of an ordinary processor.
const MOST_WORK: u64 = 30_000;

/// Where a path may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// At self-signed certificates of the store.
    SelfSigned,
    /// At any certificate of the store.
    Anywhere,
}

/// What became of the search.
pub struct Found<T, E> {
    /// The first path that was judged good.
    pub good: Option<T>,
    /// Why the first complete path was not.
    pub first_refusal: Option<E>,
    /// Whether a certificate of the right name was passed over because a key identifier fits another.
    pub misidentified: bool,
}

/// Walks the paths from the case's leaf to an anchor, nearest anchor first, and has `judge` look at each: the
/// certificates between, and the anchor. Where the leaf is an anchor itself both are the leaf.
pub fn search<T, E>(
    case: &Case<'_>,
    ends: Ends,
    issuers: Issuers,
    judge: impl FnMut(&[X509], &X509) -> Result<std::result::Result<T, E>>,
) -> Result<Found<T, E>> {
    let mut search = Search {
        case,
        ends,
        issuers,
        misidentified: false,
        judge,
        sent: case.sent(),
        named: HashMap::new(),
        signed: HashMap::new(),
        work: 0,
        paths: 0,
        most: case.most_certificates(),
        path: vec![case.leaf.to_owned()],
        first_refusal: None,
    };
    let good = search.extend()?;
    Ok(Found { good, first_refusal: search.first_refusal, misidentified: search.misidentified })
}

struct Search<'c, 'd, J, E> {
    case: &'c Case<'d>,
    ends: Ends,
    issuers: Issuers,
    misidentified: bool,
    judge: J,
    /// What the peer sent besides its own certificate.
    sent: Vec<X509>,
    /// The store's certificates, by the name that was asked for.
    named: HashMap<Vec<u8>, Vec<X509>>,
    /// Whether a certificate is signed with another's key, by their addresses, which their owners keep.
    signed: HashMap<(usize, usize), bool>,
    work: u64,
    paths: usize,
    most: usize,
    path: Vec<X509>,
    first_refusal: Option<E>,
}

impl<T, E, J: FnMut(&[X509], &X509) -> Result<std::result::Result<T, E>>> Search<'_, '_, J, E> {
    /// Goes on from the end of the path; gives the first good result.
    fn extend(&mut self) -> Result<Option<T>> {
        let Some(last) = self.path.last().cloned() else { return Ok(None) };
        let trusted = self.anchors(&last)?;
        if self.path.len() == 1
            && trusted_as_it_is(&last, self.case)?
            && self.may_end_at(&last)
            && let Some(good) = self.try_path(&last)?
        {
            return Ok(Some(good));
        }
        for anchor in &trusted {
            if !self.may_end_at(anchor) || !self.leads_on(&last, anchor) {
                continue;
            }
            if let Some(good) = self.try_path(anchor)? {
                return Ok(Some(good));
            }
        }
        if self.path.len() + 1 >= self.most {
            return Ok(None);
        }
        // Certificates of the store that are no end may still be on the way to one.
        let way: Vec<X509> = trusted.iter().filter(|one| !is_self_issued(one)).chain(&self.sent).cloned().collect();
        for issuer in way {
            if self.is_exhausted() {
                break;
            }
            if !self.leads_on(&last, &issuer) {
                continue;
            }
            self.path.push(issuer);
            let found = self.extend();
            self.path.pop();
            if let Some(good) = found? {
                return Ok(Some(good));
            }
        }
        Ok(None)
    }

    fn try_path(&mut self, anchor: &X509) -> Result<Option<T>> {
        if self.is_exhausted() {
            return Ok(None);
        }
        self.paths += 1;
        // The verification checks every signature once more.
        self.work += self.path.iter().chain([anchor]).map(|issuer| cost(issuer)).sum::<u64>();
        let between = self.path.get(1..).unwrap_or_default();
        match (self.judge)(between, anchor)? {
            Ok(good) => Ok(Some(good)),
            Err(refusal) => {
                self.first_refusal.get_or_insert(refusal);
                Ok(None)
            }
        }
    }

    fn is_exhausted(&self) -> bool {
        self.paths >= MOST_PATHS || self.work >= MOST_WORK
    }

    fn may_end_at(&self, certificate: &X509Ref) -> bool {
        self.ends == Ends::Anywhere || is_self_issued(certificate)
    }

    fn anchors(&mut self, certificate: &X509Ref) -> Result<Vec<X509>> {
        let name = certificate.issuer_name().to_der().map_err(|_| OutOfMemory)?;
        if let Some(known) = self.named.get(&name) {
            return Ok(known.clone());
        }
        let found = certificates_named(self.case.store, certificate.issuer_name())?;
        self.named.insert(name, found.clone());
        Ok(found)
    }

    /// RFC 4158 2.4.1: the same name with the same key a second time leads nowhere new.
    fn is_in_path(&self, candidate: &X509Ref) -> bool {
        self.path.iter().any(|one| {
            one.subject_name().try_cmp(candidate.subject_name()).is_ok_and(|order| order.is_eq())
                && has_same_key(one, candidate)
        })
    }

    /// Whether `issuer` issued `last` and is new; the cheap questions first.
    fn leads_on(&mut self, last: &X509, issuer: &X509) -> bool {
        let fits = match by_key::fit(issuer, last) {
            Fit::Whole => true,
            Fit::ButIdentifier => {
                self.misidentified = true;
                self.issuers == Issuers::ByKey
            }
            Fit::Not => false,
        };
        fits && !self.is_in_path(issuer) && self.is_signed(last, issuer)
    }

    fn is_signed(&mut self, subject: &X509, issuer: &X509) -> bool {
        let pair = (address(subject), address(issuer));
        if let Some(&known) = self.signed.get(&pair) {
            return known;
        }
        if self.work >= MOST_WORK {
            return false;
        }
        self.work += cost(issuer);
        let signed = issuer.public_key().is_ok_and(|key| subject.verify(&key).unwrap_or(false));
        self.signed.insert(pair, signed);
        signed
    }
}

/// Whether the leaf itself is in the store.
fn trusted_as_it_is(leaf: &X509Ref, case: &Case<'_>) -> Result<bool> {
    let named = certificates_named(case.store, leaf.subject_name())?;
    Ok(named.iter().any(|anchor| **anchor == *leaf))
}

/// Where a certificate is, which tells it from all others while it lives.
fn address(certificate: &X509Ref) -> usize {
    std::ptr::from_ref(certificate).addr()
}

/// About how many microseconds a check with `issuer`'s key takes.
pub(super) fn cost(issuer: &X509Ref) -> u64 {
    let Ok(key) = issuer.public_key() else { return 1 };
    let bits = u64::from(key.bits());
    match key.id() {
        Id::EC if bits <= 256 => 100,
        Id::EC | Id::ED448 => 900,
        Id::RSA | Id::RSA_PSS => 1 + bits * bits / 100_000,
        _ => 200,
    }
}
