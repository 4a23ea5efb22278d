//! TLS alerts in words: the names of RFC 8446 section 6 (and of RFC 5246 where it has more), and what each usually means.

/// protocol_version.
pub const PROTOCOL_VERSION: u8 = 70;
/// handshake_failure.
pub const HANDSHAKE_FAILURE: u8 = 40;
/// insufficient_security.
pub const INSUFFICIENT_SECURITY: u8 = 71;

/// Number, name, and what it usually means where the peer is a server.
const ALERTS: &[(u8, &str, &str)] = &[
    (0, "close_notify", "the peer ended the connection"),
    (10, "unexpected_message", "the peer's TLS got a message out of turn; one of the two sides has a defect"),
    (20, "bad_record_mac", "data was altered on the way, or one of the two sides has a defect"),
    (21, "decryption_failed", "data was altered on the way, or one of the two sides has a defect"),
    (22, "record_overflow", "the peer got a record that it finds too long"),
    (30, "decompression_failure", "the peer could not decompress"),
    (
        HANDSHAKE_FAILURE,
        "handshake_failure",
        "the peer accepts none of the offered parameters, or wants a client certificate",
    ),
    (41, "no_certificate", "the peer wants a client certificate"),
    (42, "bad_certificate", "the peer refuses the client certificate: it is damaged or its signature is wrong"),
    (
        43,
        "unsupported_certificate",
        "the peer refuses the client certificate: it is of a kind that the peer does not take",
    ),
    (44, "certificate_revoked", "the peer refuses the client certificate: it has been revoked"),
    (
        45,
        "certificate_expired",
        "the peer refuses the client certificate: it has expired, or the peer's clock is wrong",
    ),
    (46, "certificate_unknown", "the peer refuses the client certificate"),
    (47, "illegal_parameter", "the peer finds a value in the handshake that is not permitted"),
    (48, "unknown_ca", "the peer does not know the CA of the client certificate"),
    (49, "access_denied", "the peer knows who we are and denies access"),
    (50, "decode_error", "the peer could not decode a message; a middlebox may have altered it"),
    (51, "decrypt_error", "the peer found a signature or a Finished message wrong"),
    (60, "export_restriction", "the peer insists on export-grade cryptography"),
    (PROTOCOL_VERSION, "protocol_version", "the peer does not speak the offered versions of TLS"),
    (INSUFFICIENT_SECURITY, "insufficient_security", "the peer wants stronger cipher suites than were offered"),
    (80, "internal_error", "the peer has a problem of its own: look at its log"),
    (86, "inappropriate_fallback", "the peer saw a connection with a lowered version"),
    (90, "user_canceled", "the peer gave up"),
    (100, "no_renegotiation", "the peer does not renegotiate"),
    (109, "missing_extension", "the peer wants an extension that was not sent"),
    (110, "unsupported_extension", "the peer got an extension that it did not ask for"),
    (111, "certificate_unobtainable", "the peer could not fetch the client certificate"),
    (112, "unrecognized_name", "the server has no site of the name that was asked for"),
    (113, "bad_certificate_status_response", "the peer refuses the OCSP response"),
    (114, "bad_certificate_hash_value", "the peer refuses the hash of a certificate"),
    (115, "unknown_psk_identity", "the peer does not know the pre-shared key"),
    (116, "certificate_required", "the peer wants a client certificate, and none was sent"),
    (120, "no_application_protocol", "the peer speaks none of the offered application protocols (ALPN)"),
];

/// The alert's name.
pub fn name(description: u8) -> String {
    match ALERTS.iter().find(|(number, ..)| *number == description) {
        Some((_, name, _)) => (*name).to_owned(),
        None => format!("number {description}"),
    }
}

/// What the alert usually means.
pub fn meaning(description: u8) -> &'static str {
    match ALERTS.iter().find(|(number, ..)| *number == description) {
        Some((.., meaning)) => meaning,
        None => "RFC 8446 knows no such alert",
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
