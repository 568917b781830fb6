//! Replicas of one service as processes, with and without a shared store.
//!
//! `cargo run --release --manifest-path benches/fleet/Cargo.toml` measures and writes the tables
//! and plots of `docs/fleet.md`. It needs `redis-server`. `-- CALLS` sets the calls per scenario.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot run stops"
)]

mod draws;
mod plot;
mod process;
mod replica;
mod scenarios;
mod world;

use scenarios::Report;
use world::World;

/// Users and services of all scenarios.
const USERS: usize = 100_000;
const SERVICES: usize = 20;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // This program starts itself as a replica.
        ["replica", settings] => runtime.block_on(replica::run(settings)),
        [] => runtime.block_on(measure(40_000)),
        [calls] => runtime.block_on(measure(calls.parse().expect("the number of calls"))),
        _ => println!("usage: obo-fleet-bench [CALLS]"),
    }
}

async fn measure(calls: usize) {
    eprintln!("{USERS} users sign in");
    let world = World::start().await;
    let mut report = Report::default();
    for (replicas, is_shared, lease) in [
        (1, false, true),
        (1, true, true),
        (3, false, true),
        (3, true, true),
        (10, false, true),
        (10, true, false),
        (10, true, true),
    ] {
        report
            .steady(&world, replicas, is_shared, lease, calls)
            .await;
    }
    report.simultaneous(&world, false).await;
    report.simultaneous(&world, true).await;
    report.restart(&world, false, calls).await;
    report.restart(&world, true, calls).await;
    report.logouts(&world).await;
    report.outage(&world).await;
    report.round_trip(&world).await;
    report.write();
}
