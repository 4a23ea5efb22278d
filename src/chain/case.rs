//! What is judged: a certificate, what the peer sent with it, and the measure.

use std::ffi::c_int;
use std::sync::Arc;

use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};

use crate::chain::exact::ExactCertificates;
use crate::chain::known_anchor::KnownAnchor;
use crate::chain::pins::Pin;
use crate::chain::rules::{Purpose, Rules};
use crate::chain::waivers::{Waiver, Waivers};
use crate::chain::wishes::Wishes;
use crate::host::ExpectedHost;
use crate::os::clock;
use crate::policy::{Check, Policy};
use crate::revocation::Revocation;
use crate::role::Role;
use crate::trust::distrust::Distrust;

/// Certificates that are looked at as issuers, of those that the peer sent.
const MOST_CERTIFICATES: usize = 256;

/// What is to be judged, and by which measure.
pub struct Case<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The side that judges: a client judges servers.
    pub role: Role,
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// What else the peer sent; it may hold the leaf again.
    pub untrusted: Option<&'a StackRef<X509>>,
    /// The trust anchors.
    pub store: &'a X509StoreRef,
    /// Whose certificate it must be.
    pub wanted: Option<&'a ExpectedHost>,
    /// What the program asked for beyond the policy.
    pub wishes: Wishes<'a>,
    /// The moment to judge for, in Unix seconds; `None` is now.
    pub time: Option<i64>,
    /// The most intermediates, in place of the policy's number.
    pub most_intermediates: Option<c_int>,
    /// What certificates must keep besides the policy's checks.
    pub checks: Vec<Check>,
    /// The checks that the program gave up.
    pub waivers: Waivers,
    /// CRLs and how they are used.
    pub revocation: Revocation,
    /// The keys of which the chain must have one, where there are any.
    pub pins: Vec<Pin>,
    /// Certificates that are trusted as they are.
    pub exact: ExactCertificates,
    /// What the sources of the anchors say against certificates.
    pub distrust: Arc<Distrust>,
    /// The anchor that kept the rules last.
    pub(crate) known_anchor: &'a KnownAnchor,
}

impl<'a> Case<'a> {
    /// What certificates must keep.
    pub(crate) fn rules(&self) -> Rules {
        let purpose = match self.role {
            _ if self.waivers.has(Waiver::Purpose) => None,
            Role::Client => Some(Purpose::Server),
            Role::Server => Some(Purpose::Client),
        };
        Rules::new(self.policy.checks.iter().chain(&self.checks), purpose)
    }

    /// The most intermediates between the leaf and the anchor.
    pub fn depth(&self) -> c_int {
        let depth = self.most_intermediates.unwrap_or(self.policy.verify_depth);
        self.wishes.depth().map_or(depth, |wish| wish.min(depth))
    }

    /// The moment to judge for, in Unix seconds; `None` where dates do not count.
    pub(crate) fn moment(&self) -> Option<i64> {
        (!self.waivers.has(Waiver::Time)).then(|| self.time.unwrap_or_else(clock::now))
    }

    /// The certificates that the peer sent, without copies of one another.
    pub(crate) fn sent(&self) -> Vec<X509> {
        let mut sent: Vec<X509> = Vec::new();
        for certificate in self.untrusted.iter().flat_map(|all| all.iter()).take(MOST_CERTIFICATES) {
            let is_copy = |one: &X509Ref| one == certificate;
            if !is_copy(self.leaf) && !sent.iter().any(|one| is_copy(one)) {
                sent.push(certificate.to_owned());
            }
        }
        sent
    }

    /// The most certificates that a chain may have, self-issued ones included.
    pub fn most_certificates(&self) -> usize {
        usize::try_from(self.depth()).unwrap_or(0) + 2 + SELF_ISSUED_ALLOWANCE
    }
}

/// Self-issued certificates do not count for the depth (RFC 5280 6.1.4 (l)), but even of them no chain needs many.
pub const SELF_ISSUED_ALLOWANCE: usize = 8;
