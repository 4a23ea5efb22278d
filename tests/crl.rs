//! CRLs at work in real handshakes, through the C ABI.

mod support;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::ffi::context::hostlock_ctx_reload;
use hostlock::ffi::host::hostlock_conn_set_host;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_file, hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use openssl::ssl::{Ssl, SslContext, SslSession};
use support::crl::{CrlRecipe, delta_since, extension, scope};
use support::ocsp::extended;
use support::peer::{Client, Server, serve, status};
use support::pki::{self, DAY, Identity, Recipe};
use support::raw::{Made, Raw};

const HOST: &str = "site.example";

/// A root, an intermediate, and a server that sends both its own certificate and the intermediate's.
struct Site {
    root: Identity,
    middle: Identity,
    leaf: Identity,
    server: Server,
}

fn site() -> Site {
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    let server = serve(&leaf, &[&middle]);
    Site { root, middle, leaf, server }
}

impl Site {
    fn client(&self) -> Client {
        Client::trusting(&[&self.root])
    }

    /// The outcome with these CRLs, in this mode.
    fn with(&self, mode: Option<&str>, crls: Vec<CrlRecipe>) -> Result<String, hostlock::error::Error> {
        let client = self.client();
        for crl in crls {
            client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap();
        }
        if let Some(mode) = mode {
            client.set_text(hostlock_ctx_set_crl_mode, mode).unwrap();
        }
        client.connect(Some(HOST), self.server.port)
    }

    fn good_root(&self) -> CrlRecipe {
        CrlRecipe::of(&self.root)
    }

    fn good_middle(&self) -> CrlRecipe {
        CrlRecipe::of(&self.middle)
    }
}

const OLD: i64 = -2 * DAY;

fn expired(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { this_update: -9 * DAY, next_update: OLD, ..crl }
}

#[test]
fn without_crls_nothing_is_asked() {
    assert_eq!(site().with(None, vec![]).unwrap(), "hello");
}

#[test]
fn current_crls_of_every_issuer_let_a_good_chain_pass() {
    let site = site();
    assert_eq!(site.with(None, vec![site.good_root(), site.good_middle()]).unwrap(), "hello");
}

#[test]
fn loading_one_crl_turns_checking_of_the_whole_chain_on() {
    let site = site();
    let error = site.with(None, vec![site.good_middle()]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationUnknown);
    assert_eq!(error.certificate().unwrap().depth, 1);
    assert!(error.message().contains("there is no CRL of \"CN=Root CA\""), "{}", error.message());
    assert!(error.hint().contains("\"CN=Middle CA\""), "{}", error.hint());
}

#[test]
fn a_mode_alone_turns_checking_on() {
    let site = site();
    assert_eq!(status(site.with(Some("leaf"), vec![])), Some(Status::ERevocationUnknown));
    assert_eq!(site.with(Some("chain+soft"), vec![]).unwrap(), "hello");
}

#[test]
fn leaf_mode_asks_about_the_leaf_only() {
    let site = site();
    assert_eq!(site.with(Some("leaf"), vec![site.good_middle()]).unwrap(), "hello");
    let revoked = site.good_root().revoking(&site.middle);
    assert_eq!(site.with(Some("leaf"), vec![site.good_middle(), revoked]).unwrap(), "hello");
    let revoked = site.good_middle().revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf"), vec![revoked])), Some(Status::ERevoked));
}

#[test]
fn a_revoked_leaf_is_refused_in_every_mode_with_when_and_why() {
    let site = site();
    for mode in ["leaf", "chain", "leaf+soft", "chain+soft", "chain+expired", "chain+expired+soft"] {
        let revoked = site.good_middle().revoking_because(&site.leaf, 1);
        let error = site.with(Some(mode), vec![site.good_root(), revoked]).unwrap_err();
        assert_eq!(error.status(), Status::ERevoked, "{mode}");
        assert!(error.message().contains("revoked by \"CN=Middle CA\" on "), "{}", error.message());
        assert!(error.message().ends_with("(key compromise)"), "{}", error.message());
        assert_eq!(error.certificate().unwrap().depth, 0);
        let hour_ago = support::pki::now() - 3600;
        assert!((hour_ago - 60..=hour_ago).contains(&error.time().unwrap()));
    }
    assert_eq!(site.server.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn a_revoked_intermediate_is_refused_though_it_lies_in_the_store_beside_its_root() {
    let site = site();
    let client = Client::trusting(&[&site.root, &site.middle]);
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_root().revoking(&site.middle).pem()).unwrap();
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_middle().pem()).unwrap();
    let error = client.connect(Some(HOST), site.server.port).unwrap_err();
    assert_eq!((error.status(), error.certificate().unwrap().depth), (Status::ERevoked, 1));
}

