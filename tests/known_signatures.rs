//! What the process remembers of signatures changes no verdict and no error: each case is judged with nothing remembered,
//! with its own chain remembered, and with the chains remembered that it only resembles.

mod support;

use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use hostlock::chain::known_signatures::watch;
use hostlock::context::{Context, offline};
use hostlock::error::Status;
use hostlock::guard::Family;
use hostlock::host::Reference;
use hostlock::libssl::queue;
use hostlock::policy::Policy;
use hostlock::trust::Index;
use hostlock::trust::named::Origin;
use openssl::x509::X509;
use support::loopback::{self, Client};
use support::pki::{self, DAY, Identity, Recipe};
use support::raw::*;
use support::universe::{Random, universe};

const HOST: &str = "www.example.com";

/// The memory is the process's, so one test at a time has it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    watch::forget();
    alone
}

fn client(anchors: &[X509]) -> Context {
    let context = Context::client(Policy::named("default").unwrap()).unwrap();
    context.guard().unwrap().anchors.add(context.as_ctx(), anchors).unwrap();
    context
}

fn trusting(anchors: &[&Made]) -> Context {
    client(&anchors.iter().map(|made| made.x509()).collect::<Vec<_>>())
}

/// All that a program can see of a verdict.
fn answer(context: &Context, pem: &[u8], host: &str) -> Result<(), String> {
    let host = Reference::parse(host).unwrap();
    offline::verify(context.as_ctx(), context.guard().unwrap(), pem, Some(host)).map_err(|error| error.to_json())
}

/// Whether the last answer came from memory.
fn from_memory<T>(judge: impl FnOnce() -> T) -> (T, bool) {
    let before = watch::answered();
    let answer = judge();
    (answer, watch::answered() > before)
}

/// A CA, and a server with a certificate of it.
struct World {
    ca: Identity,
    certificate: Identity,
    port: u16,
}

impl World {
    fn new(name: &str) -> World {
        let ca = Recipe::ca(name).self_signed();
        let certificate = Recipe::server(loopback::HOST, &[loopback::HOST]).issued_by(&ca);
        let port = loopback::serve(&certificate);
        World { ca, certificate, port }
    }
}

/// A root, an intermediate and a leaf for [`HOST`].
struct Line {
    root: Made,
    middle_raw: Raw,
    middle: Made,
    leaf: Made,
}

impl Line {
    fn new() -> Line {
        let root = Raw::ca("Root").self_signed();
        let middle_raw = Raw::ca("Middle");
        let middle = middle_raw.clone().issued_by(&root);
        let leaf = Raw::leaf(HOST).issued_by(&middle);
        Line { root, middle_raw, middle, leaf }
    }

    fn pem(&self) -> Vec<u8> {
        pem(&[&self.leaf, &self.middle])
    }
}

#[test]
fn a_chain_that_was_accepted_is_answered_from_memory_by_every_context() {
    let _alone = alone();
    let line = Line::new();
    let (first, other) = (trusting(&[&line.root]), trusting(&[&line.root]));
    assert_eq!(from_memory(|| answer(&first, &line.pem(), HOST)), (Ok(()), false));
    assert_eq!(watch::pairs(), 2);
    assert_eq!(from_memory(|| answer(&first, &line.pem(), HOST)), (Ok(()), true));
    assert_eq!(from_memory(|| answer(&other, &line.pem(), HOST)), (Ok(()), true));
    // Another leaf of the same CA: only its own signature is new.
    let sibling = Raw::leaf(HOST).issued_by(&line.middle);
    let chain = pem(&[&sibling, &line.middle]);
    assert_eq!(from_memory(|| answer(&other, &chain, HOST)), (Ok(()), true));
    assert_eq!(watch::pairs(), 3);
}

#[test]
fn nothing_is_remembered_of_a_chain_that_was_refused() {
    let _alone = alone();
    let line = Line::new();
    let context = trusting(&[&line.root]);
    assert!(answer(&context, &line.pem(), "other.example.com").is_err());
    assert!(answer(&trusting(&[&Raw::ca("Root").self_signed()]), &line.pem(), HOST).is_err());
    let old = Raw { not_before: -9 * DAY, not_after: -DAY, ..Raw::leaf(HOST) }.issued_by(&line.middle);
    assert!(answer(&context, &pem(&[&old, &line.middle]), HOST).is_err());
    let tied = Raw::ca("Tied").with(NAME_CONSTRAINTS, true, &constraints(0xa0, &[der(0x82, b"example.net")]));
    let tied = tied.issued_by(&line.root);
    let outside = Raw::leaf(HOST).issued_by(&tied);
    assert!(answer(&context, &pem(&[&outside, &tied]), HOST).is_err());
    assert_eq!(watch::pairs(), 0);
}

