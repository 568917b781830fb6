//! Compares obo with other published resource servers under the same requests.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` measures everything and writes
//! `docs/peers.md` and `docs/peers.svg`. `-- speed` or `-- behaviours` measures and prints only one
//! half, `-- proofs` only the requests with proofs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that cannot run stops"
)]

mod app;
mod behaviours;
mod floor;
mod peers;
mod report;
mod speed;

fn main() {
    let only = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match only.as_deref() {
        Some("proofs") => print!("{}", speed::proofs(&runtime).markdown()),
        Some("speed") => print!("{}", speed::run(&runtime).markdown()),
        Some("behaviours") => print!("{}", runtime.block_on(behaviours::run()).markdown()),
        _ => {
            let behaviours = runtime.block_on(behaviours::run());
            let speed = speed::run(&runtime);
            report::publish(&speed, &behaviours);
        }
    }
}