#[test]
fn the_anchor_is_not_asked_even_where_its_own_crl_lists_it() {
    let site = site();
    let listed = site.good_root().revoking(&site.root);
    assert_eq!(site.with(None, vec![listed, site.good_middle()]).unwrap(), "hello");
}

#[test]
fn an_intermediate_that_is_the_anchor_needs_no_crl_of_its_absent_root() {
    let site = site();
    let client = Client::trusting(&[&site.middle]);
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_middle().pem()).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn an_expired_crl_is_refused_unless_asked_for_and_still_revokes() {
    let site = site();
    let error = site.with(None, vec![site.good_root(), expired(site.good_middle())]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationStale, 12));
    assert!(error.message().contains("CRL of \"CN=Middle CA\" was to be replaced by"), "{}", error.message());
    let end = support::pki::now() + OLD;
    assert!((end - 60..=end).contains(&error.time().unwrap()));
    let soft = site.with(Some("chain+soft"), vec![expired(site.good_middle())]);
    assert_eq!(status(soft), Some(Status::ERevocationStale));
    for mode in ["chain+expired", "chain+soft+expired", "leaf+expired"] {
        let crls = || vec![site.good_root(), expired(site.good_middle())];
        assert_eq!(site.with(Some(mode), crls()).unwrap(), "hello", "{mode}");
        let crls = vec![site.good_root(), expired(site.good_middle()).revoking(&site.leaf)];
        let error = site.with(Some(mode), crls).unwrap_err();
        assert_eq!(error.status(), Status::ERevoked, "{mode}");
        assert!(error.message().contains(" on ") && error.time().is_some(), "{}", error.message());
    }
}

#[test]
fn a_crl_of_tomorrow_is_refused_with_its_date() {
    let site = site();
    let tomorrow = || CrlRecipe { this_update: DAY, ..site.good_middle() };
    let error = site.with(Some("chain+expired"), vec![site.good_root(), tomorrow()]).unwrap_err();
    assert_eq!((error.status(), error.x509_code()), (Status::ERevocationStale, 11));
    assert!(error.message().contains("is valid only from"), "{}", error.message());
    assert!(error.time().unwrap() > support::pki::now());
    assert_eq!(status(site.with(Some("chain+soft"), vec![tomorrow()])), Some(Status::ERevocationStale));
}

