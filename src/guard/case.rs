//! The case that a context makes of a certificate that was shown to it: what is to be judged, by its own settings.

use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};

use crate::chain::case::Case;
use crate::chain::wishes::Wishes;
use crate::guard::Guard;
use crate::host::ExpectedHost;
use crate::role::Role;

/// The case of a certificate shown to a context, by the context's own settings.
pub fn of<'a>(
    guard: &'a Guard,
    role: Role,
    leaf: &'a X509Ref,
    untrusted: Option<&'a StackRef<X509>>,
    store: &'a X509StoreRef,
    wanted: Option<&'a ExpectedHost>,
    wishes: Wishes<'a>,
) -> Case<'a> {
    let settings = guard.settings();
    Case {
        policy: guard.policy,
        role,
        leaf,
        untrusted,
        store,
        wanted,
        wishes: wishes.with_flags(settings.verify_flags),
        time: settings.verify_time,
        most_intermediates: settings.verify_depth,
        checks: settings.verify_checks.clone(),
        waivers: settings.waivers.clone(),
        revocation: settings.revocation.clone(),
        pins: settings.pins.clone(),
        exact: settings.exact.clone(),
        distrust: guard.anchors.distrust(),
        known_anchor: &guard.known_anchor,
    }
}
