//! The cost of the inbound side, as ratios to the minimum work: `cargo xtask bench`.
//!
//! F is one signature verification with a parsed key. H is one SHA-256 of the token. Each figure is
//! a median of rounds. All candidates take turns in each round, so that a slow phase of the machine
//! affects all of them. Ratios can be compared between machines, times cannot.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark measures, prints, and stops when it cannot run"
)]

mod floor;
mod rounds;
mod service;

use obo_testkit::TestAlg;
use rounds::{Figure, measure};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "{:<44}{:>10}{:>9}{:>10}{:>13}",
        "path", "ns", "ratio", "target", "allocations"
    );
    for alg in [TestAlg::Rs256, TestAlg::Es256, TestAlg::EdDsa] {
        runtime.block_on(signature(alg));
        runtime.block_on(untyped(alg));
    }
    runtime.block_on(eviction());
    runtime.block_on(warm());
    runtime.block_on(refusals());
}

/// A token that is new to the service.
async fn signature(alg: TestAlg) {
    let (target, most) = match alg {
        TestAlg::Rs256 => (1.20, Some(20)),
        _ => (1.10, None),
    };
    let cold = service::Loaded::new(alg, service::Cache::Off).await;
    cold_of("", alg, &cold, target, most);
}

/// The same for a service without claims of its own.
async fn untyped(alg: TestAlg) {
    let (target, most) = match alg {
        TestAlg::Rs256 => (1.18, Some(18)),
        _ => (1.10, None),
    };
    let cold = service::Loaded::untyped(alg).await;
    cold_of(" untyped", alg, &cold, target, most);
}

fn cold_of(kind: &str, alg: TestAlg, cold: &service::Loaded, target: f64, most: Option<i64>) {
    let floor = floor::Floor::new(&cold.key, &cold.tokens[0]);
    let mut bare = service::bare();
    let mut layered = cold.service.clone();
    let request = || cold.request(0);
    let [f, bare_time, layered_time] = measure([
        &mut || floor.verify(),
        &mut || service::call(&mut bare, request()),
        &mut || service::call(&mut layered, request()),
    ]);
    let allocations = rounds::allocations(|| service::call(&mut layered, request()))
        - rounds::allocations(|| service::call(&mut bare, request()));
    let name = alg.as_str();
    Figure::new(format!("F, one {name} verification"), f).print();
    Figure::new(
        format!("cold {name}{kind}, over the bare service"),
        layered_time - bare_time,
    )
    .ratio(f, "F", target)
    .allocations(allocations, most)
    .print();
}

/// Tokens that are no longer cached. The cache has room for a third of them, so each token evicts
/// another one.
async fn eviction() {
    const COUNT: usize = 50_000;
    let cold = service::Loaded::with_tokens(TestAlg::Es256, service::Cache::On, COUNT).await;
    let floor = floor::Floor::new(&cold.key, &cold.tokens[0]);
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
    let floor = floor::Floor::new(&warm.key, &warm.tokens[0]);
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
    let allocations = rounds::allocations(|| service::call(&mut layered, warm.request(0)))
        - rounds::allocations(|| service::call(&mut bare, warm.request(0)));
    Figure::new("H, one SHA-256 of a JWT".to_owned(), h).print();
    Figure::new(
        format!("warm, {count} {kind}, over the bare service"),
        layered_time - bare_time,
    )
    .ratio(h, "H", 1.3)
    .allocations(allocations, Some(4))
    .print();
}

/// Refusals without a signature verification.
async fn refusals() {
    let loaded = service::Loaded::new(TestAlg::Rs256, service::Cache::Off).await;
    let floor = floor::Floor::new(&loaded.key, &loaded.tokens[0]);
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
