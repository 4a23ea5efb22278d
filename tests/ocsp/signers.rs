//! Who signed an answer, and with what right.

use hostlock::error::Status;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use openssl::hash::MessageDigest;

use crate::support::crl::CrlRecipe;
use crate::support::ocsp::{OcspRecipe, Says, failure};
use crate::support::peer::Client;
use crate::support::pki::{self, DAY, Recipe};
use crate::{delegate, server_sends_anything, site};

#[test]
fn a_wrong_signature_is_refused_and_what_it_covers_is_not_believed() {
    let site = site();
    let namesake = Recipe::ca("Root CA").self_signed();
    for says in [Says::Good, Says::Revoked(Some(1)), Says::Unknown] {
        let error = site.refusal(&OcspRecipe { signer: &namesake, says, ..site.good() }.der());
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("wrong signature"), "{}", error.message());
    }
}

#[test]
fn no_single_changed_bit_makes_a_revoked_certificate_good() {
    let site = site();
    let revoked = OcspRecipe { says: Says::Revoked(None), ..site.good() }.der();
    let question = |staple: &[u8]| {
        hostlock::revocation::ocsp::check(
            staple,
            &hostlock::revocation::ocsp::Question {
                leaf: &site.leaf.certificate,
                issuer: &site.ca.certificate,
                time: Some(pki::now()),
                crls: &Default::default(),
            },
        )
    };
    question(&site.good().der()).unwrap();
    for position in 0..revoked.len() {
        for bit in 0..8 {
            let mut changed = revoked.clone();
            changed[position] ^= 1 << bit;
            assert!(question(&changed).is_err(), "bit {bit} of byte {position}");
        }
        assert!(question(&revoked[..position]).is_err());
    }
}

#[test]
fn a_weak_signature_is_refused() {
    let site = site();
    let error = site.refusal(&OcspRecipe { digest: MessageDigest::sha1(), ..site.good() }.der());
    assert_eq!(error.status(), Status::ERevocationInvalid);
}

#[test]
fn a_responder_without_authority_is_refused_with_what_it_lacks() {
    let site = site();
    let stranger = Recipe::ca("Stranger CA").self_signed();
    let namesake = Recipe::ca("Root CA").self_signed();
    let cases = [
        (Recipe::server("Responder", &[]).issued_by(&site.ca), "extended key usage"),
        (delegate(&stranger, Recipe::server("Responder", &[])), "did not issue"),
        (delegate(&namesake, Recipe::server("Responder", &[])), "did not issue"),
        (stranger.clone(), "did not issue"),
        (
            delegate(&site.ca, Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::server("Old", &[]) }),
            "not valid now",
        ),
        (delegate(&site.ca, Recipe { key: pki::rsa(1024), ..Recipe::server("Weak", &[]) }), "too weak"),
    ];
    for (signer, lack) in &cases {
        let staple = OcspRecipe { signer, with_certificate: true, ..site.good() }.der();
        let error = site.refusal(&staple);
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("was not signed by who may"), "{}", error.message());
        assert!(error.hint().contains(lack), "{lack}: {}", error.hint());
    }
    let absent = OcspRecipe { signer: &site.responder, ..site.good() }.der();
    assert!(site.refusal(&absent).hint().contains("neither the issuer nor in the answer"));
}

#[test]
fn the_leafs_own_key_cannot_vouch_for_it() {
    let site = site();
    let staple = OcspRecipe { signer: &site.leaf, with_certificate: true, ..site.good() }.der();
    assert_eq!(site.refusal(&staple).status(), Status::ERevocationInvalid);
}

#[test]
fn a_responder_that_a_crl_lists_is_refused_whether_it_was_loaded_or_lies_in_the_file_of_the_anchors() {
    let site = site();
    let staple = OcspRecipe { signer: &site.responder, with_certificate: true, ..site.good() }.der();
    let list = || CrlRecipe::of(&site.ca).revoking(&site.responder).pem();
    let (loaded, together) = (site.client(), Client::trusting(&[]));
    loaded.set_bytes(hostlock_ctx_add_crl_mem, &list()).unwrap();
    together.set_bytes(hostlock_ctx_trust_mem, &[site.ca.pem(), list()].concat()).unwrap();
    for client in [&loaded, &together] {
        client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap();
        let error = site.outcome(client, &staple).unwrap_err();
        assert!(error.hint().contains("has been revoked"), "{}", error.hint());
    }
}

#[test]
fn garbage_and_refusals_of_the_responder_are_no_answer() {
    if !server_sends_anything() {
        return;
    }
    let site = site();
    let good = site.good().der();
    for garbage in [&b"x"[..], b"not an OCSP answer", &good[..good.len() - 1], &[&good[..], b"x"].concat()] {
        let error = site.refusal(garbage);
        assert_eq!(error.status(), Status::ERevocationInvalid);
        assert!(error.message().contains("cannot be read"), "{}", error.message());
    }
    let error = site.refusal(&failure(3));
    assert!(error.message().contains("\"try later\""), "{}", error.message());
}
