//! Tokens that the keys of their issuer vouch for, or do not.

use crate::case::Case;
use crate::key_sets::KeySetKind;
use crate::score::Score;
use crate::target::Target;
use crate::world::World;
use crate::{
    actors, algorithms, claims, duplicates, embedded, encodings, header_forms, issuers, rogue_keys,
    signatures, sizes, times, types,
};

pub(crate) type Family = (&'static str, fn(&Target<'_>) -> Vec<Case>);

pub(crate) const FAMILIES: [Family; 13] = [
    ("times", times::cases),
    ("claims", claims::cases),
    ("actors", actors::cases),
    ("issuers", issuers::cases),
    ("types", types::cases),
    ("encodings", encodings::cases),
    ("duplicates", duplicates::cases),
    ("sizes", sizes::cases),
    ("signatures", signatures::cases),
    ("algorithms", algorithms::cases),
    ("embedded", embedded::cases),
    ("rogue keys", rogue_keys::cases),
    ("header forms", |of| header_forms::cases(&of.at.good())),
];

async fn attack(kind: KeySetKind, name: &'static str) {
    let world = World::start(kind).await;
    let mut score = Score::of(name);
    for (family, cases) in FAMILIES {
        for at in [&world.strict, &world.lenient] {
            score.family(family);
            world.run(at, cases(&world.target(at)), &mut score).await;
        }
    }
    world.check_fetches(&mut score);
    score.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_with_a_clean_key_set() {
    attack(KeySetKind::Clean, "clean").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_with_an_odd_key_set() {
    attack(KeySetKind::Odd, "odd").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_with_a_hostile_key_set() {
    attack(KeySetKind::Hostile, "hostile").await;
}
