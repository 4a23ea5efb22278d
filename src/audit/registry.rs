//! The names of key exchange groups and signature algorithms: IANA's registries of TLS parameters beside the words of
//! OpenSSL's lists. Which of them are good is the policy's to say; which are broken, these tables tell by their strength.

/// A key exchange group.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// IANA's number.
    pub id: u16,
    /// IANA's name.
    pub name: &'static str,
    /// Every name that OpenSSL's lists know it by.
    pub words: &'static [&'static str],
    /// The strength in bits.
    pub bits: u16,
}

/// A signature algorithm.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// IANA's number.
    pub id: u16,
    /// IANA's name.
    pub name: &'static str,
    /// Every name that OpenSSL's lists know it by.
    pub words: &'static [&'static str],
    /// Whether its hash collides (RFC 9155).
    pub broken: bool,
}

const fn group(id: u16, name: &'static str, words: &'static [&'static str], bits: u16) -> Group {
    Group { id, name, words, bits }
}

const fn signature(id: u16, name: &'static str, words: &'static [&'static str]) -> Signature {
    Signature { id, name, words, broken: id < 0x0300 }
}

/// IANA's registry "TLS Supported Groups", without what was never in OpenSSL.
pub static GROUPS: &[Group] = &[
    group(1, "sect163k1", &["K-163"], 80),
    group(2, "sect163r1", &[], 80),
    group(3, "sect163r2", &["B-163"], 80),
    group(4, "sect193r1", &[], 96),
    group(5, "sect193r2", &[], 96),
    group(6, "sect233k1", &["K-233"], 112),
    group(7, "sect233r1", &["B-233"], 112),
    group(8, "sect239k1", &[], 112),
    group(9, "sect283k1", &["K-283"], 128),
    group(10, "sect283r1", &["B-283"], 128),
    group(11, "sect409k1", &["K-409"], 192),
    group(12, "sect409r1", &["B-409"], 192),
    group(13, "sect571k1", &["K-571"], 256),
    group(14, "sect571r1", &["B-571"], 256),
    group(15, "secp160k1", &[], 80),
    group(16, "secp160r1", &[], 80),
    group(17, "secp160r2", &[], 80),
    group(18, "secp192k1", &[], 96),
    group(19, "secp192r1", &["P-192", "prime192v1"], 96),
    group(20, "secp224k1", &[], 112),
    group(21, "secp224r1", &["P-224"], 112),
    group(22, "secp256k1", &[], 128),
    group(23, "secp256r1", &["P-256", "prime256v1"], 128),
    group(24, "secp384r1", &["P-384"], 192),
    group(25, "secp521r1", &["P-521"], 256),
    group(26, "brainpoolP256r1", &[], 128),
    group(27, "brainpoolP384r1", &[], 192),
    group(28, "brainpoolP512r1", &[], 256),
    group(29, "x25519", &["X25519"], 128),
    group(30, "x448", &["X448"], 224),
    group(31, "brainpoolP256r1tls13", &[], 128),
    group(32, "brainpoolP384r1tls13", &[], 192),
    group(33, "brainpoolP512r1tls13", &[], 256),
    group(256, "ffdhe2048", &[], 112),
    group(257, "ffdhe3072", &[], 128),
    group(258, "ffdhe4096", &[], 152),
    group(259, "ffdhe6144", &[], 176),
    group(260, "ffdhe8192", &[], 192),
    group(512, "MLKEM512", &[], 128),
    group(513, "MLKEM768", &[], 192),
    group(514, "MLKEM1024", &[], 256),
    group(4587, "SecP256r1MLKEM768", &[], 128),
    group(4588, "X25519MLKEM768", &[], 128),
    group(4589, "SecP384r1MLKEM1024", &[], 192),
];

/// IANA's registry "TLS SignatureScheme" (0x01.. is MD5, 0x02.. is SHA-1), and the pairs of a hash and a key that TLS 1.2 writes with the same numbers.
pub static SIGNATURES: &[Signature] = &[
    signature(0x0101, "rsa_pkcs1_md5", &["RSA+MD5"]),
    signature(0x0201, "rsa_pkcs1_sha1", &["RSA+SHA1"]),
    signature(0x0202, "dsa_sha1", &["DSA+SHA1"]),
    signature(0x0203, "ecdsa_sha1", &["ECDSA+SHA1"]),
    signature(0x0301, "rsa_pkcs1_sha224", &["RSA+SHA224"]),
    signature(0x0302, "dsa_sha224", &["DSA+SHA224"]),
    signature(0x0303, "ecdsa_sha224", &["ECDSA+SHA224"]),
    signature(0x0401, "rsa_pkcs1_sha256", &["RSA+SHA256"]),
    signature(0x0402, "dsa_sha256", &["DSA+SHA256"]),
    signature(0x0403, "ecdsa_secp256r1_sha256", &["ECDSA+SHA256"]),
    signature(0x0501, "rsa_pkcs1_sha384", &["RSA+SHA384"]),
    signature(0x0502, "dsa_sha384", &["DSA+SHA384"]),
    signature(0x0503, "ecdsa_secp384r1_sha384", &["ECDSA+SHA384"]),
    signature(0x0601, "rsa_pkcs1_sha512", &["RSA+SHA512"]),
    signature(0x0602, "dsa_sha512", &["DSA+SHA512"]),
    signature(0x0603, "ecdsa_secp521r1_sha512", &["ECDSA+SHA512"]),
    signature(0x0804, "rsa_pss_rsae_sha256", &["RSA-PSS+SHA256"]),
    signature(0x0805, "rsa_pss_rsae_sha384", &["RSA-PSS+SHA384"]),
    signature(0x0806, "rsa_pss_rsae_sha512", &["RSA-PSS+SHA512"]),
    signature(0x0807, "ed25519", &[]),
    signature(0x0808, "ed448", &[]),
    signature(0x0809, "rsa_pss_pss_sha256", &[]),
    signature(0x080a, "rsa_pss_pss_sha384", &[]),
    signature(0x080b, "rsa_pss_pss_sha512", &[]),
    signature(0x081a, "ecdsa_brainpoolP256r1tls13_sha256", &[]),
    signature(0x081b, "ecdsa_brainpoolP384r1tls13_sha384", &[]),
    signature(0x081c, "ecdsa_brainpoolP512r1tls13_sha512", &[]),
    signature(0x0904, "mldsa44", &["ML-DSA-44"]),
    signature(0x0905, "mldsa65", &["ML-DSA-65"]),
    signature(0x0906, "mldsa87", &["ML-DSA-87"]),
];

impl Group {
    /// The group of IANA's number.
    pub fn of(id: u16) -> Option<&'static Group> {
        GROUPS.iter().find(|group| group.id == id)
    }

    /// Whether a list of OpenSSL's form names it.
    pub fn is_in(&self, list: &str) -> bool {
        words(list).any(|word| word == self.name || self.words.contains(&word))
    }
}

impl Signature {
    /// The algorithm of IANA's number.
    pub fn of(id: u16) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|signature| signature.id == id)
    }

    /// Whether a list of OpenSSL's form names it.
    pub fn is_in(&self, list: &str) -> bool {
        words(list).any(|word| word == self.name || self.words.contains(&word))
    }
}

