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
    ///
    /// What to do: the message names the argument. Mend the call, and look at the answers of set-up calls: a
    /// context whose set-up failed refuses its handshakes.
    EArg = -3,
    /// The call does not fit the state of the object: too early, too late, or an object of another kind.
    ///
    /// What to do: move the call. Set-up comes before the first connection, the host before the handshake, reads
    /// and writes after it.
    EState = -4,
    /// A defect inside hostlock was stopped at its border. The operation was refused; nothing was changed.
    ///
    /// What to do: report it, with the message and what `hostlock doctor` prints.
    EInternal = -5,
    /// An earlier set-up call failed; the message names it. A later successful call of the same family cures it.
    ///
    /// What to do: mend the call that the message names.
    EPoisoned = -6,
    /// This build, this OpenSSL or this kind of object cannot do what was asked.
    ///
    /// What to do: read the hint. hostlock speaks TLS over a stream, and neither DTLS nor QUIC.
    EUnsupported = -7,
    /// The object belongs to another copy of libssl than the one that hostlock uses.
    ///
    /// What to do: let program and library use one libssl: `hostlock doctor` shows which there are, `ldd PROGRAM`
    /// which it takes.
    EForeignLibssl = -8,
    /// It comes too late: a connection of the context was made already, and OpenSSL keeps without a lock what the call would
    /// change. Nothing was changed, and the context goes on as it was.
    ///
    /// What to do: make all set-up calls before the first connection, or make a new context.
    EFrozen = -9,
    /// The host asked for is not a DNS name or an IP address that can be verified.
    ///
    /// What to do: give the bare name or address: no port, no URL, no brackets; a name of other letters as
    /// "xn--...".
    EBadHost = -10,
    /// No host is known for this connection, so its certificate cannot be matched with one.
    ///
    /// What to do: name the host before the handshake: hostlock_conn_set_host, or `hostlock run --host` for a
    /// program.
    ENoHost = -11,
    /// The certificate is valid, but it belongs to another host.
    ///
    /// What to do: do not go around it: this is what an impostor looks like. If it is none, connect by a name that
    /// the message lists, or have the certificate issued for yours.
    EHostMismatch = -12,
    /// A certificate of the chain has expired.
    ///
    /// What to do: the message says which certificate: a server's is its owner's to renew, a trust anchor is to be
    /// exchanged here. If it should still be valid, check this machine's clock.
    EExpired = -20,
    /// A certificate of the chain is not valid yet.
    ///
    /// What to do: check this machine's clock. If that is right, the certificate was put in place too early.
    ENotYetValid = -21,
    /// The peer's own certificate is self-signed and not trusted.
    ///
    /// What to do: if the server is yours, trust this very certificate: hostlock_ctx_trust_file. Else it may be an
    /// impostor.
    ESelfSigned = -22,
    /// The chain ends at an issuer that is not a trust anchor: a CA that is not trusted, or an intermediate that was not sent.
    ///
    /// What to do: if the CA is yours, name its certificate: hostlock_ctx_trust_file, or SSL_CERT_FILE for a
    /// program. Else the server must send its full chain, or it is an impostor, or a proxy that reads along.
    EUnknownIssuer = -23,
    /// The peer did not send the intermediate certificate that links its own to a trust anchor, as other certificates show; or
    /// one is missing in an own chain.
    ///
    /// What to do: the server's owner installs the full chain. That a browser connects proves nothing: it remembers
    /// the intermediates of other sites.
    EMissingIntermediate = -24,
    /// A certificate may not be used for this purpose (extended key usage, key usage or CA flag).
    ///
    /// What to do: issue the certificate for its use: serverAuth for servers, clientAuth for clients, keyCertSign
    /// for CAs.
    EWrongPurpose = -25,
    /// A key in the chain is too small or of a kind that the policy refuses.
    ///
    /// What to do: make a new key (P-256, or RSA with 2048 bits or more), and have it certified.
    EWeakKey = -26,
    /// A signature in the chain uses an algorithm that the policy refuses.
    ///
    /// What to do: have the certificate issued again, with SHA-256 or better.
    EWeakSignature = -27,
    /// A certificate of the chain has been revoked.
    ///
    /// What to do: do not connect. Its owner needs a new key and a new certificate.
    ERevoked = -28,
    /// Whether a certificate of the chain is revoked could not be found out, and the policy demands to know.
    ///
    /// What to do: load the CRL that the message names (hostlock_ctx_add_crl_file), or have the server staple OCSP
    /// answers.
    ERevocationUnknown = -29,
    /// A signature in the chain is wrong.
    ///
    /// What to do: do not connect: the certificate was altered, or somebody else uses the name of that CA.
    EBadSignature = -30,
    /// A certificate of the chain breaks a rule of RFC 5280 or of the policy.
    ///
    /// What to do: the message names the rule. Whoever issued the certificate must issue it again.
    EBadCertificate = -31,
    /// A name in the chain lies outside of what a CA of the chain may certify (name constraints).
    ///
    /// What to do: ask for a certificate from a CA that may certify this name.
    ENameConstraint = -32,
    /// The chain is longer than a CA of the chain or the policy permits.
    ///
    /// What to do: the message says whose limit it is. That of a CA holds; hostlock_ctx_set_verify_depth sets that
    /// of the context.
    EChainTooLong = -33,
    /// The peer showed no certificate.
    ///
    /// What to do: give the peer a certificate and its key. On a server hostlock_server_set_client_auth says
    /// whether it needs one.
    ENoCertificate = -34,
    /// The connection was made without hostlock's verification (resumed, anonymous, pre-shared key, or a replaced callback).
    ///
    /// What to do: the message says what stood in the way. Take that out of the program.
    EUnverified = -35,
    /// A callback of the application's own refused the chain, or ended the handshake.
    ///
    /// What to do: hostlock has nothing against the peer: look into what the program's callback wants.
    EApplicationRefused = -36,
    /// The chain does not contain any of the pinned keys.
    ///
    /// What to do: if the peer's keys were changed on purpose, pin one of those in the hint. Else it may be an
    /// impostor.
    EPinMismatch = -37,
    /// The CRL or OCSP answer for a certificate of the chain is out of date, or not valid yet.
    ///
    /// What to do: fetch the newest CRL, and call hostlock_ctx_reload; a stapled answer is the server's to
    /// renew. Check this machine's clock.
    ERevocationStale = -38,
    /// The CRL or OCSP answer for a certificate of the chain is damaged, not signed by who may, or not usable for it.
    ///
    /// What to do: fetch the CRL from the CA again; a stapled answer is the server's to mend.
    ERevocationInvalid = -39,
    /// No trust anchor is loaded, so nothing can be verified.
    ///
    /// What to do: `hostlock doctor` says which roots this machine has. Install them (Debian: ca-certificates), or
    /// name a file; look at the answers of the calls that load certificates.
    ENoTrustAnchors = -40,
    /// There is no file or directory of that name.
    ///
    /// What to do: check the path. A relative one starts at the working directory of the process.
    ENotFound = -41,
    /// A directory was given where a file is needed, or the other way round, or something that is neither.
    ///
    /// What to do: functions called `_file` take a file, those called `_dir` a directory.
    EWrongFileType = -42,
    /// The file or directory exists but could not be read.
    ///
    /// What to do: check what the user of the program may read, and the size that the function permits.
    EFileIo = -43,
    /// The input holds nothing at all.
    ///
    /// What to do: write the certificate into it, or name another file.
    EEmpty = -44,
    /// The input is neither PEM nor DER, or is damaged.
    ///
    /// What to do: the message names the block and the line. Fetch the file again, or take the block out.
    EBadPem = -45,
    /// The input is well-formed PEM, but holds nothing of the kind that is needed (a key where certificates belong, for example).
    ///
    /// What to do: the message says what the file holds. Maybe the files of key and certificate were exchanged.
    EWrongPem = -46,
    /// The private key does not belong to the certificate.
    ///
    /// What to do: name the two that belong together: `openssl x509 -noout -pubkey` and `openssl pkey -pubout` then
    /// print the same.
    EKeyMismatch = -47,
    /// The private key is encrypted, and the passphrase is missing or wrong.
    ///
    /// What to do: give the right passphrase to the call that loads the key.
    EPassphrase = -48,
    /// The source of the roots distrusts a certificate of the chain, or distrusts a root for certificates as new as this.
    ///
    /// What to do: do not go around it: ask the server's owner for a certificate from another CA.
    EDistrusted = -50,
    /// The host name could not be resolved to an address.
    ///
    /// What to do: check the spelling, and this machine's name servers: `getent hosts NAME`.
    EResolve = -60,
    /// No address of the host accepted the connection.
    ///
    /// What to do: check host and port, that the server runs, and that no firewall is in between.
    EConnect = -61,
    /// The time allowed ran out.
    ///
    /// What to do: the hint says how far the peer came. hostlock_ctx_set_timeout allows more time.
    ETimeout = -62,
    /// The connection was cut without TLS's own end-of-data message: what was read may be incomplete.
    ///
    /// What to do: do not use what was read, unless its own format says where it ends. In a handshake the peer hung
    /// up: read the hint, and the peer's log.
    ETruncated = -63,
    /// The operating system reported an error on the descriptor.
    ///
    /// What to do: the message has the system's words for it.
    EIo = -64,
    /// The connection has been closed; no more can be written.
    ///
    /// What to do: make a new connection. Write before hostlock_shutdown.
    EClosed = -65,
    /// The peer sent more than a handshake can need, and was cut off.
    ///
    /// What to do: a server should send its own certificate and the intermediates, and no more.
    EFlood = -66,
    /// A signal came while the call waited, and the program wants it to end then (hostlock_ctx_set_on_interrupt). The
    /// connection can go on.
    ///
    /// What to do: call again, or free the connection.
    EInterrupted = -67,
    /// The peer has no TLS version in common with the policy.
    ///
    /// What to do: bring the peer to TLS 1.2 or newer. No policy offers older versions.
    ENoCommonVersion = -70,
    /// The peer has no cipher suite, group or signature algorithm in common with the policy.
    ///
    /// What to do: the message lists what was offered. Bring the peer to suites with ECDHE, and AES-GCM or
    /// ChaCha20.
    ENoCommonCipher = -71,
    /// The peer ended the connection with a TLS alert.
    ///
    /// What to do: the hint says what the alert stands for; the peer's log says more.
    EAlert = -72,
    /// The peer does not speak TLS: a server on the wrong port, or a client that sent a plain request.
    ///
    /// What to do: the message says what is spoken there. Take the port on which TLS begins at once, or
    /// hostlock_starttls.
    EPlaintext = -73,
    /// The peer broke the TLS protocol.
    ///
    /// What to do: try it from another network: something on the way may alter what is sent. Else the peer's TLS
    /// has a defect.
    EProtocol = -74,
    /// The two sides have no application protocol in common (ALPN, RFC 7301).
    ///
    /// What to do: name a protocol on both sides: hostlock_ctx_set_alpn.
    ENoCommonProtocol = -75,
    /// This process has no memory left, or OpenSSL failed on this side in the way that it then does. The peer is not to
    /// blame, and the same call may succeed later.
    ///
    /// What to do: give the process more memory, and call again.
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
