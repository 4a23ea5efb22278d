//! libssl's reasons for ending a handshake, by what they mean and to whom they happen: the same number is the peer's fault
//! on one side and the program's own on the other. One table, for handshakes that plain OpenSSL calls drive as for ours.

use std::ffi::c_int;

use crate::error::{Error, Status};
use crate::handshake::alert;
use crate::role::Role;

/// What ended a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A callback of the program's own: which one it may be.
    Application(&'static str),
    /// A client showed no certificate where one is demanded.
    NoCertificate,
    /// No version in common.
    Version,
    /// The configuration leaves no version to offer.
    NoVersionLeft,
    /// Nothing of this kind in common.
    Common(Common),
    /// No application protocol in common.
    Protocol,
    /// The configuration leaves no suite to offer.
    NoSuiteLeft,
    /// A server chose what it was not offered.
    NotOffered,
    /// The peer spoke, and not TLS: what it spoke, where that is known.
    NotTls(Option<&'static str>),
    /// A handshake message is longer than libssl takes.
    LargeMessage,
    /// The mark of a lowered version: the server's (RFC 8446 4.1.3), or the client's (RFC 7507).
    Fallback,
    /// The peer sent an alert.
    Alert(u8),
}

/// What two sides must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    /// A cipher suite; up to TLS 1.2 one that fits the groups, the signature algorithms and the certificate.
    Suite,
    /// A group, with its key share.
    Group,
    /// A signature algorithm that fits the certificate.
    Signature,
}

const NO_SUITABLE_KEY_SHARE: c_int = 101;
const BAD_KEY_SHARE: c_int = 108;
const NO_SUITABLE_SIGNATURE_ALGORITHM: c_int = 118;
const EXCESSIVE_MESSAGE_SIZE: c_int = 152;
const HTTPS_PROXY_REQUEST: c_int = 155;
const HTTP_REQUEST: c_int = 156;
const VERSION_TOO_HIGH: c_int = 166;
const NO_CIPHERS_AVAILABLE: c_int = 181;
const NO_PROTOCOLS_AVAILABLE: c_int = 191;
const NO_SHARED_CIPHER: c_int = 193;
const PEER_DID_NOT_RETURN_A_CERTIFICATE: c_int = 199;
const PSK_IDENTITY_NOT_FOUND: c_int = 223;
const CLIENTHELLO_TLSEXT: c_int = 226;
const CALLBACK_FAILED: c_int = 234;
const NO_APPLICATION_PROTOCOL: c_int = 235;
const UNKNOWN_CIPHER_RETURNED: c_int = 248;
const UNKNOWN_PROTOCOL: c_int = 252;
const UNSUPPORTED_PROTOCOL: c_int = 258;
const WRONG_CIPHER_RETURNED: c_int = 261;
const WRONG_SSL_VERSION: c_int = 266;
const WRONG_VERSION_NUMBER: c_int = 267;
const NO_SUITABLE_GROUPS: c_int = 295;
const SESSION_ID_CALLBACK_FAILED: c_int = 301;
const SESSION_ID_HAS_BAD_LENGTH: c_int = 303;
const OCSP_CALLBACK_FAILURE: c_int = 305;
const UNSUPPORTED_ELLIPTIC_CURVE: c_int = 315;
const INVALID_STATUS_RESPONSE: c_int = 328;
/// The signature of this side, or of the peer, is of a kind that was not agreed on.
pub const WRONG_SIGNATURE_TYPE: c_int = 370;
const INAPPROPRIATE_FALLBACK: c_int = 373;
const NO_SHARED_SIGNATURE_ALGORITHMS: c_int = 376;
const CERT_CB_ERROR: c_int = 377;
const WRONG_CURVE: c_int = 378;
const DH_KEY_TOO_SMALL: c_int = 394;
const VERSION_TOO_LOW: c_int = 396;
const COOKIE_GEN_CALLBACK_FAILURE: c_int = 400;
const NO_SHARED_GROUPS: c_int = 410;
const ALERT_BASE: c_int = 1000;

