//! Secrets that both sides of a connection know and nobody else (RFC 5705), and what binds another protocol's authentication to
//! this connection (RFC 9266, RFC 5929).

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::connection::facts::Agreed;
use crate::connection::gate;
use crate::error::{Error, Result, Status};
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;

/// A binding is no longer than the longest digest.
pub const MOST: usize = 64;

/// Fills `out` with the secret for `label` and `context`.
pub fn export(conn: Conn<'_>, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
    gate::guard(conn)?;
    if Agreed::of(conn).is_none() {
        return Err(Error::new(Status::EState, "the handshake of this connection is not complete"));
    }
    if label.is_empty() {
        return Err(Error::new(Status::EArg, "the label is empty").with_hint("use one of the registry of RFC 5705, or EXPERIMENTAL..."));
    }
    // Without it two connections of an attacker's can have the same secrets (RFC 7627 section 1).
    if conn.version() < ffi::TLS1_3_VERSION && !conn.has_extended_master_secret() {
        return Err(Error::new(Status::EUnsupported, "the peer does not know the extended master secret (RFC 7627), without which a \
                                                     secret of TLS 1.2 may belong to another connection too"));
    }
    let quiet = Quiet::begin();
    if conn.export(label.as_bytes(), context, out) {
        return Ok(());
    }
    let why = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
    Err(Error::new(Status::EArg, format!("OpenSSL exports nothing for the label {label:?}: {why}")))
}

/// The channel binding of a kind: "tls-exporter" or "tls-server-end-point".
pub fn binding(conn: Conn<'_>, kind: &str) -> Result<Vec<u8>> {
    match kind {
        "tls-exporter" => {
            let mut out = vec![0; 32];
            export(conn, "EXPORTER-Channel-Binding", Some(&[]), &mut out)?;
            Ok(out)
        }
        "tls-server-end-point" => end_point(conn),
        other => Err(Error::new(Status::EArg, format!("{other:?} is no channel binding that is known"))
            .with_hint("\"tls-exporter\" and \"tls-server-end-point\" are known; \"tls-unique\" is not safe (RFC 9266)")),
    }
}

fn end_point(conn: Conn<'_>) -> Result<Vec<u8>> {
    gate::guard(conn)?;
    if Agreed::of(conn).is_none() {
        return Err(Error::new(Status::EState, "the handshake of this connection is not complete"));
    }
    if !conn.is_server() {
        let none = || Error::new(Status::ENoCertificate, "the server of this connection showed no certificate");
        return digest(&*conn.peer_certificate().ok_or_else(none)?);
    }
    if conn.is_resumed() {
        return Err(Error::new(Status::EUnsupported, "in a resumed session a server has shown no certificate")
            .with_hint("use \"tls-exporter\""));
    }
    match conn.own_certificate() {
        Some(own) => digest(own.leaf),
        None => Err(Error::new(Status::ENoCertificate, "this server has no certificate")),
    }
}

/// By the hash of the certificate's signature, and SHA-256 in place of MD5 and SHA-1 (RFC 5929 section 4.1).
fn digest(certificate: &X509Ref) -> Result<Vec<u8>> {
    let algorithm = certificate.signature_algorithm().object().nid();
    let hash = match algorithm.signature_algorithms().map(|algorithms| algorithms.digest) {
        Some(Nid::SHA384) => MessageDigest::sha384(),
        Some(Nid::SHA512) => MessageDigest::sha512(),
        Some(Nid::SHA224) => MessageDigest::sha224(),
        Some(Nid::SHA256 | Nid::SHA1 | Nid::MD5) => MessageDigest::sha256(),
        _ => {
            return Err(Error::new(Status::EUnsupported, "the certificate's signature has no one hash, for which RFC 5929 defines nothing")
                .with_hint("use \"tls-exporter\""));
        }
    };
    let made = certificate.digest(hash).map_err(|_| Error::new(Status::EInternal, "OpenSSL could not hash the certificate"))?;
    Ok(made.to_vec())
}
