//! Sets of CRLs made at random, always the same ones: neither order nor place changes the verdict, and none is good against
//! what the newest CRL of a key that counts says.

mod support;

use openssl::x509::X509Crl;
use support::crl::CrlRecipe;
use support::crl_world::*;
use support::peer::status;
use support::pki::{DAY, Identity, Recipe};

/// A generator of numbers that begins anew in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn often(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// What was thrown, for the oracle.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "shown where the test fails")]
struct Thrown {
    signer: u64,
    number: u32,
    delta: bool,
    lists: bool,
    removes: bool,
    in_force: bool,
    partial: bool,
}

const STRANGER: u64 = 3;

fn throw(dice: &mut Dice, signers: &[Identity; 4], leaf: &Identity) -> (CrlRecipe, Thrown) {
    let signer = if dice.often(2) { 0 } else { dice.below(4) };
    let number = 1 + dice.below(4) as u32;
    let is_delta = number > 1 && dice.often(3);
    let lists = dice.often(3);
    let removes = !lists && is_delta && dice.often(2);
    let mut crl = numbered(number, CrlRecipe::of(&signers[signer as usize]));
    crl.this_update = -DAY - 600 + i64::from(number) * 60;
    crl = match (lists, removes) {
        (true, _) => crl.revoking_because(leaf, 6),
        (_, true) => crl.revoking_because(leaf, 8),
        _ => crl,
    };
    if is_delta {
        crl = delta(number, crl);
    } else if dice.often(2) {
        crl = fresh(crl);
    }
    if dice.often(2) {
        crl = keyless(crl);
    }
    let dates = dice.below(5);
    crl = match dates {
        0 => expired(crl),
        1 => of_tomorrow(crl),
        _ => crl,
    };
    let partial = dice.often(5);
    if partial {
        crl = for_reasons(if dice.often(2) { KEY_COMPROMISE } else { OTHER_REASONS }, crl);
    }
    (crl, Thrown { signer, number, delta: is_delta, lists, removes, in_force: dates > 1, partial })
}

#[test]
fn neither_order_nor_place_changes_a_verdict_and_none_is_good_against_the_newest_word_of_a_key_that_counts() {
    let mut dice = Dice(9);
    let mut counted = [0; 3];
    for round in 0..60 {
        let mut world = world();
        let sibling = Recipe::ca("Middle CA").issued_by(&world.root);
        let anchor = Recipe::ca("Middle CA").self_signed();
        let stranger = Recipe::ca("Middle CA").self_signed();
        world.sent.extend([sibling.clone(), stranger.clone()]);
        world.anchors.push(anchor.clone());
        world.mode = ["leaf", "leaf", "leaf+soft", "leaf+expired"][dice.below(4) as usize];
        let signers = [world.middle.clone(), sibling, anchor, stranger];
        let count = 1 + dice.below(3) as usize;
        let (recipes, thrown): (Vec<_>, Vec<_>) = (0..count).map(|_| throw(&mut dice, &signers, &world.leaf)).unzip();
        let crls: Vec<X509Crl> = recipes.into_iter().map(CrlRecipe::build).collect();
        let mut verdicts = Vec::new();
        for order in orders(count) {
            let crls: Vec<&X509Crl> = order.iter().map(|&index| &crls[index]).collect();
            verdicts.extend(
                PLACES.map(|place| (status(world.ask(place, &crls).map(|()| String::new())), place, order.clone())),
            );
        }
        let (first, ..) = verdicts[0];
        // Why it is refused may depend on which one OpenSSL looked at; whether, and whether as revoked, may not.
        let kind = |verdict: Option<_>| if verdict == GOOD || verdict == REVOKED { verdict } else { INVALID };
        for (verdict, place, order) in &verdicts {
            assert_eq!(kind(*verdict), kind(first), "{round}: {place:?} {order:?} {} {thrown:#?}", world.mode);
        }
        counted[if first == GOOD { 0 } else { usize::from(first == REVOKED) + 1 }] += 1;
        if first == GOOD {
            for key in 0..STRANGER {
                let own = thrown.iter().filter(|one| one.signer == key);
                let newest =
                    own.clone().filter(|one| one.lists || one.in_force).max_by_key(|one| (one.number, one.lists));
                assert!(newest.is_none_or(|one| !one.lists), "{round}: {} {thrown:#?}", world.mode);
            }
            let answers = thrown
                .iter()
                .any(|one| one.signer != STRANGER && !one.delta && (one.in_force || world.mode == "leaf+expired"));
            assert!(answers || world.mode == "leaf+soft", "{round}: {} {thrown:#?}", world.mode);
        }
    }
    assert!(counted.iter().all(|count| *count > 5), "{counted:?}");
}
