//! What "secure" means, as one table of data. Context creation applies it, the callbacks enforce it, tests and docs
//! print it. A constant of security that is written in a second place is a defect.
//!
//! A policy is dated and never changes once released; a new one gets a new date.

use std::ffi::{CStr, c_int, c_ulong};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};

/// A bit of `SSL_CTX_set_options`, with the name that OpenSSL's manual gives it.
#[derive(Debug)]
pub struct OptionBit {
    /// The manual's name without `SSL_OP_`.
    pub name: &'static str,
    /// The bit.
    pub bit: u64,
}

/// A cipher suite: OpenSSL's name, and the two-byte number of the IANA registry.
#[derive(Debug)]
pub struct Suite {
    /// OpenSSL's name.
    pub name: &'static str,
    /// IANA's number.
    pub id: u16,
}

/// A rule for certificates that hostlock checks beyond OpenSSL's own, in every verified chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Check {
    /// The serial number is positive and has at most 20 octets (RFC 5280 4.1.2.2).
    Serial,
    /// The algorithm inside the signed part is the one outside of it (RFC 5280 4.1.1.2).
    AlgorithmsAgree,
    /// No extension appears twice (RFC 5280 4.2).
    UniqueExtensions,
    /// Every extension that RFC 5280, 6960 or 7633 defines is the DER that it must be (RFC 5280 4.2).
    ExtensionsParse,
    /// Extensions that must be critical are, and those that must not be are not (RFC 5280 4.2.1, 4.2.2).
    Criticality,
    /// A path length stands only in the certificate of a CA (RFC 5280 4.2.1.9).
    BasicConstraints,
    /// Where the key usage of the peer's certificate is restricted, it may sign (RFC 8446 4.4.2.2).
    KeyUsage,
    /// Extended key usages, where there are any, name this purpose; no older OID stands for it (RFC 5280 4.2.1.12).
    Purpose,
    /// Keys are RSA of 2048 bits or more with an odd exponent above 1, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA (CA/B Forum BR 6.1.5).
    KeyKind,
    /// The peer's own certificate is not that of a CA (CA/B Forum BR 7.1.2.7.8), unless it is itself the anchor.
    LeafIsNoCa,
    /// Name constraints stand in no certificate but a CA's (RFC 5280 4.2.1.10).
    ConstraintsInCaOnly,
    /// Authority and subject key identifiers and a CA's key usage are there (RFC 5280 4.2.1.1, 4.2.1.2, 4.2.1.3).
    IdentifiersPresent,
    /// Where the peer's certificate has extended key usages, anyExtendedKeyUsage is not among them (CA/B Forum BR
    /// 7.1.2.7.10).
    ExplicitPurpose,
    /// The peer's certificate has extended key usages (CA/B Forum BR 7.1.2.7.6). RFC 5280 4.2.1.12 lets it have none, so
    /// no policy demands it; hostlock_ctx_set_verify_flags does by its word "stated-purpose".
    StatedPurpose,
    /// The subjectAltName is critical only where the subject is empty (CA/B Forum BR 7.1.2.7.12).
    NamesNotCritical,
    /// A dNSName is made of letters, digits and hyphens: no underscore (RFC 5280 4.2.1.6, CA/B Forum BR 7.1.4.2).
    PlainDnsNames,
    /// The basicConstraints of a CA below the anchor are critical (RFC 5280 4.2.1.9).
    CriticalConstraints,
    /// RSA moduli are whole octets long (CA/B Forum BR 6.1.5).
    RsaShape,
    /// A wildcard does not stand directly under a public suffix (CA/B Forum BR 3.2.2.6).
    PublicSuffix,
}

/// Everything that [`Check`] lists: first what holds for certificates of any public key infrastructure, then what the
/// CA/Browser Forum's Baseline Requirements add for the public web.
const CHECKS_WEBPKI: &[Check] = &[
    Check::Serial,
    Check::AlgorithmsAgree,
    Check::UniqueExtensions,
    Check::ExtensionsParse,
    Check::Criticality,
    Check::BasicConstraints,
    Check::KeyUsage,
    Check::Purpose,
    Check::KeyKind,
    Check::LeafIsNoCa,
    Check::ConstraintsInCaOnly,
    // The public web's.
    Check::IdentifiersPresent,
    Check::ExplicitPurpose,
    Check::NamesNotCritical,
    Check::PlainDnsNames,
    Check::CriticalConstraints,
    Check::RsaShape,
    Check::PublicSuffix,
];

/// The first part of it.
const CHECKS: &[Check] = CHECKS_WEBPKI.split_at(11).0;

