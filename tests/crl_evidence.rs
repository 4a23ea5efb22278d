//! What several CRLs say together does not depend on their order, nor on where they lie: loaded, in the file of the anchors,
//! in a program's store, in its hashed directory, or some here and some there.

mod support;

use hostlock::error::Status;
use openssl::x509::X509Crl;
use support::crl::{CrlRecipe, delta_since, extension, scope, with_certificate_issuer};
use support::crl_world::*;
use support::ocsp::extended;
use support::peer::status;
use support::pki::{self, DAY, Identity, Recipe};

#[test]
fn a_crl_that_nobody_signed_who_counts_does_no_harm_and_no_good() {
    let world = world();
    let stranger = Recipe::ca("Middle CA").self_signed();
    let foreign = || CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&stranger)) };
    let broken = || CrlRecipe { signer: pki::p256(), this_update: -30, ..keyless(world.good()) };
    let good = || keyless(world.good());
    world.hold("a good one", vec![good()], GOOD);
    world.hold("a foreign one", vec![foreign()], INVALID);
    world.hold("a foreign one that revokes", vec![foreign().revoking(&world.leaf)], INVALID);
    world.hold("foreign, broken and good", vec![foreign(), broken(), good()], GOOD);
    let slander = vec![foreign().revoking(&world.leaf), broken().revoking(&world.leaf), good()];
    world.hold("slander", slander, GOOD);
    world.hold("foreign and revoking", vec![foreign(), keyless(world.revoking())], REVOKED);
    let slander = vec![delta(9, keyless(CrlRecipe::of(&stranger)).revoking(&world.leaf)), fresh(good())];
    world.hold("a foreign delta", slander, GOOD);
}

#[test]
fn a_revocation_counts_until_a_newer_crl_in_force_takes_it_back() {
    let world = world();
    let (good, revoking) = (|| world.good(), || world.revoking());
    world.hold("both of one number", vec![good(), revoking()], REVOKED);
    world.hold("the older revokes", vec![revoking(), numbered(2, CrlRecipe { this_update: -60, ..good() })], GOOD);
    let newer = || CrlRecipe { this_update: -60, ..numbered(2, revoking()) };
    world.hold("the newer revokes", vec![good(), newer()], REVOKED);
    let unnumbered = CrlRecipe { number: None, this_update: -60, ..revoking() };
    world.hold("the newer revokes and has no number", vec![good(), unnumbered], REVOKED);
    world.hold("an expired one", vec![expired(good()), good()], GOOD);
    world.hold("an expired one revoked", vec![expired(numbered(1, revoking())), numbered(2, good())], GOOD);
    world.hold("an expired newer one revokes", vec![expired(numbered(3, revoking())), numbered(2, good())], REVOKED);
    world.hold("an expired newer one is silent", vec![expired(numbered(3, good())), numbered(2, revoking())], REVOKED);
    world.hold("one of tomorrow", vec![of_tomorrow(numbered(2, good())), good()], GOOD);
    world.hold("one of tomorrow is silent", vec![of_tomorrow(numbered(2, good())), revoking()], REVOKED);
    world.hold("one of tomorrow revokes", vec![of_tomorrow(numbered(2, revoking())), good()], REVOKED);
    world.hold("only one of tomorrow", vec![of_tomorrow(good())], STALE);
    world.hold("only an expired one", vec![expired(good())], STALE);
}

#[test]
fn a_crl_of_the_cas_other_key_counts_where_an_anchor_or_the_chain_vouches_for_it() {
    let mut world = world();
    let (old, sibling, stranger) = (
        Recipe::ca("Middle CA").self_signed(),
        Recipe::ca("Middle CA").issued_by(&world.root),
        Recipe::ca("Middle CA").self_signed(),
    );
    let by = |one: &Identity| keyless(CrlRecipe::of(one));
    world.hold("nobody vouches", vec![by(&sibling).revoking(&world.leaf), by(&world.middle)], GOOD);
    world.sent.extend([sibling.clone(), stranger.clone()]);
    world.hold("an answer of a sibling that was sent", vec![by(&sibling), by(&stranger)], GOOD);
    world.hold("a revocation by it", vec![by(&sibling).revoking(&world.leaf), by(&world.middle)], REVOKED);
    world.hold("an answer of a stranger that was sent", vec![by(&stranger)], INVALID);
    world.hold("a sibling's beside an old one", vec![by(&sibling), expired(by(&world.middle))], GOOD);
    world.sent.pop();
    let revoked = CrlRecipe::of(&world.root).revoking(&sibling);
    world.hold("an answer of a sibling that is revoked", vec![by(&sibling), revoked], INVALID);
    world.sent.pop();
    world.anchors.push(old.clone());
    world.hold("an answer of another anchor", vec![by(&old)], GOOD);
    world.hold("another anchor's beside an old one", vec![by(&old), expired(by(&world.middle))], STALE);
    world.hold("a revocation by another anchor", vec![by(&old).revoking(&world.leaf), by(&world.middle)], REVOKED);
    let expired = Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::ca("Middle CA") }.self_signed();
    world.anchors.push(expired.clone());
    world.hold("an answer of an expired anchor", vec![by(&expired)], INVALID);
    world.hold("a revocation by it", vec![by(&expired).revoking(&world.leaf), by(&world.middle)], REVOKED);
}

