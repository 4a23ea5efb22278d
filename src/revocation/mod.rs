//! Revocation: which certificates of a chain are asked about, what counts as an answer, and what is forgiven where there
//! is none. A certificate that is known to be revoked is never forgiven.

pub mod crl;
pub mod crls;
pub mod inquiry;
pub mod ocsp;
mod response;
mod words;

use std::ffi::{c_int, c_ulong};
use std::sync::Arc;

use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crls::Crls;

/// What is asked about, and what is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Every certificate below the trust anchor, not only the peer's own.
    pub chain: bool,
    /// "+soft": where there is no CRL for it, the certificate passes. One that is there must be in order.
    pub soft: bool,
    /// "+expired": a CRL past its nextUpdate still counts.
    pub expired: bool,
}

impl Mode {
    /// Every certificate below the anchor, nothing forgiven.
    pub const STRICT: Mode = Mode { chain: true, soft: false, expired: false };

    /// The mode in a text such as "leaf" or "chain+soft".
    pub fn parse(text: &str) -> Result<Mode> {
        let mut words = text.split('+');
        let mut mode = match words.next() {
            Some("chain") => Mode::STRICT,
            Some("leaf") => Mode { chain: false, ..Mode::STRICT },
            _ => return Err(Mode::unknown(text)),
        };
        for word in words {
            match word {
                "soft" => mode.soft = true,
                "expired" => mode.expired = true,
                _ => return Err(Mode::unknown(text)),
            }
        }
        Ok(mode)
    }

    fn unknown(text: &str) -> Error {
        Error::new(Status::EArg, format!("there is no CRL mode {text:?}")).with_hint(
            "the modes are \"leaf\" and \"chain\", each with \"+soft\" or \"+expired\" behind it where wanted",
        )
    }
}

/// What a context knows about revocation. Copies share the CRLs.
#[derive(Clone, Debug, Default)]
pub struct Revocation {
    /// The mode that the program chose; choosing one turns checking on.
    pub mode: Option<Mode>,
    /// The CRLs; loading one turns checking on.
    pub crls: Arc<Crls>,
}

impl Revocation {
    /// The mode in force, or `None` where nothing was asked for.
    pub fn in_force(&self) -> Option<Mode> {
        self.mode.or_else(|| (!self.crls.is_empty()).then_some(Mode::STRICT))
    }

    /// The `X509_V_FLAG_*` bits of a verification whose program asked for `wished`.
    pub fn flags(&self, wished: c_ulong) -> c_ulong {
        let flags = match self.in_force() {
            Some(mode) if mode.chain => ffi::X509_V_FLAG_CRL_CHECK | ffi::X509_V_FLAG_CRL_CHECK_ALL,
            Some(_) => ffi::X509_V_FLAG_CRL_CHECK,
            None => 0,
        };
        // Where only CRL_CHECK_ALL is set nothing is checked, as in OpenSSL: Ruby's default store has it so.
        if (flags | wished) & ffi::X509_V_FLAG_CRL_CHECK == 0 {
            return flags;
        }
        flags | ffi::X509_V_FLAG_EXTENDED_CRL_SUPPORT | ffi::X509_V_FLAG_USE_DELTAS
    }

    /// Whether what OpenSSL found about revocation, at `depth` of a chain whose anchor is at `anchor`, is no obstacle.
    ///
    /// An anchor is trusted because the program says so; OpenSSL asks for its revocation all the same.
    pub fn forgives(&self, code: c_int, depth: c_int, anchor: c_int) -> bool {
        if depth >= anchor && is_about_revocation(code) {
            return true;
        }
        let Some(mode) = self.in_force() else { return false };
        (mode.expired && code == ffi::X509_V_ERR_CRL_HAS_EXPIRED) || (mode.soft && is_absence(code))
    }
}

/// The error for a certificate that a CRL of its issuer's name lists; `None` where none does.
pub fn revoked_by(crls: &Crls, certificate: &X509Ref) -> Option<Error> {
    let revoking = crls.iter().find(|crl| crl.names_issuer_of(certificate) && crl.lists(certificate))?;
    Some(words::revoked(certificate, 0, Some(revoking.list())))
}

/// Whether the code says that there is no CRL for the certificate.
fn is_absence(code: c_int) -> bool {
    matches!(
        code,
        ffi::X509_V_ERR_UNABLE_TO_GET_CRL
            | ffi::X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER
            | ffi::X509_V_ERR_DIFFERENT_CRL_SCOPE
    )
}

/// Whether the code is about a CRL, and not what a good one says.
pub fn is_about_crls(code: c_int) -> bool {
    is_about_revocation(code) && code != ffi::X509_V_ERR_CERT_REVOKED
}

