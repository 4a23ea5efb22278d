//! Stapled OCSP answers in real handshakes of TLS 1.2 and 1.3, through the C ABI.

mod answers;
mod handshakes;
mod modes;
mod signers;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::Ordering;

use hostlock::error::Error;
use openssl::ssl::SslVersion;
use support::crl::extension;
use support::ocsp::{OcspRecipe, extended};
use support::peer::{Client, Manner, Server, serve_in_manner};
use support::pki::{Identity, Recipe};

const HOST: &str = "site.example";
const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// A CA and a certificate of it; a responder that it authorised.
struct Site {
    ca: Identity,
    leaf: Identity,
    responder: Identity,
}

fn site() -> Site {
    let ca = Recipe::ca("Root CA").self_signed();
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&ca);
    let responder = delegate(&ca, Recipe::server("Responder", &[]));
    Site { ca, leaf, responder }
}

/// A certificate for OCSP signing.
fn delegate(ca: &Identity, recipe: Recipe) -> Identity {
    let plain = Recipe { server_auth: false, ..recipe }.issued_by(ca);
    // ExtKeyUsageSyntax with id-kp-OCSPSigning.
    let usage = extension("2.5.29.37", false, b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");
    extended(&plain, ca, usage)
}

/// A certificate that demands a staple (RFC 7633).
fn must_staple(site: &Site) -> Identity {
    extended(&site.leaf, &site.ca, extension("1.3.6.1.5.5.7.1.24", false, &[0x30, 3, 2, 1, 5]))
}

impl Site {
    fn client(&self) -> Client {
        Client::trusting(&[&self.ca])
    }

    fn good(&self) -> OcspRecipe<'_> {
        OcspRecipe::good(&self.leaf, &self.ca)
    }

    fn serve(&self, staple: Option<Vec<u8>>, version: SslVersion) -> Server {
        serve_in_manner(&self.leaf, &[], Manner { staple, version: Some(version), ..Manner::default() })
    }

    /// The same refusal in both versions, and no request reached the server; or success in both.
    fn outcome(&self, client: &Client, staple: &[u8]) -> Result<String, Error> {
        let [one, other] = BOTH.map(|version| {
            let server = self.serve(Some(staple.to_vec()), version);
            let outcome = client.connect(Some(HOST), server.port);
            assert_eq!(server.requests.load(Ordering::SeqCst), usize::from(outcome.is_ok()), "{version:?}");
            outcome
        });
        match (&one, &other) {
            (Err(one), Err(other)) => assert_eq!(one.message(), other.message()),
            _ => assert_eq!(one.as_deref().ok(), other.as_deref().ok()),
        }
        one
    }

    fn refusal(&self, staple: &[u8]) -> Error {
        self.outcome(&self.client(), staple).unwrap_err()
    }
}

/// Whether OpenSSL's server staples what it was given; since 3.6 it reads that, and leaves out what does not fit.
fn server_sends_anything() -> bool {
    let older = openssl::version::number() < 0x3060_0000;
    if !older {
        println!("skipped: the server of this OpenSSL sends no such answer");
    }
    older
}