/// One dated policy.
#[derive(Debug)]
pub struct Policy {
    /// The dated name.
    pub name: &'static str,
    /// The lowest protocol version, as OpenSSL numbers it.
    pub min_version: c_int,
    /// The highest protocol version.
    pub max_version: c_int,
    /// OpenSSL's security level.
    pub security_level: c_int,
    /// The least strength of keys, groups, digests and ciphers in bits, enforced without regard to the level.
    pub security_bits: c_int,
    /// Options that are set. Single-use (EC)DH keys need none: OpenSSL has no other kind since 1.1.0.
    pub set_options: &'static [OptionBit],
    /// Options that are also set on a server.
    pub set_server_options: &'static [OptionBit],
    /// Options that weaken, and are cleared whoever set them.
    pub clear_options: &'static [OptionBit],
    /// The TLS 1.3 suites, in order of preference.
    pub suites_tls13: &'static [Suite],
    /// The TLS 1.2 suites, in order of preference.
    pub suites_tls12: &'static [Suite],
    /// Key exchange groups where OpenSSL knows the hybrid post-quantum group.
    pub groups_hybrid: &'static CStr,
    /// Key exchange groups elsewhere.
    pub groups: &'static CStr,
    /// Signature algorithms offered and accepted in the handshake, where OpenSSL passes over those that it does not know.
    pub signature_algorithms_mldsa: &'static CStr,
    /// Signature algorithms elsewhere.
    pub signature_algorithms: &'static CStr,
    /// The most intermediate certificates between the peer's own and its trust anchor.
    pub verify_depth: c_int,
    /// `X509_V_FLAG_*` bits of every verification.
    pub verify_flags: c_ulong,
    /// The most bytes that a peer may send before a handshake that hostlock drives is complete. libssl takes 100 KiB
    /// of certificates at most.
    pub handshake_bytes: usize,
    /// For how many seconds after a full verification its session may be resumed, whatever renews it.
    pub session_age: u32,
    /// What certificates must keep beyond OpenSSL's own checks.
    pub checks: &'static [Check],
}

macro_rules! options {
    ($($name:ident = $bit:expr),* $(,)?) => { &[$(OptionBit { name: stringify!($name), bit: $bit }),*] };
}

/// The signature algorithms that every OpenSSL has, and more behind them.
macro_rules! signature_algorithms {
    ($more:literal) => {
        c_text(concat!(
            "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:",
            "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:",
            "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:",
            "RSA+SHA256:RSA+SHA384:RSA+SHA512",
            $more,
            "\0"
        ))
    };
}

const fn c_text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a NUL inside"),
    }
}

const TLS13: &[Suite] = &[
    Suite { name: "TLS_AES_128_GCM_SHA256", id: 0x1301 },
    Suite { name: "TLS_AES_256_GCM_SHA384", id: 0x1302 },
    Suite { name: "TLS_CHACHA20_POLY1305_SHA256", id: 0x1303 },
];

/// Forward secrecy and authenticated encryption only: Mozilla's intermediate list of 2026.
const TLS12: &[Suite] = &[
    Suite { name: "ECDHE-ECDSA-AES128-GCM-SHA256", id: 0xc02b },
    Suite { name: "ECDHE-RSA-AES128-GCM-SHA256", id: 0xc02f },
    Suite { name: "ECDHE-ECDSA-AES256-GCM-SHA384", id: 0xc02c },
    Suite { name: "ECDHE-RSA-AES256-GCM-SHA384", id: 0xc030 },
    Suite { name: "ECDHE-ECDSA-CHACHA20-POLY1305", id: 0xcca9 },
    Suite { name: "ECDHE-RSA-CHACHA20-POLY1305", id: 0xcca8 },
];

