//! The signatures of certificates that verified in this process. Whether one verifies under an issuer's key follows from the
//! bytes of the two certificates alone, so that once is enough. Nothing else is remembered: dates, path, purpose, constraints,
//! revocation, distrust, pins and host are looked at each time.
//!
//! Only a plain chain is answered from memory, and only where the host was matched before. For all others OpenSSL's own
//! check runs, and for each that memory does not know whole.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::c_ulong;
use std::mem;
use std::sync::{Mutex, OnceLock};

use openssl::md::Md;
use openssl::md_ctx::MdCtx;
use openssl::pkey::Id;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::libssl::StoreCtx;
use crate::libssl::issuing::{self, Verifier};

/// The most pairs that are remembered.
const MOST_PAIRS: usize = 4096;

/// What may be asked of a verification beside the plain: each is looked at elsewhere than at signatures and dates. A moment of
/// its own, dates that do not count and the anchor's own signature are not among them.
const PLAIN: c_ulong = ffi::X509_V_FLAG_CRL_CHECK
    | ffi::X509_V_FLAG_CRL_CHECK_ALL
    | ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT
    | ffi::X509_V_FLAG_X509_STRICT
    | ffi::X509_V_FLAG_POLICY_CHECK
    | ffi::X509_V_FLAG_EXPLICIT_POLICY
    | ffi::X509_V_FLAG_INHIBIT_ANY
    | ffi::X509_V_FLAG_INHIBIT_MAP
    | ffi::X509_V_FLAG_TRUSTED_FIRST
    | ffi::X509_V_FLAG_PARTIAL_CHAIN
    | ffi::X509_V_FLAG_NO_ALT_CHAINS;

/// The digests of a certificate and of that of its issuer: of the whole DER of both.
type Pair = ([u8; 32], [u8; 32]);

/// What the process remembers. Where another thread looks just now, or one died or was left behind by a fork while it did,
/// nobody waits: nothing is known, and nothing is kept.
static MEMORY: Mutex<Option<Memory>> = Mutex::new(None);

/// Pairs that verified in one way. They are forgotten by halves: those that were not asked for since the younger half was
/// begun.
struct Memory {
    verifier: Verifier,
    young: HashSet<Pair>,
    old: HashSet<Pair>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Young,
    Old,
    Unknown,
}

impl Memory {
    fn new(verifier: Verifier) -> Memory {
        Memory { verifier, young: HashSet::new(), old: HashSet::new() }
    }

    fn age(&self, pair: &Pair) -> Age {
        if self.young.contains(pair) {
            Age::Young
        } else if self.old.contains(pair) {
            Age::Old
        } else {
            Age::Unknown
        }
    }

    fn keep(&mut self, pairs: Vec<Pair>) {
        for pair in pairs {
            if self.young.len() >= MOST_PAIRS / 2 {
                self.old = mem::take(&mut self.young);
            }
            self.young.insert(pair);
        }
    }
}

/// The signatures of the chains that one judgement looks at.
pub(crate) struct Signatures {
    may_ask: bool,
    /// Those of the chain that was looked at last.
    last: RefCell<Option<Last>>,
}

struct Last {
    verifier: Verifier,
    pairs: Vec<Pair>,
    /// Whether all are good and some not in memory, or soon forgotten.
    are_news: bool,
}

impl Signatures {
    /// Nothing is known or kept unless `may_ask`.
    pub fn new(may_ask: bool) -> Signatures {
        Signatures { may_ask, last: RefCell::new(None) }
    }

    /// Whether all signatures of the complete chain are known to be good, and its dates are. Where some are known, the others
    /// are verified here.
    pub fn are_known(&self, context: StoreCtx<'_>) -> bool {
        let mut last = self.last.borrow_mut();
        *last = None;
        if !self.may_ask || context.parent().is_some() || context.param().flags() & !PLAIN != 0 {
            return false;
        }
        let chain = context.chain();
        let Some((verifier, pairs)) = plain(&chain) else { return false };
        let ages = ages(&verifier, &pairs);
        let last = last.insert(Last { verifier, pairs, are_news: false });
        if ages.iter().all(|age| *age == Age::Unknown) {
            return false;
        }
        let links = chain.iter().zip(chain.iter().skip(1));
        let all = ages.iter().zip(links).all(|(age, (subject, issuer))| *age != Age::Unknown || is_signed(subject, issuer));
        if !all || !chain.iter().all(|certificate| issuing::is_valid_now(certificate)) {
            return false;
        }
        last.are_news = ages.iter().any(|age| *age != Age::Young);
        #[cfg(any(test, feature = "internals"))]
        watch::ANSWERED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        true
    }

    /// OpenSSL checked the signatures that were asked for last, and all are good.
    pub fn are_good(&self) {
        if let Some(last) = &mut *self.last.borrow_mut() {
            last.are_news = true;
        }
    }