/// What `reason` of libssl's means to the side that is `role`.
pub fn of(role: Role, reason: c_int) -> Option<Cause> {
    if let Some(alert) = reason.checked_sub(ALERT_BASE).and_then(|number| u8::try_from(number).ok()) {
        return Some(Cause::Alert(alert));
    }
    Some(match (reason, role) {
        (CALLBACK_FAILED, Role::Server) => Cause::Application("client hello or servername callback"),
        (CALLBACK_FAILED, Role::Client) => Cause::Application("callback"),
        (CERT_CB_ERROR, _) => Cause::Application("certificate callback"),
        (CLIENTHELLO_TLSEXT, Role::Server) => Cause::Application("callback for an extension of the client's hello"),
        (NO_APPLICATION_PROTOCOL, Role::Server) => Cause::Protocol,
        (INVALID_STATUS_RESPONSE | OCSP_CALLBACK_FAILURE, Role::Client) => {
            Cause::Application("callback for the stapled OCSP answer")
        }
        (SESSION_ID_CALLBACK_FAILED..=SESSION_ID_HAS_BAD_LENGTH, Role::Server) => Cause::Application("callback for session ids"),
        (PSK_IDENTITY_NOT_FOUND, _) => Cause::Application("callback for pre-shared keys"),
        (COOKIE_GEN_CALLBACK_FAILURE, _) => Cause::Application("cookie callback"),
        (PEER_DID_NOT_RETURN_A_CERTIFICATE, Role::Server) => Cause::NoCertificate,
        (NO_PROTOCOLS_AVAILABLE, _) => Cause::NoVersionLeft,
        (VERSION_TOO_LOW | VERSION_TOO_HIGH, Role::Client) => Cause::NoVersionLeft,
        (UNSUPPORTED_PROTOCOL | WRONG_SSL_VERSION, _) => Cause::Version,
        (VERSION_TOO_LOW | VERSION_TOO_HIGH | UNKNOWN_PROTOCOL, Role::Server) => Cause::Version,
        (NO_CIPHERS_AVAILABLE, Role::Client) => Cause::NoSuiteLeft,
        (NO_SHARED_CIPHER, _) => Cause::Common(Common::Suite),
        (NO_SUITABLE_KEY_SHARE | NO_SUITABLE_GROUPS | NO_SHARED_GROUPS, _) => Cause::Common(Common::Group),
        (NO_SUITABLE_SIGNATURE_ALGORITHM | NO_SHARED_SIGNATURE_ALGORITHMS, _) => Cause::Common(Common::Signature),
        (WRONG_SIGNATURE_TYPE, Role::Server) => Cause::Common(Common::Signature),
        (UNKNOWN_CIPHER_RETURNED | WRONG_CIPHER_RETURNED, Role::Client) => Cause::NotOffered,
        (BAD_KEY_SHARE | WRONG_CURVE | WRONG_SIGNATURE_TYPE, Role::Client) => Cause::NotOffered,
        (UNSUPPORTED_ELLIPTIC_CURVE | DH_KEY_TOO_SMALL, Role::Client) => Cause::NotOffered,
        (HTTP_REQUEST | HTTPS_PROXY_REQUEST, Role::Server) => Cause::NotTls(Some("plain HTTP")),
        (HTTP_REQUEST | HTTPS_PROXY_REQUEST | WRONG_VERSION_NUMBER, _) => Cause::NotTls(None),
        (EXCESSIVE_MESSAGE_SIZE, _) => Cause::LargeMessage,
        (INAPPROPRIATE_FALLBACK, _) => Cause::Fallback,
        _ => return None,
    })
}

