//! Tokens of an issuer with a key set.

use crate::case::Cases;
use crate::key_sets::KeySetKind;
use crate::score::Score;
use crate::world::{IntrospectedTokens, World};
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
    let mut world = World::start(kind, IntrospectedTokens::None).await;
    let mut score = Score::of(name);
    for (family, cases) in FAMILIES {
        score.family(family);
        world.run(false, cases, &mut score).await;
        if matches!(kind, KeySetKind::Clean) || OF_KEYS.contains(&family) {
            score.family(family);
            world.run(true, cases, &mut score).await;
        }
    }
    world.check_fetches(&mut score);
    score.expect_reasons(&REASONS);
    if let KeySetKind::Odd = kind {
        score.expect_reasons(&["ambiguous_key"]);
    }
    score.settle();
}

/// Families that depend on both keys and profile. The others depend on one of them.
const OF_KEYS: [&str; 6] = [
    "issuers",
    "types",
    "signatures",
    "algorithms",
    "embedded",
    "rogue keys",
];

/// Reasons that share a response.
const REASONS: [&str; 19] = [
    "malformed_credentials",
    "token_too_long",
    "malformed_token",
    "unsupported_header",
    "algorithm_not_allowed",
    "wrong_type",
    "unknown_issuer",
    "unknown_key",
    "bad_signature",
    "wrong_audience",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "missing_claim",
    "invalid_claim",
    "duplicate_member",
    "not_an_access_token",
    "binding_not_checked",
    "actor_depth",
];

/// With introspection the outcomes are the same, whatever its responses.
async fn attack_introspecting(
    tokens: IntrospectedTokens,
    name: &'static str,
    families: &[(&'static str, Cases)],
) {
    let mut world = World::start(KeySetKind::Hostile, tokens).await;
    let mut score = Score::of(name);
    for (family, cases) in families {
        score.family(family);
        world.run(false, *cases, &mut score).await;
    }
    world.check_fetches(&mut score);
    world.check_introspected(&mut score);
    score.settle();
}

/// JW-11, JW-12, JW-15, JW-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_with_clean_keys() {
    attack(KeySetKind::Clean, "clean").await;
}

/// JW-19, JW-20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_with_odd_keys() {
    attack(KeySetKind::Odd, "odd").await;
}

/// JW-04, JW-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_with_bad_keys() {
    attack(KeySetKind::Hostile, "hostile").await;
}

/// IN-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_in_opaque_mode() {
    // Times, claims and actors of a JWT do not decide whether it is one.
    attack_introspecting(IntrospectedTokens::Opaque, "opaque tokens", &FAMILIES[3..]).await;
}

/// IN-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_in_revocation() {
    attack_introspecting(IntrospectedTokens::ForRevocation, "revocation", &FAMILIES).await;
}
