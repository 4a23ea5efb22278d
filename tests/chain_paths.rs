//! The search for a chain: a certificate in the bundle or in the store that leads nowhere never hides one that leads to
//! an anchor, and no bundle makes the search endless.

mod support;

use hostlock::context::Context;
use hostlock::context::offline;
use hostlock::error::Status;
use hostlock::policy::Policy;
use support::pki::DAY;
use support::raw::*;

const HOST: &str = "www.example.com";

fn expired(raw: Raw) -> Raw {
    Raw { not_before: -30 * DAY, not_after: -DAY, ..raw }
}

#[test]
fn an_expired_intermediate_does_not_hide_its_successor_in_either_order() {
    let root = Raw::ca("Root").self_signed();
    let good = Raw::ca("Middle");
    let old = expired(Raw::ca("Middle").keyed(&good.key)).issued_by(&root);
    let new = good.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&new);
    verdict(&[&root], &[&leaf, &old, &new], HOST).unwrap();
    verdict(&[&root], &[&leaf, &new, &old], HOST).unwrap();
    let error = verdict(&[&root], &[&leaf, &old], HOST).unwrap_err();
    assert_eq!((error.status(), error.certificate().unwrap().depth), (Status::EExpired, 1));
}

#[test]
fn an_intermediate_for_another_purpose_does_not_hide_the_right_one() {
    let root = Raw::ca("Root").self_signed();
    let good = Raw::ca("Middle");
    let wrong = Raw::ca("Middle").keyed(&good.key).with(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH]));
    let (good, wrong) = (good.issued_by(&root), wrong.issued_by(&root));
    let leaf = Raw::leaf(HOST).issued_by(&good);
    verdict(&[&root], &[&leaf, &wrong, &good], HOST).unwrap();
    verdict(&[&root], &[&leaf, &good, &wrong], HOST).unwrap();
    assert_eq!(verdict(&[&root], &[&leaf, &wrong], HOST).unwrap_err().status(), Status::EWrongPurpose);
}

#[test]
fn name_constraints_on_one_path_do_not_hide_another() {
    let root = Raw::ca("Root").self_signed();
    let good = Raw::ca("Middle");
    let other = constraints(0xa0, &[der(0x82, b"example.net")]);
    let tied = Raw::ca("Middle").keyed(&good.key).with(NAME_CONSTRAINTS, true, &other).issued_by(&root);
    let good = good.issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&good);
    verdict(&[&root], &[&leaf, &tied, &good], HOST).unwrap();
    verdict(&[&root], &[&leaf, &good, &tied], HOST).unwrap();
    assert_eq!(verdict(&[&root], &[&leaf, &tied], HOST).unwrap_err().status(), Status::ENameConstraint);
}

#[test]
fn a_cross_certificate_to_an_unknown_root_does_not_hide_the_trusted_one() {
    let (trusted, unknown) = (Raw::ca("Trusted root").self_signed(), Raw::ca("Unknown root").self_signed());
    let middle = Raw::ca("Middle");
    let away = Raw::ca("Middle").keyed(&middle.key).issued_by(&unknown);
    let home = middle.issued_by(&trusted);
    let leaf = Raw::leaf(HOST).issued_by(&home);
    verdict(&[&trusted], &[&leaf, &away, &unknown, &home], HOST).unwrap();
    verdict(&[&trusted], &[&leaf, &away, &home], HOST).unwrap();
    let error = verdict(&[&trusted], &[&leaf, &away, &unknown], HOST).unwrap_err();
    assert_eq!(error.status(), Status::EUnknownIssuer);
    assert!(error.message().contains("Unknown root"), "{}", error.message());
}

#[test]
fn an_expired_root_of_the_same_name_and_key_does_not_hide_its_successor() {
    let root = Raw::ca("Root");
    let old = expired(Raw::ca("Root").keyed(&root.key)).self_signed();
    let root = root.self_signed();
    let leaf = Raw::leaf(HOST).issued_by(&root);
    verdict(&[&old, &root], &[&leaf], HOST).unwrap();
    verdict(&[&root, &old], &[&leaf, &old], HOST).unwrap();
}