const P2026_11: Policy = Policy {
    name: "2026-11",
    min_version: ffi::TLS1_2_VERSION,
    max_version: ffi::TLS1_3_VERSION,
    security_level: 2,
    security_bits: 112,
    set_options: options! {
        NO_SSLv3 = 1 << 25,
        NO_TLSv1 = 1 << 26,
        NO_TLSv1_1 = 1 << 28,
        NO_COMPRESSION = 1 << 17,
        NO_RENEGOTIATION = 1 << 30,
    },
    set_server_options: options! {
        CIPHER_SERVER_PREFERENCE = 1 << 22,
        PRIORITIZE_CHACHA = 1 << 21,
    },
    clear_options: options! {
        NO_EXTENDED_MASTER_SECRET = 1 << 0,
        LEGACY_SERVER_CONNECT = 1 << 2,
        IGNORE_UNEXPECTED_EOF = 1 << 7,
        ALLOW_CLIENT_RENEGOTIATION = 1 << 8,
        ALLOW_NO_DHE_KEX = 1 << 10,
        ALLOW_UNSAFE_LEGACY_RENEGOTIATION = 1 << 18,
        NO_ENCRYPT_THEN_MAC = 1 << 19,
        TLS_ROLLBACK_BUG = 1 << 23,
        NO_ANTI_REPLAY = 1 << 24,
        PREFER_NO_DHE_KEX = 1 << 35,
    },
    suites_tls13: TLS13,
    suites_tls12: TLS12,
    groups_hybrid: c"?*X25519MLKEM768/?*X25519:P-256:P-384",
    groups: c"X25519:P-256:P-384",
    signature_algorithms_mldsa: signature_algorithms!(":?mldsa65:?mldsa87:?mldsa44"),
    signature_algorithms: signature_algorithms!(""),
    verify_depth: 10,
    handshake_bytes: 512 * 1024,
    session_age: 86_400,
    verify_flags: ffi::X509_V_FLAG_X509_STRICT
        | ffi::X509_V_FLAG_TRUSTED_FIRST
        | ffi::X509_V_FLAG_POLICY_CHECK
        | ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT
        | ffi::X509_V_FLAG_USE_DELTAS,
    checks: CHECKS,
};

/// The versions that the policies permit, each with the option that switches it off.
const VERSION_SWITCHES: &[(c_int, u64)] = &[(ffi::TLS1_2_VERSION, 1 << 27), (ffi::TLS1_3_VERSION, 1 << 29)];

/// For programs that meet only the public web.
const P2026_11_WEBPKI: Policy = Policy { name: "2026-11-webpki", checks: CHECKS_WEBPKI, ..P2026_11 };

/// Every policy; the first is the default.
pub const POLICIES: &[&Policy] = &[&P2026_11, &P2026_11_WEBPKI];

/// A policy as a program asks for it: a name, and what it permits beyond that by name.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The policy.
    pub policy: &'static Policy,
    /// "+cn-fallback": a certificate whose subjectAltName, if it has one, names no server (no dNSName, iPAddress, URI or
    /// SRV name) may be matched by its common name. RFC 9525 forbids it;
    /// it is for old devices that cannot be given a new certificate.
    pub cn_fallback: bool,
    /// "+skip-broken": a broken certificate among the trust anchors that the program names is left out, and the others
    /// count. Without it the whole file is refused.
    pub skip_broken: bool,
    /// "+replace": hardening takes the place of a program's own certificate verify callback where OpenSSL does not show
    /// it, so that it cannot be called any more.
    pub replace: bool,
}

impl Choice {
    /// The choice in a text such as "default" or "2026-11+cn-fallback".
    pub fn parse(text: &str) -> Result<Choice> {
        let mut words = text.split('+');
        let mut choice = Choice::from(Policy::named(words.next().unwrap_or_default())?);
        for word in words {
            match word {
                "cn-fallback" => choice.cn_fallback = true,
                "skip-broken" => choice.skip_broken = true,
                "replace" => choice.replace = true,
                _ => {
                    return Err(Error::new(Status::EArg, format!("there is no policy option {word:?}"))
                        .with_hint("the options are \"+cn-fallback\", \"+skip-broken\" and \"+replace\""));
                }
            }
        }
        Ok(choice)
    }
}

impl Choice {
    /// The choice as a text that [`Choice::parse`] reads, with the policy's dated name.
    pub fn name(&self) -> String {
        let cn_fallback = if self.cn_fallback { "+cn-fallback" } else { "" };
        let skip_broken = if self.skip_broken { "+skip-broken" } else { "" };
        let replace = if self.replace { "+replace" } else { "" };
        format!("{}{cn_fallback}{skip_broken}{replace}", self.policy.name)
    }
}

impl From<&'static Policy> for Choice {
    fn from(policy: &'static Policy) -> Choice {
        Choice { policy, cn_fallback: false, skip_broken: false, replace: false }
    }
}