#[test]
fn deltas_change_what_their_base_says_whichever_comes_first() {
    let world = world();
    let base = || fresh(world.good());
    let on_hold = || fresh(world.good().revoking_because(&world.leaf, ON_HOLD));
    let removing = |number| delta(number, world.good().revoking_because(&world.leaf, REMOVED));
    let revoking = |number| delta(number, world.revoking());
    let quiet = |number| delta(number, world.good());
    world.hold("nothing changed", vec![base(), quiet(2)], GOOD);
    world.hold("revoked since", vec![base(), quiet(2), revoking(3)], REVOKED);
    world.hold("revoked, and a later delta silent", vec![base(), revoking(2), quiet(3)], REVOKED);
    world.hold("on hold no more", vec![on_hold(), removing(2)], GOOD);
    world.hold("on hold, then no more", vec![on_hold(), revoking(2), removing(3)], GOOD);
    world.hold("no more, then revoked", vec![on_hold(), removing(2), revoking(3)], REVOKED);
    world.hold("on hold, and a silent delta", vec![on_hold(), quiet(2)], REVOKED);
    world.hold("an expired delta", vec![base(), expired(quiet(2))], STALE);
    world.hold("an expired delta and a newer", vec![base(), expired(quiet(2)), quiet(3)], GOOD);
    world.hold("an expired delta and a newer base", vec![base(), expired(quiet(2)), numbered(3, base())], GOOD);
    world.hold("an expired removal", vec![on_hold(), expired(removing(2))], REVOKED);
    world.hold("a removal of tomorrow", vec![on_hold(), of_tomorrow(removing(2))], REVOKED);
    world.hold("a delta of tomorrow that revokes", vec![base(), of_tomorrow(revoking(2))], REVOKED);
    world.hold("a delta alone", vec![quiet(2)], INVALID);
    world.hold("a removal alone", vec![removing(2)], INVALID);
    let stranger = CrlRecipe { signer: pki::p256(), ..removing(2) };
    world.hold("a removal that the CA did not sign", vec![on_hold(), stranger], REVOKED);
    let for_users = with(scope(1), removing(2));
    let unannounced = world.good().revoking_because(&world.leaf, ON_HOLD);
    world.hold("a removal that nothing points to", vec![unannounced, removing(2)], REVOKED);
    let gap = with(delta_since(5), numbered(6, world.good().revoking_because(&world.leaf, REMOVED)));
    world.hold("a removal since a later CRL", vec![on_hold(), gap], REVOKED);
    world.hold(
        "a removal, and a complete one that lists it again",
        vec![on_hold(), removing(2), numbered(3, on_hold())],
        REVOKED,
    );
    world.hold("a removal of another scope", vec![on_hold(), for_users], REVOKED);
}

#[test]
fn a_delta_without_a_number_revokes_or_is_refused_when_it_is_loaded() {
    let world = world();
    let crls = [fresh(world.good()), CrlRecipe { number: None, ..delta(2, world.revoking()) }].map(CrlRecipe::build);
    for place in PLACES {
        for crls in [[&crls[0], &crls[1]], [&crls[1], &crls[0]]] {
            let error = world.ask(place, &crls).unwrap_err();
            match place {
                Place::Store | Place::HashedDirectory => assert_eq!(error.status(), Status::ERevoked, "{place:?}"),
                _ => {
                    assert_eq!(error.status(), Status::EBadPem, "{place:?}");
                    assert!(error.message().contains("without a CRL number"), "{}", error.message());
                }
            }
        }
    }
    let mut chain = world;
    chain.mode = "chain";
    let of_root = fresh(CrlRecipe::of(&chain.root)).build();
    let delta = CrlRecipe { number: None, ..delta(2, CrlRecipe::of(&chain.root).revoking(&chain.middle)) }.build();
    let of_middle = chain.good().build();
    let outcome = chain.ask(Place::Store, &[&of_root, &delta, &of_middle]);
    assert_eq!(outcome.unwrap_err().status(), Status::ERevoked);
}

