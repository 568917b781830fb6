//! Proofs of a key against each server.

use super::world::{BoundWorld, Dpop, Holder, Settings};
use super::{claims, forms, header_keys, keys, schemes, thumbprints, uris};
use crate::case::Case;
use crate::score::Score;

type Family = fn(&Holder<'_>) -> Vec<Case>;

const FAMILIES: [(&str, Family); 15] = [
    ("methods", claims::methods),
    ("uris", uris::cases),
    ("times", claims::times),
    ("hashes", claims::hashes),
    ("identifiers", claims::identifiers),
    ("thumbprints", thumbprints::cases),
    ("algorithms", keys::algorithms),
    ("types", keys::types),
    ("header keys", header_keys::cases),
    ("confusions", keys::confusions),
    ("lines", forms::lines),
    ("encodings", forms::encodings),
    ("duplicates", forms::duplicates),
    ("sizes", forms::sizes),
    ("schemes", schemes::cases),
];

/// A prefix, an upper-case host and an explicit port, and no leeway.
const REQUIRE: Settings = Settings {
    base_url: "https://API.Example:8443/V1/",
    dpop: Dpop::Require,
    leeway: 0,
    ..Settings::ACCEPT
};

async fn attack(settings: Settings, name: &'static str, families: &[(&'static str, Family)]) {
    let world = BoundWorld::start(settings).await;
    let mut score = Score::of(name);
    for (family, cases) in families {
        world.run(family, cases, &mut score).await;
    }
    assert_eq!(world.places.trap.connections(), 0);
    score.settle();
}

/// DP-04, DP-05, DP-06, DP-07, DP-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_proof_claims_fail() {
    attack(Settings::ACCEPT, "proofs, accepted", &FAMILIES[..5]).await;
}

/// DP-02, DP-03, DP-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_proof_keys_fail() {
    attack(Settings::ACCEPT, "proofs, accepted", &FAMILIES[5..10]).await;
}

/// DP-01, DP-10, DP-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_proof_forms_fail() {
    attack(Settings::ACCEPT, "proofs, accepted", &FAMILIES[10..]).await;
}

/// DP-04, DP-05, DP-06, DP-07, DP-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_required_claims_fail() {
    attack(REQUIRE, "proofs, required", &FAMILIES[..5]).await;
}

/// DP-01, DP-02, DP-03, DP-09, DP-10, DP-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_required_proofs_fail() {
    attack(REQUIRE, "proofs, required", &FAMILIES[5..]).await;
}

/// DP-25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_proofs_of_opaque_tokens_fail() {
    let opaque = Settings {
        is_opaque: true,
        ..Settings::ACCEPT
    };
    let families = [
        FAMILIES[3],
        FAMILIES[5],
        FAMILIES[9],
        FAMILIES[10],
        FAMILIES[14],
    ];
    attack(opaque, "proofs of opaque tokens", &families).await;
}

/// MT-03, DP-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bound_tokens_fail_without_dpop() {
    let off = Settings {
        dpop: Dpop::Off,
        ..Settings::ACCEPT
    };
    attack(off, "proofs, off", &[("schemes", schemes::off)]).await;
}