impl Policy {
    /// The policy of a name; "default" is the first.
    pub fn named(name: &str) -> Result<&'static Policy> {
        if name == "default" {
            return Ok(POLICIES[0]);
        }
        let policy = POLICIES.iter().copied().find(|policy| policy.name == name).ok_or_else(|| {
            let known: Vec<&str> = POLICIES.iter().map(|policy| policy.name).collect();
            Error::new(Status::EArg, format!("there is no policy {name:?}"))
                .with_hint(format!("the policies are \"default\" and {}", quoted(&known)))
        })?;
        if policy.demands(Check::PublicSuffix) && !cfg!(feature = "public-suffix") {
            return Err(Error::new(
                Status::EUnsupported,
                format!("this build has no list of public suffixes, which the policy {name:?} needs"),
            )
            .with_hint("build hostlock with its feature \"public-suffix\""));
        }
        Ok(policy)
    }

    /// The option bits to set on a client, or on a server.
    pub fn options_to_set(&self, server: bool) -> u64 {
        let extra = if server { self.set_server_options } else { &[] };
        self.set_options.iter().chain(extra).fold(0, |bits, option| bits | option.bit)
    }

    /// The option bits to clear.
    pub fn options_to_clear(&self) -> u64 {
        self.clear_options.iter().fold(0, |bits, option| bits | option.bit)
    }

    /// The option bits to clear so that versions from `least` to `most` are not all switched off; 0 where one is left.
    pub fn options_that_leave_no_version(least: c_int, most: c_int, options: u64) -> u64 {
        let mut bits = 0;
        for (version, bit) in VERSION_SWITCHES {
            if (least..=most).contains(version) {
                if options & bit == 0 {
                    return 0;
                }
                bits |= bit;
            }
        }
        bits
    }

    /// Whether the policy permits a version, and no option bit switches it off.
    pub fn permits_version(&self, version: c_int, options: u64) -> bool {
        let is_off = |(switched, bit): &(c_int, u64)| *switched == version && options & bit != 0;
        (self.min_version..=self.max_version).contains(&version) && !VERSION_SWITCHES.iter().any(is_off)
    }

    /// Whether certificates must keep `check`.
    pub fn demands(&self, check: Check) -> bool {
        self.checks.contains(&check)
    }

    /// Whether a suite, by its IANA number, is one of the policy's.
    pub fn permits_suite(&self, id: u16) -> bool {
        let suites = if is_of_tls13(id) { self.suites_tls13 } else { self.suites_tls12 };
        suites.iter().any(|suite| suite.id == id)
    }
}

/// Whether a suite is one of TLS 1.3, which alone have this first octet (RFC 8446 B.4).
pub fn is_of_tls13(id: u16) -> bool {
    id >> 8 == 0x13
}

/// The names of suites as OpenSSL's functions want them, joined by colons.
pub fn suite_list(suites: &[Suite]) -> String {
    suites.iter().map(|suite| suite.name).collect::<Vec<_>>().join(":")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_the_first_policy_and_an_unknown_name_lists_the_known_ones() {
        assert_eq!(Policy::named("default").unwrap().name, POLICIES[0].name);
        let error = Policy::named("2019-01").unwrap_err();
        assert_eq!(error.status(), Status::EArg);
        assert!(error.hint().contains("\"2026-11\""), "{}", error.hint());
    }

    #[test]
    fn what_a_policy_permits_beyond_itself_is_asked_for_by_name() {
        assert!(!Choice::parse("default").unwrap().cn_fallback);
        assert!(Choice::parse("2026-11+cn-fallback").unwrap().cn_fallback);
        let both = Choice::parse("default+skip-broken+cn-fallback").unwrap();
        assert!(both.skip_broken && both.cn_fallback && !Choice::parse("default+cn-fallback").unwrap().skip_broken);
        for wrong in ["", "+cn-fallback", "default+", "default+tls1.0", "default +cn-fallback"] {
            assert_eq!(Choice::parse(wrong).unwrap_err().status(), Status::EArg, "{wrong:?}");
        }
    }

    #[test]
    fn no_option_is_both_set_and_cleared() {
        for policy in POLICIES {
            assert_eq!(policy.options_to_set(true) & policy.options_to_clear(), 0, "{}", policy.name);
        }
    }

    #[test]
    fn a_program_that_switched_off_every_permitted_version_gets_them_back() {
        let (tls12, tls13) = (ffi::TLS1_2_VERSION, ffi::TLS1_3_VERSION);
        let clear = Policy::options_that_leave_no_version;
        assert_eq!(clear(tls12, tls13, 0), 0);
        assert_eq!(clear(tls12, tls13, 1 << 27), 0);
        assert_eq!(clear(tls12, tls13, 1 << 29 | 1 << 26), 0);
        assert_eq!(clear(tls12, tls13, 1 << 27 | 1 << 29), 1 << 27 | 1 << 29);
        assert_eq!(clear(tls12, tls12, 1 << 27), 1 << 27);
        assert_eq!(clear(tls13, tls13, 1 << 27), 0);
    }

    #[test]
    fn only_suites_of_the_table_are_permitted() {
        let policy = Policy::named("default").unwrap();
        assert!(policy.permits_suite(0x1301) && policy.permits_suite(0xc030));
        assert!(!policy.permits_suite(0x002f), "static RSA");
        assert!(!policy.permits_suite(0xc034 + 0x4), "PSK");
        assert!(!policy.permits_suite(0x00a6), "anonymous");
    }
}
