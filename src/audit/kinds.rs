//! Everything that an audit can find, as one table: what, how bad, why it matters, and the call that fixes it.
//! docs/findings.md prints it, and a test compares the two. An id is never used again for something else.

use crate::audit::report::{Kind, Severity};

macro_rules! kinds {
    ($($name:ident: $severity:ident $id:literal, $what:literal, $why:literal, $fix:literal;)*) => {
        $(
            #[doc = $what]
            pub static $name: Kind = Kind {
                id: $id, severity: Severity::$severity, what: $what, why: $why, fix: $fix,
            };
        )*

        /// All of them, in the order of the docs.
        #[cfg(any(test, feature = "internals"))]
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    VERIFICATION_OFF: Critical "verification-off",
        "no verification inside the handshake",
        "anyone on the path can pose as the server with a certificate of his own making; it cannot be seen whether the \
         program checks afterwards, when a client certificate and TLS 1.3 data may be with an impostor already \
         (RFC 9325 section 7.1, CWE-295)",
        "SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL)";
    OWN_CERT_VERIFY_CALLBACK: High "own-cert-verify-callback",
        "a function of the program stands in place of OpenSSL's verification",
        "the chain is as safe as that function is: nothing of OpenSSL's chain, date or host checks is done unless it does \
         it (CWE-295)",
        "SSL_CTX_set_cert_verify_callback(ctx, NULL, NULL), and refuse in a verify callback what must be refused besides";
    CERT_VERIFY_CALLBACK_UNKNOWN: Info "cert-verify-callback-unknown",
        "whether a function of the program stands in place of OpenSSL's verification could not be found out",
        "OpenSSL has no getter for it, and this version's SSL_CTX does not show it in a place that is certain",
        "";
    OWN_VERIFY_CALLBACK: Medium "own-verify-callback",
        "a verify callback of the program has the last word",
        "one that answers 1 whatever it is told accepts every certificate that OpenSSL has refused (CWE-295)",
        "SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL), unless the callback only refuses";
    OWN_STORE_FUNCTIONS: High "own-store-functions",
        "functions of the program stand in the certificate store in place of OpenSSL's own",
        "anchors, issuers, revocation or policies are what they say alone (CWE-295); hostlock refuses handshakes with such a store",
        "use an X509_STORE without X509_STORE_set_verify, _set_get_*, _set_lookup_certs, _set_check_* and _set_cert_crl";
    NO_HOST: High "no-host",
        "no host to check in the handshake; whether the program compares it afterwards cannot be seen",
        "unless it does, whoever owns a certificate of any name can pose as the server; where it does, a client certificate and \
         TLS 1.3 data may be with an impostor already (RFC 9525, RFC 9325 section 7.1, CWE-297)",
        "SSL_set1_host(ssl, host)";
    NO_HOST_ON_CONTEXT: Medium "no-host-on-context",
        "no host to check in the handshake, unless each connection names its own",
        "a connection without one accepts a certificate of any host, and whether the program compares it afterwards cannot be \
         seen (RFC 9525, RFC 9325 section 7.1, CWE-297); hostlock_audit_conn tells of a connection",
        "SSL_set1_host(ssl, host) on every connection, or X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), host, 0)";
    LAX_HOST: High "lax-host",
        "the host to check is none that can be verified",
        "OpenSSL reads it in ways of its own: \".example.com\" stands for every host of the domain, an empty one for any \
         (RFC 9525 section 6.1)",
        "SSL_set1_host(ssl, host) with a plain DNS name, X509_VERIFY_PARAM_set1_ip_asc with an address";
    COMMON_NAME: Medium "cn-fallback",
        "the common name stands for the host where the certificate has no DNS name in its subjectAltName",
        "authorities verify the names of the subjectAltName; a common name may be any text (RFC 9525 section 2)",
        "SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT), or X509_VERIFY_PARAM_set_hostflags on the context";
    COMMON_NAME_ALWAYS: High "cn-always",
        "the common name stands for the host even beside a subjectAltName",
        "authorities verify the names of the subjectAltName; a common name may be any text (RFC 9525 section 2)",
        "X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)";
    PARTIAL_WILDCARDS: Low "partial-wildcards",
        "wildcards that are a part of a label match, such as \"w*.example.com\"",
        "a wildcard is the whole left-most label (RFC 9525 section 6.3)",
        "X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)";
    MULTI_LABEL_WILDCARDS: High "multi-label-wildcards",
        "a wildcard stands for several labels",
        "a wildcard is one label and no more (RFC 9525 section 6.3)",
        "X509_VERIFY_PARAM_set_hostflags(param, flags) without X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS";
    NO_CHECK_TIME: High "no-check-time",
        "the dates of certificates are not looked at",
        "a certificate whose key was stolen long ago is good for ever (RFC 5280 section 6.1.3)",
        "X509_VERIFY_PARAM_clear_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME), and the same on the store's";
    FIXED_TIME: Medium "fixed-time",
        "certificates are judged for a fixed moment in place of now",
        "what has expired since is accepted (RFC 5280 section 6.1.3)",
        "X509_VERIFY_PARAM_clear_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_USE_CHECK_TIME)";
    CRL_CHECK_WITHOUT_EFFECT: Medium "crl-check-without-effect",
        "X509_V_FLAG_CRL_CHECK_ALL is set without X509_V_FLAG_CRL_CHECK",
        "alone it does nothing: revoked certificates are accepted by a program that means to refuse them (RFC 5280 \
         section 6.3)",
        "X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)";
    PARTIAL_CHAIN: Low "partial-chain",
        "any certificate in the store ends a chain, also one that is no root",
        "an intermediate in the store escapes the constraints and the revocation by its root (RFC 5280 section 6.1.1)",
        "X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_PARTIAL_CHAIN), and trust roots only";
    PROXY_CERTIFICATES: Medium "proxy-certificates",
        "proxy certificates are accepted",
        "the owner of any certificate can issue others that speak for him (RFC 3820)",
        "X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_ALLOW_PROXY_CERTS)";
    LENIENT_CHAINS: Low "lenient-chains",
        "chains are judged with fewer checks than the policy's",
        "certificates that break RFC 5280 pass, CA certificates without what makes them CAs among them",
        "X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT)";
    WRONG_PURPOSE: High "wrong-purpose",
        "certificates are checked for another purpose than this side of TLS needs",
        "a certificate that was issued for something else passes for the peer's (RFC 5280 section 4.2.1.12)",
        "SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER) on a client, X509_PURPOSE_SSL_CLIENT on a server";
    LONG_CHAINS: Low "long-chains",
        "chains may be longer than the policy's",
        "a peer can make each handshake cost much (CVE-2023-0464)",
        "SSL_CTX_set_verify_depth(ctx, depth)";
    AUTH_LEVEL: Medium "auth-level",
        "keys and signatures in chains may be weaker than the policy's",
        "a certificate with a key that can be broken, or a signature that can be forged, passes (RFC 9325 section 4.5)",
        "X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(ctx), -1)";
    EMPTY_TRUST_STORE: Medium "empty-trust-store",
        "no trust anchor is loaded",
        "no chain can be verified, so a program that works at all does not verify (RFC 5280 section 6.1.1)",
        "SSL_CTX_set_default_verify_paths(ctx), or SSL_CTX_load_verify_locations, and look at its answer";
    TRUST_STORE_UNKNOWN: Info "trust-store-unknown",
        "whether there is a trust anchor is seen in a handshake only",
        "no certificate is loaded now; a directory or the like may give some when asked",
        "";

    OLD_VERSIONS: High "old-versions",
        "versions are spoken that are older than the policy's",
        "TLS 1.0 and 1.1 are deprecated (RFC 8996): BEAST (CVE-2011-3389), and POODLE (CVE-2014-3566) for SSL 3.0",
        "SSL_CTX_set_min_proto_version(ctx, version)";
    VERSION_HOLE: High "version-hole",
        "a version in the middle is switched off, so a client offers only those below it",
        "OpenSSL offers one run of versions and takes the lowest: switching off TLS 1.1 alone leaves TLS 1.0 alone \
         (RFC 8996)",
        "SSL_CTX_set_min_proto_version(ctx, version), and SSL_CTX_clear_options of the SSL_OP_NO_* bits";
    NO_VERSION: Info "no-version",
        "no version is left that can be spoken",
        "every handshake fails",
        "SSL_CTX_set_max_proto_version(ctx, 0), and SSL_CTX_clear_options of the SSL_OP_NO_* bits";
    NO_TLS13: Low "no-tls13",
        "TLS 1.3 is switched off",
        "TLS 1.3 encrypts certificates and leaves out what TLS 1.2 does wrong (RFC 9325 section 3.1.1)",
        "SSL_CTX_set_max_proto_version(ctx, 0), and clear SSL_OP_NO_TLSv1_3";
    ONE_VERSION_METHOD: Medium "version-specific-method",
        "the context was made by a method for one version",
        "it speaks that version and never a better one (RFC 8996 for TLS 1.0 and 1.1)",
        "SSL_CTX_new(TLS_client_method()) or SSL_CTX_new(TLS_server_method())";
    DATAGRAMS: Info "datagrams",
        "the versions of DTLS are not compared with the policy",
        "the policy is one for TLS",
        "";
    COMPRESSION: Medium "compression",
        "compression of what is sent is not ruled out",
        "the length of compressed secrets tells them (CRIME, CVE-2012-4929, RFC 9325 section 3.3)",
        "SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION)";
    UNSAFE_RENEGOTIATION: High "unsafe-renegotiation",
        "renegotiation with peers that do not secure it is allowed",
        "an attacker can put his own request before the victim's (CVE-2009-3555, RFC 5746)",
        "SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION)";
    LEGACY_SERVER_CONNECT: Medium "legacy-server-connect",
        "servers that do not secure renegotiation are accepted",
        "an attacker can put his own request before the victim's at such a server (CVE-2009-3555, RFC 5746)",
        "SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT)";
    RENEGOTIATION: Low "renegotiation",
        "the peer may renegotiate",
        "a peer can change what was agreed in the middle of a connection, and make the other side work for nothing \
         (RFC 9325 section 3.5, CVE-2011-1473)",
        "SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION)";
    UNEXPECTED_EOF: Medium "unexpected-eof-ignored",
        "a connection that was cut off reads like one that ended",
        "an attacker can cut data short unseen (RFC 8446 section 6.1)",
        "SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF)";
    NO_EXTENDED_MASTER_SECRET: Medium "no-extended-master-secret",
        "the extended master secret is switched off",
        "an attacker between two TLS 1.2 connections can make their keys the same (triple handshake, RFC 7627)",
        "SSL_CTX_clear_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET)";
    WEAKENING_OPTIONS: Low "weakening-options",
        "options are set that the policy clears",
        "each takes a protection of TLS away (RFC 9325 section 3)",
        "SSL_CTX_clear_options(ctx, options)";
    LEVEL_ZERO: High "security-level-zero",
        "the security level is 0 (\"@SECLEVEL=0\")",
        "keys of any size, SHA-1 and MD5 signatures, anonymous suites and old versions are all permitted (RFC 9325 \
         section 4)",
        "SSL_CTX_set_security_level(ctx, level)";
    LEVEL_LOW: Medium "security-level-low",
        "the security level is below the policy's",
        "weaker keys and signatures are permitted (RFC 9325 section 4.5)",
        "SSL_CTX_set_security_level(ctx, level)";
    OWN_SECURITY_CALLBACK: Medium "own-security-callback",
        "a security callback of the program replaces OpenSSL's security level",
        "what it permits is permitted, whatever the level says; one that answers 1 permits everything (RFC 9325 section 4)",
        "leave SSL_CTX_set_security_callback alone, or ask the callback that it replaces as well";

    NULL_SUITES: Critical "null-ciphers",
        "cipher suites without encryption",
        "everything is sent in the clear (RFC 9325 section 4.1)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!eNULL\"";
    ANONYMOUS_SUITES: Critical "anonymous-ciphers",
        "cipher suites without a certificate",
        "the peer proves nothing: anyone on the path can be it (RFC 9325 section 4.1)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!aNULL\"";
    PSK_OFFERED: High "psk-offered",
        "pre-shared keys are offered",
        "whoever knows the key is accepted without a certificate, so no host is compared (RFC 4279, RFC 8446 section 2.2)",
        "SSL_CTX_set_psk_client_callback(ctx, NULL) and SSL_CTX_set_psk_use_session_callback(ctx, NULL)";
    WEAK_SUITES: High "weak-ciphers",
        "cipher suites that can be broken",
        "Sweet32 (CVE-2016-2183) for 64-bit blocks, biases (CVE-2015-2808, RFC 7465) for RC4, FREAK (CVE-2015-0204) for \
         export keys, MD5",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!LOW:!MEDIUM:!3DES:!RC4:!MD5\"";
    STATIC_SUITES: Medium "static-rsa-ciphers",
        "cipher suites without forward secrecy",
        "who records today and gets the server's key later reads everything; RSA decryption leaks (CVE-2022-4304, RFC 9325 \
         section 4.1)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!kRSA\"";
    CBC_SUITES: Low "cbc-ciphers",
        "cipher suites that encrypt and authenticate apart",
        "padding oracles such as Lucky 13 (CVE-2013-0169, RFC 9325 section 4.2)",
        "SSL_CTX_set_cipher_list(ctx, list) with suites of GCM and ChaCha20-Poly1305 only";
    PSK_SUITES: Low "psk-ciphers",
        "cipher suites with pre-shared keys are in the list",
        "once the program sets a callback for such keys, whoever knows one is accepted without a certificate (RFC 4279)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!PSK\"";
    SRP_SUITES: Low "srp-ciphers",
        "cipher suites with passwords (SRP) are in the list",
        "once the program sets a password, whoever knows it is accepted without a certificate (RFC 5054)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!SRP\"";
    DHE_SUITES: Low "dhe-ciphers",
        "cipher suites whose Diffie-Hellman group the server chooses",
        "small or bad groups (Logjam, CVE-2015-4000) and costly ones (CVE-2002-20001, RFC 9325 section 4.1)",
        "SSL_CTX_set_cipher_list(ctx, list) with \"!kDHE\"";
    SHORT_TAG_SUITES: Low "short-tag-ciphers",
        "cipher suites with an authentication tag of 64 bits",
        "forgeries succeed more often than TLS expects (RFC 6655 section 6.1)",
        "SSL_CTX_set_cipher_list(ctx, list) and SSL_CTX_set_ciphersuites(ctx, list) without CCM_8";
    OTHER_SUITES: Info "other-ciphers",
        "cipher suites that are not the policy's, with no weakness that is known",
        "what nobody needs is better not offered (RFC 9325 section 4.2)",
        "SSL_CTX_set_cipher_list(ctx, list)";
    WEAK_GROUPS: High "weak-groups",
        "key exchange groups that can be broken",
        "the key of a recorded connection can be computed (RFC 8422 section 5.1.1, RFC 9325 section 4.5)",
        "SSL_CTX_set1_groups_list(ctx, list)";
    OTHER_GROUPS: Info "other-groups",
        "key exchange groups that are not the policy's, with no weakness that is known",
        "what nobody needs is better not offered (RFC 9325 section 4.2)",
        "SSL_CTX_set1_groups_list(ctx, list)";
    WEAK_SIGNATURES: Medium "weak-signature-algorithms",
        "signature algorithms whose hash collides",
        "a handshake can be forged for two parties at once (SLOTH, CVE-2015-7575, RFC 9155)",
        "SSL_CTX_set1_sigalgs_list(ctx, list)";
    OTHER_SIGNATURES: Info "other-signature-algorithms",
        "signature algorithms that are not the policy's, with no weakness that is known",
        "what nobody needs is better not offered (RFC 9325 section 4)",
        "SSL_CTX_set1_sigalgs_list(ctx, list)";
    GROUPS_UNKNOWN: Info "groups-unknown",
        "key exchange groups and signature algorithms were not looked at",
        "OpenSSL 3.0 shows them in a hello only: hostlock_audit_probe makes one",
        "";
    PROBE_IMPOSSIBLE: Info "probe-impossible",
        "no trial hello could be made",
        "key exchange groups and signature algorithms are not known without one",
        "";

    OWN_CERTIFICATE_EXPIRED: High "own-certificate-expired",
        "a certificate that is shown to peers is not valid now",
        "peers that verify refuse it, and users learn to ignore that (RFC 5280 section 4.1.2.5)",
        "SSL_CTX_use_certificate_chain_file(ctx, path) with a new one";
    OWN_CERTIFICATE_WEAK: Medium "own-certificate-weak",
        "a certificate that is shown to peers has a weak key or signature",
        "others can compute the key or forge the signature, and pose as this program (RFC 9325 section 4.5)",
        "SSL_CTX_use_certificate_chain_file(ctx, path) with a better one";
    OWN_KEY_WRONG: Medium "own-key-wrong",
        "the private key is missing, or is not that of the certificate",
        "no handshake with this certificate can succeed",
        "SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), then SSL_CTX_check_private_key(ctx)";
    UNBOUND_SESSIONS: Medium "unbound-sessions",
        "a client keeps sessions that are bound to no host",
        "resumption shows no certificate: a session of one host, resumed with another, passes as verified \
         (CVE-2021-22890, RFC 9325 section 3.4)",
        "SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF), and resume with SSL_set_session on the same host only";
    KEY_LOG: High "key-log",
        "the keys of connections are handed to a callback",
        "whoever reads what it writes reads every connection (CWE-532)",
        "SSL_CTX_set_keylog_callback(ctx, NULL)";
    QUIET_SHUTDOWN: Low "quiet-shutdown",
        "connections end without close_notify",
        "the peer cannot tell the end from an attacker's cut (RFC 8446 section 6.1)",
        "SSL_CTX_set_quiet_shutdown(ctx, 0)";

    UNVERIFIED_PEER: Critical "unverified-peer",
        "this connection is complete although its certificate was refused",
        "it may be with an impostor (CWE-295)",
        "close it; SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL) for the next";
    PEER_WITHOUT_CERTIFICATE: Critical "peer-without-certificate",
        "this connection is complete, and the server showed no certificate",
        "it may be with an impostor (CWE-295)",
        "close it; SSL_CTX_set_cipher_list(ctx, list) with \"!aNULL:!PSK:!SRP\" for the next";

    WAIVER_NO_VERIFY: Critical "waiver-no-verify",
        "the program gave up the verification of chains",
        "anyone can pose as the server, as far as the host's name and a pin permit (CWE-295)",
        "leave hostlock_insecure_no_verify out";
    WAIVER_NO_HOSTNAME: High "waiver-no-hostname",
        "the program gave up the comparison of the host",
        "whoever owns a certificate of any name can pose as the server (RFC 9525, CWE-297)",
        "leave hostlock_insecure_no_hostname out";
    WAIVER_NO_TIME: Medium "waiver-no-time",
        "the program gave up the dates of certificates",
        "a certificate whose key was stolen long ago is good for ever (RFC 5280 section 6.1.3)",
        "leave hostlock_insecure_no_time out";
    WAIVER_ANY_PURPOSE: Medium "waiver-any-purpose",
        "the program gave up the purpose of certificates",
        "a certificate that was issued for something else passes for the peer's (RFC 5280 section 4.2.1.12)",
        "leave hostlock_insecure_any_purpose out";
    WAIVER_KEYLOG_FILE: High "waiver-keylog-file",
        "the program has the secrets of connections written to a file",
        "whoever has the file can read these connections for ever (CWE-532)",
        "leave hostlock_insecure_keylog_file out";
    COMMON_NAME_ALLOWED: Low "cn-fallback-allowed",
        "the program's policy lets the common name stand for the host where no subjectAltName names a server",
        "a common name may be any text (RFC 9525 section 2)",
        "a policy without \"+cn-fallback\"";
    TIME_SET: Medium "verify-time-set",
        "the program had certificates judged for a fixed moment in place of now",
        "what has expired since is accepted (RFC 5280 section 6.1.3)",
        "leave hostlock_ctx_set_verify_time out";
    HOOKS_REMOVED: High "hooks-removed",
        "hostlock's verification was taken off this context",
        "its handshakes are refused while the other hooks are there; the other findings say what a plain context of these \
         settings lets through",
        "call hostlock_harden on the context, and leave SSL_CTX_set_cert_verify_callback alone";
    ENFORCED: Info "enforced-anyway",
        "settings that would weaken a plain context, which hostlock's hooks keep from counting",
        "the program undid set-up that it need not undo",
        "leave those calls out";
    UNDONE: Low "undone",
        "a setting that hostlock had made was undone on this context",
        "hostlock's hooks keep it from counting in its own handshakes; without them the context would be weak",
        "";
    CALLBACK_DISPLACED: Low "callback-displaced",
        "the program put a callback in the place of hostlock's",
        "hostlock's takes its place again in each handshake and calls the program's, which may refuse, never accept",
        "";
    POISONED: Info "poisoned",
        "a set-up call failed, so every handshake is refused",
        "what it was to make stricter must not silently be missing",
        "";
}
