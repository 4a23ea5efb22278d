//! What went wrong on a server's connection, where that means something else than on a client's. Pure, like
//! [`failure`](super::failure).

use std::ffi::c_int;

use crate::connection::alert;
use crate::connection::failure::{Facts, Phase, begins_like_tls};
use crate::error::{Error, Status};

const NO_SUITABLE_KEY_SHARE: c_int = 101;
const NO_SUITABLE_SIGNATURE_ALGORITHM: c_int = 118;
const NO_SHARED_CIPHER: c_int = 193;
const PEER_DID_NOT_RETURN_A_CERTIFICATE: c_int = 199;
const NO_APPLICATION_PROTOCOL: c_int = 235;
const UNSUPPORTED_PROTOCOL: c_int = 258;
const NO_SUITABLE_GROUPS: c_int = 295;
const INAPPROPRIATE_FALLBACK: c_int = 373;
const NO_SHARED_SIGNATURE_ALGORITHMS: c_int = 376;
const NO_SHARED_GROUPS: c_int = 410;

/// The error for `facts`; `None` where it is the same as on a client.
pub fn explain(facts: &Facts<'_>) -> Option<Error> {
    let peer = facts.peer;
    if facts.phase == Phase::Handshake && !begins_like_tls(facts.head) {
        return Some(not_tls(facts));
    }
    if let Some(reason) = facts.reason.as_ref().filter(|reason| reason.from_libssl) {
        if let Some(description) = reason.code.checked_sub(1000).and_then(|number| u8::try_from(number).ok()) {
            return Some(alerted(facts, description));
        }
        if let Some(error) = of_hello(facts, reason.code) {
            return Some(error);
        }
    }
    (facts.phase == Phase::Handshake && facts.ended && facts.head.is_empty()).then(|| {
        Error::new(Status::ETruncated, format!("the connection was closed by {peer} before it said anything"))
            .with_hint("health checks and port scans do this")
    })
}

fn of_hello(facts: &Facts<'_>, code: c_int) -> Option<Error> {
    let peer = facts.peer;
    Some(match code {
        NO_SHARED_CIPHER | NO_SUITABLE_SIGNATURE_ALGORITHM if !facts.has_certificate => {
            Error::new(Status::EState, "this server has no certificate to show")
                .with_hint("call hostlock_ctx_add_cert_file before the first connection")
        }
        NO_SHARED_CIPHER | NO_SUITABLE_SIGNATURE_ALGORITHM | NO_SHARED_SIGNATURE_ALGORITHMS | NO_SUITABLE_KEY_SHARE
        | NO_SUITABLE_GROUPS | NO_SHARED_GROUPS => {
            let what = facts.reason.as_ref().map_or("", |reason| &reason.text);
            Error::new(Status::ENoCommonCipher, format!("{peer} offers nothing that this server permits: {what}")).with_hint(
                "the client must offer a cipher suite with forward secrecy and AEAD, a group and a signature algorithm of \
                 today, and be able to verify a key of the kind that this server has",
            )
        }
        UNSUPPORTED_PROTOCOL => {
            Error::new(Status::ENoCommonVersion, format!("{peer} offers no version that this server permits"))
                .with_hint("the client must speak TLS 1.2 or newer: older versions are broken")
        }
        INAPPROPRIATE_FALLBACK => {
            Error::new(Status::ENoCommonVersion, format!("{peer} has come back with a lowered version (RFC 7507)"))
                .with_hint("its first try must have failed: look for a middlebox or an attacker on the way")
        }
        PEER_DID_NOT_RETURN_A_CERTIFICATE => {
            Error::new(Status::ENoCertificate, format!("{peer} showed no certificate, and one is demanded here"))
                .with_hint("the client must be given one; hostlock_server_set_client_auth says whether it is demanded")
        }
        NO_APPLICATION_PROTOCOL => Error::new(
            Status::ENoCommonProtocol,
            format!("{peer} offers no application protocol (ALPN) that this server speaks"),
        )
        .with_hint("hostlock_ctx_set_alpn names those that are spoken"),
        _ => return None,
    })
}

fn alerted(facts: &Facts<'_>, description: u8) -> Error {
    let name = alert::name(description);
    let meaning = match description {
        42 | 43 | 46 => "the client refuses this server's certificate",
        44 => "the client says that this server's certificate has been revoked",
        45 => "the client finds this server's certificate expired, or its clock is wrong",
        48 => "the client does not trust the CA of this server's certificate, or did not get the intermediate certificates",
        alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY => "the client does not accept what this server chose",
        alert::PROTOCOL_VERSION => "the client does not speak the version that this server chose",
        other => alert::meaning(other),
    };
    Error::new(Status::EAlert, format!("{} sent the alert {name} {}", facts.peer, facts.phase.words())).with_hint(meaning)
}

fn not_tls(facts: &Facts<'_>) -> Error {
    const METHODS: [&[u8]; 8] = [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PRI "];
    let (head, peer) = (facts.head, facts.peer);
    let shown = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = shown[..shown.len().min(60)].trim_ascii_end().escape_ascii();
    if METHODS.iter().any(|method| head.starts_with(method)) {
        return Error::new(Status::EPlaintext, format!("{peer} speaks plain HTTP and not TLS: it began with \"{shown}\""))
            .with_hint("the client must use https://");
    }
    if head.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~')) {
        return Error::new(Status::EPlaintext, format!("{peer} does not speak TLS: it began with \"{shown}\""))
            .with_hint("the client must begin with TLS on this port");
    }
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Error::new(Status::EProtocol, format!("{peer} does not speak TLS: it began with {}", bytes.join(" ")))
        .with_hint("proxies that send the PROXY protocol do this, and so do port scans")
}
