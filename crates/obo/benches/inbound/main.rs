//! The cost of the inbound side, as ratios to the minimum work: `cargo xtask bench`.
//!
//! F is one signature verification with a parsed key, of as many tokens in turn as the row has. H
//! is one SHA-256 of the token. Each figure is a median of rounds. All candidates take turns in
//! each round, so that a slow phase of the machine affects all of them. Ratios can be compared
//! between machines, times cannot.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark measures, prints, and stops when it cannot run"
)]

mod bound;
mod floor;
mod replays;
mod rounds;
mod service;

use obo_testkit::TestAlg;
use rounds::{Figure, TURNS, measure};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    // `cargo bench -p obo --bench inbound -- proofs` measures only that part.
    let only: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |part: &str| only.is_empty() || only.iter().any(|only| only == part);
    let algorithms = [TestAlg::Rs256, TestAlg::Es256, TestAlg::EdDsa];
    println!("{:<50}{:>8}{:>9}{:>10}", "path", "ns", "ratio", "target");
    if is_wanted("cold") {
        for alg in algorithms {
            runtime.block_on(signature(alg));
            runtime.block_on(untyped(alg));
        }
        runtime.block_on(eviction());
    }
    if is_wanted("warm") {
        runtime.block_on(warm());
    }
    if is_wanted("proofs") {
        for alg in algorithms {
            runtime.block_on(proof(alg));
        }
    }
    if is_wanted("certificates") {
        runtime.block_on(certificate());
    }
    if is_wanted("replays") {
        replays::replays();
    }
    if is_wanted("refusals") {
        runtime.block_on(refusals());
    }
}

/// A token that is new to the service.
async fn signature(alg: TestAlg) {
    let target = match alg {
        TestAlg::Rs256 => 1.20,
        _ => 1.10,
    };
    let cold = service::Loaded::new(alg, service::Cache::Off).await;
    cold_of("", alg, &cold, target);
}

/// The same for a service without claims of its own.
async fn untyped(alg: TestAlg) {
    let target = match alg {
        TestAlg::Rs256 => 1.18,
        _ => 1.10,
    };
    let cold = service::Loaded::untyped(alg, service::Cache::Off).await;
    cold_of(" untyped", alg, &cold, target);
}

fn cold_of(kind: &str, alg: TestAlg, cold: &service::Loaded, target: f64) {
    let floor = floor::Floor::new(&cold.key, &cold.tokens);
    let mut bare = service::bare();
    let mut layered = cold.service.clone();
    let request = || cold.request(0);
    let [f, bare_time, layered_time] = measure([
        &mut || floor.verify(),
        &mut || service::call(&mut bare, request()),
        &mut || service::call(&mut layered, request()),
    ]);
    let name = alg.as_str();
    Figure::new(format!("F, one {name} verification"), f).print();
    Figure::new(
        format!("cold {name}{kind}, over the bare service"),
        layered_time - bare_time,
    )
    .ratio(f, "F", target)
    .print();
}

/// Tokens that are no longer cached. The cache has room for a third of them, so each token evicts
/// another one.
async fn eviction() {
    const COUNT: usize = 50_000;
    let cold = service::Loaded::with_tokens(TestAlg::Es256, service::Cache::On, COUNT).await;
    let floor = floor::Floor::new(&cold.key, &cold.tokens);
    let mut bare = service::bare();
    let mut layered = cold.service.clone();
    // The first tokens are still cached, so start later.
    let (mut turn, mut bare_turn) = (COUNT / 5 * 2, COUNT / 5 * 2);
    let [f, bare_time, layered_time] = measure([
        &mut || floor.verify(),
        &mut || {
            bare_turn += 1;
            service::call(&mut bare, cold.request(bare_turn % COUNT));
        },
        &mut || {
            turn += 1;
            service::call(&mut layered, cold.request(turn % COUNT));
        },
    ]);
    Figure::new("F, one ES256 verification of many".to_owned(), f).print();
    let name = "cold ES256, evicting, over the bare service";
    Figure::new(name.to_owned(), layered_time - bare_time)
        .ratio(f, "F", 1.10)
        .print();
}

/// A cached token: always the same one, and one of ten thousand; JWTs, and opaque tokens.
async fn warm() {
    for count in [1, 10_000] {
        let jwts = service::Loaded::with_tokens(TestAlg::Es256, service::Cache::On, count).await;
        warm_of("tokens", &jwts, count);
        let opaque = service::Loaded::with_opaque_tokens(count).await;
        warm_of("opaque tokens", &opaque, count);
    }
}

fn warm_of(kind: &str, warm: &service::Loaded, count: usize) {
    let floor = floor::Floor::new(&warm.key, &warm.tokens);
    let mut bare = service::bare();
    let mut layered = warm.service.clone();
    let mut turn = 0;
    let mut bare_turn = 0;
    let [h, bare_time, layered_time] = measure([
        &mut || floor.hash(),
        &mut || {
            bare_turn += 7919;
            service::call(&mut bare, warm.request(bare_turn % count));
        },
        &mut || {
            turn += 7919;
            service::call(&mut layered, warm.request(turn % count));
        },
    ]);
    Figure::new("H, one SHA-256 of a JWT".to_owned(), h).print();
    Figure::new(
        format!("warm, {count} {kind}, over the bare service"),
        layered_time - bare_time,
    )
    .ratio(h, "H", 1.3)
    .print();
}

/// A cached token that is bound to a key, with a new proof each time, over the same request with a
/// plain token.
async fn proof(alg: TestAlg) {
    let bound = bound::Bound::new(alg, TURNS).await;
    let floor = floor::Floor::new(&bound.key, &bound.proofs);
    let (mut plain, mut proving) = (bound.service.clone(), bound.service.clone());
    let (mut plain_turn, mut turn) = (0, 0);
    let [f, plain_time, proving_time] = measure([
        &mut || floor.verify(),
        &mut || {
            service::call(&mut plain, bound.bearer(plain_turn % TURNS));
            plain_turn += 1;
        },
        &mut || {
            service::call(&mut proving, bound.dpop(turn % TURNS));
            turn += 1;
        },
    ]);
    let name = alg.as_str();
    Figure::new(format!("F, one {name} verification of many"), f).print();
    Figure::new(
        format!("warm, {name} proof, over a plain token"),
        proving_time - plain_time,
    )
    .ratio(f, "F", 1.15)
    .print();
}

/// A cached token that is bound to a certificate, over a plain one on the same connection.
async fn certificate() {
    let bound = bound::Bound::new(TestAlg::Es256, 1).await;
    let floor = floor::Floor::new(&bound.key, &bound.proofs);
    let (mut plain, mut proving) = (bound.service.clone(), bound.service.clone());
    let [h, plain_time, proving_time] = measure([
        &mut || floor.hash(),
        &mut || service::call(&mut plain, bound.bearer_over_tls()),
        &mut || service::call(&mut proving, bound.certificate()),
    ]);
    Figure::new(
        "warm, certificate, over a plain token".to_owned(),
        proving_time - plain_time,
    )
    .ratio(h, "H", 0.2)
    .print();
}

/// Refusals without a signature verification.
async fn refusals() {
    let loaded = service::Loaded::new(TestAlg::Rs256, service::Cache::Off).await;
    let floor = floor::Floor::new(&loaded.key, &loaded.tokens);
    for (name, request) in loaded.refused() {
        let mut layered = loaded.service.clone();
        let [f, time] = measure([&mut || floor.verify(), &mut || {
            service::call(&mut layered, request());
        }]);
        Figure::new(format!("refused: {name}"), time)
            .ratio(f, "F", 1.0)
            .print();
    }
}
