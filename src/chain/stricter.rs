//! What a program can ask for beyond the policy, in words, and the times that verification can be made for.

use std::ffi::c_ulong;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::policy::Check;

/// A time that OpenSSL and X.509 can hold.
pub fn time(unix_seconds: i64) -> Result<i64> {
    // The end of the year 9999, the last that a GeneralizedTime can say.
    const LAST: i64 = 253_402_300_799;
    if (0..=LAST).contains(&unix_seconds) && libc::time_t::try_from(unix_seconds).is_ok() {
        return Ok(unix_seconds);
    }
    Err(Error::new(Status::EArg, format!("{unix_seconds} is not a time between the years 1970 and 9999"))
        .with_hint("give seconds since 1970-01-01 UTC"))
}

/// What makes verification stricter than the policy.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stricter {
    /// `X509_V_FLAG_*` bits.
    pub flags: c_ulong,
    /// Checks of the table in [`policy`](crate::policy).
    pub checks: Vec<Check>,
}

const WORDS: &[(&str, c_ulong, &[Check])] = &[
    ("explicit-policy", ffi::X509_V_FLAG_POLICY_CHECK | ffi::X509_V_FLAG_EXPLICIT_POLICY, &[]),
    ("inhibit-any-policy", ffi::X509_V_FLAG_POLICY_CHECK | ffi::X509_V_FLAG_INHIBIT_ANY, &[]),
    ("inhibit-policy-mapping", ffi::X509_V_FLAG_POLICY_CHECK | ffi::X509_V_FLAG_INHIBIT_MAP, &[]),
    ("stated-purpose", 0, &[Check::StatedPurpose]),
    ("crl-check", ffi::X509_V_FLAG_CRL_CHECK, &[]),
    ("crl-check-all", ffi::X509_V_FLAG_CRL_CHECK | ffi::X509_V_FLAG_CRL_CHECK_ALL, &[]),
];

/// What a comma-separated list of words stands for.
pub fn stricter(words: &str) -> Result<Stricter> {
    let mut stricter = Stricter::default();
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (_, bits, checks) = WORDS.iter().find(|(known, ..)| *known == word).ok_or_else(|| {
            let known: Vec<String> = WORDS.iter().map(|(known, ..)| format!("{known:?}")).collect();
            Error::new(Status::EArg, format!("{word:?} is not a word for stricter verification"))
                .with_hint(format!("the words are {}", known.join(", ")))
        })?;
        stricter.flags |= bits;
        stricter.checks.extend_from_slice(checks);
    }
    Ok(stricter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::verdict::WEAKENING;

    #[test]
    fn every_word_makes_verification_stricter() {
        for (word, bits, checks) in WORDS {
            assert_eq!(bits & WEAKENING, 0, "{word}");
            assert_eq!(stricter(word).unwrap(), Stricter { flags: *bits, checks: checks.to_vec() });
        }
        assert_eq!(stricter("").unwrap(), Stricter::default());
        assert_eq!(stricter("crl-check, explicit-policy").unwrap().flags, WORDS[0].1 | WORDS[4].1);
        let error = stricter("no-check-time").unwrap_err();
        assert_eq!(error.status(), Status::EArg);
        assert!(error.hint().contains("\"crl-check-all\""), "{}", error.hint());
    }

    #[test]
    fn a_time_outside_of_what_x509_can_say_is_refused() {
        assert_eq!(time(0).unwrap(), 0);
        assert_eq!(time(1_700_000_000).unwrap(), 1_700_000_000);
        assert_eq!(time(-1).unwrap_err().status(), Status::EArg);
        assert_eq!(time(i64::MAX).unwrap_err().status(), Status::EArg);
    }
}