#[test]
fn the_host_is_matched_before_the_memory_is_asked() {
    let _alone = alone();
    let line = Line::new();
    let context = trusting(&[&line.root]);
    answer(&context, &line.pem(), HOST).unwrap();
    let (verdict, remembered) = from_memory(|| answer(&context, &line.pem(), "other.example.com"));
    assert!(verdict.is_err() && !remembered);
}

/// One octet of `der`, counted from its end, is another.
fn altered(made: &Made, from_end: usize) -> Made {
    let mut der = made.der.clone();
    let at = der.len() - from_end;
    der[at] ^= 1;
    Made { der, ..made.clone() }
}

/// The serial number, in the signed part, is another.
fn with_serial(made: &Made) -> Made {
    let mut der = made.der.clone();
    let at = der.windows(2).position(|octets| octets == [2, 4]).unwrap() + 5;
    der[at] ^= 1;
    Made { der, ..made.clone() }
}

#[test]
fn near_misses_of_a_remembered_chain_are_judged_as_if_nothing_was_remembered() {
    let _alone = alone();
    let line = Line::new();
    let (leaf, middle, root) = (&line.leaf, &line.middle, &line.root);
    let again = |raw: Raw| raw.keyed(&line.middle_raw.key);
    let late = |raw: Raw| Raw { not_before: -9 * DAY, not_after: -DAY, ..raw };
    let early = |raw: Raw| Raw { not_before: DAY, not_after: 9 * DAY, ..raw };
    let same_leaf = || Raw::leaf(HOST).keyed(&leaf.key);
    let no_sign = again(Raw::ca("Middle").instead(KEY_USAGE, true, &[3, 2, 1, 0x02])).issued_by(root);
    let no_ca = again(Raw::ca("Middle").instead(BASIC_CONSTRAINTS, true, &[0x30, 0])).issued_by(root);
    let short =
        again(Raw::ca("Middle").instead(BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0])).issued_by(root);
    let below_short = Raw::ca("Below").issued_by(&short);
    let tied = Raw::ca("Middle").with(NAME_CONSTRAINTS, true, &constraints(0xa0, &[der(0x82, b"example.net")]));
    let tied = again(tied).issued_by(root);
    let for_clients = again(Raw::ca("Middle").with(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH]))).issued_by(root);
    let namesake = Raw::ca("Middle").issued_by(root);
    let hidden = Made { key_id: middle.key_id.clone(), ..namesake.clone() };
    let posing = Raw::ca("Middle").instead(SUBJECT_KEY_ID, false, &der(4, &middle.key_id)).issued_by(root);
    let other_root = Raw::ca("Root").self_signed();
    let twin_root = Raw::ca("Root").keyed(&root.key).self_signed();
    let old_root = late(Raw::ca("Root").keyed(&root.key)).self_signed();
    let weak_root = Raw::ca("Root").keyed(&root.key).instead(KEY_USAGE, true, &[3, 2, 1, 0x02]).self_signed();
    let chain = |made: &[&Made]| pem(made);
    let cases: Vec<(&str, &Made, Vec<u8>, &str, bool)> = vec![
        ("a broken signature of the leaf", root, chain(&[&altered(leaf, 1), middle]), HOST, false),
        ("a broken signature of the intermediate", root, chain(&[leaf, &altered(middle, 1)]), HOST, false),
        ("an altered signed part of the leaf", root, chain(&[&with_serial(leaf), middle]), HOST, false),
        ("an altered signed part of the intermediate", root, chain(&[leaf, &with_serial(middle)]), HOST, false),
        ("an issuer that may not sign", root, chain(&[leaf, &no_sign]), HOST, false),
        ("an issuer that is no CA", root, chain(&[leaf, &no_ca]), HOST, false),
        (
            "a path that is too long",
            root,
            chain(&[&same_leaf().issued_by(&below_short), &below_short, &short]),
            HOST,
            false,
        ),
        ("a constrained issuer of the same key", root, chain(&[leaf, &tied]), HOST, false),
        ("an issuer for another purpose", root, chain(&[leaf, &for_clients]), HOST, false),
        ("a namesake of the issuer", root, chain(&[leaf, &namesake]), HOST, false),
        ("a leaf of the issuer's namesake", root, chain(&[&same_leaf().issued_by(&hidden), middle]), HOST, false),
        ("a namesake of the issuer with its key identifier", root, chain(&[leaf, &posing]), HOST, false),
        ("no issuer", root, chain(&[leaf]), HOST, false),
        ("an anchor of the same name", &other_root, chain(&[leaf, middle]), HOST, false),
        ("an anchor that is past", &old_root, chain(&[leaf, middle]), HOST, false),
        ("an anchor that may not sign", &weak_root, chain(&[leaf, middle]), HOST, false),
        ("an anchor of the same key", &twin_root, chain(&[leaf, middle]), HOST, true),
        ("the intermediate as the anchor", middle, chain(&[leaf]), HOST, true),
        ("the leaf as the anchor", leaf, chain(&[leaf]), HOST, true),
        ("another host", root, chain(&[leaf, middle]), "mail.example.com", false),
        ("a leaf that is past", root, chain(&[&late(same_leaf()).issued_by(middle), middle]), HOST, false),
        ("a leaf that is not yet valid", root, chain(&[&early(same_leaf()).issued_by(middle), middle]), HOST, false),
        ("an issuer that is past", root, chain(&[leaf, &again(late(Raw::ca("Middle"))).issued_by(root)]), HOST, false),
        ("an issuer to come", root, chain(&[leaf, &again(early(Raw::ca("Middle"))).issued_by(root)]), HOST, false),
        ("another leaf of the issuer", root, chain(&[&Raw::leaf(HOST).issued_by(middle), middle]), HOST, true),
        (
            "a leaf for another purpose",
            root,
            chain(&[&same_leaf().instead(EXT_KEY_USAGE, false, &usages(&[CLIENT_AUTH])).issued_by(middle), middle]),
            HOST,
            false,
        ),
    ];
    let warm = trusting(&[root]);
    for (what, anchor, shown, host, is_good) in &cases {
        watch::forget();
        let cold = answer(&trusting(&[anchor]), shown, host);
        assert_eq!(cold.is_ok(), *is_good, "{what}: {cold:?}");
        answer(&warm, &line.pem(), HOST).unwrap();
        // The same context keeps its own anchors, a second time and a third.
        let context = trusting(&[anchor]);
        for _ in 0..3 {
            assert_eq!(answer(&context, shown, host), cold, "{what}");
        }
        assert_eq!(from_memory(|| answer(&warm, &line.pem(), HOST)), (Ok(()), true), "{what}");
    }
    // All of them in one memory, in any order.
    let mut random = Random::new(7);
    for _ in 0..200 {
        let (what, anchor, shown, host, is_good) = random.pick(&cases);
        let found = answer(&trusting(&[anchor]), shown, host);
        assert_eq!(found.is_ok(), *is_good, "{what}: {found:?}");
    }
}