/// The names in a list, without the marks that say "if known" and "send a key share".
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([':', '/']).map(|word| word.trim_start_matches(['?', '*', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::POLICIES;

    #[test]
    fn every_name_in_a_policys_lists_is_in_the_tables() {
        for policy in POLICIES {
            for list in [policy.groups, policy.groups_hybrid] {
                let list = list.to_str().unwrap();
                for word in words(list) {
                    assert!(GROUPS.iter().any(|group| group.is_in(word)), "{word}");
                }
            }
            for word in words(policy.signature_algorithms_mldsa.to_str().unwrap()) {
                assert!(SIGNATURES.iter().any(|signature| signature.is_in(word)), "{word}");
            }
        }
    }

    #[test]
    fn no_policy_names_what_the_tables_call_broken() {
        for policy in POLICIES {
            let hybrid = policy.groups_hybrid.to_str().unwrap();
            for group in GROUPS.iter().filter(|group| group.is_in(hybrid)) {
                assert!(i32::from(group.bits) >= policy.security_bits, "{}", group.name);
            }
            let list = policy.signature_algorithms_mldsa.to_str().unwrap();
            for signature in SIGNATURES.iter().filter(|signature| signature.is_in(list)) {
                assert!(!signature.broken, "{}", signature.name);
            }
        }
    }

    #[test]
    fn the_tables_are_ordered_and_name_nothing_twice() {
        assert!(GROUPS.is_sorted_by_key(|group| group.id) && SIGNATURES.is_sorted_by_key(|signature| signature.id));
        let mut names: Vec<&str> =
            GROUPS.iter().flat_map(|group| group.words.iter().chain([&group.name])).copied().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