#[test]
fn a_crl_that_its_issuer_did_not_sign_is_no_answer_in_any_mode() {
    let site = site();
    let forged = || CrlRecipe { signer: support::pki::p256(), ..site.good_middle() };
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

/// The CRL names no key, so that OpenSSL itself cannot tell whose it is.
fn keyless(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { key_id: None, ..crl }
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

fn delta(base: CrlRecipe) -> CrlRecipe {
    CrlRecipe { number: Some(2), extensions: vec![delta_since(1)], ..base }
}

#[test]
fn a_delta_without_its_base_is_no_answer_but_its_revocations_hold() {
    let site = site();
    let error = site.with(Some("leaf"), vec![delta(site.good_middle())]).unwrap_err();
    assert_eq!(error.status(), Status::ERevocationInvalid);
    assert!(error.message().contains("only a delta CRL"), "{}", error.message());
    assert_eq!(site.with(Some("leaf+soft"), vec![delta(site.good_middle())]).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf+soft"), vec![revoking])), Some(Status::ERevoked));
}

#[test]
fn a_delta_revokes_beside_a_base_that_does_not_point_to_it() {
    let site = site();
    let crls = |delta| vec![site.good_middle(), delta];
    assert_eq!(site.with(Some("leaf"), crls(delta(site.good_middle()))).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(status(site.with(Some("leaf"), crls(revoking))), Some(Status::ERevoked));
}

#[test]
fn a_delta_revokes_beside_a_base_that_points_to_it_with_when_and_why() {
    let site = site();
    let base = || {
        let mut base = site.good_middle();
        // FreshestCRL ::= SEQUENCE OF DistributionPoint { [0] { [0] { [6] URI } } }
        base.extensions.push(extension("2.5.29.46", false, b"\x30\x11\x30\x0f\xa0\x0d\xa0\x0b\x86\x09http://d/"));
        base
    };
    assert_eq!(site.with(Some("leaf"), vec![base(), delta(site.good_middle())]).unwrap(), "hello");
    let revoking = delta(site.good_middle()).revoking_because(&site.leaf, 4);
    let error = site.with(Some("leaf"), vec![base(), revoking]).unwrap_err();
    assert_eq!(error.status(), Status::ERevoked);
    assert!(error.message().ends_with("(superseded)"), "{}", error.message());
    let restored = delta(site.good_middle()).revoking_because(&site.leaf, 8);
    assert_eq!(site.with(Some("leaf"), vec![base().revoking_because(&site.leaf, 6), restored]).unwrap(), "hello");
}

#[test]
fn a_delta_that_a_newer_complete_crl_has_replaced_revokes_no_more() {
    let site = site();
    let newer = CrlRecipe { number: Some(3), ..site.good_middle() };
    let old_delta = delta(site.good_middle()).revoking(&site.leaf);
    assert_eq!(site.with(Some("leaf"), vec![newer, old_delta]).unwrap(), "hello");
}

#[test]
fn a_delta_without_a_number_is_refused_when_it_is_loaded() {
    let site = site();
    let client = site.client();
    let crl = CrlRecipe { number: None, ..delta(site.good_middle()) };
    let error = client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap_err();
    assert!(error.message().contains("without a CRL number"), "{}", error.message());
}

#[test]
fn what_cannot_be_loaded_is_told_apart_and_stops_every_handshake() {
    let site = site();
    let dir = std::env::temp_dir().join(format!("hostlock-crl-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let good = site.good_middle().pem();
    let der = site.good_middle().build().to_der().unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let cases: Vec<(&str, Option<Vec<u8>>, Status, &str)> = vec![
        ("missing", None, Status::ENotFound, "missing"),
        ("empty", Some(vec![]), Status::EEmpty, "is empty"),
        ("garbage", Some(b"not a CRL at all".to_vec()), Status::EBadPem, "neither PEM nor DER"),
        ("cut-pem", Some(good[..good.len() / 2].to_vec()), Status::EBadPem, "is cut off"),
        ("cut-der", Some(der[..der.len() - 1].to_vec()), Status::EBadPem, "is cut off"),
        ("long-der", Some([&der[..], b"x"].concat()), Status::EBadPem, "behind its end"),
        ("bad-base64", Some(text.replacen("MI", "M!", 1).into_bytes()), Status::EBadPem, "is damaged"),
        ("certificate", Some(site.middle.pem()), Status::EWrongPem, "no CRL but CERTIFICATE"),
        ("der-cert", Some(site.middle.certificate.to_der().unwrap()), Status::EWrongPem, "is a certificate"),
        ("other-der", Some(vec![0x30, 3, 2, 1, 0]), Status::EBadPem, "not a CRL"),
    ];
    for (name, contents, expected, words) in cases {
        let path = dir.join(name);
        if let Some(contents) = &contents {
            std::fs::write(&path, contents).unwrap();
        }
        let client = site.client();
        let error = client.set_text(hostlock_ctx_add_crl_file, path.to_str().unwrap()).unwrap_err();
        assert_eq!(error.status(), expected, "{name}: {}", error.message());
        assert!(error.message().contains(words), "{name}: {}", error.message());
        assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned), "{name}");
        client.set_text(hostlock_ctx_set_crl_mode, "leaf+soft").unwrap();
        assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned), "{name}");
        client.set_bytes(hostlock_ctx_add_crl_mem, &der).unwrap();
        assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello", "{name}");
    }
    let client = site.client();
    let error = client.set_text(hostlock_ctx_add_crl_file, dir.to_str().unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::EWrongFileType);
    assert_eq!(status(client.set_bytes(hostlock_ctx_add_crl_mem, b"")), Some(Status::EEmpty));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn an_endless_or_huge_file_is_refused_unread() {
    let client = site().client();
    let dir = Directory::new("huge");
    let huge = dir.put("huge.crl", b"");
    std::fs::File::options().write(true).open(&huge).unwrap().set_len((256 << 20) + 1).unwrap();
    let error = client.set_text(hostlock_ctx_add_crl_file, &huge).unwrap_err();
    assert_eq!(error.status(), Status::EFileIo, "{}", error.message());
    assert!(error.message().contains("larger than CRLs can be"), "{}", error.message());
    let error = client.set_text(hostlock_ctx_add_crl_file, "/dev/zero").unwrap_err();
    assert_eq!(error.status(), Status::EWrongFileType, "{}", error.message());
}

#[test]
fn several_crls_may_share_a_file_with_other_things() {
    let site = site();
    let mark = "\u{feff}".as_bytes().to_vec();
    let (root, middle) = (site.good_root().pem(), site.good_middle().pem());
    let bundle = [mark.clone(), site.middle.pem(), mark.clone(), root, b"a note\n".to_vec(), mark, middle].concat();
    let client = site.client();
    client.set_bytes(hostlock_ctx_add_crl_mem, &bundle).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn an_unknown_mode_lists_the_known_ones_and_stops_every_handshake() {
    let site = site();
    let client = site.client();
    let error = client.set_text(hostlock_ctx_set_crl_mode, "soft").unwrap_err();
    assert_eq!(error.status(), Status::EArg);
    assert!(error.hint().contains("\"leaf\" and \"chain\""), "{}", error.hint());
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned));
}

/// A directory of the test's own, gone when it ends.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("hostlock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// Puts a file there at one blow, as those who publish CRLs should.
    fn put(&self, name: &str, contents: &[u8]) -> String {
        let path = self.0.join(name);
        let aside = self.0.join(format!("{name}.new"));
        std::fs::write(&aside, contents).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn reload(client: &Client) -> Result<(), hostlock::error::Error> {
    // SAFETY: the context is live.
    client.set(|ctx| unsafe { hostlock_ctx_reload(ctx) })
}

#[test]
fn a_reload_takes_every_file_anew_and_keeps_what_came_from_memory() {
    let site = site();
    let dir = Directory::new("reload");
    let client = site.client();
    let file = dir.put("middle.crl", &site.good_middle().pem());
    client.set_text(hostlock_ctx_add_crl_file, &file).unwrap();
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_root().pem()).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
    dir.put("middle.crl", &site.good_middle().revoking(&site.leaf).pem());
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello", "before the reload");
    reload(&client).unwrap();
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::ERevoked));
    dir.put("middle.crl", &site.good_middle().pem());
    reload(&client).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn a_reload_that_fails_says_why_and_changes_nothing() {
    let site = site();
    let dir = Directory::new("reload-fails");
    let client = site.client();
    let root = dir.put("root.crl", &site.good_root().pem());
    let middle = dir.put("middle.crl", &site.good_middle().revoking(&site.leaf).pem());
    client.set_text(hostlock_ctx_add_crl_file, &middle).unwrap();
    client.set_text(hostlock_ctx_add_crl_file, &root).unwrap();
    dir.put("middle.crl", &site.good_middle().pem());
    let cut = site.good_root().pem();
    dir.put("root.crl", &cut[..cut.len() - 30]);
    let error = reload(&client).unwrap_err();
    assert_eq!(error.status(), Status::EBadPem);
    assert!(error.message().contains("root.crl"), "{}", error.message());
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::ERevoked), "all files or none");
    std::fs::remove_file(&root).unwrap();
    assert_eq!(status(reload(&client)), Some(Status::ENotFound));
    dir.put("root.crl", &site.good_root().pem());
    reload(&client).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn a_reload_cures_no_failed_call_and_is_none_itself() {
    let site = site();
    let dir = Directory::new("reload-cures-nothing");
    let client = site.client();
    reload(&client).unwrap();
    let file = dir.put("both.crl", &[site.good_root().pem(), site.good_middle().pem()].concat());
    client.set_text(hostlock_ctx_add_crl_file, &file).unwrap();
    client.set_text(hostlock_ctx_add_crl_file, "/nonexistent").unwrap_err();
    reload(&client).unwrap();
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned));
}

