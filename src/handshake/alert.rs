//! TLS alerts in words: the names of RFC 8446 section 6 (and of RFC 5246 where it has more), and what each usually means.

use std::ffi::c_int;

use crate::role::Role;

/// The level of an alert that ends the connection (RFC 8446 section 6).
pub const FATAL: c_int = 2;

/// unrecognized_name.
pub const UNRECOGNIZED_NAME: u8 = 112;
/// protocol_version.
pub const PROTOCOL_VERSION: u8 = 70;
/// handshake_failure.
pub const HANDSHAKE_FAILURE: u8 = 40;
/// insufficient_security.
pub const INSUFFICIENT_SECURITY: u8 = 71;

/// What an alert usually means.
#[derive(Clone, Copy)]
enum Meaning {
    /// The same on both sides.
    Both(&'static str),
    /// Where a server sent it, and where a client did.
    By(&'static str, &'static str),
}

use Meaning::{Both, By};

/// Number, name and meaning. A client's certificate is what a server's alert speaks of, and the other way round.
const ALERTS: &[(u8, &str, Meaning)] = &[
    (0, "close_notify", Both("the peer ended the connection")),
    (10, "unexpected_message", Both("the peer's TLS got a message out of turn; one of the two sides has a defect")),
    (20, "bad_record_mac", Both("data was altered on the way, or one of the two sides has a defect")),
    (21, "decryption_failed", Both("data was altered on the way, or one of the two sides has a defect")),
    (22, "record_overflow", Both("the peer got a record that it finds too long")),
    (30, "decompression_failure", Both("the peer could not decompress")),
    (
        HANDSHAKE_FAILURE,
        "handshake_failure",
        By(
            "the server accepts none of the offered parameters, or wants a client certificate",
            "the client accepts none of the parameters that this server chose",
        ),
    ),
    (41, "no_certificate", By("the server wants a client certificate", "the client has no certificate to show")),
    (
        42,
        "bad_certificate",
        By(
            "the server refuses the client certificate: it finds it damaged, wrongly signed, or for a client that it does not serve",
            "the client refuses this server's certificate: it finds it damaged, wrongly signed, or for another host",
        ),
    ),
    (
        43,
        "unsupported_certificate",
        By(
            "the server refuses the client certificate: it is of a kind that the server does not take",
            "the client refuses this server's certificate: it is of a kind that the client does not take",
        ),
    ),
    (
        44,
        "certificate_revoked",
        By(
            "the server refuses the client certificate: it has been revoked",
            "the client refuses this server's certificate: it has been revoked",
        ),
    ),
    (
        45,
        "certificate_expired",
        By(
            "the server refuses the client certificate: it has expired, or the server's clock is wrong",
            "the client refuses this server's certificate: it has expired, or the client's clock is wrong",
        ),
    ),
    (
        46,
        "certificate_unknown",
        By(
            "the server refuses the client certificate",
            "the client refuses this server's certificate: it may not trust its CA, or want another host",
        ),
    ),
    (47, "illegal_parameter", Both("the peer finds a value in the handshake that is not permitted")),
    (
        48,
        "unknown_ca",
        By(
            "the server does not know the CA of the client certificate",
            "the client does not trust the CA of this server's certificate, or lacks an intermediate that this server should send",
        ),
    ),
    (49, "access_denied", By("the server knows who we are and denies access", "the client denies access")),
    (50, "decode_error", Both("the peer could not decode a message; a middlebox may have altered it")),
    (51, "decrypt_error", Both("the peer found a signature or a Finished message wrong")),
    (60, "export_restriction", Both("the peer insists on export-grade cryptography")),
    (
        PROTOCOL_VERSION,
        "protocol_version",
        By(
            "the server does not speak the offered versions of TLS",
            "the client does not speak the version of TLS that this server chose",
        ),
    ),
    (
        INSUFFICIENT_SECURITY,
        "insufficient_security",
        By(
            "the server wants stronger cipher suites than were offered",
            "the client wants a stronger cipher suite than this server chose",
        ),
    ),
    (80, "internal_error", Both("the peer has a problem of its own: look at its log")),
    (86, "inappropriate_fallback", Both("the peer saw a connection with a lowered version")),
    (90, "user_canceled", Both("the peer gave up")),
    (100, "no_renegotiation", Both("the peer does not renegotiate")),
    (109, "missing_extension", Both("the peer wants an extension that was not sent")),
    (110, "unsupported_extension", Both("the peer got an extension that it did not ask for")),
    (111, "certificate_unobtainable", Both("the server could not fetch the client certificate")),
    (
        UNRECOGNIZED_NAME,
        "unrecognized_name",
        By("the server has no site of the name that was asked for", "the client does not take the name of this server"),
    ),
    (
        113,
        "bad_certificate_status_response",
        By("the server refuses the OCSP response", "the client refuses the OCSP answer that this server stapled"),
    ),
    (114, "bad_certificate_hash_value", Both("the peer refuses the hash of a certificate")),
    (115, "unknown_psk_identity", Both("the peer does not know the pre-shared key")),
    (
        116,
        "certificate_required",
        By("the server wants a client certificate, and none was sent", "the client wants a certificate, and none was sent"),
    ),
    (
        120,
        "no_application_protocol",
        By(
            "the server speaks none of the offered application protocols (ALPN)",
            "the client does not speak the application protocol that this server chose (ALPN)",
        ),
    ),
];

/// The alert's name.
pub fn name(description: u8) -> String {
    match ALERTS.iter().find(|(number, ..)| *number == description) {
        Some((_, name, _)) => (*name).to_owned(),
        None => format!("number {description}"),
    }
}

/// What the alert usually means to the side that is `role` and got it.
pub fn meaning(role: Role, description: u8) -> &'static str {
    match (ALERTS.iter().find(|(number, ..)| *number == description), role) {
        (Some((.., Both(meaning) | By(meaning, _))), Role::Client) => meaning,
        (Some((.., Both(meaning) | By(_, meaning))), Role::Server) => meaning,
        (None, _) => "RFC 8446 knows no such alert",
    }
}

/// The same to a client that was asked for a certificate and had none: servers that demand one say so in many ways, up to
/// TLS 1.2 above all.
pub fn meaning_without_certificate(description: u8) -> &'static str {
    match description {
        HANDSHAKE_FAILURE..=46 | 48 | 50 | 116 => {
            "the server wants a client certificate, and this client has none to show: hostlock_ctx_add_cert_file loads one"
        }
        _ => meaning(Role::Client, description),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alert_has_one_row_in_the_order_of_its_number() {
        assert!(ALERTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(name(48), "unknown_ca");
        assert_eq!(name(7), "number 7");
    }
}