impl Cause {
    /// The error for it, where no more is known than the side and what the peer is called.
    pub fn error(self, role: Role, peer: &str) -> Error {
        let (status, message) = match self {
            Cause::Application(which) => (
                Status::EApplicationRefused,
                format!("the program's own {which} ended the handshake with {peer}"),
            ),
            Cause::NoCertificate => {
                (Status::ENoCertificate, format!("{peer} showed no certificate, and one is demanded of clients here"))
            }
            Cause::Version => (Status::ENoCommonVersion, format!("{peer} has no TLS version in common with the policy")),
            Cause::NoVersionLeft => (
                Status::ENoCommonVersion,
                "none of the versions that this program configured is permitted by the policy".to_owned(),
            ),
            Cause::NoSuiteLeft => (
                Status::ENoCommonCipher,
                "none of the cipher suites that this program configured is permitted by the policy".to_owned(),
            ),
            Cause::Common(common) => (Status::ENoCommonCipher, common.message(role, peer)),
            Cause::Protocol => (
                Status::ENoCommonProtocol,
                format!("{peer} offers no application protocol (ALPN, RFC 7301) that this server speaks"),
            ),
            Cause::NotOffered => {
                (Status::ENoCommonCipher, format!("{peer} chose a cipher suite, group or signature that was never offered"))
            }
            Cause::NotTls(Some(protocol)) => (Status::EPlaintext, format!("{peer} speaks {protocol} and not TLS")),
            Cause::NotTls(None) => (Status::EPlaintext, format!("{peer} does not speak TLS on this port")),
            Cause::LargeMessage => (
                Status::EFlood,
                format!(
                    "{peer} sent a handshake message that is longer than libssl's limit, as one with many or large \
                     certificates can be"
                ),
            ),
            Cause::Fallback if role == Role::Client => (
                Status::EProtocol,
                format!("the answer of {peer} bears the mark of a downgrade: somebody in between lowered the version"),
            ),
            Cause::Fallback => (
                Status::EProtocol,
                format!("{peer} offers a lower version after a try that failed, and this server speaks a newer one"),
            ),
            Cause::Alert(alert::PROTOCOL_VERSION) if role == Role::Client => {
                (Status::ENoCommonVersion, format!("{peer} refused every version (alert protocol_version)"))
            }
            Cause::Alert(number @ (alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY)) if role == Role::Client => (
                Status::ENoCommonCipher,
                format!("{peer} found nothing to its liking in what was offered (alert {})", alert::name(number)),
            ),
            Cause::Alert(number) => {
                (Status::EAlert, format!("{peer} ended the handshake with the alert {}", alert::name(number)))
            }
        };
        Error::new(status, message).with_hint(self.hint(role))
    }

    /// What can be done about it.
    pub fn hint(self, role: Role) -> &'static str {
        match (self, role) {
            (Cause::Application(_), _) => "the peer is not to blame: look into what the program's callback wants",
            (Cause::NoCertificate, _) => {
                "give the client a certificate of a CA that is trusted here, with its key; or ask for one without \
                 demanding it: hostlock_server_set_client_auth with \"optional\", or SSL_VERIFY_PEER without \
                 SSL_VERIFY_FAIL_IF_NO_PEER_CERT"
            }
            (Cause::Version, Role::Client) => {
                "the server must be brought to TLS 1.2 or newer: older versions are broken and never offered"
            }
            (Cause::Version, Role::Server) => {
                "the client must be brought to TLS 1.2 or newer: older versions are broken and never served"
            }
            (Cause::NoVersionLeft, _) => "let the program permit TLS 1.2 or 1.3",
            (Cause::NoSuiteLeft, _) => {
                "let the program permit a cipher suite with forward secrecy and AEAD (ECDHE with AES-GCM or ChaCha20)"
            }
            (Cause::Common(Common::Signature), Role::Server) => {
                "a client of today takes ECDSA with P-256 and RSA-PSS, each with SHA-256; or give this server a certificate \
                 with a key of the kind that the client takes"
            }
            (Cause::Common(Common::Group), Role::Server) => "the client must offer X25519 or P-256, as clients of today do",
            (Cause::Common(Common::Suite), Role::Server) => {
                "the client must offer a cipher suite with forward secrecy and AEAD (ECDHE with AES-GCM or ChaCha20), with \
                 a group and a signature algorithm of today; or this server needs a certificate with a key of the kind \
                 that the client takes"
            }
            (Cause::Common(_), Role::Client) => {
                "the server must permit a cipher suite with forward secrecy and AEAD (ECDHE with AES-GCM or ChaCha20), a \
                 group and a signature algorithm of today"
            }
            (Cause::Protocol, _) => {
                "hostlock_ctx_set_alpn names those that are spoken here, or a callback of the program's own chooses"
            }
            (Cause::NotOffered, _) => {
                "that breaks the protocol (RFC 8446 4.1.3, RFC 5246 7.4.1.3): the server's TLS is broken, or knows nothing \
                 that is strong enough to be offered"
            }
            (Cause::NotTls(Some(_)), _) => "the client must use the https:// form of the address",
            (Cause::NotTls(None), Role::Client) => "check the port: this one does not speak TLS, or not before a command such as STARTTLS",
            (Cause::NotTls(None), Role::Server) => "the client must begin with TLS on this port",
            (Cause::LargeMessage, Role::Client) => {
                "the server should send its own certificate and the intermediates only; if it has to be so long, \
                 SSL_CTX_set_max_cert_list raises the limit for certificates"
            }
            (Cause::LargeMessage, Role::Server) => {
                "the client should send its own certificate and the intermediates only; if it has to be so long, \
                 SSL_CTX_set_max_cert_list raises the limit for certificates"
            }
            (Cause::Fallback, Role::Client) => "RFC 8446 4.1.3: look for a middlebox or an attacker on the way",
            (Cause::Fallback, Role::Server) => "RFC 7507: look for what made its first try fail, a middlebox or an attacker on the way",
            (Cause::Alert(alert::PROTOCOL_VERSION), Role::Client) => Cause::Version.hint(role),
            (Cause::Alert(alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY), Role::Client) => {
                Cause::Common(Common::Suite).hint(role)
            }
            (Cause::Alert(number), _) => alert::meaning(role, number),
        }
    }
}

