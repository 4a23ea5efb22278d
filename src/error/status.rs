//! What can come of a call: the numbers of the C ABI, which never change, their names and their titles.

use std::ffi::c_char;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $title:literal;)*) => {
        impl Status {
            /// Every status there is, in the order of the header.
            pub const ALL: &'static [Status] = &[$(Status::$variant),*];

            /// Its name in the C header, such as "HOSTLOCK_E_HOST_MISMATCH": the token for programs.
            pub fn name(self) -> &'static str {
                match self { $(Status::$variant => $name),* }
            }

            /// The same, NUL-terminated.
            pub(crate) fn c_name(self) -> *const c_char {
                match self { $(Status::$variant => concat!($name, "\0").as_ptr().cast()),* }
            }

            /// A short phrase for the status, such as "host mismatch".
            pub fn title(self) -> &'static str {
                match self { $(Status::$variant => $title),* }
            }

            /// The same, NUL-terminated.
            pub(crate) fn c_title(self) -> *const c_char {
                match self { $(Status::$variant => concat!($title, "\0").as_ptr().cast()),* }
            }

            /// The status whose number is `code`.
            pub fn from_code(code: i32) -> Option<Status> {
                match code { $($code => Some(Status::$variant),)* _ => None }
            }
        }

        #[cfg(test)]
        const DECLARED: &[(Status, i32)] = &[$((Status::$variant, $code)),*];
    };
}

/// What every fallible function answers: HOSTLOCK_OK (0) or one of these negative numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// Not a failure: the transport has no data now. Wait until the descriptor is readable and call again.
    WantRead = -1,
    /// Not a failure: the transport takes no data now. Wait until the descriptor is writable and call again.
    WantWrite = -2,
    /// An argument is NULL, out of range, or a word that is not known; the hint lists the known ones.
    EArg = -3,
    /// The call does not fit the state of the object: too early, too late, or an object of another kind.
    EState = -4,
    /// A defect inside hostlock was stopped at its border. The operation was refused; nothing was changed.
    EInternal = -5,
    /// An earlier set-up call failed; the message names it. A later successful call of the same family cures it.
    EPoisoned = -6,
    /// This build, this OpenSSL or this kind of object cannot do what was asked.
    EUnsupported = -7,
    /// The object belongs to another copy of libssl than the one that hostlock uses.
    EForeignLibssl = -8,
    /// It comes too late: a connection of the context was made already, and OpenSSL keeps without a lock what the call would
    /// change. Nothing was changed, and the context goes on as it was.
    EFrozen = -9,
    /// The host asked for is not a DNS name or an IP address that can be verified.
    EBadHost = -10,
    /// No host is known for this connection, so its certificate cannot be matched with one.
    ENoHost = -11,
    /// The certificate is valid, but it belongs to another host.
    EHostMismatch = -12,
    /// A certificate of the chain has expired.
    EExpired = -20,
    /// A certificate of the chain is not valid yet.
    ENotYetValid = -21,
    /// The peer's own certificate is self-signed and not trusted.
    ESelfSigned = -22,
    /// The chain ends at an issuer that is not a trust anchor: a CA that is not trusted, or an intermediate that was not sent.
    EUnknownIssuer = -23,
    /// The peer did not send the intermediate certificate that links its own to a trust anchor, as other certificates show; or
    /// one is missing in an own chain.
    EMissingIntermediate = -24,
    /// A certificate may not be used for this purpose (extended key usage, key usage or CA flag).
    EWrongPurpose = -25,
    /// A key in the chain is too small or of a kind that the policy refuses.
    EWeakKey = -26,
    /// A signature in the chain uses an algorithm that the policy refuses.
    EWeakSignature = -27,
    /// A certificate of the chain has been revoked.
    ERevoked = -28,
    /// Whether a certificate of the chain is revoked could not be found out, and the policy demands to know.
    ERevocationUnknown = -29,
    /// A signature in the chain is wrong.
    EBadSignature = -30,
    /// A certificate of the chain breaks a rule of RFC 5280 or of the policy.
    EBadCertificate = -31,
    /// A name in the chain lies outside of what a CA of the chain may certify (name constraints).
    ENameConstraint = -32,
    /// The chain is longer than a CA of the chain or the policy permits.
    EChainTooLong = -33,
    /// The peer showed no certificate.
    ENoCertificate = -34,
    /// The connection was made without hostlock's verification (resumed, anonymous, pre-shared key, or a replaced callback).
    EUnverified = -35,
    /// A callback of the application's own refused the chain, or ended the handshake.
    EApplicationRefused = -36,
    /// The chain does not contain any of the pinned keys.
    EPinMismatch = -37,
    /// The CRL or OCSP answer for a certificate of the chain is out of date, or not valid yet.
    ERevocationStale = -38,
    /// The CRL or OCSP answer for a certificate of the chain is damaged, not signed by who may, or not usable for it.
    ERevocationInvalid = -39,
    /// No trust anchor is loaded, so nothing can be verified.
    ENoTrustAnchors = -40,
    /// There is no file or directory of that name.
    ENotFound = -41,
    /// A directory was given where a file is needed, or the other way round, or something that is neither.
    EWrongFileType = -42,
    /// The file or directory exists but could not be read.
    EFileIo = -43,
    /// The input holds nothing at all.
    EEmpty = -44,
    /// The input is neither PEM nor DER, or is damaged.
    EBadPem = -45,
    /// The input is well-formed PEM, but holds nothing of the kind that is needed (a key where certificates belong, for example).
    EWrongPem = -46,
    /// The private key does not belong to the certificate.
    EKeyMismatch = -47,
    /// The private key is encrypted, and the passphrase is missing or wrong.
    EPassphrase = -48,
    /// The source of the roots distrusts a certificate of the chain, or distrusts a root for certificates as new as this.
    EDistrusted = -50,
    /// The host name could not be resolved to an address.
    EResolve = -60,
    /// No address of the host accepted the connection.
    EConnect = -61,
    /// The time allowed ran out.
    ETimeout = -62,
    /// The connection was cut without TLS's own end-of-data message: what was read may be incomplete.
    ETruncated = -63,
    /// The operating system reported an error on the descriptor.
    EIo = -64,
    /// The connection has been closed; no more can be written.
    EClosed = -65,
    /// The peer sent more than a handshake can need, and was cut off.
    EFlood = -66,
    /// A signal came while the call waited, and the program wants it to end then (hostlock_ctx_set_on_interrupt). The
    /// connection can go on.
    EInterrupted = -67,
    /// The peer has no TLS version in common with the policy.
    ENoCommonVersion = -70,
    /// The peer has no cipher suite, group or signature algorithm in common with the policy.
    ENoCommonCipher = -71,
    /// The peer ended the connection with a TLS alert.
    EAlert = -72,
    /// The peer does not speak TLS: a server on the wrong port, or a client that sent a plain request.
    EPlaintext = -73,
    /// The peer broke the TLS protocol.
    EProtocol = -74,
    /// The two sides have no application protocol in common (ALPN, RFC 7301).
    ENoCommonProtocol = -75,
    /// This process has no memory left, or OpenSSL failed on this side in the way that it then does. The peer is not to
    /// blame, and the same call may succeed later.
    ENoMemory = -76,
}

