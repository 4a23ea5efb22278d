//! For which certificates a CRL speaks: distribution points and other extensions, and CRLs that lie beside the anchors.

use hostlock::error::Status;
use hostlock::ffi::revocation::hostlock_ctx_set_crl_mode;
use hostlock::ffi::trust::hostlock_ctx_trust_mem;

use crate::support::crl::{CrlRecipe, extension, scope};
use crate::support::ocsp::extended;
use crate::support::peer::{Client, serve, status};
use crate::support::pki::{self, Identity, Recipe};
use crate::{HOST, Site, keyless, site};

#[test]
fn a_distribution_point_that_is_the_issuers_own_name_covers_its_certificates_whatever_points_they_name() {
    let plain = site();
    // CRLDistributionPoints with one URI.
    let uri = [&[0x30, 18, 0x30, 16, 0xa0, 14, 0xa0, 12, 0x86, 10][..], b"http://a.b"].concat();
    let pointing = extended(&plain.leaf, &plain.middle, extension("2.5.29.31", false, &uri));
    let server = serve(&pointing, &[&plain.middle]);
    for site in [Site { leaf: pointing, server, ..site_of(&plain) }, plain] {
        issuers_own_name_covers(&site);
    }
}

fn site_of(site: &Site) -> Site {
    let copy = |one: &Identity| Identity { certificate: one.certificate.clone(), key: one.key.clone() };
    let server = serve(&site.leaf, &[&site.middle]);
    Site { root: copy(&site.root), middle: copy(&site.middle), leaf: copy(&site.leaf), server }
}

fn issuers_own_name_covers(site: &Site) {
    let issuer = site.middle.certificate.subject_name().to_der().unwrap();
    let wrap = |tag: u8, inner: &[u8]| [&[tag, inner.len() as u8], inner].concat();
    let point = |name: &[u8]| {
        let der = wrap(0x30, &wrap(0xa0, &wrap(0xa0, &wrap(0xa4, name))));
        CrlRecipe { extensions: vec![extension("2.5.29.28", true, &der)], ..site.good_middle() }
    };
    assert_eq!(site.with(Some("leaf"), vec![point(&issuer)]).unwrap(), "hello");
    assert_eq!(status(site.with(Some("leaf"), vec![point(&issuer).revoking(&site.leaf)])), Some(Status::ERevoked));
    let other = site.root.certificate.subject_name().to_der().unwrap();
    assert_eq!(status(site.with(Some("leaf"), vec![point(&other)])), Some(Status::ERevocationInvalid));
    let stranger = CrlRecipe { signer: pki::p256(), ..point(&issuer) };
    assert_eq!(status(site.with(Some("leaf"), vec![stranger])), Some(Status::ERevocationInvalid));
}

#[test]
fn the_crl_that_covers_a_certificate_is_found_among_those_for_other_certificates_in_any_order() {
    let site = site();
    let issuer = site.middle.certificate.subject_name().to_der().unwrap();
    let wrap = |tag: u8, inner: &[u8]| [&[tag, inner.len() as u8], inner].concat();
    let crl = |name: &[u8], only: &[u8], this_update: i64| {
        let der = wrap(0x30, &[&wrap(0xa0, &wrap(0xa0, name))[..], only].concat());
        CrlRecipe { extensions: vec![extension("2.5.29.28", true, &der)], this_update, ..site.good_middle() }
    };
    let own = wrap(0xa4, &issuer);
    let for_users = |this_update| crl(&own, &[0x81, 1, 0xff], this_update);
    let for_cas = |this_update| crl(&own, &[0x82, 1, 0xff], this_update);
    let shard = |this_update| crl(&wrap(0x86, b"http://crl.example/1"), &[], this_update);
    for (one, other) in [(-60, -120), (-120, -60)] {
        let outcome = site.with(Some("leaf"), vec![for_users(one), for_cas(other), shard(other)]);
        assert_eq!(outcome.unwrap(), "hello");
        let revoking = for_users(one).revoking(&site.leaf);
        assert_eq!(status(site.with(Some("leaf"), vec![for_cas(other), revoking])), Some(Status::ERevoked));
        let outcome = site.with(Some("leaf"), vec![for_cas(one), shard(other)]);
        assert_eq!(status(outcome), Some(Status::ERevocationInvalid));
    }
}

