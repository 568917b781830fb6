//! Tokens that the keys of their issuer vouch for, or do not.

use crate::case::Cases;
use crate::key_sets::KeySetKind;
use crate::score::Score;
use crate::world::{Asked, World};
use crate::{
    actors, algorithms, claims, duplicates, embedded, encodings, header_forms, issuers, rogue_keys,
    signatures, sizes, times, types,
};

pub(crate) const FAMILIES: [(&str, Cases); 13] = [
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
    let mut world = World::start(kind, Asked::None).await;
    let mut score = Score::of(name);
    for (family, cases) in FAMILIES {
        for is_lenient in [false, true] {
            score.family(family);
            world.run(is_lenient, cases, &mut score).await;
        }
    }
    world.check_fetches(&mut score);
    score.settle();
}

/// Where the issuer is asked as well, the same holds, whatever it says.
async fn attack_asking(asked: Asked, name: &'static str) {
    let mut world = World::start(KeySetKind::Hostile, asked).await;
    let mut score = Score::of(name);
    for (family, cases) in FAMILIES {
        score.family(family);
        world.run(false, cases, &mut score).await;
    }
    world.check_fetches(&mut score);
    world.check_asked(&mut score);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_08_hostile_tokens_where_opaque_ones_are_asked_about() {
    attack_asking(Asked::Opaque, "opaque asked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_08_hostile_tokens_where_good_ones_are_asked_about_for_revocation() {
    attack_asking(Asked::ForRevocation, "revocation").await;
}