statuses! {
    Ok = 0, "HOSTLOCK_OK", "success";
    WantRead = -1, "HOSTLOCK_WANT_READ", "want read";
    WantWrite = -2, "HOSTLOCK_WANT_WRITE", "want write";
    EArg = -3, "HOSTLOCK_E_ARG", "bad argument";
    EState = -4, "HOSTLOCK_E_STATE", "wrong state";
    EInternal = -5, "HOSTLOCK_E_INTERNAL", "internal error";
    EPoisoned = -6, "HOSTLOCK_E_POISONED", "set-up failed earlier";
    EUnsupported = -7, "HOSTLOCK_E_UNSUPPORTED", "not supported";
    EForeignLibssl = -8, "HOSTLOCK_E_FOREIGN_LIBSSL", "another copy of libssl";
    EFrozen = -9, "HOSTLOCK_E_FROZEN", "in use already";
    EBadHost = -10, "HOSTLOCK_E_BAD_HOST", "bad host";
    ENoHost = -11, "HOSTLOCK_E_NO_HOST", "no host to check";
    EHostMismatch = -12, "HOSTLOCK_E_HOST_MISMATCH", "host mismatch";
    EExpired = -20, "HOSTLOCK_E_EXPIRED", "certificate expired";
    ENotYetValid = -21, "HOSTLOCK_E_NOT_YET_VALID", "certificate not yet valid";
    ESelfSigned = -22, "HOSTLOCK_E_SELF_SIGNED", "self-signed certificate";
    EUnknownIssuer = -23, "HOSTLOCK_E_UNKNOWN_ISSUER", "unknown issuer";
    EMissingIntermediate = -24, "HOSTLOCK_E_MISSING_INTERMEDIATE", "missing intermediate";
    EWrongPurpose = -25, "HOSTLOCK_E_WRONG_PURPOSE", "wrong purpose";
    EWeakKey = -26, "HOSTLOCK_E_WEAK_KEY", "weak key";
    EWeakSignature = -27, "HOSTLOCK_E_WEAK_SIGNATURE", "weak signature";
    ERevoked = -28, "HOSTLOCK_E_REVOKED", "certificate revoked";
    ERevocationUnknown = -29, "HOSTLOCK_E_REVOCATION_UNKNOWN", "revocation status unknown";
    EBadSignature = -30, "HOSTLOCK_E_BAD_SIGNATURE", "bad signature";
    EBadCertificate = -31, "HOSTLOCK_E_BAD_CERTIFICATE", "bad certificate";
    ENameConstraint = -32, "HOSTLOCK_E_NAME_CONSTRAINT", "name constraint violated";
    EChainTooLong = -33, "HOSTLOCK_E_CHAIN_TOO_LONG", "chain too long";
    ENoCertificate = -34, "HOSTLOCK_E_NO_CERTIFICATE", "no certificate";
    EUnverified = -35, "HOSTLOCK_E_UNVERIFIED", "not verified";
    EApplicationRefused = -36, "HOSTLOCK_E_APPLICATION_REFUSED", "refused by the application";
    EPinMismatch = -37, "HOSTLOCK_E_PIN_MISMATCH", "pin mismatch";
    ERevocationStale = -38, "HOSTLOCK_E_REVOCATION_STALE", "revocation data out of date";
    ERevocationInvalid = -39, "HOSTLOCK_E_REVOCATION_INVALID", "revocation data not usable";
    ENoTrustAnchors = -40, "HOSTLOCK_E_NO_TRUST_ANCHORS", "no trust anchors";
    ENotFound = -41, "HOSTLOCK_E_NOT_FOUND", "not found";
    EWrongFileType = -42, "HOSTLOCK_E_WRONG_FILE_TYPE", "wrong kind of file";
    EFileIo = -43, "HOSTLOCK_E_FILE_IO", "cannot be read";
    EEmpty = -44, "HOSTLOCK_E_EMPTY", "empty input";
    EBadPem = -45, "HOSTLOCK_E_BAD_PEM", "damaged input";
    EWrongPem = -46, "HOSTLOCK_E_WRONG_PEM", "wrong kind of PEM";
    EKeyMismatch = -47, "HOSTLOCK_E_KEY_MISMATCH", "key of another certificate";
    EPassphrase = -48, "HOSTLOCK_E_PASSPHRASE", "wrong or missing passphrase";
    EDistrusted = -50, "HOSTLOCK_E_DISTRUSTED", "distrusted";
    EResolve = -60, "HOSTLOCK_E_RESOLVE", "cannot resolve";
    EConnect = -61, "HOSTLOCK_E_CONNECT", "cannot connect";
    ETimeout = -62, "HOSTLOCK_E_TIMEOUT", "timed out";
    ETruncated = -63, "HOSTLOCK_E_TRUNCATED", "connection cut";
    EIo = -64, "HOSTLOCK_E_IO", "input/output error";
    EClosed = -65, "HOSTLOCK_E_CLOSED", "connection closed";
    EFlood = -66, "HOSTLOCK_E_FLOOD", "flooded by the peer";
    EInterrupted = -67, "HOSTLOCK_E_INTERRUPTED", "interrupted by a signal";
    ENoCommonVersion = -70, "HOSTLOCK_E_NO_COMMON_VERSION", "no common TLS version";
    ENoCommonCipher = -71, "HOSTLOCK_E_NO_COMMON_CIPHER", "no common cipher";
    EAlert = -72, "HOSTLOCK_E_ALERT", "alert from the peer";
    EPlaintext = -73, "HOSTLOCK_E_PLAINTEXT", "not TLS";
    EProtocol = -74, "HOSTLOCK_E_PROTOCOL", "protocol error";
    ENoCommonProtocol = -75, "HOSTLOCK_E_NO_COMMON_PROTOCOL", "no common application protocol";
    ENoMemory = -76, "HOSTLOCK_E_NO_MEMORY", "out of memory";
}

impl Status {
    /// The number that crosses the C ABI.
    pub fn code(self) -> i32 {
        self as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_titles_says_the_same_numbers_as_the_enum() {
        for &(status, code) in DECLARED {
            assert_eq!(status.code(), code, "{status:?}");
            assert_eq!(Status::from_code(code), Some(status));
        }
        assert_eq!(Status::ALL.len(), DECLARED.len());
    }
}
