//! Cipher suites: each that can be agreed on is named once, under the worst that is said of it.

use openssl_sys as ffi;

use crate::audit::facts::{Facts, Probe, Suite};
use crate::audit::kinds;
use crate::audit::report::{Finding, Kind};
use crate::audit::versions::{Spoken, Version};
use crate::libssl::method::Carrier;
use crate::libssl::sys;
use crate::policy::Policy;

/// The kinds of findings about suites, the worst first.
static CLASSES: &[&Kind] = &[
    &kinds::NULL_SUITES,
    &kinds::ANONYMOUS_SUITES,
    &kinds::WEAK_SUITES,
    &kinds::PSK_SUITES,
    &kinds::SRP_SUITES,
    &kinds::STATIC_SUITES,
    &kinds::CBC_SUITES,
    &kinds::SHORT_TAG_SUITES,
    &kinds::DHE_SUITES,
    &kinds::OTHER_SUITES,
];

/// The suites that the policy does not have.
pub fn findings(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let usable: Vec<&Suite> = usable(facts).collect();
    let of_class = |class: &&'static Kind| {
        let names: Vec<&str> = usable
            .iter()
            .filter(|suite| class_of(suite, policy).is_some_and(|other| other == *class))
            .map(|suite| suite.name.as_str())
            .collect();
        (!names.is_empty()).then(|| class.found().with_items(names))
    };
    CLASSES.iter().filter_map(of_class).collect()
}

/// Those of the list that can be agreed on: at the level, with a version that is spoken, and, where a hello was made,
/// offered in it.
fn usable(facts: &Facts) -> impl Iterator<Item = &Suite> {
    let spoken = Spoken::of(facts);
    let speaks = move |suite: &Suite| {
        let of_its_kind = |version: &&Version| (version.number == ffi::TLS1_3_VERSION) == suite.is_tls13();
        facts.method.carrier == Carrier::Datagrams || spoken.enabled.iter().any(of_its_kind)
    };
    let offered = match &facts.probe {
        Probe::Hello(hello) => Some(&hello.suites),
        _ => None,
    };
    let is_offered = move |suite: &Suite| offered.is_none_or(|offered| offered.contains(&suite.id));
    facts.suites.iter().filter(move |suite| suite.permitted && speaks(suite) && is_offered(suite))
}

/// The worst that is said of a suite; `None` where the policy has it.
fn class_of(suite: &Suite, policy: &Policy) -> Option<&'static Kind> {
    let psk = matches!(
        suite.key_exchange,
        sys::NID_KX_PSK | sys::NID_KX_RSA_PSK | sys::NID_KX_DHE_PSK | sys::NID_KX_ECDHE_PSK
    );
    Some(if policy.permits_suite(suite.id) {
        return None;
    } else if suite.cipher == 0 {
        &kinds::NULL_SUITES
    } else if suite.authentication == sys::NID_AUTH_NULL {
        &kinds::ANONYMOUS_SUITES
    } else if is_broken(suite, policy) {
        &kinds::WEAK_SUITES
    } else if psk || suite.authentication == sys::NID_AUTH_PSK {
        &kinds::PSK_SUITES
    } else if suite.key_exchange == sys::NID_KX_SRP || suite.authentication == sys::NID_AUTH_SRP {
        &kinds::SRP_SUITES
    } else if !matches!(suite.key_exchange, sys::NID_KX_ECDHE | sys::NID_KX_DHE | sys::NID_KX_ANY) {
        &kinds::STATIC_SUITES
    } else if !suite.aead {
        &kinds::CBC_SUITES
    } else if SHORT_TAGS.contains(&suite.id) {
        &kinds::SHORT_TAG_SUITES
    } else if suite.key_exchange == sys::NID_KX_DHE {
        &kinds::DHE_SUITES
    } else {
        &kinds::OTHER_SUITES
    })
}

/// Too few bits, a block of 64 bits, RC4 or MD5. Newer releases of OpenSSL count the bits of a short tag as a suite's.
fn is_broken(suite: &Suite, policy: &Policy) -> bool {
    (suite.bits < policy.security_bits && !SHORT_TAGS.contains(&suite.id))
        || suite.digest == sys::NID_MD5
        || matches!(
            suite.cipher,
            sys::NID_RC4 | sys::NID_DES_CBC | sys::NID_DES_EDE3_CBC | sys::NID_IDEA_CBC | sys::NID_RC2_CBC
        )
}

/// The suites of CCM_8, which no getter tells from those of CCM (RFC 6655 section 4, RFC 7251 section 2, RFC 8446
/// appendix B.4).
const SHORT_TAGS: [u16; 9] = [0x1305, 0xc0a0, 0xc0a1, 0xc0a2, 0xc0a3, 0xc0a8, 0xc0a9, 0xc0ae, 0xc0af];