/// The outcome where the CRLs stand in the file of the anchors, in either order.
fn in_the_anchors_file(site: &Site, more: &[&Identity], mut crls: Vec<Vec<u8>>) -> [Option<Status>; 2] {
    std::array::from_fn(|_| {
        crls.reverse();
        let anchors = [&site.root].into_iter().chain(more.iter().copied()).flat_map(|anchor| anchor.pem());
        let client = Client::trusting(&[]);
        client.set_bytes(hostlock_ctx_trust_mem, &anchors.chain(crls.concat()).collect::<Vec<u8>>()).unwrap();
        client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap();
        status(client.connect(Some(HOST), site.server.port))
    })
}

#[test]
fn crls_in_the_file_of_the_anchors_are_chosen_among_as_those_that_were_loaded() {
    let site = site();
    let renewed = Recipe::ca("Middle CA").self_signed();
    let good = || keyless(site.good_middle()).pem();
    let revoking = || keyless(CrlRecipe { number: Some(2), ..site.good_middle() }.revoking(&site.leaf)).pem();
    let foreign = || keyless(CrlRecipe { this_update: -60, ..CrlRecipe::of(&Recipe::ca("Middle CA").self_signed()) });
    let broken = || keyless(CrlRecipe { signer: pki::p256(), this_update: -30, ..site.good_middle() });
    assert_eq!(in_the_anchors_file(&site, &[], vec![good(), foreign().revoking(&site.leaf).pem()]), [None; 2]);
    assert_eq!(in_the_anchors_file(&site, &[], vec![good(), broken().pem()]), [None; 2]);
    assert_eq!(in_the_anchors_file(&site, &[], vec![foreign().pem()]), [Some(Status::ERevocationInvalid); 2]);
    let revoked = [Some(Status::ERevoked); 2];
    assert_eq!(in_the_anchors_file(&site, &[], vec![good(), revoking()]), revoked);
    assert_eq!(in_the_anchors_file(&site, &[], vec![foreign().pem(), revoking()]), revoked);
    let before = keyless(CrlRecipe::of(&renewed).revoking(&site.leaf));
    assert_eq!(in_the_anchors_file(&site, &[&renewed], vec![good(), before.pem()]), revoked);
}

#[test]
fn a_crl_for_other_certificates_is_no_answer() {
    let site = site();
    let for_cas = || CrlRecipe { extensions: vec![scope(2)], ..site.good_middle() };
    let error = site.with(Some("leaf"), vec![for_cas()]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationInvalid);
    assert!(error.message().contains("issuing distribution point"), "{}", error.message());
    assert_eq!(site.with(Some("leaf+soft"), vec![for_cas()]).unwrap(), "hello");
    let for_leaves = CrlRecipe { extensions: vec![scope(1)], ..site.good_middle() };
    assert_eq!(site.with(Some("leaf"), vec![for_leaves]).unwrap(), "hello");
}

#[test]
fn an_indirect_crl_of_a_stranger_is_no_answer() {
    let site = site();
    let stranger = Recipe::ca("Stranger CA").self_signed();
    let indirect = CrlRecipe { extensions: vec![scope(4)], ..CrlRecipe::of(&stranger) };
    let error = site.with(Some("leaf"), vec![indirect]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationUnknown);
    assert!(error.hint().contains("indirect CRL of \"CN=Stranger CA\""), "{}", error.hint());
}

#[test]
fn a_crl_with_an_unknown_critical_extension_is_no_answer() {
    let site = site();
    let odd = CrlRecipe { extensions: vec![extension("1.2.3.4.5", true, &[5, 0])], ..site.good_middle() };
    let error = site.with(Some("leaf"), vec![odd]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationInvalid, 36));
}
