//! Which versions a context speaks, by what was set on it: bounds, options, level. OpenSSL's clients offer one run of
//! versions without a hole, and of several runs the lowest.

use std::ffi::c_int;

use openssl_sys as ffi;

use crate::audit::facts::{Facts, Method, Protocol};

/// A version of the protocol.
#[derive(Debug)]
pub struct Version {
    /// OpenSSL's number, which is the one on the wire.
    pub number: c_int,
    /// Its name.
    pub name: &'static str,
    /// The name of its number in OpenSSL's headers.
    pub constant: &'static str,
    /// The option that switches it off.
    pub off: u64,
}

const fn version(number: c_int, name: &'static str, constant: &'static str, off: u64) -> Version {
    Version { number, name, constant, off }
}

/// All of them, the newest first.
pub static VERSIONS: &[Version] = &[
    version(ffi::TLS1_3_VERSION, "TLS 1.3", "TLS1_3_VERSION", ffi::SSL_OP_NO_TLSv1_3),
    version(ffi::TLS1_2_VERSION, "TLS 1.2", "TLS1_2_VERSION", ffi::SSL_OP_NO_TLSv1_2),
    version(ffi::TLS1_1_VERSION, "TLS 1.1", "TLS1_1_VERSION", ffi::SSL_OP_NO_TLSv1_1),
    version(ffi::TLS1_VERSION, "TLS 1.0", "TLS1_VERSION", ffi::SSL_OP_NO_TLSv1),
    version(ffi::SSL3_VERSION, "SSL 3.0", "SSL3_VERSION", ffi::SSL_OP_NO_SSLv3),
];

impl Version {
    /// The version of a number.
    pub fn of(number: c_int) -> Option<&'static Version> {
        VERSIONS.iter().find(|version| version.number == number)
    }

    fn is_enabled(&self, protocol: &Protocol, method: &Method) -> bool {
        protocol.permitted.contains(&self.number)
            && method.only.is_none_or(|only| only == self.number)
            && (protocol.min == 0 || self.number >= protocol.min)
            && (protocol.max == 0 || self.number <= protocol.max)
            && protocol.options & self.off == 0
    }
}

/// The versions that are spoken.
#[derive(Debug)]
pub struct Spoken {
    /// Those that a server accepts, the newest first.
    pub enabled: Vec<&'static Version>,
    /// Those of them that a client offers.
    pub offered: Vec<&'static Version>,
}

impl Spoken {
    /// What the settings come to.
    pub fn of(facts: &Facts) -> Spoken {
        Spoken::by(&facts.protocol, &facts.method)
    }

    fn by(protocol: &Protocol, method: &Method) -> Spoken {
        let is_enabled = |version: &&Version| version.is_enabled(protocol, method);
        let lowest_first = VERSIONS.iter().rev().skip_while(|version| !is_enabled(version));
        let mut offered: Vec<&Version> = lowest_first.take_while(is_enabled).collect();
        offered.reverse();
        Spoken { enabled: VERSIONS.iter().filter(is_enabled).collect(), offered }
    }

    /// Whether a client leaves versions out that are enabled, because there is a hole below them.
    pub fn has_hole(&self) -> bool {
        self.offered.len() < self.enabled.len()
    }
}

/// The names of versions.
pub fn names(versions: &[&'static Version]) -> Vec<&'static str> {
    versions.iter().map(|version| version.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Method =
        Method { name: Some("TLS_client_method"), only: None, carrier: crate::libssl::method::Carrier::Stream };

    fn any() -> Protocol {
        Protocol { permitted: [0x0304, 0x0303, 0x0302, 0x0301].to_vec(), ..Protocol::default() }
    }

    fn spoken(protocol: Protocol) -> (Vec<&'static str>, Vec<&'static str>) {
        let spoken = Spoken::by(&protocol, &ANY);
        (names(&spoken.enabled), names(&spoken.offered))
    }

    #[test]
    fn bounds_options_and_level_decide_together() {
        let modern = vec!["TLS 1.3", "TLS 1.2"];
        assert_eq!(spoken(any()).1, ["TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0"]);
        let level = Protocol { permitted: vec![0x0304, 0x0303], ..any() };
        assert_eq!(spoken(level), (modern.clone(), modern.clone()));
        assert_eq!(spoken(Protocol { permitted: vec![0x0301, 0x0300], ..any() }).1, ["TLS 1.0", "SSL 3.0"]);
        assert_eq!(spoken(Protocol { min: ffi::TLS1_2_VERSION, ..any() }).1, modern);
        assert_eq!(spoken(Protocol { min: ffi::TLS1_2_VERSION, max: ffi::TLS1_2_VERSION, ..any() }).1, ["TLS 1.2"]);
        let without = Protocol { min: ffi::TLS1_2_VERSION, options: ffi::SSL_OP_NO_TLSv1_3, ..any() };
        assert_eq!(spoken(without).1, ["TLS 1.2"]);
    }

    #[test]
    fn of_two_runs_a_client_offers_the_lower() {
        let hole = Protocol { options: ffi::SSL_OP_NO_TLSv1_1, ..any() };
        assert_eq!(spoken(hole.clone()), (vec!["TLS 1.3", "TLS 1.2", "TLS 1.0"], vec!["TLS 1.0"]));
        let two = Protocol { options: ffi::SSL_OP_NO_TLSv1_2 | ffi::SSL_OP_NO_TLSv1, ..any() };
        assert_eq!(spoken(two), (vec!["TLS 1.3", "TLS 1.1"], vec!["TLS 1.1"]));
        let bounded = Protocol { min: ffi::TLS1_2_VERSION, ..hole.clone() };
        assert_eq!(spoken(bounded.clone()).1, ["TLS 1.3", "TLS 1.2"], "the bound leaves no hole");
        assert!(!Spoken::by(&bounded, &ANY).has_hole() && Spoken::by(&hole, &ANY).has_hole());
    }

    #[test]
    fn a_method_for_one_version_speaks_that_one() {
        let only = Method { only: Some(ffi::TLS1_VERSION), ..ANY };
        assert_eq!(names(&Spoken::by(&any(), &only).enabled), ["TLS 1.0"]);
        assert!(Spoken::by(&Protocol { min: ffi::TLS1_2_VERSION, ..any() }, &only).enabled.is_empty());
    }
}