#[test]
fn an_intermediate_alone_in_the_store_is_an_anchor_only_where_no_root_is() {
    let root = Raw::ca("Root").self_signed();
    let middle = Raw::ca("Middle").issued_by(&root);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    verdict(&[&middle], &[&leaf], HOST).unwrap();
    verdict(&[&middle], &[&leaf, &middle, &root], HOST).unwrap();
    let narrow = Raw::ca("Narrow root")
        .with(NAME_CONSTRAINTS, true, &constraints(0xa0, &[der(0x82, b"example.net")]))
        .self_signed();
    let middle = Raw::ca("Middle").issued_by(&narrow);
    let leaf = Raw::leaf(HOST).issued_by(&middle);
    let error = verdict(&[&narrow, &middle], &[&leaf, &middle], HOST).unwrap_err();
    assert_eq!(error.status(), Status::ENameConstraint, "the intermediate does not stand in for its root");
}

#[test]
fn a_revoked_intermediate_in_the_store_does_not_bypass_its_root() {
    use support::crl::CrlRecipe;
    use support::pki::Recipe;
    let root = Recipe::ca("Root").self_signed();
    let middle = Recipe::ca("Middle").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    let context = Context::client(Policy::named("default").unwrap()).unwrap();
    let guard = context.guard().unwrap();
    let anchors = [root.certificate.clone(), middle.certificate.clone()];
    // SAFETY: the context is live and not in use, here and below.
    guard.anchors.add(context.as_ctx(), &anchors).unwrap();
    let pem = [leaf.pem(), middle.pem()].concat();
    let ask = || {
        let host = hostlock::host::Reference::parse(HOST).unwrap();
        // SAFETY: as above.
        offline::verify(context.as_ctx(), guard, &pem, Some(host))
    };
    ask().unwrap();
    let lists = [CrlRecipe::of(&root).revoking(&middle).pem(), CrlRecipe::of(&middle).pem()].concat();
    // SAFETY: the context is live, and the buffer as long as it says.
    let loaded =
        unsafe { hostlock::ffi::revocation::hostlock_ctx_add_crl_mem(context.as_ptr(), lists.as_ptr(), lists.len()) };
    assert_eq!(loaded, 0);
    assert_eq!(ask().unwrap_err().status(), Status::ERevoked);
}

#[test]
fn a_mesh_of_cross_certificates_without_an_anchor_is_refused_and_one_with_it_accepted() {
    const SIZE: usize = 12;
    let cas: Vec<Raw> = (0..SIZE).map(|index| Raw::ca(&format!("CA {index}"))).collect();
    let selves: Vec<Made> = cas.iter().map(|ca| ca.clone().self_signed()).collect();
    let mut mesh = Vec::new();
    for (index, ca) in cas.iter().enumerate() {
        for issuer in selves.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, issuer)| issuer) {
            mesh.push(ca.clone().issued_by(issuer));
        }
    }
    let leaf = Raw::leaf(HOST).issued_by(&selves[0]);
    let chain: Vec<&Made> = [&leaf].into_iter().chain(&mesh).collect();
    let stranger = Raw::ca("Stranger").self_signed();
    assert!(verdict(&[&stranger], &chain, HOST).is_err());
    verdict(&[&selves[SIZE - 1]], &chain, HOST).unwrap();
}

#[test]
fn a_hundred_certificates_of_one_name_are_refused() {
    let root = Raw::ca("Same").self_signed();
    let mut last = root.clone();
    let mut bundle = Vec::new();
    for _ in 0..100 {
        last = Raw { authority_key: false, ..Raw::ca("Same") }.without(SUBJECT_KEY_ID).issued_by(&last);
        bundle.push(last.clone());
    }
    let leaf = Raw { authority_key: false, ..Raw::leaf(HOST) }.issued_by(&last);
    let chain: Vec<&Made> = [&leaf].into_iter().chain(&bundle).collect();
    let stranger = Raw::ca("Same").self_signed();
    assert!(verdict(&[&stranger], &chain, HOST).is_err());
}

#[test]
fn the_bundle_may_hold_the_leaf_again_and_strangers_in_any_order() {
    let root = Raw::ca("Root").self_signed();
    let one = Raw::ca("One").issued_by(&root);
    let two = Raw::ca("Two").issued_by(&one);
    let leaf = Raw::leaf(HOST).issued_by(&two);
    let stranger = Raw::ca("Stranger").self_signed();
    verdict(&[&root], &[&leaf, &one, &stranger, &leaf, &root, &two], HOST).unwrap();
}
