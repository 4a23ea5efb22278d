//! Whose word counts: CRLs of namesakes, of other keys of a CA, and of strangers.

use hostlock::error::Status;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};

use crate::support::crl::{CrlRecipe, extension, scope};
use crate::support::peer::{Client, serve, status};
use crate::support::pki::{self, DAY, Identity, Recipe};
use crate::support::raw::{Made, Raw};
use crate::{HOST, delta, expired, keyless, site};

#[test]
fn a_crl_that_its_issuer_did_not_sign_is_no_answer_in_any_mode() {
    let site = site();
    let forged = || CrlRecipe { signer: pki::p256(), ..site.good_middle() };
    let error = site.with(None, vec![site.good_root(), forged()]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationInvalid, 8));
    for mode in ["chain+soft", "chain+expired", "leaf+soft+expired"] {
        for crl in [forged(), forged().revoking(&site.leaf)] {
            let outcome = site.with(Some(mode), vec![site.good_root(), crl]);
            assert_eq!(status(outcome), Some(Status::ERevocationInvalid), "{mode}");
        }
    }
}

#[test]
fn a_crl_of_another_issuer_is_no_answer() {
    let site = site();
    let stranger = Recipe::ca("Stranger CA").self_signed();
    let error = site.with(Some("leaf"), vec![CrlRecipe::of(&stranger)]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationUnknown);
    assert!(error.message().contains("no CRL of \"CN=Middle CA\""), "{}", error.message());
    assert!(error.hint().contains("\"CN=Stranger CA\""), "{}", error.hint());
    let namesake = Recipe::ca("Middle CA").self_signed();
    let error = site.with(Some("leaf"), vec![CrlRecipe::of(&namesake)]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationInvalid);
    assert!(error.message().contains("of another key"), "{}", error.message());
}

#[test]
fn a_namesakes_crl_does_not_hide_the_right_one() {
    let site = site();
    let namesake = Recipe::ca("Middle CA").self_signed();
    let other = CrlRecipe { this_update: -60, ..CrlRecipe::of(&namesake) };
    assert_eq!(site.with(Some("leaf"), vec![other, site.good_middle()]).unwrap(), "hello");
}

#[test]
fn the_right_crl_is_found_among_those_of_namesakes_in_any_order() {
    let site = site();
    let namesake = || keyless(CrlRecipe { this_update: -60, ..CrlRecipe::of(&Recipe::ca("Middle CA").self_signed()) });
    let good = || keyless(site.good_middle());
    let revoking = || keyless(site.good_middle().revoking(&site.leaf));
    let broken = || CrlRecipe { signer: pki::p256(), this_update: -30, ..good() };
    for crls in [vec![good(), namesake()], vec![namesake(), good()], vec![broken(), good()], vec![good(), broken()]] {
        assert_eq!(site.with(Some("leaf"), crls).unwrap(), "hello");
    }
    for crls in [
        vec![revoking(), namesake()],
        vec![namesake(), revoking()],
        vec![broken(), namesake(), revoking()],
        vec![revoking(), broken()],
    ] {
        assert_eq!(status(site.with(Some("leaf"), crls)), Some(Status::ERevoked));
    }
    assert_eq!(status(site.with(Some("leaf"), vec![namesake()])), Some(Status::ERevocationInvalid));
    let slander = || namesake().revoking(&site.leaf);
    assert_eq!(site.with(Some("leaf"), vec![slander(), good()]).unwrap(), "hello");
}

#[test]
fn among_trusted_cas_of_one_name_each_answers_for_its_own_certificates_in_any_order() {
    let cas = [(); 3].map(|()| Recipe::ca("Group CA").self_signed());
    let [first, _, last] = &cas;
    let leaf = |ca: &Identity| {
        // Without key identifiers OpenSSL cannot tell which CA issued it.
        let raw = Raw { authority_key: false, ..Raw::leaf(HOST) };
        let (der, key) = (ca.certificate.to_der().unwrap(), ca.key.clone());
        let subject = ca.certificate.subject_name().to_der().unwrap();
        let made = raw.issued_by(&Made { der, subject, key, key_id: Vec::new() });
        Identity { certificate: made.x509(), key: made.key.clone() }
    };
    let (good, other, revoked) = (leaf(first), leaf(last), leaf(last));
    let anchors: Vec<&Identity> = cas.iter().collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let ask = |leaf: &Identity| {
            let client = Client::trusting(&anchors);
            for index in order {
                let crl = keyless(CrlRecipe::of(&cas[index]));
                let crl = if index == 2 { crl.revoking(&revoked) } else { crl };
                client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap();
            }
            status(client.connect(Some(HOST), serve(leaf, &[]).port))
        };
        assert_eq!(ask(&good), None, "{order:?}");
        assert_eq!(ask(&other), None, "{order:?}");
        assert_eq!(ask(&revoked), Some(Status::ERevoked), "{order:?}");
    }
}