#[test]
fn crls_for_some_reasons_answer_together_and_no_delta_for_some_reasons_stands_for_a_complete_one() {
    let world = world();
    let some = |bits, crl| for_reasons(bits, crl);
    let of_key = || some(KEY_COMPROMISE, world.good());
    let of_others = || some(OTHER_REASONS, world.good());
    world.hold("some", vec![of_key()], INVALID);
    world.hold("all together", vec![of_key(), of_others()], GOOD);
    world.hold("some and all", vec![of_key(), world.good()], GOOD);
    let foreign = || CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&Recipe::ca("Middle CA").self_signed())) };
    world.hold("all together beside a foreign one", vec![keyless(of_key()), keyless(of_others()), foreign()], GOOD);
    world.hold("revoked for one", vec![some(KEY_COMPROMISE, world.revoking()), world.good()], REVOKED);
    world.hold("revoked for one", vec![some(KEY_COMPROMISE, world.revoking()), of_others()], REVOKED);
    world.hold("one expired", vec![of_key(), expired(of_others())], STALE);
    world.hold("a delta for every reason", vec![some(EVERY_REASON, delta(2, world.good()))], INVALID);
    let halves = [KEY_COMPROMISE, OTHER_REASONS].map(|bits| some(bits, delta(2, world.good())));
    world.hold("deltas for every reason", halves.into(), INVALID);
}

/// DistributionPoint with a URI and perhaps a cRLIssuer.
fn point(uri: &[u8], issuer: Option<&Identity>) -> Vec<u8> {
    let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
    let name = if uri.is_empty() { Vec::new() } else { wrap(0xa0, &wrap(0xa0, &wrap(0x86, uri))) };
    let issuer = issuer.map(|issuer| issuer.certificate.subject_name().to_der().unwrap());
    let issuer = issuer.map(|name| wrap(0xa2, &wrap(0xa4, &name))).unwrap_or_default();
    wrap(0x30, &wrap(0x30, &[name, issuer].concat()))
}

const CRL_POINTS: &str = "2.5.29.31";

#[test]
fn the_crl_at_the_certificates_point_is_found_among_others() {
    let mut world = world();
    world.leaf = extended(&world.leaf, &world.middle, extension(CRL_POINTS, false, &point(b"http://c/1", None)));
    let wrap = |tag: u8, inner: &[u8]| [&[tag, inner.len() as u8], inner].concat();
    let shard = |uri: &[u8], crl: CrlRecipe| {
        with(extension("2.5.29.28", true, &wrap(0x30, &wrap(0xa0, &wrap(0xa0, &wrap(0x86, uri))))), crl)
    };
    let foreign = || CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&Recipe::ca("Middle CA").self_signed())) };
    let one = || shard(b"http://c/1", keyless(world.good()));
    let other = || shard(b"http://c/2", keyless(world.good()));
    world.hold("its own", vec![one()], GOOD);
    world.hold("another", vec![other()], INVALID);
    world.hold("its own among others", vec![one(), other(), foreign()], GOOD);
    world.hold("another and a foreign one", vec![other(), foreign()], INVALID);
    world.hold("its own revokes", vec![shard(b"http://c/1", world.revoking()), other()], REVOKED);
    world.hold("another revokes", vec![shard(b"http://c/2", world.revoking()), one()], REVOKED);
    let later = numbered(2, other());
    world.hold("another is newer", vec![shard(b"http://c/1", world.revoking()), later], REVOKED);
    // Named relative to the CRL's issuer: CN=a, CN=b.
    let relative = |letter: u8, crl: CrlRecipe| {
        let name = wrap(0x30, &[&[0x06, 3, 0x55, 0x04, 0x03][..], &wrap(0x0c, &[letter])].concat());
        with(extension("2.5.29.28", true, &wrap(0x30, &wrap(0xa0, &wrap(0xa1, &name)))), crl)
    };
    let (revokes, newer) = (|| relative(b'a', world.revoking()), || numbered(2, relative(b'b', world.good())));
    world.hold("another is newer, by relative names", vec![world.good(), revokes(), newer()], REVOKED);
}