#[test]
fn a_remembered_chain_ends_when_its_time_does() {
    let _alone = alone();
    let line = Line::new();
    let context = trusting(&[&line.root]);
    let leaf = Raw { not_after: 3, ..Raw::leaf(HOST) }.issued_by(&line.middle);
    let short = Raw { not_after: 3, ..Raw::ca("Short") }.issued_by(&line.root);
    let below = Raw::leaf(HOST).issued_by(&short);
    let chains = [pem(&[&leaf, &line.middle]), pem(&[&below, &short])];
    for chain in &chains {
        answer(&context, chain, HOST).unwrap();
        assert_eq!(from_memory(|| answer(&context, chain, HOST)), (Ok(()), true));
    }
    thread::sleep(Duration::from_secs(5));
    for chain in &chains {
        let (verdict, remembered) = from_memory(|| answer(&context, chain, HOST));
        assert!(verdict.unwrap_err().contains("E_EXPIRED") && !remembered);
    }
}

/// A change of a context's settings.
type Change = fn(&mut hostlock::guard::Settings);

#[test]
fn what_is_not_plain_is_left_to_openssl() {
    let _alone = alone();
    let line = Line::new();
    answer(&trusting(&[&line.root]), &line.pem(), HOST).unwrap();
    let changes: &[(&str, Change)] = &[
        ("a moment of its own", |settings| settings.verify_time = Some(pki::now())),
        ("the anchor's own signature", |settings| settings.verify_flags |= openssl_sys::X509_V_FLAG_CHECK_SS_SIGNATURE),
        ("a flag that is not known", |settings| settings.verify_flags |= 0x1000_0000),
    ];
    for (what, change) in changes {
        let context = trusting(&[&line.root]);
        let guard = context.guard().unwrap();
        guard.configure(Family::Setting("test"), "test", || Ok(()), |settings, ()| change(settings)).unwrap();
        assert_eq!(from_memory(|| answer(&context, &line.pem(), HOST)), (Ok(()), false), "{what}");
    }
    // An anchor that did not issue itself.
    let context = trusting(&[&line.middle]);
    for _ in 0..2 {
        assert_eq!(from_memory(|| answer(&context, &pem(&[&line.leaf]), HOST)), (Ok(()), false));
    }
}