impl Common {
    /// What is lacking.
    pub fn message(self, role: Role, peer: &str) -> String {
        let what = match self {
            Common::Suite => "cipher suite",
            Common::Group => "group",
            Common::Signature => "signature algorithm",
        };
        match (role, self) {
            (Role::Client, _) => format!("{peer} has no {what} in common with what was offered"),
            (Role::Server, Common::Suite) => format!("{peer} offers no cipher suite that this server can take"),
            (Role::Server, Common::Group) => format!("{peer} offers no key share of a group that this server takes"),
            (Role::Server, Common::Signature) => format!("{peer} takes no signature algorithm that fits this server's certificate"),
        }
    }
}

/// The error for a failure on this side, which OpenSSL mostly tells without saying what it lacked.
pub fn failed_here(peer: &str) -> Error {
    Error::new(Status::ENoMemory, format!("OpenSSL failed on this side of the connection with {peer}, as it does without memory"))
        .with_hint(
            "the peer is not to blame: give the process more memory here; if it has enough, look at what provides its keys \
             and its cryptography",
        )
}

/// The error for a server without a certificate, which libssl tells as a fault of the client's.
pub fn no_own_certificate(peer: &str) -> Error {
    Error::new(
        Status::ENoCommonCipher,
        format!("this server has no certificate, so it has no cipher suite in common with {peer}"),
    )
    .with_hint("the client is not to blame: set one with hostlock_ctx_add_cert_file, or with SSL_CTX_use_certificate_chain_file and its key")
}

/// Whether a server that has no certificate fails so.
pub fn may_lack_own_certificate(cause: Cause) -> bool {
    matches!(cause, Cause::Version | Cause::Common(Common::Suite | Common::Signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_told_by_each_side_as_what_happened_to_it() {
        let said = |role, reason| {
            of(role, reason).map(|cause: Cause| {
                let error = cause.error(role, "the peer");
                assert!(!error.hint().is_empty(), "{error}");
                error.status()
            })
        };
        let rows = [
            (NO_SHARED_CIPHER, None, Some(Status::ENoCommonCipher)),
            (NO_SUITABLE_KEY_SHARE, None, Some(Status::ENoCommonCipher)),
            (NO_SUITABLE_SIGNATURE_ALGORITHM, None, Some(Status::ENoCommonCipher)),
            (PEER_DID_NOT_RETURN_A_CERTIFICATE, Some(None), Some(Status::ENoCertificate)),
            (HTTP_REQUEST, Some(Some(Status::EPlaintext)), Some(Status::EPlaintext)),
            (CALLBACK_FAILED, None, Some(Status::EApplicationRefused)),
            (UNSUPPORTED_PROTOCOL, None, Some(Status::ENoCommonVersion)),
            (1048, Some(Some(Status::EAlert)), Some(Status::EAlert)),
            (1040, Some(Some(Status::ENoCommonCipher)), Some(Status::EAlert)),
            (0xc0103, Some(None), None),
        ];
        for (reason, client, server) in rows {
            assert_eq!(said(Role::Server, reason), server, "{reason}");
            if let Some(client) = client {
                assert_eq!(said(Role::Client, reason), client, "{reason}");
            }
        }
    }
}
