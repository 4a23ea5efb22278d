//! Wildcards directly under a public suffix: "*.co.uk" would stand for everybody's host (CA/B Forum BR 3.2.2.6). Only
//! a wildcard is held against the list; a host that the certificate names in full needs no such rule.

use crate::error::{Error, Result, Status};
use crate::host::ExpectedHost;
use crate::host::{MatchRules, Reference, ask_owner, check};
use crate::x509::Presented;

/// Refuses where a host is matched by nothing but a wildcard directly under a public suffix.
pub fn check_wildcards(wanted: &ExpectedHost, presented: &Presented<'_>) -> Result<()> {
    for reference in wanted.references() {
        let Reference::Dns(name) = reference else { continue };
        let Some((_, parent)) = name.as_str().split_once('.') else { continue };
        let rules = MatchRules { wildcards: false, ..wanted.rules };
        if is_public(parent) && check(reference, presented, rules).is_err() {
            return Err(Error::new(
                Status::EHostMismatch,
                format!(
                    "the certificate is for \"*.{parent}\", and \"{parent}\" is a public suffix, under which hosts \
                     belong to different owners (CA/B Forum BR 3.2.2.6)"
                ),
            )
            .with_hint(ask_owner(reference))
            .with_host(reference.text())
            .with_names(presented.names())
            .with_x509_code(openssl_sys::X509_V_ERR_HOSTNAME_MISMATCH));
        }
    }
    Ok(())
}

/// Whether `name` is on Mozilla's list, in its public or in its private part.
#[cfg(feature = "public-suffix")]
fn is_public(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// Without the list [`Policy::named`](crate::policy::Policy::named) gives out no policy that asks here; should one be
/// built by hand, every name may be a suffix.
#[cfg(not(feature = "public-suffix"))]
fn is_public(_: &str) -> bool {
    true
}

#[cfg(all(test, feature = "public-suffix"))]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_parts_of_the_list_are_public_suffixes_and_what_lies_below_is_not() {
        for name in ["com", "co.uk", "github.io", "s3.amazonaws.com", "xn--p1ai"] {
            assert!(is_public(name), "{name}");
        }
        for name in ["example.com", "example.co.uk", "amazonaws.com", "corp.internal", "no-such-tld-at-all"] {
            assert!(!is_public(name), "{name}");
        }
    }

    #[test]
    fn a_wildcard_under_a_public_suffix_counts_for_nothing_but_a_full_name_does() {
        let wildcard = [&[0x30, 0x09, 0x82, 0x07][..], b"*.co.uk"].concat();
        let full = [&[0x30, 0x0f, 0x82, 0x0d][..], b"example.co.uk"].concat();
        let wanted = ExpectedHost::one(Reference::parse("example.co.uk").unwrap(), MatchRules::default());
        let subject = [0x30, 0x00];
        let error = check_wildcards(&wanted, &Presented::new(Some(&wildcard), &subject)).unwrap_err();
        assert_eq!(error.status(), Status::EHostMismatch);
        assert!(error.message().contains("\"co.uk\" is a public suffix"), "{}", error.message());
        assert!(check_wildcards(&wanted, &Presented::new(Some(&full), &subject)).is_ok());
    }
}
