//! The search for another chain where OpenSSL's first is not good: it commits itself to one issuer for each
//! certificate, so a cross-signed, superseded or hostile certificate in the bundle can hide a valid chain (RFC 4158).
//!
//! The search is bounded by paths and by the work of checking signatures, so that no bundle makes it slow.

use std::collections::HashMap;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::pkey::Id;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::chain::openssl_verify;
use crate::chain::verdict::Case;
use crate::error::Result;
use crate::libssl::sys;

/// Complete paths that are tried.
const MOST_PATHS: usize = 64;

/// What all signature checks of one search may cost, in microseconds of an ordinary processor.
const MOST_WORK: u64 = 30_000;

/// Certificates that are looked at as issuers, of those that the peer sent.
const MOST_CERTIFICATES: usize = 256;

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
}

/// Walks the paths from the case's leaf to an anchor, nearest anchor first, and has `judge` look at each: the
/// certificates between, and the anchor. Where the leaf is an anchor itself both are the leaf.
pub fn search<T, E>(
    case: &Case<'_>,
    ends: Ends,
    judge: impl FnMut(&[X509], &X509) -> Result<std::result::Result<T, E>>,
) -> Result<Found<T, E>> {
    let mut search = Search {
        case,
        ends,
        judge,
        sent: sent(case),
        named: HashMap::new(),
        signed: HashMap::new(),
        work: 0,
        paths: 0,
        most: case.most_certificates(),
        path: vec![case.leaf.to_owned()],
        first_refusal: None,
    };
    let good = search.extend()?;
    Ok(Found { good, first_refusal: search.first_refusal })
}

struct Search<'c, 'd, J, E> {
    case: &'c Case<'d>,
    ends: Ends,
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
        let way: Vec<X509> = trusted.iter().filter(|one| !is_self_signed(one)).chain(&self.sent).cloned().collect();
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
        self.ends == Ends::Anywhere || is_self_signed(certificate)
    }

    fn anchors(&mut self, certificate: &X509Ref) -> Result<Vec<X509>> {
        let name = certificate.issuer_name().to_der().map_err(|_| openssl_verify::out_of_memory())?;
        if let Some(known) = self.named.get(&name) {
            return Ok(known.clone());
        }
        let found = openssl_verify::anchors_named(self.case, certificate.issuer_name())?;
        self.named.insert(name, found.clone());
        Ok(found)
    }

    /// RFC 4158 2.4.1: the same name with the same key a second time leads nowhere new.
    fn is_in_path(&self, candidate: &X509Ref) -> bool {
        self.path.iter().any(|one| {
            one.subject_name().try_cmp(candidate.subject_name()).is_ok_and(|order| order.is_eq())
                && same_key(one, candidate)
        })
    }

    /// Whether `issuer` issued `last` and is new; the cheap questions first.
    fn leads_on(&mut self, last: &X509, issuer: &X509) -> bool {
        // SAFETY: both are live; OpenSSL compares names, key identifiers and key usage.
        let named = unsafe { sys::X509_check_issued(issuer.as_ptr(), last.as_ptr()) } == ffi::X509_V_OK;
        named && !self.is_in_path(issuer) && self.is_signed(last, issuer)
    }

    fn is_signed(&mut self, subject: &X509, issuer: &X509) -> bool {
        let pair = (subject.as_ptr() as usize, issuer.as_ptr() as usize);
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

/// The certificates that the peer sent, without copies of one another.
fn sent(case: &Case<'_>) -> Vec<X509> {
    let mut sent: Vec<X509> = Vec::new();
    for certificate in case.untrusted.iter().flat_map(|all| all.iter()).take(MOST_CERTIFICATES) {
        let is_copy = |one: &X509Ref| one == certificate;
        if !is_copy(case.leaf) && !sent.iter().any(|one| is_copy(one)) {
            sent.push(certificate.to_owned());
        }
    }
    sent
}

/// Whether the leaf itself is in the store.
fn trusted_as_it_is(leaf: &X509Ref, case: &Case<'_>) -> Result<bool> {
    let named = openssl_verify::anchors_named(case, leaf.subject_name())?;
    Ok(named.iter().any(|anchor| **anchor == *leaf))
}

fn is_self_signed(certificate: &X509Ref) -> bool {
    // SAFETY: the certificate is live; 0 asks for names, key identifiers and usage only.
    unsafe { sys::X509_self_signed(certificate.as_ptr(), 0) == 1 }
}

/// The bits of the key say it; building and comparing keys costs more than the rest of the search.
fn same_key(one: &X509Ref, other: &X509Ref) -> bool {
    // SAFETY: both are live, and own the strings that are compared.
    unsafe {
        let (one, other) = (sys::X509_get0_pubkey_bitstr(one.as_ptr()), sys::X509_get0_pubkey_bitstr(other.as_ptr()));
        sys::ASN1_STRING_cmp(one.cast(), other.cast()) == 0
    }
}

/// About how many microseconds a check with `issuer`'s key takes.
fn cost(issuer: &X509Ref) -> u64 {
    let Ok(key) = issuer.public_key() else { return 1 };
    let bits = u64::from(key.bits());
    match key.id() {
        Id::EC if bits <= 256 => 100,
        Id::EC | Id::ED448 => 900,
        Id::RSA | Id::RSA_PSS => 1 + bits * bits / 100_000,
        _ => 200,
    }
}