#[test]
fn a_revocation_by_the_key_that_a_ca_had_before_holds() {
    let site = site();
    let renewed = Recipe::ca("Middle CA").self_signed();
    let client = || {
        let client = Client::trusting(&[&site.root, &renewed]);
        client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_middle().pem()).unwrap();
        client.set_text(hostlock_ctx_set_crl_mode, "leaf").unwrap();
        client
    };
    assert_eq!(client().connect(Some(HOST), site.server.port).unwrap(), "hello");
    let client = client();
    client.set_bytes(hostlock_ctx_add_crl_mem, &CrlRecipe::of(&renewed).revoking(&site.leaf).pem()).unwrap();
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::ERevoked));
}

/// A CA that has changed its key: an older certificate of the intermediate's name, which issued nothing here.
#[test]
fn a_crl_that_another_key_of_the_ca_signed_is_an_answer_if_that_key_is_valid() {
    let site = site();
    let answer = |anchors: &[&Identity], sent: &[&Identity], mode: &str, crls: Vec<CrlRecipe>| {
        let client = Client::trusting(anchors);
        for crl in crls {
            client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap();
        }
        client.set_text(hostlock_ctx_set_crl_mode, mode).unwrap();
        status(client.connect(Some(HOST), serve(&site.leaf, sent).port))
    };
    let anchor = Recipe::ca("Middle CA").self_signed();
    let sibling = Recipe::ca("Middle CA").issued_by(&site.root);
    let stranger = Recipe::ca("Middle CA").self_signed();
    let unsent: &[&Identity] = &[&site.middle];
    for (other, anchors, sent) in
        [(&anchor, &[&site.root, &anchor][..], unsent), (&sibling, &[&site.root], &[&site.middle, &sibling])]
    {
        for keyed in [true, false] {
            let crl = || if keyed { CrlRecipe::of(other) } else { keyless(CrlRecipe::of(other)) };
            let forged = || CrlRecipe { this_update: -30, ..keyless(CrlRecipe::of(&stranger)) };
            assert_eq!(answer(anchors, sent, "leaf", vec![crl()]), None, "{keyed}");
            assert_eq!(answer(anchors, sent, "leaf", vec![forged(), crl()]), None, "{keyed}");
            assert_eq!(answer(anchors, sent, "leaf+expired", vec![expired(crl())]), None, "{keyed}");
            for mode in ["leaf", "leaf+soft"] {
                let revoking = crl().revoking(&site.leaf);
                assert_eq!(answer(anchors, sent, mode, vec![revoking]), Some(Status::ERevoked), "{keyed}");
            }
            let tomorrow = CrlRecipe { this_update: DAY, ..crl() };
            let odd = CrlRecipe { extensions: vec![extension("1.2.3.4.5", true, &[5, 0])], ..crl() };
            let for_cas = CrlRecipe { extensions: vec![scope(2)], ..crl() };
            for wrong in [expired(crl()), tomorrow, odd, for_cas, delta(crl())] {
                assert!(answer(anchors, sent, "leaf", vec![wrong]).is_some(), "{keyed}");
            }
        }
    }
    // A key that nobody vouches for answers nothing, whether it is sent or not.
    for sent in [unsent, &[&site.middle, &stranger]] {
        for crl in [CrlRecipe::of(&stranger), keyless(CrlRecipe::of(&stranger))] {
            assert!(answer(&[&site.root], sent, "leaf", vec![crl]).is_some());
        }
    }
}

#[test]
fn a_revocation_in_any_crl_in_force_counts() {
    let site = site();
    let unnumbered = |crl: CrlRecipe| CrlRecipe { number: None, ..crl };
    let revoking = CrlRecipe { number: Some(2), ..site.good_middle() }.revoking(&site.leaf);
    let dated = CrlRecipe { this_update: -60, ..site.good_middle() };
    assert_eq!(status(site.with(Some("leaf"), vec![revoking, dated])), Some(Status::ERevoked));
    let newer = unnumbered(CrlRecipe { this_update: -60, ..site.good_middle() });
    let older = unnumbered(site.good_middle().revoking(&site.leaf));
    assert_eq!(site.with(Some("leaf"), vec![older, newer]).unwrap(), "hello");
}