/// Whether the code is about a CRL or what it says, not about a certificate itself.
pub fn is_about_revocation(code: c_int) -> bool {
    is_absence(code)
        || matches!(
            code,
            ffi::X509_V_ERR_CERT_REVOKED
                | ffi::X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE
                | ffi::X509_V_ERR_CRL_SIGNATURE_FAILURE
                | ffi::X509_V_ERR_CRL_NOT_YET_VALID
                | ffi::X509_V_ERR_CRL_HAS_EXPIRED
                | ffi::X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD
                | ffi::X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD
                | ffi::X509_V_ERR_KEYUSAGE_NO_CRL_SIGN
                | ffi::X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION
                | ffi::X509_V_ERR_CRL_PATH_VALIDATION_ERROR
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(mode: Mode) -> Revocation {
        Revocation { mode: Some(mode), ..Revocation::default() }
    }

    #[test]
    fn a_mode_is_leaf_or_chain_with_its_suffixes_in_any_order() {
        assert_eq!(Mode::parse("chain").unwrap(), Mode::STRICT);
        assert_eq!(Mode::parse("leaf").unwrap(), Mode { chain: false, soft: false, expired: false });
        let both = Mode { chain: true, soft: true, expired: true };
        assert_eq!(Mode::parse("chain+soft+expired").unwrap(), both);
        assert_eq!(Mode::parse("chain+expired+soft").unwrap(), both);
        for wrong in ["", "+soft", "soft", "chain+", "chain+Soft", "chain soft", "chain,soft", "leaf+off", "none"] {
            assert_eq!(Mode::parse(wrong).unwrap_err().status(), Status::EArg, "{wrong:?}");
        }
    }

    #[test]
    fn nothing_is_asked_where_no_crl_was_loaded_and_no_mode_chosen() {
        assert_eq!(Revocation::default().flags(0), 0);
        assert_ne!(with(Mode::STRICT).flags(0) & ffi::X509_V_FLAG_CRL_CHECK_ALL, 0);
        let leaf = with(Mode { chain: false, ..Mode::STRICT }).flags(0);
        assert_eq!(leaf & ffi::X509_V_FLAG_CRL_CHECK_ALL, 0);
        assert_ne!(leaf & ffi::X509_V_FLAG_CRL_CHECK, 0);
    }

    #[test]
    fn check_all_without_check_means_nothing_as_in_openssl() {
        let flags = Revocation::default().flags(ffi::X509_V_FLAG_CRL_CHECK_ALL);
        assert_eq!(flags, 0);
    }

    #[test]
    fn a_revoked_certificate_below_the_anchor_is_never_forgiven() {
        for mode in ["leaf", "chain", "chain+soft", "chain+expired", "chain+soft+expired", "leaf+soft+expired"] {
            let revocation = with(Mode::parse(mode).unwrap());
            for depth in 0..2 {
                assert!(!revocation.forgives(ffi::X509_V_ERR_CERT_REVOKED, depth, 2), "{mode} {depth}");
            }
        }
    }

    #[test]
    fn soft_forgives_absence_and_expired_forgives_age_alone() {
        let soft = with(Mode::parse("chain+soft").unwrap());
        let expired = with(Mode::parse("chain+expired").unwrap());
        assert!(soft.forgives(ffi::X509_V_ERR_UNABLE_TO_GET_CRL, 0, 2));
        assert!(!soft.forgives(ffi::X509_V_ERR_CRL_HAS_EXPIRED, 0, 2));
        assert!(!soft.forgives(ffi::X509_V_ERR_CRL_SIGNATURE_FAILURE, 0, 2));
        assert!(expired.forgives(ffi::X509_V_ERR_CRL_HAS_EXPIRED, 0, 2));
        assert!(!expired.forgives(ffi::X509_V_ERR_UNABLE_TO_GET_CRL, 0, 2));
        assert!(!expired.forgives(ffi::X509_V_ERR_CRL_NOT_YET_VALID, 0, 2));
        assert!(!with(Mode::STRICT).forgives(ffi::X509_V_ERR_CRL_HAS_EXPIRED, 0, 2));
    }

    #[test]
    fn what_is_no_matter_of_revocation_is_never_forgiven() {
        let lax = with(Mode::parse("chain+soft+expired").unwrap());
        for code in [
            ffi::X509_V_ERR_CERT_HAS_EXPIRED,
            ffi::X509_V_ERR_CERT_SIGNATURE_FAILURE,
            ffi::X509_V_ERR_INVALID_CA,
            ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
        ] {
            assert!(!lax.forgives(code, 0, 2) && !lax.forgives(code, 2, 2), "{code}");
        }
    }

    #[test]
    fn the_anchor_itself_is_not_asked() {
        let strict = with(Mode::STRICT);
        assert!(strict.forgives(ffi::X509_V_ERR_UNABLE_TO_GET_CRL, 2, 2));
        assert!(strict.forgives(ffi::X509_V_ERR_CERT_REVOKED, 2, 2));
        assert!(!strict.forgives(ffi::X509_V_ERR_UNABLE_TO_GET_CRL, 1, 2));
    }
}