#[test]
fn threads_that_ask_at_once_get_the_same_verdicts() {
    let _alone = alone();
    let line = Line::new();
    let bad = pem(&[&altered(&line.leaf, 1), &line.middle]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let context = trusting(&[&line.root]);
                for _ in 0..50 {
                    assert_eq!(answer(&context, &line.pem(), HOST), Ok(()));
                    assert!(answer(&context, &bad, HOST).is_err());
                }
            });
        }
    });
}

#[test]
fn a_judgement_leaves_openssls_queue_as_it_was_with_a_memory_and_without() {
    let _alone = alone();
    let line = Line::new();
    let context = trusting(&[&line.root]);
    let forged = pem(&[&altered(&line.leaf, 1), &line.middle]);
    for _ in 0..2 {
        assert!(answer(&context, &forged, HOST).is_err());
        assert!(openssl::error::ErrorStack::get().errors().is_empty());
        queue::raise(&hostlock::error::Error::new(Status::EState, "the program's own"));
        assert!(answer(&context, &forged, HOST).is_err());
        assert_eq!(openssl::error::ErrorStack::get().errors().len(), 1);
        answer(&context, &line.pem(), HOST).unwrap();
    }
}

#[test]
fn handshakes_are_answered_from_memory_and_an_impostor_is_refused_beside_them() {
    let _alone = alone();
    let world = World::new("The CA");
    let impostor = World::new("The CA");
    let client = Client::new();
    client.trust_mem(&world.ca.pem()).unwrap();
    let (first, known_at_first) = from_memory(|| client.connect(world.port).map_err(|error| error.status()));
    assert_eq!((first, known_at_first), (Ok(()), false));
    let cold = client.connect(impostor.port).unwrap_err().to_json();
    for _ in 0..3 {
        assert!(from_memory(|| client.connect(world.port).unwrap()).1);
        let (refusal, was_known) = from_memory(|| client.connect(impostor.port).unwrap_err().to_json());
        assert_eq!((refusal, was_known), (cold.clone(), false));
    }
    // What a handshake left is known without one, and by a context that trusts another CA it is refused.
    let chain = world.certificate.pem();
    let context = client_of(&world.ca.certificate);
    assert_eq!(from_memory(|| answer(&context, &chain, loopback::HOST)), (Ok(()), true));
    assert!(answer(&client_of(&impostor.ca.certificate), &chain, loopback::HOST).is_err());
}

fn client_of(anchor: &X509) -> Context {
    client(std::slice::from_ref(anchor))
}

/// Stores and chains of all kinds, see [`universe`].
#[test]
fn generated_stores_and_chains_are_judged_alike_with_any_memory() {
    let _alone = alone();
    let seeds = if std::env::var_os("HOSTLOCK_LONG").is_some() { 0..1500 } else { 0..60 };
    let (mut compared, mut accepted, mut remembered) = (0, 0, 0);
    for seed in seeds {
        let universe = universe(seed);
        let Ok(indexes) =
            universe.files.iter().map(|file| Index::read(file, "the file")).collect::<Result<Vec<_>, _>>()
        else {
            continue;
        };
        let context = Context::client(Policy::named("default").unwrap()).unwrap();
        let guard = context.guard().unwrap();
        for index in indexes {
            guard.anchors.add_index(context.as_ctx(), index.into(), Origin::Fixed).unwrap();
        }
        let chains: Vec<Vec<u8>> = universe
            .chains
            .iter()
            .map(|chain| {
                let all = [std::slice::from_ref(&chain.leaf), &chain.untrusted].concat();
                all.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect()
            })
            .collect();
        let judge = |chain: &Vec<u8>| answer(&context, chain, "leaf.example");
        let cold: Vec<_> = chains
            .iter()
            .map(|chain| {
                watch::forget();
                judge(chain)
            })
            .collect();
        // Each time the memory holds what the chains before left in it, then what all did.
        watch::forget();
        for round in 0..3 {
            for (number, (chain, cold)) in chains.iter().zip(&cold).enumerate() {
                let (found, was_known) = from_memory(|| judge(chain));
                assert_eq!(&found, cold, "seed {seed}, chain {number}, round {round}");
                compared += 1;
                accepted += usize::from(found.is_ok());
                remembered += usize::from(was_known);
            }
        }
    }
    println!("{compared} compared, {accepted} accepted, {remembered} from memory");
    assert!(accepted * 10 > compared && remembered * 4 > accepted);
}
