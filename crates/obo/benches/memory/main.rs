//! Allocations of a request, and the memory of a cached token: `cargo xtask bench`.
//!
//! The allocator counts here, which costs time. So the other benches measure time without it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark measures, prints, and stops when it cannot run"
)]

#[path = "../inbound/bound.rs"]
#[allow(dead_code, reason = "the bench of the inbound side uses the rest")]
mod bound;
mod cached;
#[path = "../outbound/service.rs"]
mod outbound;
mod replays;
#[path = "../inbound/service.rs"]
#[allow(dead_code, reason = "the bench of the inbound side uses the rest")]
mod service;

use obo::Secret;
use obo::client::SigningKey;
use obo::policy::Algorithm;
use obo_testkit::{TestAlg, TestKey};
use service::{Cache, Loaded};
use tower::service_fn;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{:<44}{:>12}{:>10}", "path", "allocations", "target");
    runtime.block_on(requests());
    runtime.block_on(bound_tokens());
    runtime.block_on(calls());
    // `cargo test --all-targets` runs this too, without optimisation: skip the 100,000 users there.
    if std::env::args().any(|argument| argument == "--bench") {
        cached::print();
        replays::print();
    }
}

async fn requests() {
    let alg = TestAlg::Rs256;
    request("cold", 20, &Loaded::new(alg, Cache::Off).await);
    request("cold untyped", 18, &Loaded::untyped(alg, Cache::Off).await);
    request("warm", 4, &Loaded::new(alg, Cache::On).await);
    request("warm, opaque", 4, &Loaded::with_opaque_tokens(1).await);
}

fn request(name: &str, target: i64, loaded: &Loaded) {
    let (mut bare, mut layered) = (service::bare(), loaded.service.clone());
    let count = allocations(|| service::call(&mut layered, loaded.request(0)))
        - allocations(|| service::call(&mut bare, loaded.request(0)));
    print(name, count, target);
}

/// Over the same requests with a plain token.
async fn bound_tokens() {
    let bound = bound::Bound::new(TestAlg::Es256, 4).await;
    let mut layered = bound.service.clone();
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        turn - 1
    };
    let proving = allocations(|| service::call(&mut layered, bound.dpop(next())));
    let plain = allocations(|| service::call(&mut layered, bound.bearer(next())));
    print("warm, proof, over a plain token", proving - plain, 12);
    let proving = allocations(|| service::call(&mut layered, bound.certificate()));
    let plain = allocations(|| service::call(&mut layered, bound.bearer_over_tls()));
    print("warm, certificate, over a plain token", proving - plain, 0);
}

async fn calls() {
    let (mut layered, _) = outbound::cached().await;
    let mut bare = service_fn(outbound::respond);
    let count =
        allocations(|| outbound::call(&mut layered)) - allocations(|| outbound::call(&mut bare));
    print("outbound, cached", count, 6);
    let pem = Secret::new(TestKey::generate(TestAlg::EdDsa).private_pem());
    let key = SigningKey::from_pem(Algorithm::Ed25519, &pem).unwrap();
    let (mut proving, _) = outbound::with_key(Some(key)).await;
    let count =
        allocations(|| outbound::call(&mut proving)) - allocations(|| outbound::call(&mut layered));
    print("outbound, cached, proof, over a plain token", count, 12);
}

/// The number of allocations of one call.
fn allocations(mut work: impl FnMut()) -> i64 {
    work();
    allocation_counter::measure(work).count_total as i64
}

fn print(name: &str, count: i64, target: i64) {
    println!("{name:<44}{count:>12}{:>10}", format!("<= {target}"));
}