/// The entry's certificateIssuer.
fn about(issuer: &Identity, certificate: &Identity, crl: CrlRecipe) -> X509Crl {
    let crl = with(scope(4), crl.revoking(certificate));
    with_certificate_issuer(crl, &issuer.certificate)
}

#[test]
fn an_indirect_crl_revokes_beside_a_clean_direct_one_if_its_issuer_is_named_or_stands_above() {
    let mut world = world();
    let ask = |world: &World, revoking: &X509Crl| {
        let clean = world.good().build();
        let both = PLACES.map(|place| {
            [[&clean, revoking], [revoking, &clean]].map(|crls| status(world.ask(place, &crls).map(|()| String::new())))
        });
        assert!(both.iter().flatten().all(|outcome| *outcome == both[0][0]), "{both:?}");
        both[0][0]
    };
    let by_root = about(&world.middle, &world.leaf, CrlRecipe::of(&world.root));
    assert_eq!(ask(&world, &by_root), REVOKED, "by a CA above");
    let by_itself = about(&world.middle, &world.leaf, CrlRecipe::of(&world.middle));
    assert_eq!(ask(&world, &by_itself), REVOKED, "by the issuer itself");
    let foreign = CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&Recipe::ca("Middle CA").self_signed())) };
    let foreign = foreign.build();
    let of_others = about(&world.root, &world.middle, keyless(CrlRecipe::of(&world.middle)));
    for place in PLACES {
        for crls in [[&foreign, &of_others], [&of_others, &foreign]] {
            world.ask(place, &crls).unwrap_or_else(|error| panic!("about others, {place:?}: {error}"));
        }
    }
    let of_another = about(&world.root, &world.leaf, CrlRecipe::of(&world.root));
    assert_eq!(ask(&world, &of_another), GOOD, "of another issuer's certificate");
    let mut forged = CrlRecipe::of(&world.root);
    forged.signer = pki::p256();
    assert_eq!(ask(&world, &about(&world.middle, &world.leaf, forged)), GOOD, "forged");

    let signer = Recipe::ca("CRL CA").self_signed();
    let by_signer = about(&world.middle, &world.leaf, CrlRecipe::of(&signer));
    world.anchors.push(signer.clone());
    assert_eq!(ask(&world, &by_signer), GOOD, "by an anchor that the certificate does not name");
    let named = extended(&world.leaf, &world.middle, extension(CRL_POINTS, false, &point(b"", Some(&signer))));
    world.leaf = named;
    let by_signer = about(&world.middle, &world.leaf, CrlRecipe::of(&signer));
    assert_eq!(ask(&world, &by_signer), REVOKED, "by an anchor that the certificate names");
    world.anchors.pop();
    assert_eq!(ask(&world, &by_signer), GOOD, "by one whom nobody vouches for");
    let sent = Recipe::ca("CRL CA").issued_by(&world.root);
    let by_sent = about(&world.middle, &world.leaf, CrlRecipe::of(&sent));
    world.sent.push(sent);
    assert_eq!(ask(&world, &by_sent), REVOKED, "by one that was sent and the root vouches for");
}

#[test]
fn an_indirect_revocation_is_not_taken_back_by_a_newer_crl_that_is_silent_about_other_issuers_certificates() {
    let world = world();
    let ask = |crls: &[&X509Crl]| {
        let outcomes: Vec<_> = PLACES
            .into_iter()
            .flat_map(|place| orders(crls.len()).into_iter().map(move |order| (place, order)))
            .map(|(place, order)| {
                let crls: Vec<&X509Crl> = order.iter().map(|&index| crls[index]).collect();
                status(world.ask(place, &crls).map(|()| String::new()))
            })
            .collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0]
    };
    let clean = world.good().build();
    let by_root = about(&world.middle, &world.leaf, CrlRecipe::of(&world.root));
    let newer = || CrlRecipe { this_update: -60, ..numbered(2, CrlRecipe::of(&world.root)) };
    // The root's CRL about what the root issued says nothing of what the CA below it issued.
    let own = newer().build();
    assert_eq!(ask(&[&clean, &by_root, &own]), REVOKED, "the root's own CRL is newer");
    let indirect = with(scope(4), newer()).build();
    assert_eq!(ask(&[&clean, &by_root, &indirect]), GOOD, "a newer indirect one is silent");
}