/// What [`reloads_in_the_middle`] reloads.
static IN_THE_MIDDLE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn reloads_in_the_middle(ssl: *const openssl_sys::SSL, place: i32, _: i32) {
    const LOOP: i32 = 1;
    if place & LOOP != 0 {
        // SAFETY: libssl hands a live connection, whose context is live.
        let outcome = unsafe { hostlock_ctx_reload(openssl_sys::SSL_get_SSL_CTX(ssl)) };
        assert_eq!(outcome, 0);
        IN_THE_MIDDLE.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_reload_in_the_middle_of_a_resumption_does_not_end_it_and_later_ones_begin_anew() {
    let site = site();
    let dir = Directory::new("reload-resumed");
    let client = site.client();
    let both = [site.good_root().pem(), site.good_middle().pem()].concat();
    client.set_text(hostlock_ctx_add_crl_file, &dir.put("both.crl", &both)).unwrap();
    let first = resume(&client, None, site.server.port);
    // SAFETY: the context is live and not in use.
    unsafe { hostlock::libssl::sys::SSL_CTX_set_info_callback(client.0, Some(reloads_in_the_middle)) };
    dir.put("both.crl", &[site.good_root().pem(), site.good_middle().pem()].concat());
    let second = resume(&client, Some(&first.1), site.server.port);
    assert!(IN_THE_MIDDLE.load(Ordering::SeqCst) > 1);
    assert!(second.0, "the session was good when the handshake began");
    let third = resume(&client, Some(&second.1), site.server.port);
    assert!(!third.0, "but not after the lists were read again");
}

/// Connects, offering a session: whether it was resumed, and the session of this connection.
fn resume(client: &Client, session: Option<&SslSession>, port: u16) -> (bool, SslSession) {
    // SAFETY: the context is live; one more owner is made for the value.
    let context = unsafe {
        openssl_sys::SSL_CTX_up_ref(client.0);
        SslContext::from_ptr(client.0)
    };
    let mut ssl = Ssl::new(&context).unwrap();
    // SAFETY: the connection is live; the session was made with the same context.
    unsafe {
        assert_eq!(hostlock_conn_set_host(ssl.as_ptr(), c"site.example".as_ptr()), 0);
        if let Some(session) = session {
            ssl.set_session(session).unwrap();
        }
    }
    let mut stream = ssl.connect(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
    stream.write_all(b"hi").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    // OpenSSL resumes no session whose connection was not closed by both.
    let _ = stream.shutdown();
    (stream.ssl().session_reused(), stream.ssl().session().unwrap().to_owned())
}

#[test]
fn reloads_lose_no_connection_of_other_threads() {
    let site = site();
    let dir = Directory::new("reload-threads");
    let client = site.client();
    let both = || [site.good_root().pem(), site.good_middle().pem()].concat();
    client.set_text(hostlock_ctx_add_crl_file, &dir.put("both.crl", &both())).unwrap();
    let running = AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..60 {
                    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut reloads = 0;
        while running.load(Ordering::SeqCst) > 0 {
            let contents = both();
            dir.put("both.crl", if reloads % 3 == 2 { &contents[..contents.len() - 40] } else { &contents });
            assert_eq!(reload(&client).is_err(), reloads % 3 == 2);
            reloads += 1;
        }
        assert!(reloads > 3);
    });
}