    /// The chain was accepted.
    pub fn remember(self) {
        let Some(last) = self.last.into_inner().filter(|last| last.are_news) else { return };
        let Ok(mut memory) = MEMORY.try_lock() else { return };
        let verifier = last.verifier;
        match &mut *memory {
            Some(memory) if memory.verifier == verifier => memory.keep(last.pairs),
            other => other.insert(Memory::new(verifier)).keep(last.pairs),
        }
    }
}

fn ages(verifier: &Verifier, pairs: &[Pair]) -> Vec<Age> {
    let memory = MEMORY.try_lock().ok();
    let memory = memory.as_ref().and_then(|memory| memory.as_ref()).filter(|memory| memory.verifier == *verifier);
    pairs.iter().map(|pair| memory.map_or(Age::Unknown, |memory| memory.age(pair))).collect()
}

/// The pairs of a plain chain: its anchor issued itself, so that nobody looks at that one's signature; each issuer may sign
/// certificates, with a key that needs nothing but its own certificate; and all are verified in the same place.
fn plain(chain: &[X509]) -> Option<(Verifier, Vec<Pair>)> {
    let (anchor, signed) = chain.split_last()?;
    let verifier = issuing::verifier(signed.first()?)?;
    let may_sign = |issuer: &X509Ref| {
        let key = issuer.public_key().ok();
        issuing::key_usage(issuer) & KEY_CERT_SIGN != 0
            && key.is_some_and(|key| [Id::RSA, Id::RSA_PSS, Id::EC, Id::ED25519, Id::ED448].contains(&key.id()))
    };
    let is_plain = issuing::check_issued(anchor, anchor) == ffi::X509_V_OK
        && chain.iter().skip(1).all(|issuer| may_sign(issuer))
        && !chain.iter().any(|certificate| issuing::is_proxy(certificate))
        && signed.iter().skip(1).all(|certificate| issuing::verifier(certificate).as_ref() == Some(&verifier));
    if !is_plain {
        return None;
    }
    let digests = digests(chain)?;
    let pairs = digests.iter().zip(digests.iter().skip(1)).map(|(subject, issuer)| (*subject, *issuer)).collect();
    Some((verifier, pairs))
}

const KEY_CERT_SIGN: u32 = 4;

/// The SHA-256 of each certificate's DER. It is fetched once: to find it again costs more than to compute it.
fn digests(chain: &[X509]) -> Option<Vec<[u8; 32]>> {
    static SHA256: OnceLock<Option<Md>> = OnceLock::new();
    let sha256 = SHA256.get_or_init(|| Md::fetch(None, "SHA256", None).ok()).as_ref()?;
    let mut context = MdCtx::new().ok()?;
    let digest = |certificate: &X509| {
        let mut digest = [0; 32];
        context.digest_init(sha256).ok()?;
        context.digest_update(&certificate.to_der().ok()?).ok()?;
        (context.digest_final(&mut digest).ok()? == digest.len()).then_some(digest)
    };
    chain.iter().map(digest).collect()
}

fn is_signed(subject: &X509Ref, issuer: &X509Ref) -> bool {
    issuer.public_key().is_ok_and(|key| subject.verify(&key).unwrap_or(false))
}

/// For the tests.
#[cfg(any(test, feature = "internals"))]
pub mod watch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::MEMORY;

    pub(super) static ANSWERED: AtomicUsize = AtomicUsize::new(0);

    /// How many chains were answered from memory.
    pub fn answered() -> usize {
        ANSWERED.load(Ordering::Relaxed)
    }

    /// How many pairs are remembered.
    pub fn pairs() -> usize {
        MEMORY.lock().map_or(0, |memory| memory.as_ref().map_or(0, |memory| memory.young.len() + memory.old.len()))
    }

    /// Forgets all.
    pub fn forget() {
        drop(set_aside());
    }

    /// What was remembered, and is not any more.
    pub struct Aside(Option<super::Memory>);

    /// Takes away what is remembered.
    pub fn set_aside() -> Aside {
        Aside(MEMORY.lock().ok().and_then(|mut memory| memory.take()))
    }

    /// Remembers it again, and nothing else.
    pub fn put_back(aside: Aside) {
        if let Ok(mut memory) = MEMORY.lock() {
            *memory = aside.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded_and_forgets_first_what_was_not_asked_for() {
        let der: &[u8] = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        let mut memory = Memory::new(issuing::verifier(&X509::from_der(der).unwrap()).unwrap());
        let pair = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            (digest, [7; 32])
        };
        for number in 1..3 * MOST_PAIRS {
            memory.keep(vec![pair(number)]);
            // As a judgement does with a pair that is not among the young.
            if memory.age(&pair(0)) != Age::Young {
                memory.keep(vec![pair(0)]);
            }
            assert!(memory.young.len() + memory.old.len() <= MOST_PAIRS, "{number}");
        }
        assert!(memory.age(&pair(0)) != Age::Unknown && memory.age(&pair(3 * MOST_PAIRS - 1)) == Age::Young);
        assert!(memory.age(&pair(1)) == Age::Unknown);
    }
}