#[test]
fn in_the_whole_chain_every_certificate_below_the_anchor_is_asked_about() {
    let mut world = world();
    world.mode = "chain";
    let of_root = || CrlRecipe::of(&world.root);
    world.hold("both", vec![of_root(), world.good()], GOOD);
    let foreign = keyless(CrlRecipe::of(&Recipe::ca("Root CA").self_signed()));
    world.hold("a foreign one of the root's", vec![keyless(of_root()), world.good(), foreign], GOOD);
    world.hold("the intermediate", vec![of_root().revoking(&world.middle), world.good()], REVOKED);
    let since = delta(2, of_root().revoking(&world.middle));
    world.hold("the intermediate by a delta", vec![of_root(), since, world.good()], REVOKED);
}

#[test]
fn what_is_forgiven_by_the_mode_is_forgiven_wherever_the_crls_lie() {
    let mut world = world();
    world.mode = "leaf+expired";
    let foreign = || CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&Recipe::ca("Middle CA").self_signed())) };
    world.hold("too old", vec![expired(keyless(world.good())), foreign()], GOOD);
    world.hold("too old and revoking", vec![expired(world.revoking())], REVOKED);
    world.hold("a delta too old", vec![fresh(world.good()), expired(delta(2, world.good()))], GOOD);
    world.mode = "leaf+soft";
    world.hold("nothing", vec![CrlRecipe::of(&world.root)], GOOD);
    world.hold("only a delta", vec![delta(2, world.good())], GOOD);
    world.hold("only a delta that revokes", vec![delta(2, world.revoking())], REVOKED);
    world.hold("only a foreign one", vec![foreign()], INVALID);
    world.hold("only one for others that revokes", vec![with(scope(2), world.revoking())], REVOKED);
}

#[test]
fn where_the_program_asks_by_openssls_flag_the_crls_of_its_store_are_judged_alike() {
    let mut world = world();
    world.mode = "";
    let foreign = || CrlRecipe { this_update: -60, ..keyless(CrlRecipe::of(&Recipe::ca("Middle CA").self_signed())) };
    let ask = |world: &World, crls: Vec<CrlRecipe>| {
        let crls: Vec<X509Crl> = crls.into_iter().map(CrlRecipe::build).collect();
        let there: Vec<&X509Crl> = crls.iter().collect();
        let back: Vec<&X509Crl> = crls.iter().rev().collect();
        [Place::AnchorsFile, Place::Store, Place::HashedDirectory]
            .map(|place| [&there, &back].map(|crls| status(world.ask(place, crls).map(|()| String::new()))))
    };
    assert_eq!(ask(&world, vec![keyless(world.good()), foreign()]), [[GOOD; 2]; 3]);
    let revoking = numbered(2, keyless(world.revoking()));
    assert_eq!(ask(&world, vec![revoking, keyless(world.good())]), [[REVOKED; 2]; 3]);
    assert_eq!(ask(&world, vec![fresh(world.good()), delta(2, world.revoking())]), [[REVOKED; 2]; 3]);
    assert_eq!(ask(&world, vec![world.good(), delta(2, world.revoking())]), [[REVOKED; 2]; 3]);
    assert_eq!(ask(&world, vec![foreign()]), [[INVALID; 2]; 3]);
}

#[test]
fn an_indirect_crl_answers_in_place_of_the_issuers_own_unless_its_signer_is_revoked_a_delta_included() {
    let mut world = world();
    let signer = Recipe::ca("CRL CA").issued_by(&world.root);
    world.leaf = extended(&world.leaf, &world.middle, extension(CRL_POINTS, false, &point(b"", Some(&signer))));
    world.sent.push(signer.clone());
    let indirect = || with(scope(4), CrlRecipe::of(&signer));
    let of_root = || CrlRecipe::of(&world.root);
    let ask = |world: &World, crls: Vec<CrlRecipe>| {
        let crls: Vec<X509Crl> = crls.into_iter().map(CrlRecipe::build).collect();
        orders(crls.len())
            .into_iter()
            .map(|order| {
                let crls: Vec<&X509Crl> = order.iter().map(|&index| &crls[index]).collect();
                status(world.ask(Place::Loaded, &crls).map(|()| String::new()))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(ask(&world, vec![indirect(), of_root()]), [GOOD; 2]);
    assert_eq!(ask(&world, vec![indirect(), of_root().revoking(&signer)]), [INVALID; 2]);
    assert_eq!(ask(&world, vec![indirect(), of_root(), delta(2, of_root().revoking(&signer))]), [INVALID; 6]);
    assert_eq!(ask(&world, vec![indirect(), of_root(), delta(2, of_root())]), [GOOD; 6]);
}
