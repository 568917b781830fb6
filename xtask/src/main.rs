//! Tasks of the workspace: `cargo xtask <verb>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it reports")]

mod api;
mod arrows;
mod ci;
mod coverage;
mod fuzz;
mod interop;
mod shell;
mod words;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use shell::{cargo, show, works};

const USAGE: &str = "unknown verb; usage: cargo xtask <verb>

  test      unit and integration tests, then doctests
  arrows    directions between modules and between packages, seams, names of products
  words     words that the project leaves out
  api       packages whose types the public API of each crate shows
  bench     what a request costs, as ratios to the work that cannot be avoided
  peers     other libraries beside this one, into docs/peers.md and docs/peers.svg
  coverage  which rule of which specification has a test, into docs/spec-coverage.md and target
  fuzz      [--seconds N] [target [input]]: hostile inputs for N seconds per target, 600 by
            default; or one input again, to see a crash
  interop   authorization servers and clients of others, in both directions
  ci        everything CI runs: see the list in xtask/src/ci.rs
";

const PEERS: &str = "run --release --manifest-path benches/peers/Cargo.toml";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> shell::Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    match *words {
        ["test"] => test(),
        ["arrows"] => arrows::run(),
        ["words"] => words::run(),
        ["api"] => api::run(),
        ["bench"] => show(&mut cargo("bench -p obo")),
        ["peers"] => show(&mut cargo(PEERS)),
        ["coverage"] => coverage::write(),
        ["interop"] => interop::run().map(drop),
        ["fuzz", ref words @ ..] => fuzz::run(words),
        ["ci"] => ci::run(),
        _ => Err(USAGE.into()),
    }
}

/// Nextest where it is installed; it does not run doctests.
fn test() -> shell::Result {
    let runner = match works(&mut cargo("nextest --version")) {
        true => "nextest run",
        false => "test --all-targets",
    };
    show(&mut cargo(&format!("{runner} --workspace --all-features")))?;
    show(&mut cargo("test --workspace --all-features --doc"))
}
